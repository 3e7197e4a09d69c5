//! What no file of the repository may say: where on some machine it was
//! written, and from which mirror its dependencies came.
//!
//! Every file is read, lock files and fixtures too. Whether prose is good is
//! left to its readers.

use super::tree::Tree;
use super::{Complaint, caught, hold};

/// Split, so that this file does not say them itself.
const MACHINE_PATHS: &[(&str, &str)] = &[("/wor", "k/"), ("/tmp/ba", "sh")];
const REGISTRY_HOSTS: &[(&str, &str)] =
    &[("npm", "js"), ("py", "pi"), ("pythonho", "sted"), ("index.cra", "tes"), ("static.cra", "tes")];

fn check(tree: &Tree) -> Vec<Complaint> {
    let joined = |words: &[(&str, &str)]| words.iter().map(|(a, b)| format!("{a}{b}")).collect::<Vec<_>>();
    let (paths, hosts) = (joined(MACHINE_PATHS), joined(REGISTRY_HOSTS));
    let mut complaints = Vec::new();
    for (path, contents) in tree.files() {
        for (at, line) in String::from_utf8_lossy(contents).lines().enumerate() {
            if let Some(found) = paths.iter().find(|machine| says_path(line, machine)) {
                complaints.push(Complaint::new(path, at + 1, format!("`{found}` is a place on one machine")));
            }
            if let Some(found) = hosts.iter().find(|host| line.contains(host.as_str())) {
                complaints.push(Complaint::new(path, at + 1, format!("`{found}` is the host of a registry")));
            }
        }
    }
    complaints
}

/// Absolute: nothing before it that makes it the middle of another path.
fn says_path(line: &str, machine: &str) -> bool {
    line.match_indices(machine).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-~*}>".contains(letter))
    })
}

#[test]
fn no_file_says_where_it_was_made() {
    let tree = Tree::repository();
    assert!(tree.files().count() > 20, "the repository has more files than that");
    hold(&check(&tree));
}

#[test]
fn places_on_one_machine_are_caught() {
    for (a, b) in MACHINE_PATHS {
        for line in [
            format!("{a}{b}x"),
            format!("see {a}{b}main"),
            format!("path = \"{a}{b}\""),
            format!("file://{a}{b}"),
        ] {
            let complaints = check(&Tree::planted(&[("docs/a.md", &format!("one\n{line}\n"))]));
            caught(&complaints, "docs/a.md:2", "is a place on one machine");
        }
    }
}

#[test]
fn registry_hosts_are_caught_in_lock_files_too() {
    for (a, b) in REGISTRY_HOSTS {
        let text = format!("{{\n\"resolved\": \"https://registry.{a}{b}.example/x.tgz\"\n}}");
        for path in ["tests/network/package-lock.json", "Cargo.lock", "src/a.rs"] {
            caught(
                &check(&Tree::planted(&[(path, &text)])),
                &format!("{path}:2"),
                "is the host of a registry",
            );
        }
    }
}

#[test]
fn the_index_that_cargo_writes_and_relative_paths_pass() {
    hold(&check(&Tree::planted(&[
        ("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""),
        ("docs/a.md", "the folder docs/work/notes, ./work/x and frame/works/"),
        ("tests/binary", "\u{0}\u{1}"),
    ])));
}
