//! A transaction that may write: begun whole, saved whole, or nothing.
//!
//! It may be dropped at any await, and is: by a deadline, a lost lease, a caller
//! who went away. sqlx 0.9 forgets a transaction whose `begin` was dropped before
//! its answer came, and the next borrower of the connection finds himself in it.
//! So the connection is driven from here, and one in doubt is closed.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Any, Database, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Connection, Engine};

type Transactions = <Any as Database>::TransactionManager;

/// A transaction that may write. Derefs to the connection it runs on.
pub struct Tx {
    connection: PoolConnection<Any>,
    stage: Stage,
    engine: Engine,
    work: Arc<watch::Sender<u64>>,
    made_work: bool,
    // Last, so that the connection is back in the pool before the next writer wakes.
    _permit: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Asked for; the answer may be on its way.
    Beginning,
    Open,
    Saved,
}

impl Tx {
    pub(super) async fn begin(
        connection: PoolConnection<Any>,
        engine: Engine,
        work: Arc<watch::Sender<u64>>,
        permit: OwnedSemaphorePermit,
    ) -> sqlx::Result<Self> {
        let stage = Stage::Beginning;
        let mut tx = Self { connection, stage, engine, work, made_work: false, _permit: permit };
        Transactions::begin(&mut tx.connection, Some(engine.begin_write().into_sql_str())).await?;
        tx.stage = Stage::Open;
        Ok(tx)
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Says that workers will find something new once this is saved.
    pub fn made_work(&mut self) {
        self.made_work = true;
    }

    /// Makes everything done in this transaction durable, or nothing of it.
    pub async fn save(mut self) -> sqlx::Result<()> {
        Transactions::commit(&mut self.connection).await?;
        self.stage = Stage::Saved;
        let work = self.made_work.then(|| Arc::clone(&self.work));
        // Whoever wakes now finds the connection free.
        drop(self);
        if let Some(work) = work {
            work.send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        match self.stage {
            Stage::Beginning => self.connection.close_on_drop(),
            // Queued, and sent before the connection is anybody else's.
            Stage::Open => Transactions::start_rollback(&mut self.connection),
            Stage::Saved => {}
        }
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
