//! Whatever comes from outside, the parsers answer; and what they took, they give back.

use counterpart::atproto::{
    AtUri, Authority, Cid, Curve, Did, Handle, KeyFault, Link, Nsid, PublicKey, RecordPath, Rkey, SigningKey,
    Tid, sign, verify, verify_malleable,
};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Every way to read and to write a type agrees with every other.
macro_rules! assert_same_in_every_form {
    ($text:expr, $name:ty) => {{
        let text: &str = $text;
        let parsed = <$name>::parse(text);
        assert_eq!(parsed, text.parse::<$name>());
        let json = serde_json::to_string(text).unwrap();
        let from_json = serde_json::from_str::<$name>(&json);
        assert_eq!(parsed.is_ok(), from_json.is_ok());
        if let Ok(value) = parsed {
            assert_eq!(value, from_json.unwrap());
            assert_eq!(<$name>::parse(&value.to_string()), Ok(value.clone()));
            assert_eq!(format!("{value:?}"), value.to_string());
            assert_eq!(serde_json::to_value(&value).unwrap(), serde_json::Value::String(value.to_string()));
            assert_readable_in_cbor(&value);
        }
    }};
}

fn assert_readable_in_cbor<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = serde_ipld_dagcbor::to_vec(value).unwrap();
    assert_eq!(&serde_ipld_dagcbor::from_slice::<T>(&bytes).unwrap(), value);
}

fn read_as_everything(text: &str) {
    assert_same_in_every_form!(text, Did);
    assert_same_in_every_form!(text, Handle);
    assert_same_in_every_form!(text, Nsid);
    assert_same_in_every_form!(text, Rkey);
    assert_same_in_every_form!(text, RecordPath);
    assert_same_in_every_form!(text, AtUri);
    assert_same_in_every_form!(text, Authority);
    assert_same_in_every_form!(text, Tid);
    assert_same_in_every_form!(text, Cid);
    assert_same_in_every_form!(text, PublicKey);
}

#[test]
fn one_of_each_is_the_same_in_every_form() {
    let texts = [
        "did:web:localhost%3A2583",
        "Alice.test",
        "com.example.fooBar",
        "self",
        "com.example.thing/3jzfcijpj2z2a",
        "at://alice.test",
        "at://did:plc:abc/com.example.thing",
        "at://alice.test/com.example.thing/self",
        "3jzfcijpj2z2a",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb",
    ];
    for text in texts {
        read_as_everything(text);
    }
    for json in ["null", "1", "{}", "[]", "true", "[\"alice.test\"]"] {
        assert!(serde_json::from_str::<Handle>(json).is_err() && serde_json::from_str::<Tid>(json).is_err());
    }
}

#[test]
fn equal_text_asks_a_map_for_an_identifier() {
    let did = Did::parse("did:plc:abcdefghijklmnopqrstuvwx").unwrap();
    let held = std::collections::HashMap::from([(did.clone(), 1)]);
    assert_eq!(held.get("did:plc:abcdefghijklmnopqrstuvwx"), Some(&1));
    let sorted = std::collections::BTreeMap::from([(did, 1)]);
    assert_eq!(sorted.get("did:plc:abcdefghijklmnopqrstuvwx"), Some(&1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        read_as_everything(&text);
        let _: Result<_, KeyFault> = SigningKey::from_hex(Curve::P256, &text);
    }

    #[test]
    fn no_text_with_a_known_beginning_makes_a_parser_panic(
        start in "did:|did:web:|did:plc:|did:key:z|at://|at://a.b/|a.b.c/|bafy|z|2222",
        rest in "[ -~]{0,70}",
    ) {
        let text = format!("{start}{rest}");
        read_as_everything(&text);
        for name in ["Multikey", "EcdsaSecp256k1VerificationKey2019", "EcdsaSecp256r1VerificationKey2019", "x"] {
            let _: Result<_, KeyFault> = PublicKey::from_verification_method(name, &text);
        }
    }

    #[test]
    fn no_base58_makes_a_key_parser_panic(text in "[1-9A-HJ-NP-Za-km-z]{0,100}") {
        let text = format!("z{text}");
        for name in ["Multikey", "EcdsaSecp256k1VerificationKey2019", "EcdsaSecp256r1VerificationKey2019"] {
            let _: Result<_, KeyFault> = PublicKey::from_verification_method(name, &text);
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..130)) {
        prop_assert_eq!(RecordPath::check(&bytes).is_ok(), RecordPath::from_bytes(&bytes).is_ok());
        let cid = Cid::from_bytes(&bytes).ok();
        let link = Link::from_bytes(&bytes).ok();
        prop_assert_eq!(cid, link.as_ref().and_then(Link::as_cid));
        prop_assert_eq!(link.is_none_or(|link| link.to_bytes() == bytes), true);
        for curve in [Curve::K256, Curve::P256] {
            let _: Result<_, KeyFault> = PublicKey::from_compressed(curve, &bytes);
            let _: Result<_, KeyFault> = PublicKey::from_uncompressed(curve, &bytes);
            let key = SigningKey::from_bytes(curve, &[7; 32]).unwrap();
            let forged = (verify(&key.public(), b"m", &bytes), verify_malleable(&key.public(), b"m", &bytes));
            prop_assert_eq!((forged.0.is_err(), forged.1.is_err()), (true, true));
        }
    }

    #[test]
    fn valid_text_is_given_back(
        did in "did:[a-z]{1,10}:[a-zA-Z0-9._:%-]{0,40}[a-zA-Z0-9._-]",
        label in "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?",
        top in "[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?",
        name in "[a-zA-Z][a-zA-Z0-9]{0,62}",
        rkey in "[a-zA-Z0-9_:~-]{1,100}",
        tid in "[2-7a-j][2-7a-z]{12}",
    ) {
        assert_eq!(Did::parse(&did).unwrap().to_string(), did);
        let handle = format!("{label}.{top}");
        assert_eq!(Handle::parse(&handle).unwrap().to_string(), handle.to_ascii_lowercase());
        let nsid = format!("{top}.{label}.{name}");
        assert_eq!(Nsid::parse(&nsid).unwrap().to_string(), nsid);
        assert_eq!(Rkey::parse(&rkey).unwrap().to_string(), rkey);
        assert_eq!(Tid::parse(&tid).unwrap().to_string(), tid);
        let path = format!("{nsid}/{rkey}");
        let parsed = RecordPath::parse(&path).unwrap();
        assert_eq!((parsed.collection(), parsed.rkey()), (&nsid[..], &rkey[..]));
        let uri = format!("at://{did}/{path}");
        let parsed = AtUri::parse(&uri).unwrap();
        assert_eq!(parsed.to_string(), uri);
        assert_eq!(parsed.record_path().unwrap().to_string(), path);
    }

    #[test]
    fn what_is_signed_verifies_and_no_other_message_does(
        message in vec(any::<u8>(), 0..100), other in vec(any::<u8>(), 0..100), secret in 1_u8..255,
    ) {
        for curve in [Curve::K256, Curve::P256] {
            let key = SigningKey::from_bytes(curve, &[secret; 32]).unwrap();
            let signature = sign(&key, &message);
            prop_assert_eq!(verify(&key.public(), &message, &signature), Ok(()));
            prop_assert_eq!(verify(&key.public(), &other, &signature).is_ok(), other == message);
        }
    }
}
