//! A server that sends bad replies fails the requests they answer, and nothing
//! else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::scripted::{info_of, scripted};
use futures_util::{StreamExt, stream};
use synthcap::{
    Backoff, CaptureSet, Client, Delivery, ErrorKind, InputBuffering, Modality, ReconnectPolicy,
    ResendPolicy, Vec3, View,
    proto::{
        self, FrameResponse, ImageInfo, ImageResponse, ReplyMeta, action_request::Action as Asked,
        frame_response::Response as Body,
    },
};
use tokio::sync::{Notify, mpsc};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Spoils a good reply.
type Spoil = fn(&mut FrameResponse);

/// A colour image of 2x1 pixels.
fn good(id: String) -> FrameResponse {
    let image = ImageResponse {
        image_data: vec![9; 8].into(),
        width: 2,
        height: 1,
        format: "rgba".into(),
        info: Some(ImageInfo {
            modality: proto::Modality::Rgb as i32,
            pixel_type: proto::PixelType::Rgba8 as i32,
            encoding: proto::Encoding::Raw as i32,
            camera_name: "main".into(),
            ..Default::default()
        }),
        meta: None,
        shared: None,
    };
    FrameResponse {
        request_id: id,
        response: Some(Body::ImageResponse(image)),
        meta: Some(ReplyMeta {
            order: 1,
            ..Default::default()
        }),
    }
}

fn image(reply: &mut FrameResponse) -> &mut ImageResponse {
    match &mut reply.response {
        Some(Body::ImageResponse(image)) => image,
        other => panic!("spoiled before: {other:?}"),
    }
}

fn info(reply: &mut FrameResponse) -> &mut ImageInfo {
    image(reply).info.get_or_insert_default()
}

const SPOILS: &[Spoil] = &[
    |reply| image(reply).image_data = vec![9; 7].into(),
    |reply| image(reply).image_data = Default::default(),
    |reply| image(reply).width = u32::MAX,
    |reply| (image(reply).width, image(reply).height) = (1 << 31, 1 << 31),
    |reply| info(reply).modality = 2,
    |reply| info(reply).modality = -7,
    |reply| info(reply).pixel_type = 3,
    |reply| info(reply).encoding = 99,
    |reply| {
        info(reply).camera_pose = Some(proto::Transform {
            location: Some(proto::Vector3 {
                x: f32::NAN,
                ..Default::default()
            }),
            ..Default::default()
        });
    },
    |reply| {
        info(reply).intrinsics = Some(proto::Intrinsics::default());
    },
    |reply| reply.meta.get_or_insert_default().part_count = 2,
    |reply| reply.meta.get_or_insert_default().part_index = u32::MAX,
    |reply| reply.meta = None,
    |reply| reply.response = None,
    |reply| reply.response = Some(Body::CommandResponse(Default::default())),
    |reply| reply.response = Some(Body::BatchResponse(Default::default())),
    |reply| reply.response = Some(Body::SceneState(Default::default())),
    // Encoded, but not what it says.
    |reply| encoded(reply, proto::Encoding::RgbaPacked, vec![9; 8]),
    |reply| encoded(reply, proto::Encoding::DepthPacked, vec![0, 0, 0]),
    |reply| {
        encoded(reply, proto::Encoding::RgbaPacked, vec![0, 0, 0]);
        info(reply).encoded_bytes = 4;
    },
    // A few bytes that would decode to more than any message may have.
    |reply| {
        encoded(reply, proto::Encoding::RgbaPacked, vec![0, 0, 0xff]);
        (image(reply).width, image(reply).height) = (1 << 16, 1 << 16);
    },
    // No pixels, but rows of gigabytes.
    |reply| {
        encoded(reply, proto::Encoding::RgbaPacked, vec![0]);
        (image(reply).width, image(reply).height) = (u32::MAX, 0);
    },
    // A good picture that lost what nobody allowed it to lose.
    |reply| {
        let mut jpeg = Vec::new();
        assert!(synthcap_codec::jpeg::encode(2, &[[9; 4]; 2], 80, &mut jpeg));
        encoded(reply, proto::Encoding::Jpeg, jpeg);
    },
];

/// Says that these are the encoded pixels.
fn encoded(reply: &mut FrameResponse, encoding: proto::Encoding, data: Vec<u8>) {
    info(reply).encoding = encoding as i32;
    info(reply).encoded_bytes = data.len() as u64;
    image(reply).image_data = data.into();
}

