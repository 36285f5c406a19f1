//! Bounds what is on its way, and tells the pusher of failures.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::stopped;
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Gate {
    max_samples: usize,
    max_bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    samples: usize,
    bytes: usize,
    written: u64,
    failure: Option<Error>,
}

impl Gate {
    pub(super) fn new(max_samples: usize, max_bytes: usize) -> Self {
        Self {
            max_samples,
            max_bytes,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Waits until there is room; fails once anything has failed.
    pub(super) fn enter(&self, bytes: usize) -> Result<()> {
        let full = |state: &mut State| {
            // The first sample always gets in, however large.
            state.failure.is_none()
                && state.samples > 0
                && (state.samples >= self.max_samples
                    || state.bytes.saturating_add(bytes) > self.max_bytes)
        };
        let waited = self.changed.wait_while(self.state(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        state.samples += 1;
        state.bytes += bytes;
        Ok(())
    }

    /// A sample has left: to the files, or dropped after a failure.
    pub(super) fn leave(&self, bytes: usize, written: bool) {
        let mut state = self.state();
        state.samples -= 1;
        state.bytes -= bytes;
        state.written += u64::from(written);
        self.changed.notify_all();
    }

    /// Nothing gets in any more.
    pub(super) fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
        self.changed.notify_all();
    }

    pub(super) fn failure(&self) -> Option<Error> {
        self.state().failure.clone()
    }

    pub(super) fn written(&self) -> u64 {
        self.state().written
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counters stay true whatever thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by a thread of the pipeline: when it panics, nobody waits for it.
#[derive(Debug)]
pub(super) struct Alarm(Arc<Gate>);

impl Alarm {
    pub(super) fn new(gate: &Arc<Gate>) -> Self {
        Self(gate.clone())
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(stopped());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn one_too_many_waits_for_another_to_leave() {
        let gate = Arc::new(Gate::new(2, 1000));
        gate.enter(10).expect("room");
        gate.enter(10).expect("room");
        let third = thread::spawn({
            let gate = gate.clone();
            move || gate.enter(10)
        });
        gate.leave(10, true);
        third
            .join()
            .expect("no panic")
            .expect("room after one left");
        assert_eq!(gate.written(), 1);
    }

    #[test]
    fn a_sample_above_the_bound_gets_in_alone() {
        let gate = Gate::new(8, 100);
        gate.enter(5000).expect("first");
        gate.leave(5000, true);
        gate.enter(100).expect("exactly full");
    }

    #[test]
    fn a_failure_wakes_who_waits() {
        let gate = Arc::new(Gate::new(1, 1000));
        gate.enter(1).expect("room");
        let waiting = thread::spawn({
            let gate = gate.clone();
            move || gate.enter(1)
        });
        gate.fail(Error::new(ErrorKind::DiskFull, "full", "free"));
        let error = waiting.join().expect("no panic").expect_err("failed");
        assert_eq!(error.kind(), ErrorKind::DiskFull);
    }
}
