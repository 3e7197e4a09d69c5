//! The table: every rule, broken, and what it is refused with.

use super::forge::{real_car, shuffled};
use super::{Asked, Case, Way, cases, commits, nodes, trees};

#[test]
fn every_broken_rule_is_refused_with_its_own_label() {
    let mut wrong = Vec::new();
    for case in cases() {
        match case.refusal(Way::Lent) {
            Some(label) if label == case.expected => {}
            other => wrong.push(format!("{}: {other:?}, not {}", case.rule, case.expected)),
        }
    }
    assert!(wrong.is_empty(), "{} are judged otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

/// Nothing else is wrong with what the cases are made of.
#[test]
fn the_repository_they_are_made_of_is_good() {
    let whole = Case::car("none", "", real_car());
    let messages = super::messages::told();
    let frame = messages.announcement.message(1, super::messages::TIME);
    let bytes = counterpart::repo::frame::encode(&counterpart::repo::frame::Frame::Commit(frame));
    let asked = Asked::Frame(super::messages::head_of(&messages.before), crate::repo::keys());
    let told = Case { rule: "none".to_owned(), expected: String::new(), bytes, asked };
    for way in Way::ALL {
        assert_eq!((whole.refusal(way), told.refusal(way)), (None, None));
    }
    let taken_apart = super::forge::car_of_tree(&super::forge::tree(&super::forge::real()));
    assert_eq!(taken_apart, real_car(), "taken apart and put together it is another one");
}

/// A rule that two cases claim to break is one that neither shows.
#[test]
fn every_rule_has_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for case in cases() {
        assert!(names.insert(case.rule.clone()), "two cases are called `{}`", case.rule);
    }
}

/// Whole in memory, in pieces, or through a file: the same bytes are refused for the same reason.
#[test]
fn how_the_bytes_arrive_makes_no_difference() {
    for case in cases().iter().filter(|case| matches!(case.asked, Asked::Repo(_))) {
        for way in [Way::Fed, Way::Spooled] {
            assert_eq!(case.refusal(way).as_ref(), Some(&case.expected), "{} {way:?}", case.rule);
        }
    }
}

/// A rule that is broken in one place is broken there wherever the block lies.
#[test]
fn the_order_of_the_blocks_makes_no_difference() {
    for case in [commits::cases(), nodes::cases(), trees::cases()].into_iter().flatten() {
        for seed in [1, 7, 40] {
            let Case { rule, expected, bytes, asked } = &case;
            let Asked::Repo(terms) = asked else { unreachable!("these are all of repositories") };
            let terms = super::Terms { limits: terms.limits, keys: terms.keys.clone() };
            let other = Case::with_terms(rule.as_str(), expected, shuffled(bytes, seed), terms);
            assert_eq!(other.refusal(Way::Lent).as_ref(), Some(expected), "{rule}, shuffled by {seed}");
        }
    }
}
