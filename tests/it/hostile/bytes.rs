//! One byte changed, dropped or put in, anywhere. It is refused, or it was of
//! no account: it lies where the file could as well have had nothing, and what
//! is verified is the same to the last byte. Which places are such is found
//! out by leaving them out, not by knowing the format.

use std::ops::Range;

use counterpart::atproto::Cid;
use counterpart::repo::author::RecordMap;
use counterpart::repo::frame::{CommitMessage, Frame, decode, encode};
use counterpart::repo::varint;
use counterpart::repo::verify::{Head, Signer, VerifiedCommit, verify_commit};
use proptest::prelude::*;

use super::forge::{and_section, blocks_of, some_record};
use super::messages::{TIME, Told, head_of, told};
use super::value::Value;
use super::{Case, Way};
use crate::repo::{alice, authored, keys, now, numbered, path, record, record_maps, sections, verified};

/// One byte made another, or taken out, or put in before what stands there.
#[derive(Debug, Clone, Copy)]
enum Change {
    Flip(usize, u8),
    Drop(usize),
    Insert(usize, u8),
}

impl Change {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        match self {
            Self::Flip(at, bits) => changed[at] ^= bits,
            Self::Drop(at) => drop(changed.remove(at)),
            Self::Insert(at, byte) => changed.insert(at, byte),
        }
        changed
    }

    const fn at(self) -> usize {
        let (Self::Flip(at, _) | Self::Drop(at) | Self::Insert(at, _)) = self;
        at
    }
}

/// All changes of a text this long, as far as they are told apart by a few values of a byte.
fn every_change(length: usize) -> impl Iterator<Item = Change> {
    let flips: Vec<u8> = match is_long() {
        true => (1..=255).collect(),
        false => vec![0x01, 0x04, 0x20, 0x24, 0x80, 0xff],
    };
    let inserted: Vec<u8> = match is_long() {
        true => (0..=255).collect(),
        false => vec![0x00, 0x01, 0x80, 0xff],
    };
    (0..length).flat_map(move |at| {
        let flips: Vec<_> = flips.iter().map(|bits| Change::Flip(at, *bits)).collect();
        let inserts: Vec<_> = inserted.iter().map(|byte| Change::Insert(at, *byte)).collect();
        flips.into_iter().chain([Change::Drop(at)]).chain(inserts)
    })
}

fn is_long() -> bool {
    std::env::var("COUNTERPART_TEST_LONG").is_ok()
}

fn any_change() -> impl Strategy<Value = (prop::sample::Index, u8, u8)> {
    (any::<prop::sample::Index>(), 1..=255_u8, 0..3_u8)
}

fn chosen((at, byte, kind): (prop::sample::Index, u8, u8), length: usize) -> Change {
    let at = at.index(length);
    match kind {
        0 => Change::Flip(at, byte),
        1 => Change::Drop(at),
        _ => Change::Insert(at, byte),
    }
}

// A repository.

/// A CAR with all that may be there without meaning anything: a second root,
/// blocks that nothing links, and blocks that come a second time.
pub fn busy_car(records: &RecordMap) -> Vec<u8> {
    let repo = authored(records);
    let mut car = header_of(&[repo.cid, some_record().0]);
    for (n, (cid, bytes)) in blocks_of(&repo.car()).into_iter().enumerate() {
        car = and_section(car, &cid.to_bytes(), &bytes);
        if n % 4 == 0 {
            let (again, extra) = (bytes, record(&format!("linked by nothing, {n}")));
            car = and_section(car, &cid.to_bytes(), &again);
            car = and_section(car, &Cid::of_dag_cbor(&extra).to_bytes(), &extra);
            car = and_section(car, &Cid::of_raw(&again).to_bytes(), &again);
        }
    }
    car
}

fn header_of(roots: &[Cid]) -> Vec<u8> {
    let roots = roots.iter().map(|root| Value::Link(*root)).collect();
    let header = Value::map(vec![("roots", Value::Array(roots)), ("version", Value::Unsigned(1))]).bytes();
    let mut car = Vec::new();
    varint::write(header.len() as u64, &mut car);
    car.extend_from_slice(&header);
    car
}

/// What is verified: the canonical CAR, in which every byte means something.
fn outcome(car: &[u8]) -> Option<Vec<u8>> {
    let snapshot = verified(car).ok()?;
    let mut canonical = Vec::new();
    snapshot.export(&mut canonical).unwrap();
    Some(canonical)
}

/// The places of a CAR that could as well not be there: sections without which
/// it verifies as the same, and the CIDs of other roots than the first.
fn of_no_account(car: &[u8]) -> Vec<Range<usize>> {
    let sections = sections(car);
    let whole = outcome(car);
    assert!(whole.is_some(), "the CAR is not good to begin with");
    let spare =
        |section: &Range<usize>| outcome(&[&car[..section.start], &car[section.end..]].concat()) == whole;
    let mut places: Vec<_> = sections.iter().skip(1).filter(|section| spare(section)).cloned().collect();
    let header = &sections[0];
    let roots = header.clone().filter(|at| car[*at..header.end].starts_with(&[0x58, 0x25, 0x00])).skip(1);
    places.extend(roots.map(|at| at + 3..at + 39));
    places
}

