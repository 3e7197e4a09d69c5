//! The types a value can have, as a schema writes them.
//!
//! Objects, arrays and the scalars with their limits; a default, a constant or
//! an enumeration that contradicts its own limits is a complaint. It leaves
//! whole definitions (queries, records, …) to `schema`.

use counterpart::lexicon::Format;

use super::reader::Reader;
use super::schema::{Complaint, Field, Object, Problem, Property, Shape, Text};

pub fn read_field(mut reader: Reader) -> Result<Field, Complaint> {
    let kind = reader.needed_text("type")?;
    // An object keeps its own description: it becomes that of the struct.
    let shape = match kind.as_str() {
        "object" => Shape::Object(read_object(&mut reader)?),
        "boolean" => read_boolean(&mut reader)?,
        "integer" => read_integer(&mut reader)?,
        "string" => Shape::Text(read_text(&mut reader)?),
        "bytes" => Shape::Bytes { bounds: reader.lengths("minLength", "maxLength")? },
        "blob" => read_blob(&mut reader)?,
        "array" => read_array(&mut reader)?,
        "ref" => Shape::Ref(reader.needed_text("ref")?),
        "union" => read_union(&mut reader)?,
        "unknown" => Shape::Unknown,
        "cid-link" | "null" => return Err(reader.outside(&format!("the type `{kind}`"))),
        _ => return Err(reader.malformed(&format!("there is no type `{kind}`"))),
    };
    let description = match &shape {
        Shape::Object(object) => object.description.clone(),
        _ => reader.text("description")?,
    };
    reader.finish()?;
    Ok(Field { description, shape })
}

/// A field of an object or an item of an array. The reference's own parser
/// takes an object there by reference only.
fn read_held(reader: Reader) -> Result<Field, Complaint> {
    let place = reader.place().to_owned();
    let field = read_field(reader)?;
    match field.shape {
        Shape::Object(_) => Err(Complaint {
            place,
            problem: Problem::Outside("an object that is not a definition of its own".to_owned()),
        }),
        _ => Ok(field),
    }
}

/// Properties in alphabetical order, whatever order the JSON reader keeps.
pub fn read_object(reader: &mut Reader) -> Result<Object, Complaint> {
    let description = reader.text("description")?;
    let required = reader.texts("required")?.unwrap_or_default();
    let properties = reader.map("properties")?;
    let names: Vec<&String> = properties.iter().flat_map(|map| map.keys()).collect();
    if let Some(name) = required.iter().find(|name| !names.contains(name)) {
        return Err(reader.malformed(&format!("`{name}` is required and not among the properties")));
    }
    let mut read = Vec::new();
    for (name, json) in properties.into_iter().flatten() {
        let property = Reader::new(&format!("{}.properties.{name}", reader.place()), json)?;
        let field = read_held(property)?;
        let required = required.contains(name);
        if required && has_default(&field.shape) {
            return Err(reader.malformed(&format!("`{name}` is required, so its default is never used")));
        }
        read.push(Property { name: name.clone(), required, field });
    }
    read.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Object { description, properties: read })
}

pub fn has_default(shape: &Shape) -> bool {
    match shape {
        Shape::Boolean { default, .. } => default.is_some(),
        Shape::Integer { default, .. } => default.is_some(),
        Shape::Text(text) => text.default.is_some(),
        _ => false,
    }
}

fn read_boolean(reader: &mut Reader) -> Result<Shape, Complaint> {
    let shape = Shape::Boolean { must: reader.boolean("const")?, default: reader.boolean("default")? };
    match shape {
        Shape::Boolean { must: Some(_), default: Some(_) } => Err(both(reader)),
        _ => Ok(shape),
    }
}

