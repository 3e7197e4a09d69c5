//! Our verdicts beside those of two others, on repositories and commits that
//! are right or wrong in every way the dice can think of.
//!
//! `shrike` and `atrium-repo` were written by others from the same
//! specification. Where all agree we may all be right; where they do not, the
//! reason must stand in `known`, or a test fails. What is wrong is small and
//! random here; the systematic forgeries, and those that are dear, are in
//! `repo::hostile_cars`: the others would hang or abort on some.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod by_atrium;
mod by_shrike;
mod cars;
mod damage;
mod dice;
mod head;
mod known;
mod messages;
mod others_write;
mod repos;
mod sequences;
mod tree;
mod twists;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use counterpart::clock::Moment;
use known::{About, KNOWN, Known};

/// Path to binary CID; of operations, what the path is after them.
type Listing = BTreeMap<String, Vec<u8>>;
type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// What a verifier made of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepts(Listing),
    /// In its own words; ours is a label.
    Refuses(String),
    Panics,
    /// It was not asked.
    Withheld,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Shrike,
    Atrium,
}

impl Verdict {
    /// What one of the others says, whose panics are its own affair.
    fn of(ask: impl FnOnce() -> Result<Listing, Refusal>) -> Self {
        match catch_unwind(AssertUnwindSafe(ask)) {
            Ok(Ok(listing)) => Self::Accepts(listing),
            Ok(Err(refusal)) => Self::Refuses(refusal.to_string()),
            Err(_) => Self::Panics,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts(listing) => write!(f, "accepts {} paths", listing.len()),
            Self::Refuses(why) => write!(f, "refuses: {why}"),
            Self::Panics => f.write_str("panics"),
            Self::Withheld => f.write_str("was not asked"),
        }
    }
}

/// What came of many comparisons.
pub struct Tally {
    about: About,
    accepted: usize,
    /// By the label of our fault.
    refused: BTreeMap<String, usize>,
    withheld: usize,
    known: BTreeMap<&'static str, usize>,
}

impl Tally {
    const fn of(about: About) -> Self {
        Self { about, accepted: 0, refused: BTreeMap::new(), withheld: 0, known: BTreeMap::new() }
    }

    /// Compares our verdict with the others'. An error is a disagreement that nobody has explained.
    fn judge(&mut self, story: &str, ours: &Verdict, others: &[(Peer, Verdict)]) -> Result<(), String> {
        match ours {
            Verdict::Accepts(_) => self.accepted += 1,
            Verdict::Refuses(label) => *self.refused.entry(label.clone()).or_default() += 1,
            Verdict::Panics | Verdict::Withheld => return Err(format!("{story}: ours {ours}")),
        }
        for (peer, theirs) in others {
            match (ours, theirs) {
                (Verdict::Accepts(ours), Verdict::Accepts(theirs)) if ours == theirs => {}
                (Verdict::Refuses(_), Verdict::Refuses(_)) => {}
                (Verdict::Refuses(_), Verdict::Withheld) => self.withheld += 1,
                _ => {
                    let known =
                        KNOWN.iter().find(|known| known.covers(self.about, story, ours, *peer, theirs));
                    let Some(Known { name, .. }) = known else {
                        return Err(format!("{story}: ours {ours}, {peer:?} {theirs}"));
                    };
                    *self.known.entry(name).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    fn compared(&self) -> usize {
        self.accepted + self.refused.values().sum::<usize>()
    }

    /// That the run was about something: enough was accepted, enough refused
    /// and for different reasons, and no reason stands in the table that is not one.
    fn check(&self, reasons_min: usize) {
        eprintln!("{self}");
        let share = self.accepted as f64 / self.compared() as f64;
        assert!((0.15..0.7).contains(&share), "{share} accepted");
        assert!(self.refused.len() >= reasons_min, "{} reasons", self.refused.len());
        assert!(self.withheld * 50 < self.compared(), "{} withheld", self.withheld);
        let expected = |known: &&Known| known.about == self.about && (is_long() || !known.rare);
        for known in KNOWN.iter().filter(expected) {
            assert!(self.known.contains_key(known.name), "nobody disagreed on: {}", known.name);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, refused, withheld, known, .. } = self;
        writeln!(f, "{} compared, {accepted} accepted, {withheld} withheld from one", self.compared())?;
        for (label, count) in refused {
            writeln!(f, "{count:7} refused: {label}")?;
        }
        for Known { name, reason, .. } in KNOWN {
            if let Some(count) = known.get(name) {
                writeln!(f, "{count:7} known: {name}: {reason}")?;
            }
        }
        Ok(())
    }
}

/// Sizes to try a failing seed with, so that it is reported with the smallest.
const SIZES: [usize; 9] = [0, 1, 2, 3, 5, 8, 13, 21, 34];

/// Runs so many seeds. One that fails is run again with fewer records, and
/// reported with as few as it fails with.
fn run_seeds(
    about: About,
    seeds: u64,
    records_max: usize,
    run: impl Fn(u64, usize, &mut Tally) -> Result<(), String>,
) -> Tally {
    let mut tally = Tally::of(about);
    for seed in 0..seeds {
        let Err(first) = run(seed, records_max, &mut tally) else { continue };
        for size in SIZES {
            if let Err(small) = run(seed, size, &mut Tally::of(about)) {
                panic!("seed {seed}, at most {size} records: {small}");
            }
        }
        panic!("seed {seed}, at most {records_max} records: {first}");
    }
    tally
}

/// So many, or ten times as many in a long run.
fn often(times: u64) -> u64 {
    if is_long() { times * 10 } else { times }
}

fn is_long() -> bool {
    env::var_os("COUNTERPART_TEST_LONG").is_some()
}

/// After everything that is signed here.
fn now() -> Moment {
    Moment::from_micros(1_800_000_000_000_000)
}
