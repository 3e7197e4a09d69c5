//! Records that are not as they should be. Who else but their author may say
//! so? They are kept byte for byte in a repository that verifies, flagged for
//! what is odd, and the blobs they name are found all the same.

use counterpart::atproto::{Cid, Link};
use counterpart::repo::cbor::{CborFault, Reader};
use counterpart::repo::record::{BlobForm, Odd, scan};

use super::value::{Value, ways};
use crate::repo::{authored, contents, numbered, numbered_path, verified};

/// A record and what is odd about it, if anything is.
struct OddRecord {
    name: String,
    bytes: Vec<u8>,
    label: Option<String>,
}

/// A canonical record with something of every kind that can be written wrongly.
fn good() -> Value {
    Value::map(vec![
        ("text", Value::text("a note")),
        ("$type", Value::text("com.example.note")),
        ("count", Value::Unsigned(7)),
        ("empty", Value::Null),
        ("items", Value::Array(vec![Value::Unsigned(1), Value::text("two")])),
        ("bytes", Value::Bytes(b"some bytes".to_vec())),
        ("strong", Value::Link(Cid::of_dag_cbor(b"another record"))),
    ])
}

fn picture() -> Cid {
    Cid::of_raw(b"a picture")
}

fn records() -> Vec<OddRecord> {
    let mut records = Vec::new();
    let mut add = |name: &str, label: Option<&str>, bytes: Vec<u8>| {
        records.push(OddRecord { name: name.to_owned(), bytes, label: label.map(str::to_owned) });
    };
    add("nothing odd", None, canonical(&good()));
    add("no bytes", Some("cbor_truncated"), vec![]);
    add("a number", Some("record_not_a_map"), vec![0x01]);
    add("an array", Some("record_not_a_map"), vec![0x80]);
    add("arrays in arrays, too many", Some("cbor_depth"), nested(0x81, 64));
    add("arrays in arrays, a million", Some("cbor_depth"), nested(0x81, 1_000_000));
    add("maps in maps, a million bytes", Some("cbor_depth"), b"\xa1\x61a".repeat(333_333));
    add("tags on tags, a million", Some("cbor_tag"), nested(0xc1, 1_000_000));
    add("as deep as may be", None, nested(0x81, 63));
    add("a million and one bytes", None, of_length(1_000_001));
    add("as long as a block may be", None, of_length(1 << 20));
    for (name, cid) in foreign_links() {
        add(name, None, with_link(&cid));
    }
    for (name, label, cid) in broken_links() {
        add(name, Some(&format!("cbor_link: {label}")), with_link(&cid));
    }
    for way in ways() {
        let name = format!("record: {}", way.rule);
        let fault = way.record.map(|label| match label {
            "cbor_link" => "cbor_link: cid_digest",
            other => other,
        });
        // The empty label is for what is no fault in a record.
        let odd = if way.rule == "an array for a map" { Some("record_not_a_map") } else { fault };
        add(&name, odd, way.of(&sorted(good())));
    }
    records
}

/// Links of other kinds are as good as ours in a record.
fn foreign_links() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a link of version 0", [&[0x12, 0x20][..], &[7; 32]].concat()),
        ("a link to a git tree", [&[1, 0x78, 0x11, 0x14][..], &[7; 20]].concat()),
        ("a link of an identity hash", [&[1, 0x55, 0x00, 0x05][..], b"hello"].concat()),
        ("a link of BLAKE3", [&[1, 0x55, 0x1e, 0x20][..], &[7; 32]].concat()),
    ]
}

fn broken_links() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("a link of 101 bytes", "cid_link_length", [&[1, 0x55, 0x00, 97][..], &[7; 97]].concat()),
        ("a link of version 2", "cid_version", [&[2, 0x71, 0x12, 0x20][..], &[7; 32]].concat()),
        ("a link cut in a number", "cid_varint", vec![1, 0x80]),
        ("a link with a digest too short", "cid_digest", [&[1, 0x71, 0x12, 0x20][..], &[7; 31]].concat()),
    ]
}

fn with_link(cid: &[u8]) -> Vec<u8> {
    let mut link = vec![0xd8, 0x2a];
    Value::Bytes([&[0], cid].concat()).write(&mut link);
    Value::map(vec![("link", Value::Raw(link))]).bytes()
}

fn nested(head: u8, depth: usize) -> Vec<u8> {
    [&b"\xa1\x61a"[..], &vec![head; depth], &[0x01]].concat()
}

fn of_length(length: usize) -> Vec<u8> {
    let head = Value::map(vec![("text", Value::Text("x".repeat(70_000)))]).bytes().len() - 70_000;
    let bytes = Value::map(vec![("text", Value::Text("x".repeat(length - head)))]).bytes();
    assert_eq!(bytes.len(), length);
    bytes
}

