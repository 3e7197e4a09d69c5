//! Counterpart keeps verified, live, restorable copies of atproto accounts.
//!
//! The modules below are in reading order, which is also the order of the
//! floors: a module may use those above it in this list and none below it.
//! A test holds that.

// Floor 1: the ground.
pub mod clock;
pub mod lexicon;
pub mod limits;
