//! A repository found complete and well-formed, and where its bytes are: lent
//! by the caller, kept in memory, or spooled to a file.
//!
//! What is on disk is hashed again whenever it is read, because what was true
//! when it was written is no promise. Whose repository it is has not been
//! checked: that takes a key.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use super::intake;
use super::{Limits, SignedBy, Signer, VerifiedSnapshot};
use crate::atproto::Cid;
use crate::clock::Moment;
use crate::repo::block::{Blocks, Index, Number, Place};
use crate::repo::commit::Commit;
use crate::repo::fault::{Fault, Unverified};
use crate::repo::mst::walk::{Need, Walk};
use crate::repo::write;

pub struct WholeRepo<'a> {
    hold: Hold<'a>,
    index: Index,
    cid: Cid,
    commit: Commit,
    counts: Counts,
}

/// Where the bytes of a CAR are.
pub(super) enum Hold<'a> {
    Lent(&'a [u8]),
    Kept(Vec<u8>),
    Spool(File),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub records: u64,
    pub nodes: u64,
    /// Different blocks that the commit reaches, itself included.
    pub reached_blocks: u64,
    pub reached_bytes: u64,
    /// What the CAR held: repeated and unreached blocks are counted too.
    pub sections: u64,
    pub section_bytes: u64,
}

impl Counts {
    pub const fn extra_blocks(&self) -> u64 {
        self.sections - self.reached_blocks
    }

    pub const fn extra_bytes(&self) -> u64 {
        self.section_bytes - self.reached_bytes
    }

    #[inline]
    pub(super) fn reach(&mut self, index: &mut Index, number: Number, length: usize) {
        if index.reach(number) {
            self.reached_blocks += 1;
            self.reached_bytes += length as u64;
        }
    }
}

/// A record and where it lies; its bytes are read when they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'r> {
    pub path: &'r str,
    pub cid: Cid,
    pub place: Place,
}

impl<'a> WholeRepo<'a> {
    /// Takes in a CAR that is in memory already, without copying it.
    pub fn read(car: &'a [u8], limits: Limits) -> Result<Self, Unverified> {
        intake::read_lent(car, limits)
    }

    /// Takes in a CAR that is in a file already, from its beginning, with no
    /// more of it in memory than a little at a time. The file must not change.
    pub fn read_file(file: File, limits: Limits) -> Result<WholeRepo<'static>, Unverified> {
        intake::read_file(file, limits)
    }

    pub(super) const fn new(hold: Hold<'a>, index: Index, cid: Cid, commit: Commit, counts: Counts) -> Self {
        Self { hold, index, cid, commit, counts }
    }

    pub const fn commit(&self) -> &Commit {
        &self.commit
    }

    pub const fn commit_cid(&self) -> Cid {
        self.cid
    }

    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What the index takes of memory; the bytes of blocks come on top only
    /// when they are kept there.
    pub const fn index_bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Finds out whether the account signed this. A refusal gives it back.
    pub fn authenticate(self, signer: &Signer<'_>, now: Moment) -> Result<VerifiedSnapshot<'a>, Fault> {
        let signed_by: SignedBy = super::check_signer(&self.commit, signer, now)?;
        Ok(VerifiedSnapshot::new(self, signed_by))
    }

    /// All records in the order of their paths.
    pub fn records(&self) -> Records<'_> {
        Records { blocks: self, walk: Walk::new(self.commit.data), given: false, buffer: Vec::new() }
    }

    /// The CID at a path, if there is a record.
    pub fn find(&self, path: &str) -> io::Result<Option<Cid>> {
        let mut found = None;
        self.walk_to(path, |_, _| Ok(()), |cid| found = Some(cid))?;
        Ok(found)
    }

    /// Where a record's bytes are in the CAR.
    pub fn place(&self, cid: &Cid) -> Option<Place> {
        self.index.get(cid).map(|(_, place)| place)
    }

    /// Writes a CAR that proves what is at a path, or that nothing is: the
    /// commit, the nodes that lead there, and the record.
    pub fn write_proof(&self, path: &str, out: &mut impl Write) -> io::Result<()> {
        let mut buffer = Vec::new();
        let mut car = write::CarWriter::begin(out, self.cid)?;
        car.block(&self.cid, self.must(&self.cid, &mut buffer)?)?;
        let mut found = None;
        self.walk_to(path, |cid, bytes| car.block(cid, bytes), |cid| found = Some(cid))?;
        if let Some(cid) = found {
            car.block(&cid, self.must(&cid, &mut buffer)?)?;
        }
        car.finish()
    }

    /// Writes the one canonical CAR of this repository, without what it does
    /// not reach: two copies of a repository are the same file.
    pub fn export(&self, out: &mut impl Write) -> io::Result<()> {
        let mut written = Written(vec![0; self.index.len().div_ceil(64)]);
        let fresh = |cid: &Cid| match self.index.get(cid) {
            Some((number, _)) => written.mark(self.index.order(number)),
            None => true,
        };
        write::canonical(&self.cid, self.commit.data, self, fresh, out)
    }

    fn must<'b>(&'b self, cid: &Cid, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        match self.block(cid, buffer)? {
            Some(bytes) => Ok(bytes),
            None => panic!("{cid} is in a repository that was found complete"),
        }
    }

    fn walk_to(
        &self,
        path: &str,
        mut node: impl FnMut(&Cid, &[u8]) -> io::Result<()>,
        mut record: impl FnMut(Cid),
    ) -> io::Result<()> {
        let key = path.as_bytes();
        let mut walk = Walk::new(self.commit.data);
        let mut buffer = Vec::new();
        loop {
            match walk.need() {
                Need::Node(subtree) if subtree.spans(key) => {
                    let cid = subtree.cid;
                    let bytes = self.must(&cid, &mut buffer)?;
                    node(&cid, bytes)?;
                    walk.supply(bytes).map_err(io::Error::other)?;
                }
                Need::Record { key: found, cid } if found == key => {
                    record(cid);
                    return Ok(());
                }
                Need::Record { key: found, .. } if key < found => return Ok(()),
                Need::Node(_) | Need::Record { .. } => walk.pass(),
                Need::Nothing => return Ok(()),
            }
        }
    }
}

