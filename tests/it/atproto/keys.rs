//! Public keys in every form they are published in, and secret keys.

use std::collections::HashSet;

use counterpart::atproto::{Curve, KeyFault, PublicKey, SigningKey};
use k256::elliptic_curve::sec1::ToEncodedPoint;
use multibase::Base;
use proptest::prelude::{any, prop_assert_eq, proptest};

const CURVES: [Curve; 2] = [Curve::K256, Curve::P256];
const K256_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn signing_key(curve: Curve) -> SigningKey {
    SigningKey::from_bytes(curve, &[7; 32]).unwrap()
}

/// The compressed and the uncompressed point, as other crates compute them.
fn points(curve: Curve, secret: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    match curve {
        Curve::K256 => {
            let point = k256::SecretKey::from_slice(secret).unwrap().public_key();
            (point.to_encoded_point(true).to_bytes().into(), point.to_encoded_point(false).to_bytes().into())
        }
        Curve::P256 => {
            let point = p256::SecretKey::from_slice(secret).unwrap().public_key();
            (point.to_encoded_point(true).to_bytes().into(), point.to_encoded_point(false).to_bytes().into())
        }
    }
}

fn multikey(curve: Curve, point: &[u8]) -> String {
    let codec: [u8; 2] = match curve {
        Curve::K256 => [0xe7, 0x01],
        Curve::P256 => [0x80, 0x24],
    };
    multibase::encode(Base::Base58Btc, [&codec[..], point].concat())
}

fn base58(bytes: &[u8]) -> String {
    multibase::encode(Base::Base58Btc, bytes)
}

#[test]
fn known_secrets_have_their_known_did_keys() {
    let known = [
        (
            Curve::K256,
            "9085d2bef69286a6cbb51623c8fa258629945cd55ca705cc4e66700396894e0c",
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        ),
        (
            Curve::K256,
            "f0f4df55a2b3ff13051ea814a8f24ad00f2e469af73c363ac7e9fb999a9072ed",
            "did:key:zQ3shtxV1FrJfhqE1dvxYRcCknWNjHc3c5X1y3ZSoPDi2aur2",
        ),
    ];
    for (curve, secret, did_key) in known {
        let key = SigningKey::from_hex(curve, secret).unwrap().public();
        assert_eq!(key.to_string(), did_key);
        assert_eq!(PublicKey::parse(did_key), Ok(key));
    }
    let p256 = PublicKey::parse("did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb").unwrap();
    assert_eq!(p256.curve(), Curve::P256);
}

#[test]
fn one_key_is_equal_in_every_form_it_is_published_in() {
    for curve in CURVES {
        let (compressed, uncompressed) = points(curve, &[7; 32]);
        let legacy = match curve {
            Curve::K256 => "EcdsaSecp256k1VerificationKey2019",
            Curve::P256 => "EcdsaSecp256r1VerificationKey2019",
        };
        let key = signing_key(curve).public();
        let forms = [
            PublicKey::parse(&format!("did:key:{}", multikey(curve, &compressed))),
            PublicKey::from_multikey(&multikey(curve, &compressed)),
            PublicKey::from_verification_method("Multikey", &multikey(curve, &compressed)),
            PublicKey::from_verification_method(legacy, &base58(&uncompressed)),
            PublicKey::from_legacy(curve, &base58(&uncompressed)),
            PublicKey::from_compressed(curve, &compressed),
            PublicKey::from_uncompressed(curve, &uncompressed),
        ];
        let distinct: HashSet<PublicKey> = forms.into_iter().map(Result::unwrap).collect();
        assert_eq!(distinct, HashSet::from([key]));
        assert_eq!(key.to_compressed()[..], compressed);
        assert_eq!(key.to_multikey(), multikey(curve, &compressed));
        assert_eq!((key.curve(), signing_key(curve).curve()), (curve, curve));
    }
    assert_ne!(signing_key(Curve::K256).public(), signing_key(Curve::P256).public());
    assert_eq!(CURVES.map(Curve::jwt_alg), ["ES256K", "ES256"]);
}

