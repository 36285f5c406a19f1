//! What every UESynth client relies on.

use synthcap::{
    Transform,
    proto::{
        self, CaptureRequest, FrameResponse, GetCameraTransformRequest, GetObjectTransformRequest,
        ImageResponse, SetCameraTransformRequest, SetObjectTransformRequest,
        action_request::Action, frame_response::Response,
    },
};
use tokio::time::timeout;

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(Plain, "plain.list", list, "ListObjects answers"),
        point!(
            Plain,
            "plain.stream",
            stream,
            "the stream answers in order, each reply under its request's ID"
        ),
        point!(
            Plain,
            "plain.camera",
            camera,
            "a camera set to a place and a rotation is found there, by stream and by call"
        ),
        point!(Plain, "plain.rgb", rgb, "colour is raw RGBA bytes, and the format says so", needs "plain.stream"),
        point!(Plain, "plain.rgb_fresh", rgb_fresh, "a picture asked for after a move shows the move", needs "plain.rgb", "plain.camera"),
        point!(Plain, "plain.captures", captures, "the capture calls answer", needs "plain.list"),
        point!(
            Plain,
            "plain.object",
            object,
            "an object set to a place is found there"
        ),
        point!(Plain, "plain.unknown", unknown, "what fails does not stop the stream", needs "plain.stream"),
        point!(Plain, "plain.too_large", too_large, "a request over the limit is refused and harms nobody else", needs "plain.list"),
        point!(Plain, "plain.disconnect", disconnect, "a client that leaves without reading harms nobody else", needs "plain.stream"),
    ]
}

async fn list(bench: &mut Bench) -> Outcome {
    bench.stub.list_objects(()).await?;
    Ok(())
}

fn rgb_of(bench: &Bench) -> Action {
    let (width, height) = bench.size;
    Action::CaptureRgb(CaptureRequest {
        width,
        height,
        ..CaptureRequest::default()
    })
}

fn where_is_it() -> Action {
    Action::GetCameraTransform(GetCameraTransformRequest::default())
}

fn put(pose: Transform) -> SetCameraTransformRequest {
    SetCameraTransformRequest {
        camera_name: String::new(),
        transform: Some(wire_transform(pose)),
    }
}

fn wire_transform(pose: Transform) -> proto::Transform {
    let (l, r) = (pose.location, pose.rotation);
    proto::Transform {
        location: Some(proto::Vector3 {
            x: l.x,
            y: l.y,
            z: l.z,
        }),
        rotation: Some(proto::Rotator {
            pitch: r.pitch,
            yaw: r.yaw,
            roll: r.roll,
        }),
        scale: None,
    }
}

async fn stream(bench: &mut Bench) -> Outcome {
    let mut wire = bench.wire();
    let home = Action::SetCameraTransform(put(bench.home));
    // All at once: a client does not wait between.
    let ids: Vec<_> = [
        Action::ListObjects(()),
        where_is_it(),
        rgb_of(bench),
        home,
        Action::ListObjects(()),
    ]
    .into_iter()
    .map(|action| wire.send(action))
    .collect();
    let kinds = [
        "objects_list",
        "camera_transform",
        "image_response",
        "command_response",
    ];
    for (id, kind) in ids.iter().zip(kinds.into_iter().chain(["objects_list"])) {
        let reply = wire.answer_to(id).await?;
        ensure(
            name_of(&reply) == kind,
            format!("a reply with {kind}"),
            || format!("one with {}", name_of(&reply)),
        )?;
    }
    Ok(())
}

fn name_of(reply: &FrameResponse) -> &'static str {
    match &reply.response {
        Some(Response::CommandResponse(_)) => "command_response",
        Some(Response::CameraTransform(_)) => "camera_transform",
        Some(Response::ImageResponse(_)) => "image_response",
        Some(Response::ObjectTransform(_)) => "object_transform",
        Some(Response::ObjectsList(_)) => "objects_list",
        Some(_) => "an extension",
        None => "nothing",
    }
}

/// Whether a server's answer is at this place, to what an f32 and a rotator that
/// went through a matrix can hold.
fn is_at(found: Option<proto::Transform>, pose: Transform) -> Outcome {
    let wanted = wire_transform(pose);
    let found = found.ok_or_else(|| Flaw::failed("a transform", "none"))?;
    let numbers = |t: &proto::Transform| {
        let (l, r) = (
            t.location.unwrap_or_default(),
            t.rotation.unwrap_or_default(),
        );
        [l.x, l.y, l.z, r.pitch, r.yaw, r.roll]
    };
    let (wanted, found) = (numbers(&wanted), numbers(&found));
    let close = |(i, (a, b)): (usize, (&f32, &f32))| {
        let off = (a - b).abs();
        // A turn of 360 degrees is none.
        let off = if i > 2 {
            off.min((off - 360.0).abs())
        } else {
            off
        };
        off <= 0.02 + 1e-4 * a.abs()
    };
    let all = wanted.iter().zip(&found).enumerate().all(close);
    let text = |n: [f32; 6]| format!("x y z {:?}, pitch yaw roll {:?}", &n[..3], &n[3..]);
    ensure(all, text(wanted), || text(found))
}

