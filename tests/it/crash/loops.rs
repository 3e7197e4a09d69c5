//! The kill loops: victims that work, wish and rescue each other are killed at
//! every named point and at random moments, started again, and at last left in
//! peace to finish everything.
//!
//! `COUNTERPART_TEST_LONG=1` asks for the big count, `COUNTERPART_TEST_SEED` for
//! the dice of an earlier run: the same fates, though not the same schedule.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use tokio::runtime::Handle;

use super::evidence::Evidence;
use super::judge::{crimes, unrest};
use super::oracle::Oracle;
use super::points::gathered;
use super::stage::Stage;
use super::victim::{Casting, Heard};

const LOOPS: usize = 30;

const LOOPS_LONG: usize = 330;

/// The evidence is judged after every so many deaths, and at the end.
const JUDGED_EVERY: usize = 5;

/// Points that only who is asked to stop comes to.
const ON_THE_WAY_OUT: [&str; 2] = ["release.before_save", "depart.released"];

/// How one victim is to end.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fate {
    At {
        point: String,
        passes: u32,
    },
    AnyMoment {
        after_ms: u64,
    },
    /// Frozen for longer than its lease, continued, then killed.
    Frozen {
        after_ms: u64,
        then_ms: u64,
    },
}

const FREEZE_MS: u64 = 2_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_on_sqlite_nothing_is_lost_and_nothing_doubled() {
    // The data directory is locked to one process.
    Run::new(Stage::sqlite(), 1).play().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_two_on_one_postgres_nothing_is_lost_and_nothing_doubled() {
    Run::new(Stage::postgres().await, 2).play().await;
}

struct Run {
    stage: Stage,
    victims: usize,
    seed: u64,
    began_at: Instant,
    fates: Mutex<VecDeque<Fate>>,
    told: Mutex<Told>,
}

/// What has happened so far.
#[derive(Default)]
struct Told {
    oracle: Oracle,
    deaths_at: BTreeMap<String, usize>,
    deaths_at_any_moment: usize,
    freezes: usize,
}

impl Run {
    fn new(stage: Stage, victims: usize) -> Arc<Self> {
        let seed = std::env::var("COUNTERPART_TEST_SEED").ok();
        let seed = seed.map_or_else(rand::random, |seed| seed.parse().expect("a seed is a number"));
        let loops = if std::env::var_os("COUNTERPART_TEST_LONG").is_some() { LOOPS_LONG } else { LOOPS };
        let fates = Mutex::new(fates(loops, victims > 1, &mut StdRng::seed_from_u64(seed)));
        Arc::new(Self { stage, victims, seed, began_at: Instant::now(), fates, told: Mutex::default() })
    }

    async fn play(self: Arc<Self>) {
        self.die_before_there_is_a_ledger().await;
        self.stage.set().await;
        let slots: Vec<_> = (0..self.victims)
            .map(|slot| {
                let (run, handle) = (Arc::clone(&self), Handle::current());
                tokio::task::spawn_blocking(move || run.die_again_and_again(slot, &handle))
            })
            .collect();
        for slot in slots {
            slot.await.unwrap();
        }
        self.finish_everything().await;
        let evidence = self.judged().await;
        let unrest = unrest(&evidence);
        assert!(unrest.is_empty(), "seed {}: {unrest:#?}", self.seed);
        self.conclude(&evidence);
    }

    async fn die_before_there_is_a_ledger(&self) {
        let point = "migrate.before_save";
        let heard = self.stage.part("first").crash_at(point).start().die_at(point);
        self.died(&Fate::At { point: point.to_owned(), passes: 0 }, &heard);
        let attached = counterpart::ledger::Ledger::attach(&self.stage.url).await;
        let fault = format!("{:#}", anyhow::Error::from(attached.err().expect("no ledger")));
        assert!(fault.contains("its tables are at 0"), "half a ledger was left behind: {fault}");
    }

    fn die_again_and_again(&self, slot: usize, handle: &Handle) {
        let mut dice = StdRng::seed_from_u64(self.seed.wrapping_add(1 + slot as u64));
        for life in 1.. {
            let Some(fate) = self.fates.lock().unwrap().pop_front() else { return };
            let mut part = self.stage.part(&format!("v{slot}-{life}"));
            part.keep_wishing = Some(dice.random());
            let heard = meet(part, &fate, &mut dice);
            self.died(&fate, &heard);
            if life % JUDGED_EVERY == 0 {
                handle.block_on(self.judged());
            }
        }
    }

    fn died(&self, fate: &Fate, heard: &Heard) {
        let mut told = self.told.lock().unwrap();
        told.oracle.remember(heard);
        match fate {
            Fate::At { point, .. } => *told.deaths_at.entry(point.clone()).or_default() += 1,
            Fate::AnyMoment { .. } => told.deaths_at_any_moment += 1,
            Fate::Frozen { .. } => {
                told.freezes += 1;
                told.deaths_at_any_moment += 1;
            }
        }
    }

    /// Nobody else is at work: whatever the dead held comes to this one.
    async fn finish_everything(&self) {
        let mut part = self.stage.part("last");
        (part.lease_ms, part.beat_ms) = (10_000, 2_500);
        let last = part.start();
        let left = "select (select count(*) from job) + (select count(*) from node)";
        self.stage.until("only the last one left, and no job", left, 1, Duration::from_secs(180)).await;
        self.told.lock().unwrap().oracle.remember(&last.stop(Duration::from_secs(30)));
        assert_eq!(self.stage.number(left).await, 0, "it leaves no row of its own");
    }

    async fn judged(&self) -> Evidence {
        // First what was said, then what is so: a wish said meanwhile is no crime.
        let oracle = self.told.lock().unwrap().oracle.clone();
        let ledger = self.stage.ledger().await;
        let evidence = Evidence::read(&ledger).await.unwrap();
        ledger.close().await;
        let found = crimes(&evidence, &oracle);
        assert!(found.is_empty(), "seed {}: {found:#?}", self.seed);
        evidence
    }

    fn conclude(&self, evidence: &Evidence) {
        let told = self.told.lock().unwrap();
        let missed: Vec<_> =
            gathered().into_iter().filter(|point| !told.deaths_at.contains_key(point)).collect();
        assert!(missed.is_empty(), "nobody died at {missed:?}");
        let at_points: usize = told.deaths_at.values().sum();
        let points: Vec<_> =
            told.deaths_at.iter().map(|(point, deaths)| format!("{point} {deaths}")).collect();
        let summary = format!(
            "crash loops on {}, {} at a time, seed {}: {} kills in {} s: {} at {} named points ({}), {} at random \
             moments, {} of them after a freeze; {} wishes acknowledged of {} saved; {} attempts, {} jobs \
             rescued, {} attempts fenced; {} effects and {} dead letters checked: none lost, none doubled\n",
            self.stage.engine,
            self.victims,
            self.seed,
            at_points + told.deaths_at_any_moment,
            self.began_at.elapsed().as_secs(),
            at_points,
            told.deaths_at.len(),
            points.join(", "),
            told.deaths_at_any_moment,
            told.freezes,
            told.oracle.acknowledged.values().sum::<i64>(),
            evidence.wanted.values().sum::<i64>(),
            evidence.attempts.len(),
            told.oracle.rescued,
            told.oracle.fenced,
            evidence.effects.len(),
            evidence.letters.len(),
        );
        // Past the capture of the test runner: the counts are part of the proof.
        let _ = std::io::stderr().lock().write_all(summary.as_bytes());
    }
}

/// Lets one victim live and brings it to its end.
fn meet(part: Casting, fate: &Fate, dice: &mut StdRng) -> Heard {
    match fate {
        Fate::At { point, passes } => {
            let victim = part.crash_at(format!("{point}:{passes}")).start();
            if ON_THE_WAY_OUT.contains(&point.as_str()) {
                victim.wait_for_standing();
                sleep_ms(dice.random_range(0..500));
                victim.signal(Signal::TERM);
            }
            victim.die_at(point)
        }
        Fate::AnyMoment { after_ms } => {
            let victim = part.start();
            sleep_ms(*after_ms);
            victim.kill()
        }
        Fate::Frozen { after_ms, then_ms } => {
            let victim = part.start();
            victim.wait_for_standing();
            sleep_ms(*after_ms);
            victim.signal(Signal::STOP);
            sleep_ms(FREEZE_MS);
            victim.signal(Signal::CONT);
            sleep_ms(*then_ms);
            victim.kill()
        }
    }
}

/// Each point at least once and two thirds of the deaths in all; the others at
/// any moment. Freezing takes two: somebody must be there to take over.
fn fates(loops: usize, freezing: bool, dice: &mut StdRng) -> VecDeque<Fate> {
    let points: Vec<_> = gathered().into_iter().collect();
    let at_points = points.len().max(loops * 2 / 3);
    let mut fates: Vec<_> = points
        .iter()
        .cycle()
        .take(at_points)
        .map(|point| Fate::At { point: point.clone(), passes: dice.random_range(0..=passes_max(point)) })
        .collect();
    for n in at_points..loops.max(at_points + 10) {
        let after_ms = dice.random_range(0..1_200);
        fates.push(if freezing && n % 5 == 0 {
            Fate::Frozen { after_ms, then_ms: dice.random_range(0..800) }
        } else {
            Fate::AnyMoment { after_ms }
        });
    }
    fates.shuffle(dice);
    fates.into()
}

/// How often a point may be passed before it kills, so that death does not
/// always come to the first who passes.
fn passes_max(point: &str) -> u32 {
    match point {
        "migrate.before_save" | "holder.registered" | "release.before_save" | "depart.released" => 0,
        // Sweeps are many, and those that find something come after a lease has run out.
        "rescue.before_save" | "rescue.saved" => 30,
        _ => 3,
    }
}

fn sleep_ms(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}

#[test]
fn every_point_has_its_turn_and_so_has_chance() {
    for seed in 0..20 {
        for (loops, freezing) in [(1, false), (LOOPS, true), (LOOPS_LONG, true)] {
            let fates = fates(loops, freezing, &mut StdRng::seed_from_u64(seed));
            assert!(fates.len() >= loops);
            for point in gathered() {
                assert!(fates.iter().any(|fate| matches!(fate, Fate::At { point: at, .. } if *at == point)));
            }
            let chance = fates.iter().filter(|fate| !matches!(fate, Fate::At { .. })).count();
            assert!(chance >= 10);
            assert_eq!(freezing, fates.iter().any(|fate| matches!(fate, Fate::Frozen { .. })));
        }
    }
}
