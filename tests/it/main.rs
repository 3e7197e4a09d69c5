//! The one integration binary: every suite that sees the library from outside.

mod atproto;