#[test]
fn text_that_is_no_did_key_is_refused() {
    let good = signing_key(Curve::K256).public().to_multikey();
    let refused = [
        (String::new(), "key_not_did_key"),
        (good.clone(), "key_not_did_key"),
        (format!("did:plc:{good}"), "key_not_did_key"),
        (format!("DID:KEY:{good}"), "key_not_did_key"),
        (format!(" did:key:{good}"), "key_not_did_key"),
        ("did:key:".to_owned(), "key_multibase"),
        (format!("did:key:{}", &good[1..]), "key_multibase"),
        (format!("did:key: {good}"), "key_multibase"),
        ("did:key:z".to_owned(), "key_codec"),
        ("did:key:z1".to_owned(), "key_codec"),
        ("did:key:zé".to_owned(), "key_base58"),
        (format!("did:key:{good}#{good}"), "key_base58"),
        (format!("did:key:{good} "), "key_base58"),
        (format!("did:key:{good}0"), "key_base58"),
        (format!("did:key:z1{}", &good[1..]), "key_codec"),
        (format!("did:key:z{}", "1".repeat(127)), "key_codec"),
        (format!("did:key:z{}", "1".repeat(128)), "key_text_length"),
        (format!("did:key:z{}", "2".repeat(10_000_000)), "key_text_length"),
        // Ed25519 and X25519.
        (format!("did:key:{}", base58(&[&[0xed, 0x01][..], &[7; 32]].concat())), "key_codec"),
        (format!("did:key:{}", base58(&[&[0xec, 0x01][..], &[7; 32]].concat())), "key_codec"),
    ];
    for (text, rule) in refused {
        assert_eq!(PublicKey::parse(&text).unwrap_err().label(), rule, "{:.80}", text);
    }
}

#[test]
fn no_part_of_a_key_is_a_key() {
    for curve in CURVES {
        let good = signing_key(curve).public().to_multikey();
        for end in 0..good.len() {
            assert!(PublicKey::from_multikey(&good[..end]).is_err(), "{}", &good[..end]);
        }
        let (compressed, uncompressed) = points(curve, &[7; 32]);
        for end in 0..33 {
            let expected = KeyFault::PointLength { length: end, expected: 33 };
            assert_eq!(PublicKey::from_multikey(&multikey(curve, &compressed[..end])), Err(expected));
        }
        for end in 0..65 {
            let expected = KeyFault::PointLength { length: end, expected: 65 };
            assert_eq!(PublicKey::from_legacy(curve, &base58(&uncompressed[..end])), Err(expected));
        }
        let longer = [&compressed[..], &[0]].concat();
        assert!(PublicKey::from_multikey(&multikey(curve, &longer)).is_err());
    }
}

#[test]
fn only_base58_is_taken() {
    let (compressed, _) = points(Curve::K256, &[7; 32]);
    let bytes = [&[0xe7, 0x01][..], &compressed].concat();
    for base in [Base::Base16Lower, Base::Base32Lower, Base::Base58Flickr, Base::Base64, Base::Base64Url] {
        let text = multibase::encode(base, &bytes);
        assert_eq!(PublicKey::from_multikey(&text), Err(KeyFault::Multibase), "{text:?}");
    }
}

