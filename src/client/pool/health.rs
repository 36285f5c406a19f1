//! When to try a server again, and what becomes of a job that it failed. Pure:
//! time and randomness are passed in.

use std::time::{Duration, Instant};

use crate::{Backoff, ErrorCode, ErrorKind};

/// How a server has held up.
#[derive(Debug)]
pub(super) struct Health {
    backoff: Backoff,
    failures: u32,
    /// The wait before the present connection.
    waited: Duration,
    up_since: Option<Instant>,
}

impl Health {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            failures: 0,
            waited: Duration::ZERO,
            up_since: None,
        }
    }

    pub(super) fn connected(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    /// The connection, or the attempt to make one, failed; when to try again.
    pub(super) fn lost(&mut self, now: Instant, random: f64) -> Instant {
        // A server that accepts connections and drops them must not reset the
        // backoff, so a connection counts only when it outlasted its wait.
        let up_since = self.up_since.take();
        if up_since.is_some_and(|since| now.saturating_duration_since(since) >= self.waited) {
            self.failures = 0;
        }
        self.waited = self.backoff.delay(self.failures, random);
        self.failures = self.failures.saturating_add(1);
        now + self.waited
    }
}

/// What becomes of a job after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The error is the job's own.
    Final,
    /// As `Final`, and the server should show that it still answers.
    Overdue,
    /// The server is lost. The job did not run there, so it may run elsewhere.
    MoveUnsent,
    /// The server is lost. The job may have run there; it does no harm twice.
    MoveSent,
    /// The server is lost, the job may have run, and must not run again.
    Unknown,
}

/// Judges the failure of one request. `asked`: it was handed to the connection.
pub(super) fn of_request(kind: ErrorKind, asked: bool, idempotent: bool) -> Verdict {
    match kind {
        ErrorKind::InvalidInput | ErrorKind::Unsupported(_) | ErrorKind::UnsupportedModality(_) => {
            Verdict::Final
        }
        // Whatever else keeps a request from being made is the connection.
        _ if !asked => Verdict::MoveUnsent,
        ErrorKind::NotSent => Verdict::MoveUnsent,
        // "Unavailable" does not say that nothing was run: it also ends a call
        // whose server, or a proxy before it, went away in the middle.
        ErrorKind::OutcomeUnknown
        | ErrorKind::Closed
        | ErrorKind::Rejected(ErrorCode::Unavailable) => {
            if idempotent {
                Verdict::MoveSent
            } else {
                Verdict::Unknown
            }
        }
        ErrorKind::DeadlineExceeded => Verdict::Overdue,
        _ => Verdict::Final,
    }
}

/// Judges the failure of a job of unknown content. That its last request was not
/// sent says nothing about those before it.
pub(super) fn of_task(kind: ErrorKind, repeatable: bool) -> Verdict {
    match kind {
        ErrorKind::NotSent
        | ErrorKind::OutcomeUnknown
        | ErrorKind::Closed
        | ErrorKind::Unreachable
        | ErrorKind::Rejected(ErrorCode::Unavailable) => {
            if repeatable {
                Verdict::MoveSent
            } else {
                Verdict::Unknown
            }
        }
        ErrorKind::DeadlineExceeded => Verdict::Overdue,
        _ => Verdict::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_that_lasts_resets_the_backoff() {
        let backoff = Backoff {
            jitter: 0.0,
            ..Backoff::DOUBLING
        };
        let mut health = Health::new(backoff);
        let mut now = Instant::now();
        let mut waits = Vec::new();
        // Each connection lasts this many seconds; None: it was not made.
        for lasted in [None, None, Some(1), None, Some(8), None] {
            if let Some(seconds) = lasted {
                health.connected(now);
                now += Duration::from_secs(seconds);
            }
            let again = health.lost(now, 0.5);
            waits.push((again - now).as_secs());
            now = again;
        }
        assert_eq!(waits, [1, 2, 4, 8, 1, 2]);
    }

    #[test]
    fn what_may_have_run_moves_only_when_it_does_no_harm_twice() {
        use ErrorKind::{Closed, InvalidInput, NotSent, OutcomeUnknown, Unreachable};
        let refused = ErrorKind::Rejected(ErrorCode::NotFound);
        let stopping = ErrorKind::Rejected(ErrorCode::Unavailable);
        for (kind, asked, idempotent, verdict) in [
            (OutcomeUnknown, true, true, Verdict::MoveSent),
            (OutcomeUnknown, true, false, Verdict::Unknown),
            (NotSent, true, false, Verdict::MoveUnsent),
            (Unreachable, false, false, Verdict::MoveUnsent),
            (Closed, false, false, Verdict::MoveUnsent),
            (Closed, true, false, Verdict::Unknown),
            (stopping, true, true, Verdict::MoveSent),
            (stopping, true, false, Verdict::Unknown),
            (refused, true, true, Verdict::Final),
            (InvalidInput, false, true, Verdict::Final),
        ] {
            assert_eq!(of_request(kind, asked, idempotent), verdict, "{kind:?}");
        }
        assert_eq!(of_task(NotSent, false), Verdict::Unknown);
        assert_eq!(of_task(NotSent, true), Verdict::MoveSent);
        assert_eq!(of_task(refused, true), Verdict::Final);
    }
}
