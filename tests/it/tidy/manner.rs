//! The shape and the names of files: an opening, a length, no drawers, no dead files.
//!
//! Only `src` is judged. Generated files have no opening and any length, and
//! their names are the schemas'. Taste that code cannot see is left to readers.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenTree};

use super::tree::{Source, Tree, is_mark, line, word};
use super::{Complaint, caught, hold};

const OPENING_LINES: std::ops::RangeInclusive<usize> = 3..=8;
const CODE_LINES_MAX: usize = 400;

/// Words that say nothing wherever they stand in a name.
const DRAWERS: &[&str] =
    &["util", "utils", "helper", "helpers", "manager", "handler", "handlers", "processor", "common", "misc"];

/// Words that say nothing at the end of one: `JobService`, `host_info`. Alone,
/// a `Service` is what a DID document lists, and no suffix.
const EMPTY_ENDINGS: &[&str] = &["service", "services", "data", "info", "types", "models", "v2"];

/// The context everyone imports.
const CONTEXTS: &[&str] = &["App", "AppState", "AppContext", "Context"];

fn check(tree: &Tree) -> Vec<Complaint> {
    let methods = method_names(tree);
    let mut complaints = dead_files(tree);
    for source in tree.sources().iter().filter(|source| !source.is_generated()) {
        complaints.extend(opening(source));
        complaints.extend(length(source));
        let stem = source.module().pop().unwrap_or_default();
        if let Some(why) = empty_name("mod", &stem, &methods) {
            complaints.push(Complaint::new(source.path, 1, why));
        }
        names(source, &source.tokens, true, &methods, &mut complaints);
    }
    complaints
}

fn opening(source: &Source) -> Option<Complaint> {
    // An empty line between the two halves says nothing and counts for nothing.
    let said = source.text.lines().take_while(|line| line.starts_with("//!"));
    let lines = said.filter(|line| line.trim() != "//!").count();
    match OPENING_LINES.contains(&lines) {
        true => None,
        false => Some(Complaint::new(
            source.path,
            1,
            format!("opens with {lines} lines of `//!`; 3 to 8 say what it is and what it leaves to others"),
        )),
    }
}

/// Blank lines and comments are free.
fn length(source: &Source) -> Option<Complaint> {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let lines = source.text.lines().filter(is_code).count();
    match lines > CODE_LINES_MAX {
        true => Some(Complaint::new(
            source.path,
            1,
            format!("{lines} lines of code, {CODE_LINES_MAX} at most: split it"),
        )),
        false => None,
    }
}

/// Judges the names of what is declared. Inside an `impl` a type's name is
/// another trait's choice.
fn names(
    source: &Source,
    tokens: &[TokenTree],
    items: bool,
    methods: &BTreeSet<String>,
    complaints: &mut Vec<Complaint>,
) {
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            let module =
                at.checked_sub(2).and_then(|before| word(tokens.get(before))).as_deref() == Some("mod");
            let items = group.delimiter() == Delimiter::Brace && module;
            names(source, &inside, items, methods, complaints);
            continue;
        }
        let Some(keyword) = word(Some(token)) else { continue };
        let declares = ["struct", "enum", "trait", "mod", "fn"].contains(&keyword.as_str())
            || keyword == "type" && items;
        let Some(name) = word(tokens.get(at + 1)).filter(|_| declares) else { continue };
        if let Some(why) = empty_name(&keyword, &name, methods) {
            complaints.push(Complaint::new(source.path, line(token), why));
        }
    }
}

fn empty_name(keyword: &str, name: &str, methods: &BTreeSet<String>) -> Option<String> {
    let words = words(name);
    let (first, last) = (words.first()?.as_str(), words.last()?.as_str());
    let is_method = methods.contains(&words.join("_"));
    let empty = match keyword {
        "fn" => first == "new" && words.len() > 1 || last == "v2",
        _ => {
            words.iter().any(|word| DRAWERS.contains(&word.as_str()))
                || first == "new"
                || EMPTY_ENDINGS.contains(&last) && name != "Service"
                || CONTEXTS.contains(&name)
        }
    };
    match empty && !is_method {
        true => Some(format!("`{keyword} {name}` is named for a drawer: name the thing")),
        false => None,
    }
}

/// `JobManager` and `job_manager` are both `job`, `manager`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for letter in name.trim_start_matches("r#").chars() {
        if letter == '_' || letter.is_uppercase() && !before.is_uppercase() || words.is_empty() {
            words.push(String::new());
        }
        if let (Some(word), true) = (words.last_mut(), letter != '_') {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A method's own file is named for the method, and `describeService` is ours.
fn method_names(tree: &Tree) -> BTreeSet<String> {
    let schemas = tree.files().filter_map(|(path, _)| path.strip_prefix("lexicons/")?.strip_suffix(".json"));
    schemas.filter_map(|path| path.rsplit('/').next()).map(|name| words(name).join("_")).collect()
}

/// Every file is reached by `mod` from one of the two roots.
fn dead_files(tree: &Tree) -> Vec<Complaint> {
    let mut alive = BTreeSet::new();
    let mut complaints = Vec::new();
    let mut next: Vec<String> =
        ["src/lib.rs", "src/main.rs"].into_iter().filter(|root| tree.has(root)).map(str::to_owned).collect();
    while let Some(path) = next.pop() {
        let Some(source) = tree.source(&path) else { continue };
        let mut children = Vec::new();
        modules(&source.tokens, &source.module(), &mut children);
        for child in children {
            let file = format!("src/{}.rs", child.join("/"));
            let folder = format!("src/{}/mod.rs", child.join("/"));
            next.extend([file, folder].into_iter().filter(|path| tree.has(path) && !alive.contains(path)));
        }
        if has_path_attribute(&source.tokens) {
            complaints.push(Complaint::new(
                &path,
                1,
                "`#[path]` hides a file: let it stand where its module is",
            ));
        }
        alive.insert(path);
    }
    let dead = tree.sources().into_iter().filter(|source| !alive.contains(source.path));
    complaints.extend(dead.map(|source| Complaint::new(source.path, 1, "no `mod` reaches this file")));
    complaints
}

/// Modules declared here that stand in files of their own.
fn modules(tokens: &[TokenTree], here: &[String], found: &mut Vec<Vec<String>>) {
    for (at, token) in tokens.iter().enumerate() {
        let (Some("mod"), Some(name)) = (word(Some(token)).as_deref(), word(tokens.get(at + 1))) else {
            continue;
        };
        let child = [here, &[name.trim_start_matches("r#").to_owned()]].concat();
        match tokens.get(at + 2) {
            Some(TokenTree::Group(group)) => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                modules(&inside, &child, found);
            }
            _ => found.push(child),
        }
    }
}

