//! The index from CID to place, against a map, and against those who choose
//! their hashes.

use std::collections::HashMap;

use counterpart::atproto::{Cid, Codec};
use counterpart::repo::block::{Index, Place};
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
            let number = index.insert(&cid, place(n as u64)).unwrap();
            let first = *map.entry(cid).or_insert(place(n as u64));
            prop_assert_eq!(index.place(number), first);
        }
        prop_assert_eq!(index.len(), map.len());
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
    let number = index.insert(&Cid::of_raw(b"x"), largest).unwrap();
    assert!(index.reach(number));
    assert!(!index.reach(number));
    assert_eq!(index.place(number), largest);
    assert!(index.get(&Cid::of_dag_cbor(b"x")).is_none());
}

/// Digests that begin alike cost their maker a search; ours must not grow with them.
#[test]
fn blocks_chosen_to_collide_are_refused() {
    let mut index = Index::default();
    let mut refused = None;
    for n in 0..5000_u32 {
        let mut digest = [9; 32];
        digest[28..].copy_from_slice(&n.to_le_bytes());
        let cid = Cid::from_digest(Codec::DagCbor, digest);
        if let Err(fault) = index.insert(&cid, place(0)) {
            refused = Some((n, fault.label()));
            break;
        }
    }
    assert_eq!(refused, Some((1024, "car_index_flooded")));
}
