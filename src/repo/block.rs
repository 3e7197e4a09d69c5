//! Where blocks lie: an index from CID to place, and the one question that
//! everything above asks of a store of blocks.
//!
//! The index holds no bytes of blocks. It takes 40 bytes for each one and at
//! most 12.8 in its table, 52.8 together, whatever the blocks' size; while the
//! table doubles, the old one is there beside the new. Nothing here knows what
//! a block means.

use std::collections::HashMap;
use std::io;

use super::car::{self, Piece};
use super::fault::Fault;
use crate::atproto::{Cid, Codec};
use crate::limits::{BLOCK_BYTES_MAX, INDEX_PROBES_MAX};

/// Something that can be asked for blocks. What it gives has been checked
/// against the CID, by it or by whoever filled it.
pub trait Blocks {
    /// The block's bytes, lent from where they lie or read into `buffer`.
    /// An error is a failure of the store; that a block is not there is none.
    fn block<'b>(&'b self, cid: &Cid, buffer: &'b mut Vec<u8>) -> io::Result<Option<&'b [u8]>>;
}

/// Blocks made here rather than read.
impl Blocks for HashMap<Cid, Vec<u8>> {
    fn block<'b>(&'b self, cid: &Cid, _: &'b mut Vec<u8>) -> io::Result<Option<&'b [u8]>> {
        Ok(self.get(cid).map(Vec::as_slice))
    }
}

/// The blocks of a small CAR that is in memory, each hashed.
pub struct CarBlocks<'a> {
    car: &'a [u8],
    root: Cid,
    index: Index,
}

impl<'a> CarBlocks<'a> {
    /// The CAR's size is the caller's to limit.
    pub fn read(car: &'a [u8]) -> Result<Self, Fault> {
        let (root, mut at) = match car::read_header(car)? {
            Piece::Whole(root, length) => (root, length),
            Piece::Cut { .. } => return Err(Fault::CutInHeader),
        };
        let mut index = Index::default();
        while at < car.len() {
            match car::read_section(&car[at..], at as u64)? {
                Piece::Whole(block, length) => {
                    at += length;
                    let offset = (at - block.bytes.len()) as u64;
                    index.note(&block.cid, Place { offset, length: block.bytes.len() as u32 });
                }
                cut => return Err(cut.into_fault(at as u64)),
            }
        }
        index.file()?;
        Ok(Self { car, root, index })
    }

    pub const fn root(&self) -> Cid {
        self.root
    }

    pub fn get(&self, cid: &Cid) -> Option<&'a [u8]> {
        let (_, place) = self.index.get(cid)?;
        let start = place.offset as usize;
        Some(&self.car[start..start + place.length as usize])
    }
}

impl Blocks for CarBlocks<'_> {
    fn block<'b>(&'b self, cid: &Cid, _: &'b mut Vec<u8>) -> io::Result<Option<&'b [u8]>> {
        Ok(self.get(cid))
    }
}

/// Where the bytes of a block begin in their CAR, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub offset: u64,
    pub length: u32,
}

/// CID → place, for as many blocks as `u32` can count.
///
/// Blocks are noted as they come and filed in the table later, all at once:
/// a repository in canonical order is verified without asking the table once,
/// and a table that is made when its size is known is made without moving.
#[derive(Default)]
pub struct Index {
    entries: Vec<Entry>,
    /// How many of the entries the table knows.
    filed: usize,
    /// Open addressing. A slot holds the number of an entry plus one in its
    /// low bits, and bits of that entry's digest in the rest, so that most
    /// strangers in the way are passed without looking at their entry.
    slots: Vec<u32>,
    number_bits: u32,
    copies: Reached,
}

struct Entry {
    digest: [u8; 32],
    packed: u64,
}

/// Numbers an entry for as long as its index lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(u32);

/// Blocks that were reached from the commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    pub blocks: u64,
    pub bytes: u64,
}

const OFFSET_BITS: u32 = 41;
const LENGTH_BITS: u32 = 21;
const RAW_BIT: u64 = 1 << (OFFSET_BITS + LENGTH_BITS);
const REACHED_BIT: u64 = RAW_BIT << 1;
const SLOTS_MIN: usize = 64;

/// A CAR's offsets must fit in an entry.
pub const OFFSET_MAX: u64 = (1 << OFFSET_BITS) - 1;
const _: () = assert!(BLOCK_BYTES_MAX < 1 << LENGTH_BITS);

enum Slot {
    Taken(Number),
    Free(usize),
}

