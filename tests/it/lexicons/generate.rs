//! Schemas to Rust: a folder for each part of a namespace, a module for each
//! schema, and one table of every method.
//!
//! Takes all schemas at once, because a reference may point into another
//! file. What one schema becomes is in `module`; reading files, formatting
//! and comparing with what is checked in are left to `drift`.

use std::collections::{BTreeMap, BTreeSet};

use super::drift::MARK;
use super::module::module;
use super::names::{identifier, snake};
use super::schema::{Complaint, Definition, Field, Object, Problem, Schema, Shape};

/// Where the generated code will stand.
pub struct Target {
    /// The module that holds the tree, as `crate::lexicon`.
    pub root: &'static str,
    /// The module of the hand-written half, as `counterpart::lexicon`.
    pub ground: &'static str,
    /// The folder of the schemas, for the header of each file.
    pub lexicons: &'static str,
}

pub struct Catalog<'a> {
    schemas: BTreeMap<&'a str, &'a Schema>,
    pub target: &'a Target,
}

/// What a reference points to.
pub struct Referent<'a> {
    pub schema: &'a Schema,
    pub name: &'a str,
    pub definition: &'a Definition,
}

/// Text of each file by its path under the root's folder, not yet formatted.
pub fn generate(schemas: &[Schema], target: &Target) -> Result<BTreeMap<String, String>, Complaint> {
    let catalog = Catalog::new(schemas, target)?;
    catalog.refuse_circles()?;
    let mut namespaces: BTreeMap<Vec<&str>, Vec<&Schema>> = BTreeMap::new();
    for schema in schemas {
        let mut segments: Vec<&str> = schema.nsid.split('.').collect();
        segments.pop();
        for depth in 1..segments.len() {
            namespaces.entry(segments[..depth].to_vec()).or_default();
        }
        namespaces.entry(segments).or_default().push(schema);
    }
    let mut files = BTreeMap::new();
    for (namespace, schemas) in &namespaces {
        let children: Vec<&str> = namespaces
            .keys()
            .filter(|other| other.len() == namespace.len() + 1 && other.starts_with(namespace))
            .filter_map(|child| child.last().copied())
            .collect();
        files.insert(file_of(namespace, &children), namespace_file(&catalog, namespace, &children, schemas)?);
    }
    files.insert("table.rs".to_owned(), table(schemas, target));
    Ok(files)
}

fn file_of(namespace: &[&str], children: &[&str]) -> String {
    let path: Vec<String> = namespace.iter().map(|segment| snake(segment)).collect();
    match children.is_empty() {
        true => format!("{}.rs", path.join("/")),
        false => format!("{}/mod.rs", path.join("/")),
    }
}

fn namespace_file<'a>(
    catalog: &'a Catalog<'a>,
    namespace: &[&str],
    children: &[&str],
    schemas: &[&'a Schema],
) -> Result<String, Complaint> {
    let dotted = namespace.join(".");
    let mut modules = BTreeSet::new();
    let mut text = header(&format!("{}/{}", catalog.target.lexicons, namespace.join("/")));
    text += &format!("//! `{dotted}`\n\n");
    for child in children {
        modules.insert(identifier(child));
        text += &format!("pub mod {};\n", identifier(child));
    }
    for schema in schemas {
        if !modules.insert(module_name(&schema.nsid)) {
            let what = format!("two things in {dotted} become the module `{}`", module_name(&schema.nsid));
            return Err(Complaint { place: schema.nsid.clone(), problem: Problem::Outside(what) });
        }
        text += &module(catalog, schema)?;
    }
    Ok(text)
}

fn header(source: &str) -> String {
    format!("{MARK} from {source} by the drift test; do not edit\n\n")
}

