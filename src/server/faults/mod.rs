//! Faults on purpose, so that a client can be shown to survive them.
//!
//! A [`Faults`] is a list of rules; each says [when](When) it strikes and
//! [what](Fault) goes wrong. Everything random is drawn from one seed, so the same
//! requests in the same order meet the same faults.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use synthcap::{Client, ErrorCode, ErrorKind, server::Server};
//! use synthcap::server::faults::{Fault, Faults, When};
//! use synthcap_sim::{SimConfig, Simulator};
//!
//! let faults = Faults::seeded(7)
//!     .on(When::captures().nth(2), Fault::Error(ErrorCode::Internal))
//!     .on(When::captures().nth(3), Fault::Cut { after_bytes: 20 });
//! let engine = Simulator::new(SimConfig::small())?;
//! let server = Server::builder(engine).faults(faults).start().await?;
//!
//! let client = Client::connect(server.url()).await?;
//! let camera = client.default_camera();
//! camera.rgb().await?;
//! let error = camera.rgb().await.expect_err("the second one");
//! assert_eq!(error.kind(), ErrorKind::Rejected(ErrorCode::Internal));
//! // The third is cut off in the middle of its reply; a capture is asked again.
//! camera.rgb().await?;
//! assert_eq!(client.stats().reconnects, 1);
//! # client.close().await?;
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod reply;
mod wire;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub(super) use reply::strike;
pub(super) use wire::{FaultyStream, Wire};

use super::host::Work;
use crate::{Command, ErrorCode};

/// What goes wrong.
///
/// The faults of the connection begin with the reply that they strike, and concern
/// everything after it too, whoever it is for: that connection is done for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The request is executed, and its reply comes this much later, plus a random
    /// part of the jitter. Replies can overtake one another.
    Latency {
        /// The least delay.
        delay: Duration,
        /// The most that is added to it.
        jitter: Duration,
    },
    /// The request is not executed and ends with this error.
    Error(ErrorCode),
    /// The request is executed and never answered.
    Silence,
    /// The connection is closed after so many more bytes: with fewer than a reply
    /// has, in the middle of it.
    Cut {
        /// How many bytes still go out.
        after_bytes: u64,
    },
    /// After so many more bytes, what goes out is random.
    Garbage {
        /// How many bytes still go out as they are.
        after_bytes: u64,
    },
    /// The connection slows down to so many bytes in a second.
    Drip {
        /// At least 1.
        bytes_per_second: u32,
    },
    /// After so many more bytes nothing goes out or comes in any more, and the
    /// connection stays open: the peer is half gone.
    Stall {
        /// How many bytes still go out.
        after_bytes: u64,
    },
}

/// Which requests a fault strikes.
#[derive(Clone)]
pub struct When {
    concerns: Arc<dyn Fn(&Command) -> bool + Send + Sync>,
    trigger: Trigger,
}

#[derive(Clone, Copy, Debug)]
enum Trigger {
    Always,
    Nth(u64),
    Every(u64),
    Probability(f64),
}

impl When {
    /// Those that hold a command for which this is true. Subscriptions count as
    /// the capture set that they ask for.
    pub fn command(concerns: impl Fn(&Command) -> bool + Send + Sync + 'static) -> Self {
        Self {
            concerns: Arc::new(concerns),
            trigger: Trigger::Always,
        }
    }

    /// All of them.
    pub fn any() -> Self {
        Self::command(|_| true)
    }

    /// Those that ask for images.
    pub fn captures() -> Self {
        Self::command(Command::is_capture)
    }

    /// Only the one with this number among them, counted from 1 over all clients.
    #[must_use]
    pub fn nth(mut self, number: u64) -> Self {
        self.trigger = Trigger::Nth(number);
        self
    }

    /// Only each with a number that this one divides.
    #[must_use]
    pub fn every(mut self, number: u64) -> Self {
        self.trigger = Trigger::Every(number.max(1));
        self
    }

    /// Each of them with this probability, 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.trigger = Trigger::Probability(probability);
        self
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("When");
        debug
            .field("trigger", &self.trigger)
            .finish_non_exhaustive()
    }
}

/// Rules of what goes wrong when.
#[derive(Clone, Debug)]
pub struct Faults {
    seed: u64,
    rules: Vec<(When, Fault)>,
}

impl Faults {
    /// No rules yet; whatever is random will be drawn from this.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            rules: Vec::new(),
        }
    }

    /// Adds a rule. Of several that strike the same request the first counts.
    #[must_use]
    pub fn on(mut self, when: When, fault: Fault) -> Self {
        self.rules.push((when, fault));
        self
    }
}

/// Faults at work: the rules with what they have counted.
#[derive(Debug)]
pub(super) struct FaultPlan(Mutex<State>);

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    rules: Vec<(When, Fault, u64)>,
}

impl FaultPlan {
    pub(super) fn new(faults: Faults) -> Self {
        let rules = faults.rules.into_iter();
        Self(Mutex::new(State {
            random: fastrand::Rng::with_seed(faults.seed),
            rules: rules.map(|(when, fault)| (when, fault, 0)).collect(),
        }))
    }

    /// What goes wrong with this request, with randomness of its own. Every rule
    /// counts it, so that what one strikes does not depend on the others.
    fn choose(&self, work: &Work) -> Option<(Fault, fastrand::Rng)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { random, rules } = &mut *state;
        let mut chosen = None;
        for (when, fault, seen) in rules {
            if !work.commands().any(|command| (when.concerns)(&command)) {
                continue;
            }
            *seen += 1;
            let strikes = match when.trigger {
                Trigger::Always => true,
                Trigger::Nth(number) => *seen == number,
                Trigger::Every(number) => seen.is_multiple_of(number),
                Trigger::Probability(probability) => random.f64() < probability,
            };
            if strikes && chosen.is_none() {
                chosen = Some((*fault, random.fork()));
            }
        }
        chosen
    }
}
