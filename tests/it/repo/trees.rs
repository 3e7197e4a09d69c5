//! The fast ways with trees, held against slow and obvious ones.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use counterpart::atproto::Cid;
use counterpart::repo::Blocks;
use counterpart::repo::author::RecordMap;
use counterpart::repo::mst::build::build;
use counterpart::repo::mst::diff::diff;
use counterpart::repo::mst::invert::{Change, Stuck, invert};
use counterpart::repo::mst::layer_of;
use counterpart::repo::mst::node::Node;
use counterpart::repo::mst::walk::{Need, Walk};
use proptest::prelude::*;

use super::{authored, numbered, numbered_path, record, record_maps};

type Map = BTreeMap<String, Cid>;

fn map_of(records: &RecordMap) -> Map {
    records.iter().map(|(path, bytes)| (path.to_string(), Cid::of_dag_cbor(bytes))).collect()
}

/// The definition: a node of a layer holds the keys of that layer and, in
/// every gap, the node of the layer below for the keys in the gap.
fn slow_node(entries: &[(&str, Cid)], layer: u8, blocks: &mut HashMap<Cid, Vec<u8>>) -> Option<Cid> {
    if entries.is_empty() {
        return None;
    }
    let mut node = Node::default();
    let mut gap = Vec::new();
    for (key, value) in entries {
        if layer_of(key.as_bytes()) < layer {
            gap.push((*key, *value));
            continue;
        }
        let below = layer.checked_sub(1).and_then(|below| slow_node(&gap, below, blocks));
        below.into_iter().for_each(|cid| node.push_subtree(cid));
        gap.clear();
        node.push(key.as_bytes(), *value);
    }
    let below = layer.checked_sub(1).and_then(|below| slow_node(&gap, below, blocks));
    below.into_iter().for_each(|cid| node.push_subtree(cid));
    Some(keep(&node, blocks))
}

fn keep(node: &Node, blocks: &mut HashMap<Cid, Vec<u8>>) -> Cid {
    let mut bytes = Vec::new();
    node.encode(&mut bytes);
    let cid = Cid::of_dag_cbor(&bytes);
    blocks.insert(cid, bytes);
    cid
}

fn slow_tree(map: &Map) -> (Cid, HashMap<Cid, Vec<u8>>) {
    let mut blocks = HashMap::new();
    let entries: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let top = entries.iter().map(|(key, _)| layer_of(key.as_bytes())).max();
    let root = match top {
        Some(top) => slow_node(&entries, top, &mut blocks).unwrap(),
        None => keep(&Node::default(), &mut blocks),
    };
    (root, blocks)
}

fn fast_tree(map: &Map) -> (Cid, HashMap<Cid, Vec<u8>>) {
    let mut blocks = HashMap::new();
    let entries = map.iter().map(|(key, value)| (key.as_bytes(), *value));
    let root = build(entries, |cid, bytes| {
        blocks.insert(cid, bytes.to_vec());
    });
    (root, blocks)
}

fn walked(root: Cid, blocks: &HashMap<Cid, Vec<u8>>) -> Vec<(String, Cid)> {
    let mut walk = Walk::new(root);
    let mut records = Vec::new();
    loop {
        match walk.need() {
            Need::Node(subtree) => walk.supply(&blocks[&subtree.cid]).unwrap(),
            Need::Record { key, cid } => {
                records.push((String::from_utf8(key.to_vec()).unwrap(), cid));
                walk.pass();
            }
            Need::Nothing => return records,
        }
    }
}

fn slow_diff(old: &Map, new: &Map) -> Vec<(String, Option<Cid>, Option<Cid>)> {
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .map(|key| (key.clone(), old.get(key).copied(), new.get(key).copied()))
        .filter(|(_, before, after)| before != after)
        .collect()
}

/// A store that remembers what was asked of it, and lacks what it is told to.
struct Watched<'a> {
    blocks: &'a HashMap<Cid, Vec<u8>>,
    asked: std::cell::RefCell<HashSet<Cid>>,
    lacks: HashSet<Cid>,
}

impl<'a> Watched<'a> {
    fn new(blocks: &'a HashMap<Cid, Vec<u8>>) -> Self {
        Self { blocks, asked: Default::default(), lacks: HashSet::new() }
    }
}

