//! One account as its host keeps it: records, the signed repository made of
//! them, blobs, and what the host says of its state.
//!
//! Nothing is announced here and nobody is answered. The host's own slips are
//! kept on purpose: after an import it names a revision that no block carries.

use std::collections::{BTreeMap, HashMap};

use counterpart::atproto::{Cid, Did, RecordPath, SigningKey, Tid};
use counterpart::clock::Moment;
use counterpart::repo::author::{Announcement, Authored, RecordMap, author};
use counterpart::repo::record::scan;

use super::record::{BlobRef, Write};

#[derive(Clone)]
pub struct Account {
    pub did: Did,
    pub handle: String,
    pub status: Status,
    pub created_at: Moment,
    pub key: SigningKey,
    records: RecordMap,
    revs: BTreeMap<RecordPath, Tid>,
    head: Authored,
    /// With which revision each block came. One that went and came back is new.
    born: HashMap<Cid, Tid>,
    blobs: BTreeMap<Cid, Blob>,
    imported: Option<Imported>,
}

/// What a host says between an import and the first write after it.
#[derive(Clone, Copy)]
struct Imported {
    /// The revision it claims, which the imported commit does not carry.
    rev: Tid,
    /// The empty repository it had made before, which it still lists.
    listed: (Cid, Tid),
}

#[derive(Clone)]
pub struct Blob {
    pub mime: String,
    pub bytes: Vec<u8>,
    /// Before that it is served to nobody, and after that it is dropped.
    referenced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Active,
    Deactivated,
    Suspended,
    Takendown,
}

impl Status {
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Active => None,
            Self::Deactivated => Some("deactivated"),
            Self::Suspended => Some("suspended"),
            Self::Takendown => Some("takendown"),
        }
    }
}

impl Account {
    pub fn new(did: Did, handle: String, key: SigningKey, now: Moment) -> Self {
        let rev = tid_at(now.micros() as u64);
        let head = author(&did, rev, &RecordMap::new(), &key);
        let mut account = Self {
            did,
            handle,
            status: Status::Active,
            created_at: now,
            key,
            records: RecordMap::new(),
            revs: BTreeMap::new(),
            head: head.clone(),
            born: HashMap::new(),
            blobs: BTreeMap::new(),
            imported: None,
        };
        account.turn_to(head, rev);
        account
    }

    pub fn head(&self) -> &Authored {
        &self.head
    }

    pub fn records(&self) -> &RecordMap {
        &self.records
    }

    /// The revision the host claims to be at.
    pub fn rev(&self) -> Tid {
        self.imported.map_or(self.head.commit.rev, |imported| imported.rev)
    }

    /// The head and revision under which the host lists the account.
    pub fn listed(&self) -> (Cid, Tid) {
        self.imported.map_or((self.head.cid, self.head.commit.rev), |imported| imported.listed)
    }

    /// Every block with the revision it came with, as the host sends them: the
    /// newest first, then by the text of their CIDs, whatever the tree says.
    pub fn blocks_since(&self, since: Option<Tid>) -> Vec<Cid> {
        let wanted = self.born.iter().filter(|(_, born)| since.is_none_or(|since| **born > since));
        let mut blocks: Vec<_> = wanted.map(|(cid, born)| (*born, cid.to_string(), *cid)).collect();
        blocks.sort_by(|one, other| other.cmp(one));
        blocks.into_iter().map(|(_, _, cid)| cid).collect()
    }

    pub fn write(&mut self, writes: &[Write], now: Moment) -> Announcement {
        let rev = self.next_rev(now);
        for write in writes {
            self.apply(write, rev);
        }
        let head = author(&self.did, rev, &self.records, &self.key);
        let announcement = head.announce(&self.head);
        self.turn_to(head, rev);
        self.imported = None;
        self.sweep_blobs();
        announcement
    }

    fn apply(&mut self, write: &Write, rev: Tid) {
        let (path, before) = match write {
            Write::Create { path, record } => (path, self.records.insert(path.clone(), record.clone())),
            Write::Update { path, record } => (path, self.records.insert(path.clone(), record.clone())),
            Write::Delete { path } => (path, self.records.remove(path)),
        };
        let wanted = !matches!(write, Write::Create { .. });
        assert_eq!(before.is_some(), wanted, "a host refuses this: {write:?}");
        match write {
            Write::Delete { .. } => self.revs.remove(path),
            Write::Create { .. } | Write::Update { .. } => self.revs.insert(path.clone(), rev),
        };
    }

    /// Takes over another host's copy of this account as it is.
    pub fn import(&mut self, from: &Self, now: Moment) {
        let listed = (self.head.cid, self.head.commit.rev);
        let rev = self.next_rev(now);
        self.records = from.records.clone();
        self.revs = self.records.keys().map(|path| (path.clone(), rev)).collect();
        self.born.clear();
        self.turn_to(from.head.clone(), rev);
        self.imported = Some(Imported { rev, listed });
        self.blobs = from.blobs.clone();
    }

    pub fn upload(&mut self, mime: &str, bytes: Vec<u8>) -> BlobRef {
        let (cid, size) = (Cid::of_raw(&bytes), bytes.len());
        let blob = Blob { mime: mime.to_owned(), bytes, referenced: false };
        self.blobs.entry(cid).or_insert(blob);
        BlobRef { cid, mime: mime.to_owned(), size }
    }

    /// A blob that a record names and that was uploaded.
    pub fn blob(&self, cid: &Cid) -> Option<&Blob> {
        self.blobs.get(cid).filter(|blob| blob.referenced)
    }

    /// The blobs that records name, uploaded or not, by the text of their CIDs.
    pub fn named_blobs(&self, since: Option<Tid>) -> Vec<String> {
        let recent =
            self.records.iter().filter(|(path, _)| since.is_none_or(|since| self.revs[*path] > since));
        let mut named: Vec<_> =
            recent.flat_map(|(_, record)| blobs_of(record)).map(|cid| cid.to_string()).collect();
        named.sort();
        named.dedup();
        named
    }

    fn sweep_blobs(&mut self) {
        let named: Vec<Cid> = self.records.values().flat_map(|record| blobs_of(record)).collect();
        self.blobs.retain(|cid, blob| {
            let before = blob.referenced;
            blob.referenced = named.contains(cid);
            blob.referenced || !before
        });
    }

    fn turn_to(&mut self, head: Authored, rev: Tid) {
        self.born.retain(|cid, _| head.blocks.contains_key(cid));
        for cid in head.blocks.keys() {
            self.born.entry(*cid).or_insert(rev);
        }
        self.head = head;
    }

    /// Later than every revision before, even if the clock stands still.
    fn next_rev(&self, now: Moment) -> Tid {
        tid_at((now.micros() as u64).max(self.rev().micros() + 1))
    }
}

pub fn tid_at(micros: u64) -> Tid {
    Tid::from_micros_and_clock_id(micros, 0).expect("the world ends before the year 2255")
}

fn blobs_of(record: &[u8]) -> Vec<Cid> {
    scan(record).blobs.iter().filter_map(|blob| blob.link.as_cid()).collect()
}
