//! Repositories from strangers: what is accepted, what is refused, and that
//! nothing in between exists. The fixtures here sign whatever they are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cbor;
mod commits;
mod cuts;
mod frames;
mod hostile_cars;
mod hostile_commits;
mod hostile_trees;
mod index;
mod proofs;
mod records;
mod round_trip;
mod signers;
mod trees;
mod vectors;

use counterpart::atproto::{Cid, Curve, Did, RecordPath, SigningKey, Tid};
use counterpart::clock::Moment;
use counterpart::repo::author::{Authored, RecordMap, author};
use counterpart::repo::cbor as write;
use counterpart::repo::commit::Commit;
use counterpart::repo::verify::{KeySpan, Limits, Signer, VerifiedSnapshot, verify_snapshot};
use counterpart::repo::write::CarWriter;
use counterpart::repo::{Fault, Unverified};
use proptest::prelude::Strategy;

pub fn alice() -> Did {
    Did::parse("did:plc:aliceaaaaaaaaaaaaaaaaaaa").unwrap()
}

pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap()
}

pub fn other_key() -> SigningKey {
    SigningKey::from_bytes(Curve::P256, &[8; 32]).unwrap()
}

/// The `n`th second of a day long past.
pub fn rev(n: u64) -> Tid {
    Tid::from_micros_and_clock_id(1_600_000_000_000_000 + n * 1_000_000, 7).unwrap()
}

pub fn now() -> Moment {
    Moment::from_micros(1_700_000_000_000_000)
}

pub fn path(text: &str) -> RecordPath {
    RecordPath::parse(text).unwrap()
}

/// A small canonical record that says `text`.
pub fn record(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::write_head(write::MAP, 2, &mut out);
    write::write_text("text", &mut out);
    write::write_text(text, &mut out);
    write::write_text("$type", &mut out);
    write::write_text("com.example.note", &mut out);
    out
}

pub fn numbered_path(n: usize) -> RecordPath {
    path(&format!("com.example.note/{n:06}"))
}

/// So many records in one collection.
pub fn numbered(count: usize) -> RecordMap {
    (0..count).map(|n| (numbered_path(n), record(&format!("note {n}")))).collect()
}

pub fn authored(records: &RecordMap) -> Authored {
    author(&alice(), rev(1), records, &signing_key())
}

pub fn keys() -> Vec<KeySpan> {
    vec![KeySpan { key: signing_key().public(), until: None }]
}

/// Verifies as alice's, signed by her current key.
pub fn verified(car: &[u8]) -> Result<VerifiedSnapshot<'_>, Unverified> {
    verify_snapshot(car, &Signer { did: Some(&alice()), keys: &keys() }, Limits::default(), now())
}

pub fn fault(result: Result<VerifiedSnapshot<'_>, Unverified>) -> Fault {
    match result {
        Err(Unverified::Refused(fault)) => fault,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was accepted"),
    }
}

/// A CAR with a commit signed over `data` and then these blocks as they are.
pub fn forged<B: AsRef<[u8]>>(data: Cid, blocks: impl IntoIterator<Item = B>) -> Vec<u8> {
    let commit = Commit::signed(alice(), rev(1), data, &signing_key()).encode();
    car_of(&commit, blocks)
}

/// A CAR whose first block and root is `commit`, whatever that is.
pub fn car_of<B: AsRef<[u8]>>(commit: &[u8], blocks: impl IntoIterator<Item = B>) -> Vec<u8> {
    let root = Cid::of_dag_cbor(commit);
    let mut car = Vec::new();
    let mut writer = CarWriter::begin(&mut car, root).unwrap();
    writer.block(&root, commit).unwrap();
    for block in blocks {
        writer.block(&Cid::of_dag_cbor(block.as_ref()), block.as_ref()).unwrap();
    }
    car
}

/// Where each section of a CAR begins; the first is the header.
pub fn sections(car: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut sections = Vec::new();
    let mut at = 0;
    while at < car.len() {
        let (length, width) = counterpart::repo::varint::read(&car[at..]).unwrap().unwrap();
        let end = at + width + length as usize;
        sections.push(at..end);
        at = end;
    }
    sections
}

/// All that a snapshot holds, as the map it was made of.
pub fn contents(snapshot: &VerifiedSnapshot<'_>) -> RecordMap {
    let (mut map, mut buffer) = (RecordMap::new(), Vec::new());
    let mut records = snapshot.records();
    while let Some(record) = records.next_record().unwrap() {
        let bytes = counterpart::repo::Blocks::block(&**snapshot, &record.cid, &mut buffer).unwrap();
        map.insert(path(record.path), bytes.unwrap().to_vec());
    }
    map
}

/// Maps of up to `max` records: a few collections, short keys, some records alike.
pub fn record_maps(max: usize) -> impl Strategy<Value = RecordMap> {
    let paths = "(com\\.example\\.(note|like)|app\\.test\\.x)/[a-z0-9~_-]{1,6}";
    proptest::collection::btree_map(paths, 0..40_u8, 0..=max)
        .prop_map(|map| map.into_iter().map(|(key, text)| (path(&key), record(&format!("{text}")))).collect())
}
