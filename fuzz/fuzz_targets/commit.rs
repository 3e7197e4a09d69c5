//! A commit of a firehose. If one is believed, then the records before it,
//! changed as it says, have exactly the tree that was signed: what was proven
//! with a few nodes is shown once more with all of them.
//!
//! What begins with a map is a frame, taken as it is and with its hashes made
//! right. Anything else is a list of edits to make in the repository, then of
//! lies to tell about them: without lies the commit must be believed.

#![no_main]

use std::collections::BTreeMap;

use counterpart::atproto::{Cid, RecordPath};
use counterpart::repo::author::{Authored, RecordMap, author};
use counterpart::repo::frame::{Action, CommitMessage, Frame, decode, encode};
use counterpart::repo::verify::{Head, Rejected, Signer, VerifiedCommit, verify_commit};
use counterpart_fuzz::{BEFORE, Tally, alice, keys, mend, now, path, record, rev, signing_key};
use libfuzzer_sys::fuzz_target;

static RAW: Tally = Tally::new("commit as it is");
static MENDED: Tally = Tally::new("commit mended");
static LIES: Tally = Tally::new("commit lied about");

const FIRST_OF_A_FRAME: u8 = 0xa0;
const EDITS_MAX: usize = 24;
const LIES_MAX: usize = 6;

fuzz_target!(
    init: {
        let told = Told::of(&[(3, 9), (30, 1), (5, 0)]);
        let mut frame = told.frame();
        assert!(believed(&frame).is_some(), "a true commit is not believed");
        let at = frame.windows(6).position(|window| window == b"note 9").expect("there is a new record");
        frame[at + 5] = b'x';
        assert!(believed(&frame).is_none() && believed(&mended(&frame).expect("it is a commit")).is_some());
    },
    |bytes: &[u8]| match bytes.first() {
        Some(first) if *first >= FIRST_OF_A_FRAME => {
            RAW.count(believed(bytes).is_some());
            if let Some(frame) = mended(bytes) {
                MENDED.count(believed(&frame).is_some());
            }
        }
        _ => edited(bytes),
    }
);

fn head_of(repo: &Authored) -> Head {
    Head { rev: repo.commit.rev, commit: repo.cid, data: repo.commit.data }
}

fn believed(frame: &[u8]) -> Option<VerifiedCommit> {
    match decode(frame) {
        Ok(Frame::Commit(message)) => judged(&message).ok(),
        _ => None,
    }
}

fn judged(message: &CommitMessage<'_>) -> Result<VerifiedCommit, Rejected> {
    let (records, repo) = &*BEFORE;
    let (did, keys, ours) = (alice(), keys(), head_of(repo));
    let signer = Signer { did: Some(&did), keys: &keys };
    let verdict = verify_commit(message, &ours, &signer, now());
    match &verdict {
        Ok(commit) => check(records.clone(), &ours, commit),
        Err(rejected) => assert!(!rejected.to_string().is_empty() && !rejected.label().is_empty()),
    }
    verdict
}

/// The slow way to the same head: all records, and their tree.
fn check(mut records: RecordMap, ours: &Head, commit: &VerifiedCommit) {
    assert_eq!(commit.since(), ours);
    for op in commit.ops() {
        let had = records.get(&op.path).map(|bytes| Cid::of_dag_cbor(bytes));
        assert_eq!(had, op.prev, "`{}` was something else before", op.path);
        match &op.record {
            Some((cid, bytes)) => {
                assert!(cid.matches(bytes), "{cid} came as another block");
                records.insert(op.path.clone(), bytes.to_vec());
            }
            None => drop(records.remove(&op.path)),
        }
    }
    let slow = author(&alice(), commit.head().rev, &records, &signing_key());
    assert_eq!(slow.commit.data, commit.head().data, "another tree was proven");
}

/// The frame with the hashes and the signature of its blocks made right.
fn mended(frame: &[u8]) -> Option<Vec<u8>> {
    let Ok(Frame::Commit(message)) = decode(frame) else {
        return None;
    };
    let start = message.blocks.as_ptr() as usize - frame.as_ptr() as usize;
    let (blocks, renamed) = mend::car(message.blocks, &signing_key());
    let mut out = frame.to_vec();
    mend::rename(&mut out, &renamed);
    out[start..start + blocks.len()].copy_from_slice(&blocks);
    Some(out)
}

/// The repository after some edits, and what its host says of them.
struct Told {
    after: Authored,
    records: RecordMap,
}

impl Told {
    /// Each edit names a path and what is to be there; 0 is nothing.
    fn of(edits: &[(u8, u8)]) -> Self {
        let mut records = BEFORE.0.clone();
        for (place, text) in edits {
            let path = place_of(*place);
            match text {
                0 => drop(records.remove(&path)),
                text => drop(records.insert(path, record(&format!("note {text}")))),
            }
        }
        let after = author(&alice(), rev(2), &records, &signing_key());
        Self { after, records }
    }

