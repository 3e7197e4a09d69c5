//! A firehose commit, proven against the head before it.
//!
//! The checks go from cheap to dear. Once the signature is found good the
//! account has spoken, and whatever fails after that says that the account has
//! moved on in a way that cannot be followed from here: its copy needs repair,
//! whether the host was sloppy or lied. Before that nothing has been said.

use thiserror::Error;

use super::{SignedBy, Signer, check_rev, check_signer};
use crate::atproto::{Cid, Did, RecordPath, Tid};
use crate::clock::Moment;
use crate::limits::{COMMIT_BLOCKS_BYTES_MAX, COMMIT_OPS_MAX, SYNC_BLOCKS_BYTES_MAX};
use crate::repo::block::CarBlocks;
use crate::repo::commit::Commit;
use crate::repo::fault::Fault;
use crate::repo::frame::{Action, CommitMessage, Op, SyncMessage};
use crate::repo::mst::invert::{Change, Stuck, invert};

/// The last point of a repository that is known for true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub rev: Tid,
    pub commit: Cid,
    pub data: Cid,
}

/// A commit that leads from the head before it to its own by exactly its
/// operations. Only `verify_commit` makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCommit {
    signed: SignedHead,
    since: Head,
    block: Box<[u8]>,
    ops: Vec<VerifiedOp>,
}

/// One operation, in the order of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedOp {
    pub action: Action,
    pub path: RecordPath,
    /// The record before, proven by the tree it was in.
    pub prev: Option<Cid>,
    /// The record now, and its bytes.
    pub record: Option<(Cid, Box<[u8]>)>,
}

/// A head that an account signed, wherever it leads from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    did: Did,
    head: Head,
    signed_by: SignedBy,
}

/// Why a commit cannot be applied.
#[derive(Debug, Error)]
pub enum Rejected {
    /// Nothing shows that the account made it.
    #[error("{0}")]
    Invalid(#[from] Fault),
    /// The very commit we have.
    #[error("revision {rev} is here already")]
    Duplicate { rev: Tid },
    #[error("revision {rev} is older than ours, {ours}")]
    Superseded { rev: Tid, ours: Tid },
    /// The account signed two commits of one revision. Both are evidence.
    #[error("revision {} is signed a second time, as {} and not {ours}", signed.head.rev, signed.head.commit)]
    Forked { signed: Box<SignedHead>, ours: Cid },
    /// The account signed it, but it does not follow from what we have.
    #[error("revision {} cannot be proven from here: {gap}", signed.head.rev)]
    Unprovable { signed: Box<SignedHead>, gap: Gap },
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Gap {
    #[error("it follows {}, not {ours}", shown_rev(since))]
    Since { since: Option<Tid>, ours: Tid },
    #[error("it follows the tree {prev_data}, not {ours}")]
    PrevData { prev_data: Cid, ours: Cid },
    #[error("it does not say from which tree it follows")]
    NoPrevData,
    #[error("it does not say what `{path}` was before")]
    NoPrev { path: String },
    #[error("it says that it is too big to be told")]
    TooBig,
    #[error("node {cid} is needed and was not sent")]
    MissingNode { cid: Cid },
    /// What it says it did is not what it did.
    #[error("{0}")]
    Untrue(Fault),
}

impl Rejected {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Invalid(fault) => fault.label(),
            Self::Duplicate { .. } => "commit_duplicate",
            Self::Superseded { .. } => "commit_superseded",
            Self::Forked { .. } => "commit_forked",
            Self::Unprovable { gap, .. } => gap.label(),
        }
    }
}

impl Gap {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Since { .. } => "gap_since",
            Self::PrevData { .. } => "gap_prev_data",
            Self::NoPrevData => "gap_no_prev_data",
            Self::NoPrev { .. } => "gap_no_prev",
            Self::TooBig => "gap_too_big",
            Self::MissingNode { .. } => "gap_missing_node",
            Self::Untrue(fault) => fault.label(),
        }
    }
}

