//! The verdict of `atrium-repo`: its CAR store, commit and tree, with the
//! signatures of `k256` and `p256`.
//!
//! Reading a tree it checks little, but it writes the one tree of a set of
//! keys: a tree is right if its keys, added one by one, make it. A commit is
//! right if its operations, done to all that was there before, make the new
//! tree, which is the other way round from what we do.
//! What would abort the process is kept from it, and said to be.

use std::collections::BTreeMap;
use std::io::Cursor;

use atrium_repo::blockstore::{AsyncBlockStoreRead, CarStore, MemoryBlockStore};
use atrium_repo::mst::Tree;
use atrium_repo::{Cid, Repository};
use counterpart::atproto::{Curve, Did, PublicKey};
use counterpart::repo::frame::{Action, CommitMessage};
use counterpart::repo::verify::Head;
use futures_util::TryStreamExt;
use k256::ecdsa::signature::Verifier;
use serde::Deserialize;

use super::{Listing, Refusal};

/// It allocates what a length declares; more than this is kept from it.
const DECLARED_MAX: u64 = 16 << 20;

#[derive(Deserialize)]
struct Signed {
    did: String,
    version: i64,
    rev: String,
}

pub async fn repo(car: &[u8], did: &Did, key: &PublicKey) -> Result<Listing, Refusal> {
    let store = CarStore::open(Cursor::new(car)).await?;
    let root = store.roots().next().ok_or("no root")?;
    let mut repository = Repository::open(store, root).await?;
    check_commit(&repository, did, key)?;
    let data = repository.commit().data();
    let entries: Vec<(String, Cid)> = repository.tree().entries().try_collect().await?;
    repository.export_into(MemoryBlockStore::new()).await?;

    let count = entries.len();
    let holdings = Holdings(entries.into_iter().collect());
    let root = holdings.root().await?;
    if root != data || holdings.0.len() != count {
        return Err(format!("the keys make {root}, not {data}").into());
    }
    Ok(holdings.0.into_iter().map(|(path, cid)| (path, cid.to_bytes())).collect())
}

/// The signature, and what it is over: the reader keeps DID and version to itself.
fn check_commit<R: AsyncBlockStoreRead>(
    repository: &Repository<R>,
    did: &Did,
    key: &PublicKey,
) -> Result<Signed, Refusal> {
    let commit = repository.commit();
    let unsigned = commit.bytes();
    let signed: Signed = serde_ipld_dagcbor::from_slice(&unsigned)?;
    if signed.did != did.as_str() || signed.version != 3 {
        return Err(format!("a commit of {}, version {}", signed.did, signed.version).into());
    }
    check_signature(&unsigned, commit.sig(), key)?;
    Ok(signed)
}

fn check_signature(unsigned: &[u8], signature: &[u8], key: &PublicKey) -> Result<(), Refusal> {
    let point = key.to_compressed();
    match key.curve() {
        Curve::K256 => {
            let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point)?;
            Ok(key.verify(unsigned, &k256::ecdsa::Signature::from_slice(signature)?)?)
        }
        Curve::P256 => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point)?;
            let signature = p256::ecdsa::Signature::from_slice(signature)?;
            // The crate leaves the low `s`, which commits must have, to its user.
            if signature.normalize_s().is_some() {
                return Err("a high s".into());
            }
            Ok(key.verify(unsigned, &signature)?)
        }
    }
}

/// What an account holds, from one commit to the next.
///
/// Changing a tree of theirs in place is not asked for: taking a key out of
/// one sometimes leaves another tree than putting the others in.
#[derive(Clone, Default)]
pub struct Holdings(BTreeMap<String, Cid>);

impl Holdings {
    pub fn of<'k>(entries: impl IntoIterator<Item = (&'k str, counterpart::atproto::Cid)>) -> Self {
        Self(entries.into_iter().map(|(path, cid)| (path.to_owned(), cid.into())).collect())
    }

    /// Whether the message is signed and its operations lead from here to its tree; and what is there then.
    pub async fn after(
        &self,
        message: &CommitMessage<'_>,
        ours: &Head,
        did: &Did,
        key: &PublicKey,
    ) -> Result<(Listing, Self), Refusal> {
        let mut car = CarStore::open(Cursor::new(message.blocks)).await?;
        let announced = Cid::from(message.commit);
        if car.roots().next() != Some(announced) {
            return Err("the root is another commit".into());
        }
        for cid in message.ops.iter().filter_map(|op| op.cid) {
            car.read_block(cid.into()).await?;
        }
        let repository = Repository::open(car, announced).await?;
        let signed = check_commit(&repository, did, key)?;
        if message.repo != *did || signed.rev != message.rev.to_string() || message.rev <= ours.rev {
            return Err("the message speaks of something else".into());
        }
        if message.prev_data != Some(ours.data) {
            return Err("it follows another tree".into());
        }
        let (listing, after) = self.apply(message)?;
        match after.root().await? {
            root if root == repository.commit().data() => Ok((listing, after)),
            root => Err(format!("the operations lead to {root}").into()),
        }
    }

    fn apply(&self, message: &CommitMessage<'_>) -> Result<(Listing, Self), Refusal> {
        let (mut listing, mut after) = (Listing::new(), self.clone());
        for op in &message.ops {
            let cid = op.cid.map(Cid::from);
            let before = match (op.action, cid) {
                (Action::Create | Action::Update, Some(cid)) => after.0.insert(op.path.to_owned(), cid),
                (Action::Delete, None) => after.0.remove(op.path),
                _ => return Err(format!("an operation on {} with the wrong fields", op.path).into()),
            };
            if before != op.prev.map(Cid::from) || before.is_some() == (op.action == Action::Create) {
                return Err(format!("{} was {before:?}", op.path).into());
            }
            let bytes = cid.map(|cid| cid.to_bytes()).unwrap_or_default();
            if listing.insert(op.path.to_owned(), bytes).is_some() {
                return Err(format!("{} twice", op.path).into());
            }
        }
        Ok((listing, after))
    }

    async fn root(&self) -> Result<Cid, Refusal> {
        let mut tree = Tree::create(MemoryBlockStore::new()).await?;
        for (path, cid) in &self.0 {
            tree.add(path, *cid).await?;
        }
        Ok(tree.root())
    }
}

/// Whether it may be given this: a declared length ends the process where
/// there is not so much memory, and nothing can be done about that here.
pub fn may_read(car: &[u8]) -> bool {
    let mut rest = car;
    match take_number(&mut rest) {
        Some(header) if header <= DECLARED_MAX => rest = rest.get(header as usize..).unwrap_or_default(),
        _ => return false,
    }
    while !rest.is_empty() {
        let Some(length) = take_number(&mut rest) else { return true };
        let mut cid = rest;
        let numbers = (0..4).map_while(|_| take_number(&mut cid)).collect::<Vec<_>>();
        if length > DECLARED_MAX || numbers.get(3).is_some_and(|digest| *digest > DECLARED_MAX) {
            return false;
        }
        rest = rest.get(length as usize..).unwrap_or_default();
    }
    true
}

/// A number as lenient readers read it; `None` when there is no end to it.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let end = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let value = bytes[..=end].iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    *bytes = &bytes[end + 1..];
    Some(value)
}
