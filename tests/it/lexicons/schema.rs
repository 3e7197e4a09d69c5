//! A schema file, read strictly: what is understood is in these types, and
//! whatever else a file says is a complaint that names the place.
//!
//! A complaint tells apart what the lexicon language forbids (`Malformed`)
//! from what it allows and our generator does not do (`Outside`). It leaves
//! references between files to `generate`.

use std::collections::BTreeMap;
use std::fmt;

use counterpart::lexicon::Format;
use serde_json::Value;

use super::fields::{read_field, read_object};
use super::reader::Reader;

pub struct Schema {
    pub nsid: String,
    pub description: Option<String>,
    pub defs: BTreeMap<String, Definition>,
}

pub enum Definition {
    Query(Endpoint),
    Procedure(Endpoint),
    Subscription {
        description: Option<String>,
        parameters: Option<Object>,
        message: Vec<String>,
        errors: Vec<String>,
    },
    Record {
        description: Option<String>,
        key: String,
        object: Object,
    },
    PermissionSet {
        title: Option<String>,
    },
    Token {
        description: Option<String>,
    },
    /// An object, or a string, number or array that references stand for.
    Field(Field),
}

pub struct Endpoint {
    pub description: Option<String>,
    pub parameters: Option<Object>,
    pub input: Option<Body>,
    pub output: Option<Body>,
    pub errors: Vec<String>,
}

pub struct Body {
    pub encoding: String,
    pub schema: Option<Field>,
}

#[derive(Clone)]
pub struct Object {
    pub description: Option<String>,
    pub properties: Vec<Property>,
}

#[derive(Clone)]
pub struct Property {
    pub name: String,
    pub required: bool,
    pub field: Field,
}

#[derive(Clone)]
pub struct Field {
    pub description: Option<String>,
    pub shape: Shape,
}

#[derive(Clone)]
pub enum Shape {
    Boolean { must: Option<bool>, default: Option<bool> },
    Integer { bounds: Bounds, among: Vec<i64>, default: Option<i64> },
    Text(Text),
    Bytes { bounds: Bounds },
    Blob { accept: Vec<String>, size_max: Option<i64> },
    Array { items: Box<Field>, bounds: Bounds },
    Ref(String),
    Union(Vec<String>),
    Unknown,
    Object(Object),
}

#[derive(Clone)]
pub struct Text {
    pub format: Option<Format>,
    pub bytes: Bounds,
    pub graphemes: Bounds,
    pub among: Vec<String>,
    pub known: Vec<String>,
    pub default: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
pub struct Bounds {
    pub least: Option<i64>,
    pub most: Option<i64>,
}

#[derive(Debug, PartialEq)]
pub struct Complaint {
    pub place: String,
    pub problem: Problem,
}

#[derive(Debug, PartialEq)]
pub enum Problem {
    Malformed(String),
    Outside(String),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Malformed(what) => write!(f, "{}: {what}", self.place),
            Problem::Outside(what) => {
                write!(f, "{}: {what} is outside the subset the generator knows", self.place)
            }
        }
    }
}

/// Reads one file. `place` names it in complaints.
pub fn read(place: &str, text: &str) -> Result<Schema, Complaint> {
    let json: Value = serde_json::from_str(text).map_err(|error| Complaint {
        place: place.to_owned(),
        problem: Problem::Malformed(format!("not JSON: {error}")),
    })?;
    let mut top = Reader::new(place, &json)?;
    match top.integer("lexicon")? {
        Some(1) => {}
        _ => return Err(top.malformed("`lexicon` must be 1")),
    }
    let nsid = top.needed_text("id")?;
    if !Format::Nsid.admits(&nsid) {
        return Err(top.malformed("`id` is not an NSID"));
    }
    let description = top.text("description")?;
    let defs = top.map("defs")?.ok_or_else(|| top.malformed("`defs` is missing"))?;
    top.finish()?;
    let defs = defs.iter().map(|(name, json)| Ok((name.clone(), read_definition(place, name, json)?)));
    Ok(Schema { nsid, description, defs: defs.collect::<Result<_, Complaint>>()? })
}

fn read_definition(place: &str, name: &str, json: &Value) -> Result<Definition, Complaint> {
    let mut reader = Reader::new(&format!("{place} #{name}"), json)?;
    let kind = reader.needed_text("type")?;
    let primary = ["query", "procedure", "subscription", "record", "permission-set"].contains(&kind.as_str());
    if primary && name != "main" {
        return Err(reader.malformed(&format!("a {kind} must be `main`")));
    }
    let definition = match kind.as_str() {
        "query" => Definition::Query(read_endpoint(&mut reader)?),
        "procedure" => {
            let input = reader.child("input")?.map(read_body).transpose()?;
            Definition::Procedure(Endpoint { input, ..read_endpoint(&mut reader)? })
        }
        "subscription" => read_subscription(&mut reader)?,
        "record" => read_record(&mut reader)?,
        "permission-set" => read_permission_set(&mut reader)?,
        "token" => Definition::Token { description: reader.text("description")? },
        "ref" | "union" | "unknown" | "params" => {
            return Err(reader.malformed(&format!("a definition may not be a {kind}")));
        }
        _ => return Ok(Definition::Field(read_field(reader)?)),
    };
    reader.finish()?;
    Ok(definition)
}

fn read_endpoint(reader: &mut Reader) -> Result<Endpoint, Complaint> {
    Ok(Endpoint {
        description: reader.text("description")?,
        parameters: reader.child("parameters")?.map(read_parameters).transpose()?,
        input: None,
        output: reader.child("output")?.map(read_body).transpose()?,
        errors: read_errors(reader)?,
    })
}

