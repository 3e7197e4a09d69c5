//! What the parsed types and the signatures take and what they refuse.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod any_input;
mod cids;
mod identifiers;
mod keys;
mod paths;
mod peers;
mod signatures;
mod tids;
