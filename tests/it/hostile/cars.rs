//! Framing: the header, the lengths, the CIDs, the blocks, and how many.

use std::sync::LazyLock;

use counterpart::atproto::{Cid, Codec};
use counterpart::repo::author::Authored;
use counterpart::repo::varint;
use counterpart::repo::verify::Limits;
use sha2::{Digest, Sha256};

use super::forge::{and_section, real, real_car, some_record};
use super::value::{Value, ways};
use super::{Case, Terms};
use crate::repo::{record, sections};

pub fn cases() -> Vec<Case> {
    [headers(), roots(), lengths(), cids(), hashes(), missing(), amounts(), cuts(), budgets()]
        .into_iter()
        .flatten()
        .collect()
}

fn headers() -> Vec<Case> {
    let good = header(&[real().cid.to_bytes().to_vec()], 1);
    let mut cases: Vec<_> = [
        ("an empty file", "car_cut_in_header", vec![]),
        ("a header without a byte", "car_header_length", vec![0]),
        ("a header of 4097 bytes", "car_header_length", with_length(4097)),
        ("a header of 2^40 bytes", "car_header_length", with_length(1 << 40)),
        ("a header of 2^63 bytes", "car_header_length", with_length(1 << 63)),
        ("a header's length with a zero byte more", "car_varint_not_minimal", vec![0xba, 0x00]),
        ("a header's length of eleven bytes", "car_varint_too_long", vec![0x80; 11]),
        ("a header's length cut", "car_cut_in_header", vec![0xba]),
        ("a header cut", "car_cut_in_header", real_car()[..30].to_vec()),
        ("no root", "car_no_root", with_header(&header(&[], 1).bytes())),
        ("a CAR of version 0", "car_version", with_header(&header(&[root()], 0).bytes())),
        ("a CAR of version 2", "car_version", with_header(&header(&[root()], 2).bytes())),
        ("a CAR of version 2^63", "car_version", with_header(&header(&[root()], 1 << 63).bytes())),
        ("the pragma of a CAR of version 2", "car_header: cbor_unexpected", pragma_of_version_2()),
        ("a header that is a commit", "car_header: cbor_unexpected", with_header(&real().commit.encode())),
    ]
    .into_iter()
    .map(|(rule, expected, car)| Case::car(rule, expected, car))
    .collect();
    // A header is a map of an array of links and a number, as a node is, and has no bytes.
    for way in ways().into_iter().filter(|way| !way.rule.contains("byte string") && way.node.is_some()) {
        let fault = match way.rule {
            "2^40 items declared" => "cbor_unexpected",
            "undefined" | "a simple value of two bytes" | "2^40 bytes declared" | "2^63 bytes declared" => {
                continue;
            }
            _ => way.node.unwrap(),
        };
        let car = with_header(&way.of(&good));
        cases.push(Case::car(format!("header: {}", way.rule), &in_header(way.rule, fault), car));
    }
    cases
}

/// A root is told apart from the rest of the header, because it may be of any kind unless it is the first.
fn in_header(rule: &str, fault: &str) -> String {
    match rule {
        "a link with a byte after its CID" | "a link whose CID lacks a byte" => {
            "car_root_cid: cid_length".to_owned()
        }
        _ => format!("car_header: {fault}"),
    }
}

fn roots() -> Vec<Case> {
    let digest = *real().cid.digest();
    let other = some_record().0.to_bytes().to_vec();
    let raw = Cid::from_digest(Codec::Raw, digest).to_bytes().to_vec();
    let rooted = |roots: &[Vec<u8>]| with_header(&header(roots, 1).bytes());
    let hundred = vec![root(); 100];
    [
        ("a root of version 0", "car_root_cid: cid_length", rooted(&[version_0(&digest)])),
        ("a root with an identity hash", "car_root_cid: cid_length", rooted(&[identity(b"commit")])),
        ("a root of another hash", "car_root_cid: cid_hash", rooted(&[foreign(0x71, 0x13, &digest)])),
        ("a root of another codec", "car_root_cid: cid_codec", rooted(&[foreign(0x70, 0x12, &digest)])),
        ("a root that is raw", "car_root_codec", rooted(&[raw])),
        ("a root of one byte", "car_root_cid: cid_length", rooted(&[vec![1]])),
        ("another first root", "commit_missing", rooted(&[other, root()])),
        ("a hundred roots", "car_header_length", rooted(&hundred)),
    ]
    .into_iter()
    .map(|(rule, expected, car)| Case::car(rule, expected, car))
    .collect()
}

