//! One node of the tree: entries in ascending order, with keys that share
//! their beginnings, and links to the nodes below and between them.
//!
//! A `Node` that was read has kept every rule that concerns it alone. Where it
//! hangs (its layer under its parent's, its keys between its neighbours') is
//! for `walk` to judge.

use thiserror::Error;

use super::layer_of;
use crate::atproto::{Cid, Codec, RecordPath, Rkey, SyntaxFault};
use crate::limits::{NODE_BYTES_MAX, NODE_ENTRIES_MAX, RECORD_PATH_BYTES_MAX};
use crate::repo::cbor::{self, CborFault, Reader};

/// Reading into a used node reuses its buffers.
#[derive(Debug, Default, Clone)]
pub struct Node {
    pub left: Option<Cid>,
    entries: Vec<Entry>,
    /// Every key whole, one after the other.
    keys: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key_end: u32,
    value: Cid,
    right: Option<Cid>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NodeFault {
    #[error("it is {length} bytes long, more than {NODE_BYTES_MAX}")]
    TooLarge { length: usize },
    #[error("it is not canonical: {0}")]
    Cbor(CborFault),
    #[error("it has {count} entries, more than {NODE_ENTRIES_MAX}")]
    TooManyEntries { count: u64 },
    #[error("its first key shares {shared} bytes with no key")]
    FirstPrefix { shared: u64 },
    #[error("entry {entry} shares {shared} bytes with a key of {length}")]
    PrefixTooLong { entry: usize, shared: u64, length: usize },
    #[error("entry {entry} could share more than {shared} bytes with the key before")]
    PrefixNotMaximal { entry: usize, shared: usize },
    #[error("entry {entry} does not come after the one before")]
    KeyOrder { entry: usize },
    #[error("entry {entry} has a key of {length} bytes, more than {RECORD_PATH_BYTES_MAX}")]
    KeyTooLong { entry: usize, length: usize },
    #[error("entry {entry} has no path of a record for a key: {fault}")]
    KeySyntax { entry: usize, fault: SyntaxFault },
    #[error("entry {entry} belongs in layer {layer}, the entries before it in {expected}")]
    MixedLayers { entry: usize, layer: u8, expected: u8 },
    #[error("it links node {cid} by a CID that is not of DAG-CBOR")]
    ChildCodec { cid: Cid },
}

impl NodeFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "node_too_large",
            Self::Cbor(fault) => fault.label(),
            Self::TooManyEntries { .. } => "node_too_many_entries",
            Self::FirstPrefix { .. } => "node_first_prefix",
            Self::PrefixTooLong { .. } => "node_prefix_too_long",
            Self::PrefixNotMaximal { .. } => "node_prefix_not_maximal",
            Self::KeyOrder { .. } => "node_key_order",
            Self::KeyTooLong { .. } => "node_key_too_long",
            Self::KeySyntax { .. } => "node_key_syntax",
            Self::MixedLayers { .. } => "node_mixed_layers",
            Self::ChildCodec { .. } => "node_child_codec",
        }
    }
}

impl Node {
    /// Takes over a node's bytes, which may be anybody's. After a fault the
    /// node holds nothing of use.
    pub fn read(&mut self, bytes: &[u8], paths: &mut PathRule) -> Result<(), NodeFault> {
        self.clear();
        if bytes.len() > NODE_BYTES_MAX {
            return Err(NodeFault::TooLarge { length: bytes.len() });
        }
        let mut reader = Reader::new(bytes);
        self.read_entries(&mut reader, paths)?;
        reader.key(b"\x61l", "l").map_err(NodeFault::Cbor)?;
        self.left = child(&mut reader)?;
        reader.finish().map_err(NodeFault::Cbor)
    }

    fn read_entries(&mut self, reader: &mut Reader<'_>, paths: &mut PathRule) -> Result<(), NodeFault> {
        reader.map_of(2, "a map of 2 entries").map_err(NodeFault::Cbor)?;
        reader.key(b"\x61e", "e").map_err(NodeFault::Cbor)?;
        let count = reader.array().map_err(NodeFault::Cbor)?;
        if count > NODE_ENTRIES_MAX as u64 {
            return Err(NodeFault::TooManyEntries { count });
        }
        let mut previous = 0..0;
        for entry in 0..count as usize {
            let raw = RawEntry::read(reader)?;
            let start = self.keys.len();
            self.check_prefix(entry, &raw, &previous)?;
            self.keys.extend_from_within(previous.start..previous.start + raw.shared as usize);
            self.keys.extend_from_slice(raw.suffix);
            let key = &self.keys[start..];
            if key.len() > RECORD_PATH_BYTES_MAX {
                return Err(NodeFault::KeyTooLong { entry, length: key.len() });
            }
            paths.check(key).map_err(|fault| NodeFault::KeySyntax { entry, fault })?;
            previous = start..self.keys.len();
            let key_end = previous.end as u32;
            self.entries.push(Entry { key_end, value: raw.value, right: raw.right });
        }
        Ok(())
    }

    /// The order of two keys is decided by the first byte in which they differ,
    /// and a prefix that is as long as it can be puts that byte at its end.
    #[inline]
    fn check_prefix(
        &self,
        entry: usize,
        raw: &RawEntry<'_>,
        previous: &std::ops::Range<usize>,
    ) -> Result<(), NodeFault> {
        let shared = raw.shared;
        if entry == 0 {
            return if shared == 0 { Ok(()) } else { Err(NodeFault::FirstPrefix { shared }) };
        }
        let previous = &self.keys[previous.clone()];
        if shared > previous.len() as u64 {
            return Err(NodeFault::PrefixTooLong { entry, shared, length: previous.len() });
        }
        let shared = shared as usize;
        match (previous.get(shared), raw.suffix.first()) {
            (_, None) => Err(NodeFault::KeyOrder { entry }),
            (Some(theirs), Some(ours)) if ours == theirs => {
                Err(NodeFault::PrefixNotMaximal { entry, shared })
            }
            (Some(theirs), Some(ours)) if ours < theirs => Err(NodeFault::KeyOrder { entry }),
            _ => Ok(()),
        }
    }