impl Index {
    /// How many blocks were noted, copies included.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the index takes of memory now.
    pub const fn bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry>() + self.slots.len() * size_of::<u32>()
    }

    /// Notes a block. It is not found before `file` is called.
    #[inline]
    pub fn note(&mut self, cid: &Cid, place: Place) -> Number {
        debug_assert!(place.offset <= OFFSET_MAX && place.length < 1 << LENGTH_BITS);
        let number = Number(self.entries.len() as u32);
        let raw = if cid.codec() == Codec::Raw { RAW_BIT } else { 0 };
        let packed = raw | u64::from(place.length) << OFFSET_BITS | place.offset;
        self.entries.push(Entry { digest: *cid.digest(), packed });
        number
    }

    /// Makes all that was noted findable. Of copies the first one is.
    pub fn file(&mut self) -> Result<(), Fault> {
        if self.slots.len() * 5 < self.entries.len() * 8 {
            self.grow();
        }
        for number in self.filed..self.entries.len() {
            let slot = self.tag(&self.entries[number].digest) | (number as u32 + 1);
            match self.find(&self.cid(number))? {
                Slot::Free(at) => self.slots[at] = slot,
                Slot::Taken(first) => self.merge(first, number),
            }
        }
        self.filed = self.entries.len();
        Ok(())
    }

    /// Where a block is that has been filed.
    #[inline]
    pub fn get(&self, cid: &Cid) -> Option<(Number, Place)> {
        if self.slots.is_empty() {
            return None;
        }
        match self.find(cid) {
            Ok(Slot::Taken(number)) => Some((number, self.place(number))),
            // Nothing that was filed lies beyond so many probes.
            Ok(Slot::Free(_)) | Err(_) => None,
        }
    }

    pub fn place(&self, number: Number) -> Place {
        place_of(self.entries[number.0 as usize].packed)
    }

    /// A block's place in the order in which the blocks came, from zero.
    pub const fn order(&self, number: Number) -> usize {
        number.0 as usize
    }

    /// Marks a block as reached from the commit; says whether it was not yet.
    #[inline]
    pub fn reach(&mut self, number: Number) -> bool {
        let packed = &mut self.entries[number.0 as usize].packed;
        let fresh = *packed & REACHED_BIT == 0;
        *packed |= REACHED_BIT;
        fresh
    }

    /// What was marked more than once because a copy was marked before it was
    /// filed and known for one.
    pub const fn copies_reached(&self) -> Reached {
        self.copies
    }

    #[inline]
    fn find(&self, cid: &Cid) -> Result<Slot, Fault> {
        let mask = self.slots.len() - 1;
        let tag = self.tag(cid.digest());
        let number_mask = (1 << self.number_bits) - 1;
        let start = home(cid.digest());
        for probe in 0..INDEX_PROBES_MAX {
            let at = (start + probe) & mask;
            let slot = self.slots[at];
            if slot == 0 {
                return Ok(Slot::Free(at));
            }
            if slot & !number_mask == tag {
                let number = (slot & number_mask) - 1;
                if self.cid(number as usize) == *cid {
                    return Ok(Slot::Taken(Number(number)));
                }
            }
        }
        Err(Fault::IndexFlooded { cid: *cid })
    }

    #[inline]
    fn cid(&self, number: usize) -> Cid {
        let entry = &self.entries[number];
        let codec = if entry.packed & RAW_BIT == 0 { Codec::DagCbor } else { Codec::Raw };
        Cid::from_digest(codec, entry.digest)
    }

    #[cold]
    fn merge(&mut self, first: Number, copy: usize) {
        let packed = &mut self.entries[copy].packed;
        let reached = *packed & REACHED_BIT != 0;
        let length = place_of(*packed).length;
        // Taken from the copy, which is met again when the table grows.
        *packed &= !REACHED_BIT;
        if reached && !self.reach(first) {
            self.copies.blocks += 1;
            self.copies.bytes += u64::from(length);
        }
    }

    /// Bits of the digest that the home slot does not use, above those of the number.
    #[inline]
    fn tag(&self, digest: &[u8; 32]) -> u32 {
        let bits = u32::from_le_bytes([digest[8], digest[9], digest[10], digest[11]]);
        bits & !((1 << self.number_bits) - 1)
    }

    /// Makes a table for all entries that are known, and has it filled anew.
    #[cold]
    fn grow(&mut self) {
        let slots = (self.entries.len() * 8).div_ceil(5).next_power_of_two().max(SLOTS_MIN);
        // A table is never full, so that one bit pattern is left for every number plus one.
        self.number_bits = slots.trailing_zeros();
        self.slots = vec![0; slots];
        self.filed = 0;
    }
}

const fn place_of(packed: u64) -> Place {
    let length = (packed >> OFFSET_BITS) as u32 & ((1 << LENGTH_BITS) - 1);
    Place { offset: packed & OFFSET_MAX, length }
}

/// Digests are as good as random unless somebody chose them, and whoever makes
/// many begin alike is stopped by the cap on probes. So nothing is mixed, and
/// no dice are needed.
#[inline]
fn home(digest: &[u8; 32]) -> usize {
    u64::from_le_bytes(*digest.first_chunk().expect("a digest has 32 bytes")) as usize
}
