//! A whole repository that its account signed.

use std::ops::Deref;

use super::{Limits, SignedBy, Signer, WholeRepo};
use crate::clock::Moment;
use crate::repo::fault::Unverified;

/// Complete from the signed commit to every record. There is no other way to
/// one than `verify_snapshot` and `WholeRepo::authenticate`.
pub struct VerifiedSnapshot<'a> {
    repo: WholeRepo<'a>,
    signed_by: SignedBy,
}

/// Verifies a CAR that is in memory, without copying it. One that is received
/// goes through `Intake`.
///
/// Verified: the hash of every block; framing and lengths; the commit's form,
/// owner, revision not ahead of `now`, and signature; for every node its
/// canonical form, the order and syntax of its keys, its layer; that no node
/// and no record is missing.
/// Not verified: what records say (`record::scan` tells whether one is odd),
/// whether the revision is newer than another, whether the keys are the right ones.
pub fn verify_snapshot<'a>(
    car: &'a [u8],
    signer: &Signer<'_>,
    limits: Limits,
    now: Moment,
) -> Result<VerifiedSnapshot<'a>, Unverified> {
    Ok(WholeRepo::read(car, limits)?.authenticate(signer, now)?)
}

impl<'a> VerifiedSnapshot<'a> {
    pub(super) const fn new(repo: WholeRepo<'a>, signed_by: SignedBy) -> Self {
        Self { repo, signed_by }
    }

    pub const fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }
}

impl<'a> Deref for VerifiedSnapshot<'a> {
    type Target = WholeRepo<'a>;

    fn deref(&self) -> &WholeRepo<'a> {
        &self.repo
    }
}
