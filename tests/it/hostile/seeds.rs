//! Where the fuzzers of `fuzz/` begin: a few good inputs of each kind, and the
//! promise that they still are what the library makes. `UPDATE=1` writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use counterpart::atproto::Handle;
use counterpart::repo::author::author;
use counterpart::repo::frame::{AccountMessage, Frame, IdentityMessage, InfoMessage, encode};

use super::bytes::busy_car;
use super::forge::{shuffled, tree};
use super::messages::TIME;
use super::odd_records;
use crate::repo::{alice, authored, numbered, numbered_path, path, record, rev, signing_key};

/// By target and name.
type Seeds = BTreeMap<(&'static str, String), Vec<u8>>;

fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut add = |target, name: &str, bytes: Vec<u8>| {
        assert!(seeds.insert((target, name.to_owned()), bytes).is_none(), "two seeds are called {name}");
    };
    let repo = authored(&numbered(24));
    add("car", "empty", authored(&numbered(0)).car());
    add("car", "one", authored(&numbered(1)).car());
    add("car", "canonical", repo.car());
    add("car", "shuffled", shuffled(&authored(&numbered(12)).car(), 3));
    add("car", "busy", busy_car(&numbered(4)));

    let mut root = tree(&repo);
    add("node", "root", root.value().bytes());
    add("node", "leaf", root.leaf().value().bytes());
    add("node", "empty", repo_of_none());

    add("commit", "few", commit_frame(&[(3, "changed"), (30, "new")], &[5]));
    add("commit", "first_and_last", commit_frame(&[(24, "new")], &[0]));
    add("commit", "none", commit_frame(&[], &[]));
    // Programs of edits and lies: how many edits, then pairs of a place and a text, of a lie and its subject.
    add("commit", "edits", vec![4, 3, 9, 30, 1, 5, 0, 77, 2]);
    add("commit", "lies", vec![2, 3, 9, 30, 1, 0, 1, 9, 3, 2, 7]);

    add("frame", "commit", commit_frame(&[(3, "changed")], &[]));
    for (name, frame) in frames() {
        add("frame", name, encode(&frame));
    }
    add("frame", "sync", encode(&Frame::Sync(repo.sync_message(9, TIME, &repo.commit_car()))));

    for (name, bytes) in odd_records::samples() {
        add("record", name, bytes);
    }
    seeds
}

fn repo_of_none() -> Vec<u8> {
    super::forge::RawNode::default().value().bytes()
}

/// A commit to the 24 notes with which the fuzzer's account begins.
fn commit_frame(put: &[(usize, &str)], removed: &[usize]) -> Vec<u8> {
    let before = numbered(24);
    let mut after = before.clone();
    put.iter().for_each(|(n, text)| drop(after.insert(numbered_path(*n), record(text))));
    removed.iter().for_each(|n| drop(after.remove(&numbered_path(*n))));
    let (before, after) = (authored(&before), author(&alice(), rev(2), &after, &signing_key()));
    encode(&Frame::Commit(after.announce(&before).message(7, TIME)))
}

fn frames() -> Vec<(&'static str, Frame<'static>)> {
    let handle = Some(Handle::parse("alice.test").unwrap());
    let info = InfoMessage { name: "OutdatedCursor", message: Some("too old") };
    vec![
        ("identity", Frame::Identity(IdentityMessage { seq: 2, did: alice(), time: TIME, handle })),
        (
            "account",
            Frame::Account(AccountMessage {
                seq: 3,
                did: alice(),
                time: TIME,
                active: false,
                status: Some("gone"),
            }),
        ),
        ("info", Frame::Info(info)),
        ("error", Frame::Error { error: "FutureCursor", message: None }),
        ("unknown", Frame::Unknown { op: 1, kind: Some("#label"), seq: Some(9) }),
    ]
}

#[test]
fn the_seeds_of_the_fuzzers_are_what_the_library_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let seeds = seeds();
    if std::env::var("UPDATE").is_ok() {
        fs::remove_dir_all(&folder).ok();
        for ((target, name), bytes) in &seeds {
            fs::create_dir_all(folder.join(target)).unwrap();
            fs::write(folder.join(target).join(name), bytes).unwrap();
        }
    }
    let mut found = 0;
    for target in fs::read_dir(&folder).unwrap() {
        found += fs::read_dir(target.unwrap().path()).unwrap().count();
    }
    for ((target, name), bytes) in &seeds {
        let kept = fs::read(folder.join(target).join(name)).unwrap_or_default();
        assert!(kept == *bytes, "fuzz/seeds/{target}/{name} is another one: UPDATE=1 writes it");
    }
    assert_eq!(found, seeds.len(), "there are seeds that nothing makes");
    let bytes: usize = seeds.values().map(Vec::len).sum();
    assert!(bytes < 48 << 10, "the seeds have {bytes} bytes");
}

/// The targets change these, and know the account only by heart.
#[test]
fn the_seeds_are_of_the_account_that_the_fuzzers_know() {
    let known = include_str!("../../../fuzz/src/lib.rs");
    assert!(known.contains(&format!("\"{}\"", alice())), "it is another account");
    assert!(known.contains("Curve::K256, &[7; 32]"), "it has another key");
    assert_eq!(path("com.example.note/000023"), numbered_path(23));
}
