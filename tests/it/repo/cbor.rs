//! The strict reader, rule by rule.

use counterpart::repo::cbor::{self, CborFault, Reader};
use proptest::prelude::*;

fn skipped(bytes: &[u8]) -> Result<(), CborFault> {
    let mut reader = Reader::new(bytes);
    reader.skip()?;
    reader.finish()
}

fn label(bytes: &[u8]) -> &'static str {
    skipped(bytes).unwrap_err().label()
}

#[test]
fn what_is_not_minimal_is_refused_at_every_width() {
    for bytes in [
        &b"\x18\x17"[..],
        b"\x19\x00\xff",
        b"\x1a\x00\x00\xff\xff",
        b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x38\x17",
        b"\x58\x01x",
        b"\x78\x01x",
        b"\x98\x00",
        b"\xb8\x00",
        b"\xd9\x00\x2a\x41\x00",
    ] {
        assert_eq!(label(bytes), "cbor_not_minimal", "{bytes:02x?}");
    }
}

#[test]
fn each_kind_of_item_that_is_not_ours_has_its_own_fault() {
    for (bytes, expected) in [
        (&b""[..], "cbor_truncated"),
        (b"\x43ab", "cbor_truncated"),
        (b"\x82\x01", "cbor_truncated"),
        (b"\xa1\x61a", "cbor_truncated"),
        (b"\x19\x01", "cbor_truncated"),
        (b"\x5f\x41a\xff", "cbor_indefinite"),
        (b"\x9f\xff", "cbor_indefinite"),
        (b"\xbf\xff", "cbor_indefinite"),
        (b"\xff", "cbor_indefinite"),
        (b"\x1c", "cbor_reserved"),
        (b"\xf9\x00\x00", "cbor_float"),
        (b"\xfa\x00\x00\x00\x00", "cbor_float"),
        (b"\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00", "cbor_float"),
        (b"\xf7", "cbor_simple"),
        (b"\xe0", "cbor_simple"),
        (b"\xf8\x20", "cbor_simple"),
        (b"\x61\xff", "cbor_utf8"),
        (b"\xc0\x61a", "cbor_tag"),
        (b"\x01\x01", "cbor_trailing"),
    ] {
        assert_eq!(label(bytes), expected, "{bytes:02x?}");
    }
}

#[test]
fn depth_has_an_end_and_costs_no_stack() {
    let nested = |depth: usize| [&vec![0x81; depth][..], &[0xf6]].concat();
    assert_eq!(skipped(&nested(63)), Ok(()));
    assert_eq!(label(&nested(64)), "cbor_depth");
    assert_eq!(label(&nested(1_000_000)), "cbor_depth");
}

#[test]
fn declared_lengths_are_not_believed() {
    for bytes in [&b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
        assert_eq!(label(bytes), "cbor_truncated");
    }
    assert_eq!(label(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"), "cbor_truncated");
}

#[test]
fn integers_outside_64_signed_bits_are_not_read() {
    assert_eq!(Reader::new(b"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff").integer(), Ok(i64::MAX));
    assert_eq!(Reader::new(b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff").integer(), Ok(i64::MIN));
    assert!(Reader::new(b"\x1b\x80\x00\x00\x00\x00\x00\x00\x00").integer().is_err());
    assert!(Reader::new(b"\x3b\x80\x00\x00\x00\x00\x00\x00\x00").integer().is_err());
}

proptest! {
    #[test]
    fn heads_are_read_as_they_were_written(major in 0..7_u8, value: u64) {
        let mut out = Vec::new();
        cbor::write_head(major, value, &mut out);
        let mut reader = Reader::new(&out);
        prop_assert_eq!(reader.head(), Ok((major, value)));
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn the_reader_never_fails_otherwise_than_by_saying_so(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = skipped(&bytes);
        let mut reader = Reader::new(&bytes);
        let _ = reader.cid();
        let _ = reader.integer();
        let _ = reader.text();
    }
}
