//! The program: a front for the library, and empty as long as that has no `cli`.
//!
//! Arguments, settings and exit codes are left to the library.

fn main() {}