fn table(schemas: &[Schema], target: &Target) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    for schema in schemas {
        let Some(main) = schema.defs.get("main") else { continue };
        let (kind, input, output) = match main {
            Definition::Query(endpoint) => ("Query", &endpoint.input, &endpoint.output),
            Definition::Procedure(endpoint) => ("Procedure", &endpoint.input, &endpoint.output),
            Definition::Subscription { .. } => ("Subscription", &None, &None),
            _ => continue,
        };
        let encoding = |body: &Option<super::schema::Body>| body.as_ref().map(|body| body.encoding.clone());
        let path = module_path(target, &schema.nsid);
        let row = format!(
            "Method {{ nsid: {path}::NSID, kind: Kind::{kind}, input: {:?}, output: {:?}, errors: {path}::ERRORS }},\n",
            encoding(input),
            encoding(output),
        );
        rows.push((&schema.nsid, row));
    }
    rows.sort();
    let rows: String = rows.into_iter().map(|(_, row)| row).collect();
    format!(
        "{}//! Every method the schemas declare, by NSID in ascending order.\n\n\
         use {}::{{Kind, Method}};\n\n\
         pub const METHODS: &[Method] = &[\n{rows}];\n",
        header(target.lexicons),
        target.ground,
    )
}

/// `network.counterpart.replication.describeService` →
/// `crate::lexicon::network::counterpart::replication::describe_service`
pub fn module_path(target: &Target, nsid: &str) -> String {
    let segments: Vec<String> = nsid.split('.').map(identifier).collect();
    format!("{}::{}", target.root, segments.join("::"))
}

pub fn module_name(nsid: &str) -> String {
    identifier(last_segment(nsid))
}

/// All but the last segment.
pub fn namespace(nsid: &str) -> &str {
    nsid.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

pub fn last_segment(nsid: &str) -> &str {
    nsid.rsplit('.').next().unwrap_or(nsid)
}

impl<'a> Catalog<'a> {
    fn new(schemas: &'a [Schema], target: &'a Target) -> Result<Self, Complaint> {
        let mut catalog = Self { schemas: BTreeMap::new(), target };
        for schema in schemas {
            if catalog.schemas.insert(&schema.nsid, schema).is_some() {
                let problem = Problem::Malformed("is declared by two files".to_owned());
                return Err(Complaint { place: schema.nsid.clone(), problem });
            }
        }
        Ok(catalog)
    }

    /// An object that holds itself has no size in Rust; inside an array or a
    /// union, which allocate, it may.
    fn refuse_circles(&self) -> Result<(), Complaint> {
        for schema in self.schemas.values() {
            for (name, definition) in &schema.defs {
                let Definition::Field(Field { shape, .. }) = definition else { continue };
                self.walk(schema, shape, &mut vec![type_name(schema, name)])?;
            }
        }
        Ok(())
    }

    fn walk(&self, schema: &Schema, shape: &Shape, path: &mut Vec<String>) -> Result<(), Complaint> {
        match shape {
            Shape::Ref(reference) => {
                let referent = self.resolve(schema, reference)?;
                let name = type_name(referent.schema, referent.name);
                if path.contains(&name) {
                    let what = format!("`{name}`, which holds itself by {},", path.join(" and "));
                    return Err(Complaint { place: schema.nsid.clone(), problem: Problem::Outside(what) });
                }
                let Definition::Field(field) = referent.definition else { return Ok(()) };
                path.push(name);
                self.walk(referent.schema, &field.shape, path)?;
                path.pop();
                Ok(())
            }
            Shape::Object(Object { properties, .. }) => {
                properties.iter().try_for_each(|property| self.walk(schema, &property.field.shape, path))
            }
            _ => Ok(()),
        }
    }

    /// `#limits`, `network.counterpart.sync.defs#status` or a bare NSID for `main`.
    pub fn resolve(&self, from: &Schema, reference: &str) -> Result<Referent<'a>, Complaint> {
        let (nsid, name) = match reference.split_once('#') {
            Some(("", name)) => (from.nsid.as_str(), name),
            Some((nsid, name)) => (nsid, name),
            None => (reference, "main"),
        };
        let found =
            self.schemas.get(nsid).and_then(|schema| Some((*schema, schema.defs.get_key_value(name)?)));
        match found {
            Some((schema, (name, definition))) => Ok(Referent { schema, name, definition }),
            None => Err(Complaint {
                place: from.nsid.clone(),
                problem: Problem::Malformed(format!("`{reference}` points to nothing")),
            }),
        }
    }
}

/// The `$type` of a definition; `main` goes by the bare NSID.
pub fn type_name(schema: &Schema, definition: &str) -> String {
    match definition {
        "main" => schema.nsid.clone(),
        name => format!("{}#{name}", schema.nsid),
    }
}
