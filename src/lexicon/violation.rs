//! What a value did wrong: which field, and which limit of its schema.
//!
//! The message names the field and the limit and never repeats the value: it
//! goes back to a caller and into logs. It leaves the choice of an error name
//! and a status to `serving`.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use thiserror::Error;

use super::Format;

/// The first limit of its schema that a value broke.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` {rule}")]
pub struct Violation {
    /// Path from the top of the body, as `limits.maxRequestBytes` or `methods[3]`.
    pub field: String,
    pub rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rule {
    #[error("is {is}, must be {bounds}")]
    Integer { is: i64, bounds: Bounds },
    #[error("must be one of {allowed:?}")]
    IntegerAmong { allowed: &'static [i64] },
    #[error("must be {0}")]
    Flag(bool),
    #[error("is {is} bytes long, must be {bounds}")]
    Bytes { is: usize, bounds: Bounds },
    #[error("is {is} graphemes long, must be {bounds}")]
    Graphemes { is: usize, bounds: Bounds },
    #[error("must be one of {allowed:?}")]
    TextAmong { allowed: &'static [&'static str] },
    #[error("is not a valid {0}")]
    Format(Format),
    #[error("has {is} items, must have {bounds}")]
    Items { is: usize, bounds: Bounds },
    #[error("has a media type that is not among {accepted:?}")]
    MediaType { accepted: &'static [&'static str] },
}

/// The least and the most a schema allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub least: Option<i64>,
    pub most: Option<i64>,
}

impl Violation {
    pub(super) fn new(field: &str, rule: Rule) -> Self {
        Self { field: field.to_owned(), rule }
    }

    /// The same violation, seen from the object or array that holds the value.
    #[must_use]
    pub(super) fn within(mut self, holder: &str) -> Self {
        // An item has no name of its own: `each` gives it one.
        let bare = holder.is_empty() || self.field.is_empty() || self.field.starts_with('[');
        let joint = if bare { "" } else { "." };
        self.field = format!("{holder}{joint}{}", self.field);
        self
    }
}

impl Rule {
    pub fn label(&self) -> &'static str {
        match self {
            Self::Integer { .. } => "integer",
            Self::IntegerAmong { .. } => "integer_among",
            Self::Flag(_) => "flag",
            Self::Bytes { .. } => "bytes",
            Self::Graphemes { .. } => "graphemes",
            Self::TextAmong { .. } => "text_among",
            Self::Format(_) => "format",
            Self::Items { .. } => "items",
            Self::MediaType { .. } => "media_type",
        }
    }
}

impl Bounds {
    /// Takes the ranges the generator writes: `1..=100`, `1..` or `..=100`.
    pub(super) fn of<T: Copy + TryInto<i64>>(range: &impl RangeBounds<T>) -> Self {
        Self { least: end(range.start_bound()), most: end(range.end_bound()) }
    }
}

fn end<T: Copy + TryInto<i64>>(bound: Bound<&T>) -> Option<i64> {
    match bound {
        Bound::Included(&at) => at.try_into().ok(),
        Bound::Excluded(_) | Bound::Unbounded => None,
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => write!(f, "{least}"),
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("any number"),
        }
    }
}
