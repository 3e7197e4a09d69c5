//! What the generator will not take: each construct outside its subset and
//! each malformed schema is a complaint that names the place.
//!
//! What it does take is in `round_trip`.

use serde_json::{Value, json};

use super::FIXTURES;
use super::generate::generate;
use super::schema::{Schema, read};

fn complaint(schemas: &[Value]) -> String {
    let read: Result<Vec<Schema>, _> =
        schemas.iter().map(|schema| read(&schema["id"].to_string(), &schema.to_string())).collect();
    match read.and_then(|schemas| generate(&schemas, &FIXTURES)) {
        Ok(files) => panic!("it was taken: {files:?}"),
        Err(complaint) => complaint.to_string(),
    }
}

fn with_defs(defs: Value) -> Value {
    json!({ "lexicon": 1, "id": "test.x.y", "defs": defs })
}

/// A schema whose one object has one field of this type.
fn field(field: Value) -> Value {
    with_defs(json!({ "thing": { "type": "object", "properties": { "a": field } } }))
}

fn query(main: Value) -> Value {
    let mut query =
        json!({ "type": "query", "description": "x", "output": { "encoding": "application/json" } });
    for (key, value) in main.as_object().expect("keys of a query") {
        query[key] = value.clone();
    }
    with_defs(json!({ "main": query }))
}

fn hold(cases: &[(Value, &str)]) {
    for (schema, expected) in cases {
        let complaint = complaint(std::slice::from_ref(schema));
        assert!(complaint.contains(expected), "`{complaint}` does not say `{expected}`");
    }
}

#[test]
fn what_is_outside_the_subset_is_named_and_refused() {
    let outside = "outside the subset the generator knows";
    let nullable = json!({ "thing": { "type": "object", "nullable": ["a"], "properties": { "a": { "type": "integer" } } } });
    hold(&[
        (
            field(json!({ "type": "cid-link" })),
            "\"test.x.y\" #thing.properties.a: the type `cid-link` is outside the subset",
        ),
        (field(json!({ "type": "null" })), outside),
        (
            field(json!({ "type": "object" })),
            "#thing.properties.a: an object that is not a definition of its own is outside",
        ),
        (
            field(json!({ "type": "array", "items": { "type": "object" } })),
            "#thing.properties.a.items: an object that is not a definition of its own is outside",
        ),
        (field(json!({ "type": "string", "format": "language" })), "the format `language` is outside"),
        (field(json!({ "type": "union", "closed": true, "refs": ["#thing"] })), "a closed union is outside"),
        (with_defs(nullable), "`nullable` is outside"),
        (
            field(json!({ "type": "array", "items": { "type": "array", "items": { "type": "integer" } } })),
            "an array of arrays is outside",
        ),
        (
            query(json!({ "output": { "encoding": "text/csv", "schema": { "type": "object" } } })),
            "a schema for text/csv is outside",
        ),
        (
            with_defs(
                json!({ "list": { "type": "array", "items": { "type": "union", "refs": ["#list"] } } }),
            ),
            "#list: an array definition of unions is outside",
        ),
        (field(json!({ "type": "ref", "ref": "#thing" })), "which holds itself by"),
        (
            with_defs(json!({
                "one": { "type": "object", "properties": { "two": { "type": "ref", "ref": "#two" } } },
                "two": { "type": "object", "properties": { "one": { "type": "ref", "ref": "#one" } } }
            })),
            "which holds itself by",
        ),
        (
            with_defs(json!({ "main": {
                "type": "permission-set",
                "permissions": [{ "type": "permission", "resource": "identity", "attr": "*" }]
            } })),
            "a permission for `identity` is outside",
        ),
        (field(json!({ "type": "string", "maxLenght": 3 })), "`maxLenght` is outside"),
        (query(json!({ "private": true })), "`private` is outside"),
    ]);
}

#[test]
fn names_that_would_collide_in_rust_are_refused() {
    let object = json!({ "type": "object" });
    hold(&[
        (with_defs(json!({ "copy": object, "Copy": object })), "a second `Copy` in one schema"),
        (with_defs(json!({ "string": object })), "a second `String` in one schema"),
        (
            with_defs(json!({ "thing": { "type": "object", "properties": {
                "aB": { "type": "integer" }, "a_b": { "type": "integer" }
            } } })),
            "a second field `a_b`",
        ),
        (
            with_defs(json!({
                "main": { "type": "query", "description": "x", "parameters": { "type": "params" } },
                "parameters": object
            })),
            "a second `Parameters`",
        ),
        (
            with_defs(json!({
                "one": { "type": "object" },
                "One": { "type": "string" },
                "either": { "type": "object", "properties": { "a": { "type": "union", "refs": ["#one", "#one"] } } }
            })),
            "a second variant `One`",
        ),
    ]);
    let other = json!({ "lexicon": 1, "id": "test.x", "defs": {} });
    assert!(complaint(std::slice::from_ref(&other)).contains("`id` is not an NSID"));
    let nested = json!({ "lexicon": 1, "id": "test.x.y.z", "defs": {} });
    assert!(complaint(&[with_defs(json!({})), nested]).contains("become the module `y`"));
    assert!(complaint(&[with_defs(json!({})), with_defs(json!({}))]).contains("is declared by two files"));
}

