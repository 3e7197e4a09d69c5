//! The fear: a run that failed cannot be run again.

use std::collections::BTreeMap;

use super::{Cut, Fault, Plan, Storm};

const STORM: Storm = Storm { seed: 7, reach: 4_000, pause_ms_max: 20, spared_in_100: 20 };

fn storm(seed: u64) -> Vec<Vec<Fault>> {
    (0..1_000).map(|connection| Storm { seed, ..STORM }.faults(connection)).collect()
}

const fn label(fault: &Fault) -> &'static str {
    match fault {
        Fault::TurnAway => "turn away",
        Fault::Delay { .. } => "delay",
        Fault::Trickle { .. } => "trickle",
        Fault::Cut { how: Cut::Fin, .. } => "fin",
        Fault::Cut { how: Cut::Rst, .. } => "rst",
        Fault::Stall { .. } => "stall",
        Fault::Flip { .. } => "flip",
        Fault::Noise { .. } => "noise",
        Fault::HalfOpen { .. } => "half open",
    }
}

#[test]
fn one_seed_is_one_storm_and_another_is_another() {
    assert_eq!(storm(7), storm(7));
    let same = storm(7).iter().zip(&storm(8)).filter(|(one, other)| one == other).count();
    // Those that are spared by both, and a few that fall alike.
    assert!(same < 150, "{same} of 1000 connections are alike");
}

#[test]
fn a_storm_has_every_fault_and_spares_as_many_as_it_was_told() {
    let mut kinds = BTreeMap::new();
    let mut spared = 0;
    for faults in storm(7) {
        spared += usize::from(faults.is_empty());
        for fault in &faults {
            *kinds.entry(label(fault)).or_insert(0) += 1;
        }
    }
    assert!((150..250).contains(&spared), "{spared} of 1000 spared");
    assert_eq!(kinds.len(), 9, "{kinds:?}");
    assert!(kinds.values().all(|count| *count > 50), "{kinds:?}");
}

#[test]
fn what_has_a_place_has_it_within_reach() {
    for fault in storm(7).into_iter().flatten() {
        let (Fault::Cut { at, .. }
        | Fault::Stall { at, .. }
        | Fault::Flip { at, .. }
        | Fault::HalfOpen { at }) = fault
        else {
            continue;
        };
        assert!(at < STORM.reach, "{fault:?}");
    }
}

#[test]
fn a_script_says_what_happens_to_whom_and_lets_the_others_be() {
    let plan = Plan::Script(vec![vec![Fault::TurnAway], vec![]]);
    assert_eq!(plan.faults(0), [Fault::TurnAway]);
    assert_eq!(plan.faults(1), []);
    assert_eq!(plan.faults(2), []);
    let always = Plan::Always(vec![Fault::TurnAway]);
    assert_eq!(always.faults(u64::MAX), [Fault::TurnAway]);
    assert_eq!(Plan::calm().faults(0), []);
}