fn has_path_attribute(tokens: &[TokenTree]) -> bool {
    tokens.windows(2).any(|pair| {
        let [mark, TokenTree::Group(group)] = pair else { return false };
        let first = group.stream().into_iter().next();
        is_mark(Some(mark), '#') && word(first.as_ref()).as_deref() == Some("path")
    })
}

#[test]
fn files_have_openings_lengths_and_names() {
    hold(&check(&Tree::repository()));
}

const OPENING: &str = "//! One.\n//! Two.\n//! Three.\n";

/// Only the module `a`, with an opening and this text.
fn planted(text: &str) -> Vec<Complaint> {
    let library = format!("{OPENING}pub mod a;");
    let text = format!("{OPENING}{text}");
    let schema = "lexicons/network/counterpart/replication/describeService.json";
    check(&Tree::planted(&[("src/lib.rs", &library), ("src/a.rs", &text), (schema, "{}")]))
}

#[test]
fn an_opening_too_short_or_too_long_is_caught() {
    let opened = |lines: usize| {
        let text = "//! A line.\n".repeat(lines);
        check(&Tree::planted(&[("src/lib.rs", &text)]))
    };
    for lines in [0, 2, 9] {
        caught(&opened(lines), "src/lib.rs:1", &format!("opens with {lines} lines"));
    }
    hold(&opened(3));
    hold(&opened(8));
    hold(&check(&Tree::planted(&[("src/lib.rs", "// @generated from a by the drift test; do not edit\n")])));
}

#[test]
fn a_file_that_is_too_long_is_caught() {
    let code = |lines: usize| "fn f() {}\n\n// why\n".repeat(lines);
    hold(&planted(&code(400)));
    caught(&planted(&code(401)), "src/a.rs:1", "401 lines of code, 400 at most");
    let generated = format!("// @generated from a\n{}", code(500));
    hold(&check(&Tree::planted(&[("src/lib.rs", &generated)])));
}

#[test]
fn names_for_drawers_are_caught() {
    for declared in [
        "struct JobManager;",
        "pub struct HostInfo {}",
        "enum RepoService {}",
        "trait Handler {}",
        "pub type RowData = ();",
        "struct AppState {}",
        "struct Context;",
        "mod helpers {}",
        "mod string_utils {}",
        "mod new_queue {}",
        "fn new_queue() {}",
        "fn claim_v2() {}",
        "struct LeaseV2;",
        "mod common {}",
        "mod types {}",
        "fn f() { struct LinkProcessor; }",
        "mod b { pub type LinkInfo = (); }",
    ] {
        caught(&planted(declared), "src/a.rs:4", "is named for a drawer");
    }
    for path in ["src/util.rs", "src/jobs_common.rs", "src/models/mod.rs"] {
        let module = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let library = format!("{OPENING}\n\npub use x as y; // mod {module};\n");
        let complaints = check(&Tree::planted(&[("src/lib.rs", &library), (path, OPENING)]));
        let named: Vec<&Complaint> =
            complaints.iter().filter(|found| found.what.contains("drawer")).collect();
        assert_eq!(named.len(), 1, "{path}: {complaints:?}");
    }
}

#[test]
fn names_that_say_something_pass() {
    hold(&planted(
        "struct ServiceToken; mod service_token {} fn new() {} fn renew() {} fn handler() {} struct Newest; struct Commonest;
         mod describe_service {} struct DescribeService; struct Informer; fn data() {} struct Typesetter;
         impl Trait for A { type Data = (); } struct Service; fn f(info: Info) {} struct GetV1; mod ipv2x {}",
    ));
}

#[test]
fn a_file_that_no_module_reaches_is_caught() {
    let dead = "no `mod` reaches this file";
    let of = |library: &str, path: &str| {
        check(&Tree::planted(&[("src/lib.rs", &format!("{OPENING}{library}")), (path, OPENING)]))
    };
    caught(&of("// mod b;", "src/b.rs"), "src/b.rs:1", dead);
    caught(&of("pub mod b;", "src/b/c.rs"), "src/b/c.rs:1", dead);
    caught(&of("mod b { }", "src/b.rs"), "src/b.rs:1", dead);
    hold(&of("mod b;", "src/b.rs"));
    hold(&of("mod b;", "src/b/mod.rs"));
    hold(&of("mod b { mod r#c; }", "src/b/c.rs"));
    let hidden = of("#[path = \"c.rs\"] mod b;", "src/b.rs");
    caught(&hidden, "src/lib.rs:1", "`#[path]` hides a file");
}
