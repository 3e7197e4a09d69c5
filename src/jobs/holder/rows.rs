//! The SQL of holders, and nothing else.

use sqlx::Row;

use crate::clock::Moment;
use crate::ledger::Tx;

pub(super) async fn register(tx: &mut Tx, id: &str, now: Moment, until: Moment) -> sqlx::Result<()> {
    let insert = sqlx::query(REGISTER)
        .bind(id)
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(now.micros())
        .bind(until.micros());
    insert.execute(&mut **tx).await.map(|_| ())
}

/// Renews a lease; `None` when there is none any more, else what time the
/// database thinks it is (0 where it has no opinion of its own).
pub(super) async fn beat(tx: &mut Tx, id: &str, until: Moment) -> sqlx::Result<Option<i64>> {
    let text = tx.engine().pick(BEAT_SQLITE, BEAT_POSTGRES);
    let row = sqlx::query(text).bind(until.micros()).bind(id).fetch_optional(&mut **tx).await?;
    row.map(|row| row.try_get("now")).transpose()
}

pub(super) async fn depart(tx: &mut Tx, id: &str) -> sqlx::Result<()> {
    sqlx::query(DEPART).bind(id).execute(&mut **tx).await.map(|_| ())
}

pub(in crate::jobs) async fn forget_dead(tx: &mut Tx, now: Moment) -> sqlx::Result<u64> {
    let delete = sqlx::query(FORGET_DEAD).bind(now.micros());
    Ok(delete.execute(&mut **tx).await?.rows_affected())
}

// A holder whose jobs have all been taken away. One that wakes up later finds
// no row to renew and knows.
const FORGET_DEAD: &str = "
    -- node.forget_dead
    delete from node where lease_until < $1
      and not exists (select 1 from job where job.holder = node.id and job.state = 'running')";

const REGISTER: &str = "
    -- node.register
    insert into node (id, version, started_at, lease_until) values ($1, $2, $3, $4)";

const BEAT_SQLITE: &str = "
    -- node.beat
    update node set lease_until = $1 where id = $2 returning 0 as now";

const BEAT_POSTGRES: &str = "
    -- node.beat
    update node set lease_until = $1 where id = $2
    returning cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) as now";

const DEPART: &str = "
    -- node.depart
    delete from node where id = $1";
