//! The judge: what must hold at every moment, and what must hold at rest.
//!
//! Pure, and told of planted crimes below: a judge who never finds anything is
//! no evidence of innocence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::evidence::{Effect, Evidence, Step};
use super::oracle::Oracle;
use super::script::{self, Nature};

/// What is wrong at any moment, whoever is at work or dead.
pub fn crimes(evidence: &Evidence, oracle: &Oracle) -> Vec<String> {
    let mut crimes = Vec::new();
    for (subject, generation) in &oracle.acknowledged {
        if evidence.wanted.get(subject).is_none_or(|wanted| wanted < generation) {
            crimes.push(format!("wish {generation} for {subject} was acknowledged and is gone"));
        }
    }
    let attempts = evidence.attempts.iter().map(|attempt| (attempt.job, attempt.fence));
    twice("one lease was run twice: (job, fence)", attempts, &mut crimes);
    for attempt in &evidence.attempts {
        if attempt.beside > i64::from(script::PER_HOST_MAX) {
            crimes.push(format!("{} jobs of one host ran at the same time: {attempt:?}", attempt.beside));
        }
    }
    crimes_of_effects(evidence, &mut crimes);
    let steps = evidence.steps.iter();
    twice("one step was taken twice", steps, &mut crimes);
    crimes
}

fn crimes_of_effects(evidence: &Evidence, crimes: &mut Vec<String>) {
    let effects = &evidence.effects;
    twice("one effect was doubled", effects.iter().map(|effect| (&effect.subject, effect.run)), crimes);
    twice("one lease took effect twice", effects.iter().map(|effect| (effect.job, effect.fence)), crimes);
    let begun: BTreeSet<_> = evidence.attempts.iter().map(|attempt| (attempt.job, attempt.fence)).collect();
    for effect in effects {
        let Effect { subject, run, job, fence, seen, superseded } = effect;
        let wanted = evidence.wanted.get(subject).copied().unwrap_or(0);
        if *run > wanted {
            crimes.push(format!("{subject} was wanted {wanted} times and ran a time too many: {effect:?}"));
        }
        if *seen > wanted {
            crimes.push(format!("{subject} took effect for a wish that was never saved: {effect:?}"));
        }
        if *superseded > 0 {
            crimes.push(format!("an overtaken attempt took effect: {effect:?}"));
        }
        if !begun.contains(&(*job, *fence)) {
            crimes.push(format!("an effect of no attempt: {effect:?}"));
        }
        if Nature::of(subject).is_none_or(is_meant_to_die) {
            crimes.push(format!("what was meant to die took effect: {effect:?}"));
        }
    }
}

/// What is wrong when all work is said to be done.
pub fn unrest(evidence: &Evidence) -> Vec<String> {
    let mut unrest: Vec<_> = evidence.jobs.iter().map(|job| format!("not at rest: {job}")).collect();
    let mut runs: BTreeMap<&str, Vec<&Effect>> = BTreeMap::new();
    for effect in &evidence.effects {
        runs.entry(&effect.subject).or_default().push(effect);
    }
    for (subject, &wanted) in &evidence.wanted {
        let runs = runs.get(subject.as_str()).map_or(&[][..], Vec::as_slice);
        match Nature::of(subject) {
            None => unrest.push(format!("{subject} has no nature")),
            Some(nature) if is_meant_to_die(nature) => unrest.extend(undead(evidence, subject, wanted)),
            Some(nature) => unrest.extend(unfulfilled(evidence, subject, nature, wanted, runs)),
        }
    }
    for (subject, letter) in &evidence.letters {
        if !Nature::of(subject).is_some_and(is_meant_to_die) {
            unrest.push(format!("{subject} was not meant to die: {letter:?}"));
        }
    }
    unrest
}

fn undead(evidence: &Evidence, subject: &str, wanted: i64) -> Option<String> {
    let deaths = evidence.letters.get(subject).map_or(0, |letter| letter.deaths);
    let burials = evidence.burials.get(subject).copied().unwrap_or(0);
    let as_meant = (1..=wanted).contains(&deaths) && burials == deaths;
    (!as_meant).then(|| format!("{subject}: {wanted} wishes, {deaths} deaths, {burials} burials told of"))
}

