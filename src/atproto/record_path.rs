//! A record's path in a repository, `<nsid>/<rkey>`: the key of the tree.
//!
//! `check` allocates nothing and stops at the first fault, because it runs on
//! every key of every repository. The order of paths is the order of their
//! bytes, which is the order of the tree.

use std::sync::Arc;

use super::nsid::Nsid;
use super::rkey::Rkey;
use super::syntax::{Form, SyntaxFault, is_text};
use crate::limits::RECORD_PATH_BYTES_MAX;

const FORM: Form = Form::RecordPath;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordPath(Arc<str>);

impl RecordPath {
    pub fn of(collection: &Nsid, rkey: &Rkey) -> Self {
        Self(format!("{collection}/{rkey}").into())
    }

    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        Self::check(text.as_bytes())?;
        Ok(Self(text.into()))
    }

    pub fn from_bytes(key: &[u8]) -> Result<Self, SyntaxFault> {
        Self::check(key)?;
        let text = str::from_utf8(key).expect("what passes the check is ASCII");
        Ok(Self(text.into()))
    }

    /// The rules of `parse` without keeping anything. A position in a fault
    /// counts from the beginning of the part that the fault names.
    pub fn check(key: &[u8]) -> Result<(), SyntaxFault> {
        if key.len() > RECORD_PATH_BYTES_MAX {
            return Err(SyntaxFault::TooLong { form: FORM, length: key.len(), max: RECORD_PATH_BYTES_MAX });
        }
        let slash = key
            .iter()
            .position(|byte| *byte == b'/')
            .ok_or(SyntaxFault::Missing { form: FORM, part: "record key" })?;
        Nsid::check(&key[..slash])?;
        Rkey::check(&key[slash + 1..])
    }

    pub fn collection(&self) -> &str {
        self.split().0
    }

    pub fn rkey(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        self.0.split_once('/').expect("parse saw the slash")
    }
}

is_text!(RecordPath);
