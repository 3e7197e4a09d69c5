//! Content identifiers: the one strict kind, and links kept as they were found.

use counterpart::atproto::{Cid, CidFault, Codec, Link};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use sha2::{Digest, Sha256};

const EMPTY_BLOB: &str = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const EMPTY_MAP: &str = "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua";

#[test]
fn well_known_bytes_have_their_well_known_cids() {
    assert_eq!(Cid::of_raw(b"").to_string(), EMPTY_BLOB);
    assert_eq!(Cid::of_dag_cbor(&[0xa0]).to_string(), EMPTY_MAP);
    assert_eq!(Cid::parse(EMPTY_BLOB), Ok(Cid::of_raw(b"")));
    assert!(Cid::of_raw(b"").matches(b"") && !Cid::of_raw(b"").matches(b"\0"));
    assert_ne!(Cid::of_raw(b"same"), Cid::of_dag_cbor(b"same"));
    assert_eq!(Cid::of_raw(b"same").digest(), Cid::of_dag_cbor(b"same").digest());
}

fn binary() -> Vec<u8> {
    Cid::of_dag_cbor(b"x").to_bytes().to_vec()
}

#[test]
fn a_binary_cid_of_another_kind_is_refused_by_what_is_different() {
    let with = |at: usize, byte: u8| {
        let mut bytes = binary();
        bytes[at] = byte;
        bytes
    };
    let refused = [
        (vec![], CidFault::Length { length: 0 }),
        (binary()[..35].to_vec(), CidFault::Length { length: 35 }),
        ([binary(), vec![0]].concat(), CidFault::Length { length: 37 }),
        ([vec![0], binary()].concat(), CidFault::Length { length: 37 }),
        (binary()[2..].to_vec(), CidFault::Length { length: 34 }),
        (with(0, 0), CidFault::Version { version: 0 }),
        (with(0, 2), CidFault::Version { version: 2 }),
        (with(0, 0x12), CidFault::Version { version: 0x12 }),
        (with(1, 0x70), CidFault::Codec { codec: 0x70 }),
        (with(1, 0x51), CidFault::Codec { codec: 0x51 }),
        (with(1, 0xf1), CidFault::Codec { codec: 0xf1 }),
        (with(2, 0x00), CidFault::Hash { code: 0 }),
        (with(2, 0x13), CidFault::Hash { code: 0x13 }),
        (with(2, 0x1e), CidFault::Hash { code: 0x1e }),
        (with(3, 0x1f), CidFault::Digest { length: 32, expected: 31 }),
        (with(3, 0x21), CidFault::Digest { length: 32, expected: 33 }),
        (with(3, 0xa0), CidFault::Digest { length: 32, expected: 0xa0 }),
    ];
    for (bytes, fault) in refused {
        assert_eq!(Cid::from_bytes(&bytes), Err(fault), "{bytes:02x?}");
    }
}

#[test]
fn the_text_of_a_cid_has_one_form() {
    let cid = Cid::of_raw(b"");
    let digits = &EMPTY_BLOB[1..];
    let base = |base| multibase::encode(base, cid.to_bytes());
    let refused = [
        (String::new(), "cid_multibase"),
        (digits.to_owned(), "cid_multibase"),
        (EMPTY_BLOB.to_uppercase(), "cid_multibase"),
        (base(multibase::Base::Base58Btc), "cid_multibase"),
        (base(multibase::Base::Base16Lower), "cid_multibase"),
        (base(multibase::Base::Base64Url), "cid_multibase"),
        (format!(" {EMPTY_BLOB}"), "cid_multibase"),
        ("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n".to_owned(), "cid_multibase"),
        ("b".to_owned(), "cid_text_length"),
        (EMPTY_BLOB[..58].to_owned(), "cid_text_length"),
        (format!("{EMPTY_BLOB}a"), "cid_text_length"),
        (format!("{EMPTY_BLOB}======"), "cid_text_length"),
        (base(multibase::Base::Base32PadLower), "cid_multibase"),
        (format!("b{}", digits.to_uppercase()), "cid_base32"),
        (format!("bB{}", &digits[1..]), "cid_base32"),
        (format!("b{}1", &digits[..57]), "cid_base32"),
        (format!("b{} ", &digits[..57]), "cid_base32"),
        (format!("b{}é", &digits[..56]), "cid_base32"),
        (format!("b{}", "a".repeat(58)), "cid_version"),
    ];
    for (text, rule) in refused {
        assert_eq!(Cid::parse(&text).unwrap_err().label(), rule, "{text:?}");
    }
}

