//! Which crash points there are, read off the code, so that the harness cannot
//! forget a new one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CALL: &str = "crash::point(";

/// The names of all crash points, of the program and of the victim.
pub fn gathered() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for folder in ["src", "tests/victim"] {
        gather(&root.join(folder), &mut names);
    }
    names
}

fn gather(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for name in named(&fs::read_to_string(&path).unwrap()) {
                assert!(names.insert(name.clone()), "two crash points are called {name}");
            }
        }
    }
}

fn named(text: &str) -> Vec<String> {
    let calls = text.split(CALL).skip(1);
    calls
        .map(|rest| {
            let name = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
            name.expect("a crash point is named where it stands").to_owned()
        })
        .collect()
}

#[test]
fn every_crash_point_in_the_code_is_found() {
    let names = gathered();
    for name in ["claim.saved", "migrate.before_save", "work.under_way"] {
        assert!(names.contains(name), "{name} is missing from {names:?}");
    }
    assert_eq!(named(r#"crash::point("a"); x(); crash::point("b.c");"#), ["a", "b.c"]);
}
