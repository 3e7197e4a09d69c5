//! Commits that are not what they say: what nobody signed is invalid, what
//! the account signed but does not follow from ours needs repair.

use counterpart::atproto::{Cid, Did};
use counterpart::repo::Fault;
use counterpart::repo::author::{Announcement, Authored, author};
use counterpart::repo::frame::{Action, CommitMessage, Op, SyncMessage};
use counterpart::repo::verify::{Rejected, Signer, VerifiedCommit, verify_commit, verify_sync};

use super::commits::{at_rev, head_of};
use super::{alice, keys, now, numbered, numbered_path, other_key, record, rev, sections, signing_key};

const TIME: &str = "2024-01-01T00:00:00.000Z";

/// A host with one commit to announce: a record created, one updated, one deleted.
struct Told {
    before: Authored,
    after: Authored,
    announcement: Announcement,
}

fn told() -> Told {
    let old = numbered(60);
    let mut new = old.clone();
    new.insert(super::path("com.example.note/000030a"), record("created"));
    new.insert(numbered_path(20), record("updated"));
    new.remove(&numbered_path(10));
    let (before, after) = (at_rev(1, &old), at_rev(2, &new));
    let announcement = after.announce(&before);
    Told { before, after, announcement }
}

impl Told {
    fn message(&self) -> CommitMessage<'_> {
        self.announcement.message(1, TIME)
    }

    fn verify(&self, message: &CommitMessage<'_>) -> Result<VerifiedCommit, Rejected> {
        let signer = Signer { did: Some(&alice()), keys: &keys() };
        verify_commit(message, &head_of(&self.before), &signer, now())
    }

    #[track_caller]
    fn assert_invalid(&self, message: &CommitMessage<'_>, label: &str) {
        match self.verify(message).unwrap_err() {
            Rejected::Invalid(fault) => assert_eq!(fault.label(), label, "{fault}"),
            other => panic!("{other}"),
        }
    }

    #[track_caller]
    fn assert_unprovable(&self, message: &CommitMessage<'_>, label: &str) {
        match self.verify(message).unwrap_err() {
            Rejected::Unprovable { signed, gap } => {
                assert_eq!(gap.label(), label, "{gap}");
                assert_eq!(*signed.head(), head_of(&self.after));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn what_is_told_truly_is_proven() {
    let told = told();
    assert_eq!(told.verify(&told.message()).unwrap().ops().len(), 3);
}

#[test]
fn what_is_too_large_is_not_looked_at() {
    let told = told();
    let blocks = vec![0; 2_000_001];
    told.assert_invalid(&CommitMessage { blocks: &blocks, ..told.message() }, "ops_blocks_too_large");
    let ops = vec![Op { action: Action::Delete, path: "com.example.note/a", cid: None, prev: None }; 201];
    told.assert_invalid(&CommitMessage { ops, ..told.message() }, "ops_too_many");
}

#[test]
fn message_car_and_commit_must_speak_of_one_thing() {
    let told = told();
    let mallory = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").unwrap();
    told.assert_invalid(&CommitMessage { repo: mallory, ..told.message() }, "commit_wrong_did");
    told.assert_invalid(&CommitMessage { rev: rev(3), ..told.message() }, "ops_rev_mismatch");
    told.assert_invalid(&CommitMessage { commit: told.before.cid, ..told.message() }, "ops_root_mismatch");
}

#[test]
fn a_revision_must_be_newer_than_ours_and_not_ahead_of_us() {
    let told = told();
    let ahead = rev(200_000_000);
    told.assert_invalid(&CommitMessage { rev: ahead, ..told.message() }, "commit_rev_ahead");
    let older = told.verify(&CommitMessage { rev: rev(0), ..told.message() }).unwrap_err();
    assert!(matches!(older, Rejected::Superseded { .. }));
    let signer = Signer { did: Some(&alice()), keys: &keys() };
    let again = verify_commit(&told.message(), &head_of(&told.after), &signer, now()).unwrap_err();
    assert!(matches!(again, Rejected::Duplicate { .. }));
}

#[test]
fn a_second_commit_of_our_revision_is_evidence_once_it_is_signed() {
    let told = told();
    let twin = at_rev(1, &numbered(61));
    let twin_told = twin.announce(&told.before);
    let message = twin_told.message(1, TIME);
    match told.verify(&message).unwrap_err() {
        Rejected::Forked { signed, ours } => {
            assert_eq!((*signed.head(), ours), (head_of(&twin), told.before.cid));
        }
        other => panic!("{other}"),
    }
    let forged = author(&alice(), rev(1), &numbered(61), &other_key());
    let forged_told = forged.announce(&told.before);
    told.assert_invalid(&forged_told.message(1, TIME), "signature_mismatch");
}

#[test]
fn the_blocks_must_be_a_whole_car_that_is_what_it_says() {
    let told = told();
    let car = &told.announcement.blocks;
    for end in 0..car.len() {
        let rejected = told.verify(&CommitMessage { blocks: &car[..end], ..told.message() }).unwrap_err();
        let at_boundary = sections(car).iter().skip(2).any(|section| section.start == end);
        assert_eq!(matches!(rejected, Rejected::Unprovable { .. }), at_boundary, "{end}: {rejected}");
    }
    for at in 0..car.len() {
        let mut changed = car.clone();
        changed[at] ^= 1;
        let rejected = told.verify(&CommitMessage { blocks: &changed, ..told.message() });
        assert!(matches!(rejected, Err(Rejected::Invalid(_))), "byte {at}");
    }
}

#[test]
fn a_commit_that_the_account_did_not_sign_is_invalid() {
    let told = told();
    let records = numbered(61);
    let forged = author(&alice(), rev(2), &records, &other_key());
    let announcement = forged.announce(&told.before);
    told.assert_invalid(&announcement.message(1, TIME), "signature_mismatch");
}

#[test]
fn what_does_not_follow_from_ours_needs_repair() {
    let told = told();
    told.assert_unprovable(&CommitMessage { since: Some(rev(0)), ..told.message() }, "gap_since");
    told.assert_unprovable(&CommitMessage { since: None, ..told.message() }, "gap_since");
    let other = Some(told.after.commit.data);
    told.assert_unprovable(&CommitMessage { prev_data: other, ..told.message() }, "gap_prev_data");
    told.assert_unprovable(&CommitMessage { prev_data: None, ..told.message() }, "gap_no_prev_data");
    told.assert_unprovable(&CommitMessage { too_big: true, ..told.message() }, "gap_too_big");
    let mut message = told.message();
    message.ops.iter_mut().for_each(|op| op.prev = None);
    told.assert_unprovable(&message, "gap_no_prev");
}

/// Without any one block of the proof, nothing is believed.
#[test]
fn a_proof_that_lacks_a_block_proves_nothing() {
    let told = told();
    let car = &told.announcement.blocks;
    let sections = sections(car);
    let mut labels = std::collections::BTreeSet::new();
    for left_out in &sections[2..] {
        let blocks = [&car[..left_out.start], &car[left_out.end..]].concat();
        match told.verify(&CommitMessage { blocks: &blocks, ..told.message() }) {
            Err(Rejected::Unprovable { gap, .. }) => drop(labels.insert(gap.label())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["gap_missing_node", "ops_without_block"]);
}

/// Applies a change to one operation, found by its action.
#[track_caller]
fn assert_untrue(action: Action, change: impl FnOnce(&mut Op<'_>), label: &str) {
    let told = told();
    let mut message = told.message();
    change(message.ops.iter_mut().find(|op| op.action == action).unwrap());
    told.assert_unprovable(&message, label);
}

#[test]
fn operations_must_be_what_the_trees_say() {
    let other = Some(Cid::of_dag_cbor(&record("another")));
    assert_untrue(Action::Create, |op| op.prev = other, "ops_create_with_prev");
    assert_untrue(Action::Create, |op| op.cid = None, "ops_without_cid");
    assert_untrue(Action::Update, |op| op.cid = None, "ops_without_cid");
    assert_untrue(Action::Delete, |op| op.cid = other, "ops_delete_with_cid");
    assert_untrue(Action::Create, |op| op.cid = other, "ops_without_block");
    assert_untrue(Action::Create, |op| op.path = "com.example.note/000030b", "ops_not_in_tree");
    assert_untrue(Action::Create, |op| op.path = "com.example.note/000020", "ops_path_twice");
    assert_untrue(Action::Update, |op| op.prev = other, "ops_inversion");
    assert_untrue(Action::Delete, |op| op.prev = other, "ops_inversion");
    assert_untrue(Action::Delete, |op| op.path = "com.example.note/000010a", "ops_inversion");
    assert_untrue(Action::Delete, |op| op.path = "com.example.note/000030a0", "ops_inversion");
}

#[test]
fn an_operation_must_name_the_record_that_is_in_the_tree() {
    let told = told();
    let mut message = told.message();
    let cids: Vec<_> = message.ops.iter().filter_map(|op| op.cid).collect();
    for op in message.ops.iter_mut().filter(|op| op.cid.is_some()) {
        op.cid = cids.iter().copied().find(|cid| Some(*cid) != op.cid);
    }
    told.assert_unprovable(&message, "ops_cid_mismatch");
}

#[test]
fn a_record_that_was_deleted_must_not_be_in_the_tree() {
    let told = told();
    let mut message = told.message();
    let created = message.ops.iter_mut().find(|op| op.action == Action::Create).unwrap();
    (created.action, created.prev, created.cid) = (Action::Delete, created.cid, None);
    told.assert_unprovable(&message, "ops_deleted_still_in_tree");
}

#[test]
fn an_operation_that_is_not_told_is_missed() {
    let told = told();
    for left_out in 0..3 {
        let mut message = told.message();
        message.ops.remove(left_out);
        told.assert_unprovable(&message, "ops_inversion");
    }
}

#[test]
fn the_order_in_which_operations_are_told_does_not_matter() {
    let told = told();
    let mut message = told.message();
    message.ops.reverse();
    assert!(told.verify(&message).is_ok());
}

#[test]
fn a_sync_message_is_held_to_the_same_rules() {
    let repo = author(&alice(), rev(3), &numbered(5), &signing_key());
    let car = repo.commit_car();
    let message = repo.sync_message(4, TIME, &car);
    let signer = Signer { did: Some(&alice()), keys: &keys() };
    let label = |message: &SyncMessage<'_>, signer: &Signer<'_>| -> &'static str {
        let fault: Fault = verify_sync(message, signer, now()).unwrap_err();
        fault.label()
    };
    let long = vec![0; 10_001];
    assert_eq!(label(&SyncMessage { blocks: &long, ..message.clone() }, &signer), "sync_blocks_too_large");
    assert_eq!(label(&SyncMessage { rev: rev(4), ..message.clone() }, &signer), "ops_rev_mismatch");
    let header = &car[..sections(&car)[0].end];
    assert_eq!(label(&SyncMessage { blocks: header, ..message.clone() }, &signer), "commit_missing");
    let nobody = Signer { did: Some(&alice()), keys: &[] };
    assert_eq!(label(&message, &nobody), "commit_no_key");
    let mallory = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").unwrap();
    assert_eq!(label(&SyncMessage { did: mallory, ..message }, &signer), "commit_wrong_did");
}
