//! Commits that follow from one another, as hosts announce them.

use counterpart::atproto::Cid;
use counterpart::repo::author::{Authored, RecordMap, author};
use counterpart::repo::frame::{Frame, decode, encode};
use counterpart::repo::verify::{
    Head, Rejected, SignedBy, Signer, VerifiedCommit, verify_commit, verify_sync,
};
use proptest::prelude::*;

use super::{alice, keys, now, numbered, numbered_path, record, record_maps, rev, signing_key};

pub fn head_of(repo: &Authored) -> Head {
    Head { rev: repo.commit.rev, commit: repo.cid, data: repo.commit.data }
}

pub fn at_rev(n: u64, records: &RecordMap) -> Authored {
    author(&alice(), rev(n), records, &signing_key())
}

/// Sends an announcement as a frame and verifies what arrives.
fn sent(before: &Authored, after: &Authored) -> Result<VerifiedCommit, Rejected> {
    let announcement = after.announce(before);
    let bytes = encode(&Frame::Commit(announcement.message(1, "2024-01-01T00:00:00.000Z")));
    let Ok(Frame::Commit(message)) = decode(&bytes) else {
        panic!("the frame is not read as a commit");
    };
    let signer = Signer { did: Some(&alice()), keys: &keys() };
    verify_commit(&message, &head_of(before), &signer, now())
}

fn applied(mut records: RecordMap, commit: &VerifiedCommit) -> RecordMap {
    for op in commit.ops() {
        match &op.record {
            Some((cid, bytes)) => {
                assert_eq!(Cid::of_dag_cbor(bytes), *cid);
                records.insert(op.path.clone(), bytes.to_vec());
            }
            None => drop(records.remove(&op.path)),
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_chain_of_commits_leads_to_what_the_host_has(states in proptest::collection::vec(record_maps(60), 2..5)) {
        let mut ours = states[0].clone();
        for (n, pair) in states.windows(2).enumerate() {
            let (before, after) = (at_rev(n as u64 + 1, &pair[0]), at_rev(n as u64 + 2, &pair[1]));
            let commit = sent(&before, &after).unwrap();
            prop_assert_eq!(commit.since(), &head_of(&before));
            prop_assert_eq!(commit.head(), &head_of(&after));
            prop_assert_eq!(commit.block(), &after.commit.encode()[..]);
            ours = applied(ours, &commit);
            prop_assert_eq!(&ours, &pair[1]);
        }
    }
}

#[test]
fn a_commit_that_changes_nothing_advances_the_revision() {
    let records = numbered(10);
    let commit = sent(&at_rev(1, &records), &at_rev(2, &records)).unwrap();
    assert!(commit.ops().is_empty());
    assert_eq!(commit.head().rev, rev(2));
    assert_eq!(*commit.signed_by(), SignedBy::Current(signing_key().public()));
}

#[test]
fn a_first_record_and_a_last_one_gone_are_proven() {
    let none = RecordMap::new();
    let one = numbered(1);
    assert_eq!(sent(&at_rev(1, &none), &at_rev(2, &one)).unwrap().ops().len(), 1);
    assert_eq!(sent(&at_rev(1, &one), &at_rev(2, &none)).unwrap().ops().len(), 1);
}

#[test]
fn a_change_in_a_large_repository_is_proven_with_a_few_blocks() {
    let before = numbered(3000);
    let mut after = before.clone();
    after.insert(numbered_path(1500), record("changed"));
    after.remove(&numbered_path(7));
    after.insert(super::path("com.example.note/0007zz"), record("new"));
    let (before, after) = (at_rev(1, &before), at_rev(2, &after));
    let announcement = after.announce(&before);
    assert!(announcement.blocks.len() < 40_000, "{} bytes", announcement.blocks.len());
    let commit = sent(&before, &after).unwrap();
    let ops: Vec<_> = commit.ops().iter().map(|op| (op.action.as_str(), op.path.as_str())).collect();
    assert_eq!(
        ops,
        [
            ("delete", "com.example.note/000007"),
            ("create", "com.example.note/0007zz"),
            ("update", "com.example.note/001500"),
        ]
    );
}

#[test]
fn two_hundred_operations_are_one_commit() {
    let before = numbered(500);
    let mut after = before.clone();
    for n in 0..200 {
        after.insert(numbered_path(n * 2), record("changed"));
    }
    assert_eq!(sent(&at_rev(1, &before), &at_rev(2, &after)).unwrap().ops().len(), 200);
}

#[test]
fn a_sync_message_tells_a_signed_head() {
    let repo = at_rev(3, &numbered(5));
    let car = repo.commit_car();
    let bytes = encode(&Frame::Sync(repo.sync_message(4, "2024-01-01T00:00:00.000Z", &car)));
    let Ok(Frame::Sync(message)) = decode(&bytes) else {
        panic!("the frame is not read as a sync");
    };
    let signer = Signer { did: Some(&alice()), keys: &keys() };
    let signed = verify_sync(&message, &signer, now()).unwrap();
    assert_eq!(*signed.head(), head_of(&repo));
}
