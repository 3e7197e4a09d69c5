//! Opening a ledger: connect, agree on the session, bring the tables up to date.
//!
//! Everything that can be wrong here is wrong before the node has done
//! anything, so each fault is one line that says what to do.

use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection};
use thiserror::Error;
use tokio::sync::{Semaphore, watch};

use super::dialect::{Engine, POSTGRES_SESSION, SQLITE_SESSION};
use super::migrate::{self, MigrateFault};
use super::{Ledger, LedgerUrl};
use crate::limits;

#[derive(Debug, Error)]
pub enum OpenFault {
    #[error(
        "cannot reach the ledger at {at}: check that the database runs and that the address and password are right"
    )]
    Unreachable { at: String, source: sqlx::Error },
    #[error("cannot open the ledger file {at}: check its permissions and the space left on its disk")]
    Unopenable { at: String, source: sqlx::Error },
    #[error("the ledger at {at} cannot be used")]
    Migrate { at: String, source: MigrateFault },
    #[error(
        "there is no ledger at {at} yet: `counterpart serve` makes one; or name another with `ledger` or `data`"
    )]
    Absent { at: String },
}

impl Ledger {
    /// Opens the ledger, made when missing, and brings its tables up to date:
    /// for a node.
    pub async fn open(url: &LedgerUrl, connections_max: u32) -> Result<Self, OpenFault> {
        let ledger = Self::connect(url, connections_max).await?;
        let migrated = migrate::run(&ledger).await;
        migrated.map_err(|source| OpenFault::Migrate { at: url.to_string(), source })?;
        Ok(ledger)
    }

    /// Opens a ledger that is there and up to date, and changes nothing about
    /// it: for a command beside a node that may be running.
    pub async fn attach(url: &LedgerUrl) -> Result<Self, OpenFault> {
        if let LedgerUrl::Sqlite(path) = url
            && !path.exists()
        {
            return Err(OpenFault::Absent { at: url.to_string() });
        }
        let ledger = Self::connect(url, 2).await?;
        let checked = migrate::check(&ledger).await;
        checked.map_err(|source| OpenFault::Migrate { at: url.to_string(), source })?;
        Ok(ledger)
    }

    async fn connect(url: &LedgerUrl, connections_max: u32) -> Result<Self, OpenFault> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);

        let (engine, session) = match url {
            LedgerUrl::Sqlite(_) => (Engine::Sqlite, SQLITE_SESSION),
            LedgerUrl::Postgres(_) => (Engine::Postgres, POSTGRES_SESSION),
        };
        let options = options(url)?;
        let fault = |source| match engine {
            Engine::Sqlite => OpenFault::Unopenable { at: url.to_string(), source },
            Engine::Postgres => OpenFault::Unreachable { at: url.to_string(), source },
        };
        first_word(&options, session).await.map_err(fault)?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(Duration::from_millis(limits::LEDGER_ACQUIRE_MS_MAX))
            // A ping before every use would double the round trips. A connection
            // that died shows itself at its first statement, and whoever ran it tries again.
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(session).execute(connection).await.map(|_| ()) })
            });
        let pool = pool.connect_with(options).await.map_err(fault)?;
        let writers = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => connections_max as usize,
        };
        Ok(Self {
            pool,
            engine,
            writers: Arc::new(Semaphore::new(writers)),
            work: Arc::new(watch::Sender::new(0)),
        })
    }
}

fn options(url: &LedgerUrl) -> Result<AnyConnectOptions, OpenFault> {
    let options = match url {
        LedgerUrl::Sqlite(path) => {
            let file = SqliteConnectOptions::new().filename(path).create_if_missing(true);
            AnyConnectOptions::from_url(&file.to_url_lossy())
        }
        LedgerUrl::Postgres(text) => text.parse(),
    };
    let options = options.map_err(|source| OpenFault::Unreachable { at: url.to_string(), source })?;
    Ok(options.disable_statement_logging())
}

/// One connection before the pool's: a pool tries again and again in silence
/// and in the end says only that it took too long; this says what is wrong.
async fn first_word(options: &AnyConnectOptions, session: &'static str) -> sqlx::Result<()> {
    let mut connection = AnyConnection::connect_with(options).await?;
    sqlx::raw_sql(session).execute(&mut connection).await?;
    connection.close().await
}
