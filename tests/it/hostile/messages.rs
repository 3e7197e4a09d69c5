//! What comes over a firehose: commits, syncs, and the frames they are in; and
//! proofs of one path, which are read as commits are.

use counterpart::atproto::{Cid, Did, Tid};
use counterpart::repo::author::{Announcement, Authored, RecordMap, author};
use counterpart::repo::frame::{Action, CommitMessage, Frame, Op, SyncMessage, encode};
use counterpart::repo::verify::Head;

use super::forge::{Below, RawNode, and_section, blocks_of, car, commit_and_blocks, key_of, tree};
use super::value::Value;
use super::{Asked, Case};
use crate::repo::{
    alice, authored, keys, numbered, numbered_path, other_key, path, record, rev, signing_key,
};

pub const TIME: &str = "2024-01-01T00:00:00.000Z";

pub fn cases() -> Vec<Case> {
    [sizes(), heads(), gaps(), untrue(), trees(), blocks(), syncs(), frames(), fields(), proofs()]
        .into_iter()
        .flatten()
        .collect()
}

/// A host with a commit to announce: a record created, one updated, one deleted.
pub struct Told {
    pub before: Authored,
    pub after: Authored,
    pub announcement: Announcement,
}

pub fn told() -> Told {
    let old = numbered(60);
    let mut new = old.clone();
    new.insert(path("com.example.note/000030a"), record("created"));
    new.insert(numbered_path(20), record("updated"));
    new.remove(&numbered_path(10));
    let (before, after) = (at_rev(1, &old), at_rev(2, &new));
    let announcement = after.announce(&before);
    Told { before, after, announcement }
}

fn at_rev(n: u64, records: &RecordMap) -> Authored {
    author(&alice(), rev(n), records, &signing_key())
}

pub fn head_of(repo: &Authored) -> Head {
    Head { rev: repo.commit.rev, commit: repo.cid, data: repo.commit.data }
}

fn framed(rule: &str, expected: &str, ours: Head, message: &CommitMessage<'_>) -> Case {
    frame(rule, expected, ours, encode(&Frame::Commit(message.clone())))
}

fn frame(rule: &str, expected: &str, ours: Head, bytes: Vec<u8>) -> Case {
    let asked = Asked::Frame(ours, keys());
    Case { rule: format!("message: {rule}"), expected: expected.to_owned(), bytes, asked }
}