impl SignedHead {
    pub const fn did(&self) -> &Did {
        &self.did
    }

    pub const fn head(&self) -> &Head {
        &self.head
    }

    pub const fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }
}

impl VerifiedCommit {
    pub const fn did(&self) -> &Did {
        &self.signed.did
    }

    pub const fn head(&self) -> &Head {
        &self.signed.head
    }

    pub const fn signed_by(&self) -> &SignedBy {
        &self.signed.signed_by
    }

    /// The head that this commit leads on from.
    pub const fn since(&self) -> &Head {
        &self.since
    }

    /// The signed commit as it was sent.
    pub const fn block(&self) -> &[u8] {
        &self.block
    }

    pub fn ops(&self) -> &[VerifiedOp] {
        &self.ops
    }
}

/// Verifies a commit message against the head that is known.
///
/// Verified: sizes; that the message, the CAR and the signed commit speak of
/// one repository and one revision, newer than ours and not ahead of `now`;
/// every block's hash; the signature; that each operation is well-formed, each
/// new record is in the new tree and came along, and that undoing all of them
/// leads exactly to the tree of `ours`.
/// Not verified: whether the account is active, whether the host may speak for
/// it, whether the keys are up to date. A signature that fails may mean that
/// they are not.
pub fn verify_commit(
    message: &CommitMessage<'_>,
    ours: &Head,
    signer: &Signer<'_>,
    now: Moment,
) -> Result<VerifiedCommit, Rejected> {
    check_size(message)?;
    check_repo(&message.repo, signer)?;
    check_rev(message.rev, now)?;
    if message.rev < ours.rev {
        return Err(Rejected::Superseded { rev: message.rev, ours: ours.rev });
    }
    if message.rev == ours.rev && message.commit == ours.commit {
        return Err(Rejected::Duplicate { rev: message.rev });
    }
    let blocks = CarBlocks::read(message.blocks)?;
    if blocks.root() != message.commit {
        return Err(Fault::RootMismatch { root: blocks.root(), commit: message.commit }.into());
    }
    let (block, commit) = signed_commit(&blocks, message.rev)?;
    let signed = signed_head(message.commit, &commit, signer, now)?;
    if message.rev == ours.rev {
        return Err(Rejected::Forked { signed: Box::new(signed), ours: ours.commit });
    }
    match prove(message, &signed.head, ours, &blocks) {
        Ok(ops) => Ok(VerifiedCommit { signed, since: *ours, block: block.into(), ops }),
        Err(gap) => Err(Rejected::Unprovable { signed: Box::new(signed), gap }),
    }
}

/// Verifies what a sync message declares: a signed head, from which nothing is
/// known about the way there. It must be no less recent than ours to matter;
/// comparing the two is left to the caller.
pub fn verify_sync(message: &SyncMessage<'_>, signer: &Signer<'_>, now: Moment) -> Result<SignedHead, Fault> {
    let length = message.blocks.len();
    if length > SYNC_BLOCKS_BYTES_MAX {
        return Err(Fault::SyncBlocksTooLarge { length });
    }
    check_repo(&message.did, signer)?;
    let blocks = CarBlocks::read(message.blocks)?;
    let (_, commit) = signed_commit(&blocks, message.rev)?;
    signed_head(blocks.root(), &commit, signer, now)
}

fn check_size(message: &CommitMessage<'_>) -> Result<(), Fault> {
    let (length, count) = (message.blocks.len(), message.ops.len());
    if length > COMMIT_BLOCKS_BYTES_MAX {
        return Err(Fault::CommitBlocksTooLarge { length });
    }
    if count > COMMIT_OPS_MAX { Err(Fault::TooManyOps { count }) } else { Ok(()) }
}

fn check_repo(found: &Did, signer: &Signer<'_>) -> Result<(), Fault> {
    match signer.did {
        Some(expected) if expected != found => {
            Err(Fault::WrongDid { expected: expected.clone(), found: found.clone() })
        }
        _ => Ok(()),
    }
}

