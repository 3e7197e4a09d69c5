//! SQL has its room: named constants in a story's `rows.rs`, and the ledger.
//!
//! Looks at the strings of `src`, never at comments. A statement in `rows.rs`
//! is a constant whose first line names it, and no text is pasted into one.
//! Whether the SQL is right is left to the ledger's conformance suite.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;

use super::tree::{Source, Tree, is_mark, line, word};
use super::{Complaint, caught, hold};

/// Macros that put text together.
const PASTING: &[&str] = &["format", "format_args", "write", "writeln", "concat", "print", "println"];

struct Verdict {
    complaints: Vec<Complaint>,
    statements: usize,
}

fn check(tree: &Tree) -> Verdict {
    let mut found = Found { complaints: Vec::new(), names: BTreeMap::new(), statements: 0 };
    for source in tree.sources() {
        let room = room(source.path);
        found.strings(&source, &room, &source.tokens);
        found.complaints.extend(trusted_texts(&source, &room));
    }
    Verdict { complaints: found.complaints, statements: found.statements }
}

/// Where a file stands in the matter.
enum Room {
    Rows,
    Ledger,
    Elsewhere,
}

fn room(path: &str) -> Room {
    if path.starts_with("src/ledger/") || path == "src/ledger.rs" {
        Room::Ledger
    } else if path.ends_with("/rows.rs") || path.contains("/rows/") {
        Room::Rows
    } else {
        Room::Elsewhere
    }
}

struct Found {
    complaints: Vec<Complaint>,
    /// Where each statement's name was first given, for each engine.
    names: BTreeMap<(String, &'static str), String>,
    statements: usize,
}

impl Found {
    fn strings(&mut self, source: &Source, room: &Room, tokens: &[TokenTree]) {
        for (at, token) in tokens.iter().enumerate() {
            match token {
                // The inside of an attribute holds documentation, not statements.
                TokenTree::Group(_) if at > 0 && is_mark(tokens.get(at - 1), '#') => {}
                TokenTree::Group(_)
                    if at > 1 && is_mark(tokens.get(at - 1), '!') && is_mark(tokens.get(at - 2), '#') => {}
                TokenTree::Group(group) => {
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    match pasting_macro(tokens, at) {
                        Some(name) => self.pasted(source, &name, &inside),
                        None => self.strings(source, room, &inside),
                    }
                }
                TokenTree::Literal(literal) => {
                    let text = content(&literal.to_string());
                    if is_statement(&text) {
                        self.statement(source, room, tokens, at, &text);
                    }
                }
                _ => {}
            }
        }
    }

    fn complain(&mut self, source: &Source, token: &TokenTree, what: &str) {
        self.complaints.push(Complaint::new(source.path, line(token), what));
    }

    fn pasted(&mut self, source: &Source, name: &str, inside: &[TokenTree]) {
        for token in inside {
            match token {
                TokenTree::Group(group) => {
                    self.pasted(source, name, &group.stream().into_iter().collect::<Vec<_>>());
                }
                TokenTree::Literal(literal) if is_statement(&content(&literal.to_string())) => {
                    self.complain(source, token, &format!("`{name}!` pastes text into SQL: bind it"));
                }
                _ => {}
            }
        }
    }

    fn statement(&mut self, source: &Source, room: &Room, tokens: &[TokenTree], at: usize, text: &str) {
        self.statements += 1;
        let token = &tokens[at];
        let constant = constant(tokens, at);
        match room {
            Room::Elsewhere => {
                return self.complain(source, token, "SQL outside `rows.rs`: move it to its noun's rows");
            }
            Room::Ledger if !text.trim_start().starts_with("--") => return,
            Room::Rows if constant.is_none() => {
                return self.complain(source, token, "SQL that is no constant of its own");
            }
            Room::Ledger | Room::Rows => {}
        }
        let Some(name) = statement_name(text) else {
            return self.complain(source, token, "SQL that does not begin with `-- noun.verb`");
        };
        let place = format!("{}:{}", source.path, line(token));
        let engine = engine(constant.as_deref().unwrap_or_default());
        if let Some(first) = self.names.insert((name.clone(), engine), place) {
            self.complain(source, token, &format!("`{name}` is also the name of the statement at {first}"));
        }
    }
}

/// `format!(…)` at its parentheses.
fn pasting_macro(tokens: &[TokenTree], at: usize) -> Option<String> {
    let name = at.checked_sub(2).and_then(|before| word(tokens.get(before)))?;
    match is_mark(tokens.get(at - 1), '!') && PASTING.contains(&name.as_str()) {
        true => Some(name),
        false => None,
    }
}

/// The name in `const NAME: &str = "…"`, with or without a lifetime.
fn constant(tokens: &[TokenTree], at: usize) -> Option<String> {
    const DECLARATION_TOKENS_MAX: usize = 8;
    let before = &tokens[at.saturating_sub(DECLARATION_TOKENS_MAX)..at];
    let keyword = before.iter().rposition(|token| word(Some(token)).as_deref() == Some("const"))?;
    let ends = |token: &&TokenTree| is_mark(Some(token), '=') || is_mark(Some(token), ';');
    match is_mark(before.last(), '=') && before[keyword..].iter().filter(ends).count() == 1 {
        true => word(before.get(keyword + 1)),
        false => None,
    }
}

/// Where the engines need different words, twins share a statement's name.
fn engine(constant: &str) -> &'static str {
    ["SQLITE", "POSTGRES"].into_iter().find(|engine| constant.contains(engine)).unwrap_or("")
}

