//! What a record says that concerns its keeping: which blobs it refers to, and
//! whether it is written as the data model asks.
//!
//! Nobody but its author is responsible for a record, so an odd one is kept
//! byte for byte and flagged, never refused, and read on as far as it makes
//! sense: a blob it names is still wanted. Lexicons are not consulted.

use std::str;

use super::cbor::{self, CborFault};
use crate::atproto::{Cid, Link};
use crate::limits::CBOR_DEPTH_MAX;

/// What was found in one record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan<'a> {
    /// The first thing that is not as it should be.
    pub odd: Option<Odd>,
    pub blobs: Vec<BlobRef<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    #[error("it is not canonical: {0}")]
    Cbor(CborFault),
    #[error("it is not a map")]
    NotAMap,
}

impl Odd {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Cbor(fault) => fault.label(),
            Self::NotAMap => "record_not_a_map",
        }
    }
}

/// A blob that a record refers to. What else is said of it is a hint, and the
/// link is kept as it was found; a blob can be fetched if it is raw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRef<'a> {
    pub link: Link,
    pub mime_type: Option<&'a str>,
    pub size: Option<i64>,
    pub form: BlobForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobForm {
    /// `{$type: "blob", ref, mimeType, size}`
    Typed,
    /// `{cid, mimeType}` and nothing else, from before blobs had a type.
    Legacy,
}

/// Reads a record once, from beginning to end, without recursion.
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    let mut scanner = Scanner { bytes, at: 0, odd: None, blobs: Vec::new(), open: Vec::new() };
    if let Err(fault) = scanner.run() {
        scanner.note(fault);
    }
    let is_map = bytes.first().is_some_and(|first| first >> 5 == cbor::MAP);
    let odd = match scanner.odd {
        None if !is_map => Some(Odd::NotAMap),
        odd => odd.map(Odd::Cbor),
    };
    Scan { odd, blobs: scanner.blobs }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    odd: Option<CborFault>,
    blobs: Vec<BlobRef<'a>>,
    open: Vec<Container<'a>>,
}

/// An array, a map, a tag or a string in pieces, of which more items follow.
struct Container<'a> {
    /// `None` until a break is met.
    left: Option<u64>,
    map: Option<Map<'a>>,
}

/// What is known of a map whose entries are passing.
#[derive(Default)]
struct Map<'a> {
    /// The next item is a key.
    at_key: bool,
    key: Option<&'a [u8]>,
    entries: u64,
    typed: bool,
    is_blob: bool,
    link: Option<&'a [u8]>,
    mime_type: Option<&'a str>,
    size: Option<i64>,
    cid: Option<&'a str>,
}

