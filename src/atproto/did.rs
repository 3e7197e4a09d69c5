//! A DID, and which of the methods that atproto supports it uses.
//!
//! `parse` takes the whole DID syntax of atproto, because a DID of a method
//! we cannot resolve may still be named in a record. Percent signs are not
//! read as hexadecimal: the specification leaves that to whoever resolves.

use std::sync::Arc;

use super::handle::check_host_name;
use super::syntax::{Alphabet, Form, SyntaxFault, is_text};
use crate::limits::{DID_BYTES_MAX, PLC_IDENTIFIER_BYTES};

const FORM: Form = Form::Did;
const PREFIX: &str = "did:";
const IDENTIFIER: Alphabet = Alphabet::alphanumeric_and(b"._:%-");
const LOCALHOST: &str = "localhost";

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did(Arc<str>);

/// How a DID is resolved. `Web` and `Plc` promise that the identifier has the
/// narrow shape that atproto allows for the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Plc,
    Web,
    /// Another method, or a malformed identifier of these two.
    Other,
}

impl Did {
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        check(text.as_bytes())?;
        Ok(Self(text.into()))
    }

    pub fn method(&self) -> Method {
        match self.split() {
            ("plc", identifier) if is_plc_identifier(identifier) => Method::Plc,
            ("web", identifier) if web_host(identifier).is_some() => Method::Web,
            _ => Method::Other,
        }
    }

    /// The name of the method as it is written, supported or not.
    pub fn method_name(&self) -> &str {
        self.split().0
    }

    /// What follows the method.
    pub fn identifier(&self) -> &str {
        self.split().1
    }

    /// The host of a supported `did:web`, and the port that only `localhost` may have.
    pub fn web_host(&self) -> Option<(&str, Option<u16>)> {
        match self.split() {
            ("web", identifier) => web_host(identifier),
            _ => None,
        }
    }

    fn split(&self) -> (&str, &str) {
        self.0[PREFIX.len()..].split_once(':').expect("parse saw the colon")
    }
}

is_text!(Did);

fn check(text: &[u8]) -> Result<(), SyntaxFault> {
    if text.len() > DID_BYTES_MAX {
        return Err(SyntaxFault::TooLong { form: FORM, length: text.len(), max: DID_BYTES_MAX });
    }
    let rest =
        text.strip_prefix(PREFIX.as_bytes()).ok_or(SyntaxFault::Prefix { form: FORM, prefix: PREFIX })?;
    let colon = rest
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(SyntaxFault::Missing { form: FORM, part: "identifier" })?;
    let (method, identifier) = (&rest[..colon], &rest[colon + 1..]);
    if method.is_empty() {
        return Err(SyntaxFault::Missing { form: FORM, part: "method" });
    }
    let Some(last) = identifier.last() else {
        return Err(SyntaxFault::Missing { form: FORM, part: "identifier" });
    };

    if let Some(at) = method.iter().position(|byte| !byte.is_ascii_lowercase()) {
        return Err(SyntaxFault::Byte { form: FORM, byte: method[at], at: PREFIX.len() + at });
    }
    let start = PREFIX.len() + colon + 1;
    IDENTIFIER.check(FORM, identifier, start)?;
    match last {
        b':' | b'%' => Err(SyntaxFault::Byte { form: FORM, byte: *last, at: text.len() - 1 }),
        _ => Ok(()),
    }
}

fn is_plc_identifier(identifier: &str) -> bool {
    let base32 = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    identifier.len() == PLC_IDENTIFIER_BYTES && identifier.bytes().all(base32)
}

fn web_host(identifier: &str) -> Option<(&str, Option<u16>)> {
    if identifier == LOCALHOST {
        return Some((identifier, None));
    }
    match identifier.split_once("%3A") {
        Some((LOCALHOST, port)) => Some((LOCALHOST, Some(parse_port(port)?))),
        Some(_) => None,
        None => check_host_name(FORM, identifier.as_bytes(), 0).is_ok().then_some((identifier, None)),
    }
}

/// Plain decimal: what parses as a number has a plus sign and zeros in front besides.
fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}
