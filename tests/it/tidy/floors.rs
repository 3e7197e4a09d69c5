//! Imports go down only: never up, never sideways.
//!
//! The floors are those of ARCHITECTURE.md, and `lib.rs` lists its modules in
//! the same order. Every path that starts at the root of the crate is judged,
//! in `use` trees, in expressions and in macros. What a module does with
//! what it may see is not judged here.

use proc_macro2::{Delimiter, TokenTree};

use super::tree::{Tree, is_mark, is_path_mark, line, word};
use super::{Complaint, caught, hold};

/// From the ground up. Modules of one floor are strangers to each other.
const FLOORS: &[&[&str]] = &[
    &["clock", "limits", "lexicon", "crash"],
    &["atproto"],
    &["repo", "compare"],
    &["ledger", "remote"],
    &["offers"],
    &["agreements"],
    &["policies"],
    &["links"],
    &["jobs"],
    &["replicas"],
    &["firehose", "mirror", "serving"],
    &["node"],
    &["cli"],
];

/// The library, as `main.rs` names it.
const LIBRARY: &str = "counterpart";

/// What was found wrong, and how many paths were judged.
struct Verdict {
    complaints: Vec<Complaint>,
    judged: usize,
}

fn check(tree: &Tree) -> Verdict {
    let mut verdict = Verdict { complaints: order(tree), judged: 0 };
    for source in tree.sources() {
        let mut walk = Walk { uses: Vec::new() };
        walk.tokens(&source.tokens, &source.module());
        verdict.judged += walk.uses.len();
        // The roots stand above all floors.
        let from = source.module().into_iter().next();
        verdict
            .complaints
            .extend(walk.uses.iter().filter_map(|target| judge(source.path, from.as_deref(), target)));
    }
    verdict
}

/// `lib.rs` names known modules, in the order of the floors.
fn order(tree: &Tree) -> Vec<Complaint> {
    let Some(library) = tree.source("src/lib.rs") else {
        return vec![Complaint::new("src/lib.rs", 1, "is missing")];
    };
    let mut complaints = Vec::new();
    let mut highest = 0;
    for (at, token) in library.tokens.iter().enumerate() {
        let Some(name) = word(library.tokens.get(at + 1)) else { continue };
        if word(Some(token)).as_deref() != Some("mod") {
            continue;
        }
        match floor(&name) {
            None => complaints.push(unplaced(library.path, line(token), &name)),
            Some(floor) if floor < highest => {
                let what = format!("`{name}` is on floor {} and stands after a higher one", floor + 1);
                complaints.push(Complaint::new(library.path, line(token), what));
            }
            Some(floor) => highest = floor,
        }
    }
    complaints
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

fn unplaced(path: &str, line: usize, name: &str) -> Complaint {
    let what =
        format!("`{name}` has no floor: give it one in tests/it/tidy/floors.rs and in ARCHITECTURE.md");
    Complaint::new(path, line, what)
}

/// A path that starts at the root of the crate.
struct Use {
    line: usize,
    to: To,
}

enum To {
    Module(String),
    /// `crate::*` or another name for the root: it would hide what is used.
    Everything,
}

fn judge(path: &str, from: Option<&str>, target: &Use) -> Option<Complaint> {
    let complain = |what: String| Some(Complaint::new(path, target.line, what));
    let to = match &target.to {
        To::Module(to) => to.as_str(),
        To::Everything => return complain("takes in the whole crate: name the module".to_owned()),
    };
    let Some(below) = floor(to) else { return Some(unplaced(path, target.line, to)) };
    let from = from?;
    let Some(above) = floor(from) else { return Some(unplaced(path, target.line, from)) };
    match above.cmp(&below) {
        std::cmp::Ordering::Greater => None,
        _ if from == to => None,
        std::cmp::Ordering::Equal => {
            complain(format!("`{from}` and `{to}` share floor {} and may not meet", above + 1))
        }
        std::cmp::Ordering::Less => {
            complain(format!("`{from}` on floor {} reaches up to `{to}` on floor {}", above + 1, below + 1))
        }
    }
}

struct Walk {
    uses: Vec<Use>,
}

impl Walk {
    /// `here` is the module in which these tokens stand.
    fn tokens(&mut self, tokens: &[TokenTree], here: &[String]) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at = match token {
                TokenTree::Group(group) => {
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.tokens(&inside, &inner_module(tokens, at, here));
                    at + 1
                }
                TokenTree::Ident(ident) => self.ident(&ident.to_string(), tokens, at, here),
                _ => at + 1,
            };
        }
    }

    /// Answers where to go on reading.
    fn ident(&mut self, name: &str, tokens: &[TokenTree], at: usize, here: &[String]) -> usize {
        let line = line(&tokens[at]);
        let leads = is_path_mark(tokens, at + 1);
        let before = at.checked_sub(1).and_then(|before| word(tokens.get(before)));
        let after = word(tokens.get(at + 1));
        match (name, before.as_deref(), after.as_deref()) {
            ("crate", _, Some("as")) | ("crate", Some("extern"), Some("self")) => self.everything(line),
            ("crate", ..) if leads => return self.path(tokens, at + 3, Vec::new()),
            (LIBRARY, ..) if leads && !continues_a_path(tokens, at) => {
                return self.path(tokens, at + 3, Vec::new());
            }
            ("super", ..) => return self.path(tokens, at, here.to_vec()),
            _ => {}
        }
        at + 1
    }

    fn everything(&mut self, line: usize) {
        self.uses.push(Use { line, to: To::Everything });
    }

    /// Follows a path from the module `base`; empty is the root.
    fn path(&mut self, tokens: &[TokenTree], mut at: usize, mut base: Vec<String>) -> usize {
        while word(tokens.get(at)).as_deref() == Some("super") {
            base.pop();
            if word(tokens.get(at + 1)).as_deref() == Some("as") && base.is_empty() {
                self.everything(line(&tokens[at]));
            }
            match is_path_mark(tokens, at + 1) {
                true => at += 3,
                false => return at + 1,
            }
        }
        if base.is_empty() {
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) => {
                    let to = match name.to_string() {
                        // `use crate::{self as root}`
                        name if name == "self" => To::Everything,
                        name => To::Module(name),
                    };
                    self.uses.push(Use { line: name.span().start().line, to });
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                    self.everything(star.span().start().line)
                }
                _ => {}
            }
        }
        self.rest(tokens, at, &base)
    }

    /// The other end of a path. Only braces straight after the root, or after
    /// more `super`s, can still name a top module.
    fn rest(&mut self, tokens: &[TokenTree], mut at: usize, base: &[String]) -> usize {
        let mut named = false;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    if !named {
                        let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                        for branch in inside.split(|token| is_mark(Some(token), ',')) {
                            self.path(branch, 0, base.to_vec());
                        }
                    }
                    return at + 1;
                }
                Some(TokenTree::Ident(_)) => {
                    named = true;
                    at += 1;
                }
                _ => return at,
            }
            match is_path_mark(tokens, at) {
                true => at += 2,
                false => return at,
            }
        }
    }
}

