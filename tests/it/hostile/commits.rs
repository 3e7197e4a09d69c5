//! The commit: its form, whose it is, from when, and by whom it is signed.
//! Whatever is wrong was there when it was signed, so that nothing but the
//! rule it breaks speaks against it.

use counterpart::atproto::{Cid, Codec, Did, Tid};
use counterpart::clock::Moment;
use counterpart::repo::author::author;
use counterpart::repo::verify::KeySpan;

use super::forge::{car_of_commit, commit, real, signed, some_record, with_signature};
use super::value::{Value, ways};
use super::{Case, Terms};
use crate::repo::{alice, keys, numbered, other_key, rev, signing_key};

pub fn cases() -> Vec<Case> {
    [forms(), fields(), links(), signatures(), signers()].into_iter().flatten().collect()
}

fn real_commit() -> Value {
    commit(real().commit.data)
}

fn case(rule: &str, expected: &str, fields: Value) -> Case {
    Case::car(rule, expected, car_of_commit(&signed(fields, &signing_key()).bytes()))
}

/// A commit that is DAG-CBOR nearly, under a signature of what it would be if it were.
fn forms() -> Vec<Case> {
    let good = signed(real_commit(), &signing_key());
    let mut cases = vec![
        Case::car("a commit of no bytes", "commit_malformed: cbor_truncated", car_of_commit(b"")),
        Case::car("a commit of 4097 bytes", "commit_too_large", car_of_commit(&[0xa6; 4097])),
        Case::car("a record for a commit", "commit_malformed: cbor_unexpected", car_of_commit(b"\x80")),
    ];
    for way in ways() {
        if let Some(fault) = way.commit {
            let car = car_of_commit(&way.of(&good));
            cases.push(Case::car(
                format!("commit: {}", way.rule),
                &format!("commit_malformed: {fault}"),
                car,
            ));
        }
    }
    cases
}

/// The real commit with one field replaced, or without it.
fn with_field(name: &str, value: Option<Value>) -> Value {
    let mut fields = real_commit();
    let at = fields.entries().iter().position(|(key, _)| key.bytes() == Value::text(name).bytes()).unwrap();
    match value {
        Some(value) => fields.entries()[at].1 = value,
        None => drop(fields.entries().remove(at)),
    }
    fields
}

fn fields() -> Vec<Case> {
    let text = |name, text: &str| with_field(name, Some(Value::text(text)));
    let number = |name, number| with_field(name, Some(Value::Unsigned(number)));
    let ahead = Tid::from_micros_and_clock_id(1_700_000_000_000_000 + 300_000_001, 7).unwrap().to_string();
    let last = "7zzzzzzzzzzzz";
    let no_key = |name| (format!("without `{name}`"), with_field(name, None));
    let mut cases = vec![
        case("a commit of version 2", "commit_version", number("version", 2)),
        case("a commit of version 4", "commit_version", number("version", 4)),
        case("a version in text", "commit_malformed: cbor_unexpected", text("version", "3")),
        case("a version below zero", "commit_malformed: cbor_unexpected", negative_version()),
        case("no DID", "commit_did: syntax_prefix", text("did", "alice.test")),
        case("an empty DID", "commit_did: syntax_prefix", text("did", "")),
        case("a DID of an unknown form", "commit_did: syntax_byte", text("did", "did:plc:alice/../bob")),
        case("somebody else's DID", "commit_wrong_did", text("did", "did:plc:malloryaaaaaaaaaaaaaaaaa")),
        case("a revision that is a date", "commit_rev: syntax_length", text("rev", "2024-01-01T00:00")),
        case("a revision of another alphabet", "commit_rev: syntax_byte", text("rev", "3jzfcijpj2z10")),
        case("a revision of capitals", "commit_rev: syntax_byte", text("rev", "3JZFCIJPJ2Z2A")),
        case("a revision of 65 bits", "commit_rev: syntax_byte", text("rev", "zzzzzzzzzzzzz")),
        case("a revision five minutes ahead", "commit_rev_ahead", text("rev", &ahead)),
        case("a revision at the end of time", "commit_rev_ahead", text("rev", last)),
        case("a revision in bytes", "commit_malformed: cbor_unexpected", bytes_for_rev()),
    ];
    for (rule, fields) in ["did", "rev", "data", "prev", "version"].map(no_key) {
        cases.push(case(&rule, "commit_malformed: cbor_key", fields));
    }
    let unsigned = car_of_commit(&real_commit().bytes());
    cases.push(Case::car("without `sig`", "commit_malformed: cbor_key", unsigned));
    cases
}

fn negative_version() -> Value {
    with_field("version", Some(Value::Raw(vec![0x22])))
}

fn bytes_for_rev() -> Value {
    with_field("rev", Some(Value::Bytes(rev(1).to_string().into_bytes())))
}

fn links() -> Vec<Case> {
    let data = real().commit.data;
    let raw = |cid: Cid| Some(Value::Link(Cid::from_digest(Codec::Raw, *cid.digest())));
    let prev = some_record().0;
    let foreign = |change: fn(&mut Vec<u8>)| {
        let mut link = Value::Link(data).bytes();
        change(&mut link);
        with_field("data", Some(Value::Raw(link)))
    };
    let no_tree = Cid::of_dag_cbor(b"nobody has this");
    vec![
        case("a tree linked as raw bytes", "commit_link", with_field("data", raw(data))),
        case("a previous commit linked as raw bytes", "commit_link", with_field("prev", raw(prev))),
        case("no tree", "commit_malformed: cbor_unexpected", with_field("data", Some(Value::Null))),
        case("a tree in text", "commit_malformed: cbor_unexpected", with_field("data", text_cid(data))),
        case("a tree of another hash", "commit_malformed: cbor_link", foreign(|link| link[7] = 0x13)),
        case("a tree of version 2", "commit_malformed: cbor_link", foreign(|link| link[5] = 2)),
        case("a tree of DAG-PB", "commit_malformed: cbor_link", foreign(|link| link[6] = 0x70)),
        case("a tree of an identity hash", "commit_malformed: cbor_link", foreign(|link| link[7] = 0)),
        case("a tree that is not there", "node_missing", with_field("data", Some(Value::Link(no_tree)))),
        case("a record for a tree", "cbor_key", with_field("data", Some(Value::Link(note())))),
    ]
}

