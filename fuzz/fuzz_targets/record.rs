//! A record: scanned to its end whatever it is. It has nothing odd exactly if
//! the library everybody uses reads it and writes it as the same bytes, and
//! then the blobs found are those that a recursive search finds.

#![no_main]

use counterpart::atproto::{Cid, Link};
use counterpart::repo::cbor::{CborFault, Reader};
use counterpart::repo::record::{BlobForm, Odd, scan};
use counterpart_fuzz::Tally;
use ipld_core::ipld::Ipld;
use libfuzzer_sys::fuzz_target;

static TALLY: Tally = Tally::new("record");

fuzz_target!(|bytes: &[u8]| {
    let found = scan(bytes);
    let theirs = canonical(bytes);
    TALLY.count(found.odd.is_none());
    match (&found.odd, &theirs) {
        (None, Some(record)) => {
            let mut ours: Vec<_> =
                found.blobs.iter().map(|blob| (blob.link.clone(), blob.form as u8)).collect();
            let mut expected = Vec::new();
            search(record, &mut expected);
            ours.sort();
            expected.sort();
            assert_eq!(ours, expected, "other blobs are found");
        }
        (None, None) => assert!(has_foreign_link(bytes), "we find nothing odd, and they refuse it"),
        (Some(odd), Some(record)) => assert!(is_ours_alone(odd, record), "we find it odd: {odd}"),
        (Some(_), None) => {}
    }
    // The strict reader knows nothing of keys and their order, and no more of the rest.
    let mut reader = Reader::new(bytes);
    let is_whole = reader.skip().and_then(|()| reader.finish()).is_ok();
    match found.odd {
        None | Some(Odd::NotAMap) => {
            assert!(is_whole || has_foreign_link(bytes), "the strict reader refuses it")
        }
        Some(Odd::Cbor(fault)) if is_whole => {
            assert!(is_of_keys_or_links(&fault), "the strict reader takes it: {fault}")
        }
        Some(Odd::Cbor(_)) => {}
    }
});

/// What they read, if they write it as it was.
fn canonical(bytes: &[u8]) -> Option<Ipld> {
    let record: Ipld = serde_ipld_dagcbor::from_slice(bytes).ok()?;
    (serde_ipld_dagcbor::to_vec(&record).ok()? == bytes).then_some(record)
}

/// Their CIDs hold digests of 64 bytes at most. Ours are 100 bytes long at most, all in all.
fn has_foreign_link(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window[..2] == [0xd8, 0x2a] && !matches!(window[2..], [0x58, 0x25]))
}

/// They take floating-point numbers, records that are no maps, and any depth that they have stack for.
fn is_ours_alone(odd: &Odd, record: &Ipld) -> bool {
    match odd {
        Odd::NotAMap => !matches!(record, Ipld::Map(_)),
        Odd::Cbor(fault) => matches!(fault, CborFault::Float { .. } | CborFault::Depth { .. }),
    }
}

const fn is_of_keys_or_links(fault: &CborFault) -> bool {
    use CborFault::{KeyKind, KeyOrder, KeyTwice, Link, LinkPrefix, Tag};
    matches!(
        fault,
        KeyKind { .. } | KeyOrder { .. } | KeyTwice { .. } | Link { .. } | LinkPrefix { .. } | Tag { .. }
    )
}

fn search(value: &Ipld, found: &mut Vec<(Link, u8)>) {
    match value {
        Ipld::List(values) => values.iter().for_each(|value| search(value, found)),
        Ipld::Map(fields) => {
            fields.values().for_each(|value| search(value, found));
            match (fields.get("$type"), fields.get("ref"), fields.get("cid"), fields.get("mimeType")) {
                (Some(Ipld::String(kind)), Some(Ipld::Link(cid)), ..) if kind == "blob" => {
                    let link = Link::from_bytes(&cid.to_bytes()).expect("they read it as a CID");
                    found.push((link, BlobForm::Typed as u8));
                }
                (None, None, Some(Ipld::String(cid)), Some(Ipld::String(_))) if fields.len() == 2 => {
                    found.extend(Cid::parse(cid).map(|cid| (cid.into(), BlobForm::Legacy as u8)));
                }
                _ => {}
            }
        }
        _ => {}
    }
}
