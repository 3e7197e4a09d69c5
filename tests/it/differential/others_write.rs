//! What the others write, as they write it: whole repositories, and commits
//! in sequence with the blocks their authors thought were enough.

use std::collections::BTreeMap;
use std::io::Cursor;

use atrium_api::types::string::Did as TheirDid;
use atrium_repo::Repository;
use atrium_repo::blockstore::{CarStore, MemoryBlockStore};
use counterpart::atproto::{Cid, Curve, PublicKey, SigningKey, sign};
use counterpart::clock::Moment;
use counterpart::repo::frame::{Action, CommitMessage, Op};
use counterpart::repo::verify::{
    Head, KeySpan, Limits, Signer, VerifiedCommit, verify_commit, verify_snapshot,
};
use futures_util::TryStreamExt;
use shrike::crypto::K256SigningKey;
use shrike::repo::{CommitData, RecordAction, Repo};
use shrike::syntax::TidClock;
use tokio::runtime::Builder;

use super::cars::{alice, path, record};
use super::dice::Dice;
use super::{Listing, by_atrium, often};

const SECRET: [u8; 32] = [21; 32];

/// The others take the time from the system; this is after any test.
fn far_ahead() -> Moment {
    Moment::from_micros(4_000_000_000_000_000)
}

fn key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &SECRET).unwrap()
}

#[test]
fn what_shrike_announces_is_proven_and_what_it_exports_is_whole() {
    let mut proven = 0;
    for seed in 0..often(150) {
        let mut dice = Dice::new(seed);
        let did = shrike::syntax::Did::try_from(alice().as_str()).unwrap();
        let mut repo = Repo::new(did, TidClock::new(7).unwrap());
        let first = repo.commit(&K256SigningKey::from_bytes(&SECRET).unwrap()).unwrap();
        let (mut head, mut holds) = (head_of(&first), BTreeMap::new());
        for _ in 0..1 + dice.below(12) {
            let changes = if dice.one_in(4) { 60 } else { 6 };
            for _ in 0..dice.below(changes) {
                change(&mut repo, &mut holds, &mut dice);
            }
            let told = repo.commit(&K256SigningKey::from_bytes(&SECRET).unwrap()).unwrap();
            let verified = prove(&told, &head).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
            assert_eq!(verified.ops().len(), told.ops.len());
            head = *verified.head();
            proven += 1;
        }
        let car = repo.export_car().unwrap();
        assert_eq!(listing(&car, &key().public()).unwrap(), holds, "seed {seed}");
    }
    assert!(proven > 500, "{proven}");
}

type Paths = BTreeMap<String, Cid>;

fn change(repo: &mut Repo, holds: &mut Paths, dice: &mut Dice) {
    let known = dice.one_in(2).then(|| holds.keys().nth(dice.below(holds.len().max(1))).cloned()).flatten();
    let path = known.unwrap_or_else(|| path(dice));
    let (collection, rkey) = path.split_once('/').unwrap();
    let (collection, rkey) = (collection.try_into().unwrap(), rkey.try_into().unwrap());
    let bytes = record(dice);
    let held = holds.insert(path.clone(), Cid::of_dag_cbor(&bytes)).is_some();
    match held {
        true if dice.one_in(2) => {
            repo.delete(&collection, &rkey).unwrap();
            holds.remove(&path);
        }
        true => drop(repo.update(&collection, &rkey, &bytes).unwrap()),
        false => drop(repo.create(&collection, &rkey, &bytes).unwrap()),
    }
}

fn ours(cid: shrike::cbor::Cid) -> Cid {
    Cid::from_bytes(&cid.to_bytes()).unwrap()
}

fn head_of(commit: &CommitData) -> Head {
    let rev = commit.rev().to_string().parse().unwrap();
    Head { rev, commit: ours(commit.cid), data: ours(commit.commit.data) }
}

