//! That no fault is left out. The labels are read from the sources of the
//! types, so that a new variant is missed here until a case provokes it or it
//! is said why none can.

use std::collections::BTreeSet;

use super::{Way, cases, odd_records};

/// The types whose labels must be provoked, by the files they are in.
const SOURCES: [(&str, &str); 9] = [
    ("repo/fault.rs", include_str!("../../../src/repo/fault.rs")),
    ("repo/cbor.rs", include_str!("../../../src/repo/cbor.rs")),
    ("repo/record.rs", include_str!("../../../src/repo/record.rs")),
    ("repo/mst/node.rs", include_str!("../../../src/repo/mst/node.rs")),
    ("repo/verify/commit.rs", include_str!("../../../src/repo/verify/commit.rs")),
    ("repo/frame/mod.rs", include_str!("../../../src/repo/frame/mod.rs")),
    ("atproto/cid.rs", include_str!("../../../src/atproto/cid.rs")),
    ("atproto/signature.rs", include_str!("../../../src/atproto/signature.rs")),
    ("atproto/syntax.rs", include_str!("../../../src/atproto/syntax.rs")),
];

/// What no bytes from outside can provoke, and why.
const IMPOSSIBLE: [(&str, &str); 6] = [
    ("car_file", "our own file fails, which is no rule that somebody else could break"),
    ("node_too_high", "it takes a key whose SHA-256 begins with 82 zero bits, which nobody has"),
    ("ops_path", "the frame is malformed before its operations are looked at"),
    ("cid_text_length", "CIDs in text are in no CAR and no frame but in legacy blobs, where others are none"),
    ("cid_multibase", "the same"),
    ("cid_base32", "the same"),
];

/// The texts that the `label` functions of a source return.
fn labels_in(source: &str) -> BTreeSet<&str> {
    let mut labels = BTreeSet::new();
    for function in source.split("fn label(").skip(1) {
        let end = function.find("\n    }").expect("a function ends");
        let body = &function[..end];
        assert!(!body.contains("_ =>"), "a label stands for variants that are not named:\n{body}");
        labels.extend(body.split("=> \"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]));
    }
    labels
}

fn provoked() -> BTreeSet<String> {
    let refusals = cases().into_iter().filter_map(|case| case.refusal(Way::Lent));
    let told: Vec<_> = refusals.chain(odd_records::labels()).collect();
    told.iter().flat_map(|told| told.split(": ")).map(str::to_owned).collect()
}

#[test]
fn every_fault_is_provoked_or_it_is_said_why_it_cannot_be() {
    let provoked = provoked();
    let impossible = IMPOSSIBLE.map(|(label, _)| label);
    let mut known = BTreeSet::new();
    for (file, source) in SOURCES {
        let labels = labels_in(source);
        assert!(!labels.is_empty(), "{file} has no labels");
        for label in &labels {
            let (is_provoked, is_impossible) = (provoked.contains(*label), impossible.contains(label));
            assert!(is_provoked || is_impossible, "no case provokes `{label}` of {file}");
            assert!(!(is_provoked && is_impossible), "`{label}` of {file} is possible after all");
        }
        known.extend(labels);
    }
    assert!(known.len() > 100, "only {} labels were found", known.len());
    for label in impossible {
        assert!(known.contains(label), "there is no `{label}` any more");
    }
    for label in &provoked {
        assert!(known.contains(label.as_str()), "`{label}` is of a type that is not listed here");
    }
}
