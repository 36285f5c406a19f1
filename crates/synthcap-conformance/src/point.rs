//! One promise of the contract, and how it is looked at.

use futures_util::future::BoxFuture;
use synthcap::{Capability, ErrorKind, Modality};

use crate::{
    bench::Bench,
    report::{Level, Report, Verdict},
};

/// A point of the contract.
pub(crate) struct Point {
    pub(crate) id: &'static str,
    pub(crate) level: Level,
    pub(crate) promise: &'static str,
    /// Points without which nothing can be told of this one.
    pub(crate) needs: &'static [&'static str],
    pub(crate) look: Look,
}

/// Looks at a server.
pub(crate) type Look = for<'a> fn(&'a mut Bench) -> BoxFuture<'a, Outcome>;

/// Nothing to find fault with, or why not.
pub(crate) type Outcome<T = ()> = Result<T, Flaw>;

/// Why a point did not pass.
#[derive(Debug)]
pub(crate) enum Flaw {
    Failed { expected: String, seen: String },
    NotOffered(String),
    NotJudged(String),
}

impl Flaw {
    pub(crate) fn failed(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::Failed {
            expected: expected.into(),
            seen: seen.into(),
        }
    }

    pub(crate) fn lacks(capability: Capability) -> Self {
        Self::NotOffered(format!("the server lacks {capability}"))
    }

    pub(crate) fn makes_no(modality: Modality) -> Self {
        Self::NotOffered(format!("the server makes no {modality} images"))
    }

    pub(crate) fn not_judged(reason: impl Into<String>) -> Self {
        Self::NotJudged(reason.into())
    }
}

/// A request that should have succeeded.
impl From<synthcap::Error> for Flaw {
    fn from(error: synthcap::Error) -> Self {
        match error.kind() {
            ErrorKind::Unsupported(capability) => Self::lacks(capability),
            ErrorKind::UnsupportedModality(modality) => Self::makes_no(modality),
            _ => Self::failed("the request to succeed", error.to_string()),
        }
    }
}

impl From<tonic::Status> for Flaw {
    fn from(status: tonic::Status) -> Self {
        let seen = format!("status {:?}: {}", status.code(), status.message());
        Self::failed("the call to succeed", seen)
    }
}

/// Fails a point unless a condition holds.
pub(crate) fn ensure(
    holds: bool,
    expected: impl Into<String>,
    seen: impl FnOnce() -> String,
) -> Outcome {
    if holds {
        return Ok(());
    }
    Err(Flaw::failed(expected, seen()))
}

impl Point {
    /// How a server stands, given how it stands on the points before.
    pub(crate) async fn judge(&self, bench: &mut Bench, before: &Report) -> Verdict {
        if self.level > Level::Plain && bench.info.is_none() {
            let lacks = "this is a plain UESynth server".to_owned();
            return Verdict::NotOffered { lacks };
        }
        for id in self.needs {
            match before.verdict(id) {
                Some(Verdict::Passed) => {}
                // What stands on something that is not there is not there either.
                Some(absent @ Verdict::NotOffered { .. }) => return absent.clone(),
                _ => {
                    let reason = format!("it rests on {id}, which did not pass");
                    return Verdict::NotJudged { reason };
                }
            }
        }
        match (self.look)(bench).await {
            Ok(()) => Verdict::Passed,
            Err(Flaw::Failed { expected, seen }) => Verdict::Failed { expected, seen },
            Err(Flaw::NotOffered(lacks)) => Verdict::NotOffered { lacks },
            Err(Flaw::NotJudged(reason)) => Verdict::NotJudged { reason },
        }
    }
}
