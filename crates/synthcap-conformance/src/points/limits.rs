//! Limits: what is stated is what is held.

use synthcap::{
    Capability,
    proto::{
        self, ActionRequest, BatchRequest, CaptureRequest, CaptureSetRequest, CaptureView,
        ErrorCode, SubscribeRequest, action_request::Action,
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
            "limits.size",
            size,
            "an image larger than the limit is refused"
        ),
        point!(
            Extended,
            "limits.set",
            set,
            "a capture set with more images than the limit is refused"
        ),
        point!(
            Extended,
            "limits.batch",
            batch,
            "a batch with more items than the limit is refused, and executes nothing"
        ),
        point!(
            Extended,
            "limits.subscriptions",
            subscriptions,
            "subscriptions over the limit are refused, and those of clients that left do not count"
        ),
    ]
}

async fn refused(bench: &Bench, action: Action, what: String) -> Outcome {
    let mut wire = bench.wire();
    let id = wire.send(action);
    let reply = loop {
        let reply = wire.receive().await?;
        if reply.request_id == id {
            break reply;
        }
    };
    let code = refusal(&reply);
    let expected = format!("{what} to be refused as an invalid argument");
    ensure(
        code == Some(ErrorCode::InvalidArgument),
        expected,
        || match code {
            None => "it was taken".to_owned(),
            Some(code) => format!("{code:?}"),
        },
    )
}

async fn size(bench: &mut Bench) -> Outcome {
    let limits = bench.info()?.limits;
    for (width, height) in [
        (limits.max_width.saturating_add(1), 1),
        (1, limits.max_height.saturating_add(1)),
    ] {
        let action = Action::CaptureRgb(CaptureRequest {
            width,
            height,
            ..CaptureRequest::default()
        });
        refused(bench, action, format!("an image of {width}x{height}")).await?;
    }
    Ok(())
}

fn view() -> CaptureView {
    CaptureView {
        camera_name: String::new(),
        width: 4,
        height: 4,
        modalities: vec![proto::Modality::Rgb as i32],
        ..Default::default()
    }
}

async fn set(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::CaptureSet)?;
    let count = bench.info()?.limits.max_set_images.saturating_add(1);
    if count > 100_000 {
        return Err(Flaw::not_judged(format!(
            "a limit of {count} images is too high to try"
        )));
    }
    let action = Action::CaptureSet(CaptureSetRequest {
        views: vec![view(); count as usize],
        include_scene: false,
    });
    refused(bench, action, format!("a set of {count} images")).await
}

async fn batch(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Batch)?;
    let count = bench.info()?.limits.max_batch_items.saturating_add(1);
    if count > 100_000 {
        return Err(Flaw::not_judged(format!(
            "a limit of {count} items is too high to try"
        )));
    }
    let item = ActionRequest {
        request_id: "item".to_owned(),
        action: Some(Action::ListCameras(())),
    };
    let action = Action::Batch(BatchRequest {
        items: vec![item; count as usize],
    });
    refused(bench, action, format!("a batch of {count} items")).await
}

async fn subscriptions(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Subscribe)?;
    let most = bench.info()?.limits.max_subscriptions;
    if most > 2_000 {
        return Err(Flaw::not_judged(format!(
            "a limit of {most} is too high to try"
        )));
    }
    let subscribe = Action::Subscribe(SubscribeRequest {
        views: vec![view()],
        include_scene: false,
        rate_hz: 1.0,
        credits: 0,
    });
    // Twice: the first client leaves without a word.
    for round in 0..2 {
        let mut wire = bench.wire();
        for number in 0..most {
            let id = wire.send(subscribe.clone());
            let reply = wire.answer_to(&id).await?;
            ensure(
                refusal(&reply).is_none(),
                format!("subscription {} of {most} to be accepted", number + 1),
                || {
                    let whose = if round == 0 {
                        ""
                    } else {
                        ", a client with as many having left"
                    };
                    format!("{:?}{whose}", refusal(&reply))
                },
            )?;
        }
        let reply = wire.ask(subscribe.clone()).await?;
        let code = refusal(&reply);
        ensure(
            code == Some(ErrorCode::ResourceExhausted),
            format!("one more than {most} to be refused"),
            || format!("{code:?}"),
        )?;
        drop(wire);
        // A server notices that a client has left when its stream has ended.
        settle(bench).await?;
    }
    Ok(())
}

/// Some round trips, in which a server learns of clients that have left.
async fn settle(bench: &mut Bench) -> Outcome {
    for _ in 0..20 {
        bench.stub.list_objects(()).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