fn note() -> Cid {
    Cid::of_dag_cbor(&crate::repo::record("note 1"))
}

fn text_cid(cid: Cid) -> Option<Value> {
    Some(Value::text(&cid.to_string()))
}

fn signatures() -> Vec<Case> {
    let good = real().commit.signature;
    let with = |rule: &str, expected: &str, signature: &[u8]| {
        let mut fields = real_commit();
        with_signature(&mut fields, signature.to_vec());
        Case::car(rule, expected, car_of_commit(&fields.bytes()))
    };
    let order = order_of_k256();
    let high = [&good[..32], &less(&order, &good[32..])].concat();
    let changed = |at: usize| {
        let mut signature = good;
        signature[at] ^= 1;
        signature
    };
    vec![
        with("no signature", "signature_length", b""),
        with("a signature of 63 bytes", "signature_length", &good[..63]),
        with("a signature of 65 bytes", "signature_length", &[&good[..], &[0]].concat()),
        with("a signature in DER", "signature_der", &der(&good)),
        with("a signature with the high s", "signature_high_s", &high),
        with("a signature of zeros", "signature_out_of_range", &[0; 64]),
        with("r is zero", "signature_out_of_range", &[&[0; 32], &good[32..]].concat()),
        with("s is zero", "signature_out_of_range", &[&good[..32], &[0; 32]].concat()),
        with("r is the order", "signature_out_of_range", &[&order[..], &good[32..]].concat()),
        with("s is the order", "signature_out_of_range", &[&good[..32], &order].concat()),
        with("s is one", "signature_mismatch", &[&good[..32], &[0; 31], &[1]].concat()),
        with("a bit of r changed", "signature_mismatch", &changed(31)),
        with("a bit of s changed", "signature_mismatch", &changed(63)),
        with("a signature of another commit", "signature_mismatch", &another_commits()),
    ]
}

fn another_commits() -> [u8; 64] {
    author(&alice(), rev(2), &numbered(60), &signing_key()).commit.signature
}

fn order_of_k256() -> [u8; 32] {
    let mut order = [0xff; 32];
    order[15] = 0xfe;
    order[16..].copy_from_slice(&[
        0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ]);
    order
}

const ORDER_OF_P256: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, //
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `from` less `what`, both big-endian and the first the greater.
fn less(from: &[u8; 32], what: &[u8]) -> [u8; 32] {
    let (mut difference, mut borrow) = ([0; 32], 0);
    for at in (0..32).rev() {
        let digit = i32::from(from[at]) - i32::from(what[at]) - borrow;
        borrow = i32::from(digit < 0);
        difference[at] = digit.rem_euclid(256) as u8;
    }
    difference
}

fn der(signature: &[u8; 64]) -> Vec<u8> {
    let integer = |scalar: &[u8]| {
        let padding: &[u8] = if scalar[0] & 0x80 == 0 { &[] } else { &[0] };
        [&[0x02, (padding.len() + scalar.len()) as u8], padding, scalar].concat()
    };
    let integers = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, integers.len() as u8], &integers[..]].concat()
}

/// The commit is good, but not of the account's keys, or not of their time.
fn signers() -> Vec<Case> {
    let by = |rule: &str, expected: &str, keys: Vec<KeySpan>| {
        let terms = Terms { keys, ..Terms::default() };
        Case::with_terms(rule, expected, super::forge::real_car(), terms)
    };
    let stranger = KeySpan { key: other_key().public(), until: None };
    let until = Moment::from_micros(i64::try_from(rev(1).micros()).unwrap() - 300_000_001);
    let retired = vec![KeySpan { until: Some(until), ..keys().remove(0) }, stranger.clone()];
    let p256 = signed(real_commit(), &other_key());
    vec![
        by("an account without a key", "commit_no_key", vec![]),
        by("another key of the other curve", "signature_mismatch", vec![stranger.clone()]),
        by("another key of the same curve", "signature_mismatch", vec![same_curve()]),
        by("a key retired before", "signature_key_not_in_force", retired),
        Case::car("signed by another key", "signature_mismatch", car_of_commit(&p256.bytes())),
        Case::with_terms(
            "the high s on the other curve",
            "signature_high_s",
            car_of_commit(&p256_with_high_s().bytes()),
            Terms { keys: vec![stranger], ..Terms::default() },
        ),
        Case::car("a repository of somebody else", "commit_wrong_did", mallorys()),
    ]
}

fn same_curve() -> KeySpan {
    let key = counterpart::atproto::SigningKey::from_bytes(counterpart::atproto::Curve::K256, &[9; 32]);
    KeySpan { key: key.unwrap().public(), until: None }
}

fn p256_with_high_s() -> Value {
    let mut fields = real_commit();
    let good = counterpart::atproto::sign(&other_key(), &fields.bytes());
    with_signature(&mut fields, [&good[..32], &less(&ORDER_OF_P256, &good[32..])].concat());
    fields
}

fn mallorys() -> Vec<u8> {
    let mallory = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").unwrap();
    author(&mallory, rev(1), &numbered(60), &signing_key()).car()
}
