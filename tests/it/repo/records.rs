//! What is found in records: blobs of both forms, and oddities.

use counterpart::atproto::{Cid, Link};
use counterpart::repo::cbor as write;
use counterpart::repo::record::{BlobForm, Odd, scan};
use proptest::prelude::*;

use super::record;

/// A value as it is written, keys in the order given.
enum Value<'a> {
    Text(&'a str),
    Integer(u64),
    Link(Cid),
    Array(Vec<Value<'a>>),
    Map(Vec<(&'a str, Value<'a>)>),
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write::write_text(text, out),
            Self::Integer(value) => write::write_head(write::UNSIGNED, *value, out),
            Self::Link(cid) => write::write_cid(*cid, out),
            Self::Array(values) => {
                write::write_head(write::ARRAY, values.len() as u64, out);
                values.iter().for_each(|value| value.write(out));
            }
            Self::Map(entries) => {
                write::write_head(write::MAP, entries.len() as u64, out);
                for (key, value) in entries {
                    write::write_text(key, out);
                    value.write(out);
                }
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

fn picture() -> Cid {
    Cid::of_raw(b"a picture")
}

fn typed_blob<'a>() -> Value<'a> {
    Value::Map(vec![
        ("ref", Value::Link(picture())),
        ("size", Value::Integer(9)),
        ("$type", Value::Text("blob")),
        ("mimeType", Value::Text("image/png")),
    ])
}

#[test]
fn blobs_are_found_wherever_they_are() {
    let record = Value::Map(vec![
        ("avatar", typed_blob()),
        ("images", Value::Array(vec![Value::Map(vec![("image", typed_blob())]), typed_blob()])),
    ])
    .bytes();
    let scan = scan(&record);
    assert_eq!(scan.odd, None);
    assert_eq!(scan.blobs.len(), 3);
    for blob in scan.blobs {
        assert_eq!(blob.link, Link::from(picture()));
        assert_eq!((blob.mime_type, blob.size, blob.form), (Some("image/png"), Some(9), BlobForm::Typed));
    }
}

#[test]
fn blobs_from_before_they_had_a_type_are_found() {
    let cid = picture().to_string();
    let legacy = |extra: Option<(&'static str, Value<'static>)>| {
        let mut entries = vec![("cid", Value::Text(&cid)), ("mimeType", Value::Text("image/png"))];
        entries.extend(extra);
        Value::Map(vec![("image", Value::Map(entries))]).bytes()
    };
    let bytes = legacy(None);
    let found = scan(&bytes);
    assert_eq!((found.blobs.len(), found.blobs[0].form), (1, BlobForm::Legacy));
    assert_eq!(found.blobs[0].link.as_cid(), Some(picture()));
    // With anything beside these two it is something else.
    assert!(scan(&legacy(Some(("mimeTypes", Value::Integer(1))))).blobs.is_empty());
}

#[test]
fn what_only_looks_like_a_blob_is_none() {
    let strong_ref = Value::Map(vec![("cid", Value::Text("bafyrei")), ("uri", Value::Text("at://x"))]);
    let link_only = Value::Map(vec![("ref", Value::Link(picture())), ("mimeType", Value::Text("image/png"))]);
    let no_link = Value::Map(vec![("ref", Value::Text("x")), ("$type", Value::Text("blob"))]);
    let bad_cid = Value::Map(vec![("cid", Value::Text("no cid")), ("mimeType", Value::Text("image/png"))]);
    let record = Value::Map(vec![("a", Value::Array(vec![strong_ref, link_only, no_link, bad_cid]))]).bytes();
    let scan = scan(&record);
    assert_eq!((scan.odd, scan.blobs.len()), (None, 0));
}

fn odd(bytes: &[u8]) -> &'static str {
    scan(bytes).odd.unwrap().label()
}

#[test]
fn odd_records_are_flagged_for_what_is_odd() {
    assert_eq!(scan(&record("fine")).odd, None);
    assert_eq!(odd(b"\x01"), "record_not_a_map");
    assert_eq!(scan(b"\x80").odd, Some(Odd::NotAMap));
    for (bytes, expected) in [
        (&b""[..], "cbor_truncated"),
        (b"\xa1\x61a\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00", "cbor_float"),
        (b"\xa2\x61b\x01\x61a\x01", "cbor_key_order"),
        (b"\xa2\x62aa\x01\x61b\x01", "cbor_key_order"),
        (b"\xa2\x61a\x01\x61a\x01", "cbor_key_twice"),
        (b"\xa1\x01\x01", "cbor_key_kind"),
        (b"\xa1\x61a\x18\x01", "cbor_not_minimal"),
        (b"\xbf\x61a\x01\xff", "cbor_indefinite"),
        (b"\xa1\x61a\xc1\x01", "cbor_tag"),
        (b"\xa1\x61a\xd8\x2a\x41\x01", "cbor_link_prefix"),
        (b"\xa1\x61a\xd8\x2a\x42\x00\x01", "cbor_link"),
        (b"\xa1\x61a\xf7", "cbor_simple"),
        (b"\xa1\x61a\x61\xff", "cbor_utf8"),
        (b"\xa1\x61a\x01\x00", "cbor_trailing"),
        (b"\xa1\x61a\xff", "cbor_indefinite"),
        (b"\xa1\x61a\x1c", "cbor_reserved"),
    ] {
        assert_eq!(odd(bytes), expected, "{bytes:02x?}");
    }
}

#[test]
fn an_oddity_does_not_hide_the_blobs_beside_it() {
    let mut before = b"\xa2\x61b\x18\x01\x61a".to_vec();
    typed_blob().write(&mut before);
    let found = scan(&before);
    assert_eq!((found.odd.unwrap().label(), found.blobs.len()), ("cbor_not_minimal", 1));
    let mut indefinite = b"\xbf\x61a\x9f".to_vec();
    typed_blob().write(&mut indefinite);
    indefinite.extend_from_slice(b"\xff\xff");
    assert_eq!(scan(&indefinite).blobs.len(), 1);
}

#[test]
fn nesting_has_an_end_and_costs_no_stack() {
    let nested = |depth: usize| [&b"\xa1\x61a"[..], &vec![0x81; depth], &[0x01]].concat();
    assert_eq!(scan(&nested(63)).odd, None);
    assert_eq!(odd(&nested(64)), "cbor_depth");
    assert_eq!(odd(&nested(1_000_000)), "cbor_depth");
}

proptest! {
    /// The same bytes, judged by the library everybody uses.
    #[test]
    fn records_are_canonical_when_another_reader_takes_them(
        mut bytes in prop::sample::select(samples()),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let theirs = serde_ipld_dagcbor::from_slice::<ipld_core::ipld::Ipld>(&bytes);
        let ours = scan(&bytes).odd;
        // They read floats, and CIDs of any length within a link; else we agree.
        match (&theirs, ours) {
            (Ok(_), Some(Odd::Cbor(fault))) => prop_assert!(
                ["cbor_float", "cbor_link", "cbor_utf8"].contains(&fault.label()),
                "we: {}, they take {:02x?}", fault, bytes
            ),
            (Err(error), None) => prop_assert!(false, "we take {:02x?}, they: {}", bytes, error),
            _ => {}
        }
    }

    #[test]
    fn a_scan_ends_whatever_it_is_given(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = scan(&bytes);
    }
}

fn samples() -> Vec<Vec<u8>> {
    let avatar = Value::Map(vec![("avatar", typed_blob()), ("displayName", Value::Text("alice"))]);
    let numbers = Value::Array((0..30).map(|n| Value::Integer(n * 1_000_003)).collect());
    vec![record("a note"), avatar.bytes(), Value::Map(vec![("a", numbers)]).bytes()]
}