fn lengths() -> Vec<Case> {
    let after = |bytes: &[u8]| [&real_car()[..], bytes].concat();
    let declared = |length: u64| {
        let mut out = real_car();
        varint::write(length, &mut out);
        out.extend_from_slice(&some_record().0.to_bytes());
        out
    };
    [
        ("a section without a byte", "car_section_too_short", after(&[0])),
        ("zeros after the end", "car_section_too_short", after(&[0; 512])),
        ("a section shorter than a CID", "car_section_too_short", after(&[0x23, 0x01, 0x71])),
        ("a length of 2^40", "car_block_too_large", declared(1 << 40)),
        ("a length of 2^63", "car_block_too_large", declared(1 << 63)),
        ("a length of 2^64 - 1", "car_block_too_large", declared(u64::MAX)),
        ("a length of 2^32 + 50", "car_block_too_large", declared((1 << 32) + 50)),
        ("a length with a zero byte more", "car_varint_not_minimal", after(&[0xa4, 0x80, 0x00])),
        ("a length of 65 bits", "car_varint_too_long", after(&[&[0xff; 9][..], &[0x02]].concat())),
        ("a length of eleven bytes", "car_varint_too_long", after(&[0x80; 11])),
        ("a length cut", "car_cut_in_length", after(&[0xa4])),
        ("a length cut after nine bytes", "car_cut_in_length", after(&[0x80; 9])),
        ("a length and nothing", "car_cut_in_block", after(&[0x25])),
    ]
    .into_iter()
    .map(|(rule, expected, car)| Case::car(rule, expected, car))
    .collect()
}

fn cids() -> Vec<Case> {
    let bytes = record("beside the others");
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let under = |cid: &[u8]| and_section(real_car(), cid, &bytes);
    [
        ("a block under a CID of version 0", "cid_version", version_0(&digest)),
        ("a block under a CID of version 2", "cid_version", [&[2, 0x71, 0x12, 0x20], &digest[..]].concat()),
        ("a block under an identity hash", "cid_hash", identity(&bytes)),
        ("a block under SHA-512", "cid_hash", [&[1, 0x71, 0x13, 0x40], &digest[..], &digest[..]].concat()),
        ("a block under BLAKE3", "cid_hash", foreign(0x71, 0x1e, &digest)),
        ("a block under half a SHA-256", "cid_digest", [&[1, 0x71, 0x12, 0x10], &digest[..16]].concat()),
        ("a block of DAG-PB", "cid_codec", foreign(0x70, 0x12, &digest)),
        ("a block of DAG-JSON", "cid_codec", [&[1, 0xa9, 0x02, 0x12, 0x20], &digest[..]].concat()),
    ]
    .into_iter()
    .map(|(rule, inside, cid)| Case::car(rule, &format!("car_block_cid: {inside}"), under(&cid)))
    .collect()
}

