//! Batches: all or nothing, in order, in one go.

use synthcap::{
    Capability, Transform,
    proto::{
        self, ActionRequest, BatchRequest, ErrorCode, FrameResponse, SetCameraTransformRequest,
        action_request::Action, frame_response::Response,
    },
};

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
    wire::refusal,
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "batch.replies",
            replies,
            "a batch's items are answered under their own IDs, in order, then the batch"
        ),
        point!(
            Extended,
            "batch.atomic",
            atomic,
            "a batch with a wrong item changes nothing and names the item"
        ),
        point!(
            Extended,
            "batch.names",
            names,
            "items are checked against the names as the items before would leave them"
        ),
    ]
}

fn item(id: &str, action: Action) -> ActionRequest {
    ActionRequest {
        request_id: id.to_owned(),
        action: Some(action),
    }
}

fn batch(items: Vec<ActionRequest>) -> Action {
    Action::Batch(BatchRequest { items })
}

fn put(camera: &str, pose: Transform) -> Action {
    let l = pose.location;
    Action::SetCameraTransform(SetCameraTransformRequest {
        camera_name: camera.to_owned(),
        transform: Some(proto::Transform {
            location: Some(proto::Vector3 {
                x: l.x,
                y: l.y,
                z: l.z,
            }),
            ..proto::Transform::default()
        }),
    })
}

async fn replies(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Batch)?;
    let mut wire = bench.wire();
    let items = vec![
        item("first", put("", bench.home)),
        item("second", Action::ListCameras(())),
        item("third", put("", bench.home)),
    ];
    let id = wire.send(batch(items));
    let mut order = 0;
    for expected in ["first", "second", "third", id.as_str()] {
        let reply = wire.answer_to(expected).await?;
        let meta = reply.meta.clone().unwrap_or_default();
        ensure(meta.error.is_none(), "every item to succeed", || {
            format!("{:?}", meta.error)
        })?;
        ensure(
            meta.order >= order,
            format!("an order from {order} on"),
            || meta.order.to_string(),
        )?;
        order = meta.order;
        if expected == id {
            let count = match reply.response {
                Some(Response::BatchResponse(batch)) => batch.item_count,
                _ => 0,
            };
            ensure(count == 3, "a batch response of 3 items", || {
                format!("{count} items")
            })?;
        }
    }
    Ok(())
}

/// Items that cannot run, each in its own way: by a name, and by what only the
/// engine knows.
fn wrong_items(bench: &Bench) -> Vec<(&'static str, Action)> {
    let mut items = vec![(
        "a camera that is not there",
        put("no such camera", bench.home),
    )];
    if bench.can(Capability::Spawn) {
        items.push((
            "an asset that is not there",
            Action::SpawnObject(proto::SpawnObjectRequest {
                object_name: "conformance".to_owned(),
                asset_path: "no-such-asset".to_owned(),
                initial_transform: None,
            }),
        ));
    }
    if bench.can(Capability::Intrinsics) {
        items.push((
            "a field of view of 190 degrees",
            Action::SetIntrinsics(proto::SetIntrinsicsRequest {
                camera_name: String::new(),
                model: Some(proto::set_intrinsics_request::Model::HorizontalFovDeg(
                    190.0,
                )),
            }),
        ));
    }
    items
}

async fn atomic(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Batch)?;
    let camera = bench.client.default_camera();
    camera.set_transform(bench.home).await?;
    for (what, wrong) in wrong_items(bench) {
        let mut away = bench.home;
        away.location.x += 50.0;
        let mut wire = bench.wire();
        let id = wire.send(batch(vec![item("good", put("", away)), item("bad", wrong)]));
        let reply = last_reply(&mut wire, &id).await?;
        let detail = reply.meta.and_then(|meta| meta.error);
        let detail = detail
            .ok_or_else(|| Flaw::failed(format!("a batch with {what} to fail"), "it succeeded"))?;
        let found = camera.transform().await?.value;
        camera.set_transform(bench.home).await?;
        let moved = (found.location.x - bench.home.location.x).abs() > 1.0;
        ensure(
            !moved,
            format!("nothing of a batch with {what} to be executed"),
            || "the item before it was".to_owned(),
        )?;
        ensure(
            detail.batch_index == Some(1),
            "the error to name item 1",
            || format!("{:?}", detail.batch_index),
        )?;
    }
    Ok(())
}

async fn last_reply(wire: &mut crate::wire::Wire, id: &str) -> Outcome<FrameResponse> {
    loop {
        let reply = wire.receive().await?;
        if reply.request_id == id {
            return Ok(reply);
        }
    }
}

async fn names(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Batch)?;
    bench.needs(Capability::Cameras)?;
    let mut wire = bench.wire();
    let name = "conformance batch";
    let create = Action::CreateCamera(proto::CreateCameraRequest {
        camera_name: name.to_owned(),
        initial_transform: None,
    });
    let destroy = Action::DestroyCamera(proto::DestroyCameraRequest {
        camera_name: name.to_owned(),
    });
    let items = vec![
        item("create", create),
        item("move", put(name, bench.home)),
        item("destroy", destroy),
    ];
    let id = wire.send(batch(items.clone()));
    let reply = last_reply(&mut wire, &id).await?;
    ensure(
        refusal(&reply).is_none(),
        "a camera made, moved and removed in one batch",
        || format!("{:?}", reply.meta.and_then(|meta| meta.error)),
    )?;
    let reversed = items.into_iter().rev().collect();
    let id = wire.send(batch(reversed));
    let reply = last_reply(&mut wire, &id).await?;
    let code = refusal(&reply);
    ensure(
        code == Some(ErrorCode::NotFound),
        "the same in reverse to fail as not found",
        || format!("{code:?}"),
    )
}