async fn camera(bench: &mut Bench) -> Outcome {
    let mut pose = bench.home;
    pose.location.x += 7.0;
    pose.location.y -= 5.0;
    pose.rotation.yaw += 12.0;
    pose.rotation.pitch = (pose.rotation.pitch * 0.5) + 3.0;
    let mut wire = bench.wire();
    wire.ask(Action::SetCameraTransform(put(pose))).await?;
    let by_stream = camera_of(&wire.ask(where_is_it()).await?);
    is_at(by_stream, pose)?;
    bench.stub.set_camera_transform(put(bench.home)).await?;
    let request = GetCameraTransformRequest::default();
    let by_call = bench.stub.get_camera_transform(request).await?.into_inner();
    is_at(by_call.transform, bench.home)
}

fn camera_of(reply: &FrameResponse) -> Option<proto::Transform> {
    match &reply.response {
        Some(Response::CameraTransform(camera)) => camera.transform,
        _ => None,
    }
}

fn image_of(reply: FrameResponse) -> Outcome<ImageResponse> {
    match reply.response {
        Some(Response::ImageResponse(image)) => Ok(image),
        _ => Err(Flaw::failed("an image", name_of(&reply))),
    }
}

async fn rgb(bench: &mut Bench) -> Outcome {
    let image = image_of(bench.wire().ask(rgb_of(bench)).await?)?;
    ensure(image.format == "rgba", "format \"rgba\"", || {
        format!("{:?}", image.format)
    })?;
    let bytes = image.image_data.len();
    ensure(
        bytes > 0 && bytes % 4 == 0,
        "some whole pixels of four bytes",
        || format!("{bytes} bytes"),
    )?;
    if bench.info.is_none() {
        // Such a server sends its window, whatever size is asked for.
        return Ok(());
    }
    let (width, height) = bench.size;
    let wanted = (width, height, width as usize * height as usize * 4);
    let got = (image.width, image.height, bytes);
    ensure(
        wanted == got,
        format!("width, height and bytes {wanted:?}"),
        || format!("{got:?}"),
    )
}

async fn rgb_fresh(bench: &mut Bench) -> Outcome {
    let mut wire = bench.wire();
    let mut seen = Vec::new();
    // Some of these may show the same wall; not all of them do.
    for (yaw, back) in [
        (0.0, 0.0),
        (25.0, 10.0),
        (95.0, 0.0),
        (185.0, 20.0),
        (0.0, 30.0),
    ] {
        let mut pose = bench.home;
        pose.rotation.yaw += yaw;
        pose.location.x -= back;
        // Without waiting between, as a loop in real time does.
        let moved = wire.send(Action::SetCameraTransform(put(pose)));
        let first = wire.send(rgb_of(bench));
        let second = wire.send(rgb_of(bench));
        wire.answer_to(&moved).await?;
        let first = image_of(wire.answer_to(&first).await?)?;
        let second = image_of(wire.answer_to(&second).await?)?;
        seen.push((first.image_data, second.image_data));
    }
    bench.stub.set_camera_transform(put(bench.home)).await?;
    let settled = |i: usize, j: usize| difference(&seen[i].1, &seen[j].1);
    let changes: Vec<usize> = (1..seen.len())
        .filter(|&i| settled(i - 1, i) > 0.0)
        .collect();
    if changes.is_empty() {
        return Err(Flaw::not_judged("the scene looks the same from everywhere"));
    }
    for i in changes {
        let (old, new) = (&seen[i - 1].1, &seen[i].1);
        let first = &seen[i].0;
        ensure(
            difference(first, new) <= difference(first, old),
            "the first picture after a move to look like the second",
            || "it looks like the last one before the move".to_owned(),
        )?;
    }
    Ok(())
}

/// The mean difference of two pictures' bytes.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    if a.len() != b.len() {
        return 255.0;
    }
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len().max(1) as f64
}

async fn captures(bench: &mut Bench) -> Outcome {
    let (width, height) = bench.size;
    let request = CaptureRequest {
        width,
        height,
        ..CaptureRequest::default()
    };
    let stub = &mut bench.stub.clone();
    use synthcap::Modality::{Depth, Flow, Normals, Segmentation};
    stub.capture_rgb_image(request.clone()).await?;
    // A plain server answers with placeholders; one that says what it makes may
    // refuse the rest.
    let asked = |modality| bench.info.is_none() || bench.makes(modality);
    if asked(Depth) {
        stub.capture_depth_map(request.clone()).await?;
    }
    if asked(Segmentation) {
        stub.capture_segmentation_mask(request.clone()).await?;
    }
    if asked(Normals) {
        stub.capture_normals(request.clone()).await?;
    }
    if asked(Flow) {
        stub.capture_optical_flow(request).await?;
    }
    Ok(())
}

