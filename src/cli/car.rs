//! Reading a CAR from a file for a command; a person is told when it takes.
//!
//! Tells apart what is the file's fault, the asker's and the repository's. What
//! is made of the repository is left to the command.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::anyhow;

use super::Failed;
use super::progress::during;
use crate::repo::Unverified;
use crate::repo::verify::{Limits, WholeRepo};

/// The repository in a file, which stays where it is. The outer error is the
/// file's or the asker's, the inner one the repository's.
pub fn open(path: &Path) -> Result<Result<WholeRepo<'static>, Unverified>, Failed> {
    let file = readable(path)?;
    match during(&format!("verifying {}", path.display()), || WholeRepo::read_file(file, Limits::default())) {
        Err(Unverified::File(fault)) => Err(unreadable(fault)),
        read => Ok(read),
    }
}

pub fn readable(path: &Path) -> Result<File, Failed> {
    let opened = File::open(path).and_then(|file| match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a file")),
    });
    opened.map_err(|fault| Failed::Asking(anyhow!("cannot read {}: {fault}", path.display())))
}

pub fn unreadable(fault: io::Error) -> Failed {
    Failed::Work(anyhow::Error::from(fault).context("the file changed or cannot be read any more"))
}
