//! The one integration binary: every suite that sees the library from outside.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the environment and spawn what they watch themselves"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod atproto;
mod crash;
mod differential;
mod hostile;
mod ledger;
mod lexicons;
mod node;
mod offline;
mod postgres;
mod real;
mod repo;
mod tidy;
mod world;
