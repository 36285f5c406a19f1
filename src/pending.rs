//! The table of requests that wait for their reply.
//!
//! Pure bookkeeping: no clock, no network, no runtime. An entry leaves exactly
//! once, by [`Pending::remove`] or [`Pending::expire`].

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use crate::RequestId;

/// Requests by ID, each with a deadline.
#[derive(Debug)]
pub(crate) struct Pending<E> {
    entries: HashMap<RequestId, Slot<E>>,
    /// The same IDs, in the order in which they run out of time.
    deadlines: BTreeSet<(Instant, RequestId)>,
}

#[derive(Debug)]
struct Slot<E> {
    deadline: Instant,
    entry: E,
}

impl<E> Pending<E> {
    pub(crate) fn new() -> Self {
        Self {
            entries: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn insert(&mut self, id: RequestId, deadline: Instant, entry: E) {
        self.deadlines.insert((deadline, id));
        if let Some(old) = self.entries.insert(id, Slot { deadline, entry }) {
            self.deadlines.remove(&(old.deadline, id));
        }
    }

    pub(crate) fn get_mut(&mut self, id: RequestId) -> Option<&mut E> {
        self.entries.get_mut(&id).map(|slot| &mut slot.entry)
    }

    pub(crate) fn remove(&mut self, id: RequestId) -> Option<E> {
        let slot = self.entries.remove(&id)?;
        self.deadlines.remove(&(slot.deadline, id));
        Some(slot.entry)
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out one entry whose deadline has come, the earliest first.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(RequestId, E)> {
        let &(deadline, id) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        Some((id, self.remove(id)?))
    }

    /// The IDs of the entries that fulfil a condition, in the order in which the
    /// requests were made.
    pub(crate) fn ids_where(&self, mut condition: impl FnMut(&E) -> bool) -> Vec<RequestId> {
        let chosen = self
            .entries
            .iter()
            .filter(|(_, slot)| condition(&slot.entry));
        let mut ids: Vec<_> = chosen.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn entries_expire_in_the_order_of_their_deadlines() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pending = Pending::new();
        for (id, seconds) in [(1, 30), (2, 10), (3, 20)] {
            pending.insert(RequestId::new(id), after(seconds), id);
        }
        assert_eq!(pending.next_deadline(), Some(after(10)));
        assert_eq!(pending.expire(after(9)), None);
        assert_eq!(pending.expire(after(25)), Some((RequestId::new(2), 2)));
        assert_eq!(pending.expire(after(25)), Some((RequestId::new(3), 3)));
        assert_eq!(pending.expire(after(25)), None);
        assert_eq!(pending.remove(RequestId::new(1)), Some(1));
        assert_eq!((pending.len(), pending.next_deadline()), (0, None));
    }
}
