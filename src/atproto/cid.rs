//! Content identifiers. `Cid` is the one kind that atproto writes, small
//! enough to copy; `Link` keeps any other kind exactly as it was found.
//!
//! A node or a commit may be named by a `Cid` only. A leaf of the tree may
//! link with more freedom, and what we did not make we do not rewrite. Holding
//! a CID says nothing about any bytes: that is asked with `Cid::matches`.

use std::fmt;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::syntax::reads_as_text;
use crate::limits::LINK_BYTES_MAX;

/// Version, codec, hash, digest length: one byte each, then the digest.
pub const CID_BYTES: usize = 36;
const CID_TEXT_BYTES: usize = 59;
const DIGEST_BYTES: usize = 32;
const VERSION: u8 = 1;
const SHA2_256: u8 = 0x12;
const BASE32_PREFIX: char = 'b';

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut lower_case = Specification::new();
    lower_case.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    lower_case.encoding().expect("32 different characters")
});

/// CIDv1 of a SHA-256 digest. Ordered as its bytes are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid {
    codec: Codec,
    digest: [u8; DIGEST_BYTES],
}

/// What the hashed bytes are: a blob, or a node, commit or record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Codec {
    Raw = 0x55,
    DagCbor = 0x71,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CidFault {
    #[error("a CID of {length} bytes, not {CID_BYTES}")]
    Length { length: usize },
    #[error("a CID of version {version}, not {VERSION}")]
    Version { version: u64 },
    #[error("codec {codec:#x} is neither dag-cbor nor raw")]
    Codec { codec: u64 },
    #[error("hash function {code:#x} is not SHA-256")]
    Hash { code: u64 },
    #[error("a digest of {length} bytes where {expected} are declared")]
    Digest { length: usize, expected: u64 },
    #[error("a number in the CID is cut off, too long or not minimal")]
    Varint,
    #[error("a link of {length} bytes, more than {max}")]
    LinkLength { length: usize, max: usize },
    #[error("a CID of {length} characters, not {CID_TEXT_BYTES}")]
    TextLength { length: usize },
    #[error("a CID that does not start with `{BASE32_PREFIX}`")]
    Multibase,
    #[error("not canonical base32 at {at}")]
    Base32 { at: usize },
}

impl Cid {
    pub fn of_dag_cbor(bytes: &[u8]) -> Self {
        Self::from_digest(Codec::DagCbor, Sha256::digest(bytes).into())
    }

    pub fn of_raw(bytes: &[u8]) -> Self {
        Self::from_digest(Codec::Raw, Sha256::digest(bytes).into())
    }

    /// For a digest that was computed while the bytes went by.
    pub const fn from_digest(codec: Codec, digest: [u8; DIGEST_BYTES]) -> Self {
        Self { codec, digest }
    }

    /// Exactly the 36 binary bytes, without the zero byte that CBOR puts before them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidFault> {
        let bytes: &[u8; CID_BYTES] =
            bytes.try_into().map_err(|_| CidFault::Length { length: bytes.len() })?;
        let [version, codec, hash, length, digest @ ..] = bytes;
        if *version != VERSION {
            return Err(CidFault::Version { version: u64::from(*version) });
        }
        let codec = Codec::from_byte(*codec).ok_or(CidFault::Codec { codec: u64::from(*codec) })?;
        if *hash != SHA2_256 {
            return Err(CidFault::Hash { code: u64::from(*hash) });
        }
        if usize::from(*length) != DIGEST_BYTES {
            return Err(CidFault::Digest { length: DIGEST_BYTES, expected: u64::from(*length) });
        }
        Ok(Self { codec, digest: *digest })
    }

    /// Exactly the canonical text, `b` and 58 characters of lower-case base32.
    pub fn parse(text: &str) -> Result<Self, CidFault> {
        let digits = text.strip_prefix(BASE32_PREFIX).ok_or(CidFault::Multibase)?;
        if text.len() != CID_TEXT_BYTES {
            return Err(CidFault::TextLength { length: text.len() });
        }
        let mut bytes = [0; CID_BYTES];
        BASE32
            .decode_mut(digits.as_bytes(), &mut bytes)
            .map_err(|partial| CidFault::Base32 { at: 1 + partial.error.position })?;
        Self::from_bytes(&bytes)
    }

    pub fn to_bytes(self) -> [u8; CID_BYTES] {
        let mut bytes = [0; CID_BYTES];
        bytes[..4].copy_from_slice(&[VERSION, self.codec as u8, SHA2_256, DIGEST_BYTES as u8]);
        bytes[4..].copy_from_slice(&self.digest);
        bytes
    }

    pub const fn codec(&self) -> Codec {
        self.codec
    }

    pub const fn digest(&self) -> &[u8; DIGEST_BYTES] {
        &self.digest
    }

    /// Whether these bytes are the ones it names.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        Sha256::digest(bytes)[..] == self.digest
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; CID_TEXT_BYTES];
        text[0] = BASE32_PREFIX as u8;
        BASE32.encode_mut(&self.to_bytes(), &mut text[1..]);
        f.pad(str::from_utf8(&text).expect("base32 is ASCII"))
    }
}

