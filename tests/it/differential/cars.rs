//! One case: a CAR that is right, or wrong in a way that is named.

use std::collections::BTreeMap;

use counterpart::atproto::{Cid, Curve, Did, PublicKey, SigningKey, Tid};
use counterpart::repo::cbor as write;
use counterpart::repo::varint;

use super::damage::damage;
use super::dice::Dice;
use super::head::{Head, SLIPS, Slip};
use super::tree::{self, Knot};
use super::twists::twist;

pub struct Case {
    /// What was done to it.
    pub story: String,
    pub car: Vec<u8>,
    pub did: Did,
    pub key: PublicKey,
}

const COLLECTIONS: [&str; 4] =
    ["com.example.note", "com.example.like", "app.test.graph.follow", "network.example.a.b.c"];

/// The collection and key of a record, as hosts make them or as they may be.
pub fn path(dice: &mut Dice) -> String {
    let collection = dice.pick(&COLLECTIONS);
    match dice.below(4) {
        0 => format!("{collection}/{:x}", dice.below(1 << 16)),
        1 => format!("{collection}/self"),
        2 => format!("{collection}/~_-:.{}", dice.below(50)),
        _ => format!("{collection}/{}", tid(dice)),
    }
}

pub fn tid(dice: &mut Dice) -> Tid {
    let micros = 1_600_000_000_000_000 + dice.below(90_000_000_000_000) as u64;
    Tid::from_micros_and_clock_id(micros, dice.below(1024) as u16).expect("in range")
}

/// A record of a few fields; some are the same as others.
pub fn record(dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    if dice.one_in(40) {
        // Nobody but its author answers for a record.
        return (0..dice.below(20)).map(|_| dice.roll() as u8).collect();
    }
    write::write_head(write::MAP, 3, &mut out);
    write::write_text("text", &mut out);
    let length = if dice.one_in(8) { 300 } else { 12 };
    write::write_text(&format!("{:length$}", dice.below(400)), &mut out);
    write::write_text("$type", &mut out);
    write::write_text("com.example.note", &mut out);
    write::write_text("count", &mut out);
    write::write_head(write::UNSIGNED, dice.below(3) as u64, &mut out);
    out
}

pub fn signing_key(dice: &mut Dice) -> SigningKey {
    let curve = if dice.one_in(4) { Curve::P256 } else { Curve::K256 };
    let secret: [u8; 32] = std::array::from_fn(|_| dice.roll() as u8);
    SigningKey::from_bytes(curve, &secret).expect("all but a few secrets are in range")
}

pub fn alice() -> Did {
    Did::parse("did:plc:aliceaaaaaaaaaaaaaaaaaaa").expect("a DID")
}

impl Case {
    /// The case of this seed, of at most so many records.
    pub fn of(seed: u64, records_max: usize) -> Self {
        let dice = &mut Dice::new(seed);
        let key = signing_key(dice);
        let mut parts = Parts::of(dice, records_max);
        let mut story = Vec::new();
        let kind = dice.below(100);
        match kind {
            0..20 => {}
            20..65 => {
                let twists = 1 + usize::from(dice.one_in(8));
                story.extend(
                    (0..20).filter_map(|_| twist(&mut parts.tree, dice)).take(twists).map(str::to_owned),
                );
            }
            65..80 => parts.slip = *dice.pick(&SLIPS),
            _ => {}
        }
        let mut sections = parts.sections(&key, dice);
        if parts.slip != Slip::None {
            story.push(format!("a commit of {:?}", parts.slip));
        }
        let car = if kind < 80 {
            sections.concat()
        } else {
            let (what, car) = damage(&mut sections, dice);
            story.push(what.to_owned());
            car
        };
        let story = if story.is_empty() { "nothing wrong".to_owned() } else { story.join(" and ") };
        Self { story, car, did: alice(), key: key.public() }
    }
}

/// A repository before it is written down.
struct Parts {
    tree: Knot,
    records: Vec<(Cid, Vec<u8>)>,
    slip: Slip,
    rev: Tid,
}

impl Parts {
    fn of(dice: &mut Dice, records_max: usize) -> Self {
        let count = dice.below(records_max + 1);
        let mut entries = BTreeMap::new();
        let mut records = Vec::new();
        for _ in 0..count {
            let bytes = record(dice);
            let cid = Cid::of_dag_cbor(&bytes);
            entries.insert(path(dice).into_bytes(), cid);
            records.push((cid, bytes));
        }
        let entries: Vec<_> = entries.into_iter().collect();
        records.sort();
        records.dedup();
        Self { tree: tree::grow(&entries), records, slip: Slip::None, rev: tid(dice) }
    }

    /// The header, the commit, and the other blocks in some order. A record
    /// that nothing links any more stays as an extra block; now and then one
    /// that is linked is left out.
    fn sections(&mut self, key: &SigningKey, dice: &mut Dice) -> Vec<Vec<u8>> {
        let mut blocks = Vec::new();
        let data = self.tree.write(&mut blocks);
        let did = alice();
        let head = Head { did: did.as_str(), rev: &self.rev.to_string(), data, key };
        let commit = head.write(self.slip, dice);
        let root = Cid::of_dag_cbor(&commit);
        blocks.extend(self.records.iter().cloned());
        blocks.insert(0, (root, commit));
        if dice.one_in(2) {
            dice.shuffle(&mut blocks);
        }
        let mut sections = vec![header(&[root], 1)];
        sections.extend(blocks.iter().map(|(cid, bytes)| section(cid, bytes)));
        sections
    }
}

pub fn header(roots: &[Cid], version: u64) -> Vec<u8> {
    let mut header = Vec::new();
    write::write_head(write::MAP, 2, &mut header);
    write::write_text("roots", &mut header);
    write::write_head(write::ARRAY, roots.len() as u64, &mut header);
    roots.iter().for_each(|root| write::write_cid(*root, &mut header));
    write::write_text("version", &mut header);
    write::write_head(write::UNSIGNED, version, &mut header);
    with_length(header)
}

pub fn section(cid: &Cid, bytes: &[u8]) -> Vec<u8> {
    with_length([&cid.to_bytes()[..], bytes].concat())
}

pub fn with_length(bytes: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    varint::write(bytes.len() as u64, &mut out);
    out.extend_from_slice(&bytes);
    out
}
