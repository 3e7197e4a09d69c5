//! The keys of accounts and services, on the two curves that atproto uses.
//!
//! A key is parsed into the form its verifier wants, so that decompressing a
//! point is paid once per key and not once per signature. No dice here: a new
//! key is made of bytes the caller rolled. Whose key it is, and whether it
//! still is, is for the DID document to say.

use std::fmt;

use data_encoding::HEXLOWER_PERMISSIVE;
use multibase::Base;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use thiserror::Error;

use super::syntax::reads_as_text;
use crate::limits::MULTIBASE_KEY_BYTES_MAX;

const DID_KEY: &str = "did:key:";
const BASE58: char = 'z';
const COMPRESSED_BYTES: usize = 33;
const UNCOMPRESSED_BYTES: usize = 65;
const SECRET_BYTES: usize = 32;
/// The multicodec numbers of the two kinds of key, as varints.
const K256_CODEC: [u8; 2] = [0xe7, 0x01];
const P256_CODEC: [u8; 2] = [0x80, 0x24];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Curve {
    /// secp256k1
    K256,
    /// NIST P-256, also called secp256r1
    P256,
}

/// A point known to be on its curve. Shown as a `did:key`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub(super) Point);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Point {
    K256(secp256k1::PublicKey),
    P256([u8; UNCOMPRESSED_BYTES]),
}

/// A secret key. It is wiped when dropped and never shown.
#[derive(Clone)]
pub struct SigningKey(pub(super) Secret);

#[derive(Clone)]
pub(super) enum Secret {
    K256(secp256k1::SecretKey),
    P256(p256::ecdsa::SigningKey),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFault {
    #[error("a key that does not start with `{DID_KEY}`")]
    NotDidKey,
    #[error("a key that does not start with `{BASE58}`, for base58btc")]
    Multibase,
    #[error("a key of {length} characters, more than {max}")]
    TextLength { length: usize, max: usize },
    #[error("a key that is not base58btc")]
    Base58,
    #[error("multicodec {prefix:02x?} is neither a K-256 nor a P-256 public key")]
    Codec { prefix: Vec<u8> },
    #[error("verification method type `{name}` is not one that holds a key")]
    MethodType { name: String },
    #[error("a point of {length} bytes, not {expected}")]
    PointLength { length: usize, expected: usize },
    #[error("a point that starts with {tag:#04x}, in another form than asked for")]
    PointForm { tag: u8 },
    #[error("not a point on {curve}")]
    NotOnCurve { curve: Curve },
    #[error("a secret key that is not {} hexadecimal digits", 2 * SECRET_BYTES)]
    SecretHex,
    #[error("a secret key that is zero or not below the order of {curve}")]
    SecretRange { curve: Curve },
}

impl Curve {
    /// The name of the signature algorithm in a token's header.
    pub const fn jwt_alg(self) -> &'static str {
        match self {
            Self::K256 => "ES256K",
            Self::P256 => "ES256",
        }
    }

    const fn codec(self) -> [u8; 2] {
        match self {
            Self::K256 => K256_CODEC,
            Self::P256 => P256_CODEC,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::K256 => "K-256",
            Self::P256 => "P-256",
        })
    }
}

impl PublicKey {
    /// From a `did:key:z…`.
    pub fn parse(did_key: &str) -> Result<Self, KeyFault> {
        did_key.strip_prefix(DID_KEY).ok_or(KeyFault::NotDidKey).and_then(Self::from_multikey)
    }

    /// From the `publicKeyMultibase` of a verification method of type `Multikey`.
    pub fn from_multikey(multibase: &str) -> Result<Self, KeyFault> {
        let bytes = decode_base58(multibase)?;
        let (prefix, point) = bytes.split_at(bytes.len().min(2));
        let curve = match <[u8; 2]>::try_from(prefix) {
            Ok(K256_CODEC) => Curve::K256,
            Ok(P256_CODEC) => Curve::P256,
            _ => return Err(KeyFault::Codec { prefix: prefix.to_vec() }),
        };
        Self::from_compressed(curve, point)
    }

    /// From the `publicKeyMultibase` of a verification method of one of the
    /// types of 2019: the bare uncompressed point.
    pub fn from_legacy(curve: Curve, multibase: &str) -> Result<Self, KeyFault> {
        Self::from_uncompressed(curve, &decode_base58(multibase)?)
    }

    /// From a verification method of a DID document, whichever type it has.
    pub fn from_verification_method(name: &str, multibase: &str) -> Result<Self, KeyFault> {
        match name {
            "Multikey" => Self::from_multikey(multibase),
            "EcdsaSecp256k1VerificationKey2019" => Self::from_legacy(Curve::K256, multibase),
            "EcdsaSecp256r1VerificationKey2019" => Self::from_legacy(Curve::P256, multibase),
            _ => Err(KeyFault::MethodType { name: name.to_owned() }),
        }
    }

    pub fn from_compressed(curve: Curve, point: &[u8]) -> Result<Self, KeyFault> {
        check_form(point, COMPRESSED_BYTES, |tag| matches!(tag, 2 | 3))?;
        Self::from_sec1(curve, point)
    }

    pub fn from_uncompressed(curve: Curve, point: &[u8]) -> Result<Self, KeyFault> {
        check_form(point, UNCOMPRESSED_BYTES, |tag| tag == 4)?;
        Self::from_sec1(curve, point)
    }

