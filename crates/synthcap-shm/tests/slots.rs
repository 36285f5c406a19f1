//! The life of slots, in any order of events.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::collections::VecDeque;

use bytes::Bytes;
use common::{pair, pattern};
use proptest::prelude::*;
use synthcap_shm::{Budget, Error, Lease, Placed, Reader, SlotBuffer};

/// What may happen next. The numbers choose among what there is.
#[derive(Clone, Debug)]
enum Event {
    /// The server takes a buffer of so many bytes and writes it.
    Write(usize),
    Freeze(usize),
    Place(usize),
    /// The server places bytes that lie somewhere else.
    Copy(usize),
    DropBuffer(usize),
    DropBytes(usize),
    /// The client takes the next frame in order.
    Lease,
    DropLease(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let size = 1_usize..9_000;
    let any = any::<usize>();
    let event = prop_oneof![
        4 => size.clone().prop_map(Event::Write),
        3 => any.prop_map(Event::Freeze),
        4 => any.prop_map(Event::Place),
        1 => size.prop_map(Event::Copy),
        1 => any.prop_map(Event::DropBuffer),
        2 => any.prop_map(Event::DropBytes),
        5 => Just(Event::Lease),
        4 => any.prop_map(Event::DropLease),
    ];
    prop::collection::vec(event, 0..200)
}

fn take<T>(from: &mut Vec<T>, choice: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(choice % from.len()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever happens in whatever order: what was written is what is read, for
    /// as long as anybody holds it, and in the end all memory is back.
    #[test]
    fn frames_stay_what_they_were(events in events()) {
        let total = 90_000;
        let budget = Budget::of_bytes(total);
        let (pool, mut reader) = pair(&budget);
        let mut seed = 0;
        let mut buffers: Vec<(u64, SlotBuffer)> = Vec::new();
        let mut written: Vec<(u64, Bytes)> = Vec::new();
        let mut sent: VecDeque<(u64, Placed)> = VecDeque::new();
        let mut leases: Vec<(u64, Lease)> = Vec::new();
        for event in events {
            match event {
                Event::Write(bytes) => if let Some(mut buffer) = pool.buffer(bytes) {
                    seed += 1;
                    prop_assert_eq!(buffer.len(), bytes);
                    prop_assert_eq!(buffer.as_ptr() as usize % 64, 0);
                    buffer.iter_mut().zip(pattern(seed, bytes)).for_each(|(to, from)| *to = from);
                    buffers.push((seed, buffer));
                }
                Event::Freeze(choice) => if let Some((seed, buffer)) = take(&mut buffers, choice) {
                    written.push((seed, buffer.freeze()));
                }
                Event::Place(choice) => if !written.is_empty() {
                    let (seed, bytes) = &written[choice % written.len()];
                    // A second time it is placed by a copy.
                    sent.extend(pool.place(bytes).map(|placed| (*seed, placed)));
                }
                Event::Copy(bytes) => {
                    seed += 1;
                    let bytes: Bytes = pattern(seed, bytes).collect();
                    sent.extend(pool.place(&bytes).map(|placed| (seed, placed)));
                }
                Event::DropBuffer(choice) => drop(take(&mut buffers, choice)),
                Event::DropBytes(choice) => drop(take(&mut written, choice)),
                Event::Lease => if let Some((seed, placed)) = sent.pop_front() {
                    leases.push((seed, reader.lease(placed).unwrap()));
                }
                Event::DropLease(choice) => if let Some((_, lease)) = take(&mut leases, choice) {
                    prop_assert!(lease.is_intact());
                }
            }
            for (seed, lease) in &leases {
                prop_assert!(lease.iter().copied().eq(pattern(*seed, lease.len())));
            }
            for (seed, bytes) in &written {
                prop_assert!(bytes.iter().copied().eq(pattern(*seed, bytes.len())));
            }
        }
        pool.close();
        drop((pool, buffers, written));
        prop_assert_eq!(budget.left_bytes(), total);
        // The server is gone, and the client can still read what it had.
        for (seed, lease) in &leases {
            prop_assert!(lease.iter().copied().eq(pattern(*seed, lease.len())));
        }
    }
}

fn refused(result: Result<Lease, Error>) -> String {
    result.map(drop).unwrap_err().to_string()
}

#[test]
fn a_frame_is_taken_once_and_only_where_it_is() {
    let (pool, mut reader) = pair(&Budget::of_bytes(1 << 20));
    let placed = pool.place(&Bytes::from_static(b"frame")).unwrap();
    let Placed {
        slot,
        generation,
        length,
    } = placed;
    let longer = Placed {
        length: length + 1,
        ..placed
    };
    assert!(refused(reader.lease(longer)).contains("another length"));
    let later = Placed {
        generation: generation + 1,
        ..placed
    };
    assert!(refused(reader.lease(later)).contains("something else"));
    let elsewhere = Placed {
        slot: slot + 1,
        ..placed
    };
    assert!(refused(reader.lease(elsewhere)).contains("is not there"));
    let nowhere = Placed {
        slot: u32::MAX,
        ..placed
    };
    assert!(refused(reader.lease(nowhere)).contains("is not there"));
    // None of which has done any harm.
    let lease = reader.lease(placed).unwrap();
    assert_eq!(&*lease, b"frame");
    assert!(refused(reader.lease(placed)).contains("is not there"));
    drop(lease);
    assert!(refused(reader.lease(placed)).contains("is not there"));
}

#[test]
fn a_slot_is_used_again_when_both_sides_are_done_with_it() {
    let (pool, mut reader) = pair(&Budget::of_bytes(8192));
    let bytes = pool.buffer(1000).unwrap().freeze();
    let placed = pool.place(&bytes).unwrap();
    assert!(pool.buffer(1000).is_none(), "the client has it");
    drop(reader.lease(placed).unwrap());
    assert!(pool.buffer(1000).is_none(), "it is kept here too");
    drop(bytes);
    let again = pool.buffer(1000).unwrap();
    let placed_again = pool.place(&again.freeze()).unwrap();
    assert_eq!(placed_again.slot, placed.slot);
    assert!(placed_again.generation > placed.generation);
}

#[test]
fn sizes_change_within_the_budget() {
    let budget = Budget::of_bytes(300_000);
    let (pool, mut reader) = pair(&budget);
    for bytes in [100, 250_000, 4096, 290_000, 1, 200_000] {
        let frame: Bytes = pattern(bytes as u64, bytes).collect();
        let lease = reader.lease(pool.place(&frame).unwrap()).unwrap();
        assert!(frame == *lease, "{bytes} bytes");
    }
    assert!(pool.buffer(300_000).is_none(), "the header counts too");
    assert!(pool.buffer(usize::MAX).is_none() && pool.buffer(0).is_none());
}

#[test]
fn a_closed_pool_gives_nothing_and_what_was_read_stays() {
    let (pool, mut reader) = pair(&Budget::of_bytes(1 << 20));
    let bytes = Bytes::from(vec![9; 5000]);
    let lease = reader.lease(pool.place(&bytes).unwrap()).unwrap();
    let writing = pool.buffer(100).unwrap();
    pool.close();
    assert!(pool.place(&bytes).is_none() && pool.place(&writing.freeze()).is_none());
    drop(pool);
    assert_eq!(&*lease, bytes);
}

#[test]
fn only_side_sockets_are_connected_to() {
    let refusal = |name: &str| Reader::connect(name, common::LONG).map(drop).unwrap_err();
    assert!(
        refusal("/tmp/.X11-unix/X0")
            .to_string()
            .contains("no name of a side socket")
    );
    assert!(matches!(refusal("synthcap-nobody"), Error::System { .. }));
}

#[test]
fn a_client_that_talks_or_leaves_is_noticed() {
    let (pool, reader) = pair(&Budget::of_bytes(1 << 20));
    assert!(!pool.client_left());
    drop(reader);
    assert!(pool.client_left());
}
