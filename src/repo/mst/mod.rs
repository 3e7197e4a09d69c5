//! The tree of a repository: a Merkle search tree over sorted keys.
//!
//! `node` is one node and every rule that can be judged by looking at it
//! alone. `walk` steps through a tree and asks for nodes, `build` makes the
//! one tree that a set of keys has, `diff` compares two trees, `invert` undoes
//! the operations of a commit. None of them fetches a block or hashes one that
//! it is given: that the bytes match the CID is settled before they come here.

pub mod build;
pub mod diff;
pub mod invert;
pub mod node;
pub mod walk;

use crate::atproto::Cid;
use crate::repo::sha256;

/// How far above the bottom a key lives: one layer for every two zero bits
/// that its SHA-256 begins with.
pub fn layer_of(key: &[u8]) -> u8 {
    layer_of_digest(&sha256::digest(key))
}

// No key is known whose hash begins with 64 zero bits; that layer is far beyond the cap anyway.
fn layer_of_digest(digest: &[u8; 32]) -> u8 {
    let beginning = digest.first_chunk().expect("a digest has 32 bytes");
    (u64::from_be_bytes(*beginning).leading_zeros() / 2) as u8
}

/// The root of the tree that holds nothing.
pub fn empty_root() -> Cid {
    let mut bytes = Vec::new();
    node::Node::default().encode(&mut bytes);
    Cid::of_dag_cbor(&bytes)
}
