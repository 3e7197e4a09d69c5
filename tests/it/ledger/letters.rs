//! Failing: pauses, dead letters, and the ways back from them.

use counterpart::jobs::letters::{self, Letter};
use counterpart::jobs::settle::{Settled, settle};
use counterpart::jobs::{Counts, Ending, Lease, Request};
use counterpart::limits;

use super::{Bed, SMALL, START, on_both_engines};

on_both_engines!(
    a_failure_is_tried_again_after_a_pause,
    the_last_failure_makes_a_letter_with_its_evidence,
    giving_up_makes_a_letter_at_once,
    a_wish_during_the_last_attempt_is_not_lost_with_it,
    a_second_death_takes_the_place_of_the_first_and_remembers_it,
    a_letter_is_retried_with_new_attempts,
    a_letter_is_dropped_alone,
    a_host_that_asks_for_a_year_is_asked_again_in_a_day,
    an_endless_reason_is_cut_and_a_zero_byte_survives,
);

fn failed() -> Ending {
    Ending::Retry { reason: "pds.test answered 502".to_owned() }
}

async fn end(bed: &Bed, lease: &Lease, ending: Ending) -> Settled {
    settle(&bed.ledger, &bed.clock, &SMALL, lease, ending).await.unwrap()
}

async fn written(bed: &Bed) -> Vec<Letter> {
    letters::list(&mut *bed.ledger.read().await.unwrap(), 10).await.unwrap()
}

/// Runs one account's job to its death.
async fn die(bed: &Bed, subject: &str) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, subject, START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    let ending = Ending::GiveUp { reason: format!("{subject} is beyond help") };
    assert_eq!(end(bed, &lease, ending).await, Settled::Buried);
}

async fn a_failure_is_tried_again_after_a_pause(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    assert_eq!(end(&bed, &lease, failed()).await, Settled::Retried);
    bed.clock.advance_ms(limits::JOB_BACKOFF_MS_FIRST);
    let again = bed.claim(&holder, 1).await.remove(0);
    assert_eq!((again.id, again.attempts), (lease.id, 1));
    bed.finish(&again).await.unwrap();
    assert_eq!(bed.counts().await, Counts::default());
}

async fn the_last_failure_makes_a_letter_with_its_evidence(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START).talking_to("pds.test")]).await;
    for attempt in 1..=SMALL.attempts_max {
        let lease = bed.claim(&holder, 1).await.remove(0);
        let last = attempt == SMALL.attempts_max;
        let expected = if last { Settled::Buried } else { Settled::Retried };
        assert_eq!(end(&bed, &lease, failed()).await, expected, "attempt {attempt}");
        bed.clock.advance_ms(limits::JOB_BACKOFF_MS_MAX);
    }
    assert_eq!(bed.counts().await, Counts { dead: 1, ..Counts::default() });
    let letter = written(&bed).await.remove(0);
    assert_eq!((letter.kind.as_str(), letter.subject.as_str()), ("small", "alice"));
    assert_eq!((letter.host.as_str(), letter.attempts, letter.deaths), ("pds.test", 3, 1));
    assert_eq!(letter.reason, "pds.test answered 502");
}

async fn giving_up_makes_a_letter_at_once(bed: Bed) {
    die(&bed, "alice").await;
    assert_eq!(written(&bed).await[0].attempts, 1);
}

async fn a_wish_during_the_last_attempt_is_not_lost_with_it(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    end(&bed, &lease, Ending::GiveUp { reason: "no".to_owned() }).await;
    assert_eq!(bed.counts().await, Counts { ready: 1, dead: 1, ..Counts::default() });
    assert_eq!(bed.claim(&holder, 1).await.remove(0).attempts, 0);
}

async fn a_second_death_takes_the_place_of_the_first_and_remembers_it(bed: Bed) {
    die(&bed, "alice").await;
    bed.clock.advance_ms(1000);
    die(&bed, "alice").await;
    let letters = written(&bed).await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].deaths, letters[0].died_at), (2, START.plus_ms(1000)));
}

async fn a_letter_is_retried_with_new_attempts(bed: Bed) {
    die(&bed, "alice").await;
    die(&bed, "bob").await;
    let letter = written(&bed).await.into_iter().find(|letter| letter.subject == "alice").unwrap();
    let retried = letters::retry(&bed.ledger, letter.id, bed.now()).await.unwrap();
    assert_eq!(retried.unwrap().subject, "alice");
    assert!(letters::retry(&bed.ledger, letter.id, bed.now()).await.unwrap().is_none(), "only once");
    assert_eq!(bed.counts().await, Counts { ready: 1, dead: 1, ..Counts::default() });
    let holder = bed.holder().await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    assert_eq!((lease.subject.as_str(), lease.attempts), ("alice", 0));
}

async fn a_letter_is_dropped_alone(bed: Bed) {
    die(&bed, "alice").await;
    die(&bed, "bob").await;
    let id = written(&bed).await.into_iter().find(|letter| letter.subject == "alice").unwrap().id;
    assert!(letters::drop(&bed.ledger, id, bed.now()).await.unwrap().is_some());
    assert!(letters::drop(&bed.ledger, id, bed.now()).await.unwrap().is_none());
    let left = written(&bed).await;
    assert_eq!(left.iter().map(|letter| letter.subject.as_str()).collect::<Vec<_>>(), ["bob"]);
    assert_eq!(bed.number("select count(*) from event where topic = 'job.dropped'").await, 1);
}

async fn a_host_that_asks_for_a_year_is_asked_again_in_a_day(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    let until = START.plus_ms(u64::MAX);
    end(&bed, &lease, Ending::Defer { until, reason: "retry-after: 999999999999".to_owned() }).await;
    bed.clock.advance_ms(limits::JOB_DEFER_MS_MAX - 1);
    assert!(bed.claim(&holder, 1).await.is_empty());
    bed.clock.advance_ms(1);
    assert_eq!(bed.claim(&holder, 1).await.len(), 1);
}

async fn an_endless_reason_is_cut_and_a_zero_byte_survives(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    let reason = format!("<html>\0{}", "é".repeat(100_000));
    end(&bed, &lease, Ending::GiveUp { reason }).await;
    let kept = written(&bed).await.remove(0).reason;
    assert!(kept.starts_with("<html>\u{fffd}é"));
    assert!(kept.len() <= limits::JOB_TEXT_BYTES_MAX + 2);
}
