//! The same random story told to both engines ends in the same ledger.
//!
//! Wishes, claims, endings, deaths and rescues in random order, with time
//! moved by hand: after every step both engines list the same jobs and letters.

use counterpart::jobs::claim::Appetite;
use counterpart::jobs::holder::Holder;
use counterpart::jobs::rescue::sweep;
use counterpart::jobs::{self, Ending, Lane, Lease, Request, letters, settle};
use counterpart::limits;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use super::{Bed, DUTIES, SMALL};

#[derive(Clone, Debug)]
enum Step {
    Wish { duty: usize, subject: u8, host: u8, in_ms: u64 },
    Claim { holder: usize, jobs_max: u32, large: bool },
    Finish(u8),
    Fail(u8),
    GiveUp(u8),
    Defer(u8, u64),
    Progress(u8, u8),
    Pass(u64),
    Beat(usize),
    Sweep,
    Depart(usize),
    RetryLetter(u8),
    DropLetter(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3usize, 0..6u8, 0..3u8, 0..3_000u64).prop_map(|(duty, subject, host, in_ms)| Step::Wish { duty, subject, host, in_ms }),
        4 => (0..2usize, 1..4u32, any::<bool>()).prop_map(|(holder, jobs_max, large)| Step::Claim { holder, jobs_max, large }),
        3 => any::<u8>().prop_map(Step::Finish),
        2 => any::<u8>().prop_map(Step::Fail),
        1 => any::<u8>().prop_map(Step::GiveUp),
        1 => (any::<u8>(), 0..5_000u64).prop_map(|(n, ms)| Step::Defer(n, ms)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(n, p)| Step::Progress(n, p)),
        3 => (0..limits::NODE_LEASE_MS * 2).prop_map(Step::Pass),
        2 => (0..2usize).prop_map(Step::Beat),
        2 => proptest::strategy::Just(Step::Sweep),
        1 => (0..2usize).prop_map(Step::Depart),
        1 => any::<u8>().prop_map(Step::RetryLetter),
        1 => any::<u8>().prop_map(Step::DropLetter),
    ]
}

/// One engine, and the story so far on it.
struct Side {
    bed: Bed,
    holders: [Holder; 2],
    leases: Vec<Lease>,
}

impl Side {
    async fn new(bed: Bed) -> Self {
        let holders = [bed.holder().await, bed.holder().await];
        Self { bed, holders, leases: Vec::new() }
    }

    /// Takes one step and says in words what came of it.
    async fn take(&mut self, step: &Step) -> String {
        let now = self.bed.now();
        match *step {
            Step::Wish { duty, subject, host, in_ms } => {
                let host = ["", "a.test", "b.test"][usize::from(host)];
                let request = Request::new(DUTIES[duty], format!("account {subject}"), now.plus_ms(in_ms));
                self.bed.wish(vec![request.talking_to(host)]).await;
                String::new()
            }
            Step::Claim { holder, jobs_max, large } => {
                let lane = if large { Lane::Large } else { Lane::Small };
                let appetite = Appetite { lane, jobs_max, per_host_max: 1 };
                let claimed = self.bed.claim_from(&self.holders[holder], appetite).await;
                self.leases.extend(claimed.clone());
                claimed.iter().map(told).collect()
            }
            Step::Finish(n) => match self.lease(n) {
                Some(lease) => format!("{:?}", self.bed.finish(&lease).await.is_ok()),
                None => String::new(),
            },
            Step::Fail(n) => self.settle(n, Ending::Retry { reason: "failed".to_owned() }).await,
            Step::GiveUp(n) => self.settle(n, Ending::GiveUp { reason: "hopeless".to_owned() }).await,
            Step::Defer(n, ms) => {
                self.settle(n, Ending::Defer { until: now.plus_ms(ms), reason: "wait".to_owned() }).await
            }
            Step::Progress(n, p) => self.progress(n, p).await,
            Step::Pass(ms) => {
                self.bed.clock.advance_ms(ms);
                String::new()
            }
            Step::Beat(n) => {
                format!("{:?}", self.holders[n].beat(&self.bed.ledger, &self.bed.clock).await.unwrap())
            }
            Step::Sweep => format!("{:?}", sweep(&self.bed.ledger, now).await.unwrap()),
            Step::Depart(n) => {
                let released = self.holders[n].depart(&self.bed.ledger, &self.bed.clock).await.unwrap();
                self.holders[n] = self.bed.holder().await;
                released.to_string()
            }
            Step::RetryLetter(n) => {
                let Some(id) = self.letter(n).await else { return String::new() };
                format!(
                    "{:?}",
                    letters::retry(&self.bed.ledger, id, now).await.unwrap().map(|letter| letter.subject)
                )
            }
            Step::DropLetter(n) => {
                let Some(id) = self.letter(n).await else { return String::new() };
                format!(
                    "{:?}",
                    letters::drop(&self.bed.ledger, id, now).await.unwrap().map(|letter| letter.subject)
                )
            }
        }
    }

