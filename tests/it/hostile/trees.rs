//! The tree: how its nodes hang together. Every node here is right by itself.

use counterpart::atproto::Cid;
use counterpart::repo::mst::layer_of;

use super::Case;
use super::forge::{
    Below, Block, RawNode, car_of_tree, car_of_tree_and, key_of, real, real_car, some_record, tree,
};
use crate::repo::record;

pub fn cases() -> Vec<Case> {
    [layers(), empty_nodes(), ranges(), links(), bombs()].into_iter().flatten().collect()
}

fn case(rule: &str, expected: &str, root: &RawNode) -> Case {
    Case::car(rule, expected, car_of_tree(root))
}

/// The real tree after a change. Its root has the notes 2, 7 and 47 of layer 2.
fn changed(rule: &str, expected: &str, change: impl FnOnce(&mut RawNode)) -> Case {
    let mut root = tree(&real());
    change(&mut root);
    case(rule, expected, &root)
}

fn child(below: &mut Option<Below>) -> &mut RawNode {
    match below {
        Some(Below::Node(node)) => node,
        _ => panic!("there is no node"),
    }
}

fn layers() -> Vec<Case> {
    vec![
        changed("a layer skipped", "node_layer", |root| {
            root.left = Some(RawNode::of(&[&key_of(0, "-")]).into());
        }),
        changed("a node as high as its parent", "node_layer", |root| {
            root.left = Some(RawNode::of(&[&key_of(2, "-")]).into());
        }),
        changed("a node higher than its parent", "node_layer", |root| {
            *root.leaf() = RawNode::of(&[&key_of(3, "000003-")]);
        }),
        changed("a leaf of the layer above", "node_layer", |root| {
            *root.leaf() = RawNode::of(&[&key_of(1, "000003-")]);
        }),
        changed("something below the bottom", "node_below_bottom", |root| {
            let below = RawNode::of(&[&key_of(0, "000002-")]);
            root.leaf().left = Some(below.into());
        }),
    ]
}

fn empty_nodes() -> Vec<Case> {
    let root = tree(&real());
    let hold = |root: RawNode, count: usize| (0..count).fold(root, |root, _| RawNode::between(root));
    vec![
        changed("an empty leaf", "node_empty", |root| *root.leaf() = RawNode::default()),
        changed("an empty node in the middle that leads nowhere", "node_empty", |root| {
            root.left = Some(RawNode::default().into());
        }),
        changed("an empty node that leads to an empty leaf", "node_empty", |root| {
            root.left = Some(RawNode::between(RawNode::default()).into());
        }),
        case("an empty node at the top", "node_empty_top", &hold(root.clone(), 1)),
        case("ten empty nodes at the top", "node_empty_top", &hold(root, 10)),
        case("an empty node at the top of an empty leaf", "node_empty_top", &hold(RawNode::default(), 1)),
    ]
}

fn ranges() -> Vec<Case> {
    vec![
        changed("two subtrees in each other's place", "node_key_above_range", |root| {
            std::mem::swap(&mut root.left, &mut root.entries[0].right);
        }),
        changed("a key before the one that its leaf comes after", "node_key_below_range", |root| {
            let middle = child(&mut root.left);
            let after = child(&mut middle.entries[0].right);
            *after = RawNode::of(&[&key_of(0, "-")]);
        }),
        changed("a key beyond the neighbour two layers up", "node_key_above_range", |root| {
            let middle = child(&mut root.left);
            let last = middle.entries.last_mut().unwrap();
            last.right = Some(RawNode::of(&[&key_of(0, "zzz")]).into());
        }),
        changed("a key before the neighbour two layers up", "node_key_below_range", |root| {
            let middle = child(&mut root.entries.last_mut().unwrap().right);
            middle.left = Some(RawNode::of(&[&key_of(0, "000000-")]).into());
        }),
        changed("a subtree linked twice", "node_key_below_range", |root| {
            root.entries[0].right = root.left.clone();
        }),
        changed("a leaf linked in two branches", "node_key_below_range", |root| {
            let leaf = root.leaf().clone();
            *child(&mut root.entries.last_mut().unwrap().right).leaf() = leaf;
        }),
    ]
}

