//! The program.
//!
//! Everything it can do is in `cli`; here is only the door to it, so that tests
//! and benches can walk in by another.

use std::process::ExitCode;

fn main() -> ExitCode {
    counterpart::cli::main()
}
