//! The string formats of the lexicon language: syntax, and nothing but syntax.
//!
//! A text that is admitted here has the right shape and length; whether it
//! means anything is for the parsed types in `atproto`, which this floor
//! cannot see. A CID in particular is only checked for its alphabet. The
//! rules: <https://atproto.com/specs/lexicon#string-formats>.

use std::fmt;

use chrono::DateTime;

const DID_BYTES_MAX: usize = 2048;
const HANDLE_BYTES_MAX: usize = 253;
const NSID_BYTES_MAX: usize = 317;
const LABEL_BYTES_MAX: usize = 63;
const RECORD_KEY_BYTES_MAX: usize = 512;
const URI_BYTES_MAX: usize = 8192;
const DATETIME_BYTES_MAX: usize = 64;
const SCHEME_BYTES_MAX: usize = 81;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    AtIdentifier,
    AtUri,
    Cid,
    Datetime,
    Did,
    Handle,
    Nsid,
    RecordKey,
    Tid,
    Uri,
}

impl Format {
    pub const ALL: [Self; 10] = [
        Self::AtIdentifier,
        Self::AtUri,
        Self::Cid,
        Self::Datetime,
        Self::Did,
        Self::Handle,
        Self::Nsid,
        Self::RecordKey,
        Self::Tid,
        Self::Uri,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtIdentifier => "at-identifier",
            Self::AtUri => "at-uri",
            Self::Cid => "cid",
            Self::Datetime => "datetime",
            Self::Did => "did",
            Self::Handle => "handle",
            Self::Nsid => "nsid",
            Self::RecordKey => "record-key",
            Self::Tid => "tid",
            Self::Uri => "uri",
        }
    }

    pub fn admits(self, text: &str) -> bool {
        match self {
            Self::AtIdentifier => did(text) || handle(text),
            Self::AtUri => at_uri(text),
            Self::Cid => cid(text),
            Self::Datetime => datetime(text),
            Self::Did => did(text),
            Self::Handle => handle(text),
            Self::Nsid => nsid(text),
            Self::RecordKey => record_key(text),
            Self::Tid => tid(text),
            Self::Uri => uri(text),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn did(text: &str) -> bool {
    let Some((method, rest)) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    text.len() <= DID_BYTES_MAX
        && !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_lowercase())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:%-".contains(&byte))
        && rest.bytes().last().is_some_and(|last| last != b':' && last != b'%')
}

fn handle(text: &str) -> bool {
    let Some((_, top)) = text.rsplit_once('.') else { return false };
    text.len() <= HANDLE_BYTES_MAX && text.split('.').all(label) && starts_with_letter(top)
}

/// One segment of a domain name.
fn label(text: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn nsid(text: &str) -> bool {
    let Some((authority, name)) = text.rsplit_once('.') else { return false };
    text.len() <= NSID_BYTES_MAX
        && authority.contains('.')
        && authority.split('.').all(label)
        && starts_with_letter(authority)
        && (1..=LABEL_BYTES_MAX).contains(&name.len())
        && starts_with_letter(name)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn starts_with_letter(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Version 0 is told by its length and prefix: it is base58 without a multibase letter.
fn cid(text: &str) -> bool {
    (8..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte))
        && !(text.len() == 46 && text.starts_with("Qm"))
}

/// RFC 3339 as atproto narrows it: upper case, seconds, an explicit zone that
/// is not `-00:00`, and no year so early that a zone could push it below zero.
fn datetime(text: &str) -> bool {
    let shaped = text.is_ascii()
        && text.len() <= DATETIME_BYTES_MAX
        && text.as_bytes().get(10) == Some(&b'T')
        && !text.contains('z')
        && !text.ends_with("-00:00")
        && !text.starts_with("000");
    shaped && DateTime::parse_from_rfc3339(text).is_ok()
}

fn tid(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    text.len() == 13 && text.bytes().all(letter) && text.bytes().next().is_some_and(|first| first <= b'j')
}

fn record_key(text: &str) -> bool {
    (1..=RECORD_KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:~".contains(&byte))
        && text != "."
        && text != ".."
}

fn uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    text.len() <= URI_BYTES_MAX
        && scheme.len() <= SCHEME_BYTES_MAX
        && scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte == b'-')
        && !rest.is_empty()
        && !rest.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

/// Authority, then at most a collection and a record key; no query, no fragment.
fn at_uri(text: &str) -> bool {
    let Some(path) = text.strip_prefix("at://") else { return false };
    let mut parts = path.split('/');
    let authority = parts.next().is_some_and(|part| did(part) || handle(part));
    let collection = parts.next().is_none_or(nsid);
    let key = parts.next().is_none_or(record_key);
    text.len() <= URI_BYTES_MAX && authority && collection && key && parts.next().is_none()
}
