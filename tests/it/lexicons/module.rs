//! What one schema becomes: constants, structs, enums for its unions.
//!
//! Names are chosen here and a collision is a complaint, so that a schema
//! cannot quietly lose a type. The limits of each field are left to `checks`.

use std::collections::BTreeSet;

use super::checks::{Access, statements};
use super::fields::has_default;
use super::generate::{Catalog, Referent, last_segment, module_name, module_path, namespace, type_name};
use super::names::{constant, identifier, pascal, snake};
use super::schema::{Body, Complaint, Definition, Field, Object, Problem, Property, Schema, Shape, Text};

/// Names the generated code itself needs.
const TAKEN: &[&str] = &[
    "Blob",
    "Box",
    "Bytes",
    "Checked",
    "Err",
    "Error",
    "Format",
    "None",
    "Ok",
    "Option",
    "Result",
    "Self",
    "Some",
    "String",
    "TryFrom",
    "Unknown",
    "Vec",
    "Violation",
];

const DERIVES: &str = "#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]\n";

/// How deep references to scalars and arrays may lead before it is a circle.
const REFERENCES_MAX: usize = 8;

pub struct Module<'a> {
    pub catalog: &'a Catalog<'a>,
    schema: &'a Schema,
    names: BTreeSet<String>,
    items: Vec<String>,
}

pub fn module<'a>(catalog: &'a Catalog<'a>, schema: &'a Schema) -> Result<String, Complaint> {
    let mut module = Module { catalog, schema, names: BTreeSet::new(), items: Vec::new() };
    let mut about = schema.description.clone();
    // `main` first: the rest is what it is made of.
    let (main, rest): (Vec<_>, Vec<_>) = schema.defs.iter().partition(|(name, _)| *name == "main");
    for (name, definition) in main.into_iter().chain(rest) {
        if let Some(description) = module.definition(name, definition)? {
            about = Some(description);
        }
    }
    let body = module.items.join("\n");
    let uses = imports(catalog, &body);
    let docs = docs(about.as_deref(), &[]);
    let nsid = &schema.nsid;
    let name = module_name(nsid);
    Ok(format!("\n{docs}pub mod {name} {{\n{uses}pub const NSID: &str = {nsid:?};\n\n{body}}}\n"))
}

/// Only what the body uses: a spare import is a warning, and a warning an error.
fn imports(catalog: &Catalog, body: &str) -> String {
    const MARKS: &[(&str, &[&str])] = &[
        ("Blob", &[": Blob,", "<Blob>"]),
        ("Bytes", &[": Bytes,", "<Bytes>", "Bytes::len"]),
        ("Checked", &["Checked for"]),
        ("Format", &[" Format::"]),
        ("Violation", &["Violation>"]),
        ("present", &["\"present\""]),
        ("rules", &["rules::"]),
        ("union_type", &["union_type("]),
    ];
    let used = MARKS.iter().filter(|(_, marks)| marks.iter().any(|mark| body.contains(mark)));
    let used: Vec<&str> = used.map(|(name, _)| *name).collect();
    match used.is_empty() {
        true => String::new(),
        false => format!("use {}::{{{}}};\n\n", catalog.target.ground, used.join(", ")),
    }
}

impl<'a> Module<'a> {
    /// Emits one definition; answers the description of the module if this one gives it.
    fn definition(&mut self, name: &str, definition: &'a Definition) -> Result<Option<String>, Complaint> {
        match definition {
            Definition::Query(endpoint) | Definition::Procedure(endpoint) => {
                self.errors(&endpoint.errors);
                self.parameters(endpoint.parameters.as_ref())?;
                self.body("Input", endpoint.input.as_ref())?;
                self.body("Output", endpoint.output.as_ref())?;
                Ok(endpoint.description.clone())
            }
            Definition::Subscription { description, parameters, message, errors } => {
                self.errors(errors);
                self.parameters(parameters.as_ref())?;
                self.union("Message", None, message)?;
                Ok(description.clone())
            }
            Definition::Record { description, key, object } => {
                self.items.push(format!("/// What its record key is.\npub const KEY: &str = {key:?};\n"));
                self.object("Record", object, true)?;
                Ok(description.clone())
            }
            Definition::PermissionSet { title } => Ok(title.clone()),
            Definition::Token { description } => {
                let docs = docs(description.as_deref(), &[]);
                let value = type_name(self.schema, name);
                self.claim(&constant(name))?;
                self.items.push(format!("{docs}pub const {}: &str = {value:?};\n", constant(name)));
                Ok(None)
            }
            Definition::Field(Field { shape: Shape::Object(object), .. }) => {
                self.object(&struct_name(name), object, false)?;
                Ok(None)
            }
            // Nothing of its own: a reference to it is replaced by what it says.
            Definition::Field(Field { shape, .. }) => self.aliased(name, shape).map(|()| None),
        }
    }

