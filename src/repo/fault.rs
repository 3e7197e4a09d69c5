//! Every rule of a repository that somebody else can break, one variant each.
//!
//! A fault says what was found and where, so that it can be shown to the host
//! that sent it. It does not say what is to be done about it: whether an
//! account is repaired, a host avoided or a connection dropped is decided by
//! whoever asked for the verification.

use std::io;

use thiserror::Error;

use super::cbor::CborFault;
use super::mst::node::NodeFault;
use super::varint::VarintFault;
use crate::atproto::{Cid, CidFault, Did, SignatureFault, SyntaxFault, Tid};
use crate::clock::Moment;
use crate::limits::{
    BLOCK_BYTES_MAX, CAR_HEADER_BYTES_MAX, COMMIT_BLOCKS_BYTES_MAX, COMMIT_BYTES_MAX, COMMIT_OPS_MAX,
    INDEX_PROBES_MAX, MST_LAYER_MAX, SYNC_BLOCKS_BYTES_MAX,
};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    // The CAR: its framing, and whether each block is what its CID says.
    #[error("the CAR has more than {max} bytes")]
    CarTooLarge { max: u64 },
    #[error("the CAR has more than {max} blocks")]
    TooManyBlocks { max: u64 },
    #[error("the length at {at} is wrong: {fault}")]
    Varint { at: u64, fault: VarintFault },
    #[error("the CAR ends inside the length at {at}")]
    CutInLength { at: u64 },
    #[error("the CAR ends before its header does")]
    CutInHeader,
    #[error("the CAR ends {missing} bytes before the block at {at} does")]
    CutInBlock { at: u64, missing: u64 },
    #[error("the CAR's header has {length} bytes, not 1 to {CAR_HEADER_BYTES_MAX}")]
    HeaderLength { length: u64 },
    #[error("the CAR's header is wrong: {0}")]
    Header(CborFault),
    #[error("a CAR of version {version}, not 1")]
    CarVersion { version: u64 },
    #[error("the CAR names no root")]
    NoRoot,
    #[error("the CAR's root is no CID of a commit: {0}")]
    RootCid(CidFault),
    #[error("the CAR's root {cid} is not DAG-CBOR")]
    RootCodec { cid: Cid },
    #[error("a section of {length} bytes at {at} is too short for a CID")]
    SectionTooShort { at: u64, length: u64 },
    #[error("a block at {at} under a CID that cannot be checked: {fault}")]
    BlockCid { at: u64, fault: CidFault },
    #[error("a block of {length} bytes at {at}, more than {BLOCK_BYTES_MAX}")]
    BlockTooLarge { at: u64, length: u64 },
    #[error("the block at {at} is not the one that {cid} names")]
    HashMismatch { at: u64, cid: Cid },
    #[error("{cid} and {INDEX_PROBES_MAX} others were chosen to collide")]
    IndexFlooded { cid: Cid },
    #[error("{extra} blocks that the commit does not reach, beside {reached} that it does")]
    ExtraBlocks { extra: u64, reached: u64 },
    #[error("{extra} bytes that the commit does not reach, beside {reached} that it does")]
    ExtraBytes { extra: u64, reached: u64 },

    // The commit, and who signed it.
    #[error("the commit {cid} is not in the CAR")]
    MissingCommit { cid: Cid },
    #[error("a commit of {length} bytes, more than {COMMIT_BYTES_MAX}")]
    CommitTooLarge { length: usize },
    #[error("the commit is not one: {0}")]
    Commit(CborFault),
    #[error("a commit of version {version}, not 3")]
    CommitVersion { version: u64 },
    #[error("the commit's DID is none: {0}")]
    CommitDid(SyntaxFault),
    #[error("the commit's revision is none: {0}")]
    CommitRev(SyntaxFault),
    #[error("the commit's link {cid} is not to DAG-CBOR")]
    CommitLink { cid: Cid },
    #[error("the commit is of {found}, not of {expected}")]
    WrongDid { expected: Did, found: Did },
    #[error("revision {rev} lies ahead of {now}")]
    RevAhead { rev: Tid, now: Moment },
    #[error("no key is known that could have signed")]
    NoKey,
    #[error("the commit's signature: {0}")]
    Signature(SignatureFault),
    #[error("revision {rev} is signed by a key that was not in force then")]
    KeyNotInForce { rev: Tid },

    // The tree.
    #[error("node {cid}: {fault}")]
    Node { cid: Cid, fault: NodeFault },
    #[error("node {cid} is not in the CAR")]
    MissingNode { cid: Cid },
    #[error("the record {cid} of `{path}` is not in the CAR")]
    MissingRecord { path: String, cid: Cid },
    #[error("node {cid} is of layer {layer}, where {expected} is due")]
    Layer { cid: Cid, layer: u8, expected: u8 },
    #[error("node {cid} is of layer {layer}, above {MST_LAYER_MAX}")]
    TooHigh { cid: Cid, layer: u8 },
    #[error("node {cid} has children although it is of layer 0")]
    BelowBottom { cid: Cid },
    #[error("node {cid} holds nothing and leads nowhere")]
    EmptyNode { cid: Cid },
    #[error("node {cid} at the top holds nothing and only leads on")]
    EmptyTop { cid: Cid },
    #[error("node {cid} has `{key}`, which does not come after `{bound}`")]
    KeyBelowRange { cid: Cid, key: String, bound: String },
    #[error("node {cid} has `{key}`, which does not come before `{bound}`")]
    KeyAboveRange { cid: Cid, key: String, bound: String },

    // A commit on the firehose.
    #[error("the commit comes with {length} bytes of blocks, more than {COMMIT_BLOCKS_BYTES_MAX}")]
    CommitBlocksTooLarge { length: usize },
    #[error("the sync comes with {length} bytes of blocks, more than {SYNC_BLOCKS_BYTES_MAX}")]
    SyncBlocksTooLarge { length: usize },
    #[error("{count} operations in one commit, more than {COMMIT_OPS_MAX}")]
    TooManyOps { count: usize },
    #[error("the CAR's root is {root}, the message's commit {commit}")]
    RootMismatch { root: Cid, commit: Cid },
    #[error("the message says revision {message}, the commit {commit}")]
    RevMismatch { message: Tid, commit: Tid },
    #[error("an operation on `{path}`, which is no path: {fault}")]
    OpPath { path: String, fault: SyntaxFault },
    #[error("two operations on `{path}`")]
    PathTwice { path: String },
    #[error("the creation of `{path}` names a record before it")]
    CreateWithPrev { path: String },
    #[error("the {action} of `{path}` names no record")]
    OpWithoutCid { action: &'static str, path: String },
    #[error("the deletion of `{path}` names a record after it")]
    DeleteWithCid { path: String },
    #[error("`{path}` is not in the tree, though an operation put it there")]
    OpNotInTree { path: String },
    #[error("`{path}` is {found} in the tree, {named} in the operation")]
    OpCidMismatch { path: String, named: Cid, found: Cid },
    #[error("`{path}` is in the tree, though an operation deleted it")]
    DeletedStillInTree { path: String },
    #[error("the block {cid} of `{path}` does not come with the commit")]
    OpWithoutBlock { path: String, cid: Cid },
    #[error("undone, the operations lead to {found}, not to {prev_data}")]
    Inversion { found: Cid, prev_data: Cid },
}

