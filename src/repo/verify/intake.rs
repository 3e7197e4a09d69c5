//! Taking in a CAR: framed, hashed, indexed, and walked as far as the order of
//! its blocks allows, in one pass.
//!
//! Bytes are pushed, as many at a time as came, because whoever receives them
//! may be asynchronous and must not be waited for in here. The walk follows
//! along while each block that arrives is the one it needs, which is always so
//! in canonical order, and is completed from the index at the end. Nothing is
//! said about signatures.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Limits;
use super::whole::{Counts, Hold, WholeRepo};
use crate::atproto::Cid;
use crate::limits::{EXTRA_BLOCKS_MIN, EXTRA_BYTES_MIN};
use crate::repo::block::{Index, Number, OFFSET_MAX, Place};
use crate::repo::car::{self, Block, Piece};
use crate::repo::commit::Commit;
use crate::repo::fault::{Fault, Unverified, shown};
use crate::repo::mst::walk::{Need, Walk};

/// More than a read takes to begin, and little enough to stay in the cache until it is hashed.
const READ_BYTES: usize = 256 << 10;

/// A CAR of which more may come.
pub struct Intake {
    hold: Hold<'static>,
    pass: Pass,
    /// The beginning of a section whose end has not come, when the rest is on disk.
    carry: Vec<u8>,
    missing: u64,
    received: u64,
}

impl Intake {
    /// Keeps the CAR in memory.
    pub fn in_memory(limits: Limits) -> Self {
        Self::new(Hold::Kept(Vec::new()), limits)
    }

    /// Keeps the CAR in `file`, from its beginning, and in memory no more than
    /// one section and the index. The file must be readable and ours alone.
    pub fn spooled(file: File, limits: Limits) -> Self {
        Self::new(Hold::Spool(file), limits)
    }

    fn new(hold: Hold<'static>, limits: Limits) -> Self {
        let pass = Pass::new(limits);
        Self { hold, pass, carry: Vec::new(), missing: 0, received: 0 }
    }

    /// Takes the next bytes of the CAR. After an error the intake is spent.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Unverified> {
        let at = self.received;
        self.received += bytes.len() as u64;
        self.pass.limit(self.received)?;
        match &mut self.hold {
            Hold::Lent(_) => unreachable!("an intake keeps what it is fed"),
            Hold::Kept(kept) => {
                kept.extend_from_slice(bytes);
                let start = self.pass.at as usize;
                self.pass.take(&kept[start..])?;
                Ok(())
            }
            Hold::Spool(file) => {
                file.write_all_at(bytes, at).map_err(Unverified::Spool)?;
                Ok(self.take_in_part(bytes)?)
            }
        }
    }

    pub const fn received(&self) -> u64 {
        self.received
    }

    /// No more will come: everything the commit reaches must be there.
    pub fn finish(self) -> Result<WholeRepo<'static>, Unverified> {
        let rest = match &self.hold {
            Hold::Lent(_) => unreachable!("an intake keeps what it is fed"),
            Hold::Kept(kept) => &kept[self.pass.at as usize..],
            Hold::Spool(_) => &self.carry[..],
        };
        self.pass.check_end(rest)?;
        self.pass.complete(self.hold)
    }

    /// Sections that lie in `bytes` whole are read where they are; only one
    /// that is cut between two pushes is put together first.
    fn take_in_part(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if self.carry.is_empty() {
                let (taken, missing) = self.pass.take(bytes)?;
                self.carry.extend_from_slice(&bytes[taken..]);
                self.missing = missing;
                return Ok(());
            }
            let (ours, rest) = bytes.split_at(bytes.len().min(self.missing as usize));
            self.carry.extend_from_slice(ours);
            bytes = rest;
            let (taken, missing) = self.pass.take(&self.carry)?;
            self.missing = missing;
            if taken > 0 {
                self.carry.drain(..taken);
            }
        }
        Ok(())
    }
}

