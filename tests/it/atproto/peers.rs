//! An independent implementation of the same specifications agrees with ours,
//! but for the differences that are named here with their reason.

use atrium_api::types::string as atrium;
use counterpart::atproto::{AtUri, Authority, Cid, Did, Handle, Nsid, RecordPath, Rkey, Tid};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};

const SEEDS: &[&str] = &[
    "did:plc:abcdefghijklmnopqrstuvwx",
    "did:web:pds.test",
    "did:method:val%BB:two",
    "alice.test",
    "xn--ls8h.a-b.test",
    "8.cn",
    "com.example.fooBar",
    "a-0.b-1.c",
    "cn.8.lex.stuff",
    "3jzfcijpj2z2a",
    "2222222222222",
    "self",
    "~1.2-3_:",
    "com.example.thing/self",
    "at://alice.test/com.example.thing/self",
    "at://did:plc:abcdefghijklmnopqrstuvwx/com.example.thing/3jzfcijpj2z2a",
    "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
];
const STRANGE: &[char] = &[
    'a', 'z', 'A', 'j', 'k', '0', '1', '2', '9', '.', '-', '_', ':', '~', '%', '/', '#', '?', '@', '+', ' ',
    '\n', '\0', 'é',
];

fn letters(alphabet: &'static [char]) -> impl Strategy<Value = char> {
    select(alphabet)
}

/// A valid identifier with a few letters replaced, added or taken away.
fn nearly_valid() -> impl Strategy<Value = String> {
    let edit = (any::<Index>(), 0..4, letters(STRANGE));
    (select(SEEDS), proptest::collection::vec(edit, 0..4)).prop_map(|(seed, edits)| {
        let mut letters: Vec<char> = seed.chars().collect();
        for (place, kind, letter) in edits {
            let at = place.index(letters.len() + 1);
            match kind {
                0 if at < letters.len() => letters[at] = letter,
                1 if at < letters.len() => drop(letters.remove(at)),
                2 => letters.truncate(at),
                _ => letters.insert(at, letter),
            }
        }
        letters.into_iter().collect()
    })
}

fn any_text() -> impl Strategy<Value = String> {
    let composed = proptest::collection::vec(letters(STRANGE), 0..30).prop_map(String::from_iter);
    prop_oneof![6 => nearly_valid(), 2 => composed, 1 => "\\PC{0,30}"]
}

fn theirs_takes_path(text: &str) -> bool {
    match text.split('/').collect::<Vec<_>>()[..] {
        [collection, rkey] => {
            collection.parse::<atrium::Nsid>().is_ok() && rkey.parse::<atrium::RecordKey>().is_ok()
        }
        _ => false,
    }
}

/// They have no AT-URI, so one is made of their parts.
fn theirs_takes_uri(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("at://") else {
        return false;
    };
    match rest.split_once('/') {
        None => rest.parse::<atrium::AtIdentifier>().is_ok(),
        Some((authority, path)) => {
            let path = path.parse::<atrium::Nsid>().is_ok() || theirs_takes_path(path);
            path && authority.parse::<atrium::AtIdentifier>().is_ok()
        }
    }
}

fn assert_agreement(text: &str) {
    assert_eq!(Did::parse(text).is_ok(), text.parse::<atrium::Did>().is_ok(), "DID {text:?}");
    assert_eq!(Handle::parse(text).is_ok(), text.parse::<atrium::Handle>().is_ok(), "handle {text:?}");
    assert_eq!(Nsid::parse(text).is_ok(), text.parse::<atrium::Nsid>().is_ok(), "NSID {text:?}");
    assert_eq!(Rkey::parse(text).is_ok(), text.parse::<atrium::RecordKey>().is_ok(), "record key {text:?}");
    assert_eq!(Tid::parse(text).is_ok(), text.parse::<atrium::Tid>().is_ok(), "TID {text:?}");
    assert_eq!(Authority::parse(text).is_ok(), text.parse::<atrium::AtIdentifier>().is_ok(), "{text:?}");
    assert_eq!(RecordPath::parse(text).is_ok(), theirs_takes_path(text), "record path {text:?}");
    assert_eq!(AtUri::parse(text).is_ok(), theirs_takes_uri(text), "AT-URI {text:?}");
}

#[test]
fn atrium_agrees_on_the_seeds_and_on_every_single_edit_of_them() {
    let mut compared = 0;
    for seed in SEEDS {
        assert_agreement(seed);
        for at in 0..=seed.len() {
            let (before, after) = seed.split_at(at);
            assert_agreement(before);
            assert_agreement(after);
            for letter in STRANGE {
                assert_agreement(&format!("{before}{letter}{after}"));
                assert_agreement(&format!("{before}{letter}{}", after.get(1..).unwrap_or("")));
                compared += 2;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn atrium_differs_where_it_is_listed_here() {
    // A handle has no case: the specification asks for it to be kept in lower case; they keep what they were given.
    assert_eq!(Handle::parse("Alice.Test").unwrap().as_str(), "alice.test");
    assert_eq!("Alice.Test".parse::<atrium::Handle>().unwrap().as_str(), "Alice.Test");

    // An NSID's authority is a domain name of at most 253 bytes; they look at the whole, at most 317.
    let mut authority = ("a".repeat(63) + ".").repeat(5);
    authority.truncate(254);
    let long = format!("{authority}.foo");
    assert_eq!(Nsid::parse(&long).unwrap_err().label(), "syntax_too_long");
    assert!(long.parse::<atrium::Nsid>().is_ok());

    // The data model allows one kind of CID in one encoding; they take every kind in every base.
    let version_0 = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";
    assert!(Cid::parse(version_0).is_err() && version_0.parse::<atrium::Cid>().is_ok());
    let base58 = multibase::encode(multibase::Base::Base58Btc, Cid::of_raw(b"").to_bytes());
    assert!(Cid::parse(&base58).is_err() && base58.parse::<atrium::Cid>().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn atrium_agrees_on_any_text(text in any_text()) {
        assert_agreement(&text);
    }

    #[test]
    fn atrium_reads_the_cids_we_take_as_the_same(text in nearly_valid()) {
        if let Ok(ours) = Cid::parse(&text) {
            let theirs: atrium::Cid = text.parse().unwrap();
            prop_assert_eq!(theirs.as_ref(), &cid::Cid::from(ours));
        }
    }
}