fn read_integer(reader: &mut Reader) -> Result<Shape, Complaint> {
    let bounds = reader.bounds("minimum", "maximum")?;
    let constant = reader.integer("const")?;
    let default = reader.integer("default")?;
    if constant.is_some() && default.is_some() {
        return Err(both(reader));
    }
    let among = match constant {
        Some(constant) => vec![constant],
        None => among(reader.integers("enum")?, reader)?,
    };
    let allowed = |value: &i64| {
        bounds.least.is_none_or(|least| least <= *value)
            && bounds.most.is_none_or(|most| *value <= most)
            && (among.is_empty() || among.contains(value))
    };
    match among.iter().chain(&default).all(allowed) {
        true => Ok(Shape::Integer { bounds, among, default }),
        false => Err(reader.malformed("a default, constant or enumerated value breaks the limits beside it")),
    }
}

fn read_text(reader: &mut Reader) -> Result<Text, Complaint> {
    let format = read_format(reader)?;
    let bytes = reader.lengths("minLength", "maxLength")?;
    let graphemes = reader.lengths("minGraphemes", "maxGraphemes")?;
    let known = reader.texts("knownValues")?.unwrap_or_default();
    let constant = reader.text("const")?;
    let default = reader.text("default")?;
    if constant.is_some() && default.is_some() {
        return Err(both(reader));
    }
    let among = match constant {
        Some(constant) => vec![constant],
        None => among(reader.texts("enum")?, reader)?,
    };
    let fits = |text: &String| {
        bytes.least.is_none_or(|least| least <= text.len() as i64)
            && bytes.most.is_none_or(|most| text.len() as i64 <= most)
            && (among.is_empty() || among.contains(text))
            && format.is_none_or(|format| format.admits(text))
    };
    match among.iter().chain(&default).all(fits) {
        true => Ok(Text { format, bytes, graphemes, among, known, default }),
        false => Err(reader.malformed("a default, constant or enumerated value breaks the limits beside it")),
    }
}

fn read_format(reader: &mut Reader) -> Result<Option<Format>, Complaint> {
    let Some(name) = reader.text("format")? else { return Ok(None) };
    match Format::ALL.iter().find(|format| format.as_str() == name) {
        Some(format) => Ok(Some(*format)),
        None if name == "language" => Err(reader.outside("the format `language`")),
        None => Err(reader.malformed(&format!("there is no format `{name}`"))),
    }
}

fn read_blob(reader: &mut Reader) -> Result<Shape, Complaint> {
    let accept = reader.texts("accept")?.unwrap_or_default();
    let size_max = reader.integer("maxSize")?;
    match size_max {
        Some(..1) => Err(reader.malformed("`maxSize` allows no blob at all")),
        _ => Ok(Shape::Blob { accept, size_max }),
    }
}

fn read_array(reader: &mut Reader) -> Result<Shape, Complaint> {
    let bounds = reader.lengths("minLength", "maxLength")?;
    let items = reader.child("items")?.ok_or_else(|| reader.malformed("`items` is missing"))?;
    let items = Box::new(read_held(items)?);
    if has_default(&items.shape) {
        return Err(reader.malformed("an item has no default"));
    }
    match items.shape {
        Shape::Array { .. } => Err(reader.outside("an array of arrays")),
        _ => Ok(Shape::Array { items, bounds }),
    }
}

fn read_union(reader: &mut Reader) -> Result<Shape, Complaint> {
    if reader.boolean("closed")?.unwrap_or(false) {
        return Err(reader.outside("a closed union"));
    }
    match reader.texts("refs")? {
        Some(refs) if !refs.is_empty() => Ok(Shape::Union(refs)),
        _ => Err(reader.malformed("`refs` names nothing")),
    }
}

fn both(reader: &Reader) -> Complaint {
    reader.malformed("`const` and `default` exclude each other")
}

fn among<T>(values: Option<Vec<T>>, reader: &Reader) -> Result<Vec<T>, Complaint> {
    match values {
        Some(values) if values.is_empty() => Err(reader.malformed("`enum` allows nothing")),
        values => Ok(values.unwrap_or_default()),
    }
}