#[tokio::test]
async fn a_bad_reply_fails_its_request_only() -> TestResult {
    // Each reply is spoiled by the next of the list, those after it not at all.
    let url = scripted(info_of("one"), |requests| {
        let mut spoils = SPOILS.iter();
        let replies = requests.map(move |request| {
            let mut reply = good(request?.request_id);
            if let Some(spoil) = spoils.next() {
                spoil(&mut reply);
            }
            Ok(reply)
        });
        replies.boxed()
    });
    let client = Client::connect(url.await?).await?;
    let camera = client.default_camera();
    for (index, _) in SPOILS.iter().enumerate() {
        let error = camera.rgb().await.expect_err("it was spoiled");
        let kind = error.kind();
        // A command that says "no success" is a refusal, not a broken reply.
        let refusal = matches!(kind, ErrorKind::Rejected(_)) && index == 14;
        assert!(kind == ErrorKind::BadReply || refusal, "{index}: {error:?}");
    }
    let image = camera.rgb().await?;
    assert_eq!(image.pixels().as_rgba(), [9; 8]);
    assert_eq!(client.in_flight(), (0, 0));
    client.close().await?;
    Ok(())
}

/// An image of nobody in a few bytes, which say that it is one of 16 MiB.
fn of_nobody() -> FrameResponse {
    let mut reply = good("987654321".to_owned());
    encoded(&mut reply, proto::Encoding::RgbaPacked, vec![0, 0, 0xff]);
    (image(&mut reply).width, image(&mut reply).height) = (2048, 2048);
    reply
}

#[test]
fn what_cannot_be_decoded_yet_is_not_read_yet() -> TestResult {
    const COUNT: usize = 20_000;
    // All decoding goes by one thread, which the test keeps for itself.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build()?;
    let (release, held) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || held.recv());
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    runtime.block_on(async move {
        let url = scripted(info_of("one"), move |requests| {
            let count = count.clone();
            let flood = stream::iter(0..COUNT).map(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(of_nobody())
            });
            let answers = requests.map(|request| Ok(good(request?.request_id)));
            flood.chain(answers).boxed()
        });
        let client = Client::builder(url.await?).windows_bytes(65_535, 65_535);
        let client = client.connect().await?;
        // Enough turns for all of them, if they were taken in.
        for _ in 0..100 {
            client.ping().await?;
        }
        let taken = sent.load(Ordering::Relaxed);
        assert!(taken < COUNT / 4, "{taken} wait to be decoded");
        release.send(())?;
        // Answered after all of them have been gone through.
        client.default_camera().rgb().await?;
        assert_eq!(sent.load(Ordering::Relaxed), COUNT);
        client.close().await?;
        Ok(())
    })
}

fn pose(id: String) -> FrameResponse {
    FrameResponse {
        response: Some(Body::CameraTransform(proto::GetCameraTransformResponse {
            transform: Some(proto::Transform::default()),
            ..Default::default()
        })),
        ..good(id)
    }
}

/// What a test hears of that a server was asked.
type Heard = mpsc::UnboundedReceiver<proto::ActionRequest>;

/// Tells what it is asked, once it has begun to read, and answers nothing but where
/// its camera is.
async fn reticent(begins: Arc<Notify>) -> std::io::Result<(String, Heard)> {
    let (tell, heard) = mpsc::unbounded_channel();
    let url = scripted(info_of("one"), move |requests| {
        let (tell, begins) = (tell.clone(), begins.clone());
        let answers = requests.filter_map(move |request| {
            let request = request.expect("the client sends well");
            let is_query = matches!(request.action, Some(Asked::GetCameraTransform(_)));
            let answer = is_query.then(|| Ok(pose(request.request_id.clone())));
            // The test may have heard enough.
            let _ = tell.send(request);
            std::future::ready(answer)
        });
        let begun = async move {
            begins.notified().await;
            answers
        };
        stream::once(begun).flatten().boxed()
    });
    Ok((url.await?, heard))
}

#[tokio::test]
async fn a_capture_that_ran_out_of_time_is_taken_back() -> TestResult {
    let begins = Arc::new(Notify::new());
    begins.notify_one();
    let (url, mut heard) = reticent(begins).await?;
    let client = Client::connect(url).await?;
    let camera = client.default_camera();
    let late = camera.rgb().timeout(Duration::from_millis(20)).submit()?;
    let id = late.id().to_string();
    let error = late.await.expect_err("it is not answered");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    camera.transform().await?;
    let mut cancelled = Vec::new();
    loop {
        match heard.recv().await.and_then(|request| request.action) {
            Some(Asked::Cancel(cancel)) => cancelled.push(cancel.request_id),
            Some(Asked::GetCameraTransform(_)) => break,
            _ => {}
        }
    }
    assert_eq!(cancelled, [id]);
    Ok(())
}

#[tokio::test]
async fn what_is_given_up_before_the_server_reads_it_is_not_kept_for_it() -> TestResult {
    const COUNT: usize = 4000;
    let begins = Arc::new(Notify::new());
    let (url, mut heard) = reticent(begins.clone()).await?;
    let client = Client::builder(url).max_captures_in_flight(4);
    let client = client.connect().await?;
    // Large, so that few are on their way.
    let camera = client.camera("x".repeat(4096));
    for _ in 0..COUNT {
        camera.rgb().queue().await?.cancel();
    }
    let last = client.default_camera().transform().submit()?;
    begins.notify_one();
    last.await?;
    let mut captures = 0;
    while let Ok(request) = heard.try_recv() {
        captures += usize::from(matches!(request.action, Some(Asked::CaptureRgb(_))));
    }
    assert!(captures < COUNT / 4, "{captures} of {COUNT} were kept");
    client.close().await?;
    Ok(())
}

