//! The gate in front of append-only tables: prune and erase go through it.

use super::Tx;

/// A table whose rows never change and leave only through a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendOnly {
    Event,
    CommitLog,
}

impl AppendOnly {
    pub const ALL: [Self; 2] = [Self::Event, Self::CommitLog];

    pub fn table(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::CommitLog => "commit_log",
        }
    }
}

/// Lets deletes on `table` through until `close`. A transaction that forgets
/// to close cannot be saved: the ledger refuses it.
pub async fn open(tx: &mut Tx, table: AppendOnly) -> sqlx::Result<()> {
    sqlx::query(OPEN).bind(table.table()).execute(&mut **tx).await.map(|_| ())
}

pub async fn close(tx: &mut Tx, table: AppendOnly) -> sqlx::Result<()> {
    sqlx::query(CLOSE).bind(table.table()).execute(&mut **tx).await.map(|_| ())
}

const OPEN: &str = "
    -- gate.open
    insert into gate (opens) values ($1)";

const CLOSE: &str = "
    -- gate.close
    delete from gate where opens = $1";
