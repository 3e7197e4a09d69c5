//! Frames: read as written, refused as a whole, or malformed in one message.

use counterpart::atproto::{Cid, Handle};
use counterpart::repo::cbor as write;
use counterpart::repo::frame::{
    AccountMessage, Action, CommitMessage, Frame, FrameFault, IdentityMessage, InfoMessage, Op, SyncMessage,
    decode, encode,
};
use proptest::prelude::*;

use super::{alice, rev};

const TIME: &str = "2024-01-01T00:00:00.000Z";

fn commit() -> CommitMessage<'static> {
    let cid = Cid::of_dag_cbor(b"\xa0");
    let op = |action, cid, prev| Op { action, path: "com.example.note/a", cid, prev };
    CommitMessage {
        seq: 77,
        repo: alice(),
        time: TIME,
        rev: rev(2),
        since: Some(rev(1)),
        commit: cid,
        too_big: false,
        blocks: b"blocks",
        ops: vec![
            op(Action::Create, Some(cid), None),
            op(Action::Update, Some(cid), Some(cid)),
            op(Action::Delete, None, Some(cid)),
        ],
        prev_data: Some(cid),
    }
}

fn frames() -> Vec<Frame<'static>> {
    let account = |active, status| AccountMessage { seq: 3, did: alice(), time: TIME, active, status };
    let identity = |handle| IdentityMessage { seq: 2, did: alice(), time: TIME, handle };
    vec![
        Frame::Commit(commit()),
        Frame::Commit(CommitMessage { since: None, prev_data: None, too_big: true, ops: vec![], ..commit() }),
        Frame::Sync(SyncMessage { seq: 1, did: alice(), time: TIME, rev: rev(1), blocks: b"x" }),
        Frame::Identity(identity(None)),
        Frame::Identity(identity(Some(Handle::parse("alice.test").unwrap()))),
        Frame::Account(account(true, None)),
        Frame::Account(account(false, Some("a status of the future"))),
        Frame::Info(InfoMessage { name: "OutdatedCursor", message: Some("too old") }),
        Frame::Error { error: "FutureCursor", message: None },
        Frame::Unknown { op: 1, kind: Some("#label"), seq: Some(9) },
        Frame::Unknown { op: 2, kind: None, seq: None },
    ]
}

#[test]
fn every_kind_is_read_as_it_was_written() {
    for frame in frames() {
        assert_eq!(decode(&encode(&frame)), Ok(frame));
    }
}

#[test]
fn a_frame_that_is_cut_anywhere_is_none() {
    for frame in frames() {
        let bytes = encode(&frame);
        for end in 0..bytes.len() {
            let fault = decode(&bytes[..end]).unwrap_err();
            assert!(matches!(fault, FrameFault::Header(_) | FrameFault::Payload(_)), "{fault}");
        }
        let more = [&bytes[..], &[0xf6]].concat();
        assert_eq!(decode(&more), Err(FrameFault::Trailing { length: 1 }));
    }
}

#[test]
fn what_is_no_frame_ends_the_connection() {
    for (bytes, label) in [
        (&b""[..], "frame_header"),
        (b"\x01\xa0", "frame_header"),
        (b"\xa1\x61t\x67#commit\xa0", "frame_no_op"),
        (b"\xa1\x62op\x01\xa0", "frame_no_kind"),
        (b"\xa2\x62op\x01\x62op\x01\xa0", "frame_header"),
        (b"\xa2\x61t\x67#commit\x62op\x18\x01\xa0", "frame_header"),
        (b"\xa2\x61t\x67#commit\x62op\x01\xbf\xff", "frame_payload"),
        (b"\xa2\x61t\x67#commit\x62op\x01\xa1\x61a\xfb\x00\x00\x00\x00\x00\x00\x00\x00", "frame_payload"),
    ] {
        assert_eq!(decode(bytes).unwrap_err().label(), label, "{bytes:02x?}");
    }
    assert_eq!(decode(&vec![0; 5_000_001]), Err(FrameFault::TooLarge { length: 5_000_001 }));
}

#[test]
fn keys_in_another_order_and_fields_of_the_future_are_no_fault() {
    let mut bytes = b"\xa3\x62op\x01\x61t\x65#info\x66future\x80".to_vec();
    bytes.extend_from_slice(b"\xa2\x66future\xa1\x61x\xf6\x64name\x61n");
    assert_eq!(decode(&bytes), Ok(Frame::Info(InfoMessage { name: "n", message: None })));
}

/// A commit with one field replaced, or left out.
fn with_field(name: &str, value: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = encode(&Frame::Commit(commit()));
    let mut key = Vec::new();
    write::write_text(name, &mut key);
    let at = bytes.windows(key.len()).rposition(|window| window == key).unwrap();
    let start = at + key.len();
    let mut reader = counterpart::repo::cbor::Reader::new(&bytes[start..]);
    reader.skip().unwrap();
    let end = start + reader.at();
    match value {
        Some(value) => drop(bytes.splice(start..end, value.iter().copied())),
        // Renamed: what is not understood is not there.
        None => bytes[at + 1] = b'X',
    }
    bytes
}

#[test]
fn a_message_that_breaks_its_schema_is_lost_alone_and_its_seq_is_known() {
    for (name, value, label) in [
        ("repo", None, "message_field_missing"),
        ("rev", None, "message_field_missing"),
        ("blocks", None, "message_field_missing"),
        ("ops", None, "message_field_missing"),
        ("repo", Some(&b"\x01"[..]), "message_field_type"),
        ("repo", Some(b"\x63did"), "message_field_syntax"),
        ("rev", Some(b"\x63abc"), "message_field_syntax"),
        ("since", Some(b"\x63abc"), "message_field_syntax"),
        ("commit", Some(b"\xf6"), "message_field_type"),
        ("blocks", Some(b"\x61x"), "message_field_type"),
        ("ops", Some(b"\x81\xa1\x66action\x66create"), "message_field_missing"),
        ("ops", Some(b"\x81\xa2\x66action\x66create\x64path\x61x"), "message_field_syntax"),
        ("ops", Some(b"\x81\xa2\x66action\x64move\x64path\x75com.example.note/aaaa"), "message_action"),
        ("ops", Some(b"\x81\x01"), "message_not_a_map"),
    ] {
        let bytes = with_field(name, value);
        match decode(&bytes) {
            Ok(Frame::Malformed { kind, seq, fault }) => {
                assert_eq!((kind, seq, fault.label()), ("#commit", Some(77), label), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_seq_outside_its_range_is_none() {
    for value in [&b"\x00"[..], b"\x1b\x00\x20\x00\x00\x00\x00\x00\x00", b"\x20"] {
        let bytes = with_field("seq", Some(value));
        match decode(&bytes) {
            Ok(Frame::Malformed { seq, .. }) => assert_eq!(seq, None),
            other => panic!("{other:?}"),
        }
    }
    let greatest = with_field("seq", Some(b"\x1b\x00\x1f\xff\xff\xff\xff\xff\xff"));
    assert_eq!(decode(&greatest).unwrap().seq(), Some((1 << 53) - 1));
}

#[test]
fn a_field_that_is_there_twice_is_not_chosen_from() {
    let bytes = b"\xa2\x61t\x65#info\x62op\x01\xa2\x64name\x61a\x64name\x61b";
    match decode(bytes) {
        Ok(Frame::Malformed { fault, .. }) => assert_eq!(fault.label(), "message_field_twice"),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_frame_with_any_byte_changed_is_judged(which in 0..11_usize, at: prop::sample::Index, byte: u8) {
        let mut bytes = encode(&frames()[which]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&bytes);
    }
}
