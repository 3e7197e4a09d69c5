//! The schemas under `lexicons/` and the Rust that comes of them.
//!
//! A generator for the subset of the lexicon language that we use (`schema`,
//! `fields` → `generate`, `module`, `checks`), the test that what is checked
//! in has not drifted, the lint, and fixtures that hold every construct. It
//! leaves the behaviour of methods to `serving`'s own tests.

mod agreement;
mod checks;
mod drift;
mod fields;
#[expect(dead_code, reason = "the generator writes what a schema declares, used here or not")]
mod fixtures;
mod formats;
mod generate;
mod lint;
mod module;
mod names;
mod planted;
mod reader;
mod refused;
mod round_trip;
mod schema;

use std::path::Path;

use generate::Target;

const OURS: Target = Target { root: "crate::lexicon", ground: "crate::lexicon", lexicons: "lexicons" };

const FIXTURES: Target = Target {
    root: "crate::lexicons::fixtures",
    ground: "counterpart::lexicon",
    lexicons: "tests/it/lexicons/fixtures/lexicons",
};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}

#[test]
fn the_wire_types_are_what_the_schemas_say() {
    let (lexicons, out) = (repository().join("lexicons"), repository().join("src/lexicon"));
    if let Err(drift) = drift::hold(&lexicons, &out, &OURS, updating()) {
        panic!("{drift}");
    }
}

#[test]
fn the_fixtures_are_what_their_schemas_say() {
    let out = repository().join("tests/it/lexicons/fixtures");
    if let Err(drift) = drift::hold(&out.join("lexicons"), &out, &FIXTURES, updating()) {
        panic!("{drift}");
    }
}