    /// The layer that all keys belong in; `None` when there are none.
    pub fn layer(&self) -> Result<Option<u8>, NodeFault> {
        let mut layers = (0..self.len()).map(|entry| layer_of(self.key(entry)));
        let Some(expected) = layers.next() else {
            return Ok(None);
        };
        match layers.enumerate().find(|(_, layer)| *layer != expected) {
            None => Ok(Some(expected)),
            Some((at, layer)) => Err(NodeFault::MixedLayers { entry: at + 1, layer, expected }),
        }
    }

    pub fn clear(&mut self) {
        self.left = None;
        self.entries.clear();
        self.keys.clear();
    }

    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the greatest key so far. That it is so, the caller knows.
    pub fn push(&mut self, key: &[u8], value: Cid) {
        self.keys.extend_from_slice(key);
        self.entries.push(Entry { key_end: self.keys.len() as u32, value, right: None });
    }

    /// Links the subtree that comes after everything so far.
    pub fn push_subtree(&mut self, subtree: Cid) {
        match self.entries.last_mut() {
            Some(entry) => entry.right = Some(subtree),
            None => self.left = Some(subtree),
        }
    }

    /// The subtree that comes after everything so far.
    pub fn last_subtree(&self) -> Option<Cid> {
        self.entries.last().map_or(self.left, |entry| entry.right)
    }

    #[inline]
    pub fn key(&self, entry: usize) -> &[u8] {
        let start = match entry {
            0 => 0,
            _ => self.entries[entry - 1].key_end as usize,
        };
        &self.keys[start..self.entries[entry].key_end as usize]
    }

    pub fn value(&self, entry: usize) -> Cid {
        self.entries[entry].value
    }

    /// The subtree in a gap between entries; gap 0 is before the first.
    #[inline]
    pub fn subtree(&self, gap: usize) -> Option<Cid> {
        match gap {
            0 => self.left,
            _ => self.entries[gap - 1].right,
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        cbor::write_head(cbor::MAP, 2, out);
        out.extend_from_slice(b"\x61e");
        cbor::write_head(cbor::ARRAY, self.len() as u64, out);
        let mut previous: &[u8] = &[];
        for (at, entry) in self.entries.iter().enumerate() {
            let key = self.key(at);
            let shared = key.iter().zip(previous).take_while(|(ours, theirs)| ours == theirs).count();
            out.extend_from_slice(b"\xa4\x61k");
            cbor::write_bytes(&key[shared..], out);
            out.extend_from_slice(b"\x61p");
            cbor::write_head(cbor::UNSIGNED, shared as u64, out);
            out.extend_from_slice(b"\x61t");
            cbor::write_cid_or_null(entry.right, out);
            out.extend_from_slice(b"\x61v");
            cbor::write_cid(entry.value, out);
            previous = key;
        }
        out.extend_from_slice(b"\x61l");
        cbor::write_cid_or_null(self.left, out);
    }
}

/// An entry as it is written, its key still without its beginning.
struct RawEntry<'a> {
    suffix: &'a [u8],
    shared: u64,
    right: Option<Cid>,
    value: Cid,
}

impl<'a> RawEntry<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, NodeFault> {
        let (suffix, shared) = Self::read_key(reader).map_err(NodeFault::Cbor)?;
        let right = child(reader)?;
        reader.key(b"\x61v", "v").map_err(NodeFault::Cbor)?;
        let value = reader.cid().map_err(NodeFault::Cbor)?;
        Ok(Self { suffix, shared, right, value })
    }

    #[inline]
    fn read_key(reader: &mut Reader<'a>) -> Result<(&'a [u8], u64), CborFault> {
        reader.map_of(4, "a map of 4 entries")?;
        reader.key(b"\x61k", "k")?;
        let suffix = reader.byte_string()?;
        reader.key(b"\x61p", "p")?;
        let shared = reader.unsigned()?;
        reader.key(b"\x61t", "t")?;
        Ok((suffix, shared))
    }
}

#[inline]
fn child(reader: &mut Reader<'_>) -> Result<Option<Cid>, NodeFault> {
    match reader.cid_or_null().map_err(NodeFault::Cbor)? {
        Some(cid) if cid.codec() != Codec::DagCbor => Err(NodeFault::ChildCodec { cid }),
        link => Ok(link),
    }
}

/// `<nsid>/<rkey>`, remembering the last collection that was found in order:
/// of a million keys in sorted order only a few begin another one.
#[derive(Debug, Default, Clone)]
pub struct PathRule {
    /// With the slash at its end.
    collection: Vec<u8>,
}

impl PathRule {
    #[inline]
    pub fn check(&mut self, key: &[u8]) -> Result<(), SyntaxFault> {
        match key.strip_prefix(&self.collection[..]) {
            Some(rkey) if !self.collection.is_empty() => Rkey::check(rkey),
            _ => self.check_whole(key),
        }
    }

    #[cold]
    fn check_whole(&mut self, key: &[u8]) -> Result<(), SyntaxFault> {
        RecordPath::check(key)?;
        self.collection.clear();
        self.collection.extend(key.iter().take_while(|byte| **byte != b'/'));
        self.collection.push(b'/');
        Ok(())
    }
}
