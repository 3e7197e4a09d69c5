//! A record key: the name of one record within its collection.
//!
//! The wide syntax that every key must meet. Which narrower type a collection
//! asks for (`tid`, `nsid`, a literal) is its lexicon's business.

use std::sync::Arc;

use super::syntax::{Alphabet, Form, SyntaxFault, is_text};
use super::tid::Tid;
use crate::limits::RKEY_BYTES_MAX;

const FORM: Form = Form::Rkey;
const ALPHABET: Alphabet = Alphabet::alphanumeric_and(b".-_:~");

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
        match text {
            b"." | b".." => Err(SyntaxFault::Reserved { form: FORM }),
            _ => ALPHABET.check(FORM, text, 0),
        }
    }
}

impl From<Tid> for Rkey {
    fn from(tid: Tid) -> Self {
        Self(tid.to_string().into())
    }
}

is_text!(Rkey);
