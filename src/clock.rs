//! Time and dice. The only place that asks the machine what time it is, and
//! the only source of randomness.
//!
//! Everything else takes `now: Moment` as an argument, so a decision can be
//! asked again about another moment, and tests move time by hand. The system
//! clock is read once and carried forward by the monotonic clock: a machine
//! whose wall clock jumps does not steal or lose a lease. It leaves it to the
//! node's heartbeat to say what time the ledger's database thinks it is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

/// A point in time, in microseconds since 1970-01-01 UTC, as the ledger keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Saturates: a remote that asks us to wait for ever is given the end of time.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        let micros = ms.saturating_mul(1000);
        let micros = if micros > i64::MAX as u64 { i64::MAX } else { micros as i64 };
        Self(self.0.saturating_add(micros))
    }

    #[must_use]
    pub const fn minus_ms(self, ms: u64) -> Self {
        let micros = ms.saturating_mul(1000);
        let micros = if micros > i64::MAX as u64 { i64::MAX } else { micros as i64 };
        Self(self.0.saturating_sub(micros))
    }

    /// Milliseconds from `earlier` to here; zero when `earlier` is later.
    pub const fn ms_since(self, earlier: Moment) -> u64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 { 0 } else { micros as u64 / 1000 }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} µs", self.0),
        }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A handle on time and dice; clones share both.
#[derive(Clone)]
pub enum Clock {
    System(Arc<SystemClock>),
    Manual(Arc<ManualClock>),
}

pub struct SystemClock {
    anchor: Mutex<Anchor>,
    dice: Mutex<StdRng>,
}

#[derive(Clone, Copy)]
struct Anchor {
    instant: Instant,
    moment: Moment,
}

pub struct ManualClock {
    now: Mutex<Moment>,
    dice: Mutex<StdRng>,
}

impl Clock {
    pub fn system() -> Self {
        let anchor = Mutex::new(Anchor { instant: instant(), moment: wall() });
        let dice = Mutex::new(StdRng::from_os_rng());
        Self::System(Arc::new(SystemClock { anchor, dice }))
    }

    /// A clock that stands still until it is moved, with dice that fall the
    /// same way for the same seed.
    pub fn manual(start: Moment, seed: u64) -> Self {
        let dice = Mutex::new(StdRng::seed_from_u64(seed));
        Self::Manual(Arc::new(ManualClock { now: Mutex::new(start), dice }))
    }

    pub fn now(&self) -> Moment {
        match self {
            Self::System(clock) => {
                let anchor = *locked(&clock.anchor);
                let passed = instant().saturating_duration_since(anchor.instant);
                Moment(anchor.moment.0.saturating_add(passed.as_micros() as i64))
            }
            Self::Manual(clock) => *locked(&clock.now),
        }
    }

    /// What this machine's wall clock says, whatever the ledger's database thinks.
    pub fn wall(&self) -> Moment {
        match self {
            Self::System(_) => wall(),
            Self::Manual(_) => self.now(),
        }
    }

    /// Takes over the time of the ledger's database, which all nodes share.
    pub fn correct(&self, to: Moment) {
        match self {
            Self::System(clock) => *locked(&clock.anchor) = Anchor { instant: instant(), moment: to },
            Self::Manual(_) => {}
        }
    }

    /// Moves a manual clock; the system's cannot be moved.
    pub fn advance_ms(&self, ms: u64) {
        match self {
            Self::System(_) => panic!("the system clock moves by itself"),
            Self::Manual(clock) => {
                let mut now = locked(&clock.now);
                *now = now.plus_ms(ms);
            }
        }
    }

    /// A fair number below `below`; 0 when `below` is 0.
    pub fn roll(&self, below: u64) -> u64 {
        if below == 0 { 0 } else { self.dice().random_range(0..below) }
    }

    /// 128 random bits in hex: a name no other process will choose.
    pub fn fresh_name(&self) -> String {
        let mut bytes = [0; 16];
        self.dice().fill_bytes(&mut bytes);
        data_encoding::HEXLOWER.encode(&bytes)
    }

    fn dice(&self) -> MutexGuard<'_, StdRng> {
        match self {
            Self::System(clock) => locked(&clock.dice),
            Self::Manual(clock) => locked(&clock.dice),
        }
    }
}

/// A stopwatch for logs and metrics; never for decisions.
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(instant())
    }

    pub fn elapsed(&self) -> Duration {
        instant().saturating_duration_since(self.0)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall() -> Moment {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
        Err(before) => Moment(-i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX)),
    }
}

// A panic while holding these locks cannot leave them half-changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
