//! One node: its form, its entries, its keys. Every case is a real repository
//! in which one leaf was replaced.

use counterpart::atproto::Cid;

use super::Case;
use super::forge::{Below, RawEntry, RawNode, car_of_leaf, car_of_tree, key_of, real, some_record, tree};
use super::value::{Value, ways};
use crate::repo::record;

pub fn cases() -> Vec<Case> {
    [forms(), entries(), keys(), links(), sizes()].into_iter().flatten().collect()
}

fn forms() -> Vec<Case> {
    let good = tree(&real()).leaf().value();
    let mut cases: Vec<_> = [
        ("a node of no bytes", "cbor_truncated", vec![]),
        ("a record for a node", "cbor_key", record("no node")),
        ("a commit for a node", "cbor_unexpected", real().commit.encode()),
        ("a node whose first letter is a capital", "cbor_key", capital(&good.bytes())),
    ]
    .into_iter()
    .map(|(rule, expected, leaf)| Case::car(rule, expected, car_of_leaf(leaf)))
    .collect();
    for way in ways() {
        if let Some(fault) = way.node {
            // The first link of a leaf is a record's, and says what is wrong with its CID.
            let expected = match fault {
                "cbor_link" => "cbor_link: cid_length",
                _ => fault,
            };
            cases.push(Case::car(format!("node: {}", way.rule), expected, car_of_leaf(way.of(&good))));
        }
    }
    cases
}

fn capital(node: &[u8]) -> Vec<u8> {
    let mut node = node.to_vec();
    node[2] = b'E';
    node
}

/// The real repository after a change of one of its leaves.
fn leaf(rule: &str, expected: &str, change: impl FnOnce(&mut RawNode)) -> Case {
    let mut root = tree(&real());
    change(root.leaf());
    Case::car(rule, expected, car_of_tree(&root))
}

fn entries() -> Vec<Case> {
    let all = |node: &RawNode| node.key(0).len() as u64;
    vec![
        leaf("a first key that shares bytes with none", "node_first_prefix", |leaf| {
            leaf.entries[0].suffix.remove(0);
            leaf.entries[0].shared = 1;
        }),
        leaf("more shared bytes than the key before has", "node_prefix_too_long", |leaf| {
            leaf.entries[1].shared = all(leaf) + 1;
        }),
        leaf("2^64 - 1 shared bytes", "node_prefix_too_long", |leaf| leaf.entries[1].shared = u64::MAX),
        leaf("a shared byte fewer than there are", "node_prefix_not_maximal", |leaf| {
            let byte = leaf.key(0)[leaf.entries[1].shared as usize - 1];
            leaf.entries[1].shared -= 1;
            leaf.entries[1].suffix.insert(0, byte);
        }),
        leaf("no shared byte told", "node_prefix_not_maximal", |leaf| {
            leaf.entries[1].suffix = leaf.key(1);
            leaf.entries[1].shared = 0;
        }),
        leaf("two keys in each other's place", "node_key_order", |leaf| {
            let entries = 0..leaf.entries.len();
            let mut entries: Vec<_> = entries.map(|at| (leaf.key(at), leaf.entries[at].value)).collect();
            entries.swap(0, 1);
            leaf.entries.clear();
            entries.iter().for_each(|(key, value)| leaf.push(key, *value));
        }),
        leaf("a key twice", "node_key_order", |leaf| {
            let again = RawEntry { shared: all(leaf), suffix: vec![], ..leaf.entries[0].clone() };
            leaf.entries.insert(1, again);
        }),
        leaf("a key that begins the one before", "node_key_order", |leaf| {
            leaf.entries[1].shared = all(leaf) - 1;
            leaf.entries[1].suffix.clear();
        }),
        leaf("a node of 257 keys", "node_too_many_entries", |leaf| *leaf = many(257)),
    ]
}

/// So many keys of layer 0.
fn many(count: usize) -> RawNode {
    let keys = (0..).map(|n| format!("com.example.note/000003-{n:04}"));
    let mut node = RawNode::default();
    let lowest = keys.filter(|key| counterpart::repo::mst::layer_of(key.as_bytes()) == 0);
    lowest.take(count).for_each(|key| node.push(key.as_bytes(), some_record().0));
    node
}