fn read_subscription(reader: &mut Reader) -> Result<Definition, Complaint> {
    let description = reader.text("description")?;
    let parameters = reader.child("parameters")?.map(read_parameters).transpose()?;
    let mut message = reader.child("message")?.ok_or_else(|| reader.malformed("`message` is missing"))?;
    let _ = message.text("description")?;
    let schema = message.child("schema")?.ok_or_else(|| message.malformed("`schema` is missing"))?;
    message.finish()?;
    let place = schema.place().to_owned();
    let Shape::Union(refs) = read_field(schema)?.shape else {
        return Err(Complaint { place, problem: Problem::Malformed("a message must be a union".to_owned()) });
    };
    Ok(Definition::Subscription { description, parameters, message: refs, errors: read_errors(reader)? })
}

fn read_record(reader: &mut Reader) -> Result<Definition, Complaint> {
    let description = reader.text("description")?;
    let key = reader.needed_text("key")?;
    if !["tid", "nsid", "any"].contains(&key.as_str()) && !key.starts_with("literal:") {
        return Err(reader.malformed(&format!("`{key}` is no kind of record key")));
    }
    let record = reader.child("record")?.ok_or_else(|| reader.malformed("`record` is missing"))?;
    let place = record.place().to_owned();
    match read_field(record)?.shape {
        Shape::Object(object) => Ok(Definition::Record { description, key, object }),
        _ => Err(Complaint { place, problem: Problem::Malformed("a record must be an object".to_owned()) }),
    }
}

/// A permission set makes no types; it is read so that a mistake in it is
/// found here and not by the first client that asks for it.
fn read_permission_set(reader: &mut Reader) -> Result<Definition, Complaint> {
    let title = reader.text("title")?;
    for translated in ["detail", "description"] {
        let _ = reader.text(translated)?;
    }
    for translated in ["title:lang", "detail:lang"] {
        let _ = reader.map(translated)?;
    }
    for mut permission in reader.children("permissions")?.unwrap_or_default() {
        if permission.needed_text("type")? != "permission" {
            return Err(permission.malformed("must have type `permission`"));
        }
        let _ = permission.text("description")?;
        match permission.needed_text("resource")?.as_str() {
            "repo" => read_repo_permission(&mut permission)?,
            "rpc" => read_rpc_permission(&mut permission)?,
            other => return Err(permission.outside(&format!("a permission for `{other}`"))),
        }
        permission.finish()?;
    }
    Ok(Definition::PermissionSet { title })
}

fn read_repo_permission(permission: &mut Reader) -> Result<(), Complaint> {
    let actions = permission.texts("action")?.unwrap_or_default();
    if let Some(action) =
        actions.iter().find(|action| !["create", "update", "delete"].contains(&action.as_str()))
    {
        return Err(permission.malformed(&format!("`{action}` is no action on a repo")));
    }
    needed_nsids(permission, "collection")
}

fn read_rpc_permission(permission: &mut Reader) -> Result<(), Complaint> {
    let audience = permission.text("aud")?;
    let inherits = permission.boolean("inheritAud")?.unwrap_or(false);
    if audience.is_some() == inherits {
        return Err(permission.malformed("needs either `aud` or `inheritAud`"));
    }
    needed_nsids(permission, "lxm")
}

fn needed_nsids(permission: &mut Reader, key: &str) -> Result<(), Complaint> {
    let nsids = permission.texts(key)?.unwrap_or_default();
    match nsids.iter().find(|nsid| !Format::Nsid.admits(nsid)) {
        _ if nsids.is_empty() => Err(permission.malformed(&format!("`{key}` names nothing"))),
        Some(nsid) => Err(permission.malformed(&format!("`{nsid}` is not an NSID"))),
        None => Ok(()),
    }
}

fn read_body(mut reader: Reader) -> Result<Body, Complaint> {
    let _ = reader.text("description")?;
    let encoding = reader.needed_text("encoding")?;
    let schema = match reader.child("schema")? {
        Some(_) if encoding != "application/json" => {
            return Err(reader.outside(&format!("a schema for {encoding}")));
        }
        Some(schema) => {
            let place = schema.place().to_owned();
            let field = read_field(schema)?;
            if !matches!(field.shape, Shape::Object(_) | Shape::Ref(_) | Shape::Union(_)) {
                let what = "a body must be an object, a ref or a union".to_owned();
                return Err(Complaint { place, problem: Problem::Malformed(what) });
            }
            Some(field)
        }
        None => None,
    };
    reader.finish()?;
    Ok(Body { encoding, schema })
}

fn read_parameters(mut reader: Reader) -> Result<Object, Complaint> {
    if reader.needed_text("type")? != "params" {
        return Err(reader.malformed("parameters must have type `params`"));
    }
    let place = reader.place().to_owned();
    let object = read_object(&mut reader)?;
    reader.finish()?;
    for property in &object.properties {
        let shape = match &property.field.shape {
            Shape::Array { items, .. } => &items.shape,
            shape => shape,
        };
        if !matches!(shape, Shape::Boolean { .. } | Shape::Integer { .. } | Shape::Text(_)) {
            let what =
                "a parameter must be a boolean, an integer, a string or an array of one of them".to_owned();
            let place = format!("{place}.properties.{}", property.name);
            return Err(Complaint { place, problem: Problem::Malformed(what) });
        }
    }
    Ok(object)
}

fn read_errors(reader: &mut Reader) -> Result<Vec<String>, Complaint> {
    let mut names = Vec::new();
    for mut error in reader.children("errors")?.unwrap_or_default() {
        let name = error.needed_text("name")?;
        let _ = error.text("description")?;
        if names.contains(&name) {
            return Err(error.malformed(&format!("`{name}` is declared twice")));
        }
        names.push(name);
        error.finish()?;
    }
    Ok(names)
}