fn sorted(mut value: Value) -> Value {
    value.entries().sort_by_key(|(key, _)| {
        let key = key.bytes();
        (key.len(), key)
    });
    value
}

fn canonical(value: &Value) -> Vec<u8> {
    sorted(value.clone()).bytes()
}

fn told(bytes: &[u8]) -> Option<String> {
    scan(bytes).odd.map(|odd| match odd {
        Odd::Cbor(CborFault::Link { fault, .. }) => format!("{}: {}", odd.label(), fault.label()),
        other => other.label().to_owned(),
    })
}

/// Every label that a record here is flagged with.
pub fn labels() -> Vec<String> {
    records().iter().filter_map(|record| told(&record.bytes)).collect()
}

fn typed_blob() -> Value {
    Value::map(vec![
        ("ref", Value::Link(picture())),
        ("size", Value::Unsigned(9)),
        ("$type", Value::text("blob")),
        ("mimeType", Value::text("image/png")),
    ])
}

fn legacy_blob() -> Value {
    Value::map(vec![("cid", Value::Text(picture().to_string())), ("mimeType", Value::text("image/png"))])
}

/// A few of every kind, where fuzzing begins.
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let images = Value::Array(vec![Value::map(vec![("image", typed_blob())]), legacy_blob()]);
    let blobs = Value::map(vec![("avatar", typed_blob()), ("images", images)]);
    let indefinite = ways().into_iter().find(|way| way.rule == "a map without a length").unwrap();
    vec![
        ("good", canonical(&good())),
        ("blobs", canonical(&blobs)),
        ("nested", nested(0x81, 60)),
        ("indefinite", indefinite.of(&sorted(good()))),
        ("foreign_link", with_link(&foreign_links()[2].1)),
    ]
}

#[test]
fn odd_records_are_flagged_for_what_is_odd() {
    for OddRecord { name, bytes, label } in records() {
        assert_eq!(told(&bytes), label, "{name}");
    }
}

#[test]
fn a_repository_of_odd_records_verifies_and_keeps_every_byte() {
    let odd = records().into_iter().map(|record| record.bytes);
    let mut map = numbered(20);
    map.extend(odd.enumerate().map(|(n, bytes)| (numbered_path(1000 + n), bytes)));
    let car = authored(&map).car();
    let snapshot = verified(&car).unwrap();
    assert!(contents(&snapshot) == map, "a record came out otherwise than it went in");
    let mut exported = Vec::new();
    snapshot.export(&mut exported).unwrap();
    assert!(exported == car, "the export is not the canonical CAR");
}

/// The scan and the strict reader have one measure, whatever lies at the bottom.
#[test]
fn as_deep_as_may_be_is_the_same_for_both_readers() {
    let mut link = Vec::new();
    Value::Link(picture()).write(&mut link);
    for bottom in [&[0x01][..], &[0x80], &[0xa0], b"\x61x", &link] {
        for depth in 60..70 {
            let bytes = [&vec![0x81; depth], bottom].concat();
            let is_too_deep = depth > 64;
            let scanned = scan(&bytes).odd.unwrap();
            assert_eq!(
                matches!(scanned, Odd::Cbor(CborFault::Depth { .. })),
                is_too_deep,
                "{depth} {bottom:?}"
            );
            let mut reader = Reader::new(&bytes);
            let skipped = reader.skip().and_then(|()| reader.finish());
            assert_eq!(skipped.is_err(), is_too_deep, "{skipped:?} at {depth} above {bottom:?}");
        }
    }
}

/// A blob of either form, and something odd before it.
#[test]
fn what_is_odd_does_not_hide_a_blob() {
    let mut hidden = Vec::new();
    for way in ways() {
        let mut record = sorted(good());
        let wrong = way.of(&record);
        record.entries().clear();
        record.entries().push((Value::text("a"), Value::Raw(wrong)));
        record.entries().push((Value::text("b"), typed_blob()));
        record.entries().push((Value::text("c"), legacy_blob()));
        let bytes = record.bytes();
        let forms: Vec<_> = scan(&bytes).blobs.iter().map(|blob| (blob.form, blob.link.clone())).collect();
        let both = [(BlobForm::Typed, Link::from(picture())), (BlobForm::Legacy, Link::from(picture()))];
        if forms != both {
            hidden.push(way.rule);
        }
    }
    // After these nobody can tell any more where a value ends and the next one begins.
    assert_eq!(
        hidden,
        [
            "a reserved head",
            "an end of something that had a length",
            "a byte after the end",
            "a byte less at the end",
            "2^40 bytes declared",
            "2^63 bytes declared",
            "2^40 bytes of text declared",
        ]
    );
}
