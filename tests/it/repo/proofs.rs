//! Proofs of what is at one path, and that nothing is.

use counterpart::repo::Fault;
use counterpart::repo::verify::{ProvenRecord, Signer, verify_proof};
use proptest::prelude::*;

use super::{alice, authored, keys, now, numbered, path, record_maps, sections, verified};

fn proven(car: &[u8], at: &str) -> Result<ProvenRecord, Fault> {
    verify_proof(car, &path(at), &Signer { did: Some(&alice()), keys: &keys() }, now())
}

fn proof(car: &[u8], at: &str) -> Vec<u8> {
    let mut out = Vec::new();
    verified(car).unwrap().write_proof(at, &mut out).unwrap();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_path_can_be_proven(records in record_maps(80), other in "com\\.example\\.note/[a-z0-9]{1,4}") {
        let car = authored(&records).car();
        for (path, bytes) in &records {
            let proven = proven(&proof(&car, path.as_str()), path.as_str()).unwrap();
            prop_assert_eq!(proven.record().map(|(_, bytes)| bytes.to_vec()), Some(bytes.clone()));
        }
        let expected = records.get(other.as_str()).cloned();
        let proven = proven(&proof(&car, &other), &other).unwrap();
        prop_assert_eq!(proven.record().map(|(_, bytes)| bytes.to_vec()), expected);
    }
}

#[test]
fn a_proof_is_small() {
    let car = authored(&numbered(5_000)).car();
    let proof = proof(&car, "com.example.note/002500");
    assert!(sections(&proof).len() <= 12, "{} sections", sections(&proof).len());
}

#[test]
fn a_proof_of_one_path_proves_no_other() {
    let car = authored(&numbered(5_000)).car();
    let proof = proof(&car, "com.example.note/000001");
    assert!(proven(&proof, "com.example.note/000001").unwrap().record().is_some());
    assert_eq!(proven(&proof, "com.example.note/004999").unwrap_err().label(), "node_missing");
}

#[test]
fn a_proof_without_one_of_its_blocks_is_none() {
    let car = authored(&numbered(500)).car();
    let whole = proof(&car, "com.example.note/000123");
    for left_out in sections(&whole).into_iter().skip(1) {
        let cut = [&whole[..left_out.start], &whole[left_out.end..]].concat();
        let fault = proven(&cut, "com.example.note/000123").unwrap_err();
        assert!(["commit_missing", "node_missing", "record_missing"].contains(&fault.label()), "{fault}");
    }
}

#[test]
fn a_proof_signed_by_a_stranger_is_none() {
    let car = authored(&numbered(5)).car();
    let proof = proof(&car, "com.example.note/000001");
    let signer = Signer { did: Some(&alice()), keys: &[] };
    let refused = verify_proof(&proof, &path("com.example.note/000001"), &signer, now());
    assert_eq!(refused.unwrap_err(), Fault::NoKey);
}
