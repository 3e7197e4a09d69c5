//! Who may have signed: the account named, with a key it had at the time.

use counterpart::atproto::{Did, Tid};
use counterpart::clock::Moment;
use counterpart::repo::author::author;
use counterpart::repo::verify::{KeySpan, Limits, SignedBy, Signer, verify_snapshot};
use counterpart::repo::{Fault, Unverified};

use super::{alice, keys, now, numbered, other_key, rev, signing_key};

fn car_signed_at(rev: Tid) -> Vec<u8> {
    author(&alice(), rev, &numbered(3), &signing_key()).car()
}

fn signed_by(car: &[u8], keys: &[KeySpan], now: Moment) -> Result<SignedBy, Fault> {
    match verify_snapshot(car, &Signer { did: Some(&alice()), keys }, Limits::default(), now) {
        Ok(snapshot) => Ok(snapshot.signed_by().clone()),
        Err(Unverified::Refused(fault)) => Err(fault),
        Err(other) => panic!("{other}"),
    }
}

fn micros(rev: Tid) -> i64 {
    i64::try_from(rev.micros()).unwrap()
}

#[test]
fn the_current_key_is_found_whichever_place_it_has() {
    let other = KeySpan { key: other_key().public(), until: None };
    let ours = keys().remove(0);
    for keys in [vec![ours.clone()], vec![other.clone(), ours.clone()], vec![ours.clone(), other]] {
        assert_eq!(signed_by(&car_signed_at(rev(1)), &keys, now()), Ok(SignedBy::Current(ours.key)));
    }
}

#[test]
fn a_key_of_the_past_is_good_for_revisions_of_its_time() {
    let rev = rev(1000);
    let retired = |until: i64| {
        let until = Moment::from_micros(until);
        let past = KeySpan { key: signing_key().public(), until: Some(until) };
        (vec![KeySpan { key: other_key().public(), until: None }, past], until)
    };
    let (keys, until) = retired(micros(rev) + 1);
    let past = SignedBy::Past { key: signing_key().public(), until };
    assert_eq!(signed_by(&car_signed_at(rev), &keys, now()), Ok(past));
    // Clocks may be five minutes apart, and no more.
    let (keys, _) = retired(micros(rev) - 300_000_000);
    assert!(signed_by(&car_signed_at(rev), &keys, now()).is_ok());
    let (keys, _) = retired(micros(rev) - 300_000_001);
    assert_eq!(signed_by(&car_signed_at(rev), &keys, now()), Err(Fault::KeyNotInForce { rev }));
}

#[test]
fn a_key_that_was_never_the_accounts_is_refused() {
    let stranger = [KeySpan { key: other_key().public(), until: None }];
    let fault = signed_by(&car_signed_at(rev(1)), &stranger, now()).unwrap_err();
    assert_eq!(fault.label(), "signature_mismatch");
    assert_eq!(signed_by(&car_signed_at(rev(1)), &[], now()), Err(Fault::NoKey));
}

#[test]
fn both_curves_sign() {
    let key = [KeySpan { key: other_key().public(), until: None }];
    let car = author(&alice(), rev(1), &numbered(3), &other_key()).car();
    assert_eq!(signed_by(&car, &key, now()), Ok(SignedBy::Current(other_key().public())));
}

#[test]
fn the_repository_of_somebody_else_is_refused() {
    let mallory = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").unwrap();
    let car = author(&mallory, rev(1), &numbered(3), &signing_key()).car();
    let fault = signed_by(&car, &keys(), now()).unwrap_err();
    assert_eq!(fault, Fault::WrongDid { expected: alice(), found: mallory.clone() });
    // Unless nobody in particular was expected.
    let anybody = Signer { did: None, keys: &keys() };
    let snapshot = verify_snapshot(&car, &anybody, Limits::default(), now()).unwrap();
    assert_eq!(snapshot.commit().did, mallory);
}

#[test]
fn a_revision_ahead_of_us_is_refused() {
    let rev = rev(1000);
    let at = |micros: i64| signed_by(&car_signed_at(rev), &keys(), Moment::from_micros(micros));
    assert!(at(micros(rev) - 300_000_000).is_ok());
    let now = Moment::from_micros(micros(rev) - 300_000_001);
    assert_eq!(signed_by(&car_signed_at(rev), &keys(), now), Err(Fault::RevAhead { rev, now }));
    assert!(at(-1).is_err());
}

/// The twin of a good signature is one as well to some libraries. There must
/// be one commit for one content, so it is not to us.
#[test]
fn the_high_twin_of_a_signature_is_refused() {
    let repo = author(&alice(), rev(1), &numbered(3), &signing_key());
    let mut commit = repo.commit.clone();
    let mut borrow = 0_i32;
    let order = secp_order();
    for at in (32..64).rev() {
        let digit = i32::from(order[at - 32]) - i32::from(commit.signature[at]) - borrow;
        borrow = i32::from(digit < 0);
        commit.signature[at] = digit.rem_euclid(256) as u8;
    }
    let car = super::car_of(&commit.encode(), repo.blocks.values());
    assert_eq!(signed_by(&car, &keys(), now()).unwrap_err().label(), "signature_high_s");
}

fn secp_order() -> [u8; 32] {
    let mut order = [0xff; 32];
    order[15] = 0xfe;
    order[16..].copy_from_slice(&[
        0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ]);
    order
}
