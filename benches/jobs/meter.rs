//! Time, WAL and processor time of one measurement.
//!
//! Processor time is read from `/proc`, ours and that of the server's sessions
//! on the measured database; where the server is out of sight it is missing,
//! and so is the column.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;

/// What is measured beside time.
pub struct Meter {
    postgres: Option<PgPool>,
}

/// One contender's part of one round.
#[derive(Clone, Copy)]
pub struct Reading {
    pub jobs: usize,
    pub enqueue: Duration,
    pub drain: Duration,
    pub wal_bytes: Option<i64>,
    pub client_cpu: Option<Duration>,
    pub server_cpu: Option<Duration>,
}

impl Reading {
    /// Jobs through the whole of it, per second.
    pub fn all(&self) -> f64 {
        self.jobs as f64 / (self.enqueue + self.drain).as_secs_f64()
    }
}

pub struct Started {
    wal_at: Option<String>,
    client_cpu: Option<Duration>,
    server_cpu: Option<Duration>,
}

impl Meter {
    pub fn of_postgres(pool: &PgPool) -> Self {
        Self { postgres: Some(pool.clone()) }
    }

    pub fn of_time() -> Self {
        Self { postgres: None }
    }

    pub async fn start(&self) -> Result<Started> {
        let server_cpu = self.server_cpu().await?;
        let wal_at = match &self.postgres {
            Some(pool) => Some(sqlx::query_scalar(WAL_AT).fetch_one(pool).await?),
            None => None,
        };
        Ok(Started { client_cpu: client_cpu(), server_cpu, wal_at })
    }

    /// Takes dead rows away between rounds, so that each starts alike.
    pub async fn tidy(&self) -> Result<()> {
        if let Some(pool) = &self.postgres {
            sqlx::query("vacuum analyze").execute(pool).await?;
        }
        Ok(())
    }

    async fn server_cpu(&self) -> Result<Option<Duration>> {
        let Some(pool) = &self.postgres else { return Ok(None) };
        let sessions: Vec<i32> = sqlx::query_scalar(SESSIONS).fetch_all(pool).await?;
        Ok(sessions.into_iter().map(|session| on_cpu(&format!("/proc/{session}/schedstat"))).sum())
    }
}

impl Started {
    pub async fn read(
        self,
        meter: &Meter,
        jobs: usize,
        enqueue: Duration,
        drain: Duration,
    ) -> Result<Reading> {
        let spent = |before: Option<Duration>, after: Option<Duration>| Some(after?.saturating_sub(before?));
        let client_cpu = spent(self.client_cpu, client_cpu());
        let wal_bytes = match (&meter.postgres, self.wal_at) {
            (Some(pool), Some(at)) => Some(sqlx::query_scalar(WAL_SINCE).bind(at).fetch_one(pool).await?),
            _ => None,
        };
        let server_cpu = spent(self.server_cpu, meter.server_cpu().await?);
        Ok(Reading { jobs, enqueue, drain, wal_bytes, client_cpu, server_cpu })
    }
}

fn client_cpu() -> Option<Duration> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    threads.map(|thread| on_cpu(&format!("{}/schedstat", thread.ok()?.path().display()))).sum()
}

// Its first number: nanoseconds on a processor.
fn on_cpu(path: &str) -> Option<Duration> {
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

const WAL_AT: &str = "select cast(pg_current_wal_insert_lsn() as text)";

const WAL_SINCE: &str =
    "select cast(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), cast($1 as pg_lsn)) as bigint)";

const SESSIONS: &str =
    "select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'";
