//! A frame of a firehose: what is read of it is what is read of it after it
//! was written anew, and its place on the stream is the one that any reader of
//! CBOR finds.

#![no_main]

use counterpart::repo::frame::{Frame, decode, encode};
use counterpart_fuzz::Tally;
use ipld_core::ipld::Ipld;
use libfuzzer_sys::fuzz_target;

static TALLY: Tally = Tally::new("frame");

fuzz_target!(|bytes: &[u8]| {
    let read = decode(bytes);
    TALLY.count(matches!(&read, Ok(frame) if !matches!(frame, Frame::Malformed { .. })));
    let frame = match read {
        Ok(frame) => frame,
        Err(fault) => {
            assert!(!fault.to_string().is_empty());
            return;
        }
    };
    match &frame {
        Frame::Malformed { fault, .. } => assert!(!fault.to_string().is_empty()),
        frame => {
            let written = encode(frame);
            assert_eq!(decode(&written).as_ref(), Ok(frame), "written anew it is another one");
            assert_eq!(encode(frame), written);
        }
    }
    if let Some(payload) = payload(bytes)
        && let Some(seq) = frame.seq()
    {
        assert_eq!(payload, Some(i128::from(seq)), "others find another seq");
    }
    // Nothing that is cut is a frame, and nothing that goes on is.
    let shorter = bytes.len() * 3 / 4;
    assert!(decode(&bytes[..shorter]).is_err(), "a part of it is a frame");
    assert!(decode(&[bytes, &[0xf6]].concat()).is_err(), "it is one with more at its end");
});

/// The `seq` that another reader finds; none if it takes no part in this.
fn payload(bytes: &[u8]) -> Option<Option<i128>> {
    let mut rest = std::io::Cursor::new(bytes);
    let _header: Ipld = serde_ipld_dagcbor::de::from_reader_once(&mut rest).ok()?;
    match serde_ipld_dagcbor::de::from_reader_once(&mut rest).ok()? {
        Ipld::Map(fields) => match fields.get("seq") {
            Some(Ipld::Integer(seq)) => Some(Some(*seq)),
            _ => Some(None),
        },
        _ => None,
    }
}