fn keys() -> Vec<Case> {
    let with_key = |rule: &str, inside: &str, key: &[u8]| {
        leaf(rule, &format!("node_key_syntax: {inside}"), |leaf| {
            leaf.entries.clear();
            leaf.push(key, some_record().0);
        })
    };
    let long_rkey = format!("com.example.note/{}", "x".repeat(513));
    let long_nsid = format!("com.{}.note/a", "x".repeat(64));
    let long = format!("com.example.note/{}", "x".repeat(1008));
    vec![
        with_key("an empty key", "syntax_missing", b""),
        with_key("a key without a slash", "syntax_missing", b"com.example.note"),
        with_key("a key with two slashes", "syntax_byte", b"com.example.note/a/b"),
        with_key("a key without a collection", "syntax_segments", b"/a"),
        with_key("a key without a name", "syntax_missing", b"com.example.note/"),
        with_key("a collection of one name", "syntax_segments", b"note/a"),
        with_key("a key that leads up", "syntax_reserved", b"com.example.note/.."),
        with_key("a key that leads nowhere", "syntax_reserved", b"com.example.note/."),
        with_key("a key with a space", "syntax_byte", b"com.example.note/a b"),
        with_key("a key with a zero byte", "syntax_byte", b"com.example.note/a\0"),
        with_key("a key that is not ASCII", "syntax_byte", "com.example.note/ä".as_bytes()),
        with_key("a key that is not UTF-8", "syntax_byte", b"com.example.note/\xff\xfe"),
        with_key("a record key of 513 bytes", "syntax_too_long", long_rkey.as_bytes()),
        with_key("a collection with a long name", "syntax_segment_length", long_nsid.as_bytes()),
        leaf("a key of 1025 bytes", "node_key_too_long", |leaf| {
            leaf.entries.clear();
            leaf.push(long.as_bytes(), some_record().0);
        }),
        leaf("keys that grow with each entry", "node_key_too_long", |leaf| *leaf = growing()),
    ]
}

/// Five megabytes of keys in a node of a hundred kilobytes, if nobody stopped it.
fn growing() -> RawNode {
    let mut node = RawNode::of(&["com.example.note/a"]);
    for _ in 0..100 {
        let shared = node.key(node.entries.len() - 1).len() as u64;
        let suffix = vec![b'a'; 1010];
        node.entries.push(RawEntry { shared, suffix, value: some_record().0, right: None });
    }
    node
}

fn links() -> Vec<Case> {
    let with_value = |rule: &str, inside: &str, change: fn(&mut Vec<u8>)| {
        let mut good = tree(&real()).leaf().value();
        let mut link = Value::Link(some_record().0).bytes();
        change(&mut link);
        let Value::Array(entries) = &mut good.entries()[0].1 else { panic!("no entries") };
        entries[0].entries()[3].1 = Value::Raw(link);
        Case::car(rule, &format!("cbor_link: {inside}"), car_of_leaf(good.bytes()))
    };
    let raw_child = |rule: &str, place: fn(&mut RawNode) -> &mut Option<Below>| {
        let mut root = tree(&real());
        let bytes = root.leaf().value().bytes();
        *place(&mut root) = Some(Below::Link(Cid::of_raw(&bytes)));
        Case::car(rule, "node_child_codec", car_of_tree(&root))
    };
    vec![
        with_value("a record of another hash", "cid_hash", |link| link[7] = 0x13),
        with_value("a record of an identity hash", "cid_hash", |link| link[7] = 0),
        with_value("a record of another codec", "cid_codec", |link| link[6] = 0x70),
        with_value("a record of version 2", "cid_version", |link| link[5] = 2),
        with_value("a record with a digest of 33 bytes", "cid_digest", |link| link[8] = 0x21),
        with_value("a record of version 0", "cid_length", |link| {
            link.splice(3..9, [0x23, 0x00, 0x12, 0x20]);
        }),
        leaf_without_value(),
        raw_child("a raw block for the first subtree", |root| &mut root.left),
        raw_child("a raw block for another subtree", |root| &mut root.entries[0].right),
    ]
}

fn leaf_without_value() -> Case {
    let mut good = tree(&real()).leaf().value();
    let Value::Array(entries) = &mut good.entries()[0].1 else { panic!("no entries") };
    entries[0].entries()[3].1 = Value::Null;
    Case::car("an entry without a record", "cbor_unexpected", car_of_leaf(good.bytes()))
}

fn sizes() -> Vec<Case> {
    let mut long = tree(&real()).leaf().value().bytes();
    long.resize((256 << 10) + 1, 0);
    let low = key_of(0, "000003-");
    let high = key_of(1, &format!("{}-", &low["com.example.note/".len()..]));
    vec![
        Case::car("a node of 256 KiB and a byte", "node_too_large", car_of_leaf(long)),
        leaf("keys of two layers in a node", "node_mixed_layers", |leaf| *leaf = RawNode::of(&[&low, &high])),
    ]
}