#[test]
fn each_form_takes_points_of_its_own_kind_only() {
    for curve in CURVES {
        let (compressed, uncompressed) = points(curve, &[7; 32]);
        let tagged = |point: &[u8], tag: u8| [&[tag], &point[1..]].concat();
        for tag in [0, 1, 4, 5, 6, 7, 0xff] {
            let key = PublicKey::from_multikey(&multikey(curve, &tagged(&compressed, tag)));
            assert_eq!(key, Err(KeyFault::PointForm { tag }));
        }
        for tag in [0, 1, 2, 3, 5, 6, 7, 0xff] {
            let key = PublicKey::from_legacy(curve, &base58(&tagged(&uncompressed, tag)));
            assert_eq!(key, Err(KeyFault::PointForm { tag }));
        }
        let swapped = PublicKey::from_multikey(&multikey(curve, &uncompressed));
        assert_eq!(swapped, Err(KeyFault::PointLength { length: 65, expected: 33 }));
        let swapped = PublicKey::from_legacy(curve, &base58(&compressed));
        assert_eq!(swapped, Err(KeyFault::PointLength { length: 33, expected: 65 }));
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    for curve in CURVES {
        let off = Err(KeyFault::NotOnCurve { curve });
        let (_, uncompressed) = points(curve, &[7; 32]);
        for bit in 0..8 * 64 {
            let mut point = uncompressed.clone();
            point[1 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(PublicKey::from_uncompressed(curve, &point), off);
        }
        // Not below the field's prime, and the other curve's point.
        assert_eq!(PublicKey::from_compressed(curve, &[&[2][..], &[0xff; 32]].concat()), off);
        assert_eq!(PublicKey::from_uncompressed(curve, &[&[4][..], &[0; 64]].concat()), off);
        let other = if curve == Curve::K256 { Curve::P256 } else { Curve::K256 };
        assert_eq!(PublicKey::from_uncompressed(curve, &points(other, &[7; 32]).1), off);

        let (mut taken, mut refused) = (0, 0);
        for x in 0..=255 {
            match PublicKey::from_compressed(curve, &[&[3][..], &[x; 32]].concat()) {
                Ok(_) => taken += 1,
                Err(fault) => {
                    assert_eq!(Err(fault), off);
                    refused += 1;
                }
            }
        }
        assert!(taken > 80 && refused > 80, "about half of all x have a y: {taken}, {refused}");
    }
}

#[test]
fn a_verification_method_of_another_type_holds_no_key() {
    let good = signing_key(Curve::K256).public().to_multikey();
    for name in ["", "multikey", "Multikey ", "JsonWebKey2020", "Ed25519VerificationKey2020"] {
        let expected = KeyFault::MethodType { name: name.to_owned() };
        assert_eq!(PublicKey::from_verification_method(name, &good), Err(expected));
    }
    assert_eq!(PublicKey::from_verification_method("Multikey", "z").unwrap_err().label(), "key_codec");
    let legacy = PublicKey::from_verification_method("EcdsaSecp256k1VerificationKey2019", "z");
    assert_eq!(legacy.unwrap_err().label(), "key_point_length");
}

fn plus(hex: &str, difference: i32) -> String {
    let last = u32::from_str_radix(&hex[56..], 16).unwrap().checked_add_signed(difference).unwrap();
    format!("{}{last:08x}", &hex[..56])
}

#[test]
fn a_secret_is_above_zero_and_below_the_order_of_its_curve() {
    for (curve, order) in [(Curve::K256, K256_ORDER), (Curve::P256, P256_ORDER)] {
        let one = plus(&"0".repeat(64), 1);
        for taken in [one, plus(order, -1)] {
            let key = SigningKey::from_hex(curve, &taken).unwrap();
            assert_eq!(data_encoding::HEXLOWER.encode(&key.expose_bytes()), taken);
        }
        for refused in ["0".repeat(64), order.to_owned(), plus(order, 1), "f".repeat(64)] {
            let key = SigningKey::from_hex(curve, &refused);
            assert_eq!(key.unwrap_err(), KeyFault::SecretRange { curve });
        }
    }
}

#[test]
fn a_secret_in_hex_has_64_digits_and_nothing_else() {
    let upper = "9085D2BEF69286A6CBB51623C8FA258629945CD55CA705CC4E66700396894E0C";
    let lower = upper.to_lowercase();
    let public = |hex: &str| SigningKey::from_hex(Curve::K256, hex).map(|key| key.public());
    assert_eq!(public(upper), public(&lower));
    let refused = [
        String::new(),
        lower[..63].to_owned(),
        lower[..62].to_owned(),
        format!("{lower}00"),
        format!("0x{}", &lower[2..]),
        format!("{} ", &lower[..63]),
        format!("{}\n", &lower[..63]),
        format!("{}é", &lower[..62]),
        "g".repeat(64),
    ];
    for hex in refused {
        assert_eq!(public(&hex), Err(KeyFault::SecretHex), "{hex:?}");
    }
}

#[test]
fn a_secret_is_never_shown() {
    for curve in CURVES {
        let key = SigningKey::from_bytes(curve, &[0xab; 32]).unwrap();
        let shown = format!("{key:?} {key:#?}");
        assert!(!shown.contains("abab") && !shown.contains("171, 171"), "{shown}");
        assert!(shown.contains(&key.public().to_string()));
    }
    let fault = SigningKey::from_hex(Curve::P256, &"f".repeat(64)).unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("ffff"));
}

#[test]
fn a_key_is_read_from_json_as_a_did_key() {
    let key = signing_key(Curve::P256).public();
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(json, format!("\"{key}\""));
    assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
    assert!(serde_json::from_str::<PublicKey>("\"did:key:z\"").is_err());
}

proptest! {
    #[test]
    fn other_crates_agree_on_the_public_key_of_a_secret(mut secret in any::<[u8; 32]>(), k256 in any::<bool>()) {
        secret[0] &= 0x7f;
        secret[31] |= 1;
        let curve = if k256 { Curve::K256 } else { Curve::P256 };
        let key = SigningKey::from_bytes(curve, &secret).unwrap();
        let (compressed, uncompressed) = points(curve, &secret);
        prop_assert_eq!(key.public().to_string(), format!("did:key:{}", multikey(curve, &compressed)));
        prop_assert_eq!(PublicKey::from_uncompressed(curve, &uncompressed), Ok(key.public()));
        prop_assert_eq!(PublicKey::parse(&key.public().to_string()), Ok(key.public()));
        prop_assert_eq!(key.expose_bytes(), secret);
    }
}
