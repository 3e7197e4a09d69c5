//! The lexicons' formats and the protocol's types are two readings of one
//! syntax, because neither floor may see the other. Here they are held together.

use counterpart::atproto::{Authority, Did, Handle, Nsid, Rkey, Tid};
use counterpart::lexicon::Format;
use proptest::prelude::{Strategy, prop_assert_eq, proptest};

/// Texts near the edge of every format.
fn near() -> impl Strategy<Value = String> {
    proptest::string::string_regex(
        "(did:(plc|web|key):[a-z2-7]{0,26}|[a-z0-9-]{0,5}(\\.[a-zA-Z0-9-]{0,5}){0,4}|[2-7a-z]{12,14}|[A-Za-z0-9._:~-]{0,20}|\\PC{0,8})",
    )
    .unwrap()
}

proptest! {
    #[test]
    fn a_format_admits_what_its_type_parses_and_nothing_else(text in near()) {
        prop_assert_eq!(Format::Did.admits(&text), Did::parse(&text).is_ok(), "did {}", text);
        prop_assert_eq!(Format::Handle.admits(&text), Handle::parse(&text).is_ok(), "handle {}", text);
        prop_assert_eq!(Format::Nsid.admits(&text), Nsid::parse(&text).is_ok(), "nsid {}", text);
        prop_assert_eq!(Format::RecordKey.admits(&text), Rkey::parse(&text).is_ok(), "record key {}", text);
        prop_assert_eq!(Format::Tid.admits(&text), Tid::parse(&text).is_ok(), "tid {}", text);
        prop_assert_eq!(Format::AtIdentifier.admits(&text), Authority::parse(&text).is_ok(), "at-identifier {}", text);
    }
}
