//! Every cap in one room: bytes, blocks, depth, rows, attempts, queues, time.
//!
//! A number that bounds something from outside, or bounds what we keep, is
//! written here with its reason and nowhere else. What an operator may change
//! is a setting (`node::config`) and starts from a number here.

/// How long a task waits for a connection to the ledger before it says that
/// the ledger does not answer.
pub const LEDGER_ACQUIRE_MS_MAX: u64 = 5_000;

/// The pause after a job's first failure is at most this, and doubles.
pub const JOB_BACKOFF_MS_FIRST: u64 = 1_000;

/// No pause between attempts is longer: an hour after an outage ends, all is moving.
pub const JOB_BACKOFF_MS_MAX: u64 = 3_600_000;

/// A host that asks us to come back in a year is visited again after a day.
pub const JOB_DEFER_MS_MAX: u64 = 86_400_000;

/// How far past its deadline a job may be before its holder counts as stuck.
pub const JOB_DEADLINE_GRACE_MS: u64 = 30_000;

/// Processes that may die while holding a job before the job is blamed.
pub const JOB_RESCUES_MAX: u32 = 10;

/// Reasons and progress kept with a job: enough for a chain of causes, not for
/// a page of HTML that a host sent instead of an error.
pub const JOB_TEXT_BYTES_MAX: usize = 4_096;

/// Jobs looked at in one sweep of the rescuer or the promoter.
pub const JOB_SWEEP_ROWS_MAX: i64 = 1_000;

/// How long a process vouches for its jobs without renewing.
pub const NODE_LEASE_MS: u64 = 30_000;

/// How often it renews; three beats may be lost before the lease is.
pub const NODE_BEAT_MS: u64 = 7_500;

/// How long a node leaves a job alone whose kind only newer releases know.
pub const JOB_UNKNOWN_KIND_MS: u64 = 60_000;

/// How often an idle worker looks for jobs that other nodes asked for, or that
/// have come due.
pub const JOB_POLL_MS: u64 = 500;

/// How often the planner compares what there is with what there should be.
pub const PLAN_EVERY_MS: u64 = 60_000;

/// How often a node looks for work of dead ones; twice that with the worst dice.
pub const RESCUE_EVERY_MS: u64 = 5_000;

/// Events forgotten in one transaction.
pub const PRUNE_ROWS_MAX: i64 = 1_000;

/// A caller sends the whole head of a request within this, or is cut off.
pub const HEAD_READ_MS_MAX: u64 = 10_000;

/// And it is no longer than this: service tokens with long DIDs fit many times.
pub const HEAD_BYTES_MAX: usize = 65_536;

pub const HEADERS_MAX: usize = 100;

/// A caller sends the whole body within this.
pub const BODY_READ_MS_MAX: u64 = 30_000;

/// And it is no longer than this: our methods take small bodies.
pub const BODY_BYTES_MAX: usize = 1_048_576;

/// An answer begins within this; longer work is an intent and a poll.
pub const ANSWER_MS_MAX: u64 = 25_000;

/// Pause after the system refused us another connection.
pub const ACCEPT_PAUSE_MS: u64 = 100;

/// How long the ledger may take to answer before a health check calls it gone.
pub const HEALTH_MS_MAX: u64 = 2_000;
// Identifiers: the caps of the atproto specifications, in bytes.

pub const DID_BYTES_MAX: usize = 2048;
/// After `did:plc:`; 120 bits in base32.
pub const PLC_IDENTIFIER_BYTES: usize = 24;
/// One label of a domain name, and one segment of an NSID.
pub const LABEL_BYTES_MAX: usize = 63;
/// A handle, and an NSID's authority.
pub const DOMAIN_BYTES_MAX: usize = 253;
/// An authority, a dot, a name.
pub const NSID_BYTES_MAX: usize = DOMAIN_BYTES_MAX + 1 + LABEL_BYTES_MAX;
pub const RKEY_BYTES_MAX: usize = 512;
/// What other implementations allow a key of the tree; an NSID and a record key are always shorter.
pub const RECORD_PATH_BYTES_MAX: usize = 1024;
pub const AT_URI_BYTES_MAX: usize = 8192;
pub const TID_BYTES: usize = 13;
/// A TID has 53 bits for its time and 10 for its clock.
pub const TID_MICROS_MAX: u64 = (1 << 53) - 1;
pub const TID_CLOCK_IDS: u16 = 1 << 10;
/// A binary CID in a record, of any kind.
pub const LINK_BYTES_MAX: usize = 100;
/// An uncompressed point takes 90 characters in base58; base58 takes quadratic time.
pub const MULTIBASE_KEY_BYTES_MAX: usize = 128;

// Repositories: what one account may make us hold, hash and walk.

/// A CAR's length prefix has 64 bits at most, seven to a byte.
pub const VARINT_BYTES_MAX: usize = 10;
/// Room for a hundred roots, where one is ever meant.
pub const CAR_HEADER_BYTES_MAX: usize = 4096;
/// A record may be 1 MiB by one text and a million bytes by another; the larger refuses nobody.
pub const BLOCK_BYTES_MAX: usize = 1 << 20;
/// Where a policy says nothing: about ten million records.
pub const CAR_BYTES_MAX: u64 = 4 << 30;
/// Bounds the index, at 52 bytes a block.
pub const CAR_BLOCKS_MAX: u64 = 16 << 20;
/// Blocks that the commit does not reach are tolerated up to as many as it does reach, and these few more.
pub const EXTRA_BLOCKS_MIN: u64 = 1024;
pub const EXTRA_BYTES_MIN: u64 = 16 << 20;
/// The longest honest node has 145 entries of some hundred bytes.
pub const NODE_BYTES_MAX: usize = 256 << 10;
/// In a repository of 10^9 honest keys the longest node exceeds 145 with a chance below 10^-9.
pub const NODE_ENTRIES_MAX: usize = 256;
/// Of 10^12 honest keys none is above layer 35, with the same chance.
pub const MST_LAYER_MAX: u8 = 40;
/// A DID of the longest kind, two links, a signature and the names of the fields.
pub const COMMIT_BYTES_MAX: usize = 4096;
/// How deep the values of a record may lie; lexicons end at 32.
pub const CBOR_DEPTH_MAX: usize = 64;
/// Slots looked at before a lookup gives up. SHA-256 digests fill a table of
/// 2^28 slots without a run of half this; only chosen blocks make longer ones.
pub const INDEX_PROBES_MAX: usize = 1024;
/// A clock may be this far ahead of ours before its revision poisons what comes after.
pub const REV_AHEAD_MS: u64 = 5 * 60 * 1000;

// The firehose: the caps of the sync specification.

pub const FRAME_BYTES_MAX: usize = 5_000_000;
pub const COMMIT_BLOCKS_BYTES_MAX: usize = 2_000_000;
pub const SYNC_BLOCKS_BYTES_MAX: usize = 10_000;
pub const COMMIT_OPS_MAX: usize = 200;
/// JSON readers keep integers exactly up to here.
pub const SEQ_MAX: u64 = (1 << 53) - 1;
