//! Crashes: processes that are killed, frozen or cut off while they work, and
//! what the ledger says afterwards. Nothing may be lost and nothing doubled.
//!
//! The victim (`tests/victim`) is a process of its own. What it was promised it
//! says at once; what became of it is read from the ledger and judged here.

mod evidence;
mod freezes;
mod judge;
mod loops;
mod oracle;
mod outages;
mod points;
mod stage;
mod stopping;
mod victim;

// The one text that the victim and its judge share.
#[path = "../../victim/script.rs"]
mod script;
