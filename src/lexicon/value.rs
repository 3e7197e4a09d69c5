//! The atproto data model's own values as JSON writes them: bytes, links, blobs.
//!
//! Bytes are also written to CBOR, as plain bytes, because event frames carry
//! them. A link in CBOR is a tagged CID, which needs `atproto`; here it is
//! refused rather than written as something else.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{self, Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The specification writes no padding and asks readers to bear it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `{"$bytes": "…"}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// `{"$link": "bafy…"}`, the CID still text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(pub String);

/// `{"$type": "blob", "ref": {"$link": "bafk…"}, "mimeType": "…", "size": 1}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    #[serde(rename = "$type")]
    pub r#type: BlobType,
    pub r#ref: Link,
    #[serde(rename = "mimeType")]
    pub mime_type: String,
    pub size: i64,
}

/// The one `$type` a blob has; the older form without it is not read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlobType {
    #[serde(rename = "blob")]
    Blob,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BytesInJson {
    #[serde(rename = "$bytes")]
    bytes: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkInJson {
    #[serde(rename = "$link")]
    link: String,
}

impl Bytes {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => BytesInJson { bytes: BASE64.encode(&self.0) }.serialize(serializer),
            false => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return deserializer.deserialize_byte_buf(PlainBytes);
        }
        let json = BytesInJson::deserialize(deserializer)?;
        match BASE64.decode(&json.bytes) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(D::Error::custom("`$bytes` is not base64")),
        }
    }
}

struct PlainBytes;

impl Visitor<'_> for PlainBytes {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }
}

const LINK_IN_CBOR: &str = "a link in CBOR is a tagged CID, not text";

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => LinkInJson { link: self.0.clone() }.serialize(serializer),
            false => Err(S::Error::custom(LINK_IN_CBOR)),
        }
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => Ok(Self(LinkInJson::deserialize(deserializer)?.link)),
            false => Err(D::Error::custom(LINK_IN_CBOR)),
        }
    }
}

/// Reads a field that may be absent and may not be `null`: serde alone takes
/// `null` for absent, which no schema of ours allows.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The `$type` that says which variant of a union a value is.
pub fn union_type(value: &Value) -> Result<String, serde_json::Error> {
    match value.get("$type").and_then(Value::as_str) {
        Some(name) => Ok(name.to_owned()),
        None => Err(de::Error::custom("a union needs `$type`")),
    }
}
