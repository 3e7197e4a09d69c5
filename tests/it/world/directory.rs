//! The fear: a directory of the world that a real resolver would not
//! understand, or that says what the test did not make it say.

use atrium_api::did_doc::DidDocument;
use axum::http::StatusCode;
use counterpart::atproto::{Did, PublicKey};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ipld_core::ipld::Ipld;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::World;
use super::oracle::{get, stranger_key};

async fn ask(world: &World, did: &Did, rest: &str) -> (u16, Value) {
    let answer = get(&format!("{}/{did}{rest}", world.plc.url())).await;
    (answer.status.as_u16(), answer.json())
}

async fn document(world: &World, name: &str) -> DidDocument {
    let (status, json) = ask(world, world.did(name), "").await;
    assert_eq!(status, 200);
    serde_json::from_value(json).unwrap()
}

fn signing_key(document: &DidDocument) -> PublicKey {
    let multibase = document.get_signing_key().unwrap().public_key_multibase.clone();
    PublicKey::from_multikey(&multibase.unwrap()).unwrap()
}

#[tokio::test]
async fn a_stranger_reads_who_somebody_is_on_both_curves() {
    let world = World::new(1).host("a").account("alice", "a", 0).account("bob", "a", 0).start().await;
    for name in ["alice", "bob"] {
        let answer = get(&format!("{}/{}", world.plc.url(), world.did(name))).await;
        assert!(answer.header("content-type").starts_with("application/did+ld+json"));
        let document = document(&world, name).await;
        assert_eq!(document.id, world.did(name).as_str());
        assert_eq!(document.also_known_as, Some(vec![format!("at://{name}.a.test")]));
        assert_eq!(document.get_pds_endpoint().as_deref(), Some(world.origin("a")));
        assert_eq!(signing_key(&document), world.plc.identity(world.did(name)).unwrap().signing);
    }
    assert_ne!(
        signing_key(&document(&world, "alice").await).curve(),
        signing_key(&document(&world, "bob").await).curve()
    );
}

/// An operation as bytes, with its signature or without.
fn encode(operation: &Value, signed: bool) -> Vec<u8> {
    let mut operation: Ipld = serde_json::from_value(operation.clone()).unwrap();
    if let (Ipld::Map(fields), false) = (&mut operation, signed) {
        fields.remove("sig").unwrap();
    }
    let bytes = serde_ipld_dagcbor::to_vec(&operation).unwrap();
    shrike::cbor::decode(&bytes).expect("a stranger finds it canonical");
    bytes
}

#[tokio::test]
async fn a_log_is_a_chain_of_signed_operations_and_its_first_is_the_did() {
    let mut world = World::new(2).host("a").host("b").account("alice", "a", 0).start().await;
    world.rotate_key("alice");
    world.migrate("alice", "b");
    let did = world.did("alice").clone();
    let rotation = stranger_key(&world.plc.identity(&did).unwrap().rotation);
    world.plc.tombstone(&did);

    let (_, audit) = ask(&world, &did, "/log/audit").await;
    let entries = audit.as_array().unwrap();
    assert_eq!(entries.len(), 4);
    let mut prev = Value::Null;
    for entry in entries {
        let operation = &entry["operation"];
        assert_eq!(operation["prev"], prev);
        let sig = BASE64URL_NOPAD.decode(operation["sig"].as_str().unwrap().as_bytes()).unwrap();
        let sig = shrike::crypto::Signature::from_bytes(sig.try_into().unwrap());
        rotation.verify(&encode(operation, false), &sig).unwrap();
        let cid = shrike::cbor::Cid::compute(shrike::cbor::Codec::Drisl, &encode(operation, true));
        assert_eq!(entry["cid"], cid.to_string());
        prev = entry["cid"].clone();
    }
    let hash = BASE32_NOPAD.encode(&Sha256::digest(encode(&entries[0]["operation"], true))).to_lowercase();
    assert_eq!(did.as_str(), format!("did:plc:{}", &hash[..24]));

    let (_, log) = ask(&world, &did, "/log").await;
    let operations: Vec<&Value> = entries.iter().map(|entry| &entry["operation"]).collect();
    assert_eq!(log.as_array().unwrap().iter().collect::<Vec<_>>(), operations);
    assert_eq!(ask(&world, &did, "/log/last").await, (200, operations[3].clone()));
    assert_eq!(operations[3]["type"], "plc_tombstone");
}

#[tokio::test]
async fn the_dead_and_the_unknown_are_told_apart() {
    let world = World::new(3).host("a").account("alice", "a", 0).start().await;
    let did = world.did("alice");
    let (_, data) = ask(&world, did, "/data").await;
    assert_eq!(data["services"]["atproto_pds"]["endpoint"], world.origin("a"));
    world.plc.tombstone(did);
    for rest in ["", "/data"] {
        let (status, answer) = ask(&world, did, rest).await;
        assert_eq!((status, &answer["message"]), (410, &Value::from(format!("DID not available: {did}"))));
    }
    world.plc.answer_tombstones(StatusCode::NOT_FOUND);
    assert_eq!(ask(&world, did, "").await.0, 404);

    let nobody = Did::parse("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
    for rest in ["", "/data", "/log", "/log/audit", "/log/last"] {
        let (status, answer) = ask(&world, &nobody, rest).await;
        assert_eq!(
            (status, &answer["message"]),
            (404, &Value::from(format!("DID not registered: {nobody}")))
        );
    }
}

#[tokio::test]
async fn a_directory_that_lags_tells_the_past_until_it_has_caught_up() {
    let mut world = World::new(4).host("a").account("alice", "a", 0).start().await;
    world.clock.advance_ms(600_000);
    world.plc.lag_ms(60_000);
    let before = signing_key(&document(&world, "alice").await);
    world.rotate_key("alice");
    let after = world.plc.identity(world.did("alice")).unwrap().signing;
    assert_ne!(before, after);
    world.clock.advance_ms(59_999);
    assert_eq!(signing_key(&document(&world, "alice").await), before);
    assert_eq!(ask(&world, world.did("alice"), "/log/audit").await.1.as_array().unwrap().len(), 1);
    world.clock.advance_ms(1);
    assert_eq!(signing_key(&document(&world, "alice").await), after);
}

#[tokio::test]
async fn a_directory_fails_as_often_as_it_was_told_and_counts_who_asks() {
    let world = World::new(5).host("a").account("alice", "a", 0).account("bob", "a", 0).start().await;
    let (alice, bob) = (world.did("alice"), world.did("bob"));
    world.plc.front().refuse(alice.as_str(), 2, StatusCode::SERVICE_UNAVAILABLE);
    let mut statuses = Vec::new();
    for did in [alice, bob, alice, alice] {
        statuses.push(get(&format!("{}/{did}", world.plc.url())).await.status.as_u16());
    }
    assert_eq!(statuses, [503, 200, 503, 200]);
    assert_eq!(world.plc.front().asked(alice.as_str()), 3);
    assert_eq!(world.plc.front().asked("/log"), 0);
}
