//! The node as its operator and its callers meet it: the real binary, as a
//! process, on loopback.

mod answers;
mod bad_input;
pub mod child;
mod commands;
mod flood;
mod ledger_gone;
mod settings;
