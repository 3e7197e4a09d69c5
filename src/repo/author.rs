//! Making repositories: from a map of paths to records, signed and complete.
//!
//! Restoring, and every test that needs a host, stand on this. A repository is
//! its map; the tree is derived from it each time, which is slow beside a
//! host that changes one path, and cannot be wrong in another way than `mst`.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use super::commit::Commit;
use super::mst::build::build;
use super::write;
use crate::atproto::{Cid, Did, RecordPath, SigningKey, Tid};

/// A repository's records.
pub type Records = BTreeMap<RecordPath, Vec<u8>>;

/// Everything a repository consists of.
#[derive(Debug, Clone)]
pub struct Authored {
    pub commit: Commit,
    pub cid: Cid,
    /// The commit, every node and every record.
    pub blocks: HashMap<Cid, Vec<u8>>,
}

/// Signs a repository of these records.
pub fn author(did: &Did, rev: Tid, records: &Records, key: &SigningKey) -> Authored {
    let mut blocks = HashMap::new();
    let data = tree(records, &mut blocks);
    let commit = Commit::signed(did.clone(), rev, data, key);
    let bytes = commit.encode();
    let cid = Cid::of_dag_cbor(&bytes);
    blocks.insert(cid, bytes);
    Authored { commit, cid, blocks }
}

impl Authored {
    /// Writes the canonical CAR.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut written = std::collections::HashSet::new();
        write::canonical(&self.cid, self.commit.data, &self.blocks, |cid| written.insert(*cid), out)
    }

    pub fn car(&self) -> Vec<u8> {
        let mut car = Vec::new();
        self.write(&mut car).expect("its own blocks are all there");
        car
    }
}

fn tree(records: &Records, blocks: &mut HashMap<Cid, Vec<u8>>) -> Cid {
    let mut entries = Vec::with_capacity(records.len());
    for (path, bytes) in records {
        let cid = Cid::of_dag_cbor(bytes);
        blocks.insert(cid, bytes.clone());
        entries.push((path.as_str().as_bytes(), cid));
    }
    build(entries, |cid, bytes| {
        blocks.insert(cid, bytes.to_vec());
    })
}
