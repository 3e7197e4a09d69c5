//! One signature for one message: every other form of it is refused by name.

use counterpart::atproto::{Curve, PublicKey, SignatureFault, SigningKey, sign, verify, verify_malleable};
use data_encoding::HEXLOWER_PERMISSIVE;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

const CURVES: [Curve; 2] = [Curve::K256, Curve::P256];
const MESSAGE: &[u8] = b"what was agreed";

type Scalar = [u8; 32];

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap()
}

fn scalar(text: &str) -> Scalar {
    hex(text).try_into().unwrap()
}

fn order(curve: Curve) -> Scalar {
    scalar(match curve {
        Curve::K256 => "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        Curve::P256 => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    })
}

/// The greatest `s` that is low, written out so as not to trust our halving.
fn greatest_low(curve: Curve) -> Scalar {
    scalar(match curve {
        Curve::K256 => "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0",
        Curve::P256 => "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
    })
}

fn minus(a: &Scalar, b: &Scalar) -> Scalar {
    let mut difference = [0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let left = i16::from(a[at]) - i16::from(b[at]) - borrow;
        borrow = i16::from(left < 0);
        difference[at] = (left + 256 * borrow) as u8;
    }
    assert_eq!(borrow, 0, "a is not less than b");
    difference
}

const ONE: Scalar = {
    let mut one = [0; 32];
    one[31] = 1;
    one
};

fn joined(r: &Scalar, s: &Scalar) -> [u8; 64] {
    [&r[..], s].concat().try_into().unwrap()
}

fn split(signature: &[u8; 64]) -> (Scalar, Scalar) {
    (signature[..32].try_into().unwrap(), signature[32..].try_into().unwrap())
}

/// The same signature with the other `s`.
fn twin(curve: Curve, signature: &[u8; 64]) -> [u8; 64] {
    let (r, s) = split(signature);
    joined(&r, &minus(&order(curve), &s))
}

fn key_of(curve: Curve, byte: u8) -> SigningKey {
    SigningKey::from_bytes(curve, &[byte; 32]).unwrap()
}

fn signed(curve: Curve) -> (PublicKey, [u8; 64]) {
    let key = key_of(curve, 7);
    (key.public(), sign(&key, MESSAGE))
}

#[test]
fn known_messages_have_their_known_signatures() {
    // RFC 6979, A.2.5, and the value widely published for secp256k1 with the secret 1.
    let rfc = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let one = "0000000000000000000000000000000000000000000000000000000000000001";
    let known = [
        (
            Curve::P256,
            rfc,
            "sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            Curve::P256,
            rfc,
            "test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
        (
            Curve::K256,
            one,
            "Satoshi Nakamoto",
            "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8",
            "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
        ),
    ];
    let mut high = 0;
    for (curve, secret, message, r, s) in known {
        let key = SigningKey::from_hex(curve, secret).unwrap();
        let published = joined(&scalar(r), &scalar(s));
        assert_eq!(verify_malleable(&key.public(), message.as_bytes(), &published), Ok(()));
        let is_high = scalar(s) > greatest_low(curve);
        let low = if is_high { twin(curve, &published) } else { published };
        assert_eq!(sign(&key, message.as_bytes()), low);
        assert_eq!(verify(&key.public(), message.as_bytes(), &low), Ok(()));
        high += usize::from(is_high);
    }
    assert_eq!(high, 1, "one published signature has the high s");
}

#[test]
fn a_message_of_any_length_is_signed_and_verified() {
    for curve in CURVES {
        let key = key_of(curve, 7);
        for length in [0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 5_000, 2_000_000] {
            let message = vec![0x5a; length];
            let signature = sign(&key, &message);
            assert_eq!(verify(&key.public(), &message, &signature), Ok(()));
            assert_eq!(signature, sign(&key, &message), "the same message is signed alike");
            let longer = [&message[..], &[0]].concat();
            assert_eq!(verify(&key.public(), &longer, &signature), Err(SignatureFault::Mismatch { curve }));
        }
    }
}

#[test]
fn the_high_twin_is_refused_for_a_commit_and_taken_for_a_token() {
    for curve in CURVES {
        let (key, signature) = signed(curve);
        let high = twin(curve, &signature);
        assert_eq!(verify(&key, MESSAGE, &high), Err(SignatureFault::HighS { curve }));
        assert_eq!(verify_malleable(&key, MESSAGE, &high), Ok(()));
        assert_eq!(verify_malleable(&key, MESSAGE, &signature), Ok(()));
        assert_eq!(verify_malleable(&key, b"another", &high), Err(SignatureFault::Mismatch { curve }));
    }
}

#[test]
fn the_line_between_low_and_high_is_exact() {
    for curve in CURVES {
        let (key, signature) = signed(curve);
        let (r, _) = split(&signature);
        let low = greatest_low(curve);
        let high = minus(&order(curve), &low);
        assert_eq!(minus(&high, &low), ONE, "they are neighbours");
        for (s, fault) in [
            (ONE, SignatureFault::Mismatch { curve }),
            (low, SignatureFault::Mismatch { curve }),
            (high, SignatureFault::HighS { curve }),
            (minus(&order(curve), &ONE), SignatureFault::HighS { curve }),
        ] {
            assert_eq!(verify(&key, MESSAGE, &joined(&r, &s)), Err(fault));
            let malleable = verify_malleable(&key, MESSAGE, &joined(&r, &s));
            assert_eq!(malleable, Err(SignatureFault::Mismatch { curve }));
        }
    }
}

#[test]
fn scalars_that_are_zero_or_not_below_the_order_are_refused() {
    for curve in CURVES {
        let (key, signature) = signed(curve);
        let (r, s) = split(&signature);
        let n = order(curve);
        let mut above = n;
        above[31] += 1;
        for bad in [[0; 32], n, above, [0xff; 32]] {
            let refused = |scalar| Err(SignatureFault::OutOfRange { curve, scalar });
            assert_eq!(verify(&key, MESSAGE, &joined(&bad, &s)), refused('r'));
            assert_eq!(verify(&key, MESSAGE, &joined(&r, &bad)), refused('s'));
            assert_eq!(verify(&key, MESSAGE, &joined(&bad, &bad)), refused('r'));
            assert_eq!(verify_malleable(&key, MESSAGE, &joined(&bad, &s)), refused('r'));
            assert_eq!(verify_malleable(&key, MESSAGE, &joined(&r, &bad)), refused('s'));
        }
        let greatest = minus(&n, &ONE);
        let mismatch = Err(SignatureFault::Mismatch { curve });
        assert_eq!(verify(&key, MESSAGE, &joined(&greatest, &s)), mismatch);
        assert_eq!(verify(&key, MESSAGE, &joined(&ONE, &ONE)), mismatch);
    }
}

#[test]
fn a_signature_of_another_length_is_refused() {
    for curve in CURVES {
        let (key, signature) = signed(curve);
        let longer = signature.repeat(3);
        for length in (0..=longer.len()).filter(|length| *length != 64) {
            let fault = Err(SignatureFault::Length { length });
            assert_eq!(verify(&key, MESSAGE, &longer[..length]), fault);
            assert_eq!(verify_malleable(&key, MESSAGE, &longer[..length]), fault);
        }
        let recoverable = [&[27][..], &signature].concat();
        assert_eq!(verify(&key, MESSAGE, &recoverable), Err(SignatureFault::Length { length: 65 }));
    }
}

#[test]
fn der_is_refused_and_named() {
    for curve in CURVES {
        let (key, signature) = signed(curve);
        let der = match curve {
            Curve::K256 => {
                k256::ecdsa::Signature::from_slice(&signature).unwrap().to_der().as_bytes().to_vec()
            }
            Curve::P256 => {
                p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der().as_bytes().to_vec()
            }
        };
        let fault = Err(SignatureFault::Der { length: der.len() });
        assert_eq!(verify(&key, MESSAGE, &der), fault);
        assert_eq!(verify_malleable(&key, MESSAGE, &der), fault);
        assert!(verify(&key, MESSAGE, &der[..64]).is_err());
        assert!(verify_malleable(&key, MESSAGE, &der[..64]).is_err());
    }
}

#[test]
fn any_flipped_bit_is_refused() {
    for curve in CURVES {
        let (key, signature) = signed(curve);
        assert_eq!(verify(&key, MESSAGE, &signature), Ok(()));
        for bit in 0..8 * signature.len() {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&key, MESSAGE, &flipped).is_err(), "{curve}, bit {bit} of the signature");
            assert!(
                verify_malleable(&key, MESSAGE, &flipped).is_err(),
                "{curve}, bit {bit} of the signature"
            );
        }
        for bit in 0..8 * MESSAGE.len() {
            let mut flipped = MESSAGE.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let fault = Err(SignatureFault::Mismatch { curve });
            assert_eq!(verify(&key, &flipped, &signature), fault, "bit {bit} of the message");
        }
        let other_keys = (0..8 * 33).filter_map(|bit| {
            let mut point = key.to_compressed();
            point[bit / 8] ^= 1 << (bit % 8);
            PublicKey::from_compressed(curve, &point).ok()
        });
        let mut others = 0;
        for other in other_keys {
            assert_eq!(verify(&other, MESSAGE, &signature), Err(SignatureFault::Mismatch { curve }));
            others += 1;
        }
        assert!(others > 80, "about half of all flips are points: {others}");
    }
}

#[test]
fn a_signature_by_another_key_or_on_the_other_curve_is_refused() {
    for (curve, other) in [(Curve::K256, Curve::P256), (Curve::P256, Curve::K256)] {
        let (_, signature) = signed(curve);
        let stranger = key_of(curve, 8).public();
        let mismatch = Err(SignatureFault::Mismatch { curve });
        assert_eq!(verify(&stranger, MESSAGE, &signature), mismatch);
        assert_eq!(verify_malleable(&stranger, MESSAGE, &signature), mismatch);
        assert!(verify(&key_of(other, 7).public(), MESSAGE, &signature).is_err());
    }
}

/// Signatures that are right, nearly right, and at the edges of the ranges.
fn any_signature(curve: Curve, message: Vec<u8>) -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let right = sign(&key_of(curve, 7), &message);
    let (r, s) = split(&right);
    let edges = [[0; 32], ONE, greatest_low(curve), minus(&order(curve), &ONE), order(curve), [0xff; 32]];
    let scalar = |ours: Scalar| {
        let other = minus(&order(curve), &ours);
        prop_oneof![4 => Just(ours), 2 => Just(other), 1 => proptest::sample::select(edges.to_vec()), 1 => any::<Scalar>()]
    };
    let plain = (scalar(r), scalar(s)).prop_map(|(r, s)| joined(&r, &s).to_vec());
    (Just(message), prop_oneof![8 => plain, 1 => vec(any::<u8>(), 0..80)])
}