    /// A union inside an aliased array would be emitted wherever it is used.
    fn aliased(&self, name: &str, shape: &'a Shape) -> Result<(), Complaint> {
        let Shape::Array { items, .. } = shape else { return Ok(()) };
        match items.shape {
            Shape::Union(_) => Err(self.outside(&format!("#{name}: an array definition of unions"))),
            _ => Ok(()),
        }
    }

    fn errors(&mut self, errors: &[String]) {
        self.items.push(format!(
            "/// The error names the schema declares, beside those every method may answer.\n\
             pub const ERRORS: &[&str] = &{errors:?};\n"
        ));
    }

    fn parameters(&mut self, parameters: Option<&'a Object>) -> Result<(), Complaint> {
        match parameters {
            Some(object) => self.object("Parameters", object, false),
            None => Ok(()),
        }
    }

    fn body(&mut self, name: &str, body: Option<&'a Body>) -> Result<(), Complaint> {
        let Some(Field { description, shape }) = body.and_then(|body| body.schema.as_ref()) else {
            return Ok(());
        };
        match shape {
            Shape::Object(object) => self.object(name, object, false),
            Shape::Union(refs) => self.union(name, description.as_deref(), refs),
            Shape::Ref(reference) => {
                let path = self.object_path(&self.catalog.resolve(self.schema, reference)?)?;
                self.claim(name)?;
                self.items.push(format!("{}pub type {name} = {path};\n", docs(description.as_deref(), &[])));
                Ok(())
            }
            _ => unreachable!("a body was read as an object, a ref or a union"),
        }
    }

    fn claim(&mut self, name: &str) -> Result<(), Complaint> {
        match !TAKEN.contains(&name) && self.names.insert(name.to_owned()) {
            true => Ok(()),
            false => Err(self.outside(&format!("a second `{name}` in one schema"))),
        }
    }

    pub fn outside(&self, what: &str) -> Complaint {
        Complaint { place: self.schema.nsid.clone(), problem: Problem::Outside(what.to_owned()) }
    }

    fn object(&mut self, name: &str, object: &'a Object, record: bool) -> Result<(), Complaint> {
        self.claim(name)?;
        let place = self.items.len();
        let mut fields = String::new();
        let mut checks = Vec::new();
        let mut names = BTreeSet::new();
        if record {
            fields +=
                "/// Always the NSID of this schema.\n#[serde(rename = \"$type\")]\npub r#type: String,\n";
            checks.push("rules::text_among(\"$type\", self.r#type.as_str(), &[NSID])?;".to_owned());
            names.insert("r#type".to_owned());
        }
        for property in &object.properties {
            if !names.insert(identifier(&property.name)) {
                return Err(self.outside(&format!("{name}: a second field `{}`", identifier(&property.name))));
            }
            fields += &self.field(name, property)?;
            let (base, shape) = self.settled(self.schema, &property.field.shape)?;
            let field = identifier(&property.name);
            let access = match property.required || has_default(shape) {
                true => Access::Field(&field),
                false => Access::Optional(&field),
            };
            checks.extend(statements(self, base, &property.name, &access, shape)?);
        }
        let docs = docs(object.description.as_deref(), &[]);
        let open = format!("{docs}{DERIVES}pub struct {name} {{\n{fields}}}\n");
        let check = format!(
            "impl Checked for {name} {{\nfn check(&self) -> Result<(), Violation> {{\n{}\nOk(())\n}}\n}}\n",
            checks.join("\n")
        );
        // Before the types it holds, so that the file reads from the top down.
        self.items.insert(place, format!("{open}\n{check}"));
        Ok(())
    }