#[test]
fn bits_to_spare_in_the_last_letter_must_be_zero() {
    let alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    let taken = |last: char| Cid::parse(&format!("{}{last}", &EMPTY_BLOB[..58])).is_ok();
    // Four letters of five bits in every 32 end in the two zeros that 36 bytes leave over.
    assert_eq!(alphabet.chars().filter(|last| taken(*last)).count(), 8);
    assert!(alphabet.chars().step_by(4).all(taken));
}

#[test]
fn a_cid_goes_to_the_cid_of_the_ecosystem_and_back() {
    let ours = Cid::of_dag_cbor(b"x");
    let theirs = cid::Cid::from(ours);
    assert_eq!(theirs.to_bytes(), ours.to_bytes());
    assert_eq!(theirs.to_string(), ours.to_string());
    assert_eq!(Cid::try_from(&theirs), Ok(ours));
    let other = cid::Cid::new_v1(0x70, *theirs.hash());
    assert_eq!(Cid::try_from(&other), Err(CidFault::Codec { codec: 0x70 }));
}

#[test]
fn a_cid_is_read_from_json_as_text() {
    let cid: Cid = serde_json::from_str(&format!("{EMPTY_MAP:?}")).unwrap();
    assert_eq!(serde_json::to_string(&cid).unwrap(), format!("{EMPTY_MAP:?}"));
    assert!(serde_json::from_str::<Cid>("\"bafy\"").is_err());
    assert!(serde_json::from_str::<Cid>("[1]").is_err());
}

/// A version 1 CID of any codec and hash.
fn version_1(codec: &[u8], hash: &[u8], digest: &[u8]) -> Vec<u8> {
    let length = u8::try_from(digest.len()).unwrap();
    [&[1], codec, hash, &[length], digest].concat()
}

#[test]
fn a_link_keeps_any_cid_as_it_was_found() {
    let version_0 = [&[0x12, 0x20][..], &[7; 32]].concat();
    let kept = [
        version_0.clone(),
        version_1(&[0x70], &[0x12], &[7; 32]),
        version_1(&[0x71], &[0x12], &[7; 20]),
        version_1(&[0x71], &[0x13], &[7; 64]),
        version_1(&[0x71], &[0x1e], &[7; 32]),
        version_1(&[0x55], &[0x00], b"said in the CID itself"),
        version_1(&[0x55], &[0x00], b""),
        version_1(&[0x85, 0x01], &[0x12], &[7; 32]),
        version_1(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], &[0x12], &[7; 32]),
        version_1(&[0x71], &[0x00], &[7; 96]),
    ];
    for bytes in kept {
        let link = Link::from_bytes(&bytes).unwrap();
        assert_eq!((link.to_bytes(), link.as_cid()), (bytes.clone(), None));
        assert_eq!(Link::from_bytes(&link.to_bytes()), Ok(link));
    }
    let ours = Cid::of_dag_cbor(b"x");
    assert_eq!(Link::from_bytes(&ours.to_bytes()), Ok(Link::from(ours)));
    assert_eq!(Link::from(ours).as_cid(), Some(ours));
    assert_eq!(Link::from(ours).to_bytes(), ours.to_bytes());
    assert!(Link::from_bytes(&version_0).unwrap().to_string().starts_with("Qm"));
    assert_eq!(Link::from(ours).to_string(), ours.to_string());
}

