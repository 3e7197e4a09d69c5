//! A world on loopback for the fast suites.

#![expect(clippy::unwrap_used, reason = "a test whose world cannot be made has failed")]

mod proxy;
