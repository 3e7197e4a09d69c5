//! The parsed types of atproto and its signatures. What is written here as a
//! type has been checked once, at the edge, and is not checked again.
//!
//! Everything is pure: no socket, no clock, no database. Nothing is resolved
//! here (whether a DID exists, whom a handle names, which key an account has
//! now), and no repository is understood here: that is `remote` and `repo`.

pub mod at_uri;
pub mod cid;
pub mod did;
pub mod handle;
pub mod key;
pub mod nsid;
pub mod record_path;
pub mod rkey;
pub mod signature;
pub mod syntax;
pub mod tid;

pub use self::at_uri::{AtUri, Authority};
pub use self::cid::{Cid, CidFault, Codec, Link};
pub use self::did::{Did, Method};
pub use self::handle::Handle;
pub use self::key::{Curve, KeyFault, PublicKey, SigningKey};
pub use self::nsid::Nsid;
pub use self::record_path::RecordPath;
pub use self::rkey::Rkey;
pub use self::signature::{SignatureFault, sign, verify, verify_malleable};
pub use self::syntax::{Form, SyntaxFault};
pub use self::tid::Tid;
