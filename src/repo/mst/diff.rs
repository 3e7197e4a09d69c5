//! What changed from one tree to another.
//!
//! Two walks in step. A subtree that both have in the same place is passed
//! over unread; the higher of two that differ is opened, so that equal parts
//! meet again further down. Both trees are held to every rule where they are
//! read, and a subtree is passed over only if the new tree leaves it at least
//! the room that it has in the old one: a valid old tree vouches for it.

use super::invert::{Change, Stuck};
use super::walk::{Need, Subtree, Walk};
use crate::atproto::Cid;
use crate::repo::block::Blocks;

/// Tells `changed` of every key whose value differs, in ascending order.
pub fn diff(
    old: (Cid, &impl Blocks),
    new: (Cid, &impl Blocks),
    mut changed: impl FnMut(Change<'_>),
) -> Result<(), Stuck> {
    let (mut before, mut after) = (Walk::new(old.0), Walk::new(new.0));
    let mut buffer = Vec::new();
    loop {
        match step(&before.need(), &after.need(), &mut changed) {
            Step::Pass { old, new } => {
                if old {
                    before.pass();
                }
                if new {
                    after.pass();
                }
            }
            Step::OpenOld(cid) => open(&mut before, cid, old.1, &mut buffer)?,
            Step::OpenNew(cid) => open(&mut after, cid, new.1, &mut buffer)?,
            Step::Done => return Ok(()),
        }
    }
}

enum Step {
    Pass { old: bool, new: bool },
    OpenOld(Cid),
    OpenNew(Cid),
    Done,
}

fn step(old: &Need<'_>, new: &Need<'_>, changed: &mut impl FnMut(Change<'_>)) -> Step {
    match (old, new) {
        (Need::Node(old), Need::Node(new)) if is_same(old, new) => Step::Pass { old: true, new: true },
        (Need::Node(old), Need::Node(new)) if height(old) >= height(new) => Step::OpenOld(old.cid),
        (Need::Node(_), Need::Node(new)) => Step::OpenNew(new.cid),
        // A record before all that a subtree can hold comes before it.
        (Need::Node(subtree), Need::Record { key, cid }) if is_before(key, subtree) => {
            changed(Change { key, before: None, after: Some(*cid) });
            Step::Pass { old: false, new: true }
        }
        (Need::Record { key, cid }, Need::Node(subtree)) if is_before(key, subtree) => {
            changed(Change { key, before: Some(*cid), after: None });
            Step::Pass { old: true, new: false }
        }
        (Need::Node(old), _) => Step::OpenOld(old.cid),
        (_, Need::Node(new)) => Step::OpenNew(new.cid),
        (Need::Nothing, Need::Nothing) => Step::Done,
        (Need::Record { .. } | Need::Nothing, _) => step_records(old, new, changed),
    }
}

fn step_records(old: &Need<'_>, new: &Need<'_>, changed: &mut impl FnMut(Change<'_>)) -> Step {
    let (old, new) = (record(old), record(new));
    // Nothing comes after every key.
    let key = match (old, new) {
        (Some((old, _)), Some((new, _))) => old.min(new),
        (Some((key, _)), None) | (None, Some((key, _))) => key,
        (None, None) => return Step::Done,
    };
    let before = old.filter(|(old, _)| *old == key).map(|(_, cid)| cid);
    let after = new.filter(|(new, _)| *new == key).map(|(_, cid)| cid);
    if before != after {
        changed(Change { key, before, after });
    }
    Step::Pass { old: before.is_some(), new: after.is_some() }
}

fn record<'w>(need: &Need<'w>) -> Option<(&'w [u8], Cid)> {
    match need {
        Need::Record { key, cid } => Some((key, *cid)),
        _ => None,
    }
}

fn is_before(key: &[u8], subtree: &Subtree<'_>) -> bool {
    subtree.after.is_some_and(|after| key <= after)
}

fn is_same(old: &Subtree<'_>, new: &Subtree<'_>) -> bool {
    old.cid == new.cid
        && old.layer == new.layer
        && new.after.is_none_or(|new| old.after.is_some_and(|old| new <= old))
        && new.before.is_none_or(|new| old.before.is_some_and(|old| old <= new))
}

/// A root may be of any layer, so it is opened first.
fn height(subtree: &Subtree<'_>) -> u8 {
    subtree.layer.unwrap_or(u8::MAX)
}

fn open(walk: &mut Walk, cid: Cid, blocks: &impl Blocks, buffer: &mut Vec<u8>) -> Result<(), Stuck> {
    let bytes = blocks.block(&cid, buffer).map_err(Stuck::Store)?;
    Ok(walk.supply(bytes.ok_or(Stuck::Missing { cid })?)?)
}
