//! Undoing the operations of a commit on the tree it led to.
//!
//! A commit on the firehose brings a part of its tree. If undoing what it says
//! it did leads to exactly the root that we know to have stood before, then it
//! did that and nothing else: the subtrees nobody opened are the ones that
//! were there. For this to hold of the new tree as well, no unopened subtree
//! may touch a key that was created, since only the old neighbours of such a
//! subtree are known to be in order; so the nodes beside a new key must be
//! there. Hosts send them: they are the proof that the key was absent before.

use std::io;

use thiserror::Error;

use super::build::Builder;
use super::walk::{Need, Subtree, Walk};
use crate::atproto::Cid;
use crate::repo::block::Blocks;
use crate::repo::fault::{Fault, shown};

/// What happened to one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'k> {
    pub key: &'k [u8],
    pub before: Option<Cid>,
    pub after: Option<Cid>,
}

/// Why two trees could not be related to each other.
#[derive(Debug, Error)]
pub enum Stuck {
    /// A tree or an operation breaks a rule.
    #[error("{0}")]
    Broken(#[from] Fault),
    /// A node is needed that is not there, which proves nothing either way.
    #[error("node {cid} is needed and not there")]
    Missing { cid: Cid },
    #[error("the store of blocks failed")]
    Store(#[source] io::Error),
}

/// The root before `changes`, which are in ascending order of their keys, each
/// once. `opened` is told of every node of the new tree that had to be read.
pub fn invert(
    root: Cid,
    changes: &[Change<'_>],
    blocks: &impl Blocks,
    mut opened: impl FnMut(Cid),
) -> Result<Cid, Stuck> {
    if changes.is_empty() {
        return Ok(root);
    }
    let mut walk = Walk::new(root);
    let mut buffer = Vec::new();
    let mut old = Builder::new(|_, _: &[u8]| {});
    let mut left = changes;
    loop {
        match walk.need() {
            Need::Node(subtree) if concerns(&subtree, changes) => {
                let cid = subtree.cid;
                let bytes = blocks.block(&cid, &mut buffer).map_err(Stuck::Store)?;
                walk.supply(bytes.ok_or(Stuck::Missing { cid })?)?;
                opened(cid);
            }
            Need::Node(subtree) => {
                // The root has no neighbours, so it was opened if anything changed.
                let layer = subtree.layer.expect("only the root's layer is unknown");
                old.push_subtree(layer, subtree.cid);
                walk.pass();
            }
            Need::Record { key, cid } => {
                left = restore_below(key, left, &mut old)?;
                match left.split_first() {
                    Some((change, rest)) if change.key == key => {
                        undo(change, cid, &mut old)?;
                        left = rest;
                    }
                    _ => old.push(key, cid),
                }
                walk.pass();
            }
            Need::Nothing => break,
        }
    }
    for change in left {
        restore(change, &mut old)?;
    }
    Ok(old.finish())
}

/// Whether a change lies in the subtree, or a created key right beside it.
fn concerns(subtree: &Subtree<'_>, changes: &[Change<'_>]) -> bool {
    let start = match subtree.after {
        Some(after) => changes.partition_point(|change| change.key < after),
        None => 0,
    };
    let mut near =
        changes[start..].iter().take_while(|change| subtree.before.is_none_or(|before| change.key <= before));
    near.any(|change| change.before.is_none() || subtree.spans(change.key))
}

/// Puts back what was deleted before `key`.
fn restore_below<'c, 'k, E: FnMut(Cid, &[u8])>(
    key: &[u8],
    left: &'c [Change<'k>],
    old: &mut Builder<E>,
) -> Result<&'c [Change<'k>], Fault> {
    let below = left.iter().take_while(|change| change.key < key).count();
    for change in &left[..below] {
        restore(change, old)?;
    }
    Ok(&left[below..])
}

/// Puts back a key that the new tree does not have.
fn restore<E: FnMut(Cid, &[u8])>(change: &Change<'_>, old: &mut Builder<E>) -> Result<(), Fault> {
    match (change.before, change.after) {
        (Some(before), None) => {
            old.push(change.key, before);
            Ok(())
        }
        _ => Err(Fault::OpNotInTree { path: shown(change.key) }),
    }
}

/// Gives a key that the new tree has the value it had, or none.
fn undo<E: FnMut(Cid, &[u8])>(change: &Change<'_>, found: Cid, old: &mut Builder<E>) -> Result<(), Fault> {
    match (change.before, change.after) {
        (_, None) => return Err(Fault::DeletedStillInTree { path: shown(change.key) }),
        (_, Some(named)) if named != found => {
            return Err(Fault::OpCidMismatch { path: shown(change.key), named, found });
        }
        (Some(before), _) => old.push(change.key, before),
        (None, _) => {}
    }
    Ok(())
}
