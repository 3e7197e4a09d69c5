//! Timestamps that are revisions and record keys.

use counterpart::atproto::{Form, Rkey, SyntaxFault, Tid};
use proptest::prelude::{any, proptest};

#[test]
fn a_tid_gives_the_time_and_the_clock_it_was_made_of() {
    let tid = Tid::parse("3jzfcijpj2z2a").unwrap();
    assert_eq!(tid.to_string(), "3jzfcijpj2z2a");
    assert_eq!(Tid::from_micros_and_clock_id(tid.micros(), tid.clock_id()), Some(tid));
    assert!(tid.micros() > 1_600_000_000_000_000 && tid.micros() < 1_800_000_000_000_000);

    let zero = Tid::parse("2222222222222").unwrap();
    assert_eq!((zero.micros(), zero.clock_id()), (0, 0));
    assert_eq!(Tid::parse("2222222222223").unwrap().clock_id(), 1);
    let second = Tid::from_micros_and_clock_id(1, 0).unwrap();
    assert_eq!((second.to_string().as_str(), second.micros()), ("2222222222322", 1));
    assert_eq!(Rkey::from(tid).as_str(), "3jzfcijpj2z2a");
}

#[test]
fn what_is_not_a_tid_is_refused() {
    let lengths = ["", "3", "222", "3jzfcijpj2z2", "3jzfcijpj2z2aa", "3jzf-cij-pj2z-2a", "222222222222é2"];
    for text in lengths {
        let expected = SyntaxFault::Length { form: Form::Tid, length: text.len(), expected: 13 };
        assert_eq!(Tid::parse(text), Err(expected), "{text:?}");
    }
    let letters = [
        ("3JZFCIJPJ2Z2A", 1),
        ("3jzfcijpj2z21", 12),
        ("0000000000000", 0),
        ("1222222222222", 0),
        ("8222222222222", 0),
        ("2822222222222", 1),
        ("2922222222222", 1),
        ("222222-222222", 6),
        ("222222222222=", 12),
        ("2222222222 22", 10),
        ("22222222222é", 11),
    ];
    for (text, at) in letters {
        let expected = SyntaxFault::Byte { form: Form::Tid, byte: text.as_bytes()[at], at };
        assert_eq!(Tid::parse(text), Err(expected), "{text:?}");
    }
}

#[test]
fn the_first_letter_may_not_overflow_64_bits() {
    for (letter, taken) in "234567abcdefghijklmnopqrstuvwxyz".chars().zip(1..) {
        let text = format!("{letter}zzzzzzzzzzzz");
        assert_eq!(Tid::parse(&text).is_ok(), taken <= 16, "{text}");
    }
}

#[test]
fn a_set_top_bit_is_a_time_far_ahead_and_not_a_near_one() {
    let odd = Tid::parse("j222222222222").unwrap();
    let now = Tid::parse("3kzfcijpj2z2a").unwrap();
    assert!(odd > now && odd.micros() > 1 << 53);
    assert_eq!(odd.to_string(), "j222222222222");
    assert_eq!(Tid::from_micros_and_clock_id(odd.micros(), odd.clock_id()), None);
}

#[test]
fn times_and_clocks_that_do_not_fit_make_no_tid() {
    let last = Tid::from_micros_and_clock_id((1 << 53) - 1, 1023).unwrap();
    assert_eq!(last.to_string(), "bzzzzzzzzzzzz");
    assert_eq!(Tid::from_micros_and_clock_id(1 << 53, 0), None);
    assert_eq!(Tid::from_micros_and_clock_id(u64::MAX, 0), None);
    assert_eq!(Tid::from_micros_and_clock_id(0, 1024), None);
}

proptest! {
    #[test]
    fn tids_sort_alike_as_numbers_as_text_and_by_time(
        a in "[2-7a-j][2-7a-z]{12}", b in "[2-7a-j][2-7a-z]{12}"
    ) {
        let (x, y) = (Tid::parse(&a).unwrap(), Tid::parse(&b).unwrap());
        assert_eq!(x.cmp(&y), a.cmp(&b));
        assert_eq!(x.cmp(&y), (x.micros(), x.clock_id()).cmp(&(y.micros(), y.clock_id())));
    }

    #[test]
    fn a_tid_made_of_a_time_keeps_it(micros in 0_u64..1 << 53, clock_id in 0_u16..1024) {
        let tid = Tid::from_micros_and_clock_id(micros, clock_id).unwrap();
        assert_eq!((tid.micros(), tid.clock_id()), (micros, clock_id));
        assert_eq!(Tid::parse(&tid.to_string()), Ok(tid));
    }

    #[test]
    fn no_time_or_clock_makes_it_panic(micros in any::<u64>(), clock_id in any::<u16>()) {
        let fits = micros < 1 << 53 && clock_id < 1024;
        assert_eq!(Tid::from_micros_and_clock_id(micros, clock_id).is_some(), fits);
    }
}
