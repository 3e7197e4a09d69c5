//! The wire: every schema under `lexicons/` as plain structs.
//!
//! The authorities' folders (`network/…`) and `table.rs` are generated from
//! the schemas; a test fails when they drift and rewrites them under
//! `UPDATE=1`. What is here is only shaped: a `did` is still text, and these
//! types stop at `serving` and `remote`. It leaves meaning to `atproto` and
//! the floors above, routes and status codes to `serving`.

mod format;
#[doc(hidden)]
pub mod rules;
mod table;
mod value;
mod violation;

pub mod network;

pub use format::Format;
pub use table::METHODS;
pub use value::{Blob, Bytes, Link};
#[doc(hidden)]
pub use value::{present, union_type};
pub use violation::{Bounds, Rule, Violation};

/// Obeys the limits its schema states, as far as one value can tell.
///
/// Decoding has already refused missing fields and wrong types; this refuses
/// wrong lengths, ranges, formats and vocabularies. Call it on what came in
/// before anything else reads it.
pub trait Checked {
    fn check(&self) -> Result<(), Violation>;
}

/// One XRPC method, as its schema declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    pub nsid: &'static str,
    pub kind: Kind,
    /// Encoding of the request body; `None` when the method takes none.
    pub input: Option<&'static str>,
    /// Encoding of the answer; `None` for a subscription and for an answer without a body.
    pub output: Option<&'static str>,
    /// The error names the schema declares, beside those every method may answer.
    pub errors: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Query,
    Procedure,
    Subscription,
}

/// The method of this NSID, if a schema declares it. Whether this node answers
/// it is `serving`'s to say.
pub fn method(nsid: &str) -> Option<&'static Method> {
    let at = METHODS.binary_search_by(|method| method.nsid.cmp(nsid)).ok()?;
    METHODS.get(at)
}
