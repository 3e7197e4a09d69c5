//! Undoing operations: what is proven by it, and what must not be.

use std::collections::HashMap;

use counterpart::atproto::Cid;
use counterpart::repo::mst::invert::{Change, Stuck, invert};
use counterpart::repo::mst::layer_of;
use counterpart::repo::mst::node::Node;
use proptest::prelude::*;

use super::trees::{Map, Watched, changed_maps, fast_tree, keep, map_of, slow_diff, slow_tree};
use super::{record, record_maps};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn undoing_all_changes_leads_to_the_tree_before((old, new) in changed_maps()) {
        let (old, new) = (map_of(&old), map_of(&new));
        let (new_root, new_blocks) = slow_tree(&new);
        let changed = slow_diff(&old, &new);
        let changes: Vec<_> = changed
            .iter()
            .map(|(key, before, after)| Change { key: key.as_bytes(), before: *before, after: *after })
            .collect();
        let undone = invert(new_root, &changes, &new_blocks, |_| {}).unwrap();
        prop_assert_eq!(undone, slow_tree(&old).0);
    }

    /// Leaving out one operation, or telling one that was not, leads elsewhere.
    #[test]
    fn undoing_other_changes_leads_elsewhere((old, new) in changed_maps(), at: prop::sample::Index) {
        let (old, new) = (map_of(&old), map_of(&new));
        let changed = slow_diff(&old, &new);
        prop_assume!(!changed.is_empty());
        let (new_root, new_blocks) = slow_tree(&new);
        let left_out = at.index(changed.len());
        let changes: Vec<_> = changed
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != left_out)
            .map(|(_, (key, before, after))| Change { key: key.as_bytes(), before: *before, after: *after })
            .collect();
        let undone = invert(new_root, &changes, &new_blocks, |_| {}).unwrap();
        prop_assert_ne!(undone, slow_tree(&old).0);
    }

    /// A tree that is not the one tree of its keys is never taken for what the
    /// operations led to, however little it differs and whatever is sent of it.
    #[test]
    fn a_tree_that_is_not_the_right_one_is_never_proven((old, new) in changed_maps(), dice: u64) {
        let (old, new) = (map_of(&old), map_of(&new));
        let (old_root, old_blocks) = slow_tree(&old);
        let (new_root, mut blocks) = slow_tree(&new);
        blocks.extend(old_blocks);
        let wrong = perturbed(new_root, &mut blocks, dice);
        if wrong == new_root {
            return Ok(());
        }
        let changed = slow_diff(&old, &new);
        let changes: Vec<_> = changed
            .iter()
            .map(|(key, before, after)| Change { key: key.as_bytes(), before: *before, after: *after })
            .collect();
        if let Ok(undone) = invert(wrong, &changes, &blocks, |_| {}) {
            prop_assert_ne!(undone, old_root);
        }
    }

    /// Whatever is claimed, of whatever part of a tree, it is judged and nothing panics.
    #[test]
    fn undoing_whatever_is_claimed_comes_to_an_end(
        records in record_maps(80),
        claims in record_maps(10),
        dice: u64,
    ) {
        let map = map_of(&records);
        let (root, blocks) = slow_tree(&map);
        let mut claimed = map_of(&claims);
        claimed.extend(map.iter().enumerate().filter(|(at, _)| dice >> (at % 64) & 1 == 1).take(8).map(
            |(_, (key, cid))| (key.clone(), *cid),
        ));
        let other = Some(Cid::of_dag_cbor(b"\xa0"));
        let changes: Vec<_> = claimed.iter().enumerate().map(|(at, (key, cid))| {
            let (before, after) = match dice.rotate_right(at as u32 * 3) % 5 {
                0 => (None, Some(*cid)),
                1 => (other, Some(*cid)),
                2 => (other, None),
                3 => (None, other),
                _ => (None, None),
            };
            Change { key: key.as_bytes(), before, after }
        }).collect();
        let mut watched = Watched::new(&blocks);
        let _ = invert(root, &changes, &watched, |_| {});
        watched.lacks.extend(blocks.keys().enumerate().filter(|(at, _)| dice >> (at % 61) & 3 == 3).map(|(_, cid)| *cid));
        let _ = invert(root, &changes, &watched, |_| {});
    }

    /// Every node it asks for is one that it cannot do without.
    #[test]
    fn without_a_node_it_needs_an_inversion_says_which((old, new) in changed_maps()) {
        let (old, new) = (map_of(&old), map_of(&new));
        let (new_root, new_blocks) = slow_tree(&new);
        let changed = slow_diff(&old, &new);
        let changes: Vec<_> = changed
            .iter()
            .map(|(key, before, after)| Change { key: key.as_bytes(), before: *before, after: *after })
            .collect();
        let watched = Watched::new(&new_blocks);
        invert(new_root, &changes, &watched, |_| {}).unwrap();
        for needed in watched.asked.take() {
            let mut lacking = Watched::new(&new_blocks);
            lacking.lacks.insert(needed);
            match invert(new_root, &changes, &lacking, |_| {}) {
                Err(Stuck::Missing { cid }) => prop_assert_eq!(cid, needed),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

/// The tree with one node made another: an entry gone, moved or doubled, or a
/// subtree exchanged for another one, put elsewhere, or taken out.
pub fn perturbed(root: Cid, blocks: &mut HashMap<Cid, Vec<u8>>, mut dice: u64) -> Cid {
    let mut roll = |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % below
    };
    let mut node = Node::default();
    node.read(&blocks[&root], &mut Default::default()).unwrap();
    let mut slots = slots_of(&node);
    let subtrees: Vec<_> = (0..slots.len()).filter(|at| matches!(slots[*at], Slot::Subtree(_))).collect();
    let deeper = !subtrees.is_empty() && roll(3) > 0;
    if deeper {
        let at = subtrees[roll(subtrees.len())];
        let Slot::Subtree(below) = slots[at] else { unreachable!() };
        slots[at] = Slot::Subtree(perturbed(below, blocks, dice ^ 0x5555));
    } else if slots.is_empty() {
        return root;
    } else {
        let at = roll(slots.len());
        match roll(4) {
            0 => drop(slots.remove(at)),
            1 => {
                let slot = slots.remove(at);
                slots.insert(roll(slots.len() + 1), slot);
            }
            2 => {
                let mut others: Vec<_> = blocks.keys().copied().collect();
                others.sort_unstable();
                slots.insert(at, Slot::Subtree(others[roll(others.len())]));
            }
            _ => {
                let other = roll(slots.len());
                slots.swap(at, other);
            }
        }
    }
    let mut changed = Node::default();
    for slot in slots {
        match slot {
            Slot::Subtree(cid) => changed.push_subtree(cid),
            Slot::Entry(key, value) => changed.push(&key, value),
        }
    }
    keep(&changed, blocks)
}

enum Slot {
    Subtree(Cid),
    Entry(Vec<u8>, Cid),
}

fn slots_of(node: &Node) -> Vec<Slot> {
    let gap = |gap| node.subtree(gap).map(Slot::Subtree);
    let mut slots: Vec<_> = gap(0).into_iter().collect();
    for entry in 0..node.len() {
        slots.push(Slot::Entry(node.key(entry).to_vec(), node.value(entry)));
        slots.extend(gap(entry + 1));
    }
    slots
}

/// The new key is linked before a subtree whose keys are smaller. Taking the
/// key away again gives the old tree exactly, without that subtree being read.
#[test]
fn a_new_key_on_the_wrong_side_of_an_unread_subtree_is_found_out() {
    let top =
        (0..).map(|n| format!("com.example.note/z{n}")).find(|key| layer_of(key.as_bytes()) == 1).unwrap();
    let low = |prefix: &str| {
        let key = (0..).map(|n| format!("com.example.note/{prefix}{n}"));
        key.into_iter().find(|key| layer_of(key.as_bytes()) == 0).unwrap()
    };
    let created =
        (0..).map(|n| format!("com.example.note/c{n}")).find(|key| layer_of(key.as_bytes()) == 1).unwrap();
    let value = Cid::of_dag_cbor(&record("a value"));
    let old: Map = [(low("b"), value), (top.clone(), value)].into();
    let (old_root, mut blocks) = fast_tree(&old);
    let mut before = Node::default();
    before.read(&blocks[&old_root], &mut Default::default()).unwrap();

    // `c…` before the subtree that holds `b…`.
    let mut wrong = Node::default();
    wrong.push(created.as_bytes(), value);
    wrong.push_subtree(before.subtree(0).unwrap());
    wrong.push(top.as_bytes(), value);
    let new_root = keep(&wrong, &mut blocks);
    let change = Change { key: created.as_bytes(), before: None, after: Some(value) };
    match invert(new_root, &[change], &blocks, |_| {}) {
        Err(Stuck::Broken(fault)) => assert_eq!(fault.label(), "node_key_below_range"),
        other => panic!("{other:?}"),
    }
    let mut lacking = Watched::new(&blocks);
    lacking.lacks.insert(before.subtree(0).unwrap());
    assert!(matches!(invert(new_root, &[change], &lacking, |_| {}), Err(Stuck::Missing { .. })));
}
