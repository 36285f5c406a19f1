//! Which server makes which samples: runs of a few, near the one that is written
//! next, and again what a server that died has left undone.

use std::{collections::BTreeSet, ops::Range, sync::Mutex, sync::PoisonError};

use tokio::sync::Notify;

/// Samples of a run: few, so that servers far apart in speed end together and no more
/// than a few samples wait in memory for those before them.
const RUN: u64 = 8;

/// Hands out runs of samples.
#[derive(Debug)]
pub(super) struct Dispatch {
    state: Mutex<State>,
    changed: Notify,
    /// Samples beyond the next to be written that may be asked for.
    window: u64,
}

#[derive(Debug)]
struct State {
    /// The first that was never handed out.
    next: u64,
    end: u64,
    /// Handed out and given back.
    returned: BTreeSet<u64>,
    /// All before it are written.
    written: u64,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// These samples.
    Run(Range<u64>),
    /// Nothing until others are further on.
    Later,
    /// Nothing any more.
    Done,
}

impl Dispatch {
    /// For these samples and so many servers.
    pub(super) fn new(samples: Range<u64>, servers: usize) -> Self {
        Self {
            state: Mutex::new(State {
                next: samples.start,
                end: samples.end,
                returned: BTreeSet::new(),
                written: samples.start,
            }),
            changed: Notify::new(),
            window: 2 * RUN * servers.max(1) as u64,
        }
    }

    /// What there is to do now.
    pub(super) fn look(&self) -> Work {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.written == state.end {
            return Work::Done;
        }
        if let Some(first) = state.returned.first().copied() {
            let run = (first..).take_while(|k| state.returned.contains(k) && *k < first + RUN);
            let end = run.last().map_or(first, |last| last + 1);
            (first..end).for_each(|k| {
                state.returned.remove(&k);
            });
            return Work::Run(first..end);
        }
        let last = (state.next + RUN).min(state.end);
        if state.next == state.end || last > state.written.saturating_add(self.window) {
            return Work::Later;
        }
        let run = state.next..last;
        state.next = last;
        Work::Run(run)
    }

    /// Waits for something to do; `None` once all is done.
    ///
    /// Cancel safe.
    pub(super) async fn take(&self) -> Option<Range<u64>> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.look() {
                Work::Run(run) => return Some(run),
                Work::Done => return None,
                Work::Later => changed.await,
            }
        }
    }

    /// Samples that somebody else has to make.
    pub(super) fn give_back(&self, samples: impl IntoIterator<Item = u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.returned.extend(samples);
        drop(state);
        self.changed.notify_waiters();
    }

    /// All samples before this one are written.
    pub(super) fn written(&self, next: u64) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .written = next;
        self.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_handed_out_once_and_returned_ones_again() {
        let dispatch = Dispatch::new(3..20, 2);
        assert_eq!(dispatch.look(), Work::Run(3..11));
        assert_eq!(dispatch.look(), Work::Run(11..19));
        dispatch.give_back(5..11);
        assert_eq!(dispatch.look(), Work::Run(5..11));
        assert_eq!(dispatch.look(), Work::Run(19..20));
        assert_eq!(dispatch.look(), Work::Later, "somebody may still fail");
        dispatch.written(20);
        assert_eq!(dispatch.look(), Work::Done);
    }

    #[test]
    fn nobody_runs_far_ahead() {
        let dispatch = Dispatch::new(0..1000, 1);
        assert_eq!(dispatch.look(), Work::Run(0..8));
        assert_eq!(dispatch.look(), Work::Run(8..16));
        assert_eq!(dispatch.look(), Work::Later);
        dispatch.written(8);
        assert_eq!(dispatch.look(), Work::Run(16..24));
    }
}