/// A list of rows is one statement of many lengths, put together by the ledger
/// from constants; each such text has its call beside it. Any other text that
/// sqlx is told to trust is a finding.
fn trusted_texts(source: &Source, room: &Room) -> Vec<Complaint> {
    let (mut trusted, mut batched) = (Vec::new(), 0);
    count_trust(&source.tokens, &mut trusted, &mut batched);
    let allowed = match room {
        Room::Ledger => return Vec::new(),
        Room::Rows => batched,
        Room::Elsewhere => 0,
    };
    let what = "SQL that is neither a constant nor from `batch::statement`: sqlx was right to ask";
    trusted.into_iter().skip(allowed).map(|line| Complaint::new(source.path, line, what)).collect()
}

fn count_trust(tokens: &[TokenTree], trusted: &mut Vec<usize>, batched: &mut usize) {
    for (at, token) in tokens.iter().enumerate() {
        let called = matches!(tokens.get(at + 1), Some(TokenTree::Group(_)));
        match word(Some(token)).as_deref() {
            Some("AssertSqlSafe") if called => trusted.push(line(token)),
            Some("statement")
                if called && at >= 3 && word(tokens.get(at - 3)).as_deref() == Some("batch") =>
            {
                *batched += 1;
            }
            _ => {}
        }
        if let TokenTree::Group(group) = token {
            count_trust(&group.stream().into_iter().collect::<Vec<_>>(), trusted, batched);
        }
    }
}

/// What stands between the quotes, as it is written.
fn content(literal: &str) -> String {
    let text = literal.trim_start_matches(['b', 'c', 'r']).trim_matches('#');
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => text.replace("\\n", "\n"),
        None => String::new(),
    }
}

fn is_statement(text: &str) -> bool {
    const OPENINGS: &[&str] = &[
        "-- ",
        "insert into ",
        "delete from ",
        "create table ",
        "create index ",
        "create unique index ",
        "create trigger ",
        "alter table ",
        "drop table ",
        "drop index ",
        "drop trigger ",
        "begin immediate",
        "pragma ",
        "with recursive ",
        "truncate ",
        "lock table ",
    ];
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    OPENINGS.iter().any(|opening| text.starts_with(opening))
        || text.starts_with("select ") && (text.contains(" from ") || text.starts_with("select 1"))
        || text.starts_with("update ") && text.contains(" set ")
        || text.starts_with("with ") && text.contains(" as (")
}

fn statement_name(text: &str) -> Option<String> {
    let (noun, verb) = text.trim_start().lines().next()?.strip_prefix("-- ")?.trim_end().split_once('.')?;
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
    };
    match is_word(noun) && is_word(verb) {
        true => Some(format!("{noun}.{verb}")),
        false => None,
    }
}

#[test]
fn statements_are_named_constants_in_their_rooms() {
    let verdict = check(&Tree::repository());
    hold(&verdict.complaints);
    // Once there is a room for statements, finding none means not looking.
    let rooms = Tree::repository().sources().iter().any(|source| matches!(room(source.path), Room::Rows));
    assert!(verdict.statements > 0 || !rooms, "not one statement was found");
}

fn planted(path: &str, text: &str) -> Vec<Complaint> {
    check(&Tree::planted(&[(path, text)])).complaints
}

const CLAIM: &str = "const CLAIM: &str = \"\n    -- jobs.claim\n    select id from job\";\n";

