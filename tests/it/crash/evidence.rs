//! Everything the ledger says about a play, read at one moment.

use std::collections::BTreeMap;

use counterpart::ledger::{Connection, Ledger};
use sqlx::any::AnyRow;
use sqlx::{Connection as _, Row};

#[derive(Default, Clone, Debug)]
pub struct Evidence {
    pub wanted: BTreeMap<String, i64>,
    pub attempts: Vec<Attempt>,
    pub effects: Vec<Effect>,
    pub steps: Vec<Step>,
    /// Live jobs, as words.
    pub jobs: Vec<String>,
    pub letters: BTreeMap<String, Letter>,
    /// Events that tell of a burial.
    pub burials: BTreeMap<String, i64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub job: i64,
    pub fence: i64,
    pub holder: String,
    pub subject: String,
    pub beside: i64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    pub subject: String,
    pub run: i64,
    pub job: i64,
    pub fence: i64,
    pub seen: i64,
    pub superseded: i64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Step {
    pub subject: String,
    pub run: i64,
    pub number: i64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    pub deaths: i64,
    pub reason: String,
}

impl Evidence {
    pub async fn read(ledger: &Ledger) -> sqlx::Result<Self> {
        let mut connection = ledger.read().await?;
        // One snapshot: victims may be at work.
        let mut tx = connection.begin().await?;
        if ledger.engine() == counterpart::ledger::Engine::Postgres {
            sqlx::query("set transaction isolation level repeatable read").execute(&mut *tx).await?;
        }
        Ok(Self {
            wanted: all(&mut tx, WANTED, pair).await?.into_iter().collect(),
            attempts: all(&mut tx, ATTEMPTS, attempt).await?,
            effects: all(&mut tx, EFFECTS, effect).await?,
            steps: all(&mut tx, STEPS, step).await?,
            jobs: all(&mut tx, JOBS, |row| row.try_get("job")).await?,
            letters: all(&mut tx, LETTERS, letter).await?.into_iter().collect(),
            burials: all(&mut tx, BURIALS, pair).await?.into_iter().collect(),
        })
    }
}

async fn all<T>(
    connection: &mut Connection,
    text: &'static str,
    read: fn(&AnyRow) -> sqlx::Result<T>,
) -> sqlx::Result<Vec<T>> {
    sqlx::query(text).fetch_all(connection).await?.iter().map(read).collect()
}

fn pair(row: &AnyRow) -> sqlx::Result<(String, i64)> {
    Ok((row.try_get("subject")?, row.try_get("times")?))
}

fn attempt(row: &AnyRow) -> sqlx::Result<Attempt> {
    Ok(Attempt {
        job: row.try_get("job")?,
        fence: row.try_get("fence")?,
        holder: row.try_get("holder")?,
        subject: row.try_get("subject")?,
        beside: row.try_get("beside")?,
    })
}

fn effect(row: &AnyRow) -> sqlx::Result<Effect> {
    Ok(Effect {
        subject: row.try_get("subject")?,
        run: row.try_get("run")?,
        job: row.try_get("job")?,
        fence: row.try_get("fence")?,
        seen: row.try_get("seen")?,
        superseded: row.try_get("superseded")?,
    })
}

fn step(row: &AnyRow) -> sqlx::Result<Step> {
    Ok(Step { subject: row.try_get("subject")?, run: row.try_get("run")?, number: row.try_get("number")? })
}

fn letter(row: &AnyRow) -> sqlx::Result<(String, Letter)> {
    let letter = Letter { deaths: row.try_get("deaths")?, reason: row.try_get("reason")? };
    Ok((row.try_get("subject")?, letter))
}

const WANTED: &str = "select subject, generation as times from wanted";

const ATTEMPTS: &str = "select job, fence, holder, subject, beside from attempt";

const EFFECTS: &str = "select subject, run, job, fence, seen, superseded from effect";

const STEPS: &str = "select subject, run, number from step";

const JOBS: &str = "select kind || ' ' || subject || ' is ' || state || ': ' || last_error as job from job";

const LETTERS: &str = "select subject, deaths, reason from dead_letter";

const BURIALS: &str =
    "select subject, count(*) as times from event where topic = 'job.buried' group by subject";