reads_as_text!(Cid, CidFault);

impl From<Cid> for cid::Cid {
    fn from(cid: Cid) -> Self {
        let hash = cid::multihash::Multihash::wrap(u64::from(SHA2_256), &cid.digest);
        Self::new_v1(cid.codec as u64, hash.expect("32 bytes fit"))
    }
}

impl TryFrom<&cid::Cid> for Cid {
    type Error = CidFault;

    fn try_from(cid: &cid::Cid) -> Result<Self, CidFault> {
        Self::from_bytes(&cid.to_bytes())
    }
}

impl Codec {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x55 => Some(Self::Raw),
            0x71 => Some(Self::DagCbor),
            _ => None,
        }
    }
}

impl CidFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Length { .. } => "cid_length",
            Self::Version { .. } => "cid_version",
            Self::Codec { .. } => "cid_codec",
            Self::Hash { .. } => "cid_hash",
            Self::Digest { .. } => "cid_digest",
            Self::Varint => "cid_varint",
            Self::LinkLength { .. } => "cid_link_length",
            Self::TextLength { .. } => "cid_text_length",
            Self::Multibase => "cid_multibase",
            Self::Base32 { .. } => "cid_base32",
        }
    }
}

/// The exact bytes of a well-formed binary CID of any version, codec and hash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(Kind);

/// A CID that `Cid` can hold is never kept as bytes, so equal links are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Ours(Cid),
    Foreign(Box<[u8]>),
}

impl Link {
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidFault> {
        match Cid::from_bytes(bytes) {
            Ok(cid) => Ok(Self(Kind::Ours(cid))),
            Err(_) => {
                check_binary(bytes)?;
                Ok(Self(Kind::Foreign(bytes.into())))
            }
        }
    }

    pub fn as_cid(&self) -> Option<Cid> {
        match &self.0 {
            Kind::Ours(cid) => Some(*cid),
            Kind::Foreign(_) => None,
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Kind::Ours(cid) => cid.to_bytes().to_vec(),
            Kind::Foreign(bytes) => bytes.to_vec(),
        }
    }
}

impl From<Cid> for Link {
    fn from(cid: Cid) -> Self {
        Self(Kind::Ours(cid))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Ours(cid) => fmt::Display::fmt(cid, f),
            // Version 0 is written without a prefix, in base58.
            Kind::Foreign(bytes) if is_version_0(bytes) => f.pad(&multibase::Base::Base58Btc.encode(bytes)),
            Kind::Foreign(bytes) => f.pad(&multibase::encode(multibase::Base::Base32Lower, bytes)),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The shape of a CID: version 0 whole, or version, codec, hash function,
/// digest length and a digest of that length, with nothing after it.
fn check_binary(bytes: &[u8]) -> Result<(), CidFault> {
    if bytes.len() > LINK_BYTES_MAX {
        return Err(CidFault::LinkLength { length: bytes.len(), max: LINK_BYTES_MAX });
    }
    if is_version_0(bytes) {
        return Ok(());
    }
    let (version, rest) = varint(bytes)?;
    if version != u64::from(VERSION) {
        return Err(CidFault::Version { version });
    }
    let (_codec, rest) = varint(rest)?;
    let (_hash, rest) = varint(rest)?;
    let (expected, digest) = varint(rest)?;
    match digest.len() as u64 == expected {
        true => Ok(()),
        false => Err(CidFault::Digest { length: digest.len(), expected }),
    }
}

fn is_version_0(bytes: &[u8]) -> bool {
    bytes.len() == 2 + DIGEST_BYTES && bytes[..2] == [SHA2_256, DIGEST_BYTES as u8]
}

/// An unsigned varint as multiformats has it: minimal and at most nine bytes.
fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), CidFault> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let minimal = place == 0 || *byte != 0;
            return if minimal { Ok((value, &bytes[place + 1..])) } else { Err(CidFault::Varint) };
        }
    }
    Err(CidFault::Varint)
}
