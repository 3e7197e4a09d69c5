//! DID documents: both forms in use, and what is refused.

use counterpart::atproto::{Curve, DidDocument, SigningKey};
use serde_json::{Value, json};

const ALICE: &str = "did:plc:aliceaaaaaaaaaaaaaaaaaaa";

fn key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &[3; 32]).unwrap()
}

fn modern() -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": ALICE,
        "alsoKnownAs": ["https://alice.test", "at://Alice.test", "at://second.test"],
        "verificationMethod": [
            { "id": format!("{ALICE}#other"), "type": "Multikey", "controller": ALICE, "publicKeyMultibase": "z1" },
            { "id": format!("{ALICE}#atproto"), "type": "Multikey", "controller": ALICE, "publicKeyMultibase": key().public().to_multikey() },
        ],
        "service": [
            { "id": "#labeler", "type": "AtprotoLabeler", "serviceEndpoint": { "uri": "https://labeler.test" } },
            { "id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://PDS.test/" },
        ],
    })
}

fn parse(document: &Value) -> Result<DidDocument, &'static str> {
    DidDocument::parse(document.to_string().as_bytes()).map_err(|fault| fault.label())
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = modern();
    *document.pointer_mut(pointer).unwrap() = value;
    document
}

#[test]
fn the_form_of_today_is_read() {
    let document = parse(&modern()).unwrap();
    assert_eq!(document.did.as_str(), ALICE);
    assert_eq!(document.signing_key, Some(key().public()));
    assert_eq!(document.pds.as_deref(), Some("https://pds.test"));
    assert_eq!(document.handle.unwrap().as_str(), "alice.test");
}

#[test]
fn the_older_form_with_relative_ids_and_uncompressed_keys_is_read() {
    let secret = k256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
    let point = secret.verifying_key().to_encoded_point(false);
    let multibase = multibase::encode(multibase::Base::Base58Btc, point.as_bytes());
    let method = json!([{ "id": "#atproto", "type": "EcdsaSecp256k1VerificationKey2019", "controller": ALICE, "publicKeyMultibase": multibase }]);
    assert_eq!(parse(&with("/verificationMethod", method)).unwrap().signing_key, Some(key().public()));
}

#[test]
fn the_first_match_counts_and_what_is_missing_is_missing() {
    let bare = parse(&json!({ "id": ALICE })).unwrap();
    assert_eq!((bare.signing_key, bare.pds, bare.handle), (None, None, None));
    let other_type = with("/service/1/type", json!("SomethingElse"));
    assert_eq!(parse(&other_type).unwrap().pds, None);
    let foreign = with("/verificationMethod/1/id", json!("did:plc:bobbbbbbbbbbbbbbbbbbbbbb#atproto"));
    assert_eq!(parse(&foreign).unwrap().signing_key, None, "a key under another DID's name is not ours");
}

#[test]
fn what_is_wrong_is_refused_by_its_name() {
    for (document, label) in [
        (with("/id", json!("alice")), "document_id"),
        (with("/id", json!(7)), "document_shape"),
        (json!([]), "document_shape"),
        (with("/verificationMethod/1/publicKeyMultibase", json!("z")), "document_key"),
        (with("/verificationMethod/1/type", json!("Ed25519VerificationKey2020")), "document_key"),
        (
            with("/service", json!(vec![json!({ "id": "#x", "type": "x", "serviceEndpoint": "" }); 65])),
            "document_too_many",
        ),
        (with("/alsoKnownAs", json!(vec!["at://a.test"; 65])), "document_too_many"),
        (with("/alsoKnownAs", json!(vec!["x".repeat(2_000); 40])), "document_too_large"),
    ] {
        assert_eq!(parse(&document).unwrap_err(), label, "{document}");
    }
    for endpoint in [
        json!(7),
        json!("pds.test"),
        json!("ftp://pds.test"),
        json!("https://"),
        json!("https://pds.test/path"),
        json!("https://pds.test?query"),
        json!("https://user@pds.test"),
        json!("https://pds.test#x"),
        json!("https://pds.test\\@evil.test"),
        json!("https://pds .test"),
    ] {
        let document = with("/service/1/serviceEndpoint", endpoint);
        assert_eq!(parse(&document).unwrap_err(), "document_pds", "{document}");
    }
}

#[test]
fn nesting_without_end_is_passed_over_or_refused_and_never_followed() {
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let ignored = format!("{{\"id\":\"{ALICE}\",\"x\":{deep}}}");
    assert!(DidDocument::parse(ignored.as_bytes()).is_ok());
    let service = format!("{{\"id\":\"#x\",\"type\":\"x\",\"serviceEndpoint\":{deep}}}");
    let read = format!("{{\"id\":\"{ALICE}\",\"service\":[{service}]}}");
    assert_eq!(DidDocument::parse(read.as_bytes()).unwrap_err().label(), "document_shape");
}
