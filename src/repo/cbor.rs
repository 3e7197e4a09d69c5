//! DAG-CBOR, read strictly and without copying, and written canonically.
//!
//! For objects whose shape is known: nodes, commits, CAR headers, frames. The
//! reader hands out slices of its input and believes no declared length beyond
//! what is there. It leaves the order of a map's keys to its caller, who asks
//! for the keys it expects; `record` judges maps of any shape.

use thiserror::Error;

use crate::atproto::{Cid, CidFault};
use crate::limits::CBOR_DEPTH_MAX;

pub const UNSIGNED: u8 = 0;
pub const NEGATIVE: u8 = 1;
pub const BYTES: u8 = 2;
pub const TEXT: u8 = 3;
pub const ARRAY: u8 = 4;
pub const MAP: u8 = 5;
pub const TAG: u8 = 6;
pub const SIMPLE: u8 = 7;

pub const FALSE: u64 = 20;
pub const TRUE: u64 = 21;
pub const NULL: u64 = 22;
pub const LINK_TAG: u64 = 42;
const NULL_BYTE: u8 = 0xf6;
/// Tag 42, a string of 37 bytes, and the zero that stands before a binary CID.
const LINK_HEAD: [u8; 5] = [0xd8, 0x2a, 0x58, 0x25, 0x00];

/// A broken rule of the encoding; `at` counts bytes from the object's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CborFault {
    #[error("cut off at {at}, where {declared} more bytes are declared")]
    Truncated { at: usize, declared: u64 },
    #[error("a number at {at} is longer than it must be")]
    NotMinimal { at: usize },
    #[error("an indefinite length at {at}")]
    Indefinite { at: usize },
    #[error("a reserved kind of item {byte:#04x} at {at}")]
    Reserved { at: usize, byte: u8 },
    #[error("a floating-point number at {at}")]
    Float { at: usize },
    #[error("a simple value that is not a boolean or null at {at}")]
    Simple { at: usize },
    #[error("text at {at} that is not UTF-8")]
    Utf8 { at: usize },
    #[error("tag {tag} at {at}, which does not make a link")]
    Tag { at: usize, tag: u64 },
    #[error("a link at {at} without the zero byte before its CID")]
    LinkPrefix { at: usize },
    #[error("a link at {at} that may not stand there: {fault}")]
    Link { at: usize, fault: CidFault },
    #[error("something else at {at} than {expected}")]
    Unexpected { at: usize, expected: &'static str },
    #[error("no `{key}` at {at}, where it should be")]
    Key { at: usize, key: &'static str },
    #[error("a map's keys out of order at {at}")]
    KeyOrder { at: usize },
    #[error("a map's key twice at {at}")]
    KeyTwice { at: usize },
    #[error("a map's key that is not text at {at}")]
    KeyKind { at: usize },
    #[error("values more than {CBOR_DEPTH_MAX} deep at {at}")]
    Depth { at: usize },
    #[error("{length} bytes after the end of the object")]
    Trailing { length: usize },
}

impl CborFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "cbor_truncated",
            Self::NotMinimal { .. } => "cbor_not_minimal",
            Self::Indefinite { .. } => "cbor_indefinite",
            Self::Reserved { .. } => "cbor_reserved",
            Self::Float { .. } => "cbor_float",
            Self::Simple { .. } => "cbor_simple",
            Self::Utf8 { .. } => "cbor_utf8",
            Self::Tag { .. } => "cbor_tag",
            Self::LinkPrefix { .. } => "cbor_link_prefix",
            Self::Link { .. } => "cbor_link",
            Self::Unexpected { .. } => "cbor_unexpected",
            Self::Key { .. } => "cbor_key",
            Self::KeyOrder { .. } => "cbor_key_order",
            Self::KeyTwice { .. } => "cbor_key_twice",
            Self::KeyKind { .. } => "cbor_key_kind",
            Self::Depth { .. } => "cbor_depth",
            Self::Trailing { .. } => "cbor_trailing",
        }
    }
}