impl Blocks for WholeRepo<'_> {
    fn block<'b>(&'b self, cid: &Cid, buffer: &'b mut Vec<u8>) -> io::Result<Option<&'b [u8]>> {
        match self.index.get(cid) {
            Some((_, place)) => self.hold.read(cid, place, buffer).map(Some),
            None => Ok(None),
        }
    }
}

/// The records of a repository one after the other. Not an `Iterator`: each
/// record lends its path from the walk.
pub struct Records<'r> {
    blocks: &'r WholeRepo<'r>,
    walk: Walk,
    given: bool,
    buffer: Vec<u8>,
}

impl Records<'_> {
    pub fn next_record(&mut self) -> io::Result<Option<Record<'_>>> {
        if std::mem::take(&mut self.given) {
            self.walk.pass();
        }
        while let Need::Node(subtree) = self.walk.need() {
            let bytes = self.blocks.must(&subtree.cid, &mut self.buffer)?;
            self.walk.supply(bytes).map_err(io::Error::other)?;
        }
        match self.walk.need() {
            Need::Record { key, cid } => {
                self.given = true;
                let path = str::from_utf8(key).expect("a path has been checked");
                let place = self.blocks.place(&cid).expect("a record has been found");
                Ok(Some(Record { path, cid, place }))
            }
            Need::Nothing => Ok(None),
            Need::Node(_) => unreachable!("nodes have been supplied"),
        }
    }
}

impl Hold<'_> {
    pub(super) fn read<'b>(
        &'b self,
        cid: &Cid,
        place: Place,
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<&'b [u8]> {
        let range = place.offset as usize..place.offset as usize + place.length as usize;
        match self {
            Self::Lent(car) => Ok(&car[range]),
            Self::Kept(car) => Ok(&car[range]),
            Self::Spool(file) => {
                buffer.resize(place.length as usize, 0);
                file.read_exact_at(buffer, place.offset)?;
                if cid.matches(buffer) {
                    return Ok(buffer);
                }
                let changed = format!("the spool gave other bytes for {cid} than it was given");
                Err(io::Error::new(io::ErrorKind::InvalidData, changed))
            }
        }
    }
}

/// One bit for each block of an index.
struct Written(Vec<u64>);

impl Written {
    /// Says whether it was not marked yet.
    fn mark(&mut self, number: usize) -> bool {
        let (word, bit) = (&mut self.0[number / 64], 1 << (number % 64));
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}
