//! Rules about the repository itself, held by tests: a rule without a test is a mood.
//!
//! `floors` holds the order of the modules, `manner` the shape and the names
//! of files, `statements` where SQL may stand, `wording` what no file may say.
//! Each is one function from a `Tree` to complaints, run on the repository and
//! on planted violations. Line lengths, long functions and ambient time are
//! left to rustfmt and clippy.

mod floors;
mod manner;
mod statements;
mod tree;
mod wording;

use std::fmt;

/// One broken rule, where an editor can jump to it.
#[derive(Debug, PartialEq)]
struct Complaint {
    path: String,
    line: usize,
    what: String,
}

impl Complaint {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

fn hold(complaints: &[Complaint]) {
    let lines: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// A planted violation must be caught where it stands, once, and say why.
fn caught(complaints: &[Complaint], place: &str, why: &str) {
    let [complaint] = complaints else {
        panic!("{place}: caught {} times: {complaints:?}", complaints.len())
    };
    let said = complaint.to_string();
    assert!(said.starts_with(place) && said.contains(why), "`{said}` is not {place} … {why}");
}
