//! An NSID: the reversed domain name of an authority and the name of one thing
//! it defined, such as a collection of records or a method.
//!
//! Kept as it was written: the authority's letters have no case, but a key in
//! a repository does, so this is not the place to change them.

use std::sync::Arc;

use super::syntax::{Alphabet, Form, SyntaxFault, check_labels, is_text};
use crate::limits::{DOMAIN_BYTES_MAX, LABEL_BYTES_MAX, NSID_BYTES_MAX};

const FORM: Form = Form::Nsid;
const NAME: Alphabet = Alphabet::alphanumeric_and(b"");
const SEGMENTS_MIN: usize = 3;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nsid(Arc<str>);

impl Nsid {
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        Self::check(text.as_bytes())?;
        Ok(Self(text.into()))
    }

    /// The rules of `parse` without keeping anything.
    pub fn check(text: &[u8]) -> Result<(), SyntaxFault> {
        if text.len() > NSID_BYTES_MAX {
            return Err(SyntaxFault::TooLong { form: FORM, length: text.len(), max: NSID_BYTES_MAX });
        }
        let dot = text.iter().rposition(|byte| *byte == b'.').ok_or(SyntaxFault::Segments {
            form: FORM,
            count: usize::from(!text.is_empty()),
            min: SEGMENTS_MIN,
        })?;
        check_authority(&text[..dot])?;
        check_name(&text[dot + 1..], dot + 1)
    }

    /// The reversed domain name, without the last segment.
    pub fn authority(&self) -> &str {
        self.split().0
    }

    pub fn name(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('.').expect("parse saw the dots")
    }
}

is_text!(Nsid);

fn check_authority(authority: &[u8]) -> Result<(), SyntaxFault> {
    if authority.len() > DOMAIN_BYTES_MAX {
        return Err(SyntaxFault::TooLong { form: FORM, length: authority.len(), max: DOMAIN_BYTES_MAX });
    }
    let count = 1 + check_labels(FORM, authority, 0)?;
    if count < SEGMENTS_MIN {
        return Err(SyntaxFault::Segments { form: FORM, count, min: SEGMENTS_MIN });
    }
    match authority[0] {
        byte @ b'0'..=b'9' => Err(SyntaxFault::Byte { form: FORM, byte, at: 0 }),
        _ => Ok(()),
    }
}

fn check_name(name: &[u8], at: usize) -> Result<(), SyntaxFault> {
    let length = name.len();
    if length == 0 || length > LABEL_BYTES_MAX {
        return Err(SyntaxFault::SegmentLength { form: FORM, length, at, max: LABEL_BYTES_MAX });
    }
    if name[0].is_ascii_digit() {
        return Err(SyntaxFault::Byte { form: FORM, byte: name[0], at });
    }
    NAME.check(FORM, name, at)
}
