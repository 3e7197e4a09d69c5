//! A handle: a domain name that an account goes by.
//!
//! Handles differ in case only by accident, so they are kept in lower case.
//! Whether the handle is claimed by an account, and whether its top-level
//! domain may be used at all, is for the resolver to say.

use std::sync::Arc;

use super::syntax::{Form, SyntaxFault, check_labels, is_text};
use crate::limits::DOMAIN_BYTES_MAX;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(Arc<str>);

impl Handle {
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        check_host_name(Form::Handle, text.as_bytes(), 0)?;
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

is_text!(Handle);

/// A domain name of two labels or more whose last label does not start with a
/// digit, so that no IPv4 address is taken for one.
pub(super) fn check_host_name(form: Form, name: &[u8], at: usize) -> Result<(), SyntaxFault> {
    if name.is_empty() {
        return Err(SyntaxFault::Missing { form, part: "host name" });
    }
    if name.len() > DOMAIN_BYTES_MAX {
        return Err(SyntaxFault::TooLong { form, length: name.len(), max: DOMAIN_BYTES_MAX });
    }
    let count = check_labels(form, name, at)?;
    if count < 2 {
        return Err(SyntaxFault::Segments { form, count, min: 2 });
    }
    let last = name.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
    match name[last] {
        byte @ b'0'..=b'9' => Err(SyntaxFault::Byte { form, byte, at: at + last }),
        _ => Ok(()),
    }
}
