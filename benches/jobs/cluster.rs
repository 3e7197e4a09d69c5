//! A PostgreSQL to measure on: the one a test run already has, or a throw-away
//! one of our own. Settings are its defaults, so fsync is on.

use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use counterpart::clock::Clock;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres");

pub struct Cluster {
    admin: PgConnectOptions,
    prefix: String,
    /// The directory of a cluster that is ours to remove.
    own: Option<PathBuf>,
}

impl Cluster {
    pub fn take() -> Result<Self> {
        let prefix = format!("bench_{}", &Clock::system().fresh_name()[..12]);
        let (url, own) = match std::env::var("COUNTERPART_TEST_POSTGRES") {
            Ok(url) if !url.is_empty() => (url, None),
            _ => {
                let directory = std::env::temp_dir().join(format!("counterpart_{prefix}"));
                (start(&directory)?, Some(directory))
            }
        };
        let admin = PgConnectOptions::from_str(&url).context("the address of the cluster")?;
        Ok(Self { admin, prefix, own })
    }

    /// A fresh database; its URL.
    pub async fn database(&self, name: &str) -> Result<String> {
        let name = format!("{}_{name}", self.prefix);
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let durable = "select count(*) from pg_settings where setting = 'on' \
                       and name in ('fsync', 'synchronous_commit', 'full_page_writes')";
        let durable: i64 = sqlx::query_scalar(durable).fetch_one(&mut connection).await?;
        ensure!(durable == 3, "the cluster may forget what it acknowledged: its numbers mean nothing");
        connection.execute(AssertSqlSafe(format!("create database {name} template template0"))).await?;
        connection.close().await?;
        Ok(self.admin.clone().database(&name).to_url_lossy().to_string())
    }

    /// Drops what was made. Ours goes whole when this value does.
    pub async fn leave(self) -> Result<()> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let made = "select datname from pg_database where datname like $1 || '%'";
        let made: Vec<String> =
            sqlx::query_scalar(made).bind(&self.prefix).fetch_all(&mut connection).await?;
        for name in made {
            connection.execute(AssertSqlSafe(format!("drop database {name} with (force)"))).await?;
        }
        Ok(connection.close().await?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(directory) = &self.own {
            // Were this to fail, the script's own watch on our process cleans up.
            let _ = Command::new(SCRIPT).arg("stop").arg(directory).status();
        }
    }
}

fn start(directory: &PathBuf) -> Result<String> {
    let mut command = Command::new(SCRIPT);
    command.arg("start").arg(directory).arg("--while").arg(std::process::id().to_string());
    let started = command.output().context("tests/postgres")?;
    ensure!(started.status.success(), "tests/postgres: {}", String::from_utf8_lossy(&started.stderr).trim());
    Ok(String::from_utf8(started.stdout)?.trim().to_owned())
}
