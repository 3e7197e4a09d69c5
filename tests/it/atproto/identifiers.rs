//! DIDs, handles, NSIDs and record keys: each rule of each syntax, from both sides.

use counterpart::atproto::{Authority, Did, Form, Handle, Method, Nsid, Rkey, SyntaxFault};

fn label<T: std::fmt::Debug>(parsed: Result<T, SyntaxFault>) -> &'static str {
    match parsed {
        Ok(value) => panic!("{value:?} was taken"),
        Err(fault) => fault.label(),
    }
}

fn long_label(length: usize) -> String {
    "a".repeat(length)
}

/// Labels of 63 letters with dots between, `length` bytes in all.
fn long_domain(length: usize) -> String {
    let mut name = "a".repeat(63) + ".";
    name = name.repeat(length / 64 + 1);
    name.truncate(length);
    assert!(!name.ends_with('.'), "choose a length that does not end on a dot");
    name
}

#[test]
fn a_did_of_any_method_is_taken() {
    let longest = format!("did:method:{}", "v".repeat(2048 - "did:method:".len()));
    let taken = [
        "did:method:val",
        "did:method:VAL",
        "did:method:val123",
        "did:method:123",
        "did:method:val-two",
        "did:method:val_two",
        "did:method:val.two",
        "did:method:val:two",
        "did:method:val%BB",
        "did:method:val%zz",
        "did:method::::val",
        "did:method:%a",
        "did:method:-",
        "did:method:-:_:.:%ab",
        "did:method:.",
        "did:method:_",
        "did:method::.",
        "did:m:v",
        "did:plc:abcdefghijklmnopqrstuvwx",
        "did:plc:short",
        "did:web:pds.test",
        "did:web:localhost%3A2583",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        &longest,
    ];
    for text in taken {
        assert_eq!(Did::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn what_is_not_a_did_is_refused_by_the_rule_it_breaks() {
    let too_long = format!("did:method:{}", "v".repeat(2049 - "did:method:".len()));
    let refused = [
        ("", "syntax_prefix"),
        ("did", "syntax_prefix"),
        ("didmethodval", "syntax_prefix"),
        ("method:did:val", "syntax_prefix"),
        ("DID:method:val", "syntax_prefix"),
        (":did:method:val", "syntax_prefix"),
        (" did:method:val", "syntax_prefix"),
        ("did.method.val", "syntax_prefix"),
        ("didmethod:val", "syntax_prefix"),
        ("did:", "syntax_missing"),
        ("did::", "syntax_missing"),
        ("did::val", "syntax_missing"),
        ("did:method", "syntax_missing"),
        ("did:method:", "syntax_missing"),
        ("did:METHOD:val", "syntax_byte"),
        ("did:m123:val", "syntax_byte"),
        ("did:me-thod:val", "syntax_byte"),
        ("did:méthod:val", "syntax_byte"),
        ("did:method:val:", "syntax_byte"),
        ("did:method:::", "syntax_byte"),
        ("did:method:val%", "syntax_byte"),
        ("did:method:val)", "syntax_byte"),
        ("did:method:val/two", "syntax_byte"),
        ("did:method:val?two", "syntax_byte"),
        ("did:method:val#two", "syntax_byte"),
        ("did:method:val~two", "syntax_byte"),
        ("did:method:val two", "syntax_byte"),
        ("did:method:val ", "syntax_byte"),
        ("did:method:val\n", "syntax_byte"),
        ("did:method:val\0", "syntax_byte"),
        ("did:method:välue", "syntax_byte"),
        (&too_long, "syntax_too_long"),
    ];
    for (text, rule) in refused {
        assert_eq!(label(Did::parse(text)), rule, "{text:?}");
    }
}

#[test]
fn a_method_is_supported_only_in_its_narrow_shape() {
    let methods = [
        ("did:plc:abcdefghijklmnopqrstuvwx", Method::Plc),
        ("did:plc:234567abcdefghijklmnopqr", Method::Plc),
        ("did:plc:abcdefghijklmnopqrstuvw", Method::Other),
        ("did:plc:abcdefghijklmnopqrstuvwxy", Method::Other),
        ("did:plc:ABCDEFGHIJKLMNOPQRSTUVWX", Method::Other),
        ("did:plc:abcdefghijklmnopqrstuvw1", Method::Other),
        ("did:plc:abcdefghijklmnopqrstuvw8", Method::Other),
        ("did:plc:abcdefghijklmnopqrstuv.x", Method::Other),
        ("did:web:pds.test", Method::Web),
        ("did:web:PDS.test", Method::Web),
        ("did:web:a.b.c.pds.test", Method::Web),
        ("did:web:xn--ls8h.test", Method::Web),
        ("did:web:localhost", Method::Web),
        ("did:web:localhost%3A1", Method::Web),
        ("did:web:localhost%3A65535", Method::Web),
        ("did:web:localhost%3A65536", Method::Other),
        ("did:web:localhost%3A0", Method::Other),
        ("did:web:localhost%3A080", Method::Other),
        ("did:web:localhost%3A-80", Method::Other),
        ("did:web:localhost%3A80%3A80", Method::Other),
        ("did:web:localhost%3a80", Method::Other),
        ("did:web:localhost:80", Method::Other),
        ("did:web:pds.test%3A443", Method::Other),
        ("did:web:pds.test:user:alice", Method::Other),
        ("did:web:pds.test%2Fpath", Method::Other),
        ("did:web:user%40pds.test", Method::Other),
        ("did:web:pds", Method::Other),
        ("did:web:pds.test.", Method::Other),
        ("did:web:.pds.test", Method::Other),
        ("did:web:pds..test", Method::Other),
        ("did:web:-pds.test", Method::Other),
        ("did:web:p_d.test", Method::Other),
        ("did:web:127.0.0.1", Method::Other),
        ("did:web:0x7f.1", Method::Other),
        ("did:web:2130706433", Method::Other),
        ("did:webs:pds.test", Method::Other),
        ("did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme", Method::Other),
    ];
    for (text, method) in methods {
        assert_eq!(Did::parse(text).unwrap().method(), method, "{text}");
    }
}

#[test]
fn a_did_gives_its_parts() {
    let did = Did::parse("did:web:localhost%3A2583").unwrap();
    assert_eq!((did.method_name(), did.identifier()), ("web", "localhost%3A2583"));
    assert_eq!(did.web_host(), Some(("localhost", Some(2583))));
    assert_eq!(Did::parse("did:web:pds.test").unwrap().web_host(), Some(("pds.test", None)));
    assert_eq!(Did::parse("did:web:pds.test:alice").unwrap().web_host(), None);
    assert_eq!(Did::parse("did:plc:pds.test").unwrap().web_host(), None);
    let colons = Did::parse("did:method::a:b").unwrap();
    assert_eq!((colons.method_name(), colons.identifier()), ("method", ":a:b"));
}

#[test]
fn a_handle_is_a_domain_name() {
    let longest = format!("{}.{}", long_domain(250), "ab");
    assert_eq!(longest.len(), 253);
    let taken = [
        "alice.test",
        "a.co",
        "8.cn",
        "0.0.0.0.aa",
        "name.t--t",
        "example.t",
        "laptop.local",
        "xn--ls8h.test",
        "xn--fiqa61au8b7zsevnm8ak20mc4a87e.xn--fiqs8s",
        "a-b.c-d.test",
        "john2.test",
        "blah.arpa",
        &format!("{}.test", long_label(63)),
        &format!("alice.{}", long_label(63)),
        &longest,
    ];
    for text in taken {
        assert_eq!(Handle::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn a_handle_has_no_case() {
    let handle = Handle::parse("Alice.TEST").unwrap();
    assert_eq!(handle.as_str(), "alice.test");
    assert_eq!(handle, Handle::parse("alice.test").unwrap());
}

#[test]
fn what_is_not_a_handle_is_refused_by_the_rule_it_breaks() {
    let refused = [
        ("", "syntax_missing"),
        ("alice", "syntax_segments"),
        (".", "syntax_segment_length"),
        (".test", "syntax_segment_length"),
        ("alice.test.", "syntax_segment_length"),
        ("alice..test", "syntax_segment_length"),
        (&format!("{}.test", long_label(64)), "syntax_segment_length"),
        (&format!("alice.{}", long_label(64)), "syntax_segment_length"),
        ("-alice.test", "syntax_byte"),
        ("alice-.test", "syntax_byte"),
        ("-.test", "syntax_byte"),
        ("alice.-test", "syntax_byte"),
        ("alice.test-", "syntax_byte"),
        ("xn--bcher-.test", "syntax_byte"),
        ("alice.0", "syntax_byte"),
        ("alice.9aaa", "syntax_byte"),
        ("127.0.0.1", "syntax_byte"),
        ("al_ice.test", "syntax_byte"),
        ("al ice.test", "syntax_byte"),
        (" alice.test", "syntax_byte"),
        ("alice.test ", "syntax_byte"),
        ("alice.test\n", "syntax_byte"),
        ("@alice.test", "syntax_byte"),
        ("alice.test/", "syntax_byte"),
        ("alice.test:80", "syntax_byte"),
        ("al%69ce.test", "syntax_byte"),
        ("älice.test", "syntax_byte"),
        ("alice。test", "syntax_byte"),
        ("did:plc:abcdefghijklmnopqrstuvwx", "syntax_byte"),
        (&format!("{}.{}", long_domain(250), "abc"), "syntax_too_long"),
    ];
    for (text, rule) in refused {
        assert_eq!(label(Handle::parse(text)), rule, "{text:?}");
    }
}

#[test]
fn an_at_identifier_is_a_did_or_a_handle() {
    let did = Authority::parse("did:web:alice.test").unwrap();
    assert_eq!(did.did().map(Did::as_str), Some("did:web:alice.test"));
    let handle = Authority::parse("Alice.test").unwrap();
    assert_eq!((handle.did(), handle.as_str()), (None, "alice.test"));
    assert!(matches!(Authority::parse("did:"), Err(fault) if fault.form() == Form::Did));
    assert!(matches!(Authority::parse("alice"), Err(fault) if fault.form() == Form::Handle));
}

#[test]
fn an_nsid_is_a_reversed_domain_name_and_a_name() {
    let longest = format!("{}.{}", long_domain(253), long_label(63));
    assert_eq!(longest.len(), 317);
    let taken = [
        "com.example.fooBar",
        "com.example.f",
        "net.users.bob.ping",
        "a-0.b-1.c",
        "a.b.c",
        "a.0.c",
        "a.0-0.c",
        "a0.b1.c3",
        "cn.8.lex.stuff",
        "test.12345.record",
        "com.Example.fooBar",
        "COM.EXAMPLE.FOOBAR",
        "onion.2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.lex.deleteThing",
        "network.counterpart.replication.offer",
        &format!("com.{}.foo", long_label(63)),
        &format!("com.example.{}", long_label(63)),
        &longest,
    ];
    for text in taken {
        assert_eq!(Nsid::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn what_is_not_an_nsid_is_refused_by_the_rule_it_breaks() {
    let refused = [
        ("", "syntax_segments"),
        ("com", "syntax_segments"),
        ("com.example", "syntax_segments"),
        (".", "syntax_segment_length"),
        ("..", "syntax_segment_length"),
        ("com.example.", "syntax_segment_length"),
        (".com.example.foo", "syntax_segment_length"),
        ("com..foo", "syntax_segment_length"),
        ("com.example..foo", "syntax_segment_length"),
        (&format!("com.{}.foo", long_label(64)), "syntax_segment_length"),
        (&format!("com.example.{}", long_label(64)), "syntax_segment_length"),
        ("com.example.3", "syntax_byte"),
        ("com.example.3foo", "syntax_byte"),
        ("com.example.foo-bar", "syntax_byte"),
        ("com.example.foo-", "syntax_byte"),
        ("com.example.foo_bar", "syntax_byte"),
        ("com.example.*", "syntax_byte"),
        ("com.example.foo#bar", "syntax_byte"),
        ("com.example.foo ", "syntax_byte"),
        ("com.example.foo\n", "syntax_byte"),
        ("com.exa💩ple.thing", "syntax_byte"),
        ("com.example.föö", "syntax_byte"),
        ("com.-example.foo", "syntax_byte"),
        ("com.example-.foo", "syntax_byte"),
        ("com.exa_mple.foo", "syntax_byte"),
        ("1com.example.foo", "syntax_byte"),
        ("-com.example.foo", "syntax_byte"),
        (" com.example.foo", "syntax_byte"),
        ("com.example/foo.bar", "syntax_byte"),
        (&format!("{}.foo", long_domain(254)), "syntax_too_long"),
        (&format!("{}.{}", long_domain(254), long_label(63)), "syntax_too_long"),
    ];
    for (text, rule) in refused {
        assert_eq!(label(Nsid::parse(text)), rule, "{text:?}");
    }
}

#[test]
fn an_nsid_gives_its_authority_and_name() {
    let nsid = Nsid::parse("network.counterpart.replication.offer").unwrap();
    assert_eq!((nsid.authority(), nsid.name()), ("network.counterpart.replication", "offer"));
}

#[test]
fn a_record_key_has_the_letters_of_a_path_segment() {
    let longest = "k".repeat(512);
    let taken = [
        "3jzfcijpj2z2a",
        "self",
        "a",
        "1",
        "_",
        "~",
        "-",
        ":",
        "...",
        ".a",
        "a.",
        "..a",
        "pre:fix",
        "~1.2-3_",
        "AZaz09._:~-",
        "com.example.fooBar",
        "did:plc:abc",
        &longest,
    ];
    for text in taken {
        assert_eq!(Rkey::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn what_is_not_a_record_key_is_refused_by_the_rule_it_breaks() {
    let refused = [
        ("", "syntax_missing"),
        (".", "syntax_reserved"),
        ("..", "syntax_reserved"),
        (&"k".repeat(513), "syntax_too_long"),
        ("alpha/beta", "syntax_byte"),
        ("alpha beta", "syntax_byte"),
        ("#extra", "syntax_byte"),
        ("@handle", "syntax_byte"),
        ("any+space", "syntax_byte"),
        ("number[3]", "syntax_byte"),
        ("number(3)", "syntax_byte"),
        ("\"quote\"", "syntax_byte"),
        ("dHJ1ZQ==", "syntax_byte"),
        ("a%20b", "syntax_byte"),
        ("a\\b", "syntax_byte"),
        ("a\n", "syntax_byte"),
        ("a\0", "syntax_byte"),
        ("\u{7f}", "syntax_byte"),
        ("ключ", "syntax_byte"),
    ];
    for (text, rule) in refused {
        assert_eq!(label(Rkey::parse(text)), rule, "{text:?}");
    }
}

#[test]
fn a_fault_says_what_is_wrong_and_where() {
    let fault = Did::parse("did:plc:a/b").unwrap_err();
    assert_eq!(fault, SyntaxFault::Byte { form: Form::Did, byte: b'/', at: 9 });
    assert_eq!(fault.to_string(), "DID has byte 0x2f at 9, where it is not allowed");
    let fault = Handle::parse("alice.te_st").unwrap_err();
    assert_eq!(fault, SyntaxFault::Byte { form: Form::Handle, byte: b'_', at: 8 });
    let fault = Nsid::parse("com.example.f-o").unwrap_err();
    assert_eq!(fault, SyntaxFault::Byte { form: Form::Nsid, byte: b'-', at: 13 });
    let fault = Handle::parse("a.b-.test").unwrap_err();
    assert_eq!(fault, SyntaxFault::Byte { form: Form::Handle, byte: b'-', at: 3 });
    let fault = Rkey::parse(&"k".repeat(513)).unwrap_err();
    assert_eq!(fault, SyntaxFault::TooLong { form: Form::Rkey, length: 513, max: 512 });
    let fault = Nsid::parse(&format!("com.example.{}", "n".repeat(1000))).unwrap_err();
    assert_eq!(fault, SyntaxFault::TooLong { form: Form::Nsid, length: 1012, max: 317 });
}
