//! Keys of the tree, and AT-URIs.

use counterpart::atproto::{AtUri, Did, Form, Nsid, RecordPath, Rkey, SyntaxFault};

#[test]
fn a_record_path_is_a_collection_and_a_record_key() {
    let path = RecordPath::parse("com.example.thing/3jzfcijpj2z2a").unwrap();
    assert_eq!((path.collection(), path.rkey()), ("com.example.thing", "3jzfcijpj2z2a"));
    assert_eq!(path, RecordPath::from_bytes(b"com.example.thing/3jzfcijpj2z2a").unwrap());
    let (collection, rkey) = (Nsid::parse("com.example.thing").unwrap(), Rkey::parse("a:b~c").unwrap());
    assert_eq!(RecordPath::of(&collection, &rkey).as_str(), "com.example.thing/a:b~c");
}

#[test]
fn what_is_not_a_record_path_is_refused_by_the_part_that_is_wrong() {
    let refused: [(&[u8], &str, Form); 19] = [
        (b"", "syntax_missing", Form::RecordPath),
        (b"com.example.thing", "syntax_missing", Form::RecordPath),
        (b"/", "syntax_segments", Form::Nsid),
        (b"/self", "syntax_segments", Form::Nsid),
        (b"//self", "syntax_segments", Form::Nsid),
        (b"thing/self", "syntax_segments", Form::Nsid),
        (b"example.thing/self", "syntax_segments", Form::Nsid),
        (b"com.example.th-ing/self", "syntax_byte", Form::Nsid),
        (b"com.example.thing\xff/self", "syntax_byte", Form::Nsid),
        (b"com.example.thing/", "syntax_missing", Form::Rkey),
        (b"com.example.thing/.", "syntax_reserved", Form::Rkey),
        (b"com.example.thing/..", "syntax_reserved", Form::Rkey),
        (b"com.example.thing//self", "syntax_byte", Form::Rkey),
        (b"com.example.thing/self/", "syntax_byte", Form::Rkey),
        (b"com.example.thing/a/b", "syntax_byte", Form::Rkey),
        (b"com.example.thing/\xc3\xa9", "syntax_byte", Form::Rkey),
        (b"com.example.thing/\xff", "syntax_byte", Form::Rkey),
        (b"com.example.thing/a\0", "syntax_byte", Form::Rkey),
        (b"/com.example.thing/self", "syntax_segments", Form::Nsid),
    ];
    for (key, rule, form) in refused {
        let fault = RecordPath::check(key).unwrap_err();
        assert_eq!((fault.label(), fault.form()), (rule, form), "{}", key.escape_ascii());
        assert_eq!(RecordPath::from_bytes(key), Err(fault));
    }
}

#[test]
fn the_longest_record_path_is_below_the_cap_of_the_tree_and_longer_keys_are_not_even_read() {
    let mut authority = ("a".repeat(63) + ".").repeat(4);
    authority.truncate(253);
    let longest = format!("{authority}.{}/{}", "n".repeat(63), "k".repeat(512));
    assert_eq!(longest.len(), 830);
    assert_eq!(RecordPath::parse(&longest).unwrap().as_str(), longest);
    let fault = RecordPath::check(&vec![b'a'; 1025]).unwrap_err();
    assert_eq!(fault, SyntaxFault::TooLong { form: Form::RecordPath, length: 1025, max: 1024 });
}

#[test]
fn record_paths_sort_as_their_bytes_do() {
    let sorted = [
        "com.example.a/z",
        "com.example.aa/a",
        "com.example.thing/-",
        "com.example.thing/.a",
        "com.example.thing/0",
        "com.example.thing/:",
        "com.example.thing/A",
        "com.example.thing/_",
        "com.example.thing/a",
        "com.example.thing/~",
    ];
    let paths = sorted.map(|text| RecordPath::parse(text).unwrap());
    assert!(paths.is_sorted_by(|a, b| a < b && a.as_str().as_bytes() < b.as_str().as_bytes()));
}

