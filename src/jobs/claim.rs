//! Taking jobs: the most urgent first, no more for one host than it can bear.

use super::holder::Holder;
use super::{Duty, Lane, Lease, rows};
use crate::clock::Moment;
use crate::crash;
use crate::ledger::{Ledger, Tx};

/// How much may be taken at once.
#[derive(Clone, Copy, Debug)]
pub struct Appetite {
    pub lane: Lane,
    pub jobs_max: u32,
    /// Running jobs that one host may have, over all nodes and lanes. Jobs that
    /// talk to nobody are not counted.
    pub per_host_max: u32,
}

/// Leases the jobs that have been due longest among the most urgent.
///
/// Claims are made one after another, across nodes too: the cap for each host
/// is exact. Jobs of a kind that is not in `duties` (a newer node asked for
/// them) are left for nodes that know them.
pub async fn claim(
    ledger: &Ledger,
    holder: &Holder,
    duties: &[&'static Duty],
    appetite: Appetite,
    now: Moment,
) -> sqlx::Result<Vec<(Lease, &'static Duty)>> {
    let mut tx = ledger.begin().await?;
    let leases = claim_in(&mut tx, holder, duties, appetite, now).await?;
    crash::point("claim.before_save");
    tx.save().await?;
    crash::point("claim.saved");
    Ok(leases)
}

async fn claim_in(
    tx: &mut Tx,
    holder: &Holder,
    duties: &[&'static Duty],
    appetite: Appetite,
    now: Moment,
) -> sqlx::Result<Vec<(Lease, &'static Duty)>> {
    rows::promote(tx, now).await?;
    rows::lock_claims(tx).await?;
    let mut known = Vec::new();
    for lease in rows::claim(tx, holder, appetite, now).await? {
        match duties.iter().find(|duty| duty.kind == lease.kind) {
            Some(&duty) => known.push((lease, duty)),
            None => {
                tracing::warn!(job.kind = %lease.kind, "a job of a kind this release does not know is left to newer nodes");
                rows::postpone_unknown(tx, &lease, now).await?;
            }
        }
    }
    Ok(known)
}