fn hashes() -> Vec<Case> {
    let car = real_car();
    let sections = sections(&car);
    let flipped = |section: usize| {
        let mut car = car.clone();
        car[sections[section].end - 1] ^= 1;
        car
    };
    let node = sections.iter().rposition(|section| car[section.clone()].windows(3).any(is_node)).unwrap();
    let cid = some_record().0.to_bytes();
    let [root, root_bytes] = [real().cid.to_bytes().to_vec(), record("no commit")];
    [
        ("a commit that its CID does not name", flipped(1)),
        ("a root node that its CID does not name", flipped(2)),
        ("a node that its CID does not name", flipped(node)),
        ("a record that its CID does not name", flipped(sections.len() - 1)),
        ("a block that nothing links and its CID does not name", and_section(real_car(), &cid, b"\xa0")),
        ("no bytes under a CID", and_section(real_car(), &cid, b"")),
        ("the commit a second time with other bytes", and_section(real_car(), &root, &root_bytes)),
    ]
    .into_iter()
    .map(|(rule, car)| Case::car(rule, "car_hash_mismatch", car))
    .collect()
}

const fn is_node(window: &[u8]) -> bool {
    matches!(window, [0xa2, 0x61, b'e'])
}

/// Everything that is linked must be there; a CAR that is cut between two blocks looks whole.
fn missing() -> Vec<Case> {
    let repo = real();
    let leaf = super::forge::tree(&repo).leaf().clone();
    let leaf = Cid::of_dag_cbor(&leaf.value().bytes());
    [
        ("no block at all", "commit_missing", without(&repo, |_| true)),
        ("without the commit", "commit_missing", without(&repo, |cid| *cid == repo.cid)),
        ("without the root node", "node_missing", without(&repo, |cid| *cid == repo.commit.data)),
        ("without a leaf", "node_missing", without(&repo, |cid| *cid == leaf)),
        ("without a record", "record_missing", without(&repo, |cid| *cid == note(13))),
        ("without the last record", "record_missing", without(&repo, |cid| *cid == note(59))),
        ("a record as raw bytes", "record_missing", raw_record(&repo)),
    ]
    .into_iter()
    .map(|(rule, expected, car)| Case::car(rule, expected, car))
    .collect()
}

fn note(n: usize) -> Cid {
    Cid::of_dag_cbor(&record(&format!("note {n}")))
}

fn without(repo: &Authored, is_left_out: impl Fn(&Cid) -> bool) -> Vec<u8> {
    let car = repo.car();
    let sections = sections(&car);
    let kept = sections.iter().enumerate().filter(|(at, section)| {
        let start = section.start + usize::from(car[section.start] >= 0x80) + 1;
        *at == 0 || !is_left_out(&Cid::from_bytes(&car[start..start + 36]).unwrap())
    });
    kept.flat_map(|(_, section)| car[section.clone()].to_vec()).collect()
}

/// The bytes are there, but not under the CID that the tree names.
fn raw_record(repo: &Authored) -> Vec<u8> {
    let raw = Cid::from_digest(Codec::Raw, *note(13).digest());
    and_section(without(repo, |cid| *cid == note(13)), &raw.to_bytes(), &record("note 13"))
}

fn amounts() -> Vec<Case> {
    let car = real_car();
    let blocks = sections(&car).len() as u64 - 1;
    let limited = |limits| Terms { limits, ..Terms::default() };
    let bytes_max = Limits { car_bytes_max: car.len() as u64 - 1, ..Limits::default() };
    let blocks_max = Limits { blocks_max: blocks - 1, ..Limits::default() };
    let large = vec![0xf6; (1 << 20) + 1];
    let cid = Cid::of_dag_cbor(&large).to_bytes();
    vec![
        Case::with_terms("a byte too many", "car_too_large", car.clone(), limited(bytes_max)),
        Case::with_terms("a block too many", "car_too_many_blocks", car, limited(blocks_max)),
        Case::car(
            "a block of 1 MiB and a byte",
            "car_block_too_large",
            and_section(real_car(), &cid, &large),
        ),
    ]
}