    fn field(&mut self, owner: &str, property: &'a Property) -> Result<String, Complaint> {
        let name = identifier(&property.name);
        let nested = format!("{owner}{}", pascal(&property.name));
        let (base, shape) = self.settled(self.schema, &property.field.shape)?;
        let mut kind = self.rust_type(base, &nested, shape)?;
        let mut serde: Vec<String> = Vec::new();
        if name != property.name {
            serde.push(format!("rename = {:?}", property.name));
        }
        match default_value(shape) {
            _ if property.required => {}
            Some(value) => {
                let function = format!("default_{}_{}", snake(owner), snake(&property.name));
                serde.push(format!("default = {function:?}"));
                self.items.push(format!("fn {function}() -> {kind} {{\n{value}\n}}\n"));
            }
            None => {
                serde.push("default".to_owned());
                serde.push("skip_serializing_if = \"Option::is_none\"".to_owned());
                serde.push("deserialize_with = \"present\"".to_owned());
                kind = format!("Option<{kind}>");
            }
        }
        let serde = match serde.is_empty() {
            true => String::new(),
            false => format!("#[serde({})]\n", serde.join(", ")),
        };
        // A definition that is replaced by what it says still describes itself.
        let description =
            property.field.description.clone().or_else(|| self.described(&property.field.shape));
        Ok(format!("{}{serde}pub {name}: {kind},\n", docs(description.as_deref(), &vocabulary(shape))))
    }

    fn described(&self, shape: &'a Shape) -> Option<String> {
        let Shape::Ref(reference) = shape else { return None };
        match self.catalog.resolve(self.schema, reference).ok()?.definition {
            Definition::Field(field) => field.description.clone(),
            _ => None,
        }
    }

    fn rust_type(&mut self, base: &'a Schema, nested: &str, shape: &'a Shape) -> Result<String, Complaint> {
        Ok(match shape {
            Shape::Boolean { .. } => "bool".to_owned(),
            Shape::Integer { .. } => "i64".to_owned(),
            Shape::Text(_) => "String".to_owned(),
            Shape::Bytes { .. } => "Bytes".to_owned(),
            Shape::Blob { .. } => "Blob".to_owned(),
            Shape::Unknown => "serde_json::Map<String, serde_json::Value>".to_owned(),
            Shape::Array { items, .. } => {
                let (base, item) = self.settled(base, &items.shape)?;
                if matches!(item, Shape::Array { .. }) {
                    return Err(self.outside("an array of arrays"));
                }
                format!("Vec<{}>", self.rust_type(base, &format!("{nested}Item"), item)?)
            }
            Shape::Ref(reference) => self.object_path(&self.catalog.resolve(base, reference)?)?,
            Shape::Object(_) => unreachable!("an object inside another was refused"),
            Shape::Union(refs) => {
                self.union(nested, None, refs)?;
                nested.to_owned()
            }
        })
    }

    /// Follows references until an object or something that is not a reference.
    pub fn settled(&self, base: &'a Schema, shape: &'a Shape) -> Result<(&'a Schema, &'a Shape), Complaint> {
        let (mut base, mut shape) = (base, shape);
        for _ in 0..REFERENCES_MAX {
            let Shape::Ref(reference) = shape else { return Ok((base, shape)) };
            let referent = self.catalog.resolve(base, reference)?;
            match referent.definition {
                Definition::Field(Field { shape: Shape::Object(_), .. }) => return Ok((base, shape)),
                Definition::Field(field) => (base, shape) = (referent.schema, &field.shape),
                _ => {
                    return Err(
                        self.outside(&format!("a reference to `{reference}`, which is no plain value"))
                    );
                }
            }
        }
        Err(self.outside("a circle of references"))
    }