fn signed_commit<'a>(blocks: &CarBlocks<'a>, rev: Tid) -> Result<(&'a [u8], Commit), Fault> {
    let cid = blocks.root();
    let block = blocks.get(&cid).ok_or(Fault::MissingCommit { cid })?;
    let commit = Commit::decode(block)?;
    if commit.rev != rev {
        return Err(Fault::RevMismatch { message: rev, commit: commit.rev });
    }
    Ok((block, commit))
}

fn signed_head(cid: Cid, commit: &Commit, signer: &Signer<'_>, now: Moment) -> Result<SignedHead, Fault> {
    let signed_by = check_signer(commit, signer, now)?;
    let head = Head { rev: commit.rev, commit: cid, data: commit.data };
    Ok(SignedHead { did: commit.did.clone(), head, signed_by })
}

/// That the operations, and nothing else, lead from our tree to the signed one.
fn prove(
    message: &CommitMessage<'_>,
    signed: &Head,
    ours: &Head,
    blocks: &CarBlocks<'_>,
) -> Result<Vec<VerifiedOp>, Gap> {
    if message.too_big {
        return Err(Gap::TooBig);
    }
    let mut ops: Vec<&Op<'_>> = message.ops.iter().collect();
    ops.sort_by_key(|op| op.path);
    if let Some(pair) = ops.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Gap::Untrue(Fault::PathTwice { path: pair[0].path.to_owned() }));
    }
    let verified =
        ops.iter().map(|op| check_op(op, blocks)).collect::<Result<Vec<_>, _>>().map_err(Gap::Untrue)?;
    let prev_data = message.prev_data.ok_or(Gap::NoPrevData)?;
    if let Some(op) = ops.iter().find(|op| op.action != Action::Create && op.prev.is_none()) {
        return Err(Gap::NoPrev { path: op.path.to_owned() });
    }
    if message.since != Some(ours.rev) {
        return Err(Gap::Since { since: message.since, ours: ours.rev });
    }
    if prev_data != ours.data {
        return Err(Gap::PrevData { prev_data, ours: ours.data });
    }
    let changes: Vec<_> =
        ops.iter().map(|op| Change { key: op.path.as_bytes(), before: op.prev, after: op.cid }).collect();
    match invert(signed.data, &changes, blocks, |_| {}) {
        Ok(found) if found == prev_data => Ok(verified),
        Ok(found) => Err(Gap::Untrue(Fault::Inversion { found, prev_data })),
        Err(Stuck::Broken(fault)) => Err(Gap::Untrue(fault)),
        Err(Stuck::Missing { cid }) => Err(Gap::MissingNode { cid }),
        Err(Stuck::Store(_)) => unreachable!("blocks in memory do not fail"),
    }
}

/// The form of one operation, and that the record it puts there came along.
fn check_op(op: &Op<'_>, blocks: &CarBlocks<'_>) -> Result<VerifiedOp, Fault> {
    let path = || op.path.to_owned();
    match (op.action, op.cid, op.prev) {
        (Action::Create, _, Some(_)) => return Err(Fault::CreateWithPrev { path: path() }),
        (Action::Create | Action::Update, None, _) => {
            return Err(Fault::OpWithoutCid { action: op.action.as_str(), path: path() });
        }
        (Action::Delete, Some(_), _) => return Err(Fault::DeleteWithCid { path: path() }),
        _ => {}
    }
    let record = match op.cid {
        Some(cid) => {
            let bytes = blocks.get(&cid).ok_or_else(|| Fault::OpWithoutBlock { path: path(), cid })?;
            Some((cid, bytes.into()))
        }
        None => None,
    };
    let path = RecordPath::parse(op.path).map_err(|fault| Fault::OpPath { path: path(), fault })?;
    Ok(VerifiedOp { action: op.action, path, prev: op.prev, record })
}

fn shown_rev(rev: &Option<Tid>) -> String {
    rev.map_or_else(|| "nothing".to_owned(), |rev| format!("revision {rev}"))
}
