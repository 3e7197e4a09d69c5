//! The address of a ledger, parsed once and never shown with its password.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Where the ledger is.
#[derive(Clone, PartialEq, Eq)]
pub enum LedgerUrl {
    /// A file; the directory it lies in is locked to one node.
    Sqlite(PathBuf),
    /// A server; any number of nodes may share it.
    Postgres(String),
}

#[derive(Debug, Error, PartialEq, Eq)]
pub enum UrlFault {
    #[error("a ledger address starts with `sqlite:` or `postgres://`, this one with `{0}`")]
    Scheme(String),
    #[error("`sqlite:` needs the path of a file after it")]
    NoPath,
    #[error("in-memory ledgers forget everything; name a file")]
    InMemory,
    #[error("the PostgreSQL address does not parse: {0}")]
    Postgres(String),
}

impl LedgerUrl {
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(UrlFault::NoPath),
                path if path.contains(":memory:") => Err(UrlFault::InMemory),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            text.parse::<sqlx::postgres::PgConnectOptions>()
                .map_err(|fault| UrlFault::Postgres(fault.to_string()))?;
            return Ok(Self::Postgres(text.to_owned()));
        }
        // Only the scheme is repeated: the rest may hold a password.
        Err(UrlFault::Scheme(text.split(':').next().unwrap_or("").chars().take(20).collect()))
    }

    pub fn in_directory(directory: &Path) -> Self {
        Self::Sqlite(directory.join("ledger.sqlite"))
    }
}

/// Shows where, never with what password.
impl fmt::Display for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl fmt::Debug for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// Passwords stand before the last `@` of the authority, and may stand in the
// query: the query is dropped whole.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let Some((credentials, place)) = rest.rsplit_once('@') else {
        return format!("{scheme}://{rest}");
    };
    match credentials.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{place}"),
        None => format!("{scheme}://{credentials}@{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://alice:hunter2@db.test/ledger", "postgres://alice:***@db.test/ledger"),
            ("postgres://alice:p%40ss@db.test:5432/l?sslpassword=x", "postgres://alice:***@db.test:5432/l"),
            ("postgres://db.test/l?password=hunter2", "postgres://db.test/l"),
        ] {
            let parsed = LedgerUrl::parse(url).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), shown);
        }
    }

    #[test]
    fn an_address_of_another_kind_is_refused_by_its_scheme_alone() {
        assert_eq!(
            LedgerUrl::parse("mysql://root:secret@h/x").unwrap_err(),
            UrlFault::Scheme("mysql".to_owned())
        );
        assert_eq!(LedgerUrl::parse("sqlite:").unwrap_err(), UrlFault::NoPath);
        assert_eq!(LedgerUrl::parse("sqlite::memory:").unwrap_err(), UrlFault::InMemory);
        assert!(matches!(LedgerUrl::parse("postgres://h:notaport/x").unwrap_err(), UrlFault::Postgres(_)));
    }
}
