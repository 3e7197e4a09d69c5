//! The limits a schema can state, one function each.
//!
//! Only generated code calls these. A value may be absent (`None`), and then
//! it breaks nothing: whether it may be absent was settled in decoding. They
//! stop at the first broken limit and leave the others unsaid.

use std::ops::RangeBounds;

use unicode_segmentation::UnicodeSegmentation;

use super::violation::{Bounds, Rule, Violation};
use super::{Blob, Checked, Format};

type Verdict = Result<(), Violation>;

pub fn integer(field: &str, value: impl Into<Option<i64>>, range: impl RangeBounds<i64>) -> Verdict {
    match value.into() {
        Some(is) if !range.contains(&is) => {
            Err(Violation::new(field, Rule::Integer { is, bounds: Bounds::of(&range) }))
        }
        _ => Ok(()),
    }
}

pub fn integer_among(field: &str, value: impl Into<Option<i64>>, allowed: &'static [i64]) -> Verdict {
    match value.into() {
        Some(is) if !allowed.contains(&is) => Err(Violation::new(field, Rule::IntegerAmong { allowed })),
        _ => Ok(()),
    }
}

pub fn flag(field: &str, value: impl Into<Option<bool>>, must: bool) -> Verdict {
    match value.into() {
        Some(is) if is != must => Err(Violation::new(field, Rule::Flag(must))),
        _ => Ok(()),
    }
}

/// Length of text in UTF-8, or of plain bytes.
pub fn bytes(field: &str, length: impl Into<Option<usize>>, range: impl RangeBounds<usize>) -> Verdict {
    match length.into() {
        Some(is) if !range.contains(&is) => {
            Err(Violation::new(field, Rule::Bytes { is, bounds: Bounds::of(&range) }))
        }
        _ => Ok(()),
    }
}

pub fn graphemes<'a>(
    field: &str,
    value: impl Into<Option<&'a str>>,
    range: impl RangeBounds<usize>,
) -> Verdict {
    let Some(text) = value.into() else { return Ok(()) };
    let is = text.graphemes(true).count();
    match range.contains(&is) {
        true => Ok(()),
        false => Err(Violation::new(field, Rule::Graphemes { is, bounds: Bounds::of(&range) })),
    }
}

pub fn text_among<'a>(
    field: &str,
    value: impl Into<Option<&'a str>>,
    allowed: &'static [&'static str],
) -> Verdict {
    match value.into() {
        Some(is) if !allowed.contains(&is) => Err(Violation::new(field, Rule::TextAmong { allowed })),
        _ => Ok(()),
    }
}

pub fn format<'a>(field: &str, value: impl Into<Option<&'a str>>, format: Format) -> Verdict {
    match value.into() {
        Some(is) if !format.admits(is) => Err(Violation::new(field, Rule::Format(format))),
        _ => Ok(()),
    }
}

pub fn items(field: &str, count: impl Into<Option<usize>>, range: impl RangeBounds<usize>) -> Verdict {
    match count.into() {
        Some(is) if !range.contains(&is) => {
            Err(Violation::new(field, Rule::Items { is, bounds: Bounds::of(&range) }))
        }
        _ => Ok(()),
    }
}

/// `accepted` holds media types, or patterns as `image/*`; empty accepts all.
pub fn blob<'a>(
    field: &str,
    value: impl Into<Option<&'a Blob>>,
    accepted: &'static [&'static str],
    sizes: impl RangeBounds<i64>,
) -> Verdict {
    let Some(blob) = value.into() else { return Ok(()) };
    integer("size", blob.size, sizes).map_err(|violation| violation.within(field))?;
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some("*/") => true,
        Some(family) => blob.mime_type.starts_with(family),
        None => blob.mime_type == pattern,
    };
    match accepted.is_empty() || accepted.iter().any(|pattern| matches(pattern)) {
        true => Ok(()),
        false => Err(Violation::new("mimeType", Rule::MediaType { accepted }).within(field)),
    }
}

/// An object inside another.
pub fn inner<'a, T: Checked + 'a>(field: &str, value: impl Into<Option<&'a T>>) -> Verdict {
    match value.into() {
        Some(inner) => inner.check().map_err(|violation| violation.within(field)),
        None => Ok(()),
    }
}

/// Every item of an array, each seen as `field[index]`.
pub fn each<T>(
    field: &str,
    items: impl IntoIterator<Item = T>,
    check: impl Fn(T) -> Result<(), Violation>,
) -> Verdict {
    for (index, item) in items.into_iter().enumerate() {
        check(item).map_err(|violation| violation.within(&format!("[{index}]")).within(field))?;
    }
    Ok(())
}
