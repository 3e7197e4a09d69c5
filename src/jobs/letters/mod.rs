//! Dead letters: what failed for good, kept with its evidence until a person
//! retries or drops it.

pub(super) mod rows;

use serde_json::json;

use super::Lane;
use crate::clock::Moment;
use crate::ledger::{Ledger, Tx, event};

#[derive(Clone, Debug)]
pub struct Letter {
    pub id: i64,
    pub kind: String,
    pub subject: String,
    pub lane: Lane,
    pub host: String,
    pub priority: u8,
    pub deadline_ms: u64,
    pub attempts: u32,
    pub rescues: u32,
    pub progress: String,
    pub reason: String,
    pub deaths: u32,
    pub died_at: Moment,
}

pub use rows::list;

/// Makes a letter a job again, with new attempts and due at once. `None` when
/// there is no such letter.
pub async fn retry(ledger: &Ledger, id: i64, now: Moment) -> sqlx::Result<Option<Letter>> {
    let mut tx = ledger.begin().await?;
    let Some(letter) = rows::take(&mut tx, id).await? else { return Ok(None) };
    rows::insert_job(&mut tx, &letter, now).await?;
    tx.made_work();
    told(&mut tx, "job.retried", &letter, now).await?;
    tx.save().await?;
    Ok(Some(letter))
}

/// Forgets a letter. What it was about stays undone.
pub async fn drop(ledger: &Ledger, id: i64, now: Moment) -> sqlx::Result<Option<Letter>> {
    let mut tx = ledger.begin().await?;
    let Some(letter) = rows::take(&mut tx, id).await? else { return Ok(None) };
    told(&mut tx, "job.dropped", &letter, now).await?;
    tx.save().await?;
    Ok(Some(letter))
}

async fn told(tx: &mut Tx, topic: &str, letter: &Letter, now: Moment) -> sqlx::Result<()> {
    let detail = json!({ "kind": letter.kind, "reason": letter.reason, "deaths": letter.deaths });
    event::record(tx, now, topic, &letter.subject, &detail).await
}
