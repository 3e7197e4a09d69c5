//! What was written is read as what it was, in whatever order and pieces.

use std::os::unix::fs::FileExt;

use counterpart::repo::author::RecordMap;
use counterpart::repo::verify::{Intake, Limits, Signer, VerifiedSnapshot, WholeRepo};
use counterpart::repo::write;
use proptest::prelude::*;

use super::{
    alice, authored, car_of, contents, keys, now, numbered, record, record_maps, sections, verified,
};

fn authenticate(repo: WholeRepo<'static>) -> VerifiedSnapshot<'static> {
    repo.authenticate(&Signer { did: Some(&alice()), keys: &keys() }, now()).unwrap()
}

fn fed_in_memory(car: &[u8], piece: usize) -> VerifiedSnapshot<'static> {
    let mut intake = Intake::in_memory(Limits::default());
    for piece in car.chunks(piece) {
        intake.feed(piece).unwrap();
    }
    authenticate(intake.finish().unwrap())
}

fn fed_to_disk(car: &[u8], piece: usize) -> VerifiedSnapshot<'static> {
    let mut intake = Intake::spooled(tempfile::tempfile().unwrap(), Limits::default());
    for piece in car.chunks(piece) {
        intake.feed(piece).unwrap();
    }
    authenticate(intake.finish().unwrap())
}

fn from_file(car: &[u8]) -> VerifiedSnapshot<'static> {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(car, 0).unwrap();
    authenticate(WholeRepo::read_file(file, Limits::default()).unwrap())
}

/// The same sections, the header first and the others as `seed` falls.
fn shuffled(car: &[u8], seed: u64) -> Vec<u8> {
    let sections = sections(car);
    let (header, blocks) = sections.split_first().unwrap();
    let mut order: Vec<_> = blocks.to_vec();
    let mut dice = seed;
    for at in (1..order.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (dice >> 33) as usize % (at + 1));
    }
    let mut out = car[header.clone()].to_vec();
    for section in order {
        out.extend_from_slice(&car[section]);
    }
    out
}

fn exported(snapshot: &VerifiedSnapshot<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    snapshot.export(&mut out).unwrap();
    out
}

fn check(snapshot: &VerifiedSnapshot<'_>, records: &RecordMap, canonical: &[u8]) {
    assert_eq!(contents(snapshot), *records);
    assert_eq!(snapshot.counts().records, records.len() as u64);
    assert_eq!(exported(snapshot), canonical);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_built_verifies_as_what_it_was(
        records in record_maps(120),
        piece in 1..700_usize,
        seed: u64,
    ) {
        let car = authored(&records).car();
        let other_order = shuffled(&car, seed);
        for car in [&car, &other_order] {
            check(&verified(car).unwrap(), &records, &authored(&records).car());
            check(&fed_in_memory(car, piece), &records, &authored(&records).car());
            check(&fed_to_disk(car, piece), &records, &authored(&records).car());
            check(&from_file(car), &records, &authored(&records).car());
        }
    }

    #[test]
    fn repeated_and_foreign_blocks_change_nothing(records in record_maps(60), seed: u64) {
        let canonical = authored(&records).car();
        let mut car = shuffled(&canonical, seed);
        let again = car.clone();
        for section in sections(&again).into_iter().skip(1).step_by(3) {
            car.extend_from_slice(&again[section]);
        }
        let foreign = car_of(&record("a commit of nobody"), [record("foreign one"), record("foreign two")]);
        for section in sections(&foreign).into_iter().skip(1) {
            car.extend_from_slice(&foreign[section]);
        }
        let snapshot = verified(&car).unwrap();
        check(&snapshot, &records, &canonical);
        prop_assert!(snapshot.counts().extra_blocks() >= 3);
        check(&fed_to_disk(&car, 333), &records, &canonical);
    }
}

#[test]
fn an_empty_repository_is_one() {
    let records = RecordMap::new();
    let car = authored(&records).car();
    let snapshot = verified(&car).unwrap();
    check(&snapshot, &records, &car);
    assert_eq!(snapshot.counts().nodes, 1);
}

#[test]
fn a_larger_repository_reads_the_same_from_memory_and_from_disk() {
    let records = numbered(5_000);
    let car = authored(&records).car();
    check(&verified(&car).unwrap(), &records, &car);
    check(&fed_to_disk(&shuffled(&car, 5), 4096), &records, &car);
    check(&from_file(&shuffled(&car, 6)), &records, &car);
}

#[test]
fn a_record_under_many_paths_is_written_once() {
    let records: RecordMap = (0..300).map(|n| (super::numbered_path(n), record("the same"))).collect();
    let car = authored(&records).car();
    let snapshot = verified(&car).unwrap();
    check(&snapshot, &records, &car);
    assert_eq!(snapshot.counts().extra_blocks(), 0);
    assert_eq!(snapshot.counts().records, 300);
    let bytes_of_records = car.windows(8).filter(|window| *window == b"the same").count();
    assert_eq!(bytes_of_records, 1);
}

/// As others write it: the record again at every path that has it.
#[test]
fn a_record_may_be_repeated_at_each_of_its_paths() {
    let mut records: RecordMap = (0..300).map(|n| (super::numbered_path(n), record("the same"))).collect();
    records.insert(super::path("com.example.note/zzz"), record("another"));
    let repo = authored(&records);
    let mut car = Vec::new();
    write::canonical(&repo.cid, repo.commit.data, &repo.blocks, |_| true, &mut car).unwrap();
    assert_eq!(car.windows(8).filter(|window| *window == b"the same").count(), 300);
    let snapshot = verified(&car).unwrap();
    check(&snapshot, &records, &repo.car());
    assert_eq!(snapshot.counts().extra_blocks(), 299);
    check(&fed_to_disk(&shuffled(&car, 3), 100), &records, &repo.car());
}

#[test]
fn a_path_leads_to_its_record_and_no_other_path_does() {
    let records = numbered(700);
    let car = authored(&records).car();
    let snapshot = verified(&car).unwrap();
    for (path, bytes) in &records {
        let cid = snapshot.find(path.as_str()).unwrap().unwrap();
        let place = snapshot.place(&cid).unwrap();
        let start = place.offset as usize;
        assert_eq!(&car[start..start + place.length as usize], bytes);
    }
    for absent in ["com.example.note/", "com.example.note/000001x", "a.b.c/d", "zzz", ""] {
        assert_eq!(snapshot.find(absent).unwrap(), None);
    }
}

#[test]
fn the_index_stays_within_what_is_stated_for_each_block() {
    let records = numbered(20_000);
    let car = authored(&records).car();
    let snapshot = verified(&car).unwrap();
    let blocks = snapshot.counts().reached_blocks as usize;
    assert!(blocks > 25_000);
    assert!(snapshot.index_bytes() * 10 <= blocks * 528, "{} for {blocks}", snapshot.index_bytes());
}

#[test]
fn a_spool_that_changes_under_us_is_noticed() {
    let car = authored(&numbered(50)).car();
    let file = tempfile::tempfile().unwrap();
    let handle = file.try_clone().unwrap();
    let mut intake = Intake::spooled(file, Limits::default());
    intake.feed(&car).unwrap();
    let snapshot = authenticate(intake.finish().unwrap());
    assert_eq!(exported(&snapshot), car);

    handle.write_all_at(&[car[car.len() - 1] ^ 1], car.len() as u64 - 1).unwrap();
    let error = snapshot.export(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}