/// Why there is nothing to trust.
#[derive(Debug, Error)]
pub enum Unverified {
    /// Somebody else broke a rule.
    #[error("{0}")]
    Refused(#[from] Fault),
    /// Our own spool did, which says nothing about the repository.
    #[error("the spool failed")]
    Spool(#[source] io::Error),
}

impl Unverified {
    pub fn label(&self) -> &'static str {
        match self {
            Self::Refused(fault) => fault.label(),
            Self::Spool(_) => "spool",
        }
    }
}

impl Fault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::CarTooLarge { .. } => "car_too_large",
            Self::TooManyBlocks { .. } => "car_too_many_blocks",
            Self::Varint { fault: VarintFault::TooLong, .. } => "car_varint_too_long",
            Self::Varint { fault: VarintFault::NotMinimal, .. } => "car_varint_not_minimal",
            Self::CutInLength { .. } => "car_cut_in_length",
            Self::CutInHeader => "car_cut_in_header",
            Self::CutInBlock { .. } => "car_cut_in_block",
            Self::HeaderLength { .. } => "car_header_length",
            Self::Header(_) => "car_header",
            Self::CarVersion { .. } => "car_version",
            Self::NoRoot => "car_no_root",
            Self::RootCid(_) => "car_root_cid",
            Self::RootCodec { .. } => "car_root_codec",
            Self::SectionTooShort { .. } => "car_section_too_short",
            Self::BlockCid { .. } => "car_block_cid",
            Self::BlockTooLarge { .. } => "car_block_too_large",
            Self::HashMismatch { .. } => "car_hash_mismatch",
            Self::IndexFlooded { .. } => "car_index_flooded",
            Self::ExtraBlocks { .. } => "car_extra_blocks",
            Self::ExtraBytes { .. } => "car_extra_bytes",
            Self::MissingCommit { .. } => "commit_missing",
            Self::CommitTooLarge { .. } => "commit_too_large",
            Self::Commit(_) => "commit_malformed",
            Self::CommitVersion { .. } => "commit_version",
            Self::CommitDid(_) => "commit_did",
            Self::CommitRev(_) => "commit_rev",
            Self::CommitLink { .. } => "commit_link",
            Self::WrongDid { .. } => "commit_wrong_did",
            Self::RevAhead { .. } => "commit_rev_ahead",
            Self::NoKey => "commit_no_key",
            Self::Signature(fault) => fault.label(),
            Self::KeyNotInForce { .. } => "signature_key_not_in_force",
            Self::Node { fault, .. } => fault.label(),
            Self::MissingNode { .. } => "node_missing",
            Self::MissingRecord { .. } => "record_missing",
            Self::Layer { .. } => "node_layer",
            Self::TooHigh { .. } => "node_too_high",
            Self::BelowBottom { .. } => "node_below_bottom",
            Self::EmptyNode { .. } => "node_empty",
            Self::EmptyTop { .. } => "node_empty_top",
            Self::KeyBelowRange { .. } => "node_key_below_range",
            Self::KeyAboveRange { .. } => "node_key_above_range",
            Self::CommitBlocksTooLarge { .. } => "ops_blocks_too_large",
            Self::SyncBlocksTooLarge { .. } => "sync_blocks_too_large",
            Self::TooManyOps { .. } => "ops_too_many",
            Self::RootMismatch { .. } => "ops_root_mismatch",
            Self::RevMismatch { .. } => "ops_rev_mismatch",
            Self::OpPath { .. } => "ops_path",
            Self::PathTwice { .. } => "ops_path_twice",
            Self::CreateWithPrev { .. } => "ops_create_with_prev",
            Self::OpWithoutCid { .. } => "ops_without_cid",
            Self::DeleteWithCid { .. } => "ops_delete_with_cid",
            Self::OpNotInTree { .. } => "ops_not_in_tree",
            Self::OpCidMismatch { .. } => "ops_cid_mismatch",
            Self::DeletedStillInTree { .. } => "ops_deleted_still_in_tree",
            Self::OpWithoutBlock { .. } => "ops_without_block",
            Self::Inversion { .. } => "ops_inversion",
        }
    }
}

/// A key as it can be shown, whatever its bytes are.
pub(super) fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