#[test]
fn an_at_uri_names_a_repository_a_collection_or_a_record() {
    let did = "at://did:plc:abcdefghijklmnopqrstuvwx";
    let uri = AtUri::parse(did).unwrap();
    assert_eq!((uri.collection(), uri.rkey(), uri.record_path()), (None, None, None));

    let uri = AtUri::parse(&format!("{did}/com.example.thing")).unwrap();
    assert_eq!(uri.collection().map(Nsid::as_str), Some("com.example.thing"));
    assert_eq!((uri.rkey(), uri.record_path()), (None, None));

    let text = format!("{did}/com.example.thing/self");
    let uri = AtUri::parse(&text).unwrap();
    assert_eq!(uri.authority().did().map(Did::as_str), Some("did:plc:abcdefghijklmnopqrstuvwx"));
    assert_eq!(uri.rkey().map(Rkey::as_str), Some("self"));
    assert_eq!(uri.record_path(), RecordPath::parse("com.example.thing/self").ok());
    assert_eq!(uri.to_string(), text);

    let by_handle = AtUri::parse("at://Alice.test/com.example.fooBar/Self").unwrap();
    assert_eq!(by_handle.to_string(), "at://alice.test/com.example.fooBar/Self");
    let made =
        AtUri::of(uri.authority().clone(), uri.collection().cloned().unwrap(), uri.rkey().cloned().unwrap());
    assert_eq!(made, uri);
}

#[test]
fn what_is_not_an_at_uri_in_the_restricted_syntax_is_refused() {
    let refused = [
        ("", "syntax_prefix", Form::AtUri),
        ("at:", "syntax_prefix", Form::AtUri),
        ("at:/alice.test", "syntax_prefix", Form::AtUri),
        ("AT://alice.test", "syntax_prefix", Form::AtUri),
        (" at://alice.test", "syntax_prefix", Form::AtUri),
        ("http://alice.test", "syntax_prefix", Form::AtUri),
        ("alice.test/com.example.thing/self", "syntax_prefix", Form::AtUri),
        ("at://", "syntax_missing", Form::Handle),
        ("at:///com.example.thing/self", "syntax_missing", Form::Handle),
        ("at://alice", "syntax_segments", Form::Handle),
        ("at://alice:pass@pds.test", "syntax_byte", Form::Handle),
        ("at://alice.test:80", "syntax_byte", Form::Handle),
        ("at://alice.test?q=1", "syntax_byte", Form::Handle),
        ("at://alice.test#frag", "syntax_byte", Form::Handle),
        ("at://did:plc", "syntax_missing", Form::Did),
        ("at://did:plc:a#b", "syntax_byte", Form::Did),
        ("at://alice.test/", "syntax_segments", Form::Nsid),
        ("at://alice.test//self", "syntax_segments", Form::Nsid),
        ("at://alice.test/thing/self", "syntax_segments", Form::Nsid),
        ("at://alice.test/com.example.thing?q", "syntax_byte", Form::Nsid),
        ("at://alice.test/com.example.thing#/a", "syntax_byte", Form::Nsid),
        ("at://alice.test/com.example.thing/", "syntax_missing", Form::Rkey),
        ("at://alice.test/com.example.thing/.", "syntax_reserved", Form::Rkey),
        ("at://alice.test/com.example.thing/self/", "syntax_byte", Form::Rkey),
        ("at://alice.test/com.example.thing/self/more", "syntax_byte", Form::Rkey),
        ("at://alice.test/com.example.thing/self?q=1", "syntax_byte", Form::Rkey),
        ("at://alice.test/com.example.thing/self#/a", "syntax_byte", Form::Rkey),
        ("at://alice.test/com.example.thing/self\n", "syntax_byte", Form::Rkey),
        ("at://alice.test/com.example.thing/%23", "syntax_byte", Form::Rkey),
    ];
    for (text, rule, form) in refused {
        let fault = AtUri::parse(text).unwrap_err();
        assert_eq!((fault.label(), fault.form()), (rule, form), "{text:?}");
    }
    let long = format!("at://alice.test/com.example.thing/{}", "k".repeat(8192));
    let fault = SyntaxFault::TooLong { form: Form::AtUri, length: long.len(), max: 8192 };
    assert_eq!(AtUri::parse(&long), Err(fault), "its parts are not even read");
}
