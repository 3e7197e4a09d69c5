//! Counterpart keeps verified, live, restorable copies of atproto accounts.
//!
//! The modules below are in reading order, which is also the order of the
//! floors: a module may use those above it in this list and none below it.
//! A test holds that.

// Floor 1: the ground.
pub mod clock;
pub mod crash;
pub mod lexicon;
pub mod limits;

// Floor 2: the words of the protocol.
pub mod atproto;

// Floor 3: the pure cores.
pub mod repo;

// Floor 4: the two ways out of the process.
pub mod ledger;

// Floor 9.
pub mod jobs;

// Floor 11: the doors, strangers to each other.
pub mod serving;

// Floor 12: everything built and started.
pub mod node;

// Floor 13: what a person types.
pub mod cli;
