//! A real repository taken apart, so that one thing in it can be made wrong,
//! and put together again: hashed, linked and signed as if it were right. What
//! the verifier refuses then, it refuses for that one thing.

use std::collections::HashSet;

use counterpart::atproto::{Cid, SigningKey, Tid, sign};
use counterpart::repo::author::Authored;
use counterpart::repo::mst::layer_of;
use counterpart::repo::mst::node::{Node, PathRule};
use counterpart::repo::write::CarWriter;

use super::value::Value;
use crate::repo::{alice, authored, numbered, record, rev, sections, signing_key};

pub type Block = (Cid, Vec<u8>);

/// Sixty notes of alice's, in three layers.
pub fn real() -> Authored {
    authored(&numbered(60))
}

pub fn real_car() -> Vec<u8> {
    real().car()
}

/// A node of a tree, to be changed at will.
#[derive(Clone, Default)]
pub struct RawNode {
    pub left: Option<Below>,
    pub entries: Vec<RawEntry>,
}

#[derive(Clone)]
pub struct RawEntry {
    pub shared: u64,
    pub suffix: Vec<u8>,
    pub value: Cid,
    pub right: Option<Below>,
}

/// What hangs below a node.
#[derive(Clone)]
pub enum Below {
    Node(Box<RawNode>),
    /// A block in a node's place, whatever its bytes are.
    Bytes(Vec<u8>),
    /// A link to nothing, or to what stands elsewhere.
    Link(Cid),
}

/// The tree of a real repository.
pub fn tree(repo: &Authored) -> RawNode {
    take_apart(repo, &repo.commit.data)
}

fn take_apart(repo: &Authored, cid: &Cid) -> RawNode {
    let mut node = Node::default();
    node.read(&repo.blocks[cid], &mut PathRule::default()).unwrap();
    let below = |cid: Option<Cid>| cid.map(|cid| Below::Node(Box::new(take_apart(repo, &cid))));
    let mut raw = RawNode { left: below(node.left), entries: Vec::new() };
    for at in 0..node.len() {
        raw.push(node.key(at), node.value(at));
        raw.entries[at].right = below(node.subtree(at + 1));
    }
    raw
}

impl RawNode {
    pub fn of(keys: &[&str]) -> Self {
        let mut node = Self::default();
        keys.iter().for_each(|key| node.push(key.as_bytes(), some_record().0));
        node
    }

    /// A node between, which holds nothing.
    pub fn between(below: impl Into<Below>) -> Self {
        Self { left: Some(below.into()), entries: Vec::new() }
    }

    /// Adds a key, compressed as it should be.
    pub fn push(&mut self, key: &[u8], value: Cid) {
        let before = match self.entries.len() {
            0 => Vec::new(),
            entries => self.key(entries - 1),
        };
        let shared = key.iter().zip(&before).take_while(|(ours, theirs)| ours == theirs).count();
        let suffix = key[shared..].to_vec();
        self.entries.push(RawEntry { shared: shared as u64, suffix, value, right: None });
    }

    /// A key as it is meant, if everything before it is right.
    pub fn key(&self, entry: usize) -> Vec<u8> {
        self.entries[..=entry].iter().fold(Vec::new(), |mut key, entry| {
            key.truncate(entry.shared as usize);
            key.extend_from_slice(&entry.suffix);
            key
        })
    }

    /// The first node at the bottom that has several keys.
    pub fn leaf(&mut self) -> &mut RawNode {
        match self.leaf_place() {
            Below::Node(node) => node,
            Below::Bytes(_) | Below::Link(_) => unreachable!("a place of a node was looked for"),
        }
    }

    fn leaf_place(&mut self) -> &mut Below {
        self.find(|node| node.left.is_none() && node.entries.len() > 1).expect("the tree has no such leaf")
    }

    fn find(&mut self, fits: fn(&RawNode) -> bool) -> Option<&mut Below> {
        let rights = self.entries.iter_mut().filter_map(|entry| entry.right.as_mut());
        self.left.iter_mut().chain(rights).find_map(|below| match below {
            Below::Node(node) if fits(node) => Some(below),
            Below::Node(node) => node.find(fits),
            Below::Bytes(_) | Below::Link(_) => None,
        })
    }

    /// Its bytes as a value, with links to what hangs below it.
    pub fn value(&self) -> Value {
        let entries = self.entries.iter().map(|entry| {
            Value::map(vec![
                ("k", Value::Bytes(entry.suffix.clone())),
                ("p", Value::Unsigned(entry.shared)),
                ("t", link(entry.right.as_ref())),
                ("v", Value::Link(entry.value)),
            ])
        });
        let entries = entries.collect();
        Value::map(vec![("e", Value::Array(entries)), ("l", link(self.left.as_ref()))])
    }

    /// Its block and all below it in canonical order, each record where it is linked.
    fn blocks(&self, repo: &Authored, out: &mut Vec<Block>) {
        let bytes = self.value().bytes();
        out.push((Cid::of_dag_cbor(&bytes), bytes));
        below_blocks(self.left.as_ref(), repo, out);
        for entry in &self.entries {
            out.extend(record_block(repo, &entry.value));
            below_blocks(entry.right.as_ref(), repo, out);
        }
    }
}

impl From<RawNode> for Below {
    fn from(node: RawNode) -> Self {
        Self::Node(Box::new(node))
    }
}

impl Below {
    fn cid(&self) -> Cid {
        match self {
            Self::Node(node) => Cid::of_dag_cbor(&node.value().bytes()),
            Self::Bytes(bytes) => Cid::of_dag_cbor(bytes),
            Self::Link(cid) => *cid,
        }
    }
}

