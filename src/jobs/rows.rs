//! The SQL of live jobs, and nothing else.
//!
//! Writes about an attempt name its fence and say how many rows they changed;
//! what none means is decided above.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::claim::Appetite;
use super::holder::Holder;
use super::rules::Running;
use super::{Job, Lane, Lease, Request, State};
use crate::clock::Moment;
use crate::ledger::{Connection, Engine, Tx, batch};
use crate::limits;

pub(super) async fn insert(tx: &mut Tx, requests: &[Request], now: Moment) -> sqlx::Result<()> {
    for piece in batch::pieces(requests) {
        let text = batch::statement(INSERT, INSERT_ROW, piece.len(), INSERT_CONFLICT);
        let mut insert = sqlx::query(AssertSqlSafe(text));
        for request in piece {
            let state = if request.due_at <= now { State::Ready } else { State::Later };
            insert = insert
                .bind(request.kind)
                .bind(&request.subject)
                .bind(request.lane.as_str())
                .bind(&request.host)
                .bind(i64::from(request.priority))
                .bind(state.as_str())
                .bind(request.due_at.micros())
                .bind(i64::try_from(request.deadline_ms).unwrap_or(i64::MAX))
                .bind(now.micros());
        }
        insert.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Moves what has come due among the claimable.
pub(super) async fn promote(tx: &mut Tx, now: Moment) -> sqlx::Result<u64> {
    let text = tx.engine().pick(PROMOTE_SQLITE, PROMOTE_POSTGRES);
    let promote = sqlx::query(text).bind(now.micros()).bind(limits::JOB_SWEEP_ROWS_MAX);
    Ok(promote.execute(&mut **tx).await?.rows_affected())
}

/// One claimer at a time. On SQLite the write transaction is that lock already.
pub(super) async fn lock_claims(tx: &mut Tx) -> sqlx::Result<()> {
    if tx.engine() == Engine::Postgres {
        sqlx::query(LOCK_CLAIMS_POSTGRES).execute(&mut **tx).await?;
    }
    Ok(())
}

pub(super) async fn claim(
    tx: &mut Tx,
    holder: &Holder,
    appetite: Appetite,
    now: Moment,
) -> sqlx::Result<Vec<Lease>> {
    let text = tx.engine().pick(CLAIM_SQLITE, CLAIM_POSTGRES);
    let claim = sqlx::query(text)
        .bind(appetite.lane.as_str())
        .bind(i64::from(appetite.jobs_max))
        .bind(i64::from(appetite.per_host_max))
        .bind(holder.id())
        .bind(now.micros());
    let rows = claim.fetch_all(&mut **tx).await?;
    let mut leases = rows.iter().map(lease).collect::<sqlx::Result<Vec<_>>>()?;
    // `returning` promises no order.
    leases.sort_by_key(|lease| (u8::MAX - lease.priority, lease.due_at, lease.id));
    Ok(leases)
}

pub(super) async fn postpone_unknown(tx: &mut Tx, lease: &Lease, now: Moment) -> sqlx::Result<u64> {
    let until = now.plus_ms(limits::JOB_UNKNOWN_KIND_MS);
    defer(tx, lease, until, "this release does not know this kind of work").await
}

/// Deletes those of `leases` that are still held and were not asked for again;
/// says which.
pub(super) async fn delete_clean(tx: &mut Tx, leases: &[Lease]) -> sqlx::Result<BTreeSet<i64>> {
    let mut gone = BTreeSet::new();
    for piece in batch::pieces(leases) {
        let text = batch::statement(DELETE_CLEAN, "($1, $2)", piece.len(), DELETE_CLEAN_TAIL);
        let mut delete = sqlx::query_scalar::<_, i64>(AssertSqlSafe(text));
        for lease in piece {
            delete = delete.bind(lease.id).bind(lease.fence);
        }
        gone.extend(delete.fetch_all(&mut **tx).await?);
    }
    Ok(gone)
}

pub(super) async fn run_again(tx: &mut Tx, lease: &Lease, now: Moment) -> sqlx::Result<u64> {
    let update = sqlx::query(RUN_AGAIN).bind(lease.id).bind(lease.fence).bind(now.micros());
    Ok(update.execute(&mut **tx).await?.rows_affected())
}

pub(super) async fn set_progress(tx: &mut Tx, lease: &Lease, progress: &str) -> sqlx::Result<u64> {
    let update = sqlx::query(SET_PROGRESS).bind(lease.id).bind(lease.fence).bind(progress);
    Ok(update.execute(&mut **tx).await?.rows_affected())
}

pub(super) async fn defer(tx: &mut Tx, lease: &Lease, until: Moment, reason: &str) -> sqlx::Result<u64> {
    let update = sqlx::query(DEFER).bind(lease.id).bind(lease.fence).bind(until.micros()).bind(reason);
    Ok(update.execute(&mut **tx).await?.rows_affected())
}

pub(super) async fn retry(tx: &mut Tx, lease: &Lease, due_at: Moment, reason: &str) -> sqlx::Result<u64> {
    let update = sqlx::query(RETRY).bind(lease.id).bind(lease.fence).bind(due_at.micros()).bind(reason);
    Ok(update.execute(&mut **tx).await?.rows_affected())
}

/// Running jobs whose holder may be dead or stuck.
pub(super) async fn suspects(tx: &mut Tx, now: Moment) -> sqlx::Result<Vec<(Lease, Running)>> {
    let text = tx.engine().pick(SUSPECTS_SQLITE, SUSPECTS_POSTGRES);
    let late = now.minus_ms(limits::JOB_DEADLINE_GRACE_MS);
    let suspects = sqlx::query(text).bind(now.micros()).bind(late.micros()).bind(limits::JOB_SWEEP_ROWS_MAX);
    let rows = suspects.fetch_all(&mut **tx).await?;
    rows.iter()
        .map(|row| {
            let lease = lease(row)?;
            let running = Running {
                lease_until: row.try_get::<Option<i64>, _>("lease_until")?.map(Moment::from_micros),
                deadline_at: Moment::from_micros(row.try_get("deadline_at")?),
                rescues: lease.rescues,
            };
            Ok((lease, running))
        })
        .collect()
}

pub(super) async fn release(tx: &mut Tx, lease: &Lease, now: Moment) -> sqlx::Result<u64> {
    let update = sqlx::query(RELEASE).bind(lease.id).bind(lease.fence).bind(now.micros());
    Ok(update.execute(&mut **tx).await?.rows_affected())
}

pub(super) async fn release_held(tx: &mut Tx, holder_id: &str, now: Moment) -> sqlx::Result<u64> {
    let update = sqlx::query(RELEASE_HELD).bind(holder_id).bind(now.micros());
    Ok(update.execute(&mut **tx).await?.rows_affected())
}

/// Live jobs in the order they would be claimed, running ones first.
pub async fn list(connection: &mut Connection, rows_max: u32) -> sqlx::Result<Vec<Job>> {
    let rows = sqlx::query(JOBS).bind(i64::from(rows_max)).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Job {
                lease: lease(row)?,
                state: parsed(row, "state", State::parse)?,
                holder: row.try_get("holder")?,
                dirty: row.try_get::<i64, _>("dirty")? != 0,
                last_error: row.try_get("last_error")?,
            })
        })
        .collect()
}

