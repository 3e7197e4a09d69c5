//! One file for every rule of CARs and commits, each of which breaks that rule
//! and no other, and the fault it is refused with.

use counterpart::atproto::{Cid, Codec};
use counterpart::repo::cbor as write;
use counterpart::repo::commit::Commit;
use counterpart::repo::varint;
use counterpart::repo::verify::{Intake, Limits, Signer, verify_snapshot};
use counterpart::repo::write::CarWriter;

use super::{authored, car_of, fault, keys, now, numbered, record, rev, sections, signing_key, verified};

#[track_caller]
pub fn assert_refused(car: &[u8], label: &str) {
    let fault = fault(verified(car));
    assert_eq!(fault.label(), label, "{fault}");
}

fn value() -> Vec<u8> {
    record("a value")
}

fn value_cid() -> Cid {
    Cid::of_dag_cbor(&value())
}

fn good_car() -> Vec<u8> {
    authored(&numbered(40)).car()
}

/// A CAR with this header and the sections of a good one.
fn with_header(header: &[u8]) -> Vec<u8> {
    let car = good_car();
    let mut out = Vec::new();
    varint::write(header.len() as u64, &mut out);
    out.extend_from_slice(header);
    out.extend_from_slice(&car[sections(&car)[0].end..]);
    out
}

fn header(roots: &[&[u8]], version: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write::write_head(write::MAP, 2, &mut out);
    write::write_text("roots", &mut out);
    write::write_head(write::ARRAY, roots.len() as u64, &mut out);
    for root in roots {
        write::write_head(write::TAG, 42, &mut out);
        write::write_bytes(&[&[0], *root].concat(), &mut out);
    }
    write::write_text("version", &mut out);
    write::write_head(write::UNSIGNED, version, &mut out);
    out
}

fn root_bytes() -> [u8; 36] {
    authored(&numbered(40)).cid.to_bytes()
}

/// A good CAR with one section more at its end.
fn with_section(section: &[u8]) -> Vec<u8> {
    let mut car = good_car();
    varint::write(section.len() as u64, &mut car);
    car.extend_from_slice(section);
    car
}

#[test]
fn the_header_must_be_one() {
    assert_refused(&[], "car_cut_in_header");
    assert_refused(&[0], "car_header_length");
    assert_refused(&[0x81, 0x20, 0xa2], "car_header_length");
    assert_refused(&with_header(b"\xa2\x65roots"), "car_header");
    assert_refused(&with_header(&header(&[], 1)), "car_no_root");
    assert_refused(&with_header(&header(&[&root_bytes()], 2)), "car_version");
    assert_refused(&with_header(&header(&[&root_bytes()[..35]], 1)), "car_root_cid");
    let raw = Cid::from_digest(Codec::Raw, *authored(&numbered(40)).cid.digest()).to_bytes();
    assert_refused(&with_header(&header(&[&raw], 1)), "car_root_codec");
    // A number of roots that is not there, in a header that would fit.
    assert_refused(&with_header(b"\xa2\x65roots\x9b\x00\xff\xff\xff\xff\xff\xff\xff"), "car_header");
    let mut trailing = header(&[&root_bytes()], 1);
    trailing.push(0);
    assert_refused(&with_header(&trailing), "car_header");
}

#[test]
fn the_first_root_is_the_commit_whatever_the_others_are() {
    assert!(verified(&with_header(&header(&[&root_bytes(), &[1, 2, 3]], 1))).is_ok());
    let fault = fault(verified(&with_header(&header(&[&value_cid().to_bytes(), &root_bytes()], 1))));
    assert_eq!(fault.label(), "commit_missing");
}

#[test]
fn lengths_must_be_minimal_and_small() {
    assert_refused(&[0x80, 0x00], "car_varint_not_minimal");
    assert_refused(&[0xff; 11], "car_varint_too_long");
    let with = |bytes: &[u8]| [&good_car()[..], bytes].concat();
    assert_refused(&with(&[0xa4, 0x80, 0x00]), "car_varint_not_minimal");
    assert_refused(&with(&[0x80; 10]), "car_varint_too_long");
    assert_refused(
        &with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
        "car_varint_too_long",
    );
    // 2^40, 2^63 and 2^64 − 1 bytes of which none is there.
    assert_refused(&with(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x20]), "car_block_too_large");
    assert_refused(
        &with(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
        "car_block_too_large",
    );
    assert_refused(
        &with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        "car_block_too_large",
    );
    assert_refused(&with(&[0x00]), "car_section_too_short");
    assert_refused(&with(&[0x23, 0x01, 0x71]), "car_section_too_short");
}

#[test]
fn every_block_must_be_what_its_cid_says() {
    let other = record("other bytes");
    assert_refused(&with_section(&[&value_cid().to_bytes()[..], &other].concat()), "car_hash_mismatch");
    let raw = Cid::of_raw(&other).to_bytes();
    assert!(verified(&with_section(&[&raw[..], &other].concat())).is_ok());
    for cid in [
        // Version 0, another hash function, an identity hash, another codec, another length.
        [&[0x12, 0x20][..], &[7; 34]].concat(),
        [&[0x01, 0x71, 0x13, 0x20][..], &[7; 32]].concat(),
        [&[0x01, 0x71, 0x00, 0x20][..], &[7; 32]].concat(),
        [&[0x01, 0x70, 0x12, 0x20][..], &[7; 32]].concat(),
        [&[0x01, 0x71, 0x12, 0x1f][..], &[7; 32]].concat(),
    ] {
        assert_refused(&with_section(&cid), "car_block_cid");
    }
}

