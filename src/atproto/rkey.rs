//! A record key: the name of one record within its collection.
//!
//! The wide syntax that every key must meet. Which narrower type a collection
//! asks for (`tid`, `nsid`, a literal) is its lexicon's business.

use std::sync::Arc;

use super::syntax::{Form, SyntaxFault, is_text};
use super::tid::Tid;
use crate::limits::RKEY_BYTES_MAX;

const FORM: Form = Form::Rkey;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rkey(Arc<str>);

impl Rkey {
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        Self::check(text.as_bytes())?;
        Ok(Self(text.into()))
    }

    /// The rules of `parse` without keeping anything.
    pub fn check(text: &[u8]) -> Result<(), SyntaxFault> {
        if text.is_empty() {
            return Err(SyntaxFault::Missing { form: FORM, part: "text" });
        }
        if text.len() > RKEY_BYTES_MAX {
            return Err(SyntaxFault::TooLong { form: FORM, length: text.len(), max: RKEY_BYTES_MAX });
        }
        if let Some(at) = text.iter().position(|byte| !is_rkey_byte(*byte)) {
            return Err(SyntaxFault::Byte { form: FORM, byte: text[at], at });
        }
        match text {
            b"." | b".." => Err(SyntaxFault::Reserved { form: FORM }),
            _ => Ok(()),
        }
    }
}

impl From<Tid> for Rkey {
    fn from(tid: Tid) -> Self {
        Self(tid.to_string().into())
    }
}

is_text!(Rkey);

const fn is_rkey_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'~')
}