/// How many jobs stand where.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    pub later: i64,
    pub ready: i64,
    pub running: i64,
    pub dead: i64,
}

pub async fn counts(connection: &mut Connection) -> sqlx::Result<Counts> {
    let row = sqlx::query(COUNTS).fetch_one(connection).await?;
    Ok(Counts {
        later: row.try_get("later")?,
        ready: row.try_get("ready")?,
        running: row.try_get("running")?,
        dead: row.try_get("dead")?,
    })
}

fn lease(row: &AnyRow) -> sqlx::Result<Lease> {
    Ok(Lease {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        lane: parsed(row, "lane", Lane::parse)?,
        host: row.try_get("host")?,
        priority: small(row, "priority")?,
        due_at: Moment::from_micros(row.try_get("due_at")?),
        attempts: small(row, "attempts")?,
        rescues: small(row, "rescues")?,
        fence: row.try_get("fence")?,
        progress: row.try_get("progress")?,
    })
}

// The CHECK constraints keep these in range; a row that is not is corruption
// of our own state and must be said, not mended.
pub(super) fn small<T: TryFrom<i64>>(row: &AnyRow, column: &str) -> sqlx::Result<T> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value)
        .map_err(|_| sqlx::Error::Decode(format!("{column} is {value}, which cannot be").into()))
}

