//! Where settings come from, which source wins, and that the reference table says
//! what the code does.

use std::time::Duration;

use crate::common::{TinyEngine, serve};
use synthcap::{
    Backoff, Client, ClientConfig, Compression, Error, ErrorKind, InputBuffering, Keepalive,
    KeepalivePolicy, LogLevel, Pool, Preset, ReconnectPolicy, TlsFiles,
};
use uesynth_contract::PlainServer;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// An environment that holds only these.
fn env<'a>(variables: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    }
}

fn refused(result: Result<ClientConfig, Error>) -> String {
    let error = result.expect_err("this cannot work");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

#[test]
fn sources_win_in_their_order_whatever_the_order_of_the_calls() -> TestResult {
    let file = "preset = \"low_memory\"\nrequest_timeout_s = 7\nlog_level = \"error\"\n\
                max_captures_in_flight = 7";
    let variables = [
        ("UESYNTH_TIMEOUT", "8"),
        ("UESYNTH_LOG_LEVEL", "WARNING"),
        ("SYNTHCAP_LOG_LEVEL", "debug"),
    ];
    let config = ClientConfig::builder()
        .max_captures_in_flight(9)
        .env_from(env(&variables))
        .toml_str(file, "capture.toml")
        .build()?;
    assert_eq!(config.max_captures_in_flight, 9);
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(config.request_timeout, Duration::from_secs(8));
    assert_eq!(config.compression, Compression::Gzip);
    let default = ClientConfig::default();
    assert_eq!(config.connect_timeout, default.connect_timeout);

    let variables = [("SYNTHCAP_PRESET", "development")];
    let builder = ClientConfig::builder()
        .env_from(env(&variables))
        .toml_str(file, "capture.toml");
    assert_eq!(builder.build()?.compression, Compression::Off);
    let called = builder.preset(Preset::Production).build()?;
    assert_eq!(called.max_commands_in_flight, 4096);
    assert_eq!(called.request_timeout, Duration::from_secs(7));
    Ok(())
}

#[test]
fn the_variables_of_uesynth_are_understood() -> TestResult {
    for (variables, url) in [
        (&[("UESYNTH_HOST", "render")][..], "http://render:50051"),
        (&[("UESYNTH_PORT", "50061")], "http://localhost:50061"),
        (
            &[("UESYNTH_HOST", "::1"), ("UESYNTH_PORT", "1")],
            "http://[::1]:1",
        ),
        (
            &[("UESYNTH_HOST", "x"), ("SYNTHCAP_URL", "http://y:2")],
            "http://y:2",
        ),
        (&[("UESYNTH_ENABLE_SSL", "0")], "http://127.0.0.1:50051"),
        (
            &[("UESYNTH_ENABLE_SSL", "1"), ("UESYNTH_HOST", "render")],
            "https://render:50051",
        ),
    ] {
        let config = ClientConfig::builder().env_from(env(variables)).build()?;
        assert_eq!(config.url, url);
    }
    let critical = [("UESYNTH_LOG_LEVEL", "CRITICAL")];
    let config = ClientConfig::builder().env_from(env(&critical)).build()?;
    assert_eq!(config.log_level, LogLevel::Error);
    Ok(())
}

#[test]
fn bad_values_name_their_place_and_what_is_expected() {
    for (name, value, expected) in [
        ("UESYNTH_ENABLE_SSL", "maybe", "0 or 1"),
        ("UESYNTH_PORT", "http", "port"),
        ("UESYNTH_TIMEOUT", "soon", "seconds"),
        ("SYNTHCAP_REQUEST_TIMEOUT_S", "-1", "seconds"),
        ("SYNTHCAP_REQUEST_TIMEOUT_S", "0", "seconds"),
        ("SYNTHCAP_REQUEST_TIMEOUT_S", "nan", "seconds"),
        ("SYNTHCAP_PRESET", "fast", "high_throughput"),
        ("SYNTHCAP_COMPRESSION", "zstd", "gzip"),
        ("SYNTHCAP_KEEPALIVE_WHILE_IDLE", "2", "true or false"),
    ] {
        let variables = [(name, value)];
        let text = refused(ClientConfig::builder().env_from(env(&variables)).build());
        assert!(text.contains(name) && text.contains(expected), "{text}");
    }
    for (file, expected) in [
        ("reqest_timeout_s = 1", "request_timeout_s"),
        ("request_timeout_s = [1]", "capture.toml: request_timeout_s"),
        ("request_timeout_s =", "capture.toml is not TOML"),
        ("preset = \"fast\"", "capture.toml: preset"),
        ("max_frame_bytes = 1", "16384"),
        ("max_captures_in_flight = 0", "max_captures_in_flight is 0"),
    ] {
        let text = refused(
            ClientConfig::builder()
                .toml_str(file, "capture.toml")
                .build(),
        );
        assert!(text.contains(expected), "{text}");
    }
    let missing = ClientConfig::builder().toml_file("/nowhere/capture.toml");
    assert!(refused(missing.build()).contains("/nowhere/capture.toml"));
}

#[test]
fn what_a_configuration_prints_reads_back_as_the_same() -> TestResult {
    let config = ClientConfig::builder()
        .url("https://[::1]:7")
        .preset(Preset::HighThroughput)
        .tls(TlsFiles {
            ca_file: Some("ca.pem".into()),
            server_name: Some("render".to_owned()),
            ..TlsFiles::default()
        })
        .tcp_keepalive(None)
        .reconnect(ReconnectPolicy::Never)
        .keepalive(Keepalive {
            policy: KeepalivePolicy::Always,
            while_idle: true,
            ..Keepalive::OFF
        })
        .request_timeout(Duration::from_millis(2500))
        .build()?;
    let lines = config.entries().into_iter();
    let file: Vec<_> = lines
        .map(|(key, value)| format!("{key} = {value:?}"))
        .collect();
    let read = ClientConfig::builder().toml_str(&file.join("\n"), "printed");
    assert_eq!(read.build()?, config);
    Ok(())
}

#[test]
fn the_reference_table_says_what_the_code_does() {
    let text = include_str!("../docs/configuration.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches('|').count() == 10)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().trim_matches('`')).collect()
        })
        .collect();
    let defaults = ClientConfig::default().entries();
    let keys: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    let known: Vec<_> = defaults.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(keys, known);
    let presets = [
        Preset::Development,
        Preset::Production,
        Preset::HighThroughput,
        Preset::LowMemory,
    ];
    for (row, (key, default)) in rows.iter().zip(&defaults) {
        assert_eq!(row[1], format!("SYNTHCAP_{}", key.to_uppercase()));
        assert_eq!(row[3], default, "default of {key}");
        for (preset, cell) in presets.iter().zip(&row[4..8]) {
            let entries = ClientConfig::preset(*preset).entries();
            let (_, value) = entries
                .iter()
                .find(|(name, _)| name == key)
                .expect("listed");
            let stated = if *cell == "=" { default.as_str() } else { cell };
            assert_eq!(stated, value, "{key} of {preset}");
        }
        let unit = match () {
            () if key.ends_with("_s") => "s",
            () if key.ends_with("_bytes") => "bytes",
            () => "",
        };
        assert_eq!(row[2], unit, "unit of {key}");
    }
}