/// A whole CAR in memory, where it stays.
pub fn read_lent(car: &[u8], limits: Limits) -> Result<WholeRepo<'_>, Unverified> {
    let mut pass = Pass::new(limits);
    pass.limit(car.len() as u64)?;
    let (taken, _) = pass.take(car)?;
    pass.check_end(&car[taken..])?;
    pass.complete(Hold::Lent(car))
}

/// A whole CAR in a file, where it stays.
pub fn read_file(file: File, limits: Limits) -> Result<WholeRepo<'static>, Unverified> {
    let mut intake = Intake::spooled(file, limits);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let Hold::Spool(file) = &intake.hold else {
            unreachable!("a spooled intake has a file");
        };
        let length = match file.read_at(&mut buffer, intake.received) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Unverified::Spool(error)),
        };
        if length == 0 {
            return intake.finish();
        }
        intake.received += length as u64;
        intake.pass.limit(intake.received)?;
        intake.take_in_part(&buffer[..length])?;
    }
}

/// What is known of a CAR up to `at`.
struct Pass {
    limits: Limits,
    at: u64,
    root: Option<Cid>,
    index: Index,
    commit: Option<Commit>,
    walk: Option<Walk>,
    /// The walk needs a block that is not the next one; it goes on when this
    /// one comes, or at the end.
    waits_for: Option<Cid>,
    counts: Counts,
}

