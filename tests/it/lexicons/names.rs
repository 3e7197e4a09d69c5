//! Lexicon names as Rust writes them: `describeService` is the module
//! `describe_service`, `#copyStatus` the struct `CopyStatus`.
//!
//! Both directions of a collision are left to `generate`, which sees all the
//! names of one module.

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// `maxRequestBytes` → `max_request_bytes`; `getDIDs` → `get_dids`.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
        if starts_word {
            snake.push('_');
        }
        snake.push(if *letter == '-' { '_' } else { letter.to_ascii_lowercase() });
    }
    snake
}

/// The same where Rust wants an identifier: a keyword is written raw.
pub fn identifier(name: &str) -> String {
    let snake = snake(name);
    match snake.as_str() {
        "self" | "super" | "crate" => format!("{snake}_"),
        keyword if KEYWORDS.contains(&keyword) => format!("r#{keyword}"),
        _ => snake,
    }
}

/// `copyStatus` → `CopyStatus`
pub fn pascal(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => String::new(),
    }
}

/// `notSyncedYet` → `NOT_SYNCED_YET`
pub fn constant(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

#[test]
fn names_become_what_rust_expects() {
    assert_eq!(snake("describeService"), "describe_service");
    assert_eq!(snake("getDIDs"), "get_dids");
    assert_eq!(snake("maxP2pPeers"), "max_p2p_peers");
    assert_eq!(snake("my-host"), "my_host");
    assert_eq!(identifier("type"), "r#type");
    assert_eq!(identifier("self"), "self_");
    assert_eq!(pascal("copyStatus"), "CopyStatus");
    assert_eq!(constant("notSyncedYet"), "NOT_SYNCED_YET");
}
