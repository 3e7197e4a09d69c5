//! The SQL of the victim's traces, and nothing else. The harness makes the
//! tables, and says there what the columns mean.

use counterpart::jobs::Lease;
use counterpart::ledger::{Connection, Tx};

/// One more wish for `subject`; says how many there have been.
pub async fn want(tx: &mut Tx, subject: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(WANT).bind(subject).fetch_one(&mut **tx).await
}

pub async fn wanted(connection: &mut Connection, subject: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(WANTED).bind(subject).fetch_one(connection).await
}

pub async fn begun(tx: &mut Tx, lease: &Lease, holder: &str) -> sqlx::Result<()> {
    let insert = sqlx::query(BEGUN).bind(lease.id).bind(lease.fence).bind(holder);
    insert.bind(&lease.subject).bind(&lease.host).execute(&mut **tx).await.map(|_| ())
}

pub async fn stepped(tx: &mut Tx, subject: &str, number: i64) -> sqlx::Result<()> {
    sqlx::query(STEPPED).bind(subject).bind(number).execute(&mut **tx).await.map(|_| ())
}

pub async fn took_effect(tx: &mut Tx, lease: &Lease, seen: i64) -> sqlx::Result<()> {
    let insert = sqlx::query(TOOK_EFFECT).bind(&lease.subject).bind(lease.id).bind(lease.fence);
    insert.bind(seen).execute(&mut **tx).await.map(|_| ())
}

const WANT: &str = "
    -- victim.want
    insert into wanted (subject, generation) values ($1, 1)
    on conflict (subject) do update set generation = wanted.generation + 1
    returning generation";

const WANTED: &str = "
    -- victim.wanted
    select generation from wanted where subject = $1";

const BEGUN: &str = "
    -- victim.begun
    insert into attempt (job, fence, holder, subject, beside)
    select $1, $2, $3, $4, (select count(*) from job where state = 'running' and host = $5 and host <> '')";

const STEPPED: &str = "
    -- victim.stepped
    insert into step (subject, run, number)
    select $1, (select count(*) + 1 from effect where subject = $1), $2";

// An attempt that a later one has overtaken may get as far as this; saved it
// must never be.
const TOOK_EFFECT: &str = "
    -- victim.took_effect
    insert into effect (subject, run, job, fence, seen, superseded)
    select $1, (select count(*) + 1 from effect where subject = $1), $2, $3, $4,
           (select count(*) from attempt where job = $2 and fence > $3)";