fn unfulfilled(
    evidence: &Evidence,
    subject: &str,
    nature: Nature,
    wanted: i64,
    runs: &[&Effect],
) -> Option<String> {
    let seen = runs.iter().map(|run| run.seen).max().unwrap_or(0);
    if seen < wanted {
        return Some(format!("wish {wanted} for {subject} was lost: the last run knew of {seen}"));
    }
    let ran = runs.len() as i64;
    match nature {
        Nature::Again if wanted < script::AGAIN_WISHES => {
            Some(format!("{subject} ended its last run without asking again, at wish {wanted}"))
        }
        Nature::Steps => {
            let steps = (1..=ran)
                .flat_map(|run| (1..=script::STEPS).map(move |number| (run, number)))
                .map(|(run, number)| Step { subject: subject.to_owned(), run, number });
            let taken: BTreeSet<&Step> =
                evidence.steps.iter().filter(|step| step.subject == subject).collect();
            let missing: Vec<_> = steps.filter(|step| !taken.contains(step)).collect();
            (!missing.is_empty()).then(|| format!("progress was saved and its step was not: {missing:?}"))
        }
        Nature::Parent => {
            let asked =
                script::children(subject).map(|child| evidence.wanted.get(&child).copied().unwrap_or(0));
            (asked != [ran, ran]).then(|| {
                format!("{subject} took effect {ran} times and asked for its children {asked:?} times")
            })
        }
        _ => None,
    }
}

/// Whether all that may come of it is a dead letter.
pub fn is_meant_to_die(nature: Nature) -> bool {
    matches!(nature, Nature::Doomed | Nature::Hopeless)
}