#[test]
fn a_link_that_is_not_one_whole_cid_is_refused() {
    let refused = [
        (vec![], "cid_varint"),
        (vec![1], "cid_varint"),
        (vec![1, 0x71], "cid_varint"),
        (vec![1, 0x71, 0x12], "cid_varint"),
        (vec![1, 0x71, 0x12, 0x20], "cid_digest"),
        (binary()[..35].to_vec(), "cid_digest"),
        ([binary(), vec![0]].concat(), "cid_digest"),
        ([vec![0], binary()].concat(), "cid_version"),
        ([&[0x12, 0x20][..], &[7; 31]].concat(), "cid_version"),
        ([&[0x12, 0x20][..], &[7; 33]].concat(), "cid_version"),
        (vec![2, 0x71, 0x12, 0], "cid_version"),
        (vec![3, 0x71, 0x12, 0], "cid_version"),
        (vec![0x81, 0x00, 0x71, 0x12, 0], "cid_varint"),
        (version_1(&[0xf1, 0x00], &[0x12], &[7; 32]), "cid_varint"),
        (version_1(&[0x71], &[0x92, 0x80, 0x00], &[7; 32]), "cid_varint"),
        ([&[1, 0x71, 0x12, 0xa0, 0x00][..], &[7; 32]].concat(), "cid_varint"),
        (version_1(&[0xff; 9], &[0x12], &[7; 32]), "cid_varint"),
        (vec![1, 0x71, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "cid_digest"),
        (vec![0xff; 100], "cid_varint"),
        (version_1(&[0x71], &[0x00], &[7; 97]), "cid_link_length"),
        (vec![0; 1 << 20], "cid_link_length"),
    ];
    for (bytes, rule) in refused {
        assert_eq!(Link::from_bytes(&bytes).unwrap_err().label(), rule, "{bytes:02x?}");
    }
}

fn nearly_a_cid() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        proptest::sample::select(&[0, 1, 2, 0x12, 0x13, 0x20, 0x21, 0x55, 0x70, 0x71, 0x7f, 0x80, 0xff][..]);
    (vec(byte, 0..6), vec(any::<u8>(), 0..70), any::<bool>()).prop_map(|(head, tail, whole)| match whole {
        true => [&[1][..], &head, &[tail.len() as u8], &tail].concat(),
        false => [head, tail].concat(),
    })
}

proptest! {
    #[test]
    fn a_cid_names_the_bytes_it_was_made_of(bytes in vec(any::<u8>(), 0..300)) {
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        let cid = Cid::of_raw(&bytes);
        prop_assert_eq!(cid, Cid::from_digest(Codec::Raw, digest));
        prop_assert_eq!(cid.codec(), Codec::Raw);
        prop_assert_eq!(cid.digest(), &digest);
        prop_assert_eq!(cid.matches(&bytes), true);
    }

    #[test]
    fn the_cid_crate_agrees_on_ours(digest in any::<[u8; 32]>(), raw in any::<bool>()) {
        let ours = Cid::from_digest(if raw { Codec::Raw } else { Codec::DagCbor }, digest);
        let theirs = cid::Cid::try_from(&ours.to_bytes()[..]).unwrap();
        prop_assert_eq!(theirs, cid::Cid::from(ours));
        prop_assert_eq!(theirs.to_string(), ours.to_string());
        prop_assert_eq!(Cid::parse(&theirs.to_string()), Ok(ours));
        prop_assert_eq!(Cid::from_bytes(&theirs.to_bytes()), Ok(ours));
    }

    #[test]
    fn cids_sort_as_their_bytes_do(a in any::<([u8; 32], bool)>(), b in any::<([u8; 32], bool)>()) {
        let cid = |(digest, raw)| Cid::from_digest(if raw { Codec::Raw } else { Codec::DagCbor }, digest);
        prop_assert_eq!(cid(a).cmp(&cid(b)), cid(a).to_bytes().cmp(&cid(b).to_bytes()));
    }

    /// The crate reads a CID from the front of its input and leaves the rest
    /// unread, and takes numbers of ten bytes where multiformats allow nine;
    /// it holds digests up to 64 bytes, where a link may have 100 in all.
    #[test]
    fn the_cid_crate_agrees_on_links(bytes in nearly_a_cid()) {
        let theirs = cid::Cid::try_from(&bytes[..]).ok().filter(|cid| cid.to_bytes() == bytes);
        let ours = Link::from_bytes(&bytes).ok();
        let huge = |cid: &cid::Cid| cid.codec() >= 1 << 63 || cid.hash().code() >= 1 << 63;
        match (ours, theirs) {
            (None, None) => {}
            (Some(ours), Some(theirs)) => prop_assert_eq!(ours.to_string(), theirs.to_string()),
            (None, Some(theirs)) => prop_assert_eq!(huge(&theirs), true, "{:02x?}", bytes),
            (Some(_), None) => prop_assert_eq!(bytes.len() > 64, true, "{:02x?}", bytes),
        }
    }
}
