//! The data directory: made when missing, writable, and on SQLite ours alone.
//!
//! Two nodes on one SQLite file would each believe they hold the leases. The
//! lock is the operating system's, on an open file: it goes with the process,
//! however that ends, so there is no stale lock to clean up.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

#[derive(Debug, Error)]
pub enum DirectoryFault {
    #[error("cannot create the data directory {path}: create it, or name another with `data`", path = .0.display())]
    Create(PathBuf, #[source] io::Error),
    #[error("the data directory {path} is not writable: change its owner, or name another with `data`", path = .0.display())]
    NotWritable(PathBuf, #[source] io::Error),
    #[error(
        "another node is running on the data directory {path}: stop it first, or give this one its own `data`",
        path = .0.display()
    )]
    Locked(PathBuf),
}

/// A directory this process may write to and, while this lives, nobody else locks.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    pub fn lock(path: &Path) -> Result<Self, DirectoryFault> {
        create_private(path).map_err(|fault| DirectoryFault::Create(path.to_owned(), fault))?;
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(|fault| DirectoryFault::NotWritable(path.to_owned(), fault))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: file }),
            Err(TryLockError::WouldBlock) => Err(DirectoryFault::Locked(path.to_owned())),
            Err(TryLockError::Error(fault)) => Err(DirectoryFault::NotWritable(path.to_owned(), fault)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

// Copies of people's accounts: for the operator's eyes only.
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
