//! What the victim is asked to do, and what must come of it.
//!
//! Read by the victim, which performs it, and by the harness, which judges what
//! it finds: a subject says in its own name what it is good for.

/// Steps of a subject that saves its progress.
pub const STEPS: i64 = 3;

/// How often a subject of nature `Again` wants to be run, seen by its wishes.
pub const AGAIN_WISHES: i64 = 3;

/// Running jobs that the one host of this play bears.
pub const PER_HOST_MAX: u32 = 2;

/// How a subject's work goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Nature {
    /// Done at the first attempt.
    Plain,
    /// Takes a while.
    Slow,
    /// Takes until it is cancelled, or its process is.
    Endless,
    /// Slow, in the lane for large work.
    Large,
    /// Talks to a host that bears only so much.
    Hosted,
    /// Fails twice before it works; the second time it panics.
    Fails,
    /// Is asked to wait, once.
    Waits,
    /// Overruns its deadline in the middle of a transaction, once.
    Overruns,
    /// Saves its progress step by step.
    Steps,
    /// Asks for itself again while it runs.
    Again,
    /// Asks for two other subjects when it is done.
    Parent,
    /// Fails until it is given up.
    Doomed,
    /// Gives up at once.
    Hopeless,
}

impl Nature {
    /// Those a victim makes up by itself: all that come to an end.
    pub const CAST: [Self; 12] = [
        Self::Plain,
        Self::Steps,
        Self::Again,
        Self::Fails,
        Self::Parent,
        Self::Hosted,
        Self::Waits,
        Self::Slow,
        Self::Hopeless,
        Self::Large,
        Self::Overruns,
        Self::Doomed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Slow => "slow",
            Self::Endless => "endless",
            Self::Large => "large",
            Self::Hosted => "hosted",
            Self::Fails => "fails",
            Self::Waits => "waits",
            Self::Overruns => "overruns",
            Self::Steps => "steps",
            Self::Again => "again",
            Self::Parent => "parent",
            Self::Doomed => "doomed",
            Self::Hopeless => "hopeless",
        }
    }

    /// A subject ends in its nature, as in `v3.17.steps`.
    pub fn of(subject: &str) -> Option<Self> {
        let last = subject.rsplit('.').next()?;
        Self::CAST.into_iter().chain([Self::Endless]).find(|nature| nature.as_str() == last)
    }
}

/// Whom a parent asks for.
pub fn children(parent: &str) -> [String; 2] {
    [format!("{parent}.1.plain"), format!("{parent}.2.slow")]
}
