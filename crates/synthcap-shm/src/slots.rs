//! Which slot may be written next: the server's half of the life cycle.

use std::{
    ops::RangeInclusive,
    sync::{Arc, atomic::Ordering},
};

use crate::{
    MAX_SLOTS, Placed,
    budget::Share,
    layout::{LENGTH_AT, PIXELS_AT, Phase, STATE_AT, slot_header, state},
    memory::Mapping,
};

/// The memory of one slot.
#[derive(Debug)]
pub(crate) struct Slab {
    memory: Mapping,
    _share: Share,
}

impl Slab {
    #[allow(
        unsafe_code,
        reason = "the header is written before anybody else has it"
    )]
    pub(crate) fn new(number: u32, memory: Mapping, share: Share) -> Self {
        let header = slot_header(number);
        // SAFETY: the memory was just made and nobody else has it yet.
        unsafe { memory.slice_mut(0, header.len()) }.copy_from_slice(&header);
        Self {
            memory,
            _share: share,
        }
    }

    pub(crate) fn memory(&self) -> &Mapping {
        &self.memory
    }

    fn capacity(&self) -> usize {
        self.memory.len() - PIXELS_AT
    }

    fn set(&self, generation: u64, phase: Phase) {
        let word = self.memory.word(STATE_AT);
        word.store(state(generation, phase), Ordering::Release);
    }
}

/// Who has a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// Nobody.
    Free,
    /// This process, which writes it or has written it and not said so.
    Here,
    /// The client, until it says otherwise; and this process too, if it still
    /// keeps what it wrote.
    Client { and_here: bool },
}

#[derive(Debug)]
struct Slot {
    /// `None`: the number is not in use.
    slab: Option<Arc<Slab>>,
    /// Counts the writings; goes on when the memory is replaced.
    generation: u64,
    hold: Hold,
}

/// All slots of one client.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
}

impl Slots {
    /// Notes what the client has given back. `released` is its word for a slot.
    pub(crate) fn reclaim(&mut self, released: impl Fn(usize) -> u64) {
        for (number, slot) in self.slots.iter_mut().enumerate() {
            let out = slot.hold == Hold::Client { and_here: false };
            if out && released(number) == slot.generation {
                slot.hold = Hold::Free;
                if let Some(slab) = &slot.slab {
                    slab.set(slot.generation, Phase::Free);
                }
            }
        }
    }

    /// The free slot of the least capacity within the range; among equals the
    /// first, so that few slots are in use and stay in the caches.
    pub(crate) fn free(&self, capacity: RangeInclusive<usize>) -> Option<usize> {
        let free = self.slots.iter().enumerate().filter_map(|(number, slot)| {
            let slab = slot.slab.as_ref().filter(|_| slot.hold == Hold::Free)?;
            let fits = capacity.contains(&slab.capacity());
            fits.then_some((slab.capacity(), number))
        });
        free.min().map(|(_, number)| number)
    }

    /// A number that is not in use, if there is one.
    pub(crate) fn unused(&mut self) -> Option<usize> {
        let unused = self.slots.iter().position(|slot| slot.slab.is_none());
        unused.or_else(|| {
            (self.slots.len() < MAX_SLOTS as usize).then(|| {
                self.slots.push(Slot {
                    slab: None,
                    generation: 0,
                    hold: Hold::Free,
                });
                self.slots.len() - 1
            })
        })
    }

    pub(crate) fn install(&mut self, number: usize, slab: Slab) {
        self.slots[number].slab = Some(Arc::new(slab));
    }

    /// Lets go of the memory of a free slot.
    pub(crate) fn retire(&mut self, number: usize) {
        self.slots[number].slab = None;
    }

    /// A free slot is going to be written; its memory and new generation.
    pub(crate) fn begin(&mut self, number: usize) -> Option<(Arc<Slab>, u64)> {
        let slot = &mut self.slots[number];
        let slab = slot.slab.clone()?;
        slot.generation += 1;
        slot.hold = Hold::Here;
        slab.set(slot.generation, Phase::Writing);
        Some((slab, slot.generation))
    }

    /// The written slot in whose memory these bytes are, if it has not been
    /// given to the client yet.
    pub(crate) fn holding(&self, bytes: &[u8]) -> Option<usize> {
        self.slots.iter().position(|slot| {
            slot.hold == Hold::Here
                && slot.slab.as_ref().is_some_and(|slab| {
                    std::ptr::eq(slab.memory.at(PIXELS_AT), bytes.as_ptr())
                        && bytes.len() <= slab.capacity()
                })
        })
    }

    /// Gives a written slot to the client.
    pub(crate) fn publish(&mut self, number: usize, bytes: usize) -> Option<Placed> {
        let slot = &mut self.slots[number];
        let slab = slot.slab.as_ref()?;
        let length = bytes as u64;
        let word = slab.memory.word(LENGTH_AT);
        word.store(length, Ordering::Relaxed);
        slab.set(slot.generation, Phase::Ready);
        slot.hold = Hold::Client { and_here: true };
        Some(Placed {
            slot: number as u32,
            generation: slot.generation,
            length,
        })
    }

    /// This process no longer keeps what it wrote.
    pub(crate) fn let_go(&mut self, number: usize, generation: u64) {
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        if slot.generation != generation {
            return;
        }
        slot.hold = match slot.hold {
            Hold::Client { .. } => Hold::Client { and_here: false },
            Hold::Here | Hold::Free => {
                if let Some(slab) = &slot.slab {
                    slab.set(generation, Phase::Free);
                }
                Hold::Free
            }
        };
    }

    /// Forgets every slot: the client is gone.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }
}
