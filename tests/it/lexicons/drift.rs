//! What is checked in is what the generator writes, or the test says where
//! they part.
//!
//! `UPDATE=1` writes instead of comparing. Files that begin with the generated
//! mark and are written by nobody are drift too. It leaves the text itself to
//! `generate`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::generate::{Target, generate};
use super::schema::{Complaint, Problem, Schema, read};

pub const MARK: &str = "// @generated";

/// Every schema under a folder; a file must stand where its NSID says.
pub fn schemas(folder: &Path) -> Result<Vec<Schema>, Complaint> {
    let mut schemas = Vec::new();
    for (path, text) in texts(folder, "json") {
        let schema = read(&path, &text)?;
        if format!("{}.json", schema.nsid.replace('.', "/")) != path {
            let problem = Problem::Malformed(format!("`{}` belongs in another file", schema.nsid));
            return Err(Complaint { place: path, problem });
        }
        schemas.push(schema);
    }
    assert!(!schemas.is_empty(), "no schemas under {}", folder.display());
    Ok(schemas)
}

/// Compares the generated files under `out` with what `lexicons` says, or
/// rewrites them when `update` is set.
pub fn hold(lexicons: &Path, out: &Path, target: &Target, update: bool) -> Result<(), String> {
    let schemas = schemas(lexicons).map_err(|complaint| complaint.to_string())?;
    let files = generate(&schemas, target).map_err(|complaint| complaint.to_string())?;
    let expected: BTreeMap<String, String> =
        files.into_iter().map(|(path, text)| (path, formatted(&text))).collect();
    let mut found: BTreeMap<String, String> = texts(out, "rs");
    found.retain(|path, text| text.starts_with(MARK) || expected.contains_key(path));
    if update {
        write(out, &expected, &found);
        return Ok(());
    }
    match difference(&expected, &found) {
        None => Ok(()),
        Some(difference) => Err(format!(
            "{}: {difference}\nthe schemas are the source; to rewrite what comes of them: UPDATE=1 cargo test --test it lexicons",
            out.display()
        )),
    }
}

/// The first line at which the two part.
fn difference(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Option<String> {
    let paths: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    paths.into_iter().find_map(|path| match (expected.get(path), found.get(path)) {
        (Some(_), None) => Some(format!("{path} is missing")),
        (None, _) => Some(format!("{path} comes from no schema any more")),
        (Some(expected), Some(found)) => {
            let (expected, found): (Vec<&str>, Vec<&str>) =
                (expected.lines().collect(), found.lines().collect());
            let line = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
            let shown = |lines: &[&str]| {
                lines.get(line).map_or("(end of file)".to_owned(), |text| format!("`{text}`"))
            };
            Some(format!("{path}:{}: is {}, the schemas say {}", line + 1, shown(&found), shown(&expected)))
        }
    })
}

fn write(out: &Path, expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) {
    for stale in found.keys().filter(|path| !expected.contains_key(*path)) {
        fs::remove_file(out.join(stale)).expect("a stale generated file can be removed");
    }
    for (path, text) in expected {
        let path = out.join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(&path, text).expect("the generated file can be written");
    }
}

/// Text by path below `folder`, for files with this extension.
pub fn texts(folder: &Path, extension: &str) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display()));
        for entry in entries {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name =
                    path.strip_prefix(folder).expect("it was found below").to_string_lossy().into_owned();
                texts.insert(name, fs::read_to_string(&path).expect("a source file is text"));
            }
        }
    }
    texts
}

fn formatted(text: &str) -> String {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout", "--config-path", env!("CARGO_MANIFEST_DIR")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rustfmt comes with the toolchain: rustup component add rustfmt");
    let mut stdin = rustfmt.stdin.take().expect("it was piped");
    stdin.write_all(text.as_bytes()).expect("rustfmt reads its input");
    drop(stdin);
    let output = rustfmt.wait_with_output().expect("rustfmt ends");
    assert!(output.status.success(), "rustfmt refused:\n{}\n{text}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("rustfmt writes text")
}

#[test]
fn the_first_differing_line_is_named() {
    let tree = |text: &str| BTreeMap::from([("a.rs".to_owned(), text.to_owned())]);
    assert_eq!(difference(&tree("one\ntwo\n"), &tree("one\ntwo\n")), None);
    let changed = difference(&tree("one\ntwo\n"), &tree("one\n2\n")).expect("they differ");
    assert_eq!(changed, "a.rs:2: is `2`, the schemas say `two`");
    let cut = difference(&tree("one\ntwo\n"), &tree("one\n")).expect("they differ");
    assert_eq!(cut, "a.rs:2: is (end of file), the schemas say `two`");
    let missing = difference(&tree("one\n"), &BTreeMap::new()).expect("they differ");
    assert_eq!(missing, "a.rs is missing");
    let stale = difference(&BTreeMap::new(), &tree("one\n")).expect("they differ");
    assert_eq!(stale, "a.rs comes from no schema any more");
}

#[test]
fn a_change_on_either_side_is_drift_until_it_is_rewritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (lexicons, out) = (folder.path().join("lexicons"), folder.path().join("out"));
    let schema = lexicons.join("test/fixture/thing.json");
    let text = |max: u32| {
        format!(
            r##"{{"lexicon": 1, "id": "test.fixture.thing",
                "defs": {{"a": {{"type": "object", "properties": {{"n": {{"type": "integer", "maximum": {max}}}}}}}}}}}"##
        )
    };
    fs::create_dir_all(lexicons.join("test/fixture")).expect("a folder");
    fs::create_dir_all(&out).expect("a folder");
    fs::write(&schema, text(1)).expect("a schema");
    let target = Target { root: "crate::x", ground: "crate::x", lexicons: "lexicons" };
    let held = |update| hold(&lexicons, &out, &target, update);
    let refused = || held(false).expect_err("it drifted");

    assert!(refused().contains("table.rs is missing"));
    held(true).expect("it is written");
    held(false).expect("and then it is the same");

    fs::write(&schema, text(2)).expect("the schema changes");
    let complaint = refused();
    assert!(
        complaint.contains("the schemas say `            rules::integer(\"n\", self.n, ..=2)?;`"),
        "{complaint}"
    );
    assert!(complaint.contains("UPDATE=1 cargo test --test it lexicons"), "{complaint}");
    held(true).expect("it is written");

    let generated = out.join("test/fixture.rs");
    let edited = fs::read_to_string(&generated).expect("it was written").replace("2", "3");
    fs::write(&generated, edited).expect("someone edits it");
    assert!(refused().contains("..=3"));
    fs::write(out.join("stale.rs"), format!("{MARK} from nothing\n")).expect("a leftover");
    fs::write(out.join("mod.rs"), "// written by hand\n").expect("a neighbour");
    held(true).expect("it is written");
    held(false).expect("the leftover is gone, the neighbour is nobody's business");
    assert!(out.join("mod.rs").exists() && !out.join("stale.rs").exists());

    fs::rename(&schema, lexicons.join("test/fixture/other.json")).expect("the schema moves");
    assert!(refused().contains("`test.fixture.thing` belongs in another file"));
}
