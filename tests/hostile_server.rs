//! A server that sends bad replies fails the requests they answer, and nothing
//! else.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::scripted::{info_of, scripted};
use futures_util::{StreamExt, stream};
use synthcap::{
    Client, ErrorKind,
    proto::{
        self, FrameResponse, ImageInfo, ImageResponse, ReplyMeta, frame_response::Response as Body,
    },
};

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
