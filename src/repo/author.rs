//! Making repositories: from a map of paths to records, signed and complete,
//! and the commits that lead from one to the next as a firehose tells them.
//!
//! Restoring stands on this, and every host made up for a test. A repository
//! is its map here, and its tree is derived from it each time: slow beside a
//! host that changes one path, and with nothing of its own to get wrong.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

use super::commit::Commit;
use super::frame::{Action, CommitMessage, Op, SyncMessage};
use super::mst::build::build;
use super::mst::diff::diff;
use super::mst::invert::{Change, invert};
use super::write::{CarWriter, canonical};
use crate::atproto::{Cid, Did, RecordPath, SigningKey, Tid};

/// What a repository holds.
pub type RecordMap = BTreeMap<RecordPath, Vec<u8>>;

/// A repository, signed, with every block it consists of.
#[derive(Debug, Clone)]
pub struct Authored {
    pub commit: Commit,
    pub cid: Cid,
    /// The commit, every node and every record.
    pub blocks: HashMap<Cid, Vec<u8>>,
    nodes: HashSet<Cid>,
}

/// One commit as its host would announce it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    pub repo: Did,
    pub rev: Tid,
    pub since: Tid,
    pub commit: Cid,
    pub prev_data: Cid,
    pub ops: Vec<AnnouncedOp>,
    /// A CAR of the commit, the new nodes, those that inverting takes, and the new records.
    pub blocks: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedOp {
    pub path: String,
    pub prev: Option<Cid>,
    pub cid: Option<Cid>,
}

/// Signs a repository of these records.
pub fn author(did: &Did, rev: Tid, records: &RecordMap, key: &SigningKey) -> Authored {
    let (mut blocks, mut nodes) = (HashMap::new(), HashSet::new());
    let mut entries = Vec::with_capacity(records.len());
    for (path, bytes) in records {
        let cid = Cid::of_dag_cbor(bytes);
        blocks.insert(cid, bytes.clone());
        entries.push((path.as_str().as_bytes(), cid));
    }
    let data = build(entries, |cid, bytes| {
        blocks.insert(cid, bytes.to_vec());
        nodes.insert(cid);
    });
    let commit = Commit::signed(did.clone(), rev, data, key);
    let bytes = commit.encode();
    let cid = Cid::of_dag_cbor(&bytes);
    blocks.insert(cid, bytes);
    Authored { commit, cid, blocks, nodes }
}

impl Authored {
    /// Writes the canonical CAR.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut written = HashSet::new();
        canonical(&self.cid, self.commit.data, &self.blocks, |cid| written.insert(*cid), out)
    }

    pub fn car(&self) -> Vec<u8> {
        let mut car = Vec::new();
        self.write(&mut car).expect("its own blocks are all there");
        car
    }

    /// A CAR of the commit alone, as a sync message carries it.
    pub fn commit_car(&self) -> Vec<u8> {
        self.car_of([self.cid])
    }

    pub fn sync_message<'a>(&self, seq: u64, time: &'a str, commit_car: &'a [u8]) -> SyncMessage<'a> {
        let Commit { did, rev, .. } = &self.commit;
        SyncMessage { seq, did: did.clone(), time, rev: *rev, blocks: commit_car }
    }

    /// How a host whose repository was `before` announces that it now is this.
    pub fn announce(&self, before: &Self) -> Announcement {
        let mut ops = Vec::new();
        let changed = |change: Change<'_>| {
            let path = String::from_utf8(change.key.to_vec()).expect("a path is ASCII");
            ops.push(AnnouncedOp { path, prev: change.before, cid: change.after });
        };
        diff((before.commit.data, &before.blocks), (self.commit.data, &self.blocks), changed)
            .expect("both trees are whole");

        let mut sent: Vec<Cid> = self.nodes.difference(&before.nodes).copied().collect();
        let changes: Vec<_> = ops.iter().map(AnnouncedOp::as_change).collect();
        invert(self.commit.data, &changes, &self.blocks, |cid| sent.push(cid)).expect("the tree is whole");
        sent.extend(ops.iter().filter_map(|op| op.cid));
        sent.sort_unstable();
        sent.dedup();
        sent.insert(0, self.cid);
        Announcement {
            repo: self.commit.did.clone(),
            rev: self.commit.rev,
            since: before.commit.rev,
            commit: self.cid,
            prev_data: before.commit.data,
            ops,
            blocks: self.car_of(sent),
        }
    }

    /// A CAR of chosen blocks, under the commit as its root.
    pub fn car_of(&self, cids: impl IntoIterator<Item = Cid>) -> Vec<u8> {
        let mut car = Vec::new();
        let mut writer = CarWriter::begin(&mut car, self.cid).expect("memory takes every write");
        for cid in cids {
            writer.block(&cid, &self.blocks[&cid]).expect("memory takes every write");
        }
        car
    }
}

impl Announcement {
    pub fn message<'a>(&'a self, seq: u64, time: &'a str) -> CommitMessage<'a> {
        CommitMessage {
            seq,
            repo: self.repo.clone(),
            time,
            rev: self.rev,
            since: Some(self.since),
            commit: self.commit,
            too_big: false,
            blocks: &self.blocks,
            ops: self.ops.iter().map(AnnouncedOp::as_op).collect(),
            prev_data: Some(self.prev_data),
        }
    }
}

impl AnnouncedOp {
    pub fn as_op(&self) -> Op<'_> {
        let action = match (self.prev, self.cid) {
            (None, _) => Action::Create,
            (Some(_), Some(_)) => Action::Update,
            (Some(_), None) => Action::Delete,
        };
        Op { action, path: &self.path, cid: self.cid, prev: self.prev }
    }

    fn as_change(&self) -> Change<'_> {
        Change { key: self.path.as_bytes(), before: self.prev, after: self.cid }
    }
}