#[tokio::test]
async fn who_gives_a_move_up_takes_no_message_back_that_others_wait_for() -> TestResult {
    let begins = Arc::new(Notify::new());
    let (url, mut heard) = reticent(begins.clone()).await?;
    let buffering = InputBuffering {
        coalesce: true,
        above_per_second: 0.0,
        max_delay: Duration::from_secs(20),
        ..InputBuffering::default()
    };
    let builder = Client::builder(url).input_buffering(Some(buffering));
    let client = builder.max_captures_in_flight(1000).connect().await?;
    // More than fits on the way.
    let far = client.camera("x".repeat(4096));
    for _ in 0..1000 {
        drop(far.rgb().submit()?);
    }
    let camera = client.default_camera();
    let moves = [1.0, 2.0, 3.0].map(|x| camera.set_location(Vec3::new(x, 0.0, 0.0)).submit());
    let [_first, _earlier, later] = moves;
    later?.cancel();
    let last = camera.transform().submit()?;
    begins.notify_one();
    last.await?;
    let mut moved = Vec::new();
    while let Ok(request) = heard.try_recv() {
        if let Some(Asked::SetCameraTransform(set)) = request.action {
            moved.extend(set.transform.and_then(|to| to.location).map(|at| at.x));
        }
    }
    assert_eq!(moved, [1.0, 3.0], "the second was joined by the third");
    Ok(())
}

/// Agrees to a subscription of colour and depth, then pushes one set of it, each of
/// its two messages spoiled so.
async fn pushing(spoil: fn(usize, &mut FrameResponse)) -> std::io::Result<String> {
    let url = scripted(info_of("one"), move |requests| {
        let replies = requests.flat_map(move |request| {
            let request = request.expect("the client sends well");
            let Some(Asked::Subscribe(_)) = request.action else {
                return stream::iter(Vec::new());
            };
            let id = request.request_id;
            let agreed = FrameResponse {
                response: Some(Body::CommandResponse(proto::CommandResponse {
                    success: true,
                    ..Default::default()
                })),
                ..good(id.clone())
            };
            let part = |index: usize| {
                let mut part = good(id.clone());
                if index == 1 {
                    info(&mut part).modality = proto::Modality::Depth as i32;
                    info(&mut part).pixel_type = proto::PixelType::DepthMF32 as i32;
                }
                info(&mut part).camera_pose = Some(proto::Transform::default());
                part.meta = Some(ReplyMeta {
                    order: 1,
                    push_number: 1,
                    part_index: index as u32,
                    part_count: 2,
                    tick: 7,
                    ..Default::default()
                });
                spoil(index, &mut part);
                part
            };
            let replies = vec![Ok(agreed), Ok(part(0)), Ok(part(1))];
            stream::iter(replies)
        });
        replies.boxed()
    });
    url.await
}

#[tokio::test]
async fn a_push_has_an_order_and_is_of_one_tick() -> TestResult {
    let spoils: [fn(usize, &mut FrameResponse); 3] = [
        |_, _| {},
        |_, part| part.meta.get_or_insert_default().order = 0,
        |index, part| part.meta.get_or_insert_default().tick += index as u64,
    ];
    for (which, spoil) in spoils.into_iter().enumerate() {
        let client = Client::connect(pushing(spoil).await?).await?;
        let set = CaptureSet {
            views: vec![(View::default(), Modality::Rgb | Modality::Depth)],
            include_scene: false,
        };
        let subscribe = client.subscribe(set).delivery(Delivery::Lossless);
        let mut pushed = subscribe.open().await?;
        let first = pushed.next().await.expect("something comes");
        let kind = first.map(|set| set.frames.len()).map_err(|e| e.kind());
        let wanted = if which == 0 {
            Ok(2)
        } else {
            Err(ErrorKind::BadReply)
        };
        assert_eq!(kind, wanted);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_a_name_is_another_on_each_connection() -> TestResult {
    let soon = Backoff {
        initial: Duration::from_millis(1),
        ..Backoff::GRPC
    };
    for (name, same) in [("one", true), ("", false)] {
        // Each connection ends when it is asked for a picture.
        let url = scripted(info_of(name), |requests| {
            let replies = requests.map(|request| {
                let request = request?;
                match request.action {
                    Some(Asked::GetCameraTransform(_)) => Ok(pose(request.request_id)),
                    _ => Err(tonic::Status::unavailable("restarting")),
                }
            });
            replies.boxed()
        });
        let builder = Client::builder(url.await?).reconnect(ReconnectPolicy::Backoff(soon));
        let client = builder.resend(ResendPolicy::Never).connect().await?;
        let camera = client.default_camera();
        let before = camera.transform().await?.moment();
        camera.rgb().await.expect_err("the connection goes");
        let after = camera.transform().await?.moment();
        assert_eq!(before == after, same, "{name:?}");
    }
    Ok(())
}
