//! Stepping through a tree in the order of its keys, without doing any I/O:
//! the walk says what it needs, and whoever has blocks supplies it.
//!
//! The same walk serves a repository in memory, one spooled to disk and a
//! partial tree. It is iterative, holds one node of every layer, and checks
//! while it goes what single nodes cannot know: that every key lies between
//! its neighbours (so a subtree linked twice is refused where it is met for
//! the second time) and every node exactly one layer below its parent. It
//! leaves hashing to its caller, and what a record says to everybody else.

use super::node::{Node, PathRule};
use crate::atproto::Cid;
use crate::limits::MST_LAYER_MAX;
use crate::repo::fault::{Fault, shown};

pub struct Walk {
    /// The nodes from the root to where the walk stands, then used ones whose buffers wait.
    levels: Vec<Level>,
    depth: usize,
    root: Option<Cid>,
    paths: PathRule,
}

#[derive(Default)]
struct Level {
    node: Node,
    layer: u8,
    /// Gaps and entries in turn: gap 0, entry 0, gap 1, entry 1 and so on.
    slot: usize,
    after: Bound,
    before: Bound,
}

/// A key of a node further up that all keys below must stay beyond.
type Bound = Option<(usize, usize)>;

/// What the walk stands before.
#[derive(Debug, PartialEq, Eq)]
pub enum Need<'w> {
    /// `supply` it, or `pass` over the whole subtree.
    Node(Subtree<'w>),
    /// `pass` when it has been dealt with.
    Record { key: &'w [u8], cid: Cid },
    /// The walk is over.
    Nothing,
}

/// A node not yet read, and between which keys all of its keys must lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree<'w> {
    pub cid: Cid,
    /// Unknown for the root.
    pub layer: Option<u8>,
    pub after: Option<&'w [u8]>,
    pub before: Option<&'w [u8]>,
}

impl Subtree<'_> {
    /// Whether a key, if the tree has it, is in here.
    pub fn spans(&self, key: &[u8]) -> bool {
        self.after.is_none_or(|after| after < key) && self.before.is_none_or(|before| key < before)
    }
}

impl Walk {
    pub fn new(root: Cid) -> Self {
        Self { levels: Vec::new(), depth: 0, root: Some(root), paths: PathRule::default() }
    }

    #[inline]
    pub fn need(&self) -> Need<'_> {
        let Some(level) = self.top() else {
            return match self.root {
                Some(cid) => Need::Node(Subtree { cid, layer: None, after: None, before: None }),
                None => Need::Nothing,
            };
        };
        let place = level.slot / 2;
        if level.slot % 2 == 1 {
            return Need::Record { key: level.node.key(place), cid: level.node.value(place) };
        }
        let cid = level.node.subtree(place).expect("the walk stops at links only");
        let (after, before) = self.bounds_of_gap(level, place);
        Need::Node(Subtree {
            cid,
            layer: Some(level.layer - 1),
            after: self.bound_key(after),
            before: self.bound_key(before),
        })
    }

    /// Leaves a record, or a whole subtree, behind.
    #[inline]
    pub fn pass(&mut self) {
        match self.depth {
            0 => self.root = None,
            depth => {
                self.levels[depth - 1].slot += 1;
                self.settle();
            }
        }
    }

    /// The bytes of the node that is needed, known to be the ones its CID names.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let cid = match self.need() {
            Need::Node(subtree) => subtree.cid,
            _ => panic!("a node is supplied where none is needed"),
        };
        let (after, before, parent_layer) = match self.top() {
            None => (None, None, None),
            Some(level) => {
                let (after, before) = self.bounds_of_gap(level, level.slot / 2);
                (after, before, Some(level.layer))
            }
        };
        if self.levels.len() == self.depth {
            self.levels.push(Level::default());
        }
        let (above, below) = self.levels.split_at_mut(self.depth);
        let level = &mut below[0];
        level.node.read(bytes, &mut self.paths).map_err(|fault| Fault::Node { cid, fault })?;
        level.layer = check_layer(cid, &level.node, parent_layer)?;
        check_range(cid, &level.node, key_at(above, after), key_at(above, before))?;
        (level.after, level.before, level.slot) = (after, before, 0);

        self.depth += 1;
        self.settle();
        Ok(())
    }

    /// Moves on to the next slot that holds anything.
    #[inline]
    fn settle(&mut self) {
        while let Some(level) = self.depth.checked_sub(1).map(|at| &mut self.levels[at]) {
            let gaps = level.node.len() + 1;
            if level.slot % 2 == 0 && level.slot / 2 < gaps && level.node.subtree(level.slot / 2).is_none() {
                level.slot += 1;
            }
            if level.slot < 2 * gaps - 1 {
                return;
            }
            self.depth -= 1;
            match self.depth {
                0 => self.root = None,
                depth => self.levels[depth - 1].slot += 1,
            }
        }
    }

    fn top(&self) -> Option<&Level> {
        self.depth.checked_sub(1).map(|at| &self.levels[at])
    }

    fn bounds_of_gap(&self, level: &Level, gap: usize) -> (Bound, Bound) {
        let at = self.depth - 1;
        let after = if gap == 0 { level.after } else { Some((at, gap - 1)) };
        let before = if gap == level.node.len() { level.before } else { Some((at, gap)) };
        (after, before)
    }

    fn bound_key(&self, bound: Bound) -> Option<&[u8]> {
        key_at(&self.levels, bound)
    }
}

fn key_at(levels: &[Level], bound: Bound) -> Option<&[u8]> {
    bound.map(|(level, entry)| levels[level].node.key(entry))
}

fn check_layer(cid: Cid, node: &Node, parent_layer: Option<u8>) -> Result<u8, Fault> {
    let layer = node.layer().map_err(|fault| Fault::Node { cid, fault })?;
    let has_child = (0..=node.len()).any(|gap| node.subtree(gap).is_some());
    let layer = match (layer, parent_layer) {
        (Some(layer), None) => layer,
        (None, None) if has_child => return Err(Fault::EmptyTop { cid }),
        (None, None) => 0,
        (_, Some(0)) => unreachable!("a node of layer 0 has no children"),
        (Some(layer), Some(parent)) if layer + 1 == parent => layer,
        (Some(layer), Some(parent)) => {
            return Err(Fault::Layer { cid, layer, expected: parent - 1 });
        }
        (None, Some(_)) if !has_child => return Err(Fault::EmptyNode { cid }),
        (None, Some(parent)) => parent - 1,
    };
    match layer {
        0 if has_child => Err(Fault::BelowBottom { cid }),
        0..=MST_LAYER_MAX => Ok(layer),
        _ => Err(Fault::TooHigh { cid, layer }),
    }
}

fn check_range(cid: Cid, node: &Node, after: Option<&[u8]>, before: Option<&[u8]>) -> Result<(), Fault> {
    if node.is_empty() {
        return Ok(());
    }
    let (first, last) = (node.key(0), node.key(node.len() - 1));
    match (after, before) {
        (Some(bound), _) if first <= bound => {
            Err(Fault::KeyBelowRange { cid, key: shown(first), bound: shown(bound) })
        }
        (_, Some(bound)) if bound <= last => {
            Err(Fault::KeyAboveRange { cid, key: shown(last), bound: shown(bound) })
        }
        _ => Ok(()),
    }
}
