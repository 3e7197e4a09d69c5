//! Files that were cut, and files in which a single byte is another one.

use counterpart::repo::verify::{Intake, Limits};
use counterpart::repo::{Fault, Unverified};

use super::{authored, contents, fault, numbered, sections, verified};

fn small_car() -> Vec<u8> {
    authored(&numbered(12)).car()
}

/// What an intake that is fed byte after byte says at the end.
fn fed(car: &[u8]) -> Fault {
    let mut intake = Intake::in_memory(Limits::default());
    let fed = car.iter().try_for_each(|byte| intake.feed(&[*byte]));
    match fed.and_then(|()| intake.finish().map(|_| ())) {
        Err(Unverified::Refused(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let car = small_car();
    for end in 0..car.len() {
        let cut = fault(verified(&car[..end]));
        assert_eq!(cut, fed(&car[..end]), "cut at {end}");
    }
    assert!(verified(&car).is_ok());
}

#[test]
fn a_file_cut_between_two_blocks_lacks_what_comes_after() {
    let car = small_car();
    let sections = sections(&car);
    for (at, section) in sections.iter().enumerate() {
        let fault = fault(verified(&car[..section.start]));
        match at {
            0 => assert_eq!(fault, Fault::CutInHeader),
            1 => assert_eq!(fault.label(), "commit_missing"),
            2 => assert_eq!(fault.label(), "node_missing"),
            _ => assert!(["node_missing", "record_missing"].contains(&fault.label()), "{fault}"),
        }
    }
}

#[test]
fn a_file_cut_inside_a_length_is_told_from_one_cut_inside_a_block() {
    let mut records = numbered(3);
    records.insert(super::path("com.example.note/long"), super::record(&"x".repeat(500)));
    let car = authored(&records).car();
    let mut two_byte_lengths = 0;
    for section in sections(&car).into_iter().skip(1) {
        let long = car[section.start] & 0x80 != 0;
        let cut = fault(verified(&car[..=section.start]));
        if long {
            assert_eq!(cut, Fault::CutInLength { at: section.start as u64 });
            two_byte_lengths += 1;
        } else {
            assert!(matches!(cut, Fault::CutInBlock { .. }), "{cut}");
        }
        let cut = fault(verified(&car[..section.end - 1]));
        assert_eq!(cut, Fault::CutInBlock { at: section.start as u64, missing: 1 });
    }
    assert!(two_byte_lengths > 0, "nothing was cut inside a length");
}

#[test]
fn every_changed_byte_is_refused() {
    let car = small_car();
    for at in 0..car.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = car.clone();
            changed[at] ^= flip;
            fault(verified(&changed));
        }
    }
}

#[test]
fn every_byte_that_is_dropped_or_put_in_is_refused() {
    let car = small_car();
    for at in 0..car.len() {
        let mut shorter = car.clone();
        shorter.remove(at);
        fault(verified(&shorter));
        for byte in [0x00, 0x01, 0xff] {
            let mut longer = car.clone();
            longer.insert(at, byte);
            fault(verified(&longer));
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused_unless_they_are_a_block() {
    let records = numbered(12);
    let mut car = authored(&records).car();
    let last = car[sections(&car).pop().unwrap()].to_vec();
    car.extend_from_slice(&last);
    assert_eq!(contents(&verified(&car).unwrap()), records);
    car.push(0);
    assert_eq!(fault(verified(&car)).label(), "car_section_too_short");
}
