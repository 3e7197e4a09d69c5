//! Makes the hashes right after the fuzzer has changed what they are of.
//!
//! A changed block no longer is what its CID says, and every mutation would
//! end there. So each block is hashed anew, whoever links it links what it has
//! become, and the commit is signed again: the fuzzer gets to change trees and
//! commits, not only bytes. Lengths stay as they are, right or wrong, and so do
//! versions, codecs and hash functions. That a hash or signature must be right
//! is what the same bytes test without being mended.

use std::collections::HashMap;

use counterpart::atproto::{Cid, SigningKey, sign};
use counterpart::repo::varint;

type Digest = [u8; 32];

const CID_BYTES: usize = 36;
/// What stands in a CID before a SHA-256 digest.
const DIGEST_HEAD: [u8; 2] = [0x12, 0x20];
const SIGNATURE_HEAD: &[u8] = b"\x63sig\x58\x40";
const SIGNATURE_BYTES: usize = 64;

/// From the digests that were there to those that are right.
pub type Renamed = HashMap<Digest, Digest>;

/// The CAR with every hash and signature made right, as far as it is one.
pub fn car(bytes: &[u8], key: &SigningKey) -> (Vec<u8>, Renamed) {
    let mut mender = Mender { out: bytes.to_vec(), blocks: HashMap::new(), renamed: Renamed::new() };
    let sections = mender.find_blocks();
    let names: Vec<Digest> = mender.blocks.keys().copied().collect();
    for name in names {
        mender.mend(name, key);
    }
    let Mender { mut out, blocks, renamed } = mender;
    for (block, name) in sections {
        // The first of several blocks under one name stands for all of them.
        if let Some(mended) = blocks.get(&name).and_then(|place| place.mended.as_ref())
            && mended.len() == out.len().min(block.end) - block.start
        {
            out[block.clone()].copy_from_slice(mended);
        }
    }
    rename(&mut out, &renamed);
    (out, renamed)
}

/// Puts right digests in the place of those that were there, wherever a CID stands.
pub fn rename(bytes: &mut [u8], renamed: &Renamed) {
    let mut at = 0;
    while at + 34 <= bytes.len() {
        if bytes[at..at + 2] == DIGEST_HEAD
            && let Some(right) = renamed.get(&bytes[at + 2..at + 34])
        {
            bytes[at + 2..at + 34].copy_from_slice(right);
            at += 34;
        } else {
            at += 1;
        }
    }
}

struct Mender {
    out: Vec<u8>,
    blocks: HashMap<Digest, Place>,
    renamed: Renamed,
}

struct Place {
    range: std::ops::Range<usize>,
    is_begun: bool,
    mended: Option<Vec<u8>>,
}

impl Mender {
    /// All blocks, up to where the framing breaks, and their names.
    fn find_blocks(&mut self) -> Vec<(std::ops::Range<usize>, Digest)> {
        let mut sections = Vec::new();
        let mut at = 0;
        while let Ok(Some((length, width))) = varint::read(&self.out[at..]) {
            let start = at + width;
            let Some(end) = usize::try_from(length).ok().and_then(|length| start.checked_add(length)) else {
                break;
            };
            if end > self.out.len() {
                break;
            }
            // The header comes first.
            if at > 0 && end - start >= CID_BYTES {
                let block = start + CID_BYTES..end;
                let name = self.out[start + 4..start + CID_BYTES].try_into().expect("a digest has 32 bytes");
                let place = Place { range: block.clone(), is_begun: false, mended: None };
                self.blocks.entry(name).or_insert(place);
                sections.push((block, name));
            }
            at = end;
            if length == 0 {
                break;
            }
        }
        sections
    }

    /// Hashes a block after those it links. One that links itself, by whatever way, keeps its name there.
    fn mend(&mut self, name: Digest, key: &SigningKey) {
        let Some(place) = self.blocks.get_mut(&name).filter(|place| !place.is_begun) else {
            return;
        };
        place.is_begun = true;
        let mut bytes = self.out[place.range.clone()].to_vec();
        let linked: Vec<Digest> = bytes
            .windows(34)
            .filter(|window| window[..2] == DIGEST_HEAD)
            .map(|window| window[2..].try_into().expect("a digest has 32 bytes"))
            .collect();
        for name in linked {
            self.mend(name, key);
        }
        rename(&mut bytes, &self.renamed);
        sign_again(&mut bytes, key);
        self.renamed.insert(name, *Cid::of_raw(&bytes).digest());
        if let Some(place) = self.blocks.get_mut(&name) {
            place.mended = Some(bytes);
        }
    }
}

/// What is signed is everything but the signature, in a map of one entry fewer.
fn sign_again(bytes: &mut [u8], key: &SigningKey) {
    let Some(at) = bytes.windows(SIGNATURE_HEAD.len()).position(|window| window == SIGNATURE_HEAD) else {
        return;
    };
    let start = at + SIGNATURE_HEAD.len();
    let end = start + SIGNATURE_BYTES;
    if end > bytes.len() || !(0xa1..0xb8).contains(&bytes[0]) {
        return;
    }
    let unsigned = [&[bytes[0] - 1], &bytes[1..at], &bytes[end..]].concat();
    bytes[start..end].copy_from_slice(&sign(key, &unsigned));
}
