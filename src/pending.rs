//! The table of requests that wait for their reply.
//!
//! Pure bookkeeping: no clock, no network, no runtime. An entry leaves exactly
//! once, by [`Pending::remove`] or [`Pending::expire`].

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    time::Instant,
};

use crate::RequestId;

/// A map by request IDs, which are counted up and so need little hashing.
pub(crate) type ById<V> = HashMap<RequestId, V, BuildHasherDefault<IdHasher>>;

/// Spreads the bits of a number that nobody but us chooses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The odd number next to 2^64 over the golden ratio.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

/// Requests by ID, each with a deadline.
#[derive(Debug)]
pub(crate) struct Pending<E> {
    entries: ById<Slot<E>>,
    /// Deadlines that came in their order, as nearly all do because most requests
    /// may take the same time. Some are of entries that have left.
    in_order: VecDeque<(Instant, RequestId)>,
    /// The others, in the order in which they run out of time.
    out_of_order: BTreeSet<(Instant, RequestId)>,
}

#[derive(Debug)]
struct Slot<E> {
    deadline: Instant,
    entry: E,
}

impl<E> Pending<E> {
    pub(crate) fn new() -> Self {
        Self {
            entries: HashMap::default(),
            in_order: VecDeque::new(),
            out_of_order: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn insert(&mut self, id: RequestId, deadline: Instant, entry: E) {
        self.remove(id);
        if self
            .in_order
            .back()
            .is_none_or(|(last, _)| *last <= deadline)
        {
            self.in_order.push_back((deadline, id));
        } else {
            self.out_of_order.insert((deadline, id));
        }
        self.entries.insert(id, Slot { deadline, entry });
    }

    pub(crate) fn get_mut(&mut self, id: RequestId) -> Option<&mut E> {
        self.entries.get_mut(&id).map(|slot| &mut slot.entry)
    }

    pub(crate) fn remove(&mut self, id: RequestId) -> Option<E> {
        let slot = self.entries.remove(&id)?;
        if !self.out_of_order.is_empty() {
            self.out_of_order.remove(&(slot.deadline, id));
        }
        self.forget_left();
        Some(slot.entry)
    }

    /// Drops deadlines of entries that have left: from the front, where they
    /// matter, and all when they outnumber the others.
    fn forget_left(&mut self) {
        let entries = &self.entries;
        let is_there = |&(deadline, id): &(Instant, RequestId)| {
            entries
                .get(&id)
                .is_some_and(|slot| slot.deadline == deadline)
        };
        while self.in_order.front().is_some_and(|first| !is_there(first)) {
            self.in_order.pop_front();
        }
        if self.in_order.len() > 2 * entries.len() + 64 {
            self.in_order.retain(is_there);
        }
    }

    /// The entry that runs out of time first.
    fn first(&self) -> Option<(Instant, RequestId)> {
        let firsts = [self.in_order.front(), self.out_of_order.first()];
        firsts.into_iter().flatten().min().copied()
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.first().map(|(deadline, _)| deadline)
    }

    /// Takes out one entry whose deadline has come, the earliest first.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(RequestId, E)> {
        let (deadline, id) = self.first()?;
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

    #[test]
    fn deadlines_of_those_that_left_do_not_pile_up() {
        let start = Instant::now();
        let mut pending = Pending::new();
        // The first stays, so that those behind it leave from the middle.
        for id in 0..10_000 {
            pending.insert(RequestId::new(id), start + Duration::from_micros(id), ());
            if id > 100 {
                pending.remove(RequestId::new(id - 1));
            }
        }
        assert!(pending.in_order.len() < 400, "{}", pending.in_order.len());
        assert_eq!(pending.next_deadline(), Some(start));
        assert_eq!(
            pending
                .expire(start + Duration::from_secs(1))
                .map(|(id, ())| id.get()),
            Some(0)
        );
    }
}
