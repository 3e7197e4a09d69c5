//! Commands that work on files alone: verify and inspect, as a person types
//! them and as a script reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use counterpart::atproto::{Cid, Curve, Did, RecordPath, SigningKey, Tid};
use counterpart::repo::author::{Authored, RecordMap, author};
use counterpart::repo::frame::{AccountMessage, Frame, encode};
use serde_json::{Value, json};

use crate::node::child::{run, said};

const ALICE: &str = "did:plc:aliceaaaaaaaaaaaaaaaaaaa";
const TIME: &str = "2026-01-01T00:00:00.000Z";

struct Desk {
    directory: tempfile::TempDir,
    key: SigningKey,
    did: Did,
}

impl Desk {
    fn new() -> Self {
        let key = SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
        Self { directory: tempfile::tempdir().unwrap(), key, did: Did::parse(ALICE).unwrap() }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn repo(&self, at: u64, records: &RecordMap) -> Authored {
        let rev = Tid::from_micros_and_clock_id(1_700_000_000_000_000 + at, 0).unwrap();
        author(&self.did, rev, records, &self.key)
    }

    fn save(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(self.path(), arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)))
    }
}

fn records(texts: &[(&str, &str)]) -> RecordMap {
    let record = |text: &str| {
        // A blob reference in the modern form, so that it is counted.
        let blob = ipld_core::ipld!({ "$type": "blob", "mimeType": "text/plain", "ref": cid::Cid::from(Cid::of_raw(text.as_bytes())), "size": 3 });
        let record = ipld_core::ipld!({ "$type": "com.example.note", "text": text, "file": blob });
        serde_ipld_dagcbor::to_vec(&record).unwrap()
    };
    texts.iter().map(|(path, text)| (RecordPath::parse(path).unwrap(), record(text))).collect()
}

fn some() -> RecordMap {
    records(&[
        ("com.example.note/a", "one"),
        ("com.example.note/b", "two"),
        ("com.other.thing/self", "three"),
    ])
}

#[test]
fn a_good_copy_is_valid_and_what_was_not_checked_is_said() {
    let desk = Desk::new();
    desk.save("repo.car", &desk.repo(0, &some()).car());
    let key = desk.key.public().to_string();

    let all = desk.json(&["verify", "repo.car", "--did", ALICE, "--key", &key, "--json"]);
    assert_eq!(
        (&all["valid"], &all["repo"]["records"], &all["repo"]["blobs"]),
        (&json!(true), &json!(3), &json!(3))
    );
    assert_eq!(all["repo"]["signedBy"], key);
    assert!(!all["notChecked"].to_string().contains("signature"), "{all}");

    let bare = desk.run(&["verify", "repo.car"]);
    assert!(bare.status.success(), "{}", said(&bare));
    let text = String::from_utf8(bare.stdout).unwrap();
    assert!(text.starts_with("valid, as far as was checked\n"), "{text}");
    let (_, not_checked) = text.split_once("not checked:").unwrap();
    assert!(not_checked.contains("the signature") && not_checked.contains("whose it is"), "{text}");
}

#[test]
fn a_bad_copy_is_invalid_by_the_name_of_its_fault() {
    let desk = Desk::new();
    let car = desk.repo(0, &some()).car();
    desk.save("repo.car", &car);
    let mut flipped = car.clone();
    *flipped.last_mut().unwrap() ^= 1;
    desk.save("flipped.car", &flipped);
    desk.save("cut.car", &car[..car.len() - 1]);
    desk.save("noise.car", b"\x00\x01\x02 not a CAR at all");
    desk.save("empty.car", b"");
    let stranger = SigningKey::from_bytes(Curve::K256, &[8; 32]).unwrap().public().to_string();
    let cases: [(&[&str], &str); 6] = [
        (&["flipped.car"], "hash"),
        (&["cut.car"], "cut_in_block"),
        (&["noise.car"], "car_"),
        (&["empty.car"], "car_cut_in_header"),
        (&["repo.car", "--key", &stranger], "signature"),
        (&["repo.car", "--did", "did:plc:bobbbbbbbbbbbbbbbbbbbbbb"], "wrong_did"),
    ];
    for (arguments, label) in cases {
        let json = desk.run(&[&["verify"], arguments, &["--json"]].concat());
        assert_eq!(json.status.code(), Some(1), "{arguments:?}");
        let answer: Value = serde_json::from_slice(&json.stdout).unwrap();
        let fault = answer["fault"].as_str().unwrap();
        assert!(answer["valid"] == false && fault.contains(label), "{arguments:?}: {answer}");
        let text = desk.run(&[&["verify"], arguments].concat());
        assert_eq!(text.status.code(), Some(1));
        assert!(said(&text).contains(fault), "{}", said(&text));
    }
}