    fn lease(&self, n: u8) -> Option<Lease> {
        (!self.leases.is_empty()).then(|| self.leases[usize::from(n) % self.leases.len()].clone())
    }

    async fn settle(&self, n: u8, ending: Ending) -> String {
        let Some(lease) = self.lease(n) else { return String::new() };
        let settled = settle::settle(&self.bed.ledger, &self.bed.clock, &SMALL, &lease, ending).await;
        format!("{:?}", settled.ok())
    }

    async fn progress(&self, n: u8, p: u8) -> String {
        let Some(lease) = self.lease(n) else { return String::new() };
        let mut tx = self.bed.ledger.begin().await.unwrap();
        let saved = settle::save_progress(&mut tx, &lease, &p.to_string()).await.is_ok();
        tx.save().await.unwrap();
        saved.to_string()
    }

    async fn letter(&self, n: u8) -> Option<i64> {
        let mut connection = self.bed.ledger.read().await.unwrap();
        let mut letters = letters::list(&mut connection, 100).await.unwrap();
        letters.sort_by(|one, other| (&one.kind, &one.subject).cmp(&(&other.kind, &other.subject)));
        (!letters.is_empty()).then(|| letters[usize::from(n) % letters.len()].id)
    }

    /// The whole state, without the numbers that engines may hand out differently.
    async fn told(&self) -> Vec<String> {
        let mut connection = self.bed.ledger.read().await.unwrap();
        let mut lines = Vec::new();
        for job in jobs::list(&mut connection, 1000).await.unwrap() {
            let held = self.holders.iter().position(|holder| holder.id() == job.holder);
            lines.push(format!(
                "{} {:?} {held:?} {} {}",
                told(&job.lease),
                job.state,
                job.dirty,
                job.last_error
            ));
        }
        for letter in letters::list(&mut connection, 1000).await.unwrap() {
            lines.push(format!(
                "{} {} {} {} {} {}",
                letter.kind, letter.subject, letter.attempts, letter.rescues, letter.deaths, letter.reason
            ));
        }
        lines.sort();
        lines
    }
}

fn told(lease: &Lease) -> String {
    let Lease { id: _, kind, subject, lane, host, priority, due_at, attempts, rescues, fence, progress } =
        lease;
    format!("{kind} {subject} {lane:?} {host} {priority} {due_at:?} {attempts} {rescues} {fence} {progress};")
}

#[test]
fn the_same_story_ends_the_same_on_both_engines() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = if std::env::var("COUNTERPART_TEST_LONG").is_ok() { 300 } else { 24 };
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let stories = proptest::collection::vec(step(), 1..60);
    let told = TestRunner::new(config).run(&stories, |story| {
        runtime.block_on(async {
            let mut sqlite = Side::new(Bed::sqlite().await).await;
            let mut postgres = Side::new(Bed::postgres().await).await;
            for (place, step) in story.iter().enumerate() {
                let answers = (sqlite.take(step).await, postgres.take(step).await);
                assert_eq!(answers.0, answers.1, "step {place}: {step:?}");
                assert_eq!(sqlite.told().await, postgres.told().await, "after step {place}: {step:?}");
            }
        });
        Ok(())
    });
    told.unwrap();
}
