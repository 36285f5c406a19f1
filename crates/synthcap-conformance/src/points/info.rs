//! What a server says of itself, of replies and of images.

use std::collections::HashSet;

use synthcap::{
    Modality, ModalitySet,
    proto::{self, CaptureRequest, action_request::Action, frame_response::Response},
};

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "info.complete",
            complete,
            "the server says what it is, its cameras and its limits"
        ),
        point!(
            Extended,
            "info.instance",
            instance,
            "one run of the server keeps its instance ID"
        ),
        point!(
            Extended,
            "reply.meta",
            meta,
            "every reply says when it was executed, in an order that only grows"
        ),
        point!(
            Extended,
            "reply.set",
            set,
            "a capture set's parts are numbered, complete, in order and of one tick"
        ),
        point!(Extended, "image.described", described, "every image says what it is, and its bytes agree", needs "reply.set"),
        point!(
            Extended,
            "image.unary",
            unary,
            "a call answers as the stream does, with its circumstances"
        ),
    ]
}

async fn complete(bench: &mut Bench) -> Outcome {
    let info = bench.info()?;
    let limits = info.limits;
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    check(!info.engine_name.is_empty(), "no engine name");
    check(
        info.protocol_version == 1,
        "another protocol version than 1",
    );
    check(!info.instance_id.is_empty(), "no instance ID");
    check(
        info.tick_rate_hz.is_finite() && info.tick_rate_hz >= 0.0,
        "a tick rate that is none",
    );
    check(!info.modalities.is_empty(), "no modalities");
    check(!info.cameras.is_empty(), "no cameras");
    check(
        limits.max_width > 0 && limits.max_height > 0,
        "a limit of 0 pixels",
    );
    check(limits.max_in_flight > 0, "a limit of 0 requests in flight");
    check(
        limits.max_message_bytes >= 1 << 16,
        "a limit of less than 64 KiB a request",
    );
    check(limits.max_set_images > 0, "a limit of 0 images in a set");
    let names: HashSet<_> = info.cameras.iter().map(|c| c.name.as_str()).collect();
    check(
        names.len() == info.cameras.len() && !names.contains(""),
        "camera names that are not unique or empty",
    );
    for camera in &info.cameras {
        let k = camera.intrinsics;
        let inside = k.width <= limits.max_width && k.height <= limits.max_height;
        check(
            k.width > 0 && k.height > 0 && inside,
            "a camera's resolution beyond the limits",
        );
        check(camera.pose.is_finite(), "a camera pose that is not finite");
    }
    ensure(wrong.is_empty(), "a full description", || wrong.join(", "))
}

async fn instance(bench: &mut Bench) -> Outcome {
    let first = bench.stub.get_server_info(()).await?.into_inner();
    let second = bench.stub.get_server_info(()).await?.into_inner();
    ensure(
        first.instance_id == second.instance_id,
        format!("instance ID {:?} again", first.instance_id),
        || format!("{:?}", second.instance_id),
    )?;
    ensure(
        first.server_time_ns > 0 && second.server_time_ns >= first.server_time_ns,
        "the server's time",
        || {
            format!(
                "{} ns, then {} ns",
                first.server_time_ns, second.server_time_ns
            )
        },
    )
}

async fn meta(bench: &mut Bench) -> Outcome {
    let mut wire = bench.wire();
    let (width, height) = bench.size;
    let capture = CaptureRequest {
        width,
        height,
        ..CaptureRequest::default()
    };
    let actions = [
        Action::ListCameras(()),
        Action::CaptureRgb(capture),
        Action::GetCameraTransform(proto::GetCameraTransformRequest::default()),
        Action::ListCameras(()),
    ];
    let ids: Vec<_> = actions
        .into_iter()
        .map(|action| wire.send(action))
        .collect();
    let mut last: Option<proto::ReplyMeta> = None;
    for id in ids {
        let reply = wire.answer_to(&id).await?;
        let meta = reply
            .meta
            .ok_or_else(|| Flaw::failed("circumstances with every reply", "none"))?;
        let times = (meta.server_receive_time_ns, meta.server_send_time_ns);
        ensure(
            times.0 > 0 && times.0 <= times.1,
            "the times of receipt and of sending",
            || format!("{} and {} ns", times.0, times.1),
        )?;
        ensure(meta.order > 0, "a place in the order of execution", || {
            "0".to_owned()
        })?;
        if let Some(last) = last {
            ensure(
                meta.order > last.order,
                format!("an order above {}", last.order),
                || meta.order.to_string(),
            )?;
            ensure(
                meta.tick >= last.tick,
                format!("tick {} or later", last.tick),
                || meta.tick.to_string(),
            )?;
        }
        last = Some(meta);
    }
    Ok(())
}