fn prove(told: &CommitData, head: &Head) -> Result<VerifiedCommit, String> {
    let blocks = told.relevant_car().unwrap();
    let paths: Vec<_> = told.ops.iter().map(|op| op.path()).collect();
    let ops = told.ops.iter().zip(&paths).map(|(op, path)| Op {
        action: match op.action {
            RecordAction::Create => Action::Create,
            RecordAction::Update => Action::Update,
            RecordAction::Delete => Action::Delete,
        },
        path,
        cid: op.cid.map(ours),
        prev: op.prev.map(ours),
    });
    let after = head_of(told);
    let message = CommitMessage {
        seq: 1,
        repo: alice(),
        time: "2024-01-01T00:00:00.000Z",
        rev: after.rev,
        since: told.since.map(|since| since.to_string().parse().unwrap()),
        commit: after.commit,
        too_big: false,
        blocks: &blocks,
        ops: ops.collect(),
        prev_data: told.prev_data.map(ours),
    };
    let keys = [KeySpan { key: key().public(), until: None }];
    let did = alice();
    let signer = Signer { did: Some(&did), keys: &keys };
    verify_commit(&message, head, &signer, far_ahead()).map_err(|rejected| rejected.to_string())
}

fn listing(car: &[u8], key: &PublicKey) -> Result<Paths, String> {
    let keys = [KeySpan { key: *key, until: None }];
    let did = alice();
    let signer = Signer { did: Some(&did), keys: &keys };
    let snapshot = verify_snapshot(car, &signer, Limits::default(), far_ahead())
        .map_err(|why| why.label().to_owned())?;
    let (mut listing, mut records) = (Paths::new(), snapshot.records());
    while let Some(record) = records.next_record().unwrap() {
        listing.insert(record.path.to_owned(), record.cid);
    }
    Ok(listing)
}

/// It is held against its own reading: changed key by key, its tree now and
/// then loses a subtree, but what it signs then is a repository nevertheless.
#[test]
fn what_atrium_repo_writes_is_accepted_with_what_it_finds_in_it_itself() {
    let runtime = Builder::new_current_thread().build().unwrap();
    for seed in 0..often(150) {
        let car = runtime.block_on(written(&mut Dice::new(seed), seed % 2 == 0));
        let key = key().public();
        let theirs = runtime.block_on(by_atrium::repo(&car, &alice(), &key)).unwrap();
        let ours = listing(&car, &key).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let bytes = |(path, cid): (String, Cid)| (path, cid.to_bytes().to_vec());
        assert_eq!(ours.into_iter().map(bytes).collect::<Listing>(), theirs, "seed {seed}");
    }
}

async fn written(dice: &mut Dice, deletes: bool) -> Vec<u8> {
    let did = TheirDid::new(alice().to_string()).unwrap();
    let signed = |bytes: &[u8]| sign(&key(), bytes).to_vec();
    let builder = Repository::create(MemoryBlockStore::new(), did).await.unwrap();
    let signature = signed(&builder.bytes());
    let mut repo = builder.finalize(signature).await.unwrap();
    for _ in 0..dice.below(60) {
        let (path, text) = (path(dice), dice.roll().to_string());
        let keys: Vec<_> = repo.tree().keys().try_collect().await.unwrap();
        let commit = match keys.get(dice.below(keys.len().max(1))) {
            Some(gone) if deletes && dice.one_in(3) => repo.delete_raw(gone).await.unwrap(),
            _ if keys.contains(&path) => repo.update_raw(&path, text).await.unwrap().0,
            _ => repo.add_raw(&path, text).await.unwrap().0,
        };
        let signature = signed(&commit.bytes());
        commit.finalize(signature).await.unwrap();
    }
    let mut car = Cursor::new(Vec::new());
    let store = CarStore::create_with_roots(&mut car, [repo.root()]).await.unwrap();
    repo.export_into(store).await.unwrap();
    car.into_inner()
}
