//! The one integration binary: every suite that sees the library from outside.

#![expect(clippy::disallowed_methods, reason = "tests read their environment and spawn freely")]

mod lexicons;
mod tidy;
