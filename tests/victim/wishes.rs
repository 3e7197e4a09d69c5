//! The victim's wishes: new subjects and old ones again, in small batches, each
//! acknowledged on standard output once it is saved.

use std::time::Duration;

use counterpart::clock::{Clock, Moment};
use counterpart::crash;
use counterpart::jobs::enqueue::enqueue_all;
use counterpart::jobs::{self, Request};
use counterpart::ledger::{Ledger, Tx};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use crate::script::Nature;
use crate::{rows, say, work};

/// Live jobs beyond which nothing more is wished for: the play is about
/// crashes, not about long queues.
const LIVE_MAX: i64 = 40;

const BATCH_MAX: usize = 5;

/// Saves wishes in one transaction and says so.
pub async fn wish(ledger: &Ledger, clock: &Clock, subjects: &[String]) -> sqlx::Result<()> {
    let mut tx = ledger.begin().await?;
    let wished = write(&mut tx, subjects, clock.now()).await?;
    crash::point("wish.before_save");
    tx.save().await?;
    crash::point("wish.saved");
    for (subject, generation) in wished {
        say(format_args!("wished {subject} {generation}"));
    }
    Ok(())
}

/// Writes wishes down beside the jobs they ask for; says the how manieth each is.
pub async fn write(tx: &mut Tx, subjects: &[String], now: Moment) -> sqlx::Result<Vec<(String, i64)>> {
    // In one order everywhere, as `enqueue_all` does it.
    let mut subjects = subjects.to_vec();
    subjects.sort();
    subjects.dedup();
    let mut wished = Vec::new();
    for subject in &subjects {
        wished.push((subject.clone(), rows::want(tx, subject).await?));
    }
    let requests = subjects.iter().map(|subject| request(subject, now)).collect();
    enqueue_all(tx, requests, now).await?;
    Ok(wished)
}

fn request(subject: &str, now: Moment) -> Request {
    let nature = Nature::of(subject).unwrap_or(Nature::Plain);
    // Some are not due yet.
    let later_ms = if subject.len().is_multiple_of(5) { 150 } else { 0 };
    work::request(subject, nature, now.plus_ms(later_ms))
}

/// One who goes on wishing. What the ledger refuses is a wish that was not made.
pub struct Wisher {
    pub ledger: Ledger,
    pub clock: Clock,
    pub name: String,
    pub seed: u64,
    pub until: Moment,
}

impl Wisher {
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { ledger, clock, name, seed, until } = self;
        let mut dice = StdRng::seed_from_u64(seed);
        let mut made: Vec<String> = Vec::new();
        while clock.now() < until && !stop.is_cancelled() {
            let batch: Vec<String> =
                (0..dice.random_range(1..=BATCH_MAX)).map(|_| subject(&name, &mut made, &mut dice)).collect();
            if let Err(fault) = wish_if_room(&ledger, &clock, &batch).await {
                eprintln!("{name} cannot wish: {fault}");
            }
            let pause = Duration::from_millis(dice.random_range(0..20));
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        stop.cancelled().await;
        Ok(())
    }
}

async fn wish_if_room(ledger: &Ledger, clock: &Clock, batch: &[String]) -> sqlx::Result<()> {
    let counts = jobs::counts(&mut *ledger.read().await?).await?;
    if counts.later + counts.ready + counts.running < LIVE_MAX {
        wish(ledger, clock, batch).await?;
    }
    Ok(())
}

fn subject(name: &str, made: &mut Vec<String>, dice: &mut StdRng) -> String {
    if !made.is_empty() && dice.random_ratio(1, 6) {
        return made[dice.random_range(0..made.len())].clone();
    }
    let nature = Nature::CAST[made.len() % Nature::CAST.len()];
    let subject = format!("{name}.{}.{}", made.len(), nature.as_str());
    made.push(subject.clone());
    subject
}
