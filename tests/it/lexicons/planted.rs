//! The lint proves itself: one planted violation for every rule, which breaks
//! that rule and no other, and then our own schemas, which break none.

use serde_json::{Value, json};

use super::drift::texts;
use super::lint::lint;
use super::repository;

/// Rules of `goat lex lint`, then those of the house.
const RULES: &[&str] = &[
    "schema-json-parse",
    "invalid-nsid",
    "lexicon-version",
    "lexicon-schema",
    "non-main-primary",
    "missing-primary-description",
    "def-name-syntax",
    "defs-main-definition",
    "endpoint-output-undefined",
    "subscription-no-messages",
    "permissionset-no-title",
    "permissionset-no-permissions",
    "large-string",
    "unlimited-string",
    "known-string-local-ref",
    "unlimited-bytes",
    "large-bytes",
    "field-name-syntax",
    "nullable-and-optional",
    "undescribed-token",
    "unspecified-encoding",
    "undescribed-field",
    "error-name-syntax",
    "permissionset-foreign-nsid",
];

fn broken_rules(text: &str) -> Vec<&'static str> {
    lint("planted.json", text).into_iter().map(|finding| finding.rule).collect()
}

fn named(nsid: &str, defs: Value) -> String {
    json!({ "lexicon": 1, "id": nsid, "defs": defs }).to_string()
}

fn defs(defs: Value) -> String {
    named("test.fixture.planted", defs)
}

/// A described field of this type, in an object.
fn field(mut field: Value) -> String {
    field["description"] = json!("A field.");
    defs(json!({ "thing": { "type": "object", "properties": { "a": field } } }))
}

fn planted(rule: &str) -> String {
    let output = json!({ "encoding": "application/json" });
    match rule {
        "schema-json-parse" => "{ \"lexicon\": 1,".to_owned(),
        "invalid-nsid" => named("planted", json!({})),
        "lexicon-version" => json!({ "lexicon": 2, "id": "test.fixture.planted", "defs": {} }).to_string(),
        "lexicon-schema" => field(json!({ "type": "integer", "minimum": 2, "maximum": 1 })),
        "non-main-primary" => {
            defs(json!({ "other": { "type": "query", "description": "A query.", "output": output } }))
        }
        "missing-primary-description" => defs(json!({ "main": { "type": "query", "output": output } })),
        "def-name-syntax" => defs(json!({ "a_thing": { "type": "object" } })),
        "defs-main-definition" => named("test.fixture.defs", json!({ "main": { "type": "object" } })),
        "endpoint-output-undefined" => {
            defs(json!({ "main": { "type": "procedure", "description": "A procedure." } }))
        }
        "subscription-no-messages" => {
            defs(json!({ "main": { "type": "subscription", "description": "None." } }))
        }
        "permissionset-no-title" => {
            permissions(&json!({ "permissions": [permission("test.fixture.getThing")] }))
        }
        "permissionset-no-permissions" => permissions(&json!({ "title": "Nothing", "permissions": [] })),
        "large-string" => field(json!({ "type": "string", "maxLength": 20 * 1024 + 1 })),
        "unlimited-string" => field(json!({ "type": "string" })),
        "known-string-local-ref" => {
            field(json!({ "type": "string", "maxLength": 9, "knownValues": ["a", "#b"] }))
        }
        "unlimited-bytes" => field(json!({ "type": "array", "items": { "type": "bytes" } })),
        "large-bytes" => field(json!({ "type": "bytes", "maxLength": 20 * 1024 + 1 })),
        "field-name-syntax" => defs(
            json!({ "a": { "type": "object", "properties": { "id": { "type": "boolean", "description": "x" } } } }),
        ),
        "nullable-and-optional" => defs(json!({ "thing": {
            "type": "object", "nullable": ["a"], "properties": { "a": { "type": "boolean", "description": "A field." } }
        } })),
        "undescribed-token" => defs(json!({ "thing": { "type": "token" } })),
        "unspecified-encoding" => {
            defs(json!({ "main": { "type": "query", "description": "A query.", "output": {} } }))
        }
        "undescribed-field" => {
            defs(json!({ "thing": { "type": "object", "properties": { "a": { "type": "boolean" } } } }))
        }
        "error-name-syntax" => defs(json!({ "main": {
            "type": "query", "description": "A query.", "output": output, "errors": [{ "name": "notFound" }]
        } })),
        "permissionset-foreign-nsid" => permissions(&json!({
            "title": "Others", "permissions": [permission("test.fixtures.getThing")]
        })),
        other => panic!("no violation of `{other}` is planted"),
    }
}

fn permissions(more: &Value) -> String {
    let mut set = more.clone();
    set["type"] = json!("permission-set");
    defs(json!({ "main": set }))
}

fn permission(lxm: &str) -> Value {
    json!({ "type": "permission", "resource": "rpc", "inheritAud": true, "lxm": [lxm] })
}

#[test]
fn each_rule_catches_its_planted_violation_and_nothing_else() {
    for rule in RULES {
        assert_eq!(broken_rules(&planted(rule)), [*rule], "in {}", planted(rule));
    }
}

#[test]
fn violations_in_every_corner_of_a_schema_are_found() {
    let text = json!({ "type": "string", "description": "x" });
    let object = json!({ "type": "object", "properties": { "a": text } });
    let body = json!({ "encoding": "application/json", "schema": object });
    let everywhere = [
        json!({ "main": { "type": "record", "description": "x", "key": "tid", "record": object } }),
        json!({ "main": { "type": "query", "description": "x", "output": body } }),
        json!({ "main": { "type": "procedure", "description": "x", "input": body, "output": { "encoding": "a/b" } } }),
        json!({ "main": {
            "type": "query", "description": "x", "output": { "encoding": "a/b" },
            "parameters": { "type": "params", "properties": { "a": text } }
        } }),
        json!({ "main": {
            "type": "query", "description": "x", "output": { "encoding": "a/b" },
            "parameters": { "type": "params", "properties": {
                "a": { "type": "array", "description": "x", "items": { "type": "string" } }
            } }
        } }),
        json!({ "thing": { "type": "string", "description": "x" } }),
    ];
    for place in everywhere {
        assert_eq!(broken_rules(&defs(place.clone())), ["unlimited-string"], "in {place}");
    }
}

#[test]
fn our_schemas_are_clean() {
    let ours = texts(&repository().join("lexicons/network"), "json");
    assert!(!ours.is_empty(), "there are schemas to lint");
    let mut broken = String::new();
    for (path, text) in ours {
        for finding in lint(&path, &text) {
            broken += &format!("{}: {}\n", finding.rule, finding.place);
        }
    }
    assert!(broken.is_empty(), "{broken}");
}
