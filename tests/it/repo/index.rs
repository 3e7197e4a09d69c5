//! The index from CID to place, against a map, and against those who choose
//! their hashes.

use std::collections::HashMap;

use counterpart::atproto::{Cid, Codec};
use counterpart::repo::block::{Index, Place, Reached};
use proptest::prelude::*;

fn place(n: u64) -> Place {
    Place { offset: n * 1_000_003 % (1 << 41), length: (n * 7919 % (1 << 21)) as u32 }
}

proptest! {
    #[test]
    fn it_answers_as_a_map_would(seeds in proptest::collection::vec((0..500_u32, any::<bool>()), 0..1500)) {
        let (mut index, mut map) = (Index::default(), HashMap::new());
        for (n, (seed, raw)) in seeds.iter().enumerate() {
            let bytes = seed.to_le_bytes();
            let cid = if *raw { Cid::of_raw(&bytes) } else { Cid::of_dag_cbor(&bytes) };
            index.note(&cid, place(n as u64));
            map.entry(cid).or_insert(place(n as u64));
            // Now and then, so that the table grows beside entries it does not know.
            if n % 97 == 0 {
                index.file().unwrap();
            }
        }
        index.file().unwrap();
        prop_assert_eq!(index.len(), seeds.len());
        for (cid, place) in &map {
            prop_assert_eq!(index.get(cid).map(|(_, place)| place), Some(*place));
        }
        prop_assert!(index.get(&Cid::of_raw(b"never inserted")).is_none());
    }
}

#[test]
fn a_block_is_reached_for_the_first_time_once() {
    let mut index = Index::default();
    let largest = Place { offset: (1 << 41) - 1, length: (1 << 21) - 1 };
    let number = index.note(&Cid::of_raw(b"x"), largest);
    index.file().unwrap();
    assert!(index.reach(number));
    assert!(!index.reach(number));
    assert_eq!(index.place(number), largest);
    assert!(index.get(&Cid::of_dag_cbor(b"x")).is_none());
}

/// Digests that begin alike cost their maker a search; ours must not grow with them.
#[test]
fn blocks_chosen_to_collide_are_refused() {
    let mut index = Index::default();
    for n in 0..1024_u32 {
        index.note(&colliding(n), place(0));
        index.file().unwrap();
    }
    assert!(index.get(&colliding(1023)).is_some());
    index.note(&colliding(1024), place(0));
    assert_eq!(index.file().unwrap_err().label(), "car_index_flooded");
}

#[test]
fn a_copy_that_was_reached_is_counted_once() {
    let mut index = Index::default();
    let cid = Cid::of_dag_cbor(b"x");
    for offset in [100, 200, 300] {
        let number = index.note(&cid, Place { offset, length: 1 });
        assert!(index.reach(number));
    }
    index.file().unwrap();
    assert_eq!(index.copies_reached(), Reached { blocks: 2, bytes: 2 });
    assert_eq!(index.get(&cid).unwrap().1.offset, 100);
    // The table grows, and meets the copies a second time.
    for n in 0..1000_u32 {
        index.note(&Cid::of_dag_cbor(&n.to_le_bytes()), place(u64::from(n)));
    }
    index.file().unwrap();
    assert_eq!(index.copies_reached(), Reached { blocks: 2, bytes: 2 });
}

fn colliding(n: u32) -> Cid {
    let mut digest = [9; 32];
    digest[28..].copy_from_slice(&n.to_le_bytes());
    Cid::from_digest(Codec::DagCbor, digest)
}