#[tokio::test]
async fn pings_where_allowed_find_out_first_who_answers() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let plain = PlainServer::start().await?;
    plain.world().camera = Some(([3.0, 0.0, 0.0], [0.0; 3]));
    for (url, is_plain) in [(plain.url(), true), (server.url(), false)] {
        for preset in [Preset::Development, Preset::LowMemory] {
            let client = Client::builder(&url).preset(preset).connect().await?;
            assert_eq!(client.server_info().is_none(), is_plain);
            let pose = client.default_camera().transform().unary().await?;
            assert_eq!(pose.location.x, if is_plain { 3.0 } else { 0.0 });
            client.close().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn waits_rates_and_addresses_that_cannot_work_are_refused_when_built() {
    let good = Backoff::GRPC;
    for (backoff, named) in [
        (
            Backoff {
                initial: Duration::ZERO,
                ..good
            },
            "first wait",
        ),
        (
            Backoff {
                max: Duration::ZERO,
                ..good
            },
            "longest wait",
        ),
        (
            Backoff {
                max: Duration::MAX,
                ..good
            },
            "longest wait",
        ),
        (
            Backoff {
                multiplier: 0.0,
                ..good
            },
            "multiplier",
        ),
        (
            Backoff {
                multiplier: f64::NAN,
                ..good
            },
            "multiplier",
        ),
        (
            Backoff {
                multiplier: f64::INFINITY,
                ..good
            },
            "multiplier",
        ),
        (
            Backoff {
                jitter: f64::NAN,
                ..good
            },
            "jitter",
        ),
        (
            Backoff {
                jitter: -0.1,
                ..good
            },
            "jitter",
        ),
    ] {
        let policy = ReconnectPolicy::Backoff(backoff);
        let text = refused(ClientConfig::builder().reconnect(policy).build());
        assert!(text.contains(named), "{text}");
        let pool = Pool::builder().server("127.0.0.1:1").backoff(backoff);
        let error = pool
            .connect()
            .await
            .expect_err("the pool has the same rules");
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::InvalidInput, text)
        );
        // Whoever asks it all the same gets an answer.
        let _ = backoff.delay(u32::MAX, 0.0);
    }
    let good = InputBuffering::default();
    for (buffering, named) in [
        (
            InputBuffering {
                max_delay: Duration::MAX,
                ..good
            },
            "max_delay",
        ),
        (
            InputBuffering {
                max_commands: 0,
                ..good
            },
            "max_commands",
        ),
        (
            InputBuffering {
                above_per_second: f64::NAN,
                ..good
            },
            "above_per_second",
        ),
        (
            InputBuffering {
                above_per_second: -1.0,
                ..good
            },
            "above_per_second",
        ),
    ] {
        let text = refused(
            ClientConfig::builder()
                .input_buffering(Some(buffering))
                .build(),
        );
        assert!(text.contains(named), "{text}");
    }
    for url in [
        "ftp://x:1",
        "http://x",
        "",
        "http://x:port",
        "http://:1",
        "unix:",
    ] {
        let text = refused(ClientConfig::builder().url(url).build());
        assert!(text.contains("server address"), "{url}: {text}");
    }
}

#[tokio::test]
async fn a_time_limit_that_no_clock_holds_is_a_very_long_one() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let camera = client.default_camera();
    camera.rgb().timeout(Duration::MAX).await?;
    camera.rgb().timeout(Duration::MAX).unary().await?;
    Ok(())
}