#[test]
fn a_question_that_makes_no_sense_is_told_apart_from_a_bad_copy() {
    let desk = Desk::new();
    desk.save("repo.car", &desk.repo(0, &some()).car());
    for arguments in [
        &["verify", "missing.car"][..],
        &["verify", "."],
        &["verify", "repo.car", "--did", "alice"],
        &["verify", "repo.car", "--key", "did:key:z"],
        &["verify"],
        &["inspect", "frames", "missing.frames"],
        &["inspect", "frames", "repo.car", "--did-docs", "repo.car"],
    ] {
        let output = desk.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_copy_is_shown_by_collection() {
    let desk = Desk::new();
    desk.save("repo.car", &desk.repo(0, &some()).car());
    let car = desk.json(&["inspect", "car", "repo.car", "--json"]);
    assert_eq!(car["collections"]["com.example.note"]["records"], 2);
    assert_eq!(car["collections"]["com.other.thing"]["blobs"], 1);
    assert_eq!(car["blobs"].as_array().unwrap().len(), 3);
    let text = String::from_utf8(desk.run(&["inspect", "car", "repo.car"]).stdout).unwrap();
    assert!(text.contains("com.example.note: 2 records"), "{text}");
}

#[test]
fn two_copies_differ_by_what_happened_between_them() {
    let desk = Desk::new();
    let mut later = some();
    later.remove(&RecordPath::parse("com.example.note/a").unwrap());
    later.extend(records(&[("com.example.note/b", "changed"), ("com.example.note/c", "new")]));
    desk.save("old.car", &desk.repo(0, &some()).car());
    desk.save("new.car", &desk.repo(1, &later).car());
    let diff = desk.json(&["inspect", "diff", "old.car", "new.car", "--json"]);
    let changes: BTreeMap<_, _> = diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["path"].as_str().unwrap(), change["action"].as_str().unwrap()))
        .collect();
    let expected = [
        ("com.example.note/a", "delete"),
        ("com.example.note/b", "update"),
        ("com.example.note/c", "create"),
    ];
    assert_eq!(changes, BTreeMap::from(expected));
    let text = String::from_utf8(desk.run(&["inspect", "diff", "old.car", "old.car"]).stdout).unwrap();
    assert!(text.starts_with("0 created, 0 updated, 0 deleted"), "{text}");
}

/// A recording: a commit, the next one, that one again with another tree
/// claimed before it, a status, and noise.
fn recording(desk: &Desk) -> Vec<u8> {
    let texts: [&[(&str, &str)]; 3] = [
        &[("com.example.note/a", "one")],
        &[("com.example.note/a", "one"), ("com.example.note/b", "two")],
        &[("com.example.note/b", "two"), ("com.example.note/c", "three")],
    ];
    let repos: Vec<_> =
        texts.iter().enumerate().map(|(at, texts)| desk.repo(at as u64, &records(texts))).collect();
    let first = repos[1].announce(&repos[0]);
    let second = repos[2].announce(&repos[1]);
    let mut forged = second.clone();
    forged.prev_data = repos[0].commit.data;
    let account = AccountMessage {
        seq: 4,
        did: desk.did.clone(),
        time: TIME,
        active: false,
        status: Some("deactivated"),
    };
    let frames = [
        encode(&Frame::Commit(first.message(1, TIME))),
        encode(&Frame::Commit(forged.message(2, TIME))),
        encode(&Frame::Account(account)),
        b"noise".to_vec(),
        encode(&Frame::Commit(second.message(5, TIME))),
    ];
    frames.iter().flat_map(|frame| [&(frame.len() as u32).to_le_bytes(), frame.as_slice()].concat()).collect()
}

#[test]
fn a_recorded_firehose_is_told_message_by_message_with_its_proof() {
    let desk = Desk::new();
    let recording = recording(&desk);
    desk.save("frames", &recording);
    let document = json!({ ALICE: {
        "id": ALICE,
        "verificationMethod": [{ "id": "#atproto", "type": "Multikey", "controller": ALICE, "publicKeyMultibase": desk.key.public().to_multikey() }],
    }});
    desk.save("docs.json", document.to_string().as_bytes());
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let output = desk.run(arguments);
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let told = lines(&["inspect", "frames", "frames", "--did-docs", "docs.json"]);
    assert_eq!((&told[0]["verdict"], &told[0]["before"]), (&json!("verified"), &json!("as stated")));
    assert_eq!(told[0]["ops"], json!([{ "action": "create", "path": "com.example.note/b" }]));
    assert_eq!(told[1]["fault"], "gap_prev_data", "{}", told[1]);
    assert_eq!((&told[2]["kind"], &told[2]["status"]), (&json!("account"), &json!("deactivated")));
    assert!(told[3]["fault"].as_str().unwrap().starts_with("frame_"), "{}", told[3]);
    assert_eq!(told[4]["fault"], "commit_duplicate", "its head was signed once already: {}", told[4]);

    let unknown = lines(&["inspect", "frames", "frames"]);
    assert_eq!(unknown[0]["fault"], "no_key");

    desk.save("cut", &recording[..recording.len() - 1]);
    let cut = desk.run(&["inspect", "frames", "cut"]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(said(&cut).contains("cut ends inside frame 5"), "{}", said(&cut));
    desk.save("huge", &[0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    assert!(said(&desk.run(&["inspect", "frames", "huge"])).contains("would have 4294967295 bytes"));
}