fn links() -> Vec<Case> {
    let nobody = Cid::of_dag_cbor(b"nobody has this");
    let text = record("note 7");
    let commit = real().commit.encode();
    vec![
        changed("a subtree that is not there", "node_missing", |root| {
            root.entries[0].right = Some(Below::Link(nobody));
        }),
        changed("a leaf that is not there", "node_missing", |root| {
            child(&mut root.left).left = Some(Below::Link(nobody));
        }),
        changed("a record that is not there", "record_missing", |root| root.leaf().entries[1].value = nobody),
        changed("a record for a subtree", "cbor_key", |root| root.left = Some(Below::Bytes(text))),
        changed("a commit for a subtree", "cbor_unexpected", |root| root.left = Some(Below::Bytes(commit))),
    ]
}

fn bombs() -> Vec<Case> {
    let (root, more) = chain(40);
    let (deep, deeper) = chain(10_000);
    let (wide, below) = bomb(6, 16);
    let (thin, under) = bomb(8, 1);
    vec![
        Case::car("a chain of forty empty nodes", "node_below_bottom", car_of_tree_and(&root, more)),
        Case::car("a chain of ten thousand empty nodes", "node_below_bottom", car_of_tree_and(&deep, deeper)),
        Case::car(
            "each subtree linked seventeen times",
            "node_key_below_range",
            car_of_tree_and(&wide, below),
        ),
        Case::car("each subtree linked twice", "node_key_below_range", car_of_tree_and(&thin, under)),
        Case::car("the real repository a thousand times as deep", "node_empty_top", deep_real()),
    ]
}

/// The real root with empty nodes below it on the left, one below the other.
fn chain(length: usize) -> (RawNode, Vec<Block>) {
    let mut blocks = Vec::new();
    let mut cid = block(&RawNode::of(&[&key_of(0, "-")]), &mut blocks);
    for _ in 0..length {
        cid = block(&RawNode::between(Below::Link(cid)), &mut blocks);
    }
    let mut root = tree(&real());
    root.left = Some(Below::Link(cid));
    (root, blocks)
}

/// So many layers of one node each, which links the one below in all of its
/// gaps: the first time rightly, because higher keys come later. To walk it
/// takes (`keys` + 1) ^ `layers` steps, unless it is refused.
fn bomb(layers: u8, keys: usize) -> (RawNode, Vec<Block>) {
    let mut blocks = vec![some_record()];
    let mut below = block(&RawNode::of(&[&key_of(0, "0-")]), &mut blocks);
    for layer in 1..layers {
        below = block(&node_of(layer, keys, below), &mut blocks);
    }
    (node_of(layers, keys, below), blocks)
}

fn node_of(layer: u8, keys: usize, below: Cid) -> RawNode {
    let mut node = RawNode::between(Below::Link(below));
    let all = (0..1_000_000).map(|n| format!("com.example.note/{layer}-{n:06}"));
    for key in all.filter(|key| layer_of(key.as_bytes()) == layer).take(keys) {
        node.push(key.as_bytes(), some_record().0);
    }
    assert_eq!(node.entries.len(), keys, "too few keys are so high");
    node.entries.iter_mut().for_each(|entry| entry.right = Some(Below::Link(below)));
    node
}

fn deep_real() -> Vec<u8> {
    let repo = real();
    let mut blocks = Vec::new();
    let mut cid = repo.commit.data;
    for _ in 0..999 {
        cid = block(&RawNode::between(Below::Link(cid)), &mut blocks);
    }
    let car = real_car();
    let rest: Vec<_> = super::forge::blocks_of(&car).into_iter().skip(1).collect();
    car_of_tree_and(&RawNode::between(Below::Link(cid)), blocks.into_iter().rev().chain(rest))
}

fn block(node: &RawNode, blocks: &mut Vec<Block>) -> Cid {
    let bytes = node.value().bytes();
    let cid = Cid::of_dag_cbor(&bytes);
    blocks.push((cid, bytes));
    cid
}
