//! The signed head of a repository, version 3.
//!
//! A commit is read in its one canonical form, so that the bytes that were
//! signed are those read without the signature. Who may sign for the account
//! is not known here.

use super::cbor::{self, CborFault, Reader};
use super::fault::Fault;
use crate::atproto::{
    Cid, Codec, Did, PublicKey, SignatureFault, SigningKey, Tid, sign, signature::SIGNATURE_BYTES, verify,
};
use crate::limits::COMMIT_BYTES_MAX;

const VERSION: u64 = 3;
const FIELDS: u64 = 6;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub did: Did,
    pub rev: Tid,
    pub data: Cid,
    pub prev: Option<Cid>,
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Commit {
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > COMMIT_BYTES_MAX {
            return Err(Fault::CommitTooLarge { length: bytes.len() });
        }
        let raw = RawCommit::read(bytes).map_err(Fault::Commit)?;
        if raw.version != VERSION {
            return Err(Fault::CommitVersion { version: raw.version });
        }
        let signature = raw.signature.try_into().map_err(|_| wrong_length(raw.signature))?;
        Ok(Self {
            did: Did::parse(raw.did).map_err(Fault::CommitDid)?,
            rev: Tid::parse(raw.rev).map_err(Fault::CommitRev)?,
            data: dag_cbor(raw.data)?,
            prev: raw.prev.map(dag_cbor).transpose()?,
            signature,
        })
    }

    pub fn signed(did: Did, rev: Tid, data: Cid, key: &SigningKey) -> Self {
        let mut commit = Self { did, rev, data, prev: None, signature: [0; SIGNATURE_BYTES] };
        commit.signature = sign(key, &commit.signed_bytes());
        commit
    }

    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), SignatureFault> {
        verify(key, &self.signed_bytes(), &self.signature)
    }

    pub fn encode(&self) -> Vec<u8> {
        self.write(Some(&self.signature))
    }

    pub fn cid(&self) -> Cid {
        Cid::of_dag_cbor(&self.encode())
    }

    fn signed_bytes(&self) -> Vec<u8> {
        self.write(None)
    }

    /// The fields in canonical order: shorter keys first, then by their bytes.
    fn write(&self, signature: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        cbor::write_head(cbor::MAP, FIELDS - 1 + u64::from(signature.is_some()), &mut out);
        cbor::write_text("did", &mut out);
        cbor::write_text(self.did.as_str(), &mut out);
        cbor::write_text("rev", &mut out);
        cbor::write_text(&self.rev.to_string(), &mut out);
        if let Some(signature) = signature {
            cbor::write_text("sig", &mut out);
            cbor::write_bytes(signature, &mut out);
        }
        cbor::write_text("data", &mut out);
        cbor::write_cid(self.data, &mut out);
        cbor::write_text("prev", &mut out);
        cbor::write_cid_or_null(self.prev, &mut out);
        cbor::write_text("version", &mut out);
        cbor::write_head(cbor::UNSIGNED, VERSION, &mut out);
        out
    }
}

struct RawCommit<'a> {
    did: &'a str,
    rev: &'a str,
    signature: &'a [u8],
    data: Cid,
    prev: Option<Cid>,
    version: u64,
}

impl<'a> RawCommit<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, CborFault> {
        let mut reader = Reader::new(bytes);
        let (at, fields) = (reader.at(), reader.map()?);
        reader.key(b"\x63did", "did")?;
        let did = reader.text()?;
        reader.key(b"\x63rev", "rev")?;
        let rev = reader.text()?;
        reader.key(b"\x63sig", "sig")?;
        let signature = reader.byte_string()?;
        reader.key(b"\x64data", "data")?;
        let data = reader.cid()?;
        reader.key(b"\x64prev", "prev")?;
        let prev = reader.cid_or_null()?;
        reader.key(b"\x67version", "version")?;
        let version = reader.unsigned()?;
        // Counted last, so that a field that is missing is named.
        if fields != FIELDS {
            return Err(CborFault::Unexpected { at, expected: "a map of 6 entries" });
        }
        reader.finish()?;
        Ok(Self { did, rev, signature, data, prev, version })
    }
}

fn wrong_length(signature: &[u8]) -> Fault {
    let length = signature.len();
    Fault::Signature(match signature {
        [0x30, declared, ..] if usize::from(*declared) + 2 == length => SignatureFault::Der { length },
        _ => SignatureFault::Length { length },
    })
}

fn dag_cbor(cid: Cid) -> Result<Cid, Fault> {
    if cid.codec() == Codec::DagCbor { Ok(cid) } else { Err(Fault::CommitLink { cid }) }
}
