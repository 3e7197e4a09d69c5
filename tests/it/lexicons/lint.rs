//! The lint of the lexicon community's own tool, and a few rules of the house.
//!
//! Works on raw JSON, because it must say something of schemas that `schema`
//! refuses. Rules bear the names of `goat lex lint`, so that its output and
//! ours can be laid side by side. It leaves whether a schema may change in
//! some way once it is published to whoever compares two versions.

use counterpart::lexicon::Format;
use serde_json::{Map, Value};

use super::schema::{Problem, read};

const LONG_BYTES: i64 = 20 * 1024;

/// A rule and the place where it was broken.
pub struct Finding {
    pub rule: &'static str,
    pub place: String,
}

/// Every broken rule in one file.
pub fn lint(path: &str, text: &str) -> Vec<Finding> {
    let mut lint = Lint { nsid: String::new(), findings: Vec::new() };
    let Ok(Value::Object(top)) = serde_json::from_str::<Value>(text) else {
        lint.found("schema-json-parse", path);
        return lint.findings;
    };
    lint.nsid = top.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !Format::Nsid.admits(&lint.nsid) {
        lint.found("invalid-nsid", path);
    }
    if top.get("lexicon").and_then(Value::as_i64) != Some(1) {
        lint.found("lexicon-version", path);
        return lint.findings;
    }
    for (name, definition) in maps(top.get("defs")) {
        lint.definition(name, definition, &format!("{path} #{name}"));
    }
    // What is malformed in a way no other rule names. What our generator does
    // not do is legal all the same, and not the lint's business.
    if lint.findings.is_empty()
        && let Err(complaint) = read(path, text)
        && let Problem::Malformed(_) = complaint.problem
    {
        lint.found("lexicon-schema", &complaint.to_string());
    }
    lint.findings
}

struct Lint {
    nsid: String,
    findings: Vec<Finding>,
}

impl Lint {
    fn found(&mut self, rule: &'static str, place: &str) {
        self.findings.push(Finding { rule, place: place.to_owned() });
    }

    fn definition(&mut self, name: &str, definition: &Map<String, Value>, place: &str) {
        if !well_named(name) {
            self.found("def-name-syntax", place);
        }
        if name == "main" && self.nsid.ends_with(".defs") {
            self.found("defs-main-definition", place);
        }
        let kind = text(definition, "type");
        let described = !text(definition, "description").is_empty();
        match kind {
            "record" | "query" | "procedure" | "subscription" => {
                if name != "main" {
                    self.found("non-main-primary", place);
                }
                if !described {
                    self.found("missing-primary-description", place);
                }
            }
            "permission-set" => self.permission_set(definition, place),
            _ => return self.value(definition, place),
        }
        if kind == "record" {
            self.child(definition, "record", place);
        } else if kind != "permission-set" {
            self.endpoint(kind, definition, place);
        }
    }

    fn endpoint(&mut self, kind: &str, definition: &Map<String, Value>, place: &str) {
        self.child(definition, "parameters", place);
        for body in ["input", "output"] {
            let Some(Value::Object(found)) = definition.get(body) else { continue };
            if text(found, "encoding").is_empty() {
                self.found("unspecified-encoding", &format!("{place}.{body}"));
            }
            self.child(found, "schema", &format!("{place}.{body}"));
        }
        if kind == "subscription" {
            let schema = definition.get("message").and_then(|message| message.get("schema"));
            let refs = schema.and_then(|schema| schema.get("refs")).and_then(Value::as_array);
            if refs.is_none_or(Vec::is_empty) {
                self.found("subscription-no-messages", place);
            }
        } else if !definition.contains_key("output") {
            self.found("endpoint-output-undefined", place);
        }
        for error in definition.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let name = error.get("name").and_then(Value::as_str).unwrap_or_default();
            if !name.starts_with(|first: char| first.is_ascii_uppercase()) || !well_named(name) {
                self.found("error-name-syntax", &format!("{place}.errors"));
            }
        }
    }

    fn permission_set(&mut self, definition: &Map<String, Value>, place: &str) {
        if text(definition, "title").is_empty() {
            self.found("permissionset-no-title", place);
        }
        let permissions = definition.get("permissions").and_then(Value::as_array);
        if permissions.is_none_or(Vec::is_empty) {
            self.found("permissionset-no-permissions", place);
        }
        // A set may speak only for its own group and what is below it.
        let group = self.nsid.rsplit_once('.').map_or("", |(group, _)| group).to_owned() + ".";
        for permission in permissions.into_iter().flatten() {
            let named = ["lxm", "collection"].into_iter().filter_map(|key| permission.get(key)?.as_array());
            if named.flatten().filter_map(Value::as_str).any(|nsid| !nsid.starts_with(&group)) {
                self.found("permissionset-foreign-nsid", place);
            }
        }
    }

    fn child(&mut self, holder: &Map<String, Value>, key: &str, place: &str) {
        if let Some(Value::Object(child)) = holder.get(key) {
            self.value(child, &format!("{place}.{key}"));
        }
    }

    fn value(&mut self, value: &Map<String, Value>, place: &str) {
        let length_max = value.get("maxLength").and_then(Value::as_i64);
        match text(value, "type") {
            "string" => self.string(value, length_max, place),
            "bytes" => match length_max {
                None => self.found("unlimited-bytes", place),
                Some(length) if length > LONG_BYTES => self.found("large-bytes", place),
                Some(_) => {}
            },
            "token" if text(value, "description").is_empty() => self.found("undescribed-token", place),
            "array" => self.child(value, "items", place),
            "object" | "params" => self.object(value, place),
            _ => {}
        }
    }

    fn string(&mut self, value: &Map<String, Value>, length_max: Option<i64>, place: &str) {
        if length_max.is_some_and(|length| length > LONG_BYTES) {
            self.found("large-string", place);
        }
        if !["format", "maxLength", "maxGraphemes"].iter().any(|limit| value.contains_key(*limit)) {
            self.found("unlimited-string", place);
        }
        let known = value.get("knownValues").and_then(Value::as_array).into_iter().flatten();
        if known.filter_map(Value::as_str).any(|known| known.starts_with('#')) {
            self.found("known-string-local-ref", place);
        }
    }

    fn object(&mut self, value: &Map<String, Value>, place: &str) {
        let listed = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let required = listed("required");
        if listed("nullable").iter().any(|name| !required.contains(name)) {
            self.found("nullable-and-optional", place);
        }
        for (name, property) in maps(value.get("properties")) {
            let place = format!("{place}.properties.{name}");
            if !well_named(name) {
                self.found("field-name-syntax", &place);
            }
            if text(property, "description").is_empty() {
                self.found("undescribed-field", &place);
            }
            self.value(property, &place);
        }
    }
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn maps(value: Option<&Value>) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name, value.as_object()?)))
}

/// Letters and digits; and two words that other languages reserve.
fn well_named(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric())
        && name != "type"
        && name != "id"
}
