//! What can be wrong with the text of an identifier, and the rule that most
//! identifiers share: the label of a domain name.
//!
//! The faults are small and hold no text, because keys of repositories are
//! checked by the million and the text is always at hand where one is refused.

use std::fmt;

use thiserror::Error;

use crate::limits::LABEL_BYTES_MAX;

/// Which kind of identifier was being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    AtUri,
    Did,
    Handle,
    Nsid,
    RecordPath,
    Rkey,
    Tid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SyntaxFault {
    #[error("{form} is {length} bytes long, more than {max}")]
    TooLong { form: Form, length: usize, max: usize },
    #[error("{form} is {length} bytes long, not {expected}")]
    Length { form: Form, length: usize, expected: usize },
    #[error("{form} does not start with `{prefix}`")]
    Prefix { form: Form, prefix: &'static str },
    #[error("{form} has no {part}")]
    Missing { form: Form, part: &'static str },
    #[error("{form} has byte {byte:#04x} at {at}, where it is not allowed")]
    Byte { form: Form, byte: u8, at: usize },
    #[error("{form} has {count} segments, fewer than {min}")]
    Segments { form: Form, count: usize, min: usize },
    #[error("{form} has a segment of {length} bytes at {at}, outside 1 to {max}")]
    SegmentLength { form: Form, length: usize, at: usize, max: usize },
    #[error("{form} is `.` or `..`, which mean a place and not a name")]
    Reserved { form: Form },
}

impl Form {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtUri => "AT-URI",
            Self::Did => "DID",
            Self::Handle => "handle",
            Self::Nsid => "NSID",
            Self::RecordPath => "record path",
            Self::Rkey => "record key",
            Self::Tid => "TID",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl SyntaxFault {
    /// The broken rule, for metrics; `form` says of what.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "syntax_too_long",
            Self::Length { .. } => "syntax_length",
            Self::Prefix { .. } => "syntax_prefix",
            Self::Missing { .. } => "syntax_missing",
            Self::Byte { .. } => "syntax_byte",
            Self::Segments { .. } => "syntax_segments",
            Self::SegmentLength { .. } => "syntax_segment_length",
            Self::Reserved { .. } => "syntax_reserved",
        }
    }

    pub const fn form(&self) -> Form {
        match *self {
            Self::TooLong { form, .. }
            | Self::Length { form, .. }
            | Self::Prefix { form, .. }
            | Self::Missing { form, .. }
            | Self::Byte { form, .. }
            | Self::Segments { form, .. }
            | Self::SegmentLength { form, .. }
            | Self::Reserved { form } => form,
        }
    }
}

/// Which bytes a part of an identifier may have, as a table: keys of
/// repositories are checked by the million, and a table costs a load per byte.
pub(super) struct Alphabet([bool; 256]);

impl Alphabet {
    /// ASCII letters, digits and the bytes named.
    pub(super) const fn alphanumeric_and(others: &[u8]) -> Self {
        let mut allowed = [false; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            allowed[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        let mut other = 0;
        while other < others.len() {
            allowed[others[other] as usize] = true;
            other += 1;
        }
        Self(allowed)
    }

    /// Refuses the first byte outside; `at` is where `text` begins in the whole.
    pub(super) fn check(&self, form: Form, text: &[u8], at: usize) -> Result<(), SyntaxFault> {
        // Looked for only when there is one: without an early exit the loop has no branches.
        if text.iter().fold(true, |all, byte| all & self.allows(*byte)) {
            return Ok(());
        }
        let offset = text.iter().position(|byte| !self.allows(*byte)).expect("one was just seen");
        Err(SyntaxFault::Byte { form, byte: text[offset], at: at + offset })
    }

    const fn allows(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }
}

/// Checks dotted labels of a domain name, in order, and says how many there are.
///
/// `at` is where `labels` begins in the whole identifier. The label that must
/// not start with a digit (the top-level domain) is the caller's business: it
/// comes last in a host name and first in an NSID.
pub(super) fn check_labels(form: Form, labels: &[u8], mut at: usize) -> Result<usize, SyntaxFault> {
    let mut count = 0;
    for label in labels.split(|byte| *byte == b'.') {
        check_label(form, label, at)?;
        at += label.len() + 1;
        count += 1;
    }
    Ok(count)
}

fn check_label(form: Form, label: &[u8], at: usize) -> Result<(), SyntaxFault> {
    const LABEL: Alphabet = Alphabet::alphanumeric_and(b"-");
    match label {
        [] => Err(SyntaxFault::SegmentLength { form, length: 0, at, max: LABEL_BYTES_MAX }),
        _ if label.len() > LABEL_BYTES_MAX => {
            Err(SyntaxFault::SegmentLength { form, length: label.len(), at, max: LABEL_BYTES_MAX })
        }
        [b'-', ..] => Err(SyntaxFault::Byte { form, byte: b'-', at }),
        [.., b'-'] => Err(SyntaxFault::Byte { form, byte: b'-', at: at + label.len() - 1 }),
        _ => LABEL.check(form, label, at),
    }
}

/// What every type with a `parse` and a `Display` has besides: the same text
/// in `FromStr` and in serde, and `Debug` without decoration.
macro_rules! reads_as_text {
    ($name:ident, $fault:ty) => {
        impl std::str::FromStr for $name {
            type Err = $fault;

            fn from_str(text: &str) -> Result<Self, $fault> {
                Self::parse(text)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("the text of a ", stringify!($name)))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

/// The rest for a type that is a shared, checked string and nothing else.
macro_rules! is_text {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        // Equal text hashes and orders alike, so a map keyed by this can be asked with a `&str`.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        $crate::atproto::syntax::reads_as_text!($name, $crate::atproto::syntax::SyntaxFault);
    };
}

pub(super) use {is_text, reads_as_text};
