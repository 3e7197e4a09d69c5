//! The program. Everything it can do is in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    counterpart::cli::main()
}
