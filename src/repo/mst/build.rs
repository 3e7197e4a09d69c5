//! Making the one tree that a set of keys has.
//!
//! Keys come in ascending order and each node is given away as soon as nothing
//! can be added to it, so that memory holds one unfinished node of every layer.
//! A node comes after the nodes below it: whoever needs them before writes
//! them somewhere first. The order of the keys is the caller's promise.

use super::layer_of;
use super::node::Node;
use crate::atproto::Cid;

/// `emit` is given every node that is made, children first.
pub struct Builder<E> {
    /// By layer. A layer holds what came since the last key above it.
    layers: Vec<Node>,
    emit: E,
    bytes: Vec<u8>,
}

impl<E: FnMut(Cid, &[u8])> Builder<E> {
    pub const fn new(emit: E) -> Self {
        Self { layers: Vec::new(), emit, bytes: Vec::new() }
    }

    /// Adds a key greater than all before it.
    pub fn push(&mut self, key: &[u8], value: Cid) {
        let layer = usize::from(layer_of(key));
        self.close_below(layer);
        self.layers[layer].push(key, value);
    }

    /// Adds a finished subtree of a layer, whose keys are all greater than the
    /// ones before it. Only a key above that layer may have come just before,
    /// and only such a key may come next.
    pub fn push_subtree(&mut self, layer: u8, cid: Cid) {
        let parent = usize::from(layer) + 1;
        self.close_below(parent);
        let node = &mut self.layers[parent];
        assert!(node.last_subtree().is_none(), "two subtrees in one gap");
        node.push_subtree(cid);
    }

    /// The root of the whole tree.
    pub fn finish(mut self) -> Cid {
        match self.layers.iter().rposition(|node| !node.is_empty()) {
            Some(top) => {
                self.close_below(top);
                self.emit_layer(top)
            }
            // A subtree and no key above it is a tree by itself.
            None => match self.layers.iter().rev().find_map(|node| node.left) {
                Some(subtree) => subtree,
                None => {
                    self.close_below(0);
                    self.emit_layer(0)
                }
            },
        }
    }

    /// Finishes every layer below and links each from the one above. A layer
    /// that holds no key but has something below it is kept, as an empty node.
    fn close_below(&mut self, layer: usize) {
        while self.layers.len() <= layer {
            self.layers.push(Node::default());
        }
        for below in 0..layer {
            let node = &self.layers[below];
            if node.is_empty() && node.left.is_none() {
                continue;
            }
            let cid = self.emit_layer(below);
            self.layers[below + 1].push_subtree(cid);
        }
    }

    fn emit_layer(&mut self, layer: usize) -> Cid {
        let node = &mut self.layers[layer];
        self.bytes.clear();
        node.encode(&mut self.bytes);
        node.clear();
        let cid = Cid::of_dag_cbor(&self.bytes);
        (self.emit)(cid, &self.bytes);
        cid
    }
}

/// Builds the tree of `entries`, which are in ascending order of their keys.
pub fn build<'k>(entries: impl IntoIterator<Item = (&'k [u8], Cid)>, emit: impl FnMut(Cid, &[u8])) -> Cid {
    let mut builder = Builder::new(emit);
    for (key, value) in entries {
        builder.push(key, value);
    }
    builder.finish()
}
