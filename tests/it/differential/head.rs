//! A commit that may be anything, signed over whatever it says.

use counterpart::atproto::{Cid, Curve, SigningKey, sign};
use counterpart::repo::cbor as write;

use super::dice::Dice;

/// What is wrong with a commit, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    None,
    AnotherKey,
    AnotherCurve,
    HighS,
    OneBitOff,
    Der,
    ShortSignature,
    NoSignature,
    ZeroSignature,
    AnotherDid,
    NotADid,
    NotATid,
    LowTid,
    Version2,
    Version4,
    NoPrev,
    /// Allowed, if out of use.
    SomePrev,
    FieldTooMany,
    FieldsUnsorted,
    FieldTwice,
    LongNumber,
    TrailingByte,
    RawData,
    NotAMap,
}

pub const SLIPS: [Slip; 23] = [
    Slip::AnotherKey,
    Slip::AnotherCurve,
    Slip::HighS,
    Slip::OneBitOff,
    Slip::Der,
    Slip::ShortSignature,
    Slip::NoSignature,
    Slip::ZeroSignature,
    Slip::AnotherDid,
    Slip::NotADid,
    Slip::NotATid,
    Slip::LowTid,
    Slip::Version2,
    Slip::Version4,
    Slip::NoPrev,
    Slip::SomePrev,
    Slip::FieldTooMany,
    Slip::FieldsUnsorted,
    Slip::FieldTwice,
    Slip::LongNumber,
    Slip::TrailingByte,
    Slip::RawData,
    Slip::NotAMap,
];

/// A commit's fields as they would be right.
pub struct Head<'a> {
    pub did: &'a str,
    pub rev: &'a str,
    pub data: Cid,
    pub key: &'a SigningKey,
}

impl Head<'_> {
    /// The bytes of the commit, with one thing wrong.
    pub fn write(&self, slip: Slip, dice: &mut Dice) -> Vec<u8> {
        if slip == Slip::NotAMap {
            return b"\x83\x01\x02\x03".to_vec();
        }
        let mut fields = self.fields(slip);
        let unsigned = map(&fields);
        if let Some(signature) = self.signature(slip, &unsigned, dice) {
            let mut encoded = Vec::new();
            write::write_bytes(&signature, &mut encoded);
            fields.push(("sig", encoded));
            sort(&mut fields, slip);
        }
        let mut bytes = map(&fields);
        if slip == Slip::TrailingByte {
            bytes.push(0);
        }
        bytes
    }

    fn fields(&self, slip: Slip) -> Vec<(&'static str, Vec<u8>)> {
        let with = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        let did = match slip {
            Slip::AnotherDid => "did:plc:malloryaaaaaaaaaaaaaaaaa",
            Slip::NotADid => "did:plc",
            _ => self.did,
        };
        let rev = match slip {
            Slip::NotATid => "2024-01-01T00",
            Slip::LowTid => "2222222222222",
            _ => self.rev,
        };
        let data = if slip == Slip::RawData { raw(self.data) } else { self.data };
        let prev = (slip == Slip::SomePrev).then_some(self.data);
        let version = match slip {
            Slip::Version2 => 2,
            Slip::Version4 => 4,
            _ => 3,
        };
        let mut fields = vec![
            ("did", with(&|out| write::write_text(did, out))),
            ("rev", with(&|out| write::write_text(rev, out))),
            ("data", with(&|out| write::write_cid(data, out))),
            ("version", with(&|out| write_number(version, slip, out))),
        ];
        if slip != Slip::NoPrev {
            fields.push(("prev", with(&|out| write::write_cid_or_null(prev, out))));
        }
        match slip {
            Slip::FieldTooMany => fields.push(("extra", vec![0xf6])),
            Slip::FieldTwice => fields.push(("rev", with(&|out| write::write_text(rev, out)))),
            _ => {}
        }
        sort(&mut fields, slip);
        fields
    }

    fn signature(&self, slip: Slip, unsigned: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
        let other = |curve| SigningKey::from_bytes(curve, &[99; 32]).expect("a secret of this size");
        let right = || sign(self.key, unsigned);
        Some(match slip {
            Slip::NoSignature => return None,
            Slip::AnotherKey => sign(&other(self.key.curve()), unsigned).to_vec(),
            Slip::AnotherCurve => {
                let curve = if self.key.curve() == Curve::K256 { Curve::P256 } else { Curve::K256 };
                sign(&other(curve), unsigned).to_vec()
            }
            Slip::HighS => high(self.key.curve(), &right()),
            Slip::OneBitOff => {
                let mut signature = right().to_vec();
                signature[dice.below(64)] ^= 1 << dice.below(8);
                signature
            }
            Slip::Der => der(self.key.curve(), &right()),
            Slip::ShortSignature => right()[..63].to_vec(),
            Slip::ZeroSignature => vec![0; 64],
            _ => right().to_vec(),
        })
    }
}

fn raw(cid: Cid) -> Cid {
    Cid::from_digest(counterpart::atproto::Codec::Raw, *cid.digest())
}

fn write_number(value: u8, slip: Slip, out: &mut Vec<u8>) {
    if slip == Slip::LongNumber {
        out.push(0x18);
    }
    out.push(value);
}

fn sort(fields: &mut [(&'static str, Vec<u8>)], slip: Slip) {
    fields.sort_by_key(|(name, _)| (name.len(), *name));
    if slip == Slip::FieldsUnsorted {
        fields.reverse();
    }
}

fn map(fields: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    write::write_head(write::MAP, fields.len() as u64, &mut out);
    for (name, value) in fields {
        write::write_text(name, &mut out);
        out.extend_from_slice(value);
    }
    out
}

/// The other signature that says the same.
fn high(curve: Curve, signature: &[u8; 64]) -> Vec<u8> {
    match curve {
        Curve::K256 => {
            let low = k256::ecdsa::Signature::from_slice(signature).expect("a signature");
            let (r, s) = low.split_scalars();
            k256::ecdsa::Signature::from_scalars(r, -s).expect("in range").to_vec()
        }
        Curve::P256 => {
            let low = p256::ecdsa::Signature::from_slice(signature).expect("a signature");
            let (r, s) = low.split_scalars();
            p256::ecdsa::Signature::from_scalars(r, -s).expect("in range").to_vec()
        }
    }
}

fn der(curve: Curve, signature: &[u8; 64]) -> Vec<u8> {
    match curve {
        Curve::K256 => {
            k256::ecdsa::Signature::from_slice(signature).expect("a signature").to_der().as_bytes().to_vec()
        }
        Curve::P256 => {
            p256::ecdsa::Signature::from_slice(signature).expect("a signature").to_der().as_bytes().to_vec()
        }
    }
}
