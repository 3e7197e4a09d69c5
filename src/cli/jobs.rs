//! `counterpart jobs`: the work in the ledger, and what failed for good.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::progress::waiting;
use super::{Answer, Failed, print, print_json};
use crate::clock::{Clock, Moment};
use crate::jobs::letters::{self, Letter};
use crate::jobs::{self, Job, State};
use crate::ledger::Ledger;
use crate::node::config::{Config, Layers};

#[derive(Subcommand)]
pub enum Jobs {
    /// What is running, ready and to be done later
    List(Page),
    /// What failed for good and waits for a decision
    Dead(Page),
    /// Try a dead letter again, with new attempts
    Retry(Which),
    /// Forget a dead letter; what it was about stays undone
    Drop(Which),
}

#[derive(Args)]
pub struct Page {
    /// Show at most this many
    #[arg(long, default_value_t = 100, value_name = "ROWS")]
    most: u32,
    #[command(flatten)]
    answer: Answer,
}

#[derive(Args)]
pub struct Which {
    /// The number in the first column of `counterpart jobs dead`
    id: i64,
    #[command(flatten)]
    answer: Answer,
}

pub fn perform(jobs: Jobs, layers: &Layers) -> Result<(), Failed> {
    let config = Config::parse(layers)?;
    super::runtime()?.block_on(async {
        let opened = waiting("opening the ledger", Ledger::attach(&config.ledger)).await;
        let ledger = opened.map_err(anyhow::Error::from)?;
        let now = Clock::system().now();
        let done = match jobs {
            Jobs::List(page) => list(&ledger, page).await,
            Jobs::Dead(page) => dead(&ledger, page).await,
            Jobs::Retry(which) => {
                let letter = letters::retry(&ledger, which.id, now).await.context("cannot retry")?;
                told(&which, letter, "will be tried again")
            }
            Jobs::Drop(which) => {
                let letter = letters::drop(&ledger, which.id, now).await.context("cannot drop")?;
                told(&which, letter, "is forgotten; what it was about stays undone")
            }
        };
        ledger.close().await;
        done
    })
}

async fn list(ledger: &Ledger, page: Page) -> Result<(), Failed> {
    let mut connection = ledger.read().await.context("the ledger does not answer")?;
    let jobs = jobs::list(&mut connection, page.most).await.context("cannot list jobs")?;
    if page.answer.json {
        return print_json(&Value::Array(jobs.iter().map(job_json).collect()));
    }
    if jobs.is_empty() {
        return print(b"no jobs\n");
    }
    let mut text = String::new();
    for job in jobs {
        let Job { lease, state, dirty, last_error, .. } = &job;
        let due = if *state == State::Later { format!(" at {}", lease.due_at) } else { String::new() };
        let again = if *dirty { ", then once more" } else { "" };
        let _ = write!(text, "{:<8} {:<16} {}{due}{again}", state.as_str(), lease.kind, lease.subject);
        let _ = match last_error.as_str() {
            "" => writeln!(text),
            error => writeln!(text, "\n         failed {} times, last: {error}", lease.attempts),
        };
    }
    print(text.as_bytes())
}

async fn dead(ledger: &Ledger, page: Page) -> Result<(), Failed> {
    let mut connection = ledger.read().await.context("the ledger does not answer")?;
    let letters = letters::list(&mut connection, page.most).await.context("cannot list dead letters")?;
    if page.answer.json {
        return print_json(&Value::Array(letters.iter().map(letter_json).collect()));
    }
    if letters.is_empty() {
        return print(b"no dead letters\n");
    }
    let mut text = String::new();
    for letter in letters {
        let Letter { id, kind, subject, attempts, died_at, reason, .. } = &letter;
        let _ = writeln!(
            text,
            "{id:<8} {kind:<16} {subject}\n         gave up {died_at} after {attempts} attempts: {reason}"
        );
    }
    text.push_str(
        "`counterpart jobs retry NUMBER` tries one again, `counterpart jobs drop NUMBER` forgets one\n",
    );
    print(text.as_bytes())
}

fn told(which: &Which, letter: Option<Letter>, fate: &str) -> Result<(), Failed> {
    let Some(letter) = letter else {
        let fault = anyhow!("there is no dead letter {}; `counterpart jobs dead` lists them", which.id);
        return Err(Failed::Work(fault));
    };
    match which.answer.json {
        true => print_json(&letter_json(&letter)),
        false => print(format!("{} of {} {fate}\n", letter.kind, letter.subject).as_bytes()),
    }
}

fn job_json(job: &Job) -> Value {
    let Job { lease, state, holder, dirty, last_error } = job;
    json!({
        "id": lease.id,
        "kind": lease.kind,
        "subject": lease.subject,
        "state": state.as_str(),
        "lane": lease.lane.as_str(),
        "host": lease.host,
        "priority": lease.priority,
        "dueAt": time(lease.due_at),
        "attempts": lease.attempts,
        "rescues": lease.rescues,
        "holder": holder,
        "runAgain": dirty,
        "lastError": last_error,
    })
}

fn letter_json(letter: &Letter) -> Value {
    json!({
        "id": letter.id,
        "kind": letter.kind,
        "subject": letter.subject,
        "lane": letter.lane.as_str(),
        "host": letter.host,
        "priority": letter.priority,
        "attempts": letter.attempts,
        "rescues": letter.rescues,
        "deaths": letter.deaths,
        "diedAt": time(letter.died_at),
        "progress": letter.progress,
        "reason": letter.reason,
    })
}

fn time(moment: Moment) -> String {
    moment.to_string()
}