impl Blocks for Watched<'_> {
    fn block<'b>(&'b self, cid: &Cid, _: &'b mut Vec<u8>) -> io::Result<Option<&'b [u8]>> {
        self.asked.borrow_mut().insert(*cid);
        Ok(self.blocks.get(cid).filter(|_| !self.lacks.contains(cid)).map(Vec::as_slice))
    }
}

/// Some of the keys changed, some dropped, some new ones.
fn changed_maps() -> impl Strategy<Value = (RecordMap, RecordMap)> {
    (record_maps(150), record_maps(12), any::<u64>()).prop_map(|(old, new, dice)| {
        let mut after = old.clone();
        for (at, path) in old.keys().enumerate() {
            match dice.rotate_left(at as u32 * 7) % 23 {
                0 => drop(after.remove(path)),
                1 => drop(after.insert(path.clone(), record("changed"))),
                _ => {}
            }
        }
        after.extend(new);
        (old, after)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_builder_makes_the_tree_of_the_definition(records in record_maps(150)) {
        let map = map_of(&records);
        let (root, blocks) = fast_tree(&map);
        prop_assert_eq!((root, &blocks), (slow_tree(&map).0, &slow_tree(&map).1));
    }

    #[test]
    fn a_walk_meets_every_record_in_order(records in record_maps(150)) {
        let map = map_of(&records);
        let (root, blocks) = slow_tree(&map);
        prop_assert_eq!(walked(root, &blocks), map.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_difference_of_trees_is_the_difference_of_maps((old, new) in changed_maps()) {
        let (old, new) = (map_of(&old), map_of(&new));
        let ((old_root, old_blocks), (new_root, new_blocks)) = (slow_tree(&old), slow_tree(&new));
        let mut found = Vec::new();
        diff((old_root, &old_blocks), (new_root, &new_blocks), |Change { key, before, after }| {
            found.push((String::from_utf8(key.to_vec()).unwrap(), before, after));
        }).unwrap();
        prop_assert_eq!(found, slow_diff(&old, &new));
    }

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

#[test]
fn one_change_in_a_large_tree_reads_a_path_of_each() {
    let old = map_of(&numbered(20_000));
    let mut new = old.clone();
    new.insert(numbered_path(10_000).to_string(), Cid::of_dag_cbor(b"\xa0"));
    let ((old_root, old_blocks), (new_root, new_blocks)) = (fast_tree(&old), fast_tree(&new));
    let (before, after) = (Watched::new(&old_blocks), Watched::new(&new_blocks));
    let mut changes = 0;
    diff((old_root, &before), (new_root, &after), |_| changes += 1).unwrap();
    assert_eq!(changes, 1);
    assert!(before.asked.borrow().len() <= 10, "{} nodes read", before.asked.borrow().len());
    assert_eq!(before.asked.borrow().len(), after.asked.borrow().len());
}

#[test]
fn equal_trees_are_compared_without_reading() {
    let (root, blocks) = fast_tree(&map_of(&numbered(100)));
    let watched = Watched::new(&blocks);
    diff((root, &watched), (root, &watched), |_| panic!("nothing changed")).unwrap();
    assert!(watched.asked.borrow().is_empty());
}

/// The new tree puts a subtree of the old one where its keys do not belong.
/// Passing over it because it is known would call that tree well-formed.
#[test]
fn a_known_subtree_in_the_wrong_place_is_not_passed_over() {
    let records = numbered(400);
    let map = map_of(&records);
    let (old_root, old_blocks) = fast_tree(&map);
    let mut root = Node::default();
    root.read(&old_blocks[&old_root], &mut Default::default()).unwrap();
    assert!(root.len() >= 2 && root.subtree(1).is_some(), "the fixture's root has too little in it");

    // Its first two entries, with the subtree that lies between them before both.
    let mut wrong = Node::default();
    wrong.push_subtree(root.subtree(1).unwrap());
    wrong.push(root.key(0), root.value(0));
    wrong.push(root.key(1), root.value(1));
    let mut new_blocks = old_blocks.clone();
    let new_root = keep(&wrong, &mut new_blocks);
    match diff((old_root, &old_blocks), (new_root, &new_blocks), |_| {}) {
        Err(Stuck::Broken(fault)) => assert_eq!(fault.label(), "node_key_above_range"),
        other => panic!("{other:?}"),
    }
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

#[test]
fn an_authored_repository_has_the_tree_of_the_definition() {
    let records = numbered(321);
    assert_eq!(authored(&records).commit.data, slow_tree(&map_of(&records)).0);
}