    pub const fn curve(&self) -> Curve {
        match self.0 {
            Point::K256(_) => Curve::K256,
            Point::P256(_) => Curve::P256,
        }
    }

    pub fn to_compressed(&self) -> [u8; COMPRESSED_BYTES] {
        match &self.0 {
            Point::K256(point) => point.serialize(),
            Point::P256(point) => {
                let mut compressed = [0; COMPRESSED_BYTES];
                compressed[0] = 2 | (point[UNCOMPRESSED_BYTES - 1] & 1);
                compressed[1..].copy_from_slice(&point[1..COMPRESSED_BYTES]);
                compressed
            }
        }
    }

    /// The `publicKeyMultibase` of a `Multikey`.
    pub fn to_multikey(&self) -> String {
        let bytes = [&self.curve().codec()[..], &self.to_compressed()].concat();
        multibase::encode(Base::Base58Btc, bytes)
    }

    // Only for a point whose length and form have been checked.
    fn from_sec1(curve: Curve, point: &[u8]) -> Result<Self, KeyFault> {
        let off_curve = KeyFault::NotOnCurve { curve };
        match curve {
            Curve::K256 => {
                let point = secp256k1::PublicKey::from_slice(point).map_err(|_| off_curve)?;
                Ok(Self(Point::K256(point)))
            }
            Curve::P256 => {
                let point = p256::PublicKey::from_sec1_bytes(point).map_err(|_| off_curve)?;
                Ok(Self::from_p256(&point))
            }
        }
    }

    fn from_p256(point: &p256::PublicKey) -> Self {
        let encoded = point.to_encoded_point(false);
        let point = encoded.as_bytes().try_into().expect("an uncompressed point has 65 bytes");
        Self(Point::P256(point))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DID_KEY}{}", self.to_multikey())
    }
}

reads_as_text!(PublicKey, KeyFault);

impl SigningKey {
    /// A key of 32 bytes; a new one, if they come from good dice.
    pub fn from_bytes(curve: Curve, bytes: &[u8; SECRET_BYTES]) -> Result<Self, KeyFault> {
        let out_of_range = KeyFault::SecretRange { curve };
        let secret = match curve {
            Curve::K256 => secp256k1::SecretKey::from_secret_bytes(*bytes).ok().map(Secret::K256),
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(bytes).ok().map(Secret::P256),
        };
        secret.map(Self).ok_or(out_of_range)
    }

    pub fn from_hex(curve: Curve, hex: &str) -> Result<Self, KeyFault> {
        let mut bytes = [0; SECRET_BYTES];
        if hex.len() != 2 * SECRET_BYTES {
            return Err(KeyFault::SecretHex);
        }
        match HEXLOWER_PERMISSIVE.decode_mut(hex.as_bytes(), &mut bytes) {
            Ok(_) => Self::from_bytes(curve, &bytes),
            Err(_) => Err(KeyFault::SecretHex),
        }
    }

    pub const fn curve(&self) -> Curve {
        match &self.0 {
            Secret::K256(_) => Curve::K256,
            Secret::P256(_) => Curve::P256,
        }
    }

    pub fn public(&self) -> PublicKey {
        match &self.0 {
            Secret::K256(secret) => PublicKey(Point::K256(secret.public_key())),
            Secret::P256(secret) => PublicKey::from_p256(&secret.verifying_key().into()),
        }
    }

    /// The secret itself, to be kept where only its owner can read it.
    pub fn expose_bytes(&self) -> [u8; SECRET_BYTES] {
        match &self.0 {
            Secret::K256(secret) => secret.to_secret_bytes(),
            Secret::P256(secret) => secret.to_bytes().into(),
        }
    }
}

// The P-256 key wipes itself.
impl Drop for SigningKey {
    fn drop(&mut self) {
        match &mut self.0 {
            Secret::K256(secret) => secret.non_secure_erase(),
            Secret::P256(_) => {}
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a secret key of {}", self.public())
    }
}

impl KeyFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotDidKey => "key_not_did_key",
            Self::Multibase => "key_multibase",
            Self::TextLength { .. } => "key_text_length",
            Self::Base58 => "key_base58",
            Self::Codec { .. } => "key_codec",
            Self::MethodType { .. } => "key_method_type",
            Self::PointLength { .. } => "key_point_length",
            Self::PointForm { .. } => "key_point_form",
            Self::NotOnCurve { .. } => "key_not_on_curve",
            Self::SecretHex => "key_secret_hex",
            Self::SecretRange { .. } => "key_secret_range",
        }
    }
}

fn decode_base58(multibase: &str) -> Result<Vec<u8>, KeyFault> {
    let digits = multibase.strip_prefix(BASE58).ok_or(KeyFault::Multibase)?;
    // Base58 takes quadratic time, so its length is looked at first.
    if multibase.len() > MULTIBASE_KEY_BYTES_MAX {
        return Err(KeyFault::TextLength { length: multibase.len(), max: MULTIBASE_KEY_BYTES_MAX });
    }
    Base::Base58Btc.decode(digits).map_err(|_| KeyFault::Base58)
}

fn check_form(point: &[u8], expected: usize, allows: fn(u8) -> bool) -> Result<(), KeyFault> {
    match point {
        [tag, ..] if point.len() == expected && allows(*tag) => Ok(()),
        [tag, ..] if point.len() == expected => Err(KeyFault::PointForm { tag: *tag }),
        _ => Err(KeyFault::PointLength { length: point.len(), expected }),
    }
}