/// One of each kind of place. `bytes` cuts at all of them.
fn cuts() -> Vec<Case> {
    let car = real_car();
    let sections = sections(&car);
    let (commit, root, last) = (&sections[1], &sections[2], &sections[sections.len() - 1]);
    assert!(car[commit.start] & 0x80 != 0, "the commit's length has one byte");
    [
        ("cut after the header", "commit_missing", commit.start),
        ("cut inside the commit's length", "car_cut_in_length", commit.start + 1),
        ("cut inside the commit", "car_cut_in_block", commit.end - 1),
        ("cut after the commit", "node_missing", root.start),
        ("cut after the root node", "node_missing", root.end),
        ("cut before the last block", "record_missing", last.start),
        ("cut inside the last block", "car_cut_in_block", last.end - 1),
    ]
    .into_iter()
    .map(|(rule, expected, end)| Case::car(rule, expected, car[..end].to_vec()))
    .collect()
}

fn budgets() -> Vec<Case> {
    let last = {
        let car = real_car();
        car[sections(&car).pop().unwrap()].to_vec()
    };
    vec![
        Case::car("1025 blocks that nothing links", "car_extra_blocks", with_extra(1025, 8)),
        Case::car("17 MiB that nothing links", "car_extra_bytes", with_extra(17, 1 << 20)),
        Case::car("one record 1026 times", "car_extra_blocks", [real_car(), last.repeat(1025)].concat()),
        Case::car("blocks chosen to collide", "car_index_flooded", FLOODED.clone()),
    ]
}

fn with_extra(count: u64, size: usize) -> Vec<u8> {
    let mut car = real_car();
    for n in 0..count {
        let mut block = vec![0; size];
        block[..8].copy_from_slice(&n.to_le_bytes());
        car = and_section(car, &Cid::of_raw(&block).to_bytes(), &block);
    }
    car
}

/// Blocks whose digests begin with the same eleven bits, in a file that is
/// given a table of 2^11 slots: each one costs its maker two thousand hashes.
static FLOODED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut car = real_car();
    let mut nonce = 0_u64;
    for _ in 0..1100 {
        let bytes = loop {
            nonce += 1;
            let digest = Sha256::digest(nonce.to_le_bytes());
            if u16::from_le_bytes([digest[0], digest[1]]) & 0x07ff == 0 {
                break nonce.to_le_bytes();
            }
        };
        car = and_section(car, &Cid::of_raw(&bytes).to_bytes(), &bytes);
    }
    car
});

fn root() -> Vec<u8> {
    real().cid.to_bytes().to_vec()
}

fn header(roots: &[Vec<u8>], version: u64) -> Value {
    let link = |cid: &Vec<u8>| match Cid::from_bytes(cid) {
        Ok(cid) => Value::Link(cid),
        Err(_) => {
            let string = Value::Bytes([&[0], &cid[..]].concat()).bytes();
            Value::Raw([&[0xd8, 0x2a], &string[..]].concat())
        }
    };
    Value::map(vec![
        ("roots", Value::Array(roots.iter().map(link).collect())),
        ("version", Value::Unsigned(version)),
    ])
}

/// The real CAR with another header.
fn with_header(header: &[u8]) -> Vec<u8> {
    let car = real_car();
    let mut out = Vec::new();
    varint::write(header.len() as u64, &mut out);
    out.extend_from_slice(header);
    out.extend_from_slice(&car[sections(&car)[0].end..]);
    out
}

/// The real CAR with another length before its header.
fn with_length(length: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint::write(length, &mut out);
    out.extend_from_slice(&real_car()[1..]);
    out
}

fn pragma_of_version_2() -> Vec<u8> {
    [&b"\x0a\xa1\x67version\x02"[..], &[0; 40], &real_car()].concat()
}

fn version_0(digest: &[u8; 32]) -> Vec<u8> {
    [&[0x12, 0x20], &digest[..]].concat()
}

fn identity(bytes: &[u8]) -> Vec<u8> {
    [&[1, 0x71, 0x00, bytes.len() as u8], bytes].concat()
}

fn foreign(codec: u8, hash: u8, digest: &[u8; 32]) -> Vec<u8> {
    [&[1, codec, hash, 0x20], &digest[..]].concat()
}
