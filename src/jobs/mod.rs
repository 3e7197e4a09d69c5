//! Work that survives: leased rows in the ledger.
//!
//! A job is asked for in the transaction that made it necessary, claimed under
//! a lease, and finished in the transaction that holds its effects. What a job
//! does is the business of the floors above; here is only how it is never
//! lost, never run by two at once, and never retried for ever.

pub mod claim;
pub mod enqueue;
pub mod holder;
pub mod letters;
pub mod rescue;
mod rows;
pub mod rules;
pub mod settle;

use crate::clock::Moment;

pub use rows::{Counts, counts, list};

/// A kind of work and its manners; a constant of whoever performs it.
#[derive(Debug, PartialEq, Eq)]
pub struct Duty {
    /// The kind as the ledger spells it.
    pub kind: &'static str,
    pub lane: Lane,
    /// 0 to 100, 100 first.
    pub priority: u8,
    /// An attempt that takes longer is dropped and counts as failed.
    pub deadline_ms: u64,
    /// Failed attempts after which the job becomes a dead letter.
    pub attempts_max: u32,
}

/// Which workers take it: large work never stands in front of small work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lane {
    Small,
    Large,
}

impl Lane {
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_str() == text)
    }
}

/// A wish that something be done. Two wishes for one (kind, subject) are one job.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Request {
    pub kind: &'static str,
    pub subject: String,
    pub lane: Lane,
    /// Whom it will talk to; empty when nobody.
    pub host: String,
    pub priority: u8,
    pub deadline_ms: u64,
    pub due_at: Moment,
}

impl Request {
    pub fn new(duty: &Duty, subject: impl Into<String>, due_at: Moment) -> Self {
        Self {
            kind: duty.kind,
            subject: subject.into(),
            lane: duty.lane,
            host: String::new(),
            priority: duty.priority,
            deadline_ms: duty.deadline_ms,
            due_at,
        }
    }

    #[must_use]
    pub fn talking_to(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    #[must_use]
    pub fn in_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }
}

/// One attempt at one job, held by one process.
///
/// Every write about the job names `id` and `fence`; once the lease is lost
/// such a write changes nothing, and says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    pub id: i64,
    pub kind: String,
    pub subject: String,
    pub lane: Lane,
    pub host: String,
    pub priority: u8,
    pub due_at: Moment,
    /// Attempts that failed before this one.
    pub attempts: u32,
    pub rescues: u32,
    pub fence: i64,
    pub progress: String,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Ending {
    /// Done, and durably so: only `settle::finish` can say it.
    Finished(settle::Finished),
    /// Not now, and nobody's fault: a host asked us to wait. Costs no attempt.
    Defer { until: Moment, reason: String },
    /// Failed; worth another attempt after a pause.
    Retry { reason: String },
    /// Failed for good; a person should look.
    GiveUp { reason: String },
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Later,
    Ready,
    Running,
}

impl State {
    pub const ALL: [Self; 3] = [Self::Later, Self::Ready, Self::Running];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Later => "later",
            Self::Ready => "ready",
            Self::Running => "running",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A live job as people see it.
#[derive(Clone, Debug)]
pub struct Job {
    pub lease: Lease,
    pub state: State,
    pub holder: String,
    pub dirty: bool,
    pub last_error: String,
}
