//! The generated Rust does what the schema says, seen through JSON.
//!
//! Every construct of the fixtures goes in and comes out, and every limit is
//! broken once. It leaves the syntax of string formats to `formats`.

use counterpart::lexicon::{self, Bytes, Checked, Kind, Link, METHODS};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::fixtures::table;
use super::fixtures::test::fixture::get_point;
use super::fixtures::test::fixture::shapes::{defs, get_things, put_thing, thing, watch_things};

const CID: &str = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a";

/// In and out again unchanged.
fn same<T: DeserializeOwned + Serialize + Checked>(json: Value) -> T {
    let value: T = serde_json::from_value(json.clone()).expect("it has the shape of its schema");
    value.check().expect("it obeys its schema");
    assert_eq!(serde_json::to_value(&value).expect("it can be written"), json);
    value
}

/// What is wrong with a value that decodes and breaks a limit.
fn broken<T: DeserializeOwned + Checked>(json: Value) -> String {
    let value: T = serde_json::from_value(json).expect("it has the shape of its schema");
    value.check().expect_err("it breaks a limit").to_string()
}

/// Why a value does not decode.
fn undecoded<T: DeserializeOwned>(json: Value) -> String {
    match serde_json::from_value::<T>(json) {
        Ok(_) => panic!("it should not decode"),
        Err(error) => error.to_string(),
    }
}

fn with(mut json: Value, pointer: &str, value: Value) -> Value {
    let (holder, key) = pointer.rsplit_once('/').expect("a pointer begins with /");
    let holder = json.pointer_mut(holder).expect("the holder is there");
    match holder {
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        holder => holder[key] = value,
    }
    json
}

fn view() -> Value {
    json!({
        "uri": "at://alice.test/test.fixture.shapes.thing/self",
        "cid": CID,
        "rev": "3jzfcijpj2z2a",
        "rkey": "self",
        "collection": "test.fixture.shapes.thing",
        "did": "did:web:alice.test",
        "seenAt": "2026-01-02T03:04:05.678Z",
        "homepage": "https://alice.test/",
        "colour": "red",
        "weight": 5,
        "hosts": ["pds.test"],
        "shape": { "$type": "test.fixture.shapes.defs#point", "x": 1, "y": 2, "next": [{ "x": 0, "y": 0 }] },
        "anything": { "goes": [1, null, "two"] }
    })
}

fn listing() -> Value {
    json!({ "things": [view()], "summary": { "total": 1 }, "cursor": "next", "parts": [{ "ok": true }] })
}

fn thing_to_put() -> Value {
    json!({
        "digest": { "$bytes": "AQID" },
        "salt": { "$bytes": "" },
        "picture": { "$type": "blob", "ref": { "$link": CID }, "mimeType": "image/png", "size": 1000 },
        "shapes": [{ "$type": "test.fixture.shapes.defs#circle", "centre": { "x": 0, "y": 0 }, "radius": 3 }],
        "at": { "x": -10, "y": 9 }
    })
}

#[test]
fn what_obeys_its_schema_comes_out_as_it_went_in() {
    let things: get_things::Output = same(listing());
    assert_eq!(things.things[0].weight, Some(5));
    let put: put_thing::Input = same(thing_to_put());
    assert_eq!(put.digest, Bytes(vec![1, 2, 3]));
    let _: put_thing::Output = same(view());
    let _: thing::Record = same(json!({ "$type": thing::NSID, "createdAt": "2026-01-02T03:04:05Z" }));
    let _: get_point::Output = same(json!({ "$type": "test.fixture.shapes.defs#point", "x": 1, "y": 2 }));
    let _: lexicon::network::counterpart::replication::describe_service::Output = same(json!({
        "version": "0.1.0", "methods": ["test.fixture.getPoint"], "limits": { "maxRequestBytes": 1 }
    }));
}

#[test]
fn optional_fields_may_be_absent_and_are_then_not_written() {
    let _: get_things::Output = same(json!({ "things": [], "summary": { "total": 0 } }));
    let written =
        serde_json::to_string(&watch_things::Parameters { cursor: None }).expect("it can be written");
    assert_eq!(written, "{}");
}