fn twice<T: Ord + Debug>(crime: &str, found: impl Iterator<Item = T>, crimes: &mut Vec<String>) {
    let mut known = BTreeSet::new();
    for one in found {
        if let Some(again) = known.replace(one) {
            crimes.push(format!("{crime}: {again:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::evidence::{Attempt, Letter};

    /// A small play without crimes: alice ran twice for two wishes, carol took
    /// her steps, a parent asked for its children, dora died as she should.
    fn innocent() -> (Evidence, Oracle) {
        let subjects = [
            ("alice.plain", 2),
            ("carol.steps", 1),
            ("p.parent", 1),
            ("p.parent.1.plain", 1),
            ("p.parent.2.slow", 1),
            ("dora.doomed", 1),
        ];
        let wanted = subjects.iter().map(|(name, wanted)| ((*name).to_owned(), *wanted));
        let mut evidence = Evidence { wanted: wanted.collect(), ..Evidence::default() };
        for (job, (subject, wanted)) in (1..).zip(subjects) {
            for run in 1..=wanted {
                let (subject, fence) = (subject.to_owned(), 2 * run);
                let attempt = Attempt { job, fence, holder: "v1".to_owned(), subject, beside: 0 };
                evidence.attempts.push(attempt);
            }
        }
        evidence.effects = evidence.attempts.iter().filter(|attempt| attempt.job != 6).map(effect).collect();
        evidence.steps = (1..=script::STEPS).map(step).collect();
        let letter = Letter { deaths: 1, reason: "it is doomed".to_owned() };
        evidence.letters = BTreeMap::from([("dora.doomed".to_owned(), letter)]);
        evidence.burials = BTreeMap::from([("dora.doomed".to_owned(), 1)]);
        let oracle = Oracle { acknowledged: evidence.wanted.clone(), ..Oracle::default() };
        (evidence, oracle)
    }

    fn effect(attempt: &Attempt) -> Effect {
        let Attempt { job, fence, subject, .. } = attempt.clone();
        Effect { subject, run: fence / 2, job, fence, seen: fence / 2, superseded: 0 }
    }

    fn step(number: i64) -> Step {
        Step { subject: "carol.steps".to_owned(), run: 1, number }
    }

    type Plant = fn(&mut Evidence, &mut Oracle);

    const CRIMES: [(&str, Plant); 14] = [
        ("acknowledged and is gone", |_, oracle| {
            oracle.acknowledged.insert("bob.plain".to_owned(), 1);
        }),
        ("wish 3 for alice.plain was acknowledged", |_, oracle| {
            oracle.acknowledged.insert("alice.plain".to_owned(), 3);
        }),
        ("one lease was run twice", |evidence, _| {
            let other = Attempt { holder: "v2".to_owned(), ..evidence.attempts[0].clone() };
            evidence.attempts.push(other);
        }),
        ("jobs of one host ran", |evidence, _| evidence.attempts[0].beside = 3),
        ("one effect was doubled", |evidence, _| {
            let again = Effect { fence: 4, ..evidence.effects[0].clone() };
            evidence.effects.push(again);
        }),
        ("one lease took effect twice", |evidence, _| evidence.effects[1].fence = 2),
        ("a time too many", |evidence, _| {
            evidence.attempts.push(Attempt { fence: 6, ..evidence.attempts[0].clone() });
            evidence.effects.push(Effect { run: 3, fence: 6, ..evidence.effects[0].clone() });
        }),
        ("never saved", |evidence, _| evidence.effects[1].seen = 3),
        ("an overtaken attempt", |evidence, _| evidence.effects[1].superseded = 1),
        ("an effect of no attempt", |evidence, _| {
            evidence.attempts.remove(0);
        }),
        ("meant to die took effect", |evidence, _| {
            let doomed = evidence.attempts.iter().find(|attempt| attempt.job == 6).map(effect);
            evidence.effects.extend(doomed);
        }),
        ("one step was taken twice", |evidence, _| evidence.steps.push(step(2))),
        ("ran a time too many", |evidence, _| {
            evidence.wanted.remove("alice.plain");
        }),
        ("one lease was run twice", |evidence, _| evidence.attempts.push(evidence.attempts[3].clone())),
    ];

    const UNREST: [(&str, Plant); 9] = [
        ("not at rest", |evidence, _| evidence.jobs.push("small alice.plain is running: ".to_owned())),
        ("wish 2 for alice.plain was lost", |evidence, _| {
            evidence.effects.remove(1);
        }),
        ("wish 1 for p.parent.2.slow was lost", |evidence, _| {
            evidence.effects.retain(|effect| effect.subject != "p.parent.2.slow");
        }),
        ("without asking again", |evidence, _| {
            evidence.wanted.insert("z.again".to_owned(), 1);
            evidence.effects.push(Effect { subject: "z.again".to_owned(), ..evidence.effects[0].clone() });
        }),
        ("progress was saved", |evidence, _| {
            evidence.steps.remove(1);
        }),
        ("asked for its children [2, 1] times", |evidence, _| {
            evidence.wanted.insert("p.parent.1.plain".to_owned(), 2);
            evidence.effects.push(Effect { seen: 2, run: 2, ..evidence.effects[4].clone() });
        }),
        ("1 wishes, 0 deaths", |evidence, _| evidence.letters.clear()),
        ("1 deaths, 2 burials", |evidence, _| {
            evidence.burials.insert("dora.doomed".to_owned(), 2);
        }),
        ("alice.plain was not meant to die", |evidence, _| {
            let letter = evidence.letters["dora.doomed"].clone();
            evidence.letters.insert("alice.plain".to_owned(), letter);
        }),
    ];

    #[test]
    fn the_innocent_are_acquitted() {
        let (evidence, oracle) = innocent();
        assert_eq!(crimes(&evidence, &oracle), [""; 0]);
        assert_eq!(unrest(&evidence), [""; 0]);
    }

    #[test]
    fn every_planted_crime_is_found() {
        for (crime, plant) in CRIMES {
            let (mut evidence, mut oracle) = innocent();
            plant(&mut evidence, &mut oracle);
            let found = crimes(&evidence, &oracle);
            assert!(found.iter().any(|found| found.contains(crime)), "{crime} was not found: {found:?}");
        }
    }

    #[test]
    fn every_planted_unrest_is_found() {
        for (wrong, plant) in UNREST {
            let (mut evidence, mut oracle) = innocent();
            plant(&mut evidence, &mut oracle);
            let found = unrest(&evidence);
            assert!(found.iter().any(|found| found.contains(wrong)), "{wrong} was not found: {found:?}");
        }
    }
}
