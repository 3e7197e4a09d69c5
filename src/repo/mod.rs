//! A repo that can be believed: CARs, commits and trees, read from strangers
//! and verified completely, and written canonically.
//!
//! Pure: no socket, no clock, no database, no dice. Bytes come in as slices,
//! and go to a file only where the caller gives one. What leaves `verify` is
//! trusted by every floor above; what these modules say about it (owner,
//! revision, keys) they were told or read in the signed commit. Whether a
//! revision is wanted, and what becomes of a refused one, is not known here.

pub mod author;
pub mod block;
pub mod car;
pub mod cbor;
pub mod commit;
pub mod fault;
pub mod frame;
pub mod mst;
pub mod record;
pub mod sha256;
pub mod varint;
pub mod verify;
pub mod write;

pub use self::block::Blocks;
pub use self::commit::Commit;
pub use self::fault::{Fault, Unverified};
pub use self::verify::{VerifiedCommit, VerifiedSnapshot, verify_commit, verify_snapshot};