fn set_of(bench: &Bench, modalities: ModalitySet) -> Action {
    let (width, height) = bench.size;
    let numbers = modalities.iter().map(|m| number(m) as i32);
    Action::CaptureSet(proto::CaptureSetRequest {
        views: vec![proto::CaptureView {
            camera_name: String::new(),
            width,
            height,
            modalities: numbers.collect(),
            ..Default::default()
        }],
        include_scene: false,
    })
}

fn number(modality: Modality) -> proto::Modality {
    match modality {
        Modality::Depth => proto::Modality::Depth,
        Modality::Segmentation => proto::Modality::Segmentation,
        Modality::Normals => proto::Modality::Normals,
        Modality::Flow => proto::Modality::OpticalFlow,
        _ => proto::Modality::Rgb,
    }
}

async fn set(bench: &mut Bench) -> Outcome {
    let modalities = bench.info()?.modalities;
    let mut wire = bench.wire();
    let id = wire.send(set_of(bench, modalities));
    let parts = wire.parts(&id).await?;
    ensure(
        parts.len() == modalities.len(),
        format!("{} images", modalities.len()),
        || format!("{}", parts.len()),
    )?;
    let mut ticks = HashSet::new();
    for (index, (part, modality)) in parts.iter().zip(modalities.iter()).enumerate() {
        let meta = part.meta.clone().unwrap_or_default();
        ticks.insert((meta.tick, meta.order));
        ensure(
            meta.part_index == index as u32,
            format!("part {index}"),
            || format!("part {}", meta.part_index),
        )?;
        let Some(Response::ImageResponse(image)) = &part.response else {
            return Err(Flaw::failed("an image in every part", "none"));
        };
        let made = image.info.as_ref().map_or(0, |info| info.modality);
        ensure(
            made == number(modality) as i32,
            format!("{modality} as part {index}"),
            || format!("modality number {made}"),
        )?;
    }
    ensure(
        ticks.len() == 1,
        "one tick and one place in the order for all parts",
        || format!("{} of them", ticks.len()),
    )
}

async fn described(bench: &mut Bench) -> Outcome {
    let modalities = bench.info()?.modalities;
    let home = bench.home;
    // The client holds lengths, layouts, sizes and camera names against what was
    // asked, and refuses what differs.
    let shot = bench.shoot(home, modalities).await?;
    for frame in shot.frames() {
        let (modality, info) = (frame.modality(), frame.info());
        let pose = info
            .pose
            .ok_or_else(|| Flaw::failed("a camera pose", format!("none with {modality}")))?;
        let l = (pose.location, home.location);
        let off = (l.0.x - l.1.x).abs() + (l.0.y - l.1.y).abs() + (l.0.z - l.1.z).abs();
        ensure(
            off < 0.1,
            format!("the pose that was set, {:?}", home.location),
            || format!("{:?} with {modality}", pose.location),
        )?;
        let k = info
            .intrinsics
            .ok_or_else(|| Flaw::failed("intrinsics", format!("none with {modality}")))?;
        ensure(
            (k.width, k.height) == bench.size,
            "intrinsics for the image's size",
            || format!("for {}x{}", k.width, k.height),
        )?;
    }
    Ok(())
}

async fn unary(bench: &mut Bench) -> Outcome {
    let (width, height) = bench.size;
    let request = CaptureRequest {
        width,
        height,
        ..CaptureRequest::default()
    };
    let image = bench
        .stub
        .capture_rgb_image(request.clone())
        .await?
        .into_inner();
    ensure(
        image.meta.is_some() && image.info.is_some(),
        "a described image with circumstances",
        || {
            format!(
                "meta {}, info {}",
                image.meta.is_some(),
                image.info.is_some()
            )
        },
    )?;
    let mut wire = bench.wire();
    let reply = wire.ask(Action::CaptureRgb(request)).await?;
    let Some(Response::ImageResponse(streamed)) = reply.response else {
        return Err(Flaw::failed("an image", "another reply"));
    };
    ensure(
        streamed.info == image.info,
        "the same description by stream and by call",
        || format!("{:?} and {:?}", streamed.info, image.info),
    )
}
