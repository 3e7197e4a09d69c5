//! The framing of a CAR, version 1: a header that names roots, then sections,
//! each a length, a CID and the bytes that the CID names.
//!
//! Every block is hashed as it passes. Order, repetition and blocks that
//! nothing links are left to others; what is refused here is a file that is
//! cut, claims lengths it does not have, or holds a block that is not what it
//! is called. Nothing is allocated for a declared length.

use super::cbor::{CborFault, Reader};
use super::fault::Fault;
use super::{sha256, varint};
use crate::atproto::cid::CID_BYTES;
use crate::atproto::{Cid, CidFault, Codec};
use crate::limits::{BLOCK_BYTES_MAX, CAR_HEADER_BYTES_MAX};

const SECTION_BYTES_MAX: u64 = (BLOCK_BYTES_MAX + CID_BYTES) as u64;
/// A CID of version 0 begins with its hash function and length.
const VERSION_0: [u8; 2] = [0x12, 0x20];

/// One block, hashed and found to be what its CID says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    pub cid: Cid,
    pub bytes: &'a [u8],
}

/// What stands at the beginning of some bytes.
#[derive(Debug)]
pub enum Piece<T> {
    /// It and the bytes it takes.
    Whole(T, usize),
    /// The bytes end before it does, by so many; unknown while its length is cut.
    Cut { missing: Option<u64> },
}

impl<T> Piece<T> {
    /// What is wrong when nothing follows a section that is cut, and `at` is where it begins.
    pub fn into_fault(self, at: u64) -> Fault {
        match self {
            Self::Whole(..) => unreachable!("a whole section is taken"),
            Self::Cut { missing: Some(missing) } => Fault::CutInBlock { at, missing },
            Self::Cut { missing: None } => Fault::CutInLength { at },
        }
    }
}

/// The header's first root. `bytes` begin where the CAR does.
pub fn read_header(bytes: &[u8]) -> Result<Piece<Cid>, Fault> {
    let (length, start) = match varint::read(bytes).map_err(|fault| Fault::Varint { at: 0, fault })? {
        Some(read) => read,
        None => return Ok(Piece::Cut { missing: None }),
    };
    if length == 0 || length > CAR_HEADER_BYTES_MAX as u64 {
        return Err(Fault::HeaderLength { length });
    }
    let end = start + length as usize;
    match bytes.get(start..end) {
        Some(header) => Ok(Piece::Whole(decode_header(header)?, end)),
        None => Ok(Piece::Cut { missing: Some((end - bytes.len()) as u64) }),
    }
}

/// The section at the beginning of `bytes`, which is at `at` in its CAR.
#[inline]
pub fn read_section(bytes: &[u8], at: u64) -> Result<Piece<Block<'_>>, Fault> {
    let (length, start) = match varint::read(bytes).map_err(|fault| Fault::Varint { at, fault })? {
        Some(read) => read,
        None => return Ok(Piece::Cut { missing: None }),
    };
    if length < CID_BYTES as u64 {
        return Err(Fault::SectionTooShort { at, length });
    }
    if length > SECTION_BYTES_MAX {
        return Err(Fault::BlockTooLarge { at, length: length - CID_BYTES as u64 });
    }
    let end = start + length as usize;
    let Some(section) = bytes.get(start..end) else {
        return Ok(Piece::Cut { missing: Some((end - bytes.len()) as u64) });
    };
    let (cid, bytes) = section.split_at(CID_BYTES);
    let cid = Cid::from_bytes(cid).map_err(|fault| foreign(at, cid, fault))?;
    if sha256::digest(bytes) != *cid.digest() {
        return Err(Fault::HashMismatch { at, cid });
    }
    Ok(Piece::Whole(Block { cid, bytes }, end))
}

#[cold]
fn foreign(at: u64, cid: &[u8], fault: CidFault) -> Fault {
    let fault = if cid.starts_with(&VERSION_0) { CidFault::Version { version: 0 } } else { fault };
    Fault::BlockCid { at, fault }
}

fn decode_header(header: &[u8]) -> Result<Cid, Fault> {
    let mut reader = Reader::new(header);
    let roots = read_roots(&mut reader).map_err(Fault::Header)?;
    let root = match roots {
        0 => return Err(Fault::NoRoot),
        _ => reader.link().map_err(Fault::Header)?,
    };
    for _ in 1..roots {
        reader.link().map_err(Fault::Header)?;
    }
    reader.key(b"\x67version", "version").map_err(Fault::Header)?;
    let version = reader.unsigned().map_err(Fault::Header)?;
    reader.finish().map_err(Fault::Header)?;
    if version != 1 {
        return Err(Fault::CarVersion { version });
    }
    let cid = Cid::from_bytes(root).map_err(Fault::RootCid)?;
    if cid.codec() == Codec::DagCbor { Ok(cid) } else { Err(Fault::RootCodec { cid }) }
}

fn read_roots(reader: &mut Reader<'_>) -> Result<u64, CborFault> {
    reader.map_of(2, "a map of 2 entries")?;
    reader.key(b"\x65roots", "roots")?;
    reader.array()
}