#[test]
fn references_must_lead_to_something_that_can_be_referred_to() {
    let to = |reference: &str| field(json!({ "type": "ref", "ref": reference }));
    let mut to_record = to("#main");
    to_record["defs"]["main"] = json!({ "type": "record", "key": "tid", "record": { "type": "object" } });
    let mut to_token = to("#token");
    to_token["defs"]["token"] = json!({ "type": "token", "description": "x" });
    let mut circle = to("#one");
    circle["defs"]["one"] = json!({ "type": "array", "items": { "type": "ref", "ref": "#one" } });
    let mut union = field(json!({ "type": "union", "refs": ["#text"] }));
    union["defs"]["text"] = json!({ "type": "string", "maxLength": 1 });
    hold(&[
        (to("#nothing"), "`#nothing` points to nothing"),
        (to("test.x.other#thing"), "`test.x.other#thing` points to nothing"),
        (to_record, "a reference to `#main`, which is no plain value"),
        (to_token, "a reference to `#token`, which is no plain value"),
        (circle, "an array of arrays"),
        (union, "a reference to #text, which is no object"),
    ]);
}

#[test]
fn malformed_schemas_are_refused_where_they_are_wrong() {
    hold(&[
        (json!({ "lexicon": 2, "id": "test.x.y", "defs": {} }), "`lexicon` must be 1"),
        (json!({ "lexicon": 1, "id": "test.x.y" }), "`defs` is missing"),
        (json!({ "lexicon": 1, "id": "test.x.y", "defs": [] }), "`defs` must be an object"),
        (json!({ "lexicon": 1, "id": "test.x.y", "defs": { "a": 1 } }), "\"test.x.y\" #a: must be an object"),
        (with_defs(json!({ "other": { "type": "query", "description": "x" } })), "a query must be `main`"),
        (with_defs(json!({ "other": { "type": "unknown" } })), "a definition may not be a unknown"),
        (field(json!({ "type": "text" })), "there is no type `text`"),
        (field(json!({ "maxLength": 1 })), "`type` is missing"),
        (field(json!({ "type": "string", "format": "email" })), "there is no format `email`"),
        (field(json!({ "type": "string", "maxLength": "9" })), "`maxLength` must be an integer"),
        (
            field(json!({ "type": "string", "minLength": 3, "maxLength": 2 })),
            "`minLength` is above `maxLength`",
        ),
        (field(json!({ "type": "bytes", "maxLength": -1 })), "below zero"),
        (field(json!({ "type": "integer", "minimum": 3, "maximum": 2 })), "`minimum` is above `maximum`"),
        (field(json!({ "type": "integer", "maximum": 2, "default": 3 })), "breaks the limits beside it"),
        (field(json!({ "type": "integer", "enum": [1], "default": 3 })), "breaks the limits beside it"),
        (field(json!({ "type": "integer", "const": 1, "default": 1 })), "exclude each other"),
        (field(json!({ "type": "boolean", "const": true, "default": true })), "exclude each other"),
        (field(json!({ "type": "string", "enum": [] })), "`enum` allows nothing"),
        (field(json!({ "type": "string", "format": "did", "default": "me" })), "breaks the limits beside it"),
        (field(json!({ "type": "string", "knownValues": [1] })), "`knownValues` must be an array of strings"),
        (field(json!({ "type": "array" })), "`items` is missing"),
        (field(json!({ "type": "union", "refs": [] })), "`refs` names nothing"),
        (field(json!({ "type": "blob", "maxSize": 0 })), "allows no blob at all"),
        (
            with_defs(json!({ "a": { "type": "object", "required": ["b"], "properties": {} } })),
            "`b` is required and not among the properties",
        ),
        (
            with_defs(
                json!({ "a": { "type": "object", "required": ["b"], "properties": { "b": { "type": "integer", "default": 1 } } } }),
            ),
            "its default is never used",
        ),
        (query(json!({ "parameters": { "type": "object" } })), "parameters must have type `params`"),
        (
            query(
                json!({ "parameters": { "type": "params", "properties": { "a": { "type": "unknown" } } } }),
            ),
            "parameters.properties.a: a parameter must be",
        ),
        (query(json!({ "output": { "schema": { "type": "object" } } })), "`encoding` is missing"),
        (
            query(json!({ "output": { "encoding": "application/json", "schema": { "type": "string" } } })),
            "a body must be an object, a ref or a union",
        ),
        (query(json!({ "errors": [{ "name": "A" }, { "name": "A" }] })), "`A` is declared twice"),
    ]);
}

#[test]
fn malformed_records_subscriptions_and_permissions_are_refused() {
    let set = |permission: Value| {
        with_defs(json!({ "main": { "type": "permission-set", "permissions": [permission] } }))
    };
    hold(&[
        (
            with_defs(json!({ "main": { "type": "record", "key": "uuid", "record": { "type": "object" } } })),
            "`uuid` is no kind of record key",
        ),
        (
            with_defs(json!({ "main": { "type": "record", "key": "tid", "record": { "type": "unknown" } } })),
            "a record must be an object",
        ),
        (with_defs(json!({ "main": { "type": "subscription" } })), "`message` is missing"),
        (
            with_defs(
                json!({ "main": { "type": "subscription", "message": { "schema": { "type": "object" } } } }),
            ),
            "a message must be a union",
        ),
        (set(json!({ "type": "allow", "resource": "rpc" })), "must have type `permission`"),
        (
            set(json!({ "type": "permission", "resource": "rpc", "inheritAud": true })),
            "main.permissions[0]: `lxm` names nothing",
        ),
        (
            set(json!({ "type": "permission", "resource": "rpc", "inheritAud": true, "lxm": ["*"] })),
            "`*` is not an NSID",
        ),
        (
            set(json!({ "type": "permission", "resource": "rpc", "lxm": ["a.b.c"] })),
            "needs either `aud` or `inheritAud`",
        ),
        (
            set(
                json!({ "type": "permission", "resource": "repo", "collection": ["a.b.c"], "action": ["read"] }),
            ),
            "`read` is no action on a repo",
        ),
    ]);
    assert!(read("x.json", "{").err().expect("not JSON").to_string().starts_with("x.json: not JSON"));
}
