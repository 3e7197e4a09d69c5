//! A database of one's own on the throw-away cluster that `tests/run` starts.
//!
//! Every test that needs PostgreSQL makes its own database and drops it, so
//! tests run side by side and leave nothing. Starting the server is left to
//! `tests/postgres`, the tables to the ledger's migrations.

use std::str::FromStr;
use std::thread;

use counterpart::clock::Clock;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

const VARIABLE: &str = "COUNTERPART_TEST_POSTGRES";

/// Where the cluster listens. A test that needs it fails without it: a suite
/// that skips itself would pass on nothing.
pub fn url() -> String {
    match std::env::var(VARIABLE) {
        Ok(url) if !url.is_empty() => url,
        _ => panic!(
            "{VARIABLE} is not set: run tests/run, which starts a throw-away PostgreSQL \
             (or leave these suites out with tests/run --without-postgres)"
        ),
    }
}

/// An empty database that lives as long as this value.
pub struct Database {
    admin: PgConnectOptions,
    name: String,
}

/// From `template0`, to which nobody can be connected, so that any number of
/// tests may copy it at once.
pub async fn fresh_database() -> Database {
    let admin = PgConnectOptions::from_str(&url()).unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
    let name = format!("counterpart_{}", Clock::system().fresh_name());
    create(&admin, &name).await.unwrap_or_else(|error| panic!("cannot create database {name}: {error}"));
    Database { admin, name }
}

impl Database {
    pub fn url(&self) -> String {
        self.admin.clone().database(&self.name).to_url_lossy().to_string()
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    // A thread of its own, because `drop` cannot await and the test's runtime
    // may be the very thread that is dropping.
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        let dropping = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime for one connection")
                .block_on(drop_database(&admin, &name))
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("database {} stays until the cluster goes: {error}", self.name),
            Err(_) => eprintln!("database {} stays until the cluster goes", self.name),
        }
    }
}

async fn create(admin: &PgConnectOptions, name: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect_with(admin).await?;
    // Since version 15 the default writes the whole template through the WAL, at twice the time.
    let strategy = match connection.server_version_num() {
        Some(150_000..) => "strategy file_copy",
        _ => "",
    };
    let statement = format!("create database {name} template template0 {strategy}");
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}

// `force` ends what is still connected, be it a pool of this test or a child that outlived it.
async fn drop_database(admin: &PgConnectOptions, name: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect_with(admin).await?;
    connection.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
    connection.close().await
}

#[tokio::test]
async fn a_database_is_empty_at_first_alone_and_gone_when_dropped() {
    let (one, other) = (fresh_database().await, fresh_database().await);
    let mut connection = PgConnection::connect(&one.url()).await.unwrap();
    connection.execute("create table mark (n bigint)").await.unwrap();

    let seen = tables(&other.url()).await;
    assert_eq!(seen, 0, "{} sees what {} made", other.name(), one.name());
    assert_eq!(tables(&one.url()).await, 1);

    // The connection above is still open: dropping must not wait for it.
    let gone = one.name().to_owned();
    drop(one);
    assert_eq!(count(&url(), databases_named(&gone)).await, 0);
    assert_eq!(count(&url(), databases_named(other.name())).await, 1);
}

#[tokio::test]
async fn many_databases_are_made_at_once() {
    let made: Vec<_> = (0..24).map(|_| tokio::spawn(fresh_database())).collect();
    for database in made {
        let database = database.await.unwrap();
        assert_eq!(tables(&database.url()).await, 0);
    }
}

#[tokio::test]
async fn the_cluster_keeps_what_it_acknowledged() {
    let fsync = "select count(*) from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit') \
                 and setting = 'on'";
    assert_eq!(count(&url(), fsync.to_owned()).await, 3);
}

async fn tables(url: &str) -> i64 {
    count(url, "select count(*) from pg_tables where schemaname = 'public'".to_owned()).await
}

fn databases_named(name: &str) -> String {
    format!("select count(*) from pg_database where datname = '{name}'")
}

async fn count(url: &str, statement: String) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("the cluster answers");
    sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut connection).await.expect("a count")
}
