//! Who gets in, from outside the process's own code: real sockets, real
//! certificates, and callers that do not play along.

use std::{future::Future, io::ErrorKind::NotConnected, sync::Mutex, time::Duration};

use crate::certificates::{Authority, Identity};
use crate::common::{TinyEngine, serve};
use futures_util::stream;
use synthcap::{
    CaptureSet, Client, ClientConfig, Dialer, Error, ErrorCode, ErrorKind, Modality, TlsFiles,
    Token, Transform, Vec3,
    proto::{self, ue_synth_service_client::UeSynthServiceClient as Stub},
    server::{Permissions, Server, ServerBuilder, ServerHandle, ServerTls, Tokens},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::{Code, Status};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn builder() -> ServerBuilder<TinyEngine> {
    Server::builder(TinyEngine::default()).paused(true)
}

fn tls_of(identity: &Identity) -> ServerTls {
    ServerTls::new(&identity.certificate, &identity.key)
}

fn trusting(authority: &Authority) -> TlsFiles {
    TlsFiles {
        ca_file: Some(authority.file()),
        ..TlsFiles::default()
    }
}

async fn try_tls(server: &ServerHandle, tls: TlsFiles) -> Result<Client, Error> {
    let builder = Client::builder(server.url()).tls(tls);
    builder
        .connect_timeout(Duration::from_secs(20))
        .connect()
        .await
}

/// One line that names the server and a remedy.
fn assert_tells(error: &Error, server: &ServerHandle, words: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    let address = server.local_addr().to_string();
    for word in words.iter().chain([&address.as_str()]) {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

#[tokio::test]
async fn tls_is_spoken_with_those_who_know_the_authority() -> TestResult {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let tls = tls_of(&ours.sign(&["127.0.0.1", "render.example"]));
    let server = builder().tls(tls).start().await?;
    assert!(server.url().starts_with("https://"));

    let client = try_tls(&server, trusting(&ours)).await?;
    client.default_camera().rgb().await?;
    let (_, info) = client.ping().await?;
    assert!(info.is_some(), "a connection of its own is encrypted too");
    client.close().await?;

    let stranger = try_tls(&server, trusting(&theirs)).await;
    let error = stranger.expect_err("another authority");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_tells(&error, &server, &["TLS failed", "CA", "certificate"]);

    let named = |name: &str| TlsFiles {
        server_name: Some(name.to_owned()),
        ..trusting(&ours)
    };
    try_tls(&server, named("render.example"))
        .await?
        .close()
        .await?;
    let error = try_tls(&server, named("other.example")).await;
    assert_tells(&error.expect_err("another name"), &server, &["TLS failed"]);
    Ok(())
}

#[tokio::test]
async fn encrypted_and_plain_do_not_meet() -> TestResult {
    let authority = Authority::new();
    let tls = tls_of(&authority.sign(&["127.0.0.1"]));
    let encrypted = builder().tls(tls).start().await?;
    let plain = serve(TinyEngine::default()).await;

    let bare = encrypted.url().replace("https", "http");
    let error = Client::connect(bare).await.expect_err("it speaks TLS");
    assert_tells(&error, &encrypted, &["?"]);
    let url = plain.url().replace("http", "https");
    let client = Client::builder(url).tls(trusting(&authority));
    let error = client.connect().await.expect_err("it speaks no TLS");
    assert_tells(&error, &plain, &["TLS failed", "does it serve TLS"]);
    Ok(())
}

#[tokio::test]
async fn mutual_tls_lets_in_who_has_a_certificate() -> TestResult {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let tls = tls_of(&ours.sign(&["127.0.0.1"])).client_ca(ours.file());
    let server = builder().tls(tls).start().await?;
    let with = |identity: Identity| TlsFiles {
        cert_file: Some(identity.certificate),
        key_file: Some(identity.key),
        ..trusting(&ours)
    };
    let client = try_tls(&server, with(ours.sign(&["robot-7"]))).await?;
    client.default_camera().rgb().await?;
    client.close().await?;
    for refused in [trusting(&ours), with(theirs.sign(&["robot-7"]))] {
        let error = try_tls(&server, refused).await.expect_err("a stranger");
        assert_tells(&error, &server, &[]);
        match error.kind() {
            ErrorKind::Rejected(ErrorCode::PermissionDenied) => {
                assert_tells(&error, &server, &["client certificate"]);
            }
            // The reset of the connection can overtake the reason for it.
            kind => assert_eq!(kind, ErrorKind::Unreachable, "{error:?}"),
        }
    }
    Ok(())
}

type Change = fn(&mut ClientConfig);

#[tokio::test]
async fn what_cannot_be_encrypted_is_refused_before_anything_is_sent() -> TestResult {
    let authority = Authority::new();
    let config = |change: Change| {
        let mut config = ClientConfig::default();
        config.tls = trusting(&authority);
        config.url = "https://127.0.0.1:1".to_owned();
        change(&mut config);
        config
    };
    for (change, word) in [
        (
            (|c| c.url = "http://127.0.0.1:1".into()) as Change,
            "https://",
        ),
        (
            |c| (c.tls, c.require_tls, c.url) = (TlsFiles::default(), true, "http://a:1".into()),
            "require_tls",
        ),
        (
            |c| c.tls.ca_file = Some("/nowhere/ca.pem".into()),
            "/nowhere/ca.pem",
        ),
        (|c| c.tls.key_file = Some("a.key".into()), "tls_cert_file"),
        (
            |c| c.token_file = Some("/nowhere/token".into()),
            "/nowhere/token",
        ),
    ] {
        let error = Client::connect_with(config(change)).await;
        let error = error.expect_err("it cannot work");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    // A file of the wrong kind is named as well.
    let identity = authority.sign(&["x"]);
    let tls = ServerTls::new(&identity.key, &identity.certificate);
    let error = builder().tls(tls).start().await.expect_err("swapped");
    assert!(error.to_string().contains("x."), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_variables_of_uesynth_turn_tls_on() -> TestResult {
    let authority = Authority::new();
    let tls = tls_of(&authority.sign(&["127.0.0.1"]));
    let server = builder().tls(tls).start().await?;
    let port = server.local_addr().port().to_string();
    let ca = authority.file().display().to_string();
    let builder = ClientConfig::builder().env_from(|name| {
        Some(match name {
            "UESYNTH_ENABLE_SSL" => "1".to_owned(),
            "UESYNTH_HOST" => "127.0.0.1".to_owned(),
            "UESYNTH_PORT" => port.clone(),
            "SYNTHCAP_TLS_CA_FILE" => ca.clone(),
            _ => return None,
        })
    });
    builder.clone().connect().await?.close().await?;
    // An explicit address without TLS does not undo what was asked for.
    let error = builder.url("http://127.0.0.1:1").connect().await;
    let error = error.expect_err("it would be unencrypted");
    assert!(error.to_string().contains("require_tls"), "{error}");
    Ok(())
}

const EVERYTHING: &str = "all-7f3a";
const QUERIES: &str = "look-91c4";
const CAPTURES: &str = "shoot-22d0";

async fn guarded() -> Result<ServerHandle, Box<dyn std::error::Error>> {
    let tokens = Tokens::new()
        .with(Token::new(EVERYTHING)?, Permissions::ALL)
        .with(Token::new(QUERIES)?, Permissions::QUERY)
        .with(Token::new(CAPTURES)?, Permissions::CAPTURE);
    Ok(builder().tokens(tokens).start().await?)
}

async fn client(server: &ServerHandle, token: &str) -> Result<Client, Error> {
    let builder = Client::builder(server.url()).token(Token::new(token)?);
    builder.connect().await
}

#[tokio::test]
async fn who_shows_no_known_token_is_told_so_at_once() -> TestResult {
    let server = guarded().await?;
    let denied = ErrorKind::Rejected(ErrorCode::PermissionDenied);
    let error = Client::connect(server.url()).await.expect_err("no token");
    assert_eq!(error.kind(), denied);
    assert_tells(&error, &server, &["a token is needed"]);
    let error = client(&server, "all-7f3b").await.expect_err("a wrong one");
    assert_eq!(error.kind(), denied);
    assert_tells(&error, &server, &["not known"]);
    assert!(!error.to_string().contains("all-7f3b"), "{error}");
    Ok(())
}

/// Everything that a token can be needed for.
async fn attempts(client: &Client) -> [Result<(), Error>; 6] {
    let camera = client.default_camera();
    let mut batch = client.batch();
    batch.add(client.object("box").spawn("any", Transform::IDENTITY));
    let set = CaptureSet {
        views: vec![(camera.view(), Modality::Rgb.into())],
        include_scene: false,
    };
    [
        camera.transform().await.map(drop),
        camera.rgb().await.map(drop),
        client.subscribe(set).open().await.map(drop),
        camera
            .set_location(Vec3::new(1.0, 2.0, 3.0))
            .await
            .map(drop),
        batch.run().await.map(drop),
        client.step(1).await.map(drop),
    ]
}

#[tokio::test]
async fn a_token_opens_only_what_it_is_for() -> TestResult {
    let server = guarded().await?;
    for (token, allowed) in [
        (EVERYTHING, [true; 6]),
        (QUERIES, [true, false, false, false, false, false]),
        (CAPTURES, [false, true, true, false, false, false]),
    ] {
        let client = client(&server, token).await?;
        // Twice: a refusal ends its request and not the session.
        for _ in 0..2 {
            for (index, result) in attempts(&client).await.into_iter().enumerate() {
                match result {
                    Ok(()) => assert!(allowed[index], "{token} did {index}"),
                    Err(error) => {
                        let denied = ErrorKind::Rejected(ErrorCode::PermissionDenied);
                        assert_eq!(error.kind(), denied, "{token}, {index}: {error}");
                        assert!(!allowed[index], "{token} may not {index}");
                        assert!(error.to_string().contains("lacks"), "{error}");
                    }
                }
            }
            // The second time the box is there already.
            if token == EVERYTHING {
                client.object("box").destroy().await?;
            }
        }
        let unary = client.default_camera().rgb().unary().await;
        assert_eq!(unary.is_ok(), allowed[1], "{token}");
        assert_eq!(client.in_flight(), (0, 0));
        client.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_method_is_open_without_a_token() -> TestResult {
    async fn refused<T>(called: impl Future<Output = Result<T, Status>>) {
        let status = called.await.err().expect("no token was shown");
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    }
    let server = guarded().await?;
    let channel = tonic::transport::Endpoint::new(server.url())?
        .connect()
        .await?;
    let mut stub = Stub::new(channel);
    refused(stub.control_stream(stream::empty::<proto::ActionRequest>())).await;
    refused(stub.get_server_info(())).await;
    refused(stub.list_objects(())).await;
    refused(stub.set_camera_transform(proto::SetCameraTransformRequest::default())).await;
    refused(stub.get_camera_transform(proto::GetCameraTransformRequest::default())).await;
    refused(stub.capture_rgb_image(proto::CaptureRequest::default())).await;
    refused(stub.capture_depth_map(proto::CaptureRequest::default())).await;
    refused(stub.capture_segmentation_mask(proto::CaptureRequest::default())).await;
    refused(stub.capture_normals(proto::CaptureRequest::default())).await;
    refused(stub.capture_optical_flow(proto::CaptureRequest::default())).await;
    refused(stub.set_object_transform(proto::SetObjectTransformRequest::default())).await;
    refused(stub.get_object_transform(proto::GetObjectTransformRequest::default())).await;
    refused(stub.create_camera(proto::CreateCameraRequest::default())).await;
    refused(stub.destroy_camera(proto::DestroyCameraRequest::default())).await;
    refused(stub.set_resolution(proto::SetResolutionRequest::default())).await;
    refused(stub.spawn_object(proto::SpawnObjectRequest::default())).await;
    refused(stub.destroy_object(proto::DestroyObjectRequest::default())).await;
    refused(stub.set_material(proto::SetMaterialRequest::default())).await;
    refused(stub.set_lighting(proto::SetLightingRequest::default())).await;
    Ok(())
}

#[test]
fn a_token_is_nowhere_in_what_is_printed() -> TestResult {
    let config = ClientConfig::builder()
        .token(Token::new(EVERYTHING)?)
        .build()?;
    let tokens = Tokens::new().with(Token::new(EVERYTHING)?, Permissions::ALL);
    let server = builder().tokens(tokens);
    let shown = format!("{config:?} {:?} {server:?}", config.entries());
    assert!(!shown.contains(EVERYTHING), "{shown}");
    let secret = "se cret";
    let variables = |name: &str| (name == "SYNTHCAP_TOKEN").then(|| secret.to_owned());
    let error = ClientConfig::builder().env_from(variables).build();
    let error = error.expect_err("not a token").to_string();
    assert!(
        error.contains("SYNTHCAP_TOKEN") && !error.contains(secret),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_public_address_is_refused_without_protection() -> TestResult {
    let public = || builder().listen("0.0.0.0:0");
    let error = public().start().await.expect_err("anybody could come");
    for word in ["--insecure-public", "--token-file", "--tls-cert"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    let tokens = Tokens::new().with(Token::new(EVERYTHING)?, Permissions::ALL);
    public().tokens(tokens).start().await?.shutdown().await;
    let authority = Authority::new();
    let tls = tls_of(&authority.sign(&["127.0.0.1"]));
    public().tls(tls).start().await?.shutdown().await;
    public()
        .allow_insecure_public(true)
        .start()
        .await?
        .shutdown()
        .await;
    let default = builder().start().await?;
    assert!(default.local_addr().ip().is_loopback());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() -> TestResult {
    let (mut near, far) = tokio::io::duplex(1 << 16);
    let server = builder().start_on(stream::iter([Ok(far)]))?;
    let start = tokio::time::Instant::now();
    let mut said = Vec::new();
    // The server may say hello first; what counts is that it hangs up.
    let _ = near.read_to_end(&mut said).await;
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(10), "{waited:?}");
    assert!(waited < Duration::from_secs(60), "{waited:?}");
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() -> TestResult {
    let pipes: Vec<_> = (0..2).map(|_| tokio::io::duplex(1 << 16)).collect();
    let (mut near, far): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
    let connections = stream::iter(far.into_iter().map(Ok));
    let server = builder().max_connections(1).start_on(connections)?;
    let mut late = near.pop().expect("two");
    let mut said = Vec::new();
    late.read_to_end(&mut said).await?;
    assert!(said.is_empty());
    let first = Mutex::new(near.pop());
    let dialer = Dialer::new(move |_| {
        let pipe = first.lock().expect("no panic").take();
        async { pipe.ok_or_else(|| NotConnected.into()) }
    });
    let client = Client::builder("http://pipe:1")
        .dialer(dialer)
        .connect()
        .await?;
    client.default_camera().rgb().await?;
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn rubbish_on_the_wire_harms_nobody_else() -> TestResult {
    let authority = Authority::new();
    let tls = tls_of(&authority.sign(&["127.0.0.1"]));
    let encrypted = builder().tls(tls).start().await?;
    let plain = serve(TinyEngine::default()).await;
    for server in [&encrypted, &plain] {
        for rubbish in [
            &b"\x16\x03\x01\xff\xff"[..],
            b"GET / HTTP/1.1\r\n\r\n",
            &[0xff; 4096],
        ] {
            let mut stream = tokio::net::TcpStream::connect(server.local_addr()).await?;
            stream.write_all(rubbish).await?;
            drop(stream);
        }
        let tls = if server.url().starts_with("https") {
            trusting(&authority)
        } else {
            TlsFiles::default()
        };
        let client = try_tls(server, tls).await?;
        client.default_camera().rgb().await?;
        client.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_asset_path_cannot_leave_its_directory() -> TestResult {
    let outer = tempfile::tempdir()?;
    let assets = outer.path().join("assets");
    std::fs::create_dir(&assets)?;
    let secret = outer.path().join("secret.glb");
    std::fs::write(&secret, "not for clients")?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(&secret, assets.join("link.glb"))?;
    let mut config = synthcap_sim::SimConfig::small();
    config.assets_dir = Some(assets);
    let server = synthcap_sim::serve(config).await?;
    let client = Client::connect(server.url()).await?;
    let absolute = secret.display().to_string();
    for asset in ["../secret.glb", "a/../../secret.glb", "link.glb", &absolute] {
        let error = client
            .object("thing")
            .spawn(asset, Transform::IDENTITY)
            .await;
        let error = error.expect_err("outside");
        assert!(matches!(error.kind(), ErrorKind::Rejected(_)), "{error:?}");
        assert!(!error.to_string().contains("not for clients"), "{error}");
    }
    client.close().await?;
    Ok(())
}
