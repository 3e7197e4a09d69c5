//! The one integration binary: every test that is not beside its code.

mod atproto;
mod repo;