#[test]
fn what_is_too_much_is_refused_as_it_comes() {
    let signer = Signer { did: None, keys: &keys() };
    let car = good_car();
    let few = Limits { blocks_max: 10, ..Limits::default() };
    assert_eq!(fault(verify_snapshot(&car, &signer, few, now())).label(), "car_too_many_blocks");
    let small = Limits { car_bytes_max: car.len() as u64 - 1, ..Limits::default() };
    assert_eq!(fault(verify_snapshot(&car, &signer, small, now())).label(), "car_too_large");
    let exact = Limits { car_bytes_max: car.len() as u64, ..Limits::default() };
    assert!(verify_snapshot(&car, &signer, exact, now()).is_ok());

    let mut intake = Intake::in_memory(small);
    intake.feed(&car[..1000]).unwrap();
    assert_eq!(intake.feed(&car[1000..]).unwrap_err().label(), "car_too_large");
}

#[test]
fn a_block_has_a_largest_size() {
    let with_block = |length: usize| {
        let mut car = good_car();
        let block = vec![0xf6; length];
        let mut section = Vec::new();
        let mut writer = CarWriter::begin(&mut section, value_cid()).unwrap();
        writer.block(&Cid::of_dag_cbor(&block), &block).unwrap();
        car.extend_from_slice(&section[sections(&section)[0].end..]);
        car
    };
    assert!(verified(&with_block(1 << 20)).is_ok());
    assert_refused(&with_block((1 << 20) + 1), "car_block_too_large");
}

#[test]
fn blocks_that_nothing_reaches_are_budgeted() {
    let with_extra = |count: usize, size: usize| {
        let repo = authored(&numbered(40));
        let mut car = repo.car();
        let mut writer = CarWriter::begin(Vec::new(), repo.cid).unwrap();
        for n in 0..count {
            let mut block = vec![0; size];
            block[..8].copy_from_slice(&n.to_le_bytes());
            writer.block(&Cid::of_dag_cbor(&block), &block).unwrap();
        }
        let extra = writer.into_inner();
        car.extend_from_slice(&extra[sections(&extra)[0].end..]);
        car
    };
    assert!(verified(&with_extra(1024, 8)).is_ok());
    assert_refused(&with_extra(1025, 8), "car_extra_blocks");
    assert!(verified(&with_extra(16, 1 << 20)).is_ok());
    assert_refused(&with_extra(17, 1 << 20), "car_extra_bytes");
}

#[test]
fn the_same_block_over_and_over_is_budgeted_too() {
    let mut car = good_car();
    let last = car[sections(&car).pop().unwrap()].to_vec();
    for _ in 0..1024 {
        car.extend_from_slice(&last);
    }
    assert!(verified(&car).is_ok());
    car.extend_from_slice(&last);
    assert_refused(&car, "car_extra_blocks");
}

#[test]
fn the_commit_must_be_one_in_every_field() {
    let repo = authored(&numbered(3));
    let good = repo.commit.encode();
    let others: Vec<_> = repo.blocks.into_values().collect();
    let car = |commit: Vec<u8>| car_of(&commit, &others);
    assert!(verified(&car(good.clone())).is_ok());

    let replaced = |old: &[u8], new: &[u8]| {
        let at = good.windows(old.len()).position(|window| window == old).unwrap();
        car([&good[..at], new, &good[at + old.len()..]].concat())
    };
    assert_refused(&replaced(b"\x67version\x03", b"\x67version\x02"), "commit_version");
    assert_refused(&replaced(b"\x64prev\xf6", b""), "commit_malformed");
    assert_refused(&replaced(b"\x63did", b"\x63dix"), "commit_malformed");
    assert_refused(&replaced(b"\x67version\x03", b"\x67version\x03\x00"), "commit_malformed");
    assert_refused(&replaced(b"\x67version\x03", b"\x67version\x18\x03"), "commit_malformed");
    assert_refused(&replaced(b"did:plc:", b"dix:plc:"), "commit_did");
    let rev = repo.commit.rev.to_string();
    assert_refused(&replaced(rev.as_bytes(), b"zzzzzzzzzzzzz"), "commit_rev");
    let data = repo.commit.data.to_bytes();
    assert_refused(&replaced(&data[..2], &[0x01, 0x55]), "commit_link");
    assert_refused(&replaced(b"\x63sig\x58\x40", b"\x63sig\x58\x3f"), "commit_malformed");
}

#[test]
fn a_commit_has_a_largest_size() {
    let long = counterpart::atproto::Did::parse(&format!("did:web:{}", "a".repeat(2000))).unwrap();
    let fits = Commit::signed(long, rev(1), value_cid(), &signing_key()).encode();
    assert_eq!(fault(verified(&car_of(&fits, [value()]))).label(), "cbor_key");
    assert_refused(&car_of(&vec![0xa6; 4097], [value()]), "commit_too_large");
}

#[test]
fn a_signature_of_another_length_is_named_for_what_it_is() {
    let repo = authored(&numbered(1));
    let good = repo.commit.encode();
    let at = good.windows(4).position(|window| window == b"\x63sig").unwrap() + 4;
    let with = |signature: &[u8]| {
        let mut commit = good[..at].to_vec();
        write::write_bytes(signature, &mut commit);
        commit.extend_from_slice(&good[at + 66..]);
        car_of(&commit, repo.blocks.values())
    };
    assert_refused(&with(&[0x11; 63]), "signature_length");
    assert_refused(&with(&[&[0x30, 0x44, 0x02, 0x20][..], &[7; 66]].concat()), "signature_der");
    assert_refused(&with(&[0x00; 64]), "signature_out_of_range");
    assert_refused(&with(&[0x11; 64]), "signature_mismatch");
}