/// The commit, told with one change.
fn changed(rule: &str, expected: &str, change: impl FnOnce(&mut CommitMessage<'_>)) -> Case {
    let told = told();
    let mut message = told.announcement.message(1, TIME);
    change(&mut message);
    framed(rule, expected, head_of(&told.before), &message)
}

fn op<'m, 'a>(message: &'m mut CommitMessage<'a>, action: Action) -> &'m mut Op<'a> {
    message.ops.iter_mut().find(|op| op.action == action).unwrap()
}

fn sizes() -> Vec<Case> {
    let blocks = vec![0; 2_000_001];
    let op = Op { action: Action::Delete, path: "com.example.note/a", cid: None, prev: None };
    let told = told();
    let large = CommitMessage { blocks: &blocks, ..told.announcement.message(1, TIME) };
    vec![
        framed("2,000,001 bytes of blocks", "ops_blocks_too_large", head_of(&told.before), &large),
        changed("201 operations", "ops_too_many", |message| message.ops = vec![op; 201]),
    ]
}

fn heads() -> Vec<Case> {
    let told = told();
    let message = told.announcement.message(1, TIME);
    let (ours, theirs) = (head_of(&told.before), head_of(&told.after));
    let forked = at_rev(1, &numbered(61)).announce(&told.before);
    let forged = author(&alice(), rev(2), &numbered(61), &other_key()).announce(&told.before);
    let mallory = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").unwrap();
    let hers = author(&mallory, rev(2), &numbered(61), &signing_key());
    let hers = Announcement { repo: alice(), ..hers.announce(&told.before) };
    let ahead = Tid::from_micros_and_clock_id(1_700_000_300_000_001, 7).unwrap();
    vec![
        changed("of another account", "commit_wrong_did", |message| message.repo = mallory),
        changed("another revision than the commit's", "ops_rev_mismatch", |message| message.rev = rev(3)),
        changed("another root than the commit", "ops_root_mismatch", |message| message.commit = ours.commit),
        changed("a revision ahead of us", "commit_rev_ahead", |message| message.rev = ahead),
        changed("an older revision", "commit_superseded", |message| message.rev = rev(0)),
        framed("what we have", "commit_duplicate", theirs, &message),
        framed("our revision with other contents", "commit_forked", ours, &forked.message(1, TIME)),
        framed("signed by a stranger", "signature_mismatch", ours, &forged.message(1, TIME)),
        framed("somebody else's commit", "commit_wrong_did", ours, &hers.message(1, TIME)),
        without_keys(),
    ]
}

fn without_keys() -> Case {
    let case = changed("of an account without a key", "commit_no_key", |_| {});
    Case { asked: Asked::Frame(head_of(&told().before), vec![]), ..case }
}

fn gaps() -> Vec<Case> {
    let other = Some(told().after.commit.data);
    vec![
        changed("after another revision", "gap_since", |message| message.since = Some(rev(0))),
        changed("after none", "gap_since", |message| message.since = None),
        changed("after another tree", "gap_prev_data", |message| message.prev_data = other),
        changed("after no tree", "gap_no_prev_data", |message| message.prev_data = None),
        changed("too big", "gap_too_big", |message| message.too_big = true),
        changed("a deletion of nothing", "gap_no_prev", |message| op(message, Action::Delete).prev = None),
        changed("an update of nothing", "gap_no_prev", |message| op(message, Action::Update).prev = None),
        without_block("without the root", "gap_missing_node", |told| told.after.commit.data),
        without_block("without a record", "ops_without_block", |_| Cid::of_dag_cbor(&record("created"))),
        without_block("without the commit", "commit_missing", |told| told.after.cid),
    ]
}

fn without_block(rule: &str, expected: &str, which: fn(&Told) -> Cid) -> Case {
    let told = told();
    let left_out = which(&told);
    let kept = blocks_of(&told.announcement.blocks).into_iter().map(|(cid, _)| cid);
    let blocks = told.after.car_of(kept.filter(|cid| *cid != left_out));
    let message = CommitMessage { blocks: &blocks, ..told.announcement.message(1, TIME) };
    framed(rule, expected, head_of(&told.before), &message)
}

fn untrue() -> Vec<Case> {
    use Action::{Create, Delete, Update};
    let other = Some(Cid::of_dag_cbor(&record("another")));
    let updated = Some(Cid::of_dag_cbor(&record("updated")));
    let twice = "com.example.note/000020";
    vec![
        changed("a creation of what was", "ops_create_with_prev", |message| op(message, Create).prev = other),
        changed("a creation of nothing", "ops_without_cid", |message| op(message, Create).cid = None),
        changed("an update to nothing", "ops_without_cid", |message| op(message, Update).cid = None),
        changed("a deletion to something", "ops_delete_with_cid", |message| op(message, Delete).cid = other),
        changed("a path twice", "ops_path_twice", |message| op(message, Create).path = twice),
        changed("an unsent record", "ops_without_block", |message| op(message, Create).cid = other),
        changed("another record", "ops_cid_mismatch", |message| op(message, Create).cid = updated),
        changed("a path that is not in the tree", "ops_not_in_tree", |message| {
            op(message, Create).path = "com.example.note/000030b";
        }),
        changed("a deletion of what is there", "ops_deleted_still_in_tree", |message| {
            let created = op(message, Create);
            (created.action, created.prev, created.cid) = (Delete, created.cid, None);
        }),
        changed("an update of another record", "ops_inversion", |message| op(message, Update).prev = other),
        changed("a deletion of another record", "ops_inversion", |message| op(message, Delete).prev = other),
        changed("a deletion not told", "ops_inversion", |message| {
            message.ops.retain(|op| op.action != Delete);
        }),
        changed("a creation not told", "ops_inversion", |message| {
            message.ops.retain(|op| op.action != Create);
        }),
        changed("an update not told", "ops_inversion", |message| {
            message.ops.retain(|op| op.action != Update);
        }),
        changed("nothing told", "ops_inversion", |message| message.ops.clear()),
    ]
}

/// Commits that are signed and told, but of a tree that breaks a rule where a change is.
fn trees() -> Vec<Case> {
    let with_tree = |rule: &str, expected: &str, change: fn(&mut RawNode)| {
        let told = told();
        let mut root = tree(&told.after);
        change(&mut root);
        let (commit, mut blocks) = commit_and_blocks(&root, rev(2), &told.after);
        // Whatever became of the tree, the new records come along.
        blocks.extend(blocks_of(&told.announcement.blocks));
        let blocks = car(&commit, &blocks);
        let commit = Cid::of_dag_cbor(&commit);
        let message = CommitMessage { blocks: &blocks, commit, ..told.announcement.message(1, TIME) };
        framed(rule, expected, head_of(&told.before), &message)
    };
    vec![
        with_tree("an empty node at the top", "node_empty_top", |root| {
            *root = RawNode::between(root.clone())
        }),
        with_tree("a layer skipped", "node_layer", |root| {
            let middle = middle(root);
            *middle = middle.leaf().clone();
        }),
        with_tree("two subtrees in each other's place", "node_key_below_range", |root| {
            std::mem::swap(&mut root.left, &mut root.entries[1].right);
        }),
        with_tree("an empty leaf", "node_empty", |root| *middle(root) = RawNode::default()),
        with_tree("a record for a subtree", "cbor_key", |root| {
            root.entries[1].right = Some(Below::Bytes(record("no node")));
        }),
        with_tree("a key more than is told", "ops_inversion", |root| {
            let last = root.entries.last_mut().unwrap();
            last.right = Some(RawNode::of(&[&key_of(1, "zzz")]).into());
        }),
    ]
}

/// What is below the root where the changes are.
fn middle(root: &mut RawNode) -> &mut RawNode {
    match &mut root.entries[1].right {
        Some(Below::Node(node)) => node,
        _ => panic!("there is no node"),
    }
}

/// Blocks that are no CAR, or not all of one.
fn blocks() -> Vec<Case> {
    let with_blocks = |rule: &str, expected: &str, change: fn(Vec<u8>) -> Vec<u8>| {
        let told = told();
        let blocks = change(told.announcement.blocks.clone());
        let message = CommitMessage { blocks: &blocks, ..told.announcement.message(1, TIME) };
        framed(rule, expected, head_of(&told.before), &message)
    };
    vec![
        with_blocks("no blocks", "car_cut_in_header", |_| vec![]),
        with_blocks("blocks cut", "car_cut_in_block", |car| car[..car.len() - 1].to_vec()),
        with_blocks("a length cut", "car_cut_in_length", |car| [&car[..], &[0xff]].concat()),
        with_blocks("a byte of a block changed", "car_hash_mismatch", |mut car| {
            *car.last_mut().unwrap() ^= 1;
            car
        }),
        with_blocks("a block of 2^40 bytes", "car_block_too_large", |car| {
            [&car[..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20]].concat()
        }),
        with_blocks("a block under an identity hash", "car_block_cid: cid_hash", |car| {
            and_section(car, &[[1, 0x71, 0, 0x20].as_slice(), &[7; 32]].concat(), b"")
        }),
    ]
}

fn syncs() -> Vec<Case> {
    let repo = authored(&numbered(5));
    let car = repo.commit_car();
    let sync = |rule: &str, expected: &str, change: &dyn Fn(&mut SyncMessage<'_>)| {
        let mut message = repo.sync_message(1, TIME, &car);
        change(&mut message);
        frame(rule, expected, head_of(&repo), encode(&Frame::Sync(message)))
    };
    let mallory = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").unwrap();
    vec![
        sync("a sync of 10,001 bytes", "sync_blocks_too_large", &|message| message.blocks = &[0; 10_001]),
        sync("a sync of another revision", "ops_rev_mismatch", &|message| message.rev = rev(2)),
        sync("a sync of another account", "commit_wrong_did", &|message| message.did = mallory.clone()),
        sync("a sync of no blocks", "car_cut_in_header", &|message| message.blocks = b""),
    ]
}

fn frames() -> Vec<Case> {
    let of = |rule: &str, expected: &str, bytes: &[u8]| {
        frame(rule, expected, head_of(&authored(&numbered(1))), bytes.to_vec())
    };
    let account = b"\xa2\x61t\x68#account\x62op\x01";
    let after = |payload: &[u8]| [account, payload].concat();
    vec![
        of("no bytes", "frame_header: cbor_truncated", b""),
        of("a header that is a number", "frame_header: cbor_unexpected", b"\x01\xa0"),
        of("a header with a key twice", "frame_header: cbor_key_twice", b"\xa2\x62op\x01\x62op\x01\xa0"),
        of("a header of 2^63 keys", "frame_header: cbor_truncated", b"\xbb\x80\0\0\0\0\0\0\0"),
        of(
            "a header nested too deep",
            "frame_header: cbor_depth",
            &[b"\xa1\x61a", &[0x81; 100][..]].concat(),
        ),
        of("no operation", "frame_no_op", b"\xa1\x61t\x68#account\xa0"),
        of("no kind", "frame_no_kind", b"\xa1\x62op\x01\xa0"),
        of("no payload", "frame_payload: cbor_truncated", account),
        of("a payload nested too deep", "frame_payload: cbor_depth", &after(&[0x81; 1_000_000])),
        of("a payload of 2^40 items", "frame_payload: cbor_truncated", &after(b"\x9b\0\0\x01\0\0\0\0\0\x01")),
        of("a payload with a float", "frame_payload: cbor_float", &after(b"\xa1\x61a\xf9\x42\x00")),
        of("two payloads", "frame_trailing", &after(b"\xa0\xa0")),
        of("5,000,001 bytes", "frame_too_large", &vec![0; 5_000_001]),
    ]
}

fn fields() -> Vec<Case> {
    let of = |rule: &str, expected: &str, fields: Vec<(&str, Value)>| {
        let header = Value::map(vec![("t", Value::text("#account")), ("op", Value::Unsigned(1))]);
        let bytes = [header.bytes(), Value::map(fields).bytes()].concat();
        frame(rule, expected, head_of(&authored(&numbered(1))), bytes)
    };
    let seq = |seq| ("seq", Value::Unsigned(seq));
    let did = ("did", Value::text(alice().as_str()));
    let (time, active) = (("time", Value::text(TIME)), ("active", Value::Raw(vec![0xf5])));
    let rest = [did.clone(), time, active];
    let with = |field: (&'static str, Value)| [&[field], &rest[..]].concat();
    let ops = |op: Vec<(&str, Value)>| {
        let header = Value::map(vec![("t", Value::text("#commit")), ("op", Value::Unsigned(1))]);
        let payload = Value::map(vec![("ops", Value::Array(vec![Value::map(op)]))]);
        [header.bytes(), payload.bytes()].concat()
    };
    let ours = head_of(&authored(&numbered(1)));
    let moved = ops(vec![("action", Value::text("move")), ("path", Value::text("com.example.note/a"))]);
    let nowhere = ops(vec![("action", Value::text("create")), ("path", Value::text("../a"))]);
    vec![
        of("no seq", "message_field_missing", rest.to_vec()),
        of("a seq of 0", "message_seq", with(seq(0))),
        of("a seq of 2^53", "message_seq", with(seq(1 << 53))),
        of("a seq in text", "message_field_type: cbor_unexpected", with(("seq", Value::text("1")))),
        of("a field twice", "message_field_twice", [with(seq(1)), vec![did]].concat()),
        of(
            "no DID",
            "message_field_syntax: syntax_prefix",
            vec![seq(1), ("did", Value::text("alice")), rest[1].clone(), rest[2].clone()],
        ),
        frame("an unknown action", "message_action", ours, moved),
        frame("a path that is none", "message_field_syntax: syntax_segment_length", ours, nowhere),
        frame(
            "a payload that is no map",
            "message_not_a_map: cbor_unexpected",
            ours,
            b"\xa2\x61t\x68#account\x62op\x01\x80".to_vec(),
        ),
    ]
}

fn proofs() -> Vec<Case> {
    let proof = |rule: &str, expected: &str, bytes: Vec<u8>| {
        let asked = Asked::Proof(numbered_path(13));
        Case { rule: format!("proof: {rule}"), expected: expected.to_owned(), bytes, asked }
    };
    let repo = super::forge::real();
    let left_out = Cid::of_dag_cbor(&record("note 13"));
    let all = || blocks_of(&repo.car()).into_iter().map(|(cid, _)| cid);
    vec![
        proof("2,000,001 bytes", "car_too_large", vec![0; 2_000_001]),
        proof("without the record", "record_missing", repo.car_of(all().filter(|cid| *cid != left_out))),
        proof("without the tree", "node_missing", repo.commit_car()),
        proof("of another account", "commit_wrong_did", mallorys()),
    ]
}

fn mallorys() -> Vec<u8> {
    let mallory = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").unwrap();
    author(&mallory, rev(1), &numbered(60), &signing_key()).car()
}
