//! Signing and verifying, for both curves, in the only form atproto uses:
//! `r` and `s`, 32 bytes each, over the SHA-256 of the message.
//!
//! This is the one file that knows which library does the work. Every ECDSA
//! signature has a twin with the other `s`; `verify` takes the low one only, so
//! that what is signed has one signature. What was signed is the caller's affair.

use p256::ecdsa::signature::Signer;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use secp256k1::Message;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::key::{Curve, Point, PublicKey, Secret, SigningKey};

pub const SIGNATURE_BYTES: usize = 64;

type Scalar = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureFault {
    #[error("a signature of {length} bytes, not {SIGNATURE_BYTES}")]
    Length { length: usize },
    #[error("a signature of {length} bytes in DER, not {SIGNATURE_BYTES} plain ones")]
    Der { length: usize },
    #[error("a signature with {scalar} zero or not below the order of {curve}")]
    OutOfRange { curve: Curve, scalar: char },
    #[error("a signature on {curve} with the high s")]
    HighS { curve: Curve },
    #[error("the signature is not of this message by this key of {curve}")]
    Mismatch { curve: Curve },
}

impl SignatureFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Length { .. } => "signature_length",
            Self::Der { .. } => "signature_der",
            Self::OutOfRange { .. } => "signature_out_of_range",
            Self::HighS { .. } => "signature_high_s",
            Self::Mismatch { .. } => "signature_mismatch",
        }
    }
}

/// Verifies a signature of a commit or an operation: 64 bytes with the low `s`.
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
    let split = Split::of(key.curve(), signature)?;
    if split.is_high() {
        return Err(SignatureFault::HighS { curve: key.curve() });
    }
    split.verify(key, message)
}

/// Verifies a signature of a service token, where the high `s` passes too,
/// because the libraries that make tokens do not normalise. Whoever asks must
/// not take the signature, or a token with it, for the name of anything.
pub fn verify_malleable(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
    Split::of(key.curve(), signature)?.verify(key, message)
}

/// Signs with a nonce derived from key and message (RFC 6979), so that the
/// same message is always signed alike and no dice are needed. The `s` is low.
pub fn sign(key: &SigningKey, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
    match &key.0 {
        Secret::K256(secret) => secp256k1::ecdsa::sign(digest(message), secret).serialize_compact(),
        Secret::P256(secret) => {
            let signature: p256::ecdsa::Signature = secret.sign(message);
            signature.normalize_s().unwrap_or(signature).to_bytes().into()
        }
    }
}

/// A signature of the right length whose scalars are in range for the curve.
struct Split<'a> {
    bytes: &'a [u8; SIGNATURE_BYTES],
    s: &'a Scalar,
    curve: Curve,
}

impl<'a> Split<'a> {
    fn of(curve: Curve, signature: &'a [u8]) -> Result<Self, SignatureFault> {
        let bytes = exact(signature)?;
        let (r, s) = halves(bytes);
        for (name, scalar) in [('r', r), ('s', s)] {
            if *scalar == [0; 32] || *scalar >= *order(curve) {
                return Err(SignatureFault::OutOfRange { curve, scalar: name });
            }
        }
        Ok(Self { bytes, s, curve })
    }

    fn is_high(&self) -> bool {
        *self.s > *half_order(self.curve)
    }

    fn verify(&self, key: &PublicKey, message: &[u8]) -> Result<(), SignatureFault> {
        let verified = match &key.0 {
            Point::K256(point) => self.verify_k256(point, message),
            Point::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, self.bytes).is_ok()
            }
        };
        if verified { Ok(()) } else { Err(SignatureFault::Mismatch { curve: self.curve }) }
    }

    fn verify_k256(&self, point: &secp256k1::PublicKey, message: &[u8]) -> bool {
        let Ok(mut signature) = secp256k1::ecdsa::Signature::from_compact(self.bytes) else {
            return false;
        };
        // The library refuses the high `s` of its own accord; who may use it has been decided above.
        signature.normalize_s();
        secp256k1::ecdsa::verify(&signature, digest(message), point).is_ok()
    }
}

fn exact(signature: &[u8]) -> Result<&[u8; SIGNATURE_BYTES], SignatureFault> {
    let length = signature.len();
    signature.try_into().map_err(|_| match signature {
        [0x30, declared, ..] if usize::from(*declared) + 2 == length => SignatureFault::Der { length },
        _ => SignatureFault::Length { length },
    })
}

fn halves(bytes: &[u8; SIGNATURE_BYTES]) -> (&Scalar, &Scalar) {
    let (r, s) = bytes.split_first_chunk().expect("64 bytes begin with 32");
    (r, s.try_into().expect("and end with 32"))
}

fn digest(message: &[u8]) -> Message {
    Message::from_digest(Sha256::digest(message).into())
}

const fn order(curve: Curve) -> &'static Scalar {
    match curve {
        Curve::K256 => &K256_ORDER,
        Curve::P256 => &P256_ORDER,
    }
}

const fn half_order(curve: Curve) -> &'static Scalar {
    match curve {
        Curve::K256 => &K256_HALF_ORDER,
        Curve::P256 => &P256_HALF_ORDER,
    }
}

// Big-endian, so that comparing the arrays compares the numbers.
const K256_ORDER: Scalar = secp256k1::constants::CURVE_ORDER;
const P256_ORDER: Scalar = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, //
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const K256_HALF_ORDER: Scalar = halved(&K256_ORDER);
const P256_HALF_ORDER: Scalar = halved(&P256_ORDER);

/// The greatest low `s`: both orders are odd, so half of one is rounded down.
const fn halved(number: &Scalar) -> Scalar {
    let mut half = [0; 32];
    let mut at = 0;
    while at < half.len() {
        let carried = if at == 0 { 0 } else { number[at - 1] << 7 };
        half[at] = number[at] >> 1 | carried;
        at += 1;
    }
    half
}