fn link(below: Option<&Below>) -> Value {
    below.map_or(Value::Null, |below| Value::Link(below.cid()))
}

fn below_blocks(below: Option<&Below>, repo: &Authored, out: &mut Vec<Block>) {
    match below {
        Some(Below::Node(node)) => node.blocks(repo, out),
        Some(Below::Bytes(bytes)) => out.push((Cid::of_dag_cbor(bytes), bytes.clone())),
        Some(Below::Link(_)) | None => {}
    }
}

/// A record that every forged repository may link.
pub fn some_record() -> Block {
    let bytes = record("a value");
    (Cid::of_dag_cbor(&bytes), bytes)
}

fn record_block(repo: &Authored, cid: &Cid) -> Option<Block> {
    let (some, bytes) = some_record();
    if some == *cid {
        return Some((some, bytes));
    }
    repo.blocks.get(cid).map(|bytes| (*cid, bytes.clone()))
}

/// The CAR of a tree, signed by alice. Of a block that several link, one.
pub fn car_of_tree(root: &RawNode) -> Vec<u8> {
    car_of_tree_and(root, [])
}

/// The same, and blocks at its end.
pub fn car_of_tree_and(root: &RawNode, more: impl IntoIterator<Item = Block>) -> Vec<u8> {
    let (commit, mut blocks) = commit_and_blocks(root, rev(1), &real());
    let mut seen: HashSet<_> = blocks.iter().map(|(cid, _)| *cid).collect();
    blocks.extend(more.into_iter().filter(|(cid, _)| seen.insert(*cid)));
    car(&commit, &blocks)
}

/// The real repository with some bytes in the place of a leaf, and the records it had.
pub fn car_of_leaf(bytes: Vec<u8>) -> Vec<u8> {
    let repo = real();
    let mut root = tree(&repo);
    let linked = root.leaf().entries.iter().filter_map(|entry| record_block(&repo, &entry.value));
    let records: Vec<_> = linked.collect();
    *root.leaf_place() = Below::Bytes(bytes);
    car_of_tree_and(&root, records)
}

/// A tree's blocks, each once, and a commit to it at a revision.
pub fn commit_and_blocks(root: &RawNode, rev: Tid, repo: &Authored) -> (Vec<u8>, Vec<Block>) {
    let mut blocks = Vec::new();
    root.blocks(repo, &mut blocks);
    let commit = signed(commit_at(rev, blocks[0].0), &signing_key()).bytes();
    let mut seen = HashSet::new();
    blocks.retain(|(cid, _)| seen.insert(*cid));
    (commit, blocks)
}

/// The fields of a commit, in order, without a signature.
pub fn commit(data: Cid) -> Value {
    commit_at(rev(1), data)
}

fn commit_at(rev: Tid, data: Cid) -> Value {
    Value::map(vec![
        ("did", Value::text(alice().as_str())),
        ("rev", Value::text(&rev.to_string())),
        ("data", Value::Link(data)),
        ("prev", Value::Null),
        ("version", Value::Unsigned(3)),
    ])
}

/// Signs whatever fields there are, and puts the signature among them.
pub fn signed(mut fields: Value, key: &SigningKey) -> Value {
    let signature = sign(key, &fields.bytes());
    with_signature(&mut fields, signature.to_vec());
    fields
}

pub fn with_signature(fields: &mut Value, signature: Vec<u8>) {
    fields.entries().insert(2, (Value::text("sig"), Value::Bytes(signature)));
}

/// The real repository under another commit, whatever its bytes are.
pub fn car_of_commit(commit: &[u8]) -> Vec<u8> {
    let repo = real();
    let mut blocks = Vec::new();
    tree(&repo).blocks(&repo, &mut blocks);
    car(commit, &blocks)
}

/// A CAR whose first block and root is `commit`.
pub fn car(commit: &[u8], blocks: &[Block]) -> Vec<u8> {
    let root = Cid::of_dag_cbor(commit);
    let mut writer = CarWriter::begin(Vec::new(), root).unwrap();
    writer.block(&root, commit).unwrap();
    for (cid, bytes) in blocks {
        writer.block(cid, bytes).unwrap();
    }
    writer.into_inner()
}

/// A good CAR with more at its end.
pub fn and_section(mut car: Vec<u8>, cid: &[u8], bytes: &[u8]) -> Vec<u8> {
    counterpart::repo::varint::write((cid.len() + bytes.len()) as u64, &mut car);
    car.extend_from_slice(cid);
    car.extend_from_slice(bytes);
    car
}

/// The sections of a CAR after its header, in the order that `seed` gives.
pub fn shuffled(car: &[u8], seed: u64) -> Vec<u8> {
    let mut sections = sections(car);
    let header = sections.remove(0);
    let mut dice = seed;
    for at in (1..sections.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sections.swap(at, (dice >> 33) as usize % (at + 1));
    }
    let blocks = sections.into_iter().flat_map(|section| &car[section]);
    car[header].iter().chain(blocks).copied().collect()
}

/// The first key with this beginning that belongs in this layer.
pub fn key_of(layer: u8, beginning: &str) -> String {
    let mut keys = (0..).map(|n| format!("com.example.note/{beginning}{n}"));
    keys.find(|key| layer_of(key.as_bytes()) == layer).unwrap()
}

/// The blocks of a good CAR, in its order.
pub fn blocks_of(car: &[u8]) -> Vec<Block> {
    let blocks = sections(car).into_iter().skip(1).map(|section| {
        let (_, width) = counterpart::repo::varint::read(&car[section.clone()]).unwrap().unwrap();
        let (cid, bytes) = car[section.start + width..section.end].split_at(36);
        (Cid::from_bytes(cid).unwrap(), bytes.to_vec())
    });
    blocks.collect()
}