fn curve_and_message() -> impl Strategy<Value = (Curve, Vec<u8>)> {
    (proptest::sample::select(&CURVES[..]), vec(any::<u8>(), 0..200))
}

/// The slow crates' verdict, with the rules of commits applied by hand.
fn others_verify(curve: Curve, message: &[u8], signature: &[u8], low_only: bool) -> bool {
    let Ok(bytes) = <&[u8; 64]>::try_from(signature) else {
        return false;
    };
    if low_only && split(bytes).1 > greatest_low(curve) {
        return false;
    }
    match curve {
        Curve::K256 => {
            use k256::ecdsa::signature::Verifier;
            let key = *k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap().verifying_key();
            // This crate refuses the high s on this curve, so it is shown the low one.
            k256::ecdsa::Signature::from_slice(bytes).is_ok_and(|signature| {
                key.verify(message, &signature.normalize_s().unwrap_or(signature)).is_ok()
            })
        }
        Curve::P256 => {
            use p256::ecdsa::signature::Verifier;
            let key = *p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap().verifying_key();
            p256::ecdsa::Signature::from_slice(bytes)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok())
        }
    }
}

proptest! {
    #[test]
    fn others_verify_what_we_sign((curve, message) in curve_and_message()) {
        let signature = sign(&key_of(curve, 7), &message);
        prop_assert_eq!(others_verify(curve, &message, &signature, true), true);
    }

    #[test]
    fn we_verify_what_others_sign((curve, message) in curve_and_message(), secret in 1_u8..255) {
        let key = key_of(curve, secret);
        let (theirs, low): ([u8; 64], [u8; 64]) = match curve {
            Curve::K256 => {
                use k256::ecdsa::signature::Signer;
                let signer = k256::ecdsa::SigningKey::from_slice(&[secret; 32]).unwrap();
                let signature: k256::ecdsa::Signature = signer.sign(&message);
                let low = signature.normalize_s().unwrap_or(signature);
                (signature.to_bytes().into(), low.to_bytes().into())
            }
            Curve::P256 => {
                use p256::ecdsa::signature::Signer;
                let signer = p256::ecdsa::SigningKey::from_slice(&[secret; 32]).unwrap();
                let signature: p256::ecdsa::Signature = signer.sign(&message);
                let low = signature.normalize_s().unwrap_or(signature);
                (signature.to_bytes().into(), low.to_bytes().into())
            }
        };
        prop_assert_eq!(verify_malleable(&key.public(), &message, &theirs), Ok(()));
        prop_assert_eq!(verify(&key.public(), &message, &low), Ok(()));
        prop_assert_eq!(verify(&key.public(), &message, &theirs).is_ok(), theirs == low);
        prop_assert_eq!(sign(&key, &message), low, "both derive the nonce as RFC 6979 does");
    }

    #[test]
    fn our_verdict_is_that_of_the_slow_crates(
        ((message, signature), curve) in curve_and_message()
            .prop_flat_map(|(curve, message)| (any_signature(curve, message), Just(curve)))
    ) {
        let key = key_of(curve, 7).public();
        let commit = verify(&key, &message, &signature).is_ok();
        prop_assert_eq!(commit, others_verify(curve, &message, &signature, true));
        let token = verify_malleable(&key, &message, &signature).is_ok();
        prop_assert_eq!(token, others_verify(curve, &message, &signature, false));
    }
}
