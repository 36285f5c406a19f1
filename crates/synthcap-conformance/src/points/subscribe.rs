//! Pushed captures: as many as there are credits, each with its number.

use synthcap::{
    Capability,
    proto::{
        self, AddCreditsRequest, CancelRequest, FrameResponse, StepRequest, SubscribeRequest,
        action_request::Action,
    },
};

use super::point;
use crate::{
    bench::Bench,
    point::{Outcome, Point, ensure},
    wire::Wire,
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "subscribe.credits",
            credits,
            "a subscription pushes as often as it has credits, and numbers what was due",
            needs "time.step"
        ),
        point!(
            Extended,
            "subscribe.cancel",
            cancel,
            "a cancelled subscription pushes no more",
            needs "time.step"
        ),
    ]
}

fn subscribe(bench: &Bench, credits: u32) -> Action {
    let (width, height) = bench.size;
    Action::Subscribe(SubscribeRequest {
        views: vec![proto::CaptureView {
            camera_name: String::new(),
            width,
            height,
            modalities: vec![proto::Modality::Rgb as i32],
            ..Default::default()
        }],
        include_scene: false,
        rate_hz: 0.0,
        credits,
    })
}

fn push_number(reply: &FrameResponse) -> u64 {
    reply.meta.as_ref().map_or(0, |meta| meta.push_number)
}

/// Lets ticks pass and brings the numbers of what was pushed until then.
async fn pushes_over(wire: &mut Wire, subscription: &str, ticks: u32) -> Outcome<Vec<u64>> {
    let mut numbers = Vec::new();
    for _ in 0..ticks {
        let step = wire.send(Action::Step(StepRequest { ticks: 1 }));
        loop {
            let reply = wire.receive().await?;
            if reply.request_id == step {
                break;
            }
            ensure(
                reply.request_id == subscription,
                "pushes under the subscription's ID",
                || reply.request_id.clone(),
            )?;
            numbers.push(push_number(&reply));
        }
    }
    // What was pushed after the last step comes before this.
    let last = wire.send(Action::ListCameras(()));
    loop {
        let reply = wire.receive().await?;
        if reply.request_id == last {
            return Ok(numbers);
        }
        numbers.push(push_number(&reply));
    }
}

async fn credits(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Subscribe)?;
    bench.needs(Capability::Step)?;
    let mut wire = bench.wire();
    let id = wire.send(subscribe(bench, 2));
    wire.answer_to(&id).await?;
    let numbers = pushes_over(&mut wire, &id, 4).await?;
    ensure(
        numbers == [1, 2],
        "pushes 1 and 2 for two credits and five captures due",
        || format!("{numbers:?}"),
    )?;
    wire.send(Action::AddCredits(AddCreditsRequest {
        request_id: id.clone(),
        credits: 1,
    }));
    let numbers = pushes_over(&mut wire, &id, 1).await?;
    // The one that was owed, or, had the step overtaken the credit, the next.
    ensure(
        numbers == [5] || numbers == [6],
        "one push for one more credit, numbered among those due",
        || format!("{numbers:?}"),
    )?;
    wire.send(Action::Cancel(CancelRequest { request_id: id }));
    Ok(())
}

async fn cancel(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Subscribe)?;
    bench.needs(Capability::Cancel)?;
    bench.needs(Capability::Step)?;
    let mut wire = bench.wire();
    let id = wire.send(subscribe(bench, 100));
    wire.answer_to(&id).await?;
    pushes_over(&mut wire, &id, 2).await?;
    wire.send(Action::Cancel(CancelRequest {
        request_id: id.clone(),
    }));
    // One may have been on its way.
    pushes_over(&mut wire, &id, 1).await?;
    let late = pushes_over(&mut wire, &id, 3).await?;
    ensure(late.is_empty(), "no pushes after a cancel", || {
        format!("{late:?}")
    })
}