async fn object(bench: &mut Bench) -> Outcome {
    if bench.info.is_some() {
        bench.needs(synthcap::Capability::Objects)?;
    }
    let names = bench.stub.list_objects(()).await?.into_inner().object_names;
    for name in names {
        let ask = GetObjectTransformRequest {
            object_name: name.clone(),
        };
        let found = bench
            .stub
            .get_object_transform(ask.clone())
            .await?
            .into_inner();
        let Some(before) = found.transform else {
            return Err(Flaw::failed(
                format!("a transform of {name:?}"),
                found.message,
            ));
        };
        let moved = nudged(before);
        let set = |transform| SetObjectTransformRequest {
            object_name: name.clone(),
            transform: Some(transform),
        };
        let answer = bench
            .stub
            .set_object_transform(set(without_scale(before, moved)))
            .await?;
        if !answer.into_inner().success {
            // Fixed to the world or held by joints; another may be free.
            continue;
        }
        let found = bench
            .stub
            .get_object_transform(ask)
            .await?
            .into_inner()
            .transform;
        bench
            .stub
            .set_object_transform(set(without_scale(before, before.location)))
            .await?;
        let wanted = proto::Transform {
            location: moved,
            ..before
        };
        return is_at(found, from_wire(&wanted));
    }
    Err(Flaw::not_judged("no object of the scene can be moved"))
}

fn nudged(transform: proto::Transform) -> Option<proto::Vector3> {
    let l = transform.location.unwrap_or_default();
    Some(proto::Vector3 { z: l.z + 3.0, ..l })
}

fn without_scale(before: proto::Transform, at: Option<proto::Vector3>) -> proto::Transform {
    proto::Transform {
        location: at,
        rotation: before.rotation,
        scale: None,
    }
}

fn from_wire(t: &proto::Transform) -> Transform {
    let (l, r) = (
        t.location.unwrap_or_default(),
        t.rotation.unwrap_or_default(),
    );
    Transform::new(
        synthcap::Vec3::new(l.x, l.y, l.z),
        synthcap::Rotator::new(r.pitch, r.yaw, r.roll),
    )
}

async fn unknown(bench: &mut Bench) -> Outcome {
    let mut wire = bench.wire();
    let bad = [
        wire.send(Action::GetObjectTransform(GetObjectTransformRequest {
            object_name: "no such object".to_owned(),
        })),
        wire.send(None),
    ];
    let good = wire.send(Action::ListObjects(()));
    // A plain server is silent about what failed; others say so.
    loop {
        let reply = wire.receive().await?;
        if reply.request_id == good {
            return ensure(
                name_of(&reply) == "objects_list",
                "the list of objects",
                || name_of(&reply).to_owned(),
            );
        }
        ensure(
            bad.contains(&reply.request_id),
            "a reply to what was asked",
            || format!("one to {:?}", reply.request_id),
        )?;
    }
}

async fn too_large(bench: &mut Bench) -> Outcome {
    let limit = bench
        .info
        .as_ref()
        .map(|info| info.limits.max_message_bytes);
    let bytes = limit.unwrap_or(4 << 20).saturating_add(1 << 20);
    if bytes > 64 << 20 {
        return Err(Flaw::not_judged(format!(
            "the limit of {bytes} bytes is too high to try"
        )));
    }
    let mut wire = bench.wire();
    wire.send(Action::GetObjectTransform(GetObjectTransformRequest {
        object_name: "x".repeat(bytes as usize),
    }));
    let refused = match timeout(bench.patience, wire.receive()).await {
        Err(_) => false,
        Ok(Err(_)) => true,
        Ok(Ok(reply)) => crate::wire::refusal(&reply).is_some(),
    };
    ensure(
        refused,
        format!("a request of {bytes} bytes to be refused"),
        || "it was taken".to_owned(),
    )?;
    bench.stub.list_objects(()).await?;
    Ok(())
}

async fn disconnect(bench: &mut Bench) -> Outcome {
    for _ in 0..3 {
        let mut wire = bench.wire();
        for _ in 0..4 {
            wire.send(rgb_of(bench));
        }
        // Served at least in part before the client leaves.
        wire.receive().await?;
    }
    let mut wire = bench.wire();
    let reply = wire.ask(where_is_it()).await?;
    ensure(
        camera_of(&reply).is_some(),
        "the camera's transform",
        || name_of(&reply).to_owned(),
    )
}
