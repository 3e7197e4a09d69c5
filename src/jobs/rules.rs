//! The pure decisions: how long to wait, when to stop trying, whom to rescue.

use super::Duty;
use crate::clock::Moment;
use crate::limits;

/// How long to wait after `failures` failed attempts, given dice that roll a
/// fair number below what they are given.
///
/// Full jitter: anywhere between nothing and the doubled bound, so a thousand
/// jobs that failed together do not come back together.
pub fn backoff_ms(failures: u32, roll: impl FnOnce(u64) -> u64) -> u64 {
    let doubled = 1u64.checked_shl(failures.min(62)).unwrap_or(u64::MAX);
    let bound = limits::JOB_BACKOFF_MS_FIRST.saturating_mul(doubled).min(limits::JOB_BACKOFF_MS_MAX);
    roll(bound.saturating_add(1))
}

/// What becomes of a job after a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterFailure {
    Retry,
    Bury,
}

/// `failures` counts the attempt that has just failed.
pub fn after_failure(duty: &Duty, failures: u32) -> AfterFailure {
    if failures >= duty.attempts_max { AfterFailure::Bury } else { AfterFailure::Retry }
}

/// A running job as the rescuer sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Running {
    /// Until when its holder vouches for it; `None` when the holder is gone.
    pub lease_until: Option<Moment>,
    pub deadline_at: Moment,
    pub rescues: u32,
}

/// What to do about a running job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rescue {
    /// Its holder is alive and in time.
    Leave,
    /// Its holder is dead or stuck: take it away and let another try.
    Release,
    /// It has taken so many processes with it that it must be the cause.
    Bury,
}

/// A holder that is alive drops an attempt at its deadline by itself; only one
/// that is stuck lets the grace pass as well.
pub fn rescue(job: Running, now: Moment) -> Rescue {
    let alive = job.lease_until.is_some_and(|until| now <= until);
    let in_time = now <= job.deadline_at.plus_ms(limits::JOB_DEADLINE_GRACE_MS);
    if alive && in_time {
        Rescue::Leave
    } else if job.rescues >= limits::JOB_RESCUES_MAX {
        Rescue::Bury
    } else {
        Rescue::Release
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_micros(1_000_000_000_000_000);

    fn running() -> Running {
        Running { lease_until: Some(NOW.plus_ms(1)), deadline_at: NOW, rescues: 0 }
    }

    #[test]
    fn a_pause_doubles_up_to_its_cap_and_may_be_anything_below() {
        let longest = |failures| backoff_ms(failures, |below| below - 1);
        assert_eq!(longest(0), limits::JOB_BACKOFF_MS_FIRST);
        assert_eq!(longest(3), limits::JOB_BACKOFF_MS_FIRST * 8);
        assert_eq!(longest(40), limits::JOB_BACKOFF_MS_MAX);
        assert_eq!(longest(u32::MAX), limits::JOB_BACKOFF_MS_MAX);
        assert_eq!(backoff_ms(10, |_| 0), 0);
    }

    #[test]
    fn a_job_whose_holder_is_alive_and_in_time_is_left_alone() {
        assert_eq!(rescue(running(), NOW), Rescue::Leave);
        assert_eq!(rescue(Running { lease_until: Some(NOW), ..running() }, NOW), Rescue::Leave);
    }

    #[test]
    fn a_job_is_taken_from_a_dead_holder_and_from_a_stuck_one() {
        let dead = Running { lease_until: Some(NOW.minus_ms(1)), ..running() };
        let gone = Running { lease_until: None, ..running() };
        let late = NOW.minus_ms(limits::JOB_DEADLINE_GRACE_MS + 1);
        let stuck = Running { deadline_at: late, ..running() };
        for job in [dead, gone, stuck] {
            assert_eq!(rescue(job, NOW), Rescue::Release);
        }
    }

    #[test]
    fn a_job_that_takes_its_process_with_it_again_and_again_is_buried() {
        let deadly = Running { lease_until: None, rescues: limits::JOB_RESCUES_MAX, ..running() };
        assert_eq!(rescue(deadly, NOW), Rescue::Bury);
        let alive = Running { rescues: limits::JOB_RESCUES_MAX, ..running() };
        assert_eq!(rescue(alive, NOW), Rescue::Leave);
    }
}
