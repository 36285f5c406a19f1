//! The queue before the engine thread: taken whole, so that neither side pays for
//! each job by itself.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// A queue with room for this many jobs that have not begun.
pub(super) fn queue<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            jobs: Vec::new(),
            open: true,
        }),
        changed: Condvar::new(),
        waiting: AtomicUsize::new(0),
        capacity,
    });
    let end = Arc::new(SenderEnd(shared.clone()));
    (Sender(end), Receiver(shared))
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Jobs that have not begun, in the queue or taken out of it.
    waiting: AtomicUsize,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    jobs: Vec<T>,
    /// False as soon as either side is gone.
    open: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().open = false;
        self.changed.notify_all();
    }
}

/// The way into the queue. Cheap to clone; the queue ends with the last of them.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<SenderEnd<T>>);

#[derive(Debug)]
struct SenderEnd<T>(Arc<Shared<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Drop for SenderEnd<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Why the queue took no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Full,
    /// The other side is gone.
    Closed,
}

impl<T> Sender<T> {
    /// Puts jobs in, in order, and leaves in `jobs` those that were refused.
    pub(super) fn push_all(&self, jobs: &mut Vec<T>) -> Result<(), Refusal> {
        let shared = &self.0.0;
        let mut state = shared.lock();
        if !state.open {
            return Err(Refusal::Closed);
        }
        let room = shared
            .capacity
            .saturating_sub(shared.waiting.load(Ordering::Relaxed));
        let taken = room.min(jobs.len());
        shared.waiting.fetch_add(taken, Ordering::Relaxed);
        let was_empty = state.jobs.is_empty();
        state.jobs.extend(jobs.drain(..taken));
        drop(state);
        // A receiver that has not taken the earlier ones yet is awake already.
        if was_empty && taken > 0 {
            shared.changed.notify_one();
        }
        if jobs.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Full)
        }
    }

    /// Puts a job in even where there is no room.
    pub(super) fn force(&self, job: T) {
        let shared = &self.0.0;
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        shared.lock().jobs.push(job);
        shared.changed.notify_one();
    }
}

/// The other end of the queue.
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// Takes everything out, in order, into `jobs`, which must be empty. Waits for
    /// the first until then; false when there will be no more.
    pub(super) fn take_all(&self, jobs: &mut Vec<T>, until: Option<Instant>) -> bool {
        let mut state = self.0.lock();
        while state.jobs.is_empty() && state.open {
            let changed = &self.0.changed;
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return true,
                Some(left) => {
                    let woken = changed.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        std::mem::swap(&mut state.jobs, jobs);
        state.open || !jobs.is_empty()
    }

    /// A job that was taken has begun, which makes room for another.
    pub(super) fn begun(&self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
        // Whoever waits for these learns that nobody will do them.
        let left = std::mem::take(&mut self.0.lock().jobs);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_free_only_when_a_job_has_begun() {
        let (sender, receiver) = queue(2);
        let mut jobs = vec![1, 2, 3];
        assert_eq!(sender.push_all(&mut jobs), Err(Refusal::Full));
        assert_eq!(jobs, [3]);
        let mut taken = Vec::new();
        assert!(receiver.take_all(&mut taken, None));
        assert_eq!(taken, [1, 2]);
        assert_eq!(sender.push_all(&mut vec![4]), Err(Refusal::Full));
        receiver.begun();
        assert_eq!(sender.push_all(&mut vec![5]), Ok(()));
        sender.force(6);
        taken.clear();
        assert!(receiver.take_all(&mut taken, None));
        assert_eq!(taken, [5, 6]);
    }

    #[test]
    fn either_end_learns_that_the_other_is_gone() {
        let (sender, receiver) = queue(2);
        let other = sender.clone();
        drop(sender);
        assert_eq!(other.push_all(&mut vec![1]), Ok(()));
        drop(other);
        let mut taken = Vec::new();
        assert!(receiver.take_all(&mut taken, None));
        taken.clear();
        assert!(!receiver.take_all(&mut taken, None));
        let (sender, receiver) = queue(2);
        drop(receiver);
        assert_eq!(sender.push_all(&mut vec![1]), Err(Refusal::Closed));
    }

    #[test]
    fn waiting_ends_at_its_time() {
        let (_sender, receiver) = queue::<u8>(2);
        assert!(receiver.take_all(&mut Vec::new(), Some(Instant::now())));
    }
}
