//! The string formats: what each admits, and what it must not.
//!
//! Vectors of our own, by the rules of the lexicon and syntax specifications.
//! What a value means is left to the tests of `atproto`.

use counterpart::lexicon::Format;

fn hold(format: Format, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(format.admits(text), "{format} refuses `{text}`");
    }
    for text in bad.iter().chain(&["", " "]) {
        assert!(!format.admits(text), "{format} admits `{text}`");
    }
}

#[test]
fn a_did_has_a_method_and_something_to_name() {
    hold(
        Format::Did,
        &[
            "did:plc:abcdefghijklmnopqrstuvwx",
            "did:web:alice.test",
            "did:web:localhost%3A2583",
            "did:x:a:b:c",
            "did:x:_",
        ],
        &[
            "did",
            "did:",
            "did:plc",
            "did:plc:",
            "DID:plc:abc",
            "did:PLC:abc",
            "did:m1:abc",
            "did:plc:abc:",
            "did:plc:abc%",
            "did:plc:a/b",
            "did:plc:a b",
            "did:plc:abc#atproto",
            "did:plc:é",
            " did:plc:abc",
        ],
    );
    let name = "a".repeat(2048 - "did:plc:".len());
    assert!(Format::Did.admits(&format!("did:plc:{name}")));
    assert!(!Format::Did.admits(&format!("did:plc:{name}a")));
}

#[test]
fn a_handle_is_a_domain_name() {
    hold(
        Format::Handle,
        &["alice.test", "a.b", "xn--ls8h.test", "1.alice.test", "ALICE.Test", "a-b.c-d.e2"],
        &[
            "alice",
            ".test",
            "alice.",
            "alice..test",
            "-a.test",
            "a-.test",
            "alice.1test",
            "al_ice.test",
            "127.0.0.1",
            "@alice.test",
            "alice.test/",
            "älice.test",
        ],
    );
    let label = "a".repeat(63);
    assert!(Format::Handle.admits(&format!("{label}.test")));
    assert!(!Format::Handle.admits(&format!("{label}a.test")));
    assert!(!Format::Handle.admits(&format!("{label}.{label}.{label}.{label}.test")));
}

#[test]
fn an_at_identifier_is_either() {
    hold(
        Format::AtIdentifier,
        &["alice.test", "did:web:alice.test"],
        &["alice", "did:web:", "at://alice.test"],
    );
}

#[test]
fn an_nsid_is_an_authority_and_a_name() {
    hold(
        Format::Nsid,
        &["test.fixture.getThings", "a.b.c", "com.example-site.foo", "a.0.c", "cn.8.lex2"],
        &[
            "test",
            "test.name",
            "test..name",
            ".test.name",
            "test.fixture.",
            "test.fixture.get-things",
            "test.fixture.1things",
            "1test.fixture.name",
            "test.-a.name",
            "test.fixture.name#main",
            "test.fixture.näme",
        ],
    );
    assert!(Format::Nsid.admits(&format!("a.b.{}", "n".repeat(63))));
    assert!(!Format::Nsid.admits(&format!("a.b.{}", "n".repeat(64))));
}

#[test]
fn a_record_key_has_its_own_alphabet() {
    hold(
        Format::RecordKey,
        &["self", "3jui7kd54zh2y", "a.b-c_d:e~f", "...", "_"],
        &[".", "..", "a/b", "a b", "é", "%41", "@"],
    );
    assert!(Format::RecordKey.admits(&"k".repeat(512)));
    assert!(!Format::RecordKey.admits(&"k".repeat(513)));
}

#[test]
fn a_tid_is_thirteen_sortable_letters() {
    hold(
        Format::Tid,
        &["3jzfcijpj2z2a", "2222222222222", "jzzzzzzzzzzzz"],
        &[
            "3jzfcijpj2z2",
            "3jzfcijpj2z2aa",
            "3jzfcijpj2z21",
            "kzzzzzzzzzzzz",
            "3JZFCIJPJ2Z2A",
            "3jzf-cij-pj2z",
        ],
    );
}

#[test]
fn a_cid_is_text_of_a_later_version_than_zero() {
    hold(
        Format::Cid,
        &[
            "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
            "zQmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMn",
        ],
        &[
            "bafy",
            "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR",
            "bafyrei dfayvfuwqa",
            "bafyrei#dfayvfuwqa",
        ],
    );
}

#[test]
fn a_datetime_has_seconds_and_a_zone() {
    hold(
        Format::Datetime,
        &[
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.678Z",
            "2026-01-02T03:04:05.678901234+02:00",
            "2026-01-02T03:04:05-11:30",
            "1985-04-12T23:20:50+00:00",
            "0123-01-01T00:00:00Z",
        ],
        &[
            "2026-01-02",
            "2026-01-02T03:04Z",
            "2026-01-02T03:04:05",
            "2026-01-02t03:04:05Z",
            "2026-01-02T03:04:05z",
            "2026-01-02 03:04:05Z",
            "2026-13-02T03:04:05Z",
            "2026-02-30T03:04:05Z",
            "2026-01-02T25:04:05Z",
            "2026-01-02T03:04:05-00:00",
            "2026-01-02T03:04:05.Z",
            "26-01-02T03:04:05Z",
            "0001-01-01T00:00:00Z",
            "-2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05\u{2212}01:00",
            "2026-01-02T03:04:05Z\n",
        ],
    );
}

#[test]
fn a_uri_has_a_scheme_and_no_spaces() {
    hold(
        Format::Uri,
        &["https://alice.test/a?b=c#d", "at://alice.test", "did:web:alice.test", "mailto:alice@alice.test"],
        &[
            "alice.test",
            "https:",
            "://alice",
            "https://alice test",
            "https://alice\n",
            "1https://a",
            "HTTPS://a",
        ],
    );
    assert!(!Format::Uri.admits(&format!("https://{}", "a".repeat(8192))));
}

#[test]
fn an_at_uri_is_a_path_of_at_most_three() {
    hold(
        Format::AtUri,
        &[
            "at://alice.test",
            "at://did:web:alice.test/test.fixture.thing",
            "at://alice.test/test.fixture.thing/self",
        ],
        &[
            "at://",
            "at:/alice.test",
            "at://alice",
            "at://alice.test/",
            "at://alice.test/thing",
            "https://alice.test",
            "at://alice.test/test.fixture.thing/",
            "at://alice.test/test.fixture.thing/self/more",
            "at://alice.test/test.fixture.thing/self#frag",
            "at://alice.test/test.fixture.thing?x=1",
        ],
    );
}