/// Whether the change was accepted, which it may only be where nothing counts.
fn judge(car: &[u8], whole: &[u8], spare: &[Range<usize>], change: Change) -> bool {
    match outcome(&change.of(car)) {
        None => false,
        Some(other) => {
            assert!(other == whole, "{change:?} is accepted as something else");
            assert!(spare.iter().any(|place| place.contains(&change.at())), "{change:?} is accepted");
            true
        }
    }
}

#[test]
fn no_byte_of_a_repository_can_be_another_one() {
    let mut records = numbered(12);
    records.insert(path("com.example.note/long"), record(&"x".repeat(300)));
    let car = busy_car(&records);
    let (whole, spare) = (outcome(&car).unwrap(), of_no_account(&car));
    let accepted: Vec<_> =
        every_change(car.len()).filter(|change| judge(&car, &whole, &spare, *change)).collect();
    // What is accepted is what must be: the other root, and the codec under which an unlinked block stands.
    assert!(accepted.iter().all(|change| matches!(change, Change::Flip(..))), "{accepted:?}");
    let codecs = sections(&car).len() - 1 - blocks_of(&whole).len();
    let places: std::collections::BTreeSet<_> = accepted.iter().map(|change| change.at()).collect();
    assert!((36..=36 + 2 * codecs).contains(&places.len()), "{} places of {codecs} blocks", places.len());
}