/// One item without those inside it.
enum Item<'a> {
    Text(&'a [u8]),
    Integer(Option<i64>),
    Link(&'a [u8]),
    Plain,
    Open(Container<'a>),
    Break,
}

impl<'a> Scanner<'a> {
    /// Ends early only where the rest cannot be told apart.
    fn run(&mut self) -> Result<(), CborFault> {
        loop {
            let at = self.at;
            let item = self.item()?;
            let is_break = matches!(item, Item::Break);
            if is_break && self.open.last().is_none_or(|container| container.left.is_some()) {
                return Err(CborFault::Reserved { at, byte: 0xff });
            }
            if !is_break {
                self.enter(at, &item);
            }
            match item {
                Item::Open(container) if self.open.len() < CBOR_DEPTH_MAX => self.open.push(container),
                Item::Open(_) => return Err(CborFault::Depth { at }),
                Item::Break => self.close(),
                _ => {}
            }
            while self.open.last().is_some_and(|container| container.left == Some(0)) {
                self.close();
            }
            if self.open.is_empty() {
                let length = self.bytes.len() - self.at;
                return if length == 0 { Ok(()) } else { Err(CborFault::Trailing { length }) };
            }
        }
    }

    fn note(&mut self, fault: CborFault) {
        self.odd.get_or_insert(fault);
    }

    /// Counts an item in its container, as a key or as the value of one.
    fn enter(&mut self, at: usize, item: &Item<'a>) {
        let Some(container) = self.open.last_mut() else {
            return;
        };
        if let Some(left) = &mut container.left {
            *left -= 1;
        }
        let Some(map) = &mut container.map else {
            return;
        };
        map.at_key = !map.at_key;
        let odd = if map.at_key {
            map.take_value(item);
            None
        } else {
            map.take_key(at, item)
        };
        if let Some(fault) = odd {
            self.note(fault);
        }
    }

    fn close(&mut self) {
        let map = self.open.pop().and_then(|container| container.map);
        if let Some(blob) = map.and_then(Map::into_blob) {
            self.blobs.push(blob);
        }
    }

    fn item(&mut self) -> Result<Item<'a>, CborFault> {
        let at = self.at;
        let (major, value) = self.head()?;
        let Some(value) = value else {
            return Ok(self.indefinite(at, major));
        };
        Ok(match major {
            cbor::UNSIGNED => Item::Integer(i64::try_from(value).ok()),
            cbor::NEGATIVE => Item::Integer(i64::try_from(value).ok().map(|value| -1 - value)),
            cbor::BYTES => {
                self.take(value)?;
                Item::Plain
            }
            cbor::TEXT => {
                let text = self.take(value)?;
                if str::from_utf8(text).is_err() {
                    self.note(CborFault::Utf8 { at });
                }
                Item::Text(text)
            }
            cbor::ARRAY => Item::Open(Container { left: Some(value), map: None }),
            cbor::MAP => {
                let map = Map { at_key: true, ..Map::default() };
                Item::Open(Container { left: Some(value.saturating_mul(2)), map: Some(map) })
            }
            cbor::TAG => self.tag(at, value)?,
            _ => Item::Plain,
        })
    }

    /// A link, or whatever stands after a tag that is none of ours.
    fn tag(&mut self, at: usize, tag: u64) -> Result<Item<'a>, CborFault> {
        if tag == cbor::LINK_TAG && self.bytes.get(self.at).is_some_and(|byte| byte >> 5 == cbor::BYTES) {
            let (_, length) = self.head()?;
            let bytes = self.take(length.unwrap_or(0))?;
            return Ok(match bytes.split_first() {
                Some((0, cid)) => {
                    if let Err(fault) = Link::from_bytes(cid) {
                        self.note(CborFault::Link { at, fault });
                    }
                    Item::Link(cid)
                }
                _ => {
                    self.note(CborFault::LinkPrefix { at });
                    Item::Plain
                }
            });
        }
        self.note(CborFault::Tag { at, tag });
        Ok(Item::Open(Container { left: Some(1), map: None }))
    }

    fn indefinite(&mut self, at: usize, major: u8) -> Item<'a> {
        self.note(CborFault::Indefinite { at });
        let map = (major == cbor::MAP).then(|| Map { at_key: true, ..Map::default() });
        match major {
            cbor::BYTES | cbor::TEXT | cbor::ARRAY | cbor::MAP => Item::Open(Container { left: None, map }),
            _ => Item::Break,
        }
    }

    /// The major type and its number, which an indefinite length has not.
    fn head(&mut self) -> Result<(u8, Option<u64>), CborFault> {
        let at = self.at;
        let first = *self.bytes.get(at).ok_or(CborFault::Truncated { at, declared: 1 })?;
        let (major, short) = (first >> 5, first & 31);
        self.at += 1;
        let width = match short {
            0..24 => {
                if major == cbor::SIMPLE && !matches!(u64::from(short), cbor::FALSE | cbor::TRUE | cbor::NULL)
                {
                    self.note(CborFault::Simple { at });
                }
                return Ok((major, Some(u64::from(short))));
            }
            24..=27 => 1_usize << (short - 24),
            31 if !matches!(major, cbor::UNSIGNED | cbor::NEGATIVE | cbor::TAG) => return Ok((major, None)),
            _ => return Err(CborFault::Reserved { at, byte: first }),
        };
        let value = self.take(width as u64)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let least = if width == 1 { 24 } else { 1 << (4 * width) };
        match major {
            cbor::SIMPLE if width == 1 => self.note(CborFault::Simple { at }),
            cbor::SIMPLE => self.note(CborFault::Float { at }),
            _ if value < least => self.note(CborFault::NotMinimal { at }),
            _ => {}
        }
        Ok((major, Some(value)))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CborFault> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(CborFault::Truncated { at: self.at, declared: length }),
        }
    }
}

impl<'a> Map<'a> {
    fn take_key(&mut self, at: usize, item: &Item<'a>) -> Option<CborFault> {
        let Item::Text(key) = *item else {
            self.key = None;
            return Some(CborFault::KeyKind { at });
        };
        let previous = self.key.replace(key);
        self.entries += 1;
        match previous {
            Some(previous) if previous == key => Some(CborFault::KeyTwice { at }),
            Some(previous) if (key.len(), key) < (previous.len(), previous) => {
                Some(CborFault::KeyOrder { at })
            }
            _ => None,
        }
    }

    fn take_value(&mut self, item: &Item<'a>) {
        match (self.key, item) {
            (Some(b"$type"), Item::Text(text)) => {
                self.typed = true;
                self.is_blob = *text == b"blob";
            }
            (Some(b"ref"), Item::Link(link)) => self.link = Some(link),
            (Some(b"mimeType"), Item::Text(text)) => self.mime_type = str::from_utf8(text).ok(),
            (Some(b"size"), Item::Integer(size)) => self.size = *size,
            (Some(b"cid"), Item::Text(text)) => self.cid = str::from_utf8(text).ok(),
            _ => {}
        }
    }

    fn into_blob(self) -> Option<BlobRef<'a>> {
        let Self { mime_type, size, .. } = self;
        if self.is_blob {
            let link = Link::from_bytes(self.link?).ok()?;
            return Some(BlobRef { link, mime_type, size, form: BlobForm::Typed });
        }
        if self.typed || self.entries != 2 || mime_type.is_none() {
            return None;
        }
        let link = Cid::parse(self.cid?).ok()?.into();
        Some(BlobRef { link, mime_type, size: None, form: BlobForm::Legacy })
    }
}
