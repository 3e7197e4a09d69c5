//! Every cap in one room: bytes, blocks, depth, rows, attempts, queues, time.
//!
//! A number that bounds something from outside, or bounds what we keep, is
//! written here with its reason and nowhere else. What an operator may change
//! is a setting (`node::config`) and starts from a number here.

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
