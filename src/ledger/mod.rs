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
mod url;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub use dialect::Engine;
pub use directory::{DataDirectory, DirectoryFault};
pub use migrate::newest_known;
pub use open::OpenFault;
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
        let inner = self.pool.begin_with(self.engine.begin_write()).await?;
        Ok(Tx { inner, engine: self.engine, work: Arc::clone(&self.work), made_work: false, _permit: permit })
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

/// A transaction that may write. Derefs to the connection it runs on.
pub struct Tx {
    inner: sqlx::Transaction<'static, Any>,
    engine: Engine,
    work: Arc<watch::Sender<u64>>,
    made_work: bool,
    // Last, so that the connection is back in the pool before the next writer wakes.
    _permit: OwnedSemaphorePermit,
}

impl Tx {
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Says that workers will find something new once this is saved.
    pub fn made_work(&mut self) {
        self.made_work = true;
    }

    /// Makes everything done in this transaction durable, or nothing of it.
    pub async fn save(self) -> sqlx::Result<()> {
        self.inner.commit().await?;
        if self.made_work {
            self.work.send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.inner
    }
}
