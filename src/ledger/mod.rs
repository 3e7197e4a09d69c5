//! The ledger: everything the service knows, in SQL, on one of two engines.
//!
//! Opens it, brings its tables up to date and hands out transactions. It knows
//! no noun of the story: each keeps its own SQL in its `rows.rs` and takes the
//! `Tx` it is given. Only whoever began a transaction saves it.

pub mod batch;
pub mod dialect;
mod directory;
pub mod event;
pub mod gate;
mod migrate;
mod open;
mod transaction;
mod url;

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};
use tokio::sync::{Semaphore, watch};

pub use dialect::Engine;
pub use directory::{DataDirectory, DirectoryFault};
pub use migrate::newest_known;
pub use open::OpenFault;
pub use transaction::Tx;
pub use url::{LedgerUrl, UrlFault};

use crate::clock::Moment;

/// What queries run on: a borrowed connection, inside a transaction or not.
pub type Connection = AnyConnection;

/// A handle on the ledger; clones share one pool.
#[derive(Clone)]
pub struct Ledger {
    pool: AnyPool,
    engine: Engine,
    /// SQLite lets one writer in at a time and makes the others poll. Queueing
    /// here instead is fair and wakes the next one at once. Postgres gets as
    /// many permits as it has connections.
    writers: Arc<Semaphore>,
    /// Counts the transactions that made work.
    work: Arc<watch::Sender<u64>>,
}

impl Ledger {
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// A connection for reading: each statement sees what is saved when it runs.
    pub async fn read(&self) -> sqlx::Result<PoolConnection<Any>> {
        self.pool.acquire().await
    }

    /// Begins a transaction that may write. Dropping it changes nothing.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let writers = Arc::clone(&self.writers);
        let permit = writers.acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        Tx::begin(self.pool.acquire().await?, self.engine, Arc::clone(&self.work), permit).await
    }

    /// Changes whenever a transaction that enqueued a job has been saved by this
    /// process. Other processes' jobs are found by looking.
    pub fn watch_work(&self) -> watch::Receiver<u64> {
        self.work.subscribe()
    }

    /// Whether the database answers at all.
    pub async fn answers(&self) -> sqlx::Result<()> {
        sqlx::query(dialect::ANSWERS).execute(&self.pool).await.map(|_| ())
    }

    /// What the database thinks the time is; `None` where the database is this
    /// machine and has no opinion of its own.
    pub async fn time(&self) -> sqlx::Result<Option<Moment>> {
        match self.engine {
            Engine::Sqlite => Ok(None),
            Engine::Postgres => {
                let micros: i64 = sqlx::query_scalar(dialect::POSTGRES_TIME).fetch_one(&self.pool).await?;
                Ok(Some(Moment::from_micros(micros)))
            }
        }
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}