#[test]
fn sql_outside_its_room_is_caught() {
    for text in [
        CLAIM,
        "fn f() { sqlx::query(\"select id from job\") }",
        "const A: &str = \"SELECT 1\";",
        "const A: &str = r#\"update job set state = $1\"#;",
        "const A: &str = \"  insert\\n into job (id) values ($1)\";",
        "const A: &str = \"delete from job\";",
        "const A: &str = \"with due as (select id from job) select id from due\";",
    ] {
        caught(&planted("src/jobs/claim.rs", text), "src/jobs/claim.rs:1", "SQL outside `rows.rs`");
    }
}

#[test]
fn a_statement_without_a_name_is_caught() {
    for text in [
        "const A: &str = \"select id from job\";",
        "const A: &str = \"\n -- claim\n select id from job\";",
        "const A: &'static str = \"-- Jobs.Claim\n select id from job\";",
        "const A: &str = \"-- takes the next job.\n select id from job\";",
    ] {
        caught(
            &planted("src/jobs/rows.rs", text),
            "src/jobs/rows.rs:1",
            "does not begin with `-- noun.verb`",
        );
    }
    let twice = format!("{CLAIM}{}", CLAIM.replace("CLAIM", "AGAIN"));
    caught(
        &planted("src/jobs/rows.rs", &twice),
        "src/jobs/rows.rs:4",
        "also the name of the statement at src/jobs/rows.rs:1",
    );
}

#[test]
fn a_statement_that_is_no_constant_is_caught() {
    for text in [
        "fn f() { query(\"-- jobs.claim\n select id from job\") }",
        "fn f() { let claim = \"-- jobs.claim\n select id from job\"; }",
        "const N: i64 = 1; fn f() { let claim: &str = \"-- jobs.claim\n select id from job\"; }",
        "const A: (i64, &str) = (1, \"-- jobs.claim\n select id from job\");",
    ] {
        caught(
            &planted("src/jobs/rows.rs", text),
            "src/jobs/rows.rs:1",
            "SQL that is no constant of its own",
        );
    }
}

#[test]
fn text_pasted_into_sql_is_caught() {
    for (path, text) in [
        ("src/jobs/rows.rs", "fn f() { format!(\"-- jobs.claim\n select id from {table}\") }"),
        ("src/jobs/claim.rs", "fn f() { write!(out, \"update job set {column} = 1\") }"),
        ("src/ledger/migrate.rs", "fn f() { query(&format!(\"drop table {name}\")) }"),
        ("src/ledger/migrate.rs", "const A: &str = concat!(\"-- a.b\n select \", \"id from job\");"),
    ] {
        caught(&planted(path, text), &format!("{path}:1"), "pastes text into SQL");
    }
}

#[test]
fn a_text_sqlx_is_told_to_trust_is_caught() {
    for (path, text) in [
        ("src/jobs/rows.rs", "fn f() { query(AssertSqlSafe(text)) }"),
        (
            "src/jobs/rows.rs",
            "fn f() { query(AssertSqlSafe(batch::statement(A, B, 1, C))); query(AssertSqlSafe(b)) }",
        ),
        ("src/jobs/claim.rs", "fn f() { query(sqlx::AssertSqlSafe(batch::statement(A, B, 1, C))) }"),
    ] {
        caught(&planted(path, text), &format!("{path}:1"), "neither a constant nor from `batch::statement`");
    }
}

#[test]
fn statements_in_their_rooms_and_plain_english_pass() {
    let rows = [
        "use sqlx::AssertSqlSafe;",
        "const CLAIM_SQLITE: &str = \"-- jobs.claim\nselect id from job\";",
        "const CLAIM_POSTGRES: &str = \"-- jobs.claim\nselect id from job for update\";",
        "pub const COUNT: &'static str = r\"\n-- jobs.count_v1\nselect count(*) from job\";",
        "fn f() { let text = batch::statement(A, B, 1, C); query(AssertSqlSafe(text)) }",
    ]
    .join("\n");
    let verdict = check(&Tree::planted(&[
        ("src/jobs/rows.rs", &rows),
        ("src/replicas/rows/blobs.rs", "const NEXT: &str = \"-- blobs.next\nselect cid from blob\";"),
        (
            "src/ledger/begin.rs",
            "const BEGIN: &str = \"begin immediate\"; fn f() { query(AssertSqlSafe(text)) }",
        ),
    ]));
    hold(&verdict.complaints);
    assert_eq!(verdict.statements, 5);
    let english = r#"
        //! select id from job
        /// update job set state
        // delete from job
        #[error("insert into what?")]
        fn f() { bail!("update the ledger first"); warn!("select a host"); let a = ("created", "--json", "from", 'x', 7); }
    "#;
    let verdict = check(&Tree::planted(&[("src/cli/mod.rs", english)]));
    hold(&verdict.complaints);
    assert_eq!(verdict.statements, 0);
}