impl Pass {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            at: 0,
            root: None,
            index: Index::default(),
            commit: None,
            walk: None,
            waits_for: None,
            counts: Counts::default(),
        }
    }

    fn limit(&self, received: u64) -> Result<(), Fault> {
        let max = self.limits.car_bytes_max.min(OFFSET_MAX);
        if received <= max { Ok(()) } else { Err(Fault::CarTooLarge { max }) }
    }

    /// Takes every piece that `bytes` hold whole; they continue where the last
    /// ones ended. Says how many were taken, and how many are missing at least
    /// before another piece can be.
    fn take(&mut self, bytes: &[u8]) -> Result<(usize, u64), Fault> {
        let mut taken = 0;
        if self.root.is_none() && !bytes.is_empty() {
            match car::read_header(bytes)? {
                Piece::Cut { missing } => return Ok((0, missing.unwrap_or(1))),
                Piece::Whole(root, length) => {
                    self.root = Some(root);
                    taken = length;
                    self.at = length as u64;
                }
            }
        }
        while taken < bytes.len() {
            match car::read_section(&bytes[taken..], self.at)? {
                Piece::Cut { missing } => return Ok((taken, missing.unwrap_or(1))),
                Piece::Whole(block, length) => {
                    self.take_block(&block, length)?;
                    taken += length;
                    self.at += length as u64;
                }
            }
        }
        Ok((taken, 0))
    }

    #[inline]
    fn take_block(&mut self, block: &Block<'_>, section: usize) -> Result<(), Fault> {
        self.counts.sections += 1;
        self.counts.section_bytes += block.bytes.len() as u64;
        if self.counts.sections > self.limits.blocks_max {
            return Err(Fault::TooManyBlocks { max: self.limits.blocks_max });
        }
        let offset = self.at + (section - block.bytes.len()) as u64;
        let place = Place { offset, length: block.bytes.len() as u32 };
        let number = self.index.note(&block.cid, place);
        match self.waits_for {
            Some(cid) if cid != block.cid => Ok(()),
            _ => self.follow(block, number),
        }
    }

    /// Lets the walk take this block if it is the one needed, after passing
    /// over records that came before (the same record may have several paths).
    fn follow(&mut self, block: &Block<'_>, mut number: Number) -> Result<(), Fault> {
        let Some(walk) = &mut self.walk else {
            return self.begin(block, number);
        };
        self.waits_for = None;
        loop {
            match walk.need() {
                Need::Nothing => return Ok(()),
                Need::Node(subtree) if subtree.cid == block.cid => {
                    self.counts.reach(&mut self.index, number, block.bytes.len());
                    self.counts.nodes += 1;
                    return walk.supply(block.bytes);
                }
                Need::Node(subtree) => {
                    self.waits_for = Some(subtree.cid);
                    return Ok(());
                }
                Need::Record { cid, .. } if cid == block.cid => {
                    self.counts.reach(&mut self.index, number, block.bytes.len());
                    self.counts.records += 1;
                    walk.pass();
                    return Ok(());
                }
                Need::Record { cid, .. } => {
                    self.index.file()?;
                    // This block may be found to be a copy of one before.
                    number = self.index.get(&block.cid).map_or(number, |(first, _)| first);
                    let Some((found, place)) = self.index.get(&cid) else {
                        self.waits_for = Some(cid);
                        return Ok(());
                    };
                    self.counts.reach(&mut self.index, found, place.length as usize);
                    self.counts.records += 1;
                    walk.pass();
                }
            }
        }
    }

    fn begin(&mut self, block: &Block<'_>, number: Number) -> Result<(), Fault> {
        if Some(block.cid) == self.root {
            let commit = Commit::decode(block.bytes)?;
            self.counts.reach(&mut self.index, number, block.bytes.len());
            self.walk = Some(Walk::new(commit.data));
            self.commit = Some(commit);
        } else {
            self.waits_for = self.root;
        }
        Ok(())
    }

    /// `rest` is what no piece was made of.
    fn check_end(&self, rest: &[u8]) -> Result<(), Fault> {
        let Some(root) = self.root else {
            return Err(Fault::CutInHeader);
        };
        if !rest.is_empty() {
            return Err(car::read_section(rest, self.at)?.into_fault(self.at));
        }
        if self.commit.is_some() { Ok(()) } else { Err(Fault::MissingCommit { cid: root }) }
    }

    /// Walks the rest of the way with the help of the index.
    fn complete(mut self, hold: Hold<'_>) -> Result<WholeRepo<'_>, Unverified> {
        let (Some(cid), Some(commit), Some(walk)) = (self.root, self.commit, &mut self.walk) else {
            unreachable!("a CAR's end is checked before it is completed");
        };
        self.index.file()?;
        let mut buffer = Vec::new();
        loop {
            match walk.need() {
                Need::Nothing => break,
                Need::Node(subtree) => {
                    let cid = subtree.cid;
                    let (number, place) = self.index.get(&cid).ok_or(Fault::MissingNode { cid })?;
                    let bytes = hold.read(&cid, place, &mut buffer).map_err(Unverified::Spool)?;
                    self.counts.reach(&mut self.index, number, bytes.len());
                    self.counts.nodes += 1;
                    walk.supply(bytes)?;
                }
                Need::Record { key, cid } => match self.index.get(&cid) {
                    Some((number, place)) => {
                        self.counts.reach(&mut self.index, number, place.length as usize);
                        self.counts.records += 1;
                        walk.pass();
                    }
                    None => return Err(Fault::MissingRecord { path: shown(key), cid }.into()),
                },
            }
        }
        let copies = self.index.copies_reached();
        self.counts.reached_blocks -= copies.blocks;
        self.counts.reached_bytes -= copies.bytes;
        check_extra(&self.counts)?;
        Ok(WholeRepo::new(hold, self.index, cid, commit, self.counts))
    }
}

fn check_extra(counts: &Counts) -> Result<(), Fault> {
    let (extra, reached) = (counts.extra_blocks(), counts.reached_blocks);
    if extra > reached.max(EXTRA_BLOCKS_MIN) {
        return Err(Fault::ExtraBlocks { extra, reached });
    }
    let (extra, reached) = (counts.extra_bytes(), counts.reached_bytes);
    if extra > reached.max(EXTRA_BYTES_MIN) {
        return Err(Fault::ExtraBytes { extra, reached });
    }
    Ok(())
}
