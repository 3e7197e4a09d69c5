//! The SQL of dead letters, and nothing else.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::Letter;
use crate::clock::Moment;
use crate::jobs::rows::{parsed, small};
use crate::jobs::{Lane, Lease};
use crate::ledger::{Connection, Tx};

pub(in crate::jobs) async fn write(
    tx: &mut Tx,
    lease: &Lease,
    reason: &str,
    now: Moment,
) -> sqlx::Result<u64> {
    let insert = sqlx::query(WRITE)
        .bind(lease.id)
        .bind(lease.fence)
        .bind(i64::from(lease.attempts))
        .bind(reason)
        .bind(now.micros());
    Ok(insert.execute(&mut **tx).await?.rows_affected())
}

pub(super) async fn take(tx: &mut Tx, id: i64) -> sqlx::Result<Option<Letter>> {
    let row = sqlx::query(TAKE).bind(id).fetch_optional(&mut **tx).await?;
    row.as_ref().map(letter).transpose()
}

pub(super) async fn insert_job(tx: &mut Tx, letter: &Letter, now: Moment) -> sqlx::Result<()> {
    let insert = sqlx::query(INSERT_JOB)
        .bind(&letter.kind)
        .bind(&letter.subject)
        .bind(letter.lane.as_str())
        .bind(&letter.host)
        .bind(i64::from(letter.priority))
        .bind(now.micros())
        .bind(i64::try_from(letter.deadline_ms).unwrap_or(i64::MAX))
        .bind(&letter.progress);
    insert.execute(&mut **tx).await.map(|_| ())
}

/// Dead letters, newest first.
pub async fn list(connection: &mut Connection, rows_max: u32) -> sqlx::Result<Vec<Letter>> {
    let rows = sqlx::query(LIST).bind(i64::from(rows_max)).fetch_all(connection).await?;
    rows.iter().map(letter).collect()
}

fn letter(row: &AnyRow) -> sqlx::Result<Letter> {
    Ok(Letter {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        lane: parsed(row, "lane", Lane::parse)?,
        host: row.try_get("host")?,
        priority: small(row, "priority")?,
        deadline_ms: small(row, "deadline_ms")?,
        attempts: small(row, "attempts")?,
        rescues: small(row, "rescues")?,
        progress: row.try_get("progress")?,
        reason: row.try_get("reason")?,
        deaths: small(row, "deaths")?,
        died_at: Moment::from_micros(row.try_get("died_at")?),
    })
}

const WRITE: &str = "
    -- dead_letter.write
    insert into dead_letter
        (kind, subject, lane, host, priority, deadline_ms, attempts, rescues, progress, reason, died_at)
    select kind, subject, lane, host, priority, deadline_ms, cast($3 as bigint), rescues, progress,
           cast($4 as text), cast($5 as bigint)
    from job where id = $1 and fence = $2 and state = 'running'
    on conflict (kind, subject) do update set
        lane = excluded.lane, host = excluded.host, priority = excluded.priority,
        deadline_ms = excluded.deadline_ms, attempts = excluded.attempts, rescues = excluded.rescues,
        progress = excluded.progress, reason = excluded.reason, died_at = excluded.died_at,
        deaths = dead_letter.deaths + 1";

const TAKE: &str = "
    -- dead_letter.take
    delete from dead_letter where id = $1
    returning id, kind, subject, lane, host, priority, deadline_ms, attempts, rescues, progress, reason,
              deaths, died_at";

const INSERT_JOB: &str = "
    -- dead_letter.insert_job
    insert into job (kind, subject, lane, host, priority, state, due_at, deadline_ms, progress, created_at)
    values ($1, $2, $3, $4, $5, 'ready', $6, $7, $8, $6)
    on conflict (kind, subject) do update set
        dirty = case when job.state = 'running' then 1 else job.dirty end,
        due_at = case when job.state = 'later' then excluded.due_at else job.due_at end,
        state = case when job.state = 'later' then 'ready' else job.state end";

const LIST: &str = "
    -- dead_letter.list
    select id, kind, subject, lane, host, priority, deadline_ms, attempts, rescues, progress, reason,
           deaths, died_at
    from dead_letter order by died_at desc, id desc limit $1";
