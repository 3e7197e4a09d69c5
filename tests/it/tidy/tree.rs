//! The files of the repository, or a few planted ones in their stead.
//!
//! What git ignores is left out, by the patterns of the one `.gitignore`: a
//! build folder or a test network's packages are not ours to judge. It leaves
//! every judgement to its neighbours.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

/// Marks a file that a test writes and holds to its source.
const GENERATED: &str = "// @generated";

/// Contents by path from the top of the repository.
pub struct Tree(BTreeMap<String, Vec<u8>>);

/// One Rust file under `src`.
pub struct Source<'a> {
    pub path: &'a str,
    pub text: &'a str,
    pub tokens: Vec<TokenTree>,
}

impl Tree {
    pub fn repository() -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ignore = fs::read_to_string(top.join(".gitignore")).expect("the repository says what it ignores");
        let ignored: Vec<&str> = ignore.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let mut files = BTreeMap::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(top.join(&folder)).expect("a folder can be listed") {
                let entry = entry.expect("a folder can be listed");
                let path = format!("{folder}{}", entry.file_name().to_string_lossy());
                let kind = entry.file_type().expect("an entry has a type");
                if ignored.iter().any(|pattern| matches(pattern, &path)) || path == ".git" {
                    continue;
                } else if kind.is_dir() {
                    folders.push(path + "/");
                } else if kind.is_file() {
                    let contents = fs::read(entry.path()).expect("a file can be read");
                    files.insert(path, contents);
                }
            }
        }
        Self(files)
    }

    pub fn planted(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, contents)| (path.as_str(), contents.as_slice()))
    }

    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Every Rust file under `src`, taken apart. Tokens know neither comments
    /// nor the insides of strings, so a name in either is no use of it.
    pub fn sources(&self) -> Vec<Source<'_>> {
        let rust = self.0.iter().filter(|(path, _)| path.starts_with("src/") && path.ends_with(".rs"));
        let sources: Vec<Source> = rust.map(|(path, contents)| Source::new(path, contents)).collect();
        assert!(!sources.is_empty(), "there is nothing to look at");
        sources
    }

    /// A file under `src`, by its path.
    pub fn source(&self, path: &str) -> Option<Source<'_>> {
        self.0.get_key_value(path).map(|(path, contents)| Source::new(path, contents))
    }
}

impl<'a> Source<'a> {
    fn new(path: &'a str, contents: &'a [u8]) -> Self {
        let text = std::str::from_utf8(contents).unwrap_or_else(|_| panic!("{path} is not text"));
        let tokens = TokenStream::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path, text, tokens: tokens.into_iter().collect() }
    }

    pub fn is_generated(&self) -> bool {
        self.text.starts_with(GENERATED)
    }

    /// `src/jobs/rows.rs` is the module `jobs::rows`; the two roots are nothing.
    pub fn module(&self) -> Vec<String> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        match path {
            "lib" | "main" => Vec::new(),
            path => path.split('/').map(str::to_owned).collect(),
        }
    }
}

/// Patterns as our `.gitignore` has them: rooted, a bare name, or a suffix.
fn matches(pattern: &str, path: &str) -> bool {
    if let Some(rooted) = pattern.strip_prefix('/') {
        return path == rooted;
    }
    match pattern.strip_prefix('*') {
        Some(suffix) => path.ends_with(suffix),
        None if pattern.contains('/') => path == pattern,
        None => path.rsplit('/').next() == Some(pattern),
    }
}

/// The word, if the token is one.
pub fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

pub fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// `::` at this place.
pub fn is_path_mark(tokens: &[TokenTree], at: usize) -> bool {
    is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':')
}

pub fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

#[test]
fn what_git_ignores_is_left_out() {
    for (pattern, path, ignored) in [
        ("/target", "target", true),
        ("/target", "src/target", false),
        ("node_modules", "tests/network/node_modules", true),
        ("node_modules", "tests/network/node_modules.md", false),
        ("tests/network/.venv", "tests/network/.venv", true),
        ("*.profraw", "deep/down/a.profraw", true),
        ("*.profraw", "deep/down/a.profraw.md", false),
    ] {
        assert_eq!(matches(pattern, path), ignored, "{pattern} {path}");
    }
    let tree = Tree::repository();
    for present in ["Cargo.toml", "Cargo.lock", "src/lib.rs", "tests/it/main.rs", ".gitignore"] {
        assert!(tree.has(present), "{present} was overlooked");
    }
    assert!(!tree.files().any(|(path, _)| path.starts_with("target/") || path.starts_with(".git/")));
}
