//! The real network: reference PDSes and a PLC directory, as others run them.
//!
//! What is tested against it is that we and they mean the same by the
//! protocol. Faults, time and forged bytes are left to the suites that have
//! servers of their own: these here cannot be told to lie.

mod firehose;
mod network;
mod stands;

use tokio::sync::OnceCell;

use network::{Network, Options};

static SHARED: OnceCell<Network> = OnceCell::const_new();

/// Two PDSes and a PLC that all tests of this process share. A test makes its
/// own accounts here and disturbs nobody; one that stops a server starts a
/// network of its own.
async fn shared() -> &'static Network {
    SHARED.get_or_init(|| Network::start(Options { pds: 2, ..Options::default() })).await
}
