//! Verification: the only door through which bytes become trusted.
//!
//! `WholeRepo` is a CAR found complete and well-formed down to every record;
//! `VerifiedSnapshot` is one whose commit is known to be signed by the account,
//! `VerifiedCommit` a firehose commit proven against the head before it. Their
//! fields are private and this is where they are made. It is not known here
//! where the keys come from, nor whether the account's host may speak for it.

mod commit;
mod intake;
mod proof;
mod snapshot;
mod whole;

use crate::atproto::{Did, PublicKey, SignatureFault, Tid};
use crate::clock::Moment;
use crate::limits::{CAR_BLOCKS_MAX, CAR_BYTES_MAX, REV_AHEAD_MS};

use super::commit::Commit;
use super::fault::Fault;

pub use self::commit::{
    Gap, Head, Rejected, SignedHead, VerifiedCommit, VerifiedOp, verify_commit, verify_sync,
};
pub use self::intake::Intake;
pub use self::proof::{ProvenRecord, verify_proof};

pub use self::snapshot::{VerifiedSnapshot, verify_snapshot};
pub use self::whole::{Counts, Record, Records, WholeRepo};

/// What one CAR may cost; policies narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub car_bytes_max: u64,
    pub blocks_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { car_bytes_max: CAR_BYTES_MAX, blocks_max: CAR_BLOCKS_MAX }
    }
}

/// Who is expected to have signed.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// `None` takes the commit's own word for whose repository it is, which
    /// is enough for a command line that says so and for nothing else.
    pub did: Option<&'a Did>,
    pub keys: &'a [KeySpan],
}

/// A signing key of an account, and when it ceased to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpan {
    pub key: PublicKey,
    /// `None` while it is in force.
    pub until: Option<Moment>,
}

/// The key that a signature was found to be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    Current(PublicKey),
    Past { key: PublicKey, until: Moment },
}

/// Checks all that a commit says about itself: whose it is, when, and by whom.
///
/// A key that has been replaced is believed only for revisions of its time,
/// so that whoever stole it later cannot speak for the account; one who
/// antedates is stopped by the revision we already have.
fn check_signer(commit: &Commit, signer: &Signer<'_>, now: Moment) -> Result<SignedBy, Fault> {
    if let Some(expected) = signer.did
        && *expected != commit.did
    {
        return Err(Fault::WrongDid { expected: expected.clone(), found: commit.did.clone() });
    }
    check_rev(commit.rev, now)?;
    let mut fault = Fault::NoKey;
    for span in signer.keys {
        match (commit.verify_signature(&span.key), span.until) {
            (Ok(()), None) => return Ok(SignedBy::Current(span.key)),
            (Ok(()), Some(until)) if commit.rev.micros() <= latest_micros(until) => {
                return Ok(SignedBy::Past { key: span.key, until });
            }
            (Ok(()), Some(_)) => return Err(Fault::KeyNotInForce { rev: commit.rev }),
            // What keeps a signature from being one of any key says more than that it is not of this key.
            (Err(SignatureFault::Mismatch { .. }), _) if fault != Fault::NoKey => {}
            (Err(other), _) => fault = Fault::Signature(other),
        }
    }
    Err(fault)
}

fn check_rev(rev: Tid, now: Moment) -> Result<(), Fault> {
    if rev.micros() <= latest_micros(now) { Ok(()) } else { Err(Fault::RevAhead { rev, now }) }
}

fn latest_micros(now: Moment) -> u64 {
    u64::try_from(now.plus_ms(REV_AHEAD_MS).micros()).unwrap_or(0)
}
