//! Brings the tables up to date, under a lock, in one transaction.
//!
//! Migrations are numbered, embedded in the binary and never edited once
//! released: what is applied is remembered with its digest, and a difference
//! stops the start. A ledger that a newer binary has touched is refused.

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};
use thiserror::Error;

use super::{Connection, Engine, Ledger, Tx};
use crate::crash;

struct Migration {
    number: i64,
    name: &'static str,
    text: fn(Engine) -> &'static str,
}

macro_rules! migration {
    ($number:literal, $name:literal, both) => {
        Migration {
            number: $number,
            name: $name,
            text: |_| include_str!(concat!("../../migrations/", $name, ".sql")),
        }
    };
    ($number:literal, $name:literal, each) => {
        Migration {
            number: $number,
            name: $name,
            text: |engine| match engine {
                Engine::Sqlite => include_str!(concat!("../../migrations/", $name, ".sqlite.sql")),
                Engine::Postgres => include_str!(concat!("../../migrations/", $name, ".postgres.sql")),
            },
        }
    };
}

const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_nodes_and_jobs", both),
    migration!(2, "0002_events_and_gates", both),
    migration!(3, "0003_hosts_and_commits", both),
    migration!(4, "0004_append_only", each),
];

#[derive(Debug, Error)]
pub enum MigrateFault {
    #[error(
        "it was last used by a newer release (its tables are at {found}, this release knows {known}): \
         run that release, or a newer one"
    )]
    Newer { found: i64, known: i64 },
    #[error(
        "its tables are at {found}, this release needs {known}: start a node of this release on it, with `counterpart serve`"
    )]
    Older { found: i64, known: i64 },
    #[error(
        "migration {number} ({name}) is not the one this ledger was made with: the release is damaged or was altered"
    )]
    Altered { number: i64, name: &'static str },
    #[error("migration {number} ({name}) failed and changed nothing")]
    Failed { number: i64, name: &'static str, source: sqlx::Error },
    #[error("its record of migrations cannot be read or written")]
    Record(#[source] sqlx::Error),
}

/// The number of the newest migration this binary carries.
pub fn newest_known() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.number).max().unwrap_or(0)
}

pub(super) async fn run(ledger: &Ledger) -> Result<(), MigrateFault> {
    let mut tx = ledger.begin().await.map_err(MigrateFault::Record)?;
    lock(&mut tx).await.map_err(MigrateFault::Record)?;
    let applied = applied(&mut tx).await.map_err(MigrateFault::Record)?;
    let found = applied.iter().map(|(number, _)| *number).max().unwrap_or(0);
    if found > newest_known() {
        return Err(MigrateFault::Newer { found, known: newest_known() });
    }
    for migration in MIGRATIONS {
        let Migration { number, name, .. } = *migration;
        let text = (migration.text)(tx.engine());
        let digest = digest(text);
        match applied.iter().find(|(applied, _)| *applied == number) {
            Some((_, was)) if *was == digest => continue,
            Some(_) => return Err(MigrateFault::Altered { number, name }),
            None => {}
        }
        let failed = |source| MigrateFault::Failed { number, name, source };
        // Our own embedded text, with one phrase translated: no outside word in it.
        let text = AssertSqlSafe(tx.engine().translate(text));
        sqlx::raw_sql(text).execute(&mut *tx).await.map_err(failed)?;
        let record = sqlx::query(RECORD).bind(number).bind(name).bind(digest);
        record.execute(&mut *tx).await.map_err(MigrateFault::Record)?;
    }
    crash::point("migrate.before_save");
    tx.save().await.map_err(MigrateFault::Record)
}

/// Whether the tables are those this binary knows; changes nothing.
pub(super) async fn check(ledger: &Ledger) -> Result<(), MigrateFault> {
    let mut connection = ledger.read().await.map_err(MigrateFault::Record)?;
    let found = match applied(&mut connection).await {
        Ok(applied) => applied.iter().map(|(number, _)| *number).max().unwrap_or(0),
        // No such table: a database nobody has used as a ledger yet.
        Err(sqlx::Error::Database(_)) => 0,
        Err(fault) => return Err(MigrateFault::Record(fault)),
    };
    match (found, newest_known()) {
        (found, known) if found > known => Err(MigrateFault::Newer { found, known }),
        (found, known) if found < known => Err(MigrateFault::Older { found, known }),
        _ => Ok(()),
    }
}

// On Postgres two nodes may start at once; on SQLite the write transaction is the lock.
async fn lock(tx: &mut Tx) -> sqlx::Result<()> {
    if tx.engine() == Engine::Postgres {
        sqlx::query(POSTGRES_LOCK).execute(&mut **tx).await?;
    }
    sqlx::query(CREATE_RECORD).execute(&mut **tx).await?;
    Ok(())
}

async fn applied(connection: &mut Connection) -> sqlx::Result<Vec<(i64, String)>> {
    let rows = sqlx::query(LIST).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("number")?, row.try_get("digest")?))).collect()
}

fn digest(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

const POSTGRES_LOCK: &str = "
    -- migration.lock
    select 1 from (select pg_advisory_xact_lock(7226873401)) as locked";

const CREATE_RECORD: &str = "
    -- migration.create_record
    create table if not exists migration (
        number bigint not null primary key,
        name text not null,
        digest text not null
    )";

const LIST: &str = "
    -- migration.list
    select number, digest from migration order by number";

const RECORD: &str = "
    -- migration.record
    insert into migration (number, name, digest) values ($1, $2, $3)";
