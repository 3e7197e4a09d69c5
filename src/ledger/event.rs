//! The event table: what happened, for people and for partners.
//!
//! Any floor above records here, in the transaction that made it true.

use serde_json::Value;

use super::Tx;
use super::gate::{self, AppendOnly};
use crate::clock::Moment;

/// Records that something changed. `topic` is noun.verb; `subject` is the
/// account, host or job it is about.
pub async fn record(tx: &mut Tx, at: Moment, topic: &str, subject: &str, detail: &Value) -> sqlx::Result<()> {
    let event = sqlx::query(RECORD).bind(at.micros()).bind(topic).bind(subject).bind(detail.to_string());
    event.execute(&mut **tx).await.map(|_| ())
}

/// Forgets up to `rows_max` of the oldest events from before `before`; says how many.
pub async fn prune(tx: &mut Tx, before: Moment, rows_max: i64) -> sqlx::Result<u64> {
    gate::open(tx, AppendOnly::Event).await?;
    let gone = sqlx::query(PRUNE).bind(before.micros()).bind(rows_max).execute(&mut **tx).await?;
    gate::close(tx, AppendOnly::Event).await?;
    Ok(gone.rows_affected())
}

const RECORD: &str = "
    -- event.record
    insert into event (at, topic, subject, detail) values ($1, $2, $3, $4)";

const PRUNE: &str = "
    -- event.prune
    delete from event where id in (select id from event where at < $1 order by at, id limit $2)";
