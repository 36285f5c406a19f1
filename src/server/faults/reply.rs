//! Faults of a single request, and the way to those of its connection.

use std::{sync::Arc, time::Duration};

use super::{Fault, FaultPlan, Wire};
use crate::server::{
    EngineError, PixelBuffers,
    executor::Ran,
    host::{Interest, Reply, Work, unexecuted},
    outbox::Writer,
};

/// What is left to do with a request after the faults had their turn: `None` when
/// it is done with.
pub(in crate::server) fn strike(
    plan: &FaultPlan,
    work: &Work,
    reply: Box<dyn Reply>,
) -> Option<Box<dyn Reply>> {
    let Some((fault, mut random)) = plan.choose(work) else {
        return Some(reply);
    };
    tracing::debug!(?fault, "a fault strikes");
    let outcome = match fault {
        Fault::Error(code) => {
            let error = EngineError::new(code, "a fault on purpose");
            flush(reply.send(Ran::One(Err(error.into()), unexecuted())));
            return None;
        }
        Fault::Latency { delay, jitter } => {
            // Within a runtime: requests come in on its tasks.
            let runtime = tokio::runtime::Handle::current();
            Spoiled::Later(delay + jitter.mul_f64(random.f64()), runtime)
        }
        Fault::Silence => Spoiled::Never,
        Fault::Cut { .. } | Fault::Garbage { .. } | Fault::Drip { .. } | Fault::Stall { .. } => {
            Spoiled::Wire(fault, random)
        }
    };
    Some(Box::new(Faulty { reply, outcome }))
}

/// Nothing follows that the reply could go out with.
fn flush(writer: Option<Writer>) {
    if let Some(writer) = writer {
        writer.flush();
    }
}

/// A reply that something will happen to.
struct Faulty {
    reply: Box<dyn Reply>,
    outcome: Spoiled,
}

enum Spoiled {
    Later(Duration, tokio::runtime::Handle),
    Never,
    Wire(Fault, fastrand::Rng),
}

impl Reply for Faulty {
    fn interest(&self) -> Interest {
        self.reply.interest()
    }

    fn buffers(&self) -> PixelBuffers {
        self.reply.buffers()
    }

    fn wire(&self) -> Option<&Arc<Wire>> {
        self.reply.wire()
    }

    fn send(self: Box<Self>, ran: Ran) -> Option<Writer> {
        let Self { reply, outcome } = *self;
        match outcome {
            Spoiled::Later(delay, runtime) => {
                runtime.spawn(async move {
                    tokio::time::sleep(delay).await;
                    flush(reply.send(ran));
                });
                None
            }
            Spoiled::Never => {
                reply.silence();
                None
            }
            Spoiled::Wire(fault, random) => {
                if let Some(wire) = reply.wire() {
                    wire.arm(fault, random);
                }
                reply.send(ran)
            }
        }
    }

    fn silence(self: Box<Self>) {
        self.reply.silence();
    }
}