/// A position in one object.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Read<T> = Result<T, CborFault>;

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub const fn at(&self) -> usize {
        self.at
    }

    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Nothing may follow the object.
    pub fn finish(&self) -> Read<()> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            length => Err(CborFault::Trailing { length }),
        }
    }

    /// The major type of the next item and the number that goes with it.
    #[inline]
    pub fn head(&mut self) -> Read<(u8, u64)> {
        let at = self.at;
        let Some(first) = self.bytes.get(at) else {
            return Err(CborFault::Truncated { at, declared: 1 });
        };
        let (major, short) = (first >> 5, first & 31);
        if short < 24 {
            self.at += 1;
            return Ok((major, u64::from(short)));
        }
        self.long_head(major, short)
    }

    fn long_head(&mut self, major: u8, short: u8) -> Read<(u8, u64)> {
        let at = self.at;
        let width = match short {
            24..=27 => 1 << (short - 24),
            31 => return Err(CborFault::Indefinite { at }),
            _ => return Err(CborFault::Reserved { at, byte: major << 5 | short }),
        };
        if major == SIMPLE {
            return Err(if short == 24 { CborFault::Simple { at } } else { CborFault::Float { at } });
        }
        self.at += 1;
        let value = self.take(width as u64)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        // Each width begins where the narrower one ends.
        let least = if width == 1 { 24 } else { 1 << (4 * width) };
        if value < least { Err(CborFault::NotMinimal { at }) } else { Ok((major, value)) }
    }

    #[inline]
    fn expect(&mut self, major: u8, expected: &'static str) -> Read<u64> {
        let at = self.at;
        match self.head()? {
            (found, value) if found == major => Ok(value),
            _ => Err(CborFault::Unexpected { at, expected }),
        }
    }

    #[inline]
    fn take(&mut self, length: u64) -> Read<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(CborFault::Truncated { at: self.at, declared: length }),
        }
    }

    #[inline]
    pub fn unsigned(&mut self) -> Read<u64> {
        self.expect(UNSIGNED, "an unsigned integer")
    }

    /// Any integer that fits; a negative one is stored as its distance below −1.
    pub fn integer(&mut self) -> Read<i64> {
        let at = self.at;
        let (major, value) = self.head()?;
        match (major, i64::try_from(value)) {
            (UNSIGNED, Ok(value)) => Ok(value),
            (NEGATIVE, Ok(value)) => Ok(-1 - value),
            _ => Err(CborFault::Unexpected { at, expected: "an integer of 64 bits" }),
        }
    }

    #[inline]
    pub fn byte_string(&mut self) -> Read<&'a [u8]> {
        let length = self.expect(BYTES, "a byte string")?;
        self.take(length)
    }

    #[inline]
    pub fn text(&mut self) -> Read<&'a str> {
        let at = self.at;
        let length = self.expect(TEXT, "text")?;
        str::from_utf8(self.take(length)?).map_err(|_| CborFault::Utf8 { at })
    }

    pub fn boolean(&mut self) -> Read<bool> {
        let at = self.at;
        match self.head()? {
            (SIMPLE, FALSE) => Ok(false),
            (SIMPLE, TRUE) => Ok(true),
            _ => Err(CborFault::Unexpected { at, expected: "a boolean" }),
        }
    }

    /// Steps over a null, if one stands here.
    #[inline]
    pub fn null(&mut self) -> bool {
        let found = self.bytes.get(self.at) == Some(&NULL_BYTE);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub fn array(&mut self) -> Read<u64> {
        self.expect(ARRAY, "an array")
    }

    #[inline]
    pub fn map(&mut self) -> Read<u64> {
        self.expect(MAP, "a map")
    }

    /// A map of exactly so many entries.
    #[inline]
    pub fn map_of(&mut self, entries: u64, expected: &'static str) -> Read<()> {
        let at = self.at;
        match self.map()? {
            found if found == entries => Ok(()),
            _ => Err(CborFault::Unexpected { at, expected }),
        }
    }

    /// The one key that canonical order puts here. `encoded` is its whole item.
    #[inline]
    pub fn key(&mut self, encoded: &'static [u8], key: &'static str) -> Read<()> {
        if !self.rest().starts_with(encoded) {
            return Err(CborFault::Key { at: self.at, key });
        }
        self.at += encoded.len();
        Ok(())
    }

    /// A link to a CID of our own kind.
    #[inline]
    pub fn cid(&mut self) -> Read<Cid> {
        let at = self.at;
        let rest = &self.bytes[at..];
        if let Some(cid) = rest.strip_prefix(&LINK_HEAD).and_then(|rest| rest.get(..36))
            && let Ok(cid) = Cid::from_bytes(cid)
        {
            self.at += LINK_HEAD.len() + 36;
            return Ok(cid);
        }
        Cid::from_bytes(self.link()?).map_err(|fault| CborFault::Link { at, fault })
    }

    #[inline]
    pub fn cid_or_null(&mut self) -> Read<Option<Cid>> {
        if self.null() { Ok(None) } else { self.cid().map(Some) }
    }

    /// The binary CID of a link of any kind, unchecked.
    pub fn link(&mut self) -> Read<&'a [u8]> {
        let at = self.at;
        match self.expect(TAG, "a link")? {
            LINK_TAG => {}
            tag => return Err(CborFault::Tag { at, tag }),
        }
        self.byte_string()?.strip_prefix(&[0]).ok_or(CborFault::LinkPrefix { at })
    }

    /// Steps over one item of any kind that is well-formed.
    pub fn skip(&mut self) -> Read<()> {
        let mut left = [0_u64; CBOR_DEPTH_MAX];
        let mut depth = 0;
        left[0] = 1;
        loop {
            if left[depth] == 0 {
                match depth {
                    0 => return Ok(()),
                    _ => depth -= 1,
                }
                continue;
            }
            left[depth] -= 1;
            let items = self.shallow()?;
            if items > 0 {
                depth += 1;
                *left.get_mut(depth).ok_or(CborFault::Depth { at: self.at })? = items;
            }
        }
    }

    /// Steps over one item but not over those inside, and says how many they are.
    fn shallow(&mut self) -> Read<u64> {
        let at = self.at;
        match self.head()? {
            (UNSIGNED | NEGATIVE, _) | (SIMPLE, FALSE | TRUE | NULL) => Ok(0),
            (BYTES, length) => self.take(length).map(|_| 0),
            (TEXT, length) => match str::from_utf8(self.take(length)?) {
                Ok(_) => Ok(0),
                Err(_) => Err(CborFault::Utf8 { at }),
            },
            (ARRAY, length) => Ok(length),
            // Twice the greatest length overflows, but then the input ends long before.
            (MAP, length) => Ok(length.saturating_mul(2)),
            (TAG, LINK_TAG) => Ok(1),
            (TAG, tag) => Err(CborFault::Tag { at, tag }),
            _ => Err(CborFault::Simple { at }),
        }
    }
}

pub fn write_head(major: u8, value: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match value {
        0..24 => out.push(major | value as u8),
        24..0x100 => out.extend_from_slice(&[major | 24, value as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write_head(TEXT, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_head(BYTES, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub fn write_null(out: &mut Vec<u8>) {
    out.push(NULL_BYTE);
}

pub fn write_bool(value: bool, out: &mut Vec<u8>) {
    write_head(SIMPLE, if value { TRUE } else { FALSE }, out);
}

pub fn write_cid(cid: Cid, out: &mut Vec<u8>) {
    out.extend_from_slice(&LINK_HEAD);
    out.extend_from_slice(&cid.to_bytes());
}

pub fn write_cid_or_null(cid: Option<Cid>, out: &mut Vec<u8>) {
    match cid {
        Some(cid) => write_cid(cid, out),
        None => write_null(out),
    }
}