pub(super) fn parsed<T>(row: &AnyRow, column: &str, parse: fn(&str) -> Option<T>) -> sqlx::Result<T> {
    let text: String = row.try_get(column)?;
    parse(&text).ok_or_else(|| sqlx::Error::Decode(format!("{column} is `{text}`, which cannot be").into()))
}

const INSERT: &str = "
    -- job.insert
    insert into job (kind, subject, lane, host, priority, state, due_at, deadline_ms, created_at) values ";

const INSERT_ROW: &str = "($1, $2, $3, $4, $5, $6, $7, $8, $9)";

// A job in a pause that a failure or a host imposed has a last_error, and no
// wish shortens that pause. The `where` makes an idle repetition write nothing.
const INSERT_CONFLICT: &str = "
    on conflict (kind, subject) do update set
        priority = case when excluded.priority > job.priority then excluded.priority else job.priority end,
        dirty = case when job.state = 'running' then 1 else job.dirty end,
        due_at = case when job.state = 'later' and job.last_error = '' and excluded.due_at < job.due_at
                      then excluded.due_at else job.due_at end,
        state = case when job.state = 'later' and job.last_error = '' and excluded.state = 'ready'
                     then 'ready' else job.state end
    where excluded.priority > job.priority
       or (job.state = 'running' and job.dirty = 0)
       or (job.state = 'later' and job.last_error = '' and excluded.due_at < job.due_at)";

const PROMOTE_SQLITE: &str = "
    -- job.promote
    update job set state = 'ready'
    where id in (select id from job where state = 'later' and due_at <= $1 order by due_at, id limit $2)";

const PROMOTE_POSTGRES: &str = "
    -- job.promote
    update job set state = 'ready'
    where id in (select id from job where state = 'later' and due_at <= $1 order by due_at, id limit $2
                 for update skip locked)";

const LOCK_CLAIMS_POSTGRES: &str = "
    -- job.lock_claims
    select cast(pg_advisory_xact_lock(7226873402) as text)";

// Both claims: step from host to host along the index, take the first few of
// each that has room, and of those the most urgent. However long one host's
// queue is, only its head is read.
const CLAIM_POSTGRES: &str = "
    -- job.claim
    with recursive waiting(host) as (
        select min(host) from job where state = 'ready' and lane = $1
        union all
        select (select min(j.host) from job j where j.state = 'ready' and j.lane = $1 and j.host > w.host)
        from waiting w where w.host is not null
    ),
    busy(host, running) as (
        select host, count(*) from job where state = 'running' and host <> '' group by host
    ),
    room(host, jobs) as (
        select w.host, case when w.host = '' then $2 else $3 - coalesce(b.running, 0) end
        from waiting w left join busy b on b.host = w.host
        where w.host is not null
    ),
    picked as (
        select head.id from room cross join lateral (
            select id, priority, due_at from job
            where state = 'ready' and lane = $1 and job.host = room.host
            order by priority desc, due_at, id
            limit greatest(room.jobs, 0)
            for update skip locked
        ) head
        order by head.priority desc, head.due_at, head.id
        limit $2
    )
    update job set state = 'running', holder = $4, fence = fence + 1, deadline_at = $5 + deadline_ms * 1000
    where id in (select id from picked)
    returning id, kind, subject, lane, host, priority, due_at, attempts, rescues, fence, progress";