#[test]
fn what_the_schema_does_not_know_is_ignored() {
    let json = with(listing(), "/newer", json!(["field"]));
    let value: get_things::Output = serde_json::from_value(json).expect("an unknown field is no error");
    assert_eq!(serde_json::to_value(&value).expect("it can be written"), listing());
}

#[test]
fn parameters_are_read_from_a_query_string_with_their_defaults() {
    let read = serde_html_form::from_str::<get_things::Parameters>;
    let plain = read("actor=alice.test").expect("one required parameter is enough");
    assert_eq!((plain.limit, plain.order.as_str(), plain.reverse), (50, "newest", false));
    assert_eq!((&plain.tags, &plain.sizes), (&None, &None));
    plain.check().expect("defaults obey their limits");

    let full = read("actor=did:web:alice.test&limit=7&reverse=true&tags=a&tags=b&sizes=3&type=thing&other=1");
    let full = full.expect("repeated keys make arrays, unknown ones are ignored");
    assert_eq!((full.limit, full.reverse), (7, true));
    assert_eq!(full.tags.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
    assert_eq!(full.sizes, Some(vec![3]));
    full.check().expect("it obeys its schema");

    for wrong in [
        "",
        "limit=1",
        "actor=a.test&limit=ten",
        "actor=a.test&limit=1.0",
        "actor=a.test&reverse=1",
        "actor=a.test&limit=1&limit=2",
    ] {
        assert!(read(wrong).is_err(), "`{wrong}` was read");
    }
}

#[test]
fn each_broken_limit_is_named_with_its_field() {
    let output = |pointer: &str, value: Value| broken::<get_things::Output>(with(listing(), pointer, value));
    let one = |pointer: &str, value: Value| output(&format!("/things/0/{pointer}"), value);
    let many = json!(vec![view(); 101]);
    for (is, expected) in [
        (output("/cursor", json!("123456789")), "`cursor` is 9 bytes long, must be at most 8"),
        (output("/things", many), "`things` has 101 items, must have at most 100"),
        (output("/summary/total", json!(-1)), "`summary.total` is -1, must be at least 0"),
        (output("/parts/0/ok", json!(false)), "`parts[0].ok` must be true"),
        (one("uri", json!("at:/alice")), "`things[0].uri` is not a valid at-uri"),
        (one("cid", json!("no")), "`things[0].cid` is not a valid cid"),
        (one("rev", json!("no")), "`things[0].rev` is not a valid tid"),
        (one("rkey", json!("a/b")), "`things[0].rkey` is not a valid record-key"),
        (one("collection", json!("thing")), "`things[0].collection` is not a valid nsid"),
        (one("did", json!("alice")), "`things[0].did` is not a valid did"),
        (one("seenAt", json!("yesterday")), "`things[0].seenAt` is not a valid datetime"),
        (one("homepage", json!("alice")), "`things[0].homepage` is not a valid uri"),
        (one("hosts", json!([])), "`things[0].hosts` has 0 items, must have at least 1"),
        (one("hosts", json!(["pds.test", "pds"])), "`things[0].hosts[1]` is not a valid handle"),
        (one("weight", json!(3)), "`things[0].weight` must be one of [1, 2, 5]"),
        (one("colour", json!("x".repeat(21))), "`things[0].colour` is 21 bytes long, must be at most 20"),
        (one("shape/x", json!(11)), "`things[0].shape.x` is 11, must be -10 to 10"),
        (one("shape/next/0/x", json!(-11)), "`things[0].shape.next[0].x` is -11, must be -10 to 10"),
    ] {
        assert_eq!(is, expected);
    }
}

#[test]
fn each_broken_limit_of_parameters_inputs_and_records_is_named() {
    let asked = json!({ "actor": "alice.test", "tags": ["a"], "sizes": [1], "type": "thing" });
    let parameters =
        |pointer: &str, value: Value| broken::<get_things::Parameters>(with(asked.clone(), pointer, value));
    let input =
        |pointer: &str, value: Value| broken::<put_thing::Input>(with(thing_to_put(), pointer, value));
    let record =
        |kind: &str| broken::<thing::Record>(json!({ "$type": kind, "createdAt": "2026-01-02T03:04:05Z" }));
    for (is, expected) in [
        (parameters("/actor", json!("alice")), "`actor` is not a valid at-identifier"),
        (parameters("/limit", json!(0)), "`limit` is 0, must be 1 to 100"),
        (parameters("/limit", json!(101)), "`limit` is 101, must be 1 to 100"),
        (parameters("/cursor", json!("")), "`cursor` is 0 bytes long, must be 1 to 8"),
        (parameters("/order", json!("best")), "`order` must be one of [\"newest\", \"oldest\"]"),
        (parameters("/tags", json!(["a", "b", "c", "d"])), "`tags` has 4 items, must have at most 3"),
        (parameters("/tags/0", json!("abcdef")), "`tags[0]` is 6 bytes long, must be at most 5"),
        (parameters("/tags/0", json!("abc")), "`tags[0]` is 3 graphemes long, must be at most 2"),
        (parameters("/sizes/0", json!(-1)), "`sizes[0]` is -1, must be at least 0"),
        (parameters("/type", json!("other")), "`type` must be one of [\"thing\"]"),
        (input("/digest/$bytes", json!("AQ")), "`digest` is 1 bytes long, must be 2 to 4"),
        (input("/salt/$bytes", json!("AQID")), "`salt` is 3 bytes long, must be at most 2"),
        (input("/picture/size", json!(1001)), "`picture.size` is 1001, must be 0 to 1000"),
        (input("/picture/size", json!(-1)), "`picture.size` is -1, must be 0 to 1000"),
        (
            input("/picture/mimeType", json!("text/html")),
            "`picture.mimeType` has a media type that is not among [\"image/*\", \"text/plain\"]",
        ),
        (input("/shapes", json!([])), "`shapes` has 0 items, must have at least 1"),
        (input("/shapes/0/centre/x", json!(99)), "`shapes[0].centre.x` is 99, must be -10 to 10"),
        (input("/at/x", json!(99)), "`at.x` is 99, must be -10 to 10"),
        (record("test.fixture.shapes.other"), "`$type` must be one of [\"test.fixture.shapes.thing\"]"),
    ] {
        assert_eq!(is, expected);
    }
}

#[test]
fn graphemes_are_counted_as_people_count_letters() {
    let accented = json!({ "actor": "alice.test", "tags": ["e\u{301}a"] });
    let parameters: get_things::Parameters =
        serde_json::from_value(accented).expect("it has the right shape");
    parameters.check().expect("three code points are two graphemes");
}

#[test]
fn what_has_the_wrong_shape_does_not_decode() {
    let output =
        |pointer: &str, value: Value| undecoded::<get_things::Output>(with(listing(), pointer, value));
    let input =
        |pointer: &str, value: Value| undecoded::<put_thing::Input>(with(thing_to_put(), pointer, value));
    for (is, expected) in [
        (undecoded::<get_things::Output>(json!({ "things": [] })), "missing field `summary`"),
        (output("/cursor", Value::Null), "invalid type: null"),
        (output("/summary/total", json!(1.0)), "invalid type: floating point"),
        (output("/summary/total", json!("1")), "invalid type: string"),
        (output("/summary/total", json!(u64::MAX)), "invalid value: integer"),
        (output("/things/0/anything", json!("text")), "invalid type: string"),
        (output("/things/0/shape", json!({ "x": 1, "y": 2 })), "a union needs `$type`"),
        (output("/things/0/shape", json!([])), "a union needs `$type`"),
        (output("/things/0/shape/y", json!("far")), "invalid type: string"),
        (input("/digest", json!("AQID")), "invalid type: string"),
        (input("/digest", json!({ "$bytes": "AQ_D" })), "`$bytes` is not base64"),
        (input("/digest", json!({ "$bytes": "AQID", "more": 1 })), "unknown field `more`"),
        (input("/picture/$type", json!("image")), "unknown variant `image`"),
        (input("/picture/ref", json!(CID)), "invalid type: string"),
    ] {
        assert!(is.contains(expected), "`{is}` does not say `{expected}`");
    }
    let twice = r#"{"seq": 1, "seq": 2}"#;
    let error = serde_json::from_str::<watch_things::Changed>(twice).expect_err("one field, one value");
    assert!(error.to_string().contains("duplicate field"), "{error}");
}

/// A known type with broken contents must not pass as an unknown one.
#[test]
fn a_variant_newer_than_this_code_is_kept_as_it_came() {
    let newer = json!({ "$type": "test.fixture.shapes.defs#star", "points": [5, null] });
    match same::<get_point::Output>(newer.clone()) {
        get_point::Output::Unknown(kept) => assert_eq!(Value::Object(kept), newer),
        get_point::Output::Point(_) => panic!("it is no point"),
    }
    assert_eq!(
        undecoded::<get_point::Output>(json!({ "$type": "test.fixture.shapes.defs#point", "x": 1 })),
        "missing field `y`"
    );
}

#[test]
fn every_variant_of_a_message_is_told_by_its_type() {
    let changed = json!({ "$type": "test.fixture.shapes.watchThings#changed", "seq": 9 });
    let read: watch_things::Message = same(changed);
    assert_eq!(read, watch_things::Message::Changed(Box::new(watch_things::Changed { seq: 9 })));
    let info = json!({ "$type": "test.fixture.shapes.watchThings#info", "name": "OutdatedCursor" });
    let _: watch_things::Message = same(info);
    let zeroth = json!({ "$type": "test.fixture.shapes.watchThings#changed", "seq": 0 });
    assert_eq!(broken::<watch_things::Message>(zeroth), "`seq` is 0, must be at least 1");
}

#[test]
fn bytes_bear_padding_and_are_plain_in_cbor() {
    for text in ["/w", "/w=="] {
        let bytes: Bytes = serde_json::from_value(json!({ "$bytes": text })).expect("padding is optional");
        assert_eq!(bytes, Bytes(vec![255]));
    }
    let bytes = Bytes(vec![0, 1, 255]);
    let cbor = serde_ipld_dagcbor::to_vec(&bytes).expect("it can be written");
    assert_eq!(cbor, [0x43, 0, 1, 255]);
    assert_eq!(serde_ipld_dagcbor::from_slice::<Bytes>(&cbor).expect("it can be read"), bytes);
    assert!(serde_ipld_dagcbor::to_vec(&Link(CID.to_owned())).is_err(), "a link is no text in CBOR");
}

#[test]
fn records_are_read_from_cbor_as_from_json() {
    let record = thing::Record {
        r#type: thing::NSID.to_owned(),
        created_at: "2026-01-02T03:04:05Z".to_owned(),
        max_bytes: Some(7),
    };
    let cbor = serde_ipld_dagcbor::to_vec(&record).expect("it can be written");
    assert_eq!(serde_ipld_dagcbor::from_slice::<thing::Record>(&cbor).expect("it can be read"), record);
}

#[test]
fn the_table_holds_every_method_in_order() {
    let rows: Vec<_> = table::METHODS.iter().map(|method| (method.nsid, method.kind)).collect();
    assert_eq!(
        rows,
        [
            ("test.fixture.getPoint", Kind::Query),
            ("test.fixture.shapes.getFile", Kind::Query),
            ("test.fixture.shapes.getThings", Kind::Query),
            ("test.fixture.shapes.putThing", Kind::Procedure),
            ("test.fixture.shapes.watchThings", Kind::Subscription),
        ]
    );
    assert_eq!(table::METHODS[1].output, Some("application/vnd.ipld.car"));
    assert_eq!(table::METHODS[2].errors, ["ThingNotFound", "TooManyThings"]);
    assert_eq!((table::METHODS[2].input, table::METHODS[3].input), (None, Some("application/json")));
    assert_eq!((thing::KEY, defs::UNSEEN), ("literal:self", "test.fixture.shapes.defs#unseen"));
}

#[test]
fn a_method_is_found_by_its_nsid_and_no_other_name() {
    assert!(METHODS.is_sorted_by_key(|method| method.nsid) && !METHODS.is_empty());
    for method in METHODS {
        assert_eq!(lexicon::method(method.nsid), Some(method));
    }
    let known = "network.counterpart.replication.describeService";
    assert_eq!(lexicon::method(known).map(|method| method.kind), Some(Kind::Query));
    assert_eq!(lexicon::method(&known.to_lowercase()), None);
    assert_eq!(lexicon::method(""), None);
}
