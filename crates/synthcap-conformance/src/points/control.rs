//! Giving up, leaving, and asking for much at once.

use synthcap::{
    Capability,
    proto::{CancelRequest, CaptureRequest, action_request::Action},
};

use super::point;
use crate::{
    bench::Bench,
    point::{Outcome, Point, ensure},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "control.cancel",
            cancel,
            "a request given up is answered at most once, and the stream goes on"
        ),
        point!(
            Extended,
            "control.flood",
            flood,
            "more requests than the limit in flight are all answered, in order"
        ),
        point!(
            Extended,
            "control.leave",
            leave,
            "what a client commanded before it left is executed"
        ),
    ]
}

async fn cancel(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Cancel)?;
    let (width, height) = bench.size;
    let capture = Action::CaptureRgb(CaptureRequest {
        width,
        height,
        ..CaptureRequest::default()
    });
    let mut wire = bench.wire();
    let ids: Vec<_> = (0..6).map(|_| wire.send(capture.clone())).collect();
    for id in ids[2..].iter().chain([&"never asked".to_owned()]) {
        wire.send(Action::Cancel(CancelRequest {
            request_id: id.clone(),
        }));
    }
    let last = wire.send(Action::ListCameras(()));
    let mut answered = Vec::new();
    loop {
        let reply = wire.receive().await?;
        if reply.request_id == last {
            break;
        }
        answered.push(reply.request_id);
    }
    ensure(
        answered.starts_with(&ids[..2]),
        "the requests that stood to be answered first",
        || format!("{answered:?}"),
    )?;
    let in_order = ids.iter().filter(|id| answered.contains(id)).eq(&answered);
    ensure(
        in_order,
        "each request answered once at the most, in order",
        || format!("{answered:?}"),
    )
}

async fn flood(bench: &mut Bench) -> Outcome {
    let most = bench.info()?.limits.max_in_flight.min(5_000);
    let mut wire = bench.wire();
    let ids: Vec<_> = (0..most + 20)
        .map(|_| wire.send(Action::ListCameras(())))
        .collect();
    for id in &ids {
        let reply = wire.answer_to(id).await?;
        let error = reply.meta.and_then(|meta| meta.error);
        ensure(error.is_none(), "every request answered", || {
            format!("{error:?}")
        })?;
    }
    Ok(())
}

async fn leave(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Cameras)?;
    let name = "conformance left behind";
    let mut wire = bench.wire();
    wire.send(Action::CreateCamera(synthcap::proto::CreateCameraRequest {
        camera_name: name.to_owned(),
        initial_transform: None,
    }));
    // It must have reached the server for it to count: the next reply says so.
    let last = wire.send(Action::ListCameras(()));
    while wire.receive().await?.request_id != last {}
    drop(wire);
    let listed = bench.client.cameras().await?.value;
    let there = listed.iter().any(|camera| camera.name.as_str() == name);
    ensure(
        there,
        "the camera that a client made before it left",
        || "none".to_owned(),
    )?;
    bench.client.camera(name).destroy().await?;
    Ok(())
}