    /// The Rust path of an object definition, from inside this module.
    fn object_path(&self, referent: &Referent) -> Result<String, Complaint> {
        match referent.definition {
            Definition::Field(Field { shape: Shape::Object(_), .. }) => {}
            _ => return Err(self.outside(&format!("a reference to #{}, which is no object,", referent.name))),
        }
        let name = struct_name(referent.name);
        let (there, here) = (referent.schema.nsid.as_str(), self.schema.nsid.as_str());
        match namespace(there) == namespace(here) {
            true if there == here => Ok(name),
            true => Ok(format!("super::{}::{name}", module_name(there))),
            false => Ok(format!("{}::{name}", module_path(self.catalog.target, there))),
        }
    }

    fn union(&mut self, name: &str, description: Option<&str>, refs: &[String]) -> Result<(), Complaint> {
        self.claim(name)?;
        let (mut variants, mut arms, mut checks) = (String::new(), String::new(), String::new());
        let mut names = BTreeSet::from(["Unknown".to_owned()]);
        for reference in refs {
            let referent = self.catalog.resolve(self.schema, reference)?;
            let path = self.object_path(&referent)?;
            let tag = type_name(referent.schema, referent.name);
            let variant = match referent.name {
                "main" => pascal(last_segment(&referent.schema.nsid)),
                other => pascal(other),
            };
            if !names.insert(variant.clone()) {
                return Err(self.outside(&format!("{name}: a second variant `{variant}`")));
            }
            variants += &format!("#[serde(rename = {tag:?})]\n{variant}(Box<{path}>),\n");
            arms += &format!("{tag:?} => serde_json::from_value(value).map(Self::{variant}),\n");
            checks += &format!("Self::{variant}(known) => known.check(),\n");
        }
        self.items.push(format!(
            "{}{DERIVES}#[serde(tag = \"$type\", try_from = \"serde_json::Value\")]\npub enum {name} {{\n{variants}\
             /// A `$type` that is newer than this code, kept as it came.\n#[serde(untagged)]\n\
             Unknown(serde_json::Map<String, serde_json::Value>),\n}}\n\n\
             impl TryFrom<serde_json::Value> for {name} {{\ntype Error = serde_json::Error;\n\n\
             fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {{\n\
             match union_type(&value)?.as_str() {{\n{arms}\
             _ => serde_json::from_value(value).map(Self::Unknown),\n}}\n}}\n}}\n\n\
             impl Checked for {name} {{\nfn check(&self) -> Result<(), Violation> {{\nmatch self {{\n{checks}\
             Self::Unknown(_) => Ok(()),\n}}\n}}\n}}\n",
            docs(description, &[])
        ));
        Ok(())
    }
}

fn struct_name(definition: &str) -> String {
    pascal(definition)
}

fn default_value(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Boolean { default, .. } => default.map(|value| value.to_string()),
        Shape::Integer { default, .. } => default.map(|value| value.to_string()),
        Shape::Text(text) => text.default.as_ref().map(|value| format!("{value:?}.to_owned()")),
        _ => None,
    }
}

/// The words a field may hold, for its documentation.
fn vocabulary(shape: &Shape) -> Vec<String> {
    let Shape::Text(Text { among, known, .. }) = shape else { return Vec::new() };
    let listed =
        |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if !among.is_empty() {
        lines.push(format!("One of {}.", listed(among)));
    }
    if !known.is_empty() {
        lines.push(format!("Known values: {}.", listed(known)));
    }
    lines
}

/// Doc comments, broken where a reader would.
fn docs(description: Option<&str>, more: &[String]) -> String {
    const WIDTH: usize = 90;
    let mut lines: Vec<String> = Vec::new();
    for paragraph in description.into_iter().chain(more.iter().map(String::as_str)) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.len() + word.len() >= WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            line += if line.is_empty() { "" } else { " " };
            line += word;
        }
        lines.push(line);
    }
    lines.iter().map(|line| format!("/// {line}").trim_end().to_owned() + "\n").collect()
}
