//! What the proxy really did: the proof that a fault happened and not only
//! that somebody asked for it.
//!
//! An act is written down after it was done. Waiting for one is how a test
//! knows where a connection stands without sleeping.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::script::Way;

/// Enough for any test; one that does more has lost its way, and is told.
const DEEDS_MAX: usize = 100_000;
/// Longer than any test takes. Reaching it is a failure, never a pass.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deed {
    pub connection: u64,
    pub act: Act,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    Accepted,
    TurnedAway,
    /// The target did not answer the proxy.
    Unreachable,
    /// The first bytes were held back for so long. Told once.
    Delayed {
        way: Way,
        ms: u64,
    },
    /// So many bytes and no more passed at first. Told once.
    Trickled {
        way: Way,
        bytes: usize,
    },
    /// So many bytes had passed.
    CutByFin {
        way: Way,
        at: u64,
    },
    CutByRst {
        way: Way,
        at: u64,
    },
    Stalled {
        way: Way,
        at: u64,
    },
    Resumed {
        way: Way,
        at: u64,
    },
    Flipped {
        way: Way,
        at: u64,
        from: u8,
        to: u8,
    },
    HalfOpened {
        at: u64,
    },
    /// Both ends are done with it, after so many bytes.
    Closed {
        up: u64,
        down: u64,
    },
}

impl Act {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::TurnedAway => "turned_away",
            Self::Unreachable => "unreachable",
            Self::Delayed { .. } => "delayed",
            Self::Trickled { .. } => "trickled",
            Self::CutByFin { .. } => "cut_by_fin",
            Self::CutByRst { .. } => "cut_by_rst",
            Self::Stalled { .. } => "stalled",
            Self::Resumed { .. } => "resumed",
            Self::Flipped { .. } => "flipped",
            Self::HalfOpened { .. } => "half_opened",
            Self::Closed { .. } => "closed",
        }
    }

    /// Whether it is a fault, rather than how every connection begins and ends.
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::Accepted | Self::Closed { .. } | Self::Resumed { .. })
    }
}

pub struct Record {
    deeds: Mutex<Vec<Deed>>,
    /// How many there are.
    count: watch::Sender<usize>,
}

impl Record {
    pub fn new() -> Self {
        Self { deeds: Mutex::default(), count: watch::Sender::new(0) }
    }

    pub fn write(&self, connection: u64, act: Act) {
        let mut deeds = self.locked();
        // One more than there may be is enough to be told.
        if deeds.len() <= DEEDS_MAX {
            deeds.push(Deed { connection, act });
        }
        self.count.send_replace(deeds.len());
    }

    pub fn deeds(&self) -> Vec<Deed> {
        let deeds = self.locked();
        assert!(deeds.len() <= DEEDS_MAX, "more than {DEEDS_MAX} deeds");
        deeds.clone()
    }

    /// How often each thing happened.
    pub fn tally(&self) -> BTreeMap<&'static str, usize> {
        let mut tally = BTreeMap::new();
        for deed in self.deeds() {
            *tally.entry(deed.act.label()).or_default() += 1;
        }
        tally
    }

    /// Waits until the deeds are as the test wants them.
    pub async fn until(&self, mut wanted: impl FnMut(&[Deed]) -> bool) -> Vec<Deed> {
        let mut count = self.count.subscribe();
        let seen = tokio::time::timeout(PATIENCE, async {
            loop {
                count.borrow_and_update();
                let deeds = self.deeds();
                if wanted(&deeds) {
                    return deeds;
                }
                count.changed().await.expect("the record outlives those who wait for it");
            }
        });
        seen.await.unwrap_or_else(|_| panic!("the proxy never came that far: {:?}", self.deeds()))
    }

    // A deed is pushed whole or not at all.
    fn locked(&self) -> MutexGuard<'_, Vec<Deed>> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
