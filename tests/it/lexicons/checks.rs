//! The limits of a field, as calls of the hand-written `rules`.
//!
//! One statement for each limit, so that a generated `check` reads like the
//! schema. It leaves it to decoding to refuse wrong types.

use super::module::Module;
use super::schema::{Bounds, Complaint, Definition, Field, Schema, Shape, Text};

/// How the generated code reaches the value.
pub enum Access<'a> {
    Field(&'a str),
    Optional(&'a str),
    /// The argument of a closure over an array.
    Item,
}

impl Access<'_> {
    fn copied(&self) -> String {
        match self {
            Self::Field(name) | Self::Optional(name) => format!("self.{name}"),
            Self::Item => "*item".to_owned(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Field(name) => format!("self.{name}.as_str()"),
            Self::Optional(name) => format!("self.{name}.as_deref()"),
            Self::Item => "item.as_str()".to_owned(),
        }
    }

    fn borrowed(&self) -> String {
        match self {
            Self::Field(name) => format!("&self.{name}"),
            Self::Optional(name) => format!("self.{name}.as_ref()"),
            Self::Item => "item".to_owned(),
        }
    }

    fn length(&self, kind: &str) -> String {
        match self {
            Self::Field(name) => format!("self.{name}.len()"),
            Self::Optional(name) => format!("self.{name}.as_ref().map({kind}::len)"),
            Self::Item => "item.len()".to_owned(),
        }
    }

    fn items(&self) -> String {
        match self {
            Self::Field(name) => format!("&self.{name}"),
            Self::Optional(name) => format!("self.{name}.iter().flatten()"),
            Self::Item => unreachable!("an array of arrays was refused"),
        }
    }
}

/// `base` is the schema in which references inside `shape` are to be read.
pub fn statements<'a>(
    module: &Module<'a>,
    base: &'a Schema,
    wire_name: &str,
    access: &Access,
    shape: &'a Shape,
) -> Result<Vec<String>, Complaint> {
    let field = match access {
        Access::Item => "\"\"".to_owned(),
        _ => format!("{wire_name:?}"),
    };
    let mut calls: Vec<String> = Vec::new();
    match shape {
        Shape::Boolean { must, .. } => {
            calls.extend(must.map(|must| format!("flag({field}, {}, {must})", access.copied())));
        }
        Shape::Integer { bounds, among, .. } => {
            let value = access.copied();
            calls.extend(range(bounds).map(|range| format!("integer({field}, {value}, {range})")));
            if !among.is_empty() {
                calls.push(format!("integer_among({field}, {value}, &{among:?})"));
            }
        }
        Shape::Text(text) => calls.extend(text_calls(&field, access, text)),
        Shape::Bytes { bounds } => {
            let length = access.length("Bytes");
            calls.extend(range(bounds).map(|range| format!("bytes({field}, {length}, {range})")));
        }
        Shape::Blob { accept, size_max } => {
            let sizes = range(&Bounds { least: Some(0), most: *size_max }).unwrap_or_default();
            calls.push(format!("blob({field}, {}, &{accept:?}, {sizes})", access.borrowed()));
        }
        Shape::Array { items, bounds } => {
            let length = access.length("Vec");
            calls.extend(range(bounds).map(|range| format!("items({field}, {length}, {range})")));
            let (base, item) = module.settled(base, &items.shape)?;
            calls.extend(each(&field, access, statements(module, base, "", &Access::Item, item)?));
        }
        Shape::Ref(reference) => match module.catalog.resolve(base, reference)?.definition {
            Definition::Field(Field { shape: Shape::Object(_), .. }) => {
                calls.push(format!("inner({field}, {})", access.borrowed()));
            }
            _ => unreachable!("references to anything else were settled"),
        },
        Shape::Object(_) | Shape::Union(_) => calls.push(format!("inner({field}, {})", access.borrowed())),
        Shape::Unknown => {}
    }
    Ok(calls.into_iter().map(|call| format!("rules::{call}?;")).collect())
}

fn text_calls(field: &str, access: &Access, text: &Text) -> Vec<String> {
    let value = access.text();
    let length = access.length("String");
    let mut calls: Vec<String> = Vec::new();
    calls.extend(range(&text.bytes).map(|range| format!("bytes({field}, {length}, {range})")));
    calls.extend(range(&text.graphemes).map(|range| format!("graphemes({field}, {value}, {range})")));
    if !text.among.is_empty() {
        calls.push(format!("text_among({field}, {value}, &{:?})", text.among));
    }
    calls.extend(text.format.map(|format| format!("format({field}, {value}, Format::{format:?})")));
    calls
}

fn each(field: &str, access: &Access, statements: Vec<String>) -> Option<String> {
    let (last, before) = statements.split_last()?;
    let last = last.trim_end_matches("?;");
    let body = match before.is_empty() {
        true => last.to_owned(),
        false => format!("{{\n{}\n{last}\n}}", before.join("\n")),
    };
    Some(format!("each({field}, {}, |item| {body})", access.items()))
}

fn range(bounds: &Bounds) -> Option<String> {
    match (bounds.least, bounds.most) {
        (Some(least), Some(most)) => Some(format!("{least}..={most}")),
        (Some(least), None) => Some(format!("{least}..")),
        (None, Some(most)) => Some(format!("..={most}")),
        (None, None) => None,
    }
}