/// Whether this word is the middle of a path, as in `network::counterpart::x`.
fn continues_a_path(tokens: &[TokenTree], at: usize) -> bool {
    const BEFORE_A_PATH: &[&str] = &["use", "return", "as", "in", "if", "match", "while", "dyn", "impl"];
    if at < 3 || !is_path_mark(tokens, at - 2) {
        return false;
    }
    match word(tokens.get(at - 3)) {
        Some(name) => !BEFORE_A_PATH.contains(&name.as_str()),
        None => is_mark(tokens.get(at - 3), '>'),
    }
}

/// The module inside a group: one deeper in `mod name { … }`, else the same.
fn inner_module(tokens: &[TokenTree], at: usize, here: &[String]) -> Vec<String> {
    let mut inner = here.to_vec();
    let keyword = at.checked_sub(2).and_then(|before| word(tokens.get(before)));
    if let (Some("mod"), Some(name)) =
        (keyword.as_deref(), at.checked_sub(1).and_then(|before| word(tokens.get(before))))
    {
        inner.push(name);
    }
    inner
}

#[test]
fn imports_go_down_only() {
    let verdict = check(&Tree::repository());
    hold(&verdict.complaints);
    assert!(verdict.judged > 0, "not one path was judged");
}

/// A library with a few floors and one file more.
fn planted(path: &str, text: &str) -> Vec<Complaint> {
    let library = "pub mod clock; pub mod limits; pub mod repo; pub mod ledger; pub mod jobs; pub mod node;";
    check(&Tree::planted(&[("src/lib.rs", library), (path, text)])).complaints
}

const UP: &str = "`jobs` on floor 9 reaches up to `node` on floor 12";

#[test]
fn a_path_that_goes_up_is_caught_however_it_is_written() {
    for text in [
        "use crate::node::Config;",
        "use crate::{clock::Clock, node::Config};",
        "use crate::{ledger::{self, Tx}, node};",
        "use {crate::limits::LEASE_MS, crate::node::Config};",
        "pub use crate::node;",
        "pub(crate) use crate::node::config::{Config as C};",
        "fn f() { crate::node::start() }",
        "fn f(config: &crate::node::Config) {}",
        "fn f() -> Vec<crate::node::Config> { Vec::new() }",
        "impl Run for crate::node::Node {}",
        "fn f() { let x = Lease { config: crate::node::Config }; }",
        "fn f() { tracing::info!(at = %crate::node::NAME, \"lease\"); }",
        "macro_rules! step { () => { $crate::node::step() } }",
        "use counterpart::node::Config;",
        "mod tests { use crate::node::Config; }",
        "#[cfg(test)] mod tests { fn f() { crate::node::start() } }",
    ] {
        caught(&planted("src/jobs/rows.rs", text), "src/jobs/rows.rs:1", UP);
    }
}