#[test]
fn no_byte_of_a_canonical_repository_is_of_no_account() {
    let car = authored(&numbered(9)).car();
    assert_eq!(of_no_account(&car).len(), 0);
    for change in every_change(car.len()) {
        assert_eq!(outcome(&change.of(&car)), None, "{change:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_long() { 4096 } else { 128 }))]

    #[test]
    fn no_byte_of_any_repository_can_be_another_one(
        records in record_maps(40),
        changes in proptest::collection::vec(any_change(), 16),
    ) {
        let car = busy_car(&records);
        let (whole, spare) = (outcome(&car).unwrap(), of_no_account(&car));
        prop_assert_eq!(&whole, &authored(&records).car());
        for change in changes {
            judge(&car, &whole, &spare, chosen(change, car.len()));
        }
    }
}

// A commit of a firehose.

struct Sent {
    told: Told,
    /// The frame, whose blocks have some that nothing needs.
    frame: Vec<u8>,
    blocks: Vec<u8>,
}

fn sent() -> Sent {
    let told = told();
    let extra = record("needed by nothing");
    let first = blocks_of(&told.announcement.blocks).remove(1);
    let blocks = and_section(told.announcement.blocks.clone(), &Cid::of_raw(&extra).to_bytes(), &extra);
    let blocks = and_section(blocks, &first.0.to_bytes(), &first.1);
    let frame =
        encode(&Frame::Commit(CommitMessage { blocks: &blocks, ..told.announcement.message(1, TIME) }));
    Sent { told, frame, blocks }
}

fn verified_frame(frame: &[u8], ours: &Head) -> Option<VerifiedCommit> {
    match decode(frame) {
        Ok(Frame::Commit(message)) => verified_message(&message, ours),
        _ => None,
    }
}

fn verified_message(message: &CommitMessage<'_>, ours: &Head) -> Option<VerifiedCommit> {
    let signer = Signer { did: Some(&alice()), keys: &keys() };
    verify_commit(message, ours, &signer, now()).ok()
}

#[test]
fn no_byte_of_a_commits_blocks_can_be_another_one() {
    let Sent { told, blocks, .. } = sent();
    let ours = head_of(&told.before);
    let verdict = |blocks: &[u8]| {
        verified_message(&CommitMessage { blocks, ..told.announcement.message(1, TIME) }, &ours)
    };
    let whole = verdict(&blocks);
    assert!(whole.is_some(), "the commit is not good to begin with");
    let sections = sections(&blocks);
    let left_out = |section: &Range<usize>| [&blocks[..section.start], &blocks[section.end..]].concat();
    let spare: Vec<_> = sections[1..].iter().filter(|section| verdict(&left_out(section)) == whole).collect();
    assert_eq!(spare.len(), 3, "one block that nothing needs, and one that is there twice");
    let mut accepted = 0;
    for change in every_change(blocks.len()) {
        let verdict = verdict(&change.of(&blocks));
        if verdict.is_some() {
            assert!(verdict == whole, "{change:?} is accepted as something else");
            assert!(spare.iter().any(|place| place.contains(&change.at())), "{change:?} is accepted");
            accepted += 1;
        }
    }
    assert!(accepted > 0, "not even the codec of a block that nothing needs could be another one");
}

/// The frame around it is not signed: its `seq` and `time` are the host's
/// word. Whatever it says, the commit is the one that the account signed.
#[test]
fn no_byte_of_a_frame_makes_another_commit() {
    let Sent { told, frame, blocks } = sent();
    let ours = head_of(&told.before);
    let whole = verified_frame(&frame, &ours);
    assert!(whole.is_some(), "the frame is not good to begin with");
    // The first operation is a deletion, whose `cid` is null; without one it is a deletion as well.
    let names = ["seq", "time", "rebase", "blobs", "tooBig", "cid"];
    let mut spare: Vec<_> = names.iter().map(|name| field(&frame, name)).collect();
    let start = frame.windows(blocks.len()).position(|window| window == blocks).unwrap();
    let last = sections(&blocks).len() - 2;
    let blocks: Vec<_> = sections(&blocks).drain(..).map(|at| at.start + start..at.end + start).collect();
    let repeated = blocks[2].clone();
    spare.extend([repeated, blocks[last].clone(), blocks[last + 1].clone()]);
    let mut accepted = 0;
    for change in every_change(frame.len()) {
        let verdict = verified_frame(&change.of(&frame), &ours);
        if verdict.is_some() {
            assert!(verdict == whole, "{change:?} is accepted as something else");
            assert!(spare.iter().any(|place| place.contains(&change.at())), "{change:?} is accepted");
            accepted += 1;
        }
    }
    assert!(accepted > 0, "not even the time could be another one");
}

/// Where a field's key and value are in a frame.
fn field(frame: &[u8], name: &str) -> Range<usize> {
    let key = Value::text(name).bytes();
    let start = frame.windows(key.len()).position(|window| window == key).unwrap();
    let mut reader = counterpart::repo::cbor::Reader::new(&frame[start + key.len()..]);
    reader.skip().unwrap();
    start..start + key.len() + reader.at()
}

// Files that end too soon.

/// Lengths of one, two and three bytes.
fn long_car() -> Vec<u8> {
    let mut records = numbered(10);
    records.insert(path("com.example.note/000002a"), record(&"x".repeat(500)));
    records.insert(path("com.example.note/000004a"), record(&"x".repeat(20_000)));
    authored(&records).car()
}

fn refusals(car: &[u8]) -> Vec<Option<String>> {
    let case = Case::car("cut", "", car.to_vec());
    Way::ALL.map(|way| case.refusal(way)).to_vec()
}

#[test]
fn a_file_that_ends_between_two_blocks_is_refused() {
    let car = long_car();
    for section in sections(&car).into_iter().skip(1) {
        for refusal in refusals(&car[..section.start]) {
            let label = refusal.expect("a cut file is accepted");
            let missing = ["commit_missing", "node_missing", "record_missing"];
            assert!(missing.contains(&label.as_str()), "cut at {}: {label}", section.start);
        }
    }
}

#[test]
fn a_file_that_ends_inside_a_length_is_refused() {
    let car = long_car();
    let mut widths = std::collections::BTreeSet::new();
    for section in sections(&car).into_iter().skip(1) {
        let (_, width) = varint::read(&car[section.clone()]).unwrap().unwrap();
        widths.insert(width);
        for end in section.start + 1..section.start + width {
            assert_eq!(refusals(&car[..end]), vec![Some("car_cut_in_length".to_owned()); 3], "cut at {end}");
        }
        for end in [section.start + width, section.start + width + 20, section.end - 1] {
            assert_eq!(refusals(&car[..end]), vec![Some("car_cut_in_block".to_owned()); 3], "cut at {end}");
        }
    }
    assert_eq!(widths.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

/// What comes after everything that counts may be cut, where a block ends and nowhere else.
#[test]
fn a_file_may_end_before_what_is_of_no_account() {
    let (cid, bytes) = some_record();
    let car = and_section(busy_car(&numbered(6)), &cid.to_bytes(), &bytes);
    let whole = outcome(&car);
    let ends: Vec<_> = sections(&car).into_iter().map(|section| section.end).collect();
    let mut accepted = 0;
    for end in 0..=car.len() {
        let cut = outcome(&car[..end]);
        if cut.is_some() {
            assert!(cut == whole && ends.contains(&end), "cut at {end}");
            accepted += 1;
        }
    }
    assert!(accepted > 1, "the last block counts");
}

#[test]
fn a_commit_whose_blocks_end_too_soon_is_refused() {
    let told = told();
    let car = &told.announcement.blocks;
    for end in 0..car.len() {
        let message = CommitMessage { blocks: &car[..end], ..told.announcement.message(1, TIME) };
        assert_eq!(verified_message(&message, &head_of(&told.before)), None, "cut at {end}");
    }
}

#[test]
fn a_frame_that_ends_too_soon_is_refused() {
    let Sent { told, frame, .. } = sent();
    for end in 0..frame.len() {
        assert_eq!(verified_frame(&frame[..end], &head_of(&told.before)), None, "cut at {end}");
    }
}
