//! Reading a CAR from a file for a command, with a bar while it takes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, anyhow};

use super::Failed;
use super::progress::Bar;
use crate::repo::Unverified;
use crate::repo::verify::{Intake, Limits, WholeRepo};

/// Takes the file in, whole. The outer error is the file's or the asker's, the
/// inner one the repository's.
pub fn open(path: &Path) -> Result<Result<WholeRepo<'static>, Unverified>, Failed> {
    let mut file = readable(path)?;
    let length = file.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
    let bar = Bar::of_bytes("verifying", length);
    let mut intake = Intake::in_memory(Limits::default());
    let read = intake.read_from(&mut Counted { source: &mut file, bar: &bar });
    let fed = read.with_context(|| format!("cannot read {}", path.display()))?;
    bar.done();
    Ok(fed.and_then(|()| intake.finish()))
}

pub fn readable(path: &Path) -> Result<File, Failed> {
    let opened = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
        true => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        false => Ok(file),
    });
    opened.map_err(|fault| Failed::Asking(anyhow!("cannot read {}: {fault}", path.display())))
}

pub fn unreadable(fault: io::Error) -> Failed {
    Failed::Work(anyhow::Error::from(fault).context("the file changed or cannot be read any more"))
}

struct Counted<'a> {
    source: &'a mut File,
    bar: &'a Bar,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.bar.advance(length as u64);
        Ok(length)
    }
}
