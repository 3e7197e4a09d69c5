//! The verdict of `shrike`: its CAR reader, commit, tree and signatures.
//!
//! Its tree is not asked whether it is the one tree of its keys, so the keys
//! are put into an empty one as well and the roots compared. Its `sync`
//! module, which would do what is done here for commits, is behind a feature
//! that brings native TLS, and is a few calls of these same parts.

use std::collections::{BTreeMap, HashMap};

use counterpart::atproto::{Curve, Did, PublicKey};
use counterpart::repo::frame::{Action, CommitMessage, Op};
use counterpart::repo::verify::Head;
use shrike::car::SliceReader;
use shrike::cbor::Cid;
use shrike::crypto::{K256VerifyingKey, P256VerifyingKey, VerifyingKey};
use shrike::mst::DetachedTree;
use shrike::repo::{Commit, Repo};

use super::{Listing, Refusal};

type Blocks = HashMap<Cid, Vec<u8>>;

pub fn repo(car: &[u8], did: &Did, key: &PublicKey) -> Result<Listing, Refusal> {
    let repo = Repo::load_car(car)?;
    let head = repo.head().ok_or("no head")?;
    check_commit(head, did, key)?;
    let blocks: Blocks = repo.store().iter().map(|(cid, bytes)| (*cid, bytes.to_vec())).collect();
    let entries = DetachedTree::load(head.data).entries(&blocks)?;

    let mut anew = DetachedTree::new();
    let nothing = Blocks::new();
    for (path, cid) in &entries {
        anew.insert(&nothing, path.clone(), *cid)?;
    }
    let root = anew.flush()?.root;
    if root != head.data {
        return Err(format!("the keys make {root}, not {}", head.data).into());
    }
    Ok(entries.into_iter().map(|(path, cid)| (path, cid.to_bytes().to_vec())).collect())
}

fn check_commit(commit: &Commit, did: &Did, key: &PublicKey) -> Result<(), Refusal> {
    if commit.did.as_str() != did.as_str() {
        return Err(format!("a commit of {}", commit.did).into());
    }
    if commit.version != 3 {
        return Err(format!("version {}", commit.version).into());
    }
    Ok(commit.verify(&*verifying(key)?)?)
}

fn verifying(key: &PublicKey) -> Result<Box<dyn VerifyingKey>, Refusal> {
    let point = key.to_compressed();
    Ok(match key.curve() {
        Curve::K256 => Box::new(K256VerifyingKey::from_bytes(&point)?),
        Curve::P256 => Box::new(P256VerifyingKey::from_bytes(&point)?),
    })
}

/// Proves a commit as the specification says: signed, every operation found in
/// the new tree, and all of them undone leading to the tree before.
pub fn commit(
    message: &CommitMessage<'_>,
    ours: &Head,
    did: &Did,
    key: &PublicKey,
) -> Result<Listing, Refusal> {
    let reader = SliceReader::new(message.blocks)?;
    let announced = theirs(&message.commit);
    if reader.roots().first() != Some(&announced) {
        return Err("the root is another commit".into());
    }
    let mut blocks = Blocks::new();
    for block in reader {
        let block = block?;
        if Cid::compute(block.cid.codec(), block.data) != block.cid {
            return Err(format!("the block is not {}", block.cid).into());
        }
        blocks.insert(block.cid, block.data.to_vec());
    }
    let commit = Commit::from_cbor(blocks.get(&announced).ok_or("no commit")?)?;
    check_commit(&commit, did, key)?;
    if message.repo != *did || commit.rev.to_string() != message.rev.to_string() {
        return Err("the message speaks of something else".into());
    }
    if message.rev <= ours.rev {
        return Err("not a newer revision".into());
    }
    let mut seen = BTreeMap::new();
    let mut tree = DetachedTree::load(commit.data);
    for op in &message.ops {
        check_op(op, &mut tree, &blocks)?;
        if seen.insert(op.path.to_owned(), op.cid.map(|cid| cid.to_bytes().to_vec())).is_some() {
            return Err(format!("{} twice", op.path).into());
        }
    }
    let root = undone(&message.ops, tree, &blocks)?;
    if root != theirs(&ours.data) || message.prev_data != Some(ours.data) {
        return Err(format!("undone, it leads to {root}").into());
    }
    Ok(seen.into_iter().map(|(path, cid)| (path, cid.unwrap_or_default())).collect())
}

fn check_op(op: &Op<'_>, tree: &mut DetachedTree, blocks: &Blocks) -> Result<(), Refusal> {
    let found = tree.get(blocks, op.path)?;
    let named = op.cid.as_ref().map(theirs);
    if found != named {
        return Err(format!("{} is {found:?}, not {named:?}", op.path).into());
    }
    let whole = match op.action {
        Action::Create => named.is_some() && op.prev.is_none(),
        Action::Update => named.is_some() && op.prev.is_some(),
        Action::Delete => named.is_none() && op.prev.is_some(),
    };
    if !whole {
        return Err(format!("an operation on {} with the wrong fields", op.path).into());
    }
    match named {
        Some(cid) if !blocks.contains_key(&cid) => Err(format!("{} did not come along", op.path).into()),
        _ => Ok(()),
    }
}

fn undone(ops: &[Op<'_>], mut tree: DetachedTree, blocks: &Blocks) -> Result<Cid, Refusal> {
    for op in ops {
        match &op.prev {
            Some(prev) => drop(tree.insert(blocks, op.path.to_owned(), theirs(prev))?),
            None => drop(tree.remove(blocks, op.path)?),
        }
    }
    Ok(tree.flush()?.root)
}

fn theirs(cid: &counterpart::atproto::Cid) -> Cid {
    Cid::from_bytes(&cid.to_bytes()).expect("the only kind of CID it knows")
}