const CLAIM_SQLITE: &str = "
    -- job.claim
    with recursive waiting(host) as (
        select min(host) from job where state = 'ready' and lane = $1
        union all
        select (select min(j.host) from job j where j.state = 'ready' and j.lane = $1 and j.host > w.host)
        from waiting w where w.host is not null
    ),
    busy(host, running) as (
        select host, count(*) from job where state = 'running' and host <> '' group by host
    ),
    head as (
        select j.id, j.priority, j.due_at, j.host,
               row_number() over (partition by j.host order by j.priority desc, j.due_at, j.id) as place
        from waiting w cross join job j
        where j.id in (select i.id from job i where i.state = 'ready' and i.lane = $1 and i.host = w.host
                       order by i.priority desc, i.due_at, i.id limit max($2, $3))
    ),
    picked as (
        select head.id from head left join busy b on b.host = head.host
        where head.place <= case when head.host = '' then $2 else $3 - coalesce(b.running, 0) end
        order by head.priority desc, head.due_at, head.id
        limit $2
    )
    update job set state = 'running', holder = $4, fence = fence + 1, deadline_at = $5 + deadline_ms * 1000
    where id in (select id from picked)
    returning id, kind, subject, lane, host, priority, due_at, attempts, rescues, fence, progress";

const DELETE_CLEAN: &str = "
    -- job.delete_clean
    delete from job where (id, fence) in (values ";

const DELETE_CLEAN_TAIL: &str = ") and state = 'running' and dirty = 0 returning id";

const RUN_AGAIN: &str = "
    -- job.run_again
    update job set state = 'ready', dirty = 0, holder = '', fence = fence + 1, due_at = $3,
        attempts = 0, rescues = 0, progress = '', last_error = ''
    where id = $1 and fence = $2 and state = 'running'";

const SET_PROGRESS: &str = "
    -- job.set_progress
    update job set progress = $3 where id = $1 and fence = $2 and state = 'running'";

const DEFER: &str = "
    -- job.defer
    update job set state = 'later', holder = '', fence = fence + 1, dirty = 0, due_at = $3, last_error = $4
    where id = $1 and fence = $2 and state = 'running'";

const RETRY: &str = "
    -- job.retry
    update job set state = 'later', holder = '', fence = fence + 1, dirty = 0, due_at = $3, last_error = $4,
        attempts = attempts + 1
    where id = $1 and fence = $2 and state = 'running'";

const SUSPECTS_SQLITE: &str = "
    -- job.suspects
    select job.id, kind, subject, lane, host, priority, due_at, attempts, rescues, fence, progress,
           deadline_at, node.lease_until
    from job left join node on node.id = job.holder
    where state = 'running' and (node.id is null or node.lease_until < $1 or deadline_at < $2)
    order by job.id limit $3";

const SUSPECTS_POSTGRES: &str = "
    -- job.suspects
    select job.id, kind, subject, lane, host, priority, due_at, attempts, rescues, fence, progress,
           deadline_at, node.lease_until
    from job left join node on node.id = job.holder
    where state = 'running' and (node.id is null or node.lease_until < $1 or deadline_at < $2)
    order by job.id limit $3
    for update of job skip locked";

const RELEASE: &str = "
    -- job.release
    update job set state = 'ready', holder = '', fence = fence + 1, dirty = 0, due_at = $3,
        rescues = rescues + 1, last_error = 'its process died or got stuck'
    where id = $1 and fence = $2 and state = 'running'";

const RELEASE_HELD: &str = "
    -- job.release_held
    update job set state = 'ready', holder = '', fence = fence + 1, dirty = 0, due_at = $2
    where holder = $1 and state = 'running'";

const JOBS: &str = "
    -- job.list
    select id, kind, subject, lane, host, priority, due_at, attempts, rescues, fence, progress,
           state, holder, dirty, last_error
    from job
    order by case state when 'running' then 0 when 'ready' then 1 else 2 end, priority desc, due_at, id
    limit $1";

const COUNTS: &str = "
    -- job.counts
    select (select count(*) from job where state = 'later') as later,
           (select count(*) from job where state = 'ready') as ready,
           (select count(*) from job where state = 'running') as running,
           (select count(*) from dead_letter) as dead";