#[test]
fn a_path_that_climbs_to_the_root_by_super_is_caught() {
    for (path, text) in [
        ("src/jobs/rows.rs", "use super::super::node::Config;"),
        ("src/jobs/rows.rs", "use super::{super::node::Config, claim};"),
        ("src/jobs/rows.rs", "fn f() { super::super::node::start() }"),
        ("src/jobs/rows.rs", "fn f() { self::super::super::node::start() }"),
        ("src/jobs/rows.rs", "mod tests { use super::super::super::node::Config; }"),
        ("src/jobs/mod.rs", "use super::node::Config;"),
        ("src/jobs/mod.rs", "mod tests { use super::super::{clock::Clock, node::Config}; }"),
        ("src/jobs.rs", "use super::node::Config;"),
    ] {
        caught(&planted(path, text), &format!("{path}:1"), UP);
    }
}

#[test]
fn a_path_that_goes_sideways_is_caught() {
    let sideways = "`clock` and `limits` share floor 1 and may not meet";
    caught(&planted("src/clock.rs", "\nuse crate::limits::LEASE_MS;"), "src/clock.rs:2", sideways);
    let sideways = "`serving` and `mirror` share floor 11 and may not meet";
    caught(
        &planted("src/serving/mod.rs", "fn f() { super::mirror::go() }"),
        "src/serving/mod.rs:1",
        sideways,
    );
}

#[test]
fn a_path_that_hides_what_it_uses_is_caught() {
    for (path, text) in [
        ("src/jobs/rows.rs", "use crate::*;"),
        ("src/jobs/rows.rs", "use crate as root;"),
        ("src/jobs/rows.rs", "use crate::{self as root};"),
        ("src/jobs/rows.rs", "use super::super::*;"),
        ("src/jobs/mod.rs", "use super as root;"),
        ("src/jobs/mod.rs", "extern crate self as me;"),
    ] {
        caught(&planted(path, text), &format!("{path}:1"), "takes in the whole crate");
    }
}

#[test]
fn a_module_without_a_floor_asks_for_one() {
    caught(
        &planted("src/jobs/rows.rs", "use crate::drawer::Thing;"),
        "src/jobs/rows.rs:1",
        "`drawer` has no floor",
    );
    caught(&planted("src/drawer.rs", "use crate::clock::Clock;"), "src/drawer.rs:1", "`drawer` has no floor");
    caught(
        &planted("src/main.rs", "fn main() { ::counterpart::drawer() }"),
        "src/main.rs:1",
        "`drawer` has no floor",
    );
    let verdict = check(&Tree::planted(&[("src/lib.rs", "pub mod clock;\nmod drawer;")]));
    caught(&verdict.complaints, "src/lib.rs:2", "`drawer` has no floor");
}

#[test]
fn modules_out_of_order_in_the_library_are_caught() {
    let verdict = check(&Tree::planted(&[("src/lib.rs", "pub mod clock;\npub mod jobs;\npub mod repo;\n")]));
    caught(&verdict.complaints, "src/lib.rs:3", "`repo` is on floor 3 and stands after a higher one");
    caught(&check(&Tree::planted(&[("src/main.rs", "")])).complaints, "src/lib.rs:1", "is missing");
}

#[test]
fn what_goes_down_or_only_looks_like_a_path_passes() {
    let clean = r##"
        //! See [`crate::node`].
        use std::sync::Arc;
        use crate::clock::{self, Clock};
        use crate::{ledger::{Tx, begin}, limits};
        use super::claim;
        use crate::jobs::rows::{super_fast, Row};
        pub(in crate::jobs) struct Lease { pub(crate) at: clock::Moment, pub(super) row: super::Row }
        /// Not [`crate::cli`] either.
        // use crate::node::Config;
        fn f() -> &'static str { "use crate::node::Config;" }
        fn g() { self::f(); crate::ledger::begin(); other::node::start(); network::counterpart::node::NSID; }
        mod tests { use super::*; use super::super::claim; use crate::jobs; }
    "##;
    let verdict =
        check(&Tree::planted(&[("src/lib.rs", "pub mod clock; pub mod jobs;"), ("src/jobs/rows.rs", clean)]));
    hold(&verdict.complaints);
    assert_eq!(verdict.judged, 7, "clock, ledger, limits, jobs, jobs, ledger, jobs");
    hold(&planted(
        "src/main.rs",
        "use counterpart::{cli, node::Config}; fn main() { counterpart::cli::main() }",
    ));
}
