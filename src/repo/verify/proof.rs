//! What one signed commit says of one path: the answer of `getRecord`.
//!
//! A small CAR with the commit and the nodes that lead to the path proves both
//! that a record is there and that none is. Nothing is learned of other paths.

use super::{SignedBy, Signer, check_signer};
use crate::atproto::{Cid, RecordPath};
use crate::clock::Moment;
use crate::limits::COMMIT_BLOCKS_BYTES_MAX;
use crate::repo::block::CarBlocks;
use crate::repo::commit::Commit;
use crate::repo::fault::Fault;
use crate::repo::mst::walk::{Need, Walk};

/// What was at a path at a revision. Only `verify_proof` makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenRecord {
    path: RecordPath,
    commit: Commit,
    signed_by: SignedBy,
    record: Option<(Cid, Box<[u8]>)>,
}

impl ProvenRecord {
    pub const fn path(&self) -> &RecordPath {
        &self.path
    }

    pub const fn commit(&self) -> &Commit {
        &self.commit
    }

    pub const fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }

    /// `None` is a proof as well: there was no record.
    pub fn record(&self) -> Option<(Cid, &[u8])> {
        self.record.as_ref().map(|(cid, bytes)| (*cid, &bytes[..]))
    }
}

/// Verifies a proof of what is at `path`. A node that is not there, or a
/// record that is in the tree but did not come along, is a fault: the proof
/// has not been given.
pub fn verify_proof(
    car: &[u8],
    path: &RecordPath,
    signer: &Signer<'_>,
    now: Moment,
) -> Result<ProvenRecord, Fault> {
    if car.len() > COMMIT_BLOCKS_BYTES_MAX {
        return Err(Fault::CarTooLarge { max: COMMIT_BLOCKS_BYTES_MAX as u64 });
    }
    let blocks = CarBlocks::read(car)?;
    let root = blocks.root();
    let commit = Commit::decode(blocks.get(&root).ok_or(Fault::MissingCommit { cid: root })?)?;
    let signed_by = check_signer(&commit, signer, now)?;
    let record = match find(commit.data, path.as_str().as_bytes(), &blocks)? {
        Some(cid) => {
            let missing = || Fault::MissingRecord { path: path.to_string(), cid };
            Some((cid, blocks.get(&cid).ok_or_else(missing)?.into()))
        }
        None => None,
    };
    Ok(ProvenRecord { path: path.clone(), commit, signed_by, record })
}

fn find(root: Cid, key: &[u8], blocks: &CarBlocks<'_>) -> Result<Option<Cid>, Fault> {
    let mut walk = Walk::new(root);
    loop {
        match walk.need() {
            Need::Node(subtree) if subtree.spans(key) => {
                let cid = subtree.cid;
                walk.supply(blocks.get(&cid).ok_or(Fault::MissingNode { cid })?)?;
            }
            Need::Record { key: found, cid } if found == key => return Ok(Some(cid)),
            Need::Node(_) | Need::Record { .. } => walk.pass(),
            Need::Nothing => return Ok(None),
        }
    }
}
