//! The one integration binary: every suite that sees the library from outside.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the environment and spawn what they watch themselves"
)]

mod atproto;
mod differential;
mod ledger;
mod node;
mod postgres;
mod real;
mod repo;