    fn frame(&self) -> Vec<u8> {
        let announcement = self.after.announce(&BEFORE.1);
        encode(&Frame::Commit(announcement.message(1, "2024-01-01T00:00:00.000Z")))
    }
}

/// Those there are, those between them, and those after all of them.
fn place_of(place: u8) -> RecordPath {
    match place {
        0..=63 => path(usize::from(place)),
        place => {
            let between = format!("{}-{}", path(usize::from(place % 24)), place / 24);
            RecordPath::parse(&between).expect("it is a path")
        }
    }
}

fn edited(bytes: &[u8]) {
    let (count, rest) = bytes.split_first().map_or((0, bytes), |(count, rest)| (usize::from(*count), rest));
    let edits: Vec<(u8, u8)> = rest.as_chunks::<2>().0.iter().map(|[place, text]| (*place, *text)).collect();
    let (edits, lies) = edits.split_at(edits.len().min(count % EDITS_MAX));
    let told = Told::of(edits);
    let announcement = told.after.announce(&BEFORE.1);
    let message = announcement.message(1, "2024-01-01T00:00:00.000Z");
    let commit = judged(&message).expect("a true commit is believed");
    assert_eq!(commit.head(), &head_of(&told.after));
    assert_eq!(changes_of(&commit), differences(&BEFORE.0, &told.records), "other changes are believed");

    if lies.is_empty() {
        return;
    }
    let mut blocks = announcement.blocks.clone();
    let mut lied = announcement.message(1, "2024-01-01T00:00:00.000Z");
    for (lie, about) in lies.iter().take(LIES_MAX) {
        tell(&mut lied, &mut blocks, *lie, usize::from(*about), &told);
    }
    lied.blocks = &blocks;
    LIES.count(judged(&lied).is_ok());
}

type Changes = BTreeMap<RecordPath, (Option<Cid>, Option<Cid>)>;

fn changes_of(commit: &VerifiedCommit) -> Changes {
    let after = |record: &Option<(Cid, Box<[u8]>)>| record.as_ref().map(|(cid, _)| *cid);
    commit.ops().iter().map(|op| (op.path.clone(), (op.prev, after(&op.record)))).collect()
}

fn differences(before: &RecordMap, after: &RecordMap) -> Changes {
    let cid = |records: &RecordMap, path| records.get(path).map(|bytes: &Vec<u8>| Cid::of_dag_cbor(bytes));
    let paths = before.keys().chain(after.keys());
    let changes = paths.map(|path| (path.clone(), (cid(before, path), cid(after, path))));
    changes.filter(|(_, (before, after))| before != after).collect()
}

/// One lie about what was done, or one thing kept back.
fn tell<'a>(message: &mut CommitMessage<'a>, blocks: &mut Vec<u8>, lie: u8, about: usize, told: &'a Told) {
    let ops = message.ops.len();
    let mut cids: Vec<Cid> = told.after.blocks.keys().chain(BEFORE.1.blocks.keys()).copied().collect();
    cids.sort_unstable();
    let some = Some(cids[about % cids.len()]);
    match lie % 10 {
        0 if ops > 0 => drop(message.ops.remove(about % ops)),
        1 if ops > 0 => message.ops[about % ops].cid = some,
        2 if ops > 0 => message.ops[about % ops].prev = some,
        3 if ops > 0 => message.ops[about % ops].cid = None,
        4 if ops > 0 => message.ops[about % ops].prev = None,
        5 if ops > 0 => {
            let actions = [Action::Create, Action::Update, Action::Delete];
            message.ops[about % ops].action = actions[usize::from(lie / 10) % actions.len()];
        }
        6 if ops > 0 => {
            let again = message.ops[about % ops].clone();
            message.ops.push(again);
        }
        7 if ops > 1 => {
            let other = message.ops[(about + 1) % ops].path;
            message.ops[about % ops].path = other;
        }
        8 => message.prev_data = some,
        _ => *blocks = without_block(blocks, about),
    }
}

/// The sections of a CAR but one of them.
fn without_block(car: &[u8], which: usize) -> Vec<u8> {
    let mut sections = Vec::new();
    let mut at = 0;
    while let Ok(Some((length, width))) = counterpart::repo::varint::read(&car[at..]) {
        let end = at + width + length as usize;
        sections.push(at..end);
        at = end;
    }
    if sections.len() > 2 {
        sections.remove(1 + which % (sections.len() - 1));
    }
    sections.into_iter().flat_map(|section| car[section].to_vec()).collect()
}
