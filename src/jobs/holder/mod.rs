//! Who holds jobs: one row for each running process, renewed by a heartbeat.
//!
//! The row is the lease of everything its process holds, so a heartbeat is one
//! write however many jobs there are. It also brings back the database's time.

pub(super) mod rows;

use crate::clock::{Clock, Moment};
use crate::ledger::Ledger;
use crate::limits;

/// This process as the ledger knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    id: String,
}

/// What the ledger said to a heartbeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beat {
    Renewed {
        until: Moment,
    },
    /// We were away too long and have been declared dead: whatever we held may
    /// already be running elsewhere.
    Lost,
}

impl Holder {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Enters this process in the ledger under a name nobody had before.
    pub async fn register(ledger: &Ledger, clock: &Clock) -> sqlx::Result<(Self, Moment)> {
        take_time(ledger, clock).await?;
        let holder = Self { id: clock.fresh_name() };
        let now = clock.now();
        let until = now.plus_ms(limits::NODE_LEASE_MS);
        let mut tx = ledger.begin().await?;
        rows::register(&mut tx, &holder.id, now, until).await?;
        tx.save().await?;
        Ok((holder, until))
    }

    /// Renews the lease of everything this process holds.
    pub async fn beat(&self, ledger: &Ledger, clock: &Clock) -> sqlx::Result<Beat> {
        let until = clock.now().plus_ms(limits::NODE_LEASE_MS);
        let mut tx = ledger.begin().await?;
        let said = rows::beat(&mut tx, &self.id, until).await?;
        tx.save().await?;
        match said {
            None => return Ok(Beat::Lost),
            Some(0) => clock.correct(clock.wall()),
            Some(micros) => clock.correct(Moment::from_micros(micros)),
        }
        Ok(Beat::Renewed { until })
    }

    /// Leaves the ledger; whatever was still held is given back first.
    pub async fn depart(&self, ledger: &Ledger, clock: &Clock) -> sqlx::Result<u64> {
        let released = super::settle::release_all(ledger, &self.id, clock.now()).await?;
        let mut tx = ledger.begin().await?;
        rows::depart(&mut tx, &self.id).await?;
        tx.save().await?;
        Ok(released)
    }
}

async fn take_time(ledger: &Ledger, clock: &Clock) -> sqlx::Result<()> {
    if let Some(now) = ledger.time().await? {
        clock.correct(now);
    }
    Ok(())
}
