//! Where the values come from: default, file, environment, flags; later wins.
//!
//! A key nobody knows is an error that names it and the nearest one known: a
//! setting that silently does nothing is worse than a node that does not start.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::settings::{SETTINGS, Setting, find, nearest};

/// Who set a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Value {
    pub text: String,
    pub source: Source,
}

/// What each setting is, and why.
#[derive(Clone, Debug)]
pub struct Layers {
    values: BTreeMap<&'static str, Value>,
}

#[derive(Debug, Error)]
pub enum ConfigFault {
    #[error("cannot read the configuration file {path}: {source}", path = .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} is not valid TOML, see line {line}: {reason}", path = .path.display())]
    NotToml { path: PathBuf, line: usize, reason: String },
    #[error("unknown setting `{name}` in {source_of}{hint}")]
    Unknown { name: String, source_of: String, hint: String },
    #[error("`{name}` in {source_of} must be text or a number, not {found}")]
    Shape { name: String, source_of: String, found: &'static str },
    #[error("`{name}` is `{value}` (from {source_of}), but must be {expected}")]
    Value { name: &'static str, value: String, source_of: Source, expected: String },
}

impl Layers {
    pub fn defaults() -> Self {
        let value = |setting: &Setting| Value { text: setting.default.to_owned(), source: Source::Default };
        Self { values: SETTINGS.iter().map(|setting| (setting.name, value(setting))).collect() }
    }

    /// Lays a file over what there is.
    pub fn with_file(mut self, path: &Path, text: &str) -> Result<Self, ConfigFault> {
        // The line itself is not repeated: it may hold a password.
        let not_toml = |fault: toml::de::Error| ConfigFault::NotToml {
            path: path.to_owned(),
            line: fault.span().map_or(1, |span| text[..span.start].lines().count().max(1)),
            reason: fault.message().to_owned(),
        };
        let table: toml::Table = text.parse().map_err(not_toml)?;
        let source_of = path.display().to_string();
        for (name, value) in table {
            let setting = known(&name, &source_of, |setting| setting.name.to_owned())?;
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                other => {
                    let found = other.type_str();
                    return Err(ConfigFault::Shape { name, source_of, found });
                }
            };
            self.set(setting, text, Source::File(path.to_owned()));
        }
        Ok(self)
    }

    /// Lays variables over what there is; those that do not begin with
    /// `COUNTERPART_` are none of our business.
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigFault> {
        for (variable, text) in variables {
            let Some(name) = variable.strip_prefix("COUNTERPART_") else { continue };
            let setting = known(&name.to_ascii_lowercase(), "the environment", Setting::variable)
                .map_err(|fault| renamed(fault, &variable))?;
            self.set(setting, text, Source::Environment(variable));
        }
        Ok(self)
    }

    pub fn with_flag(mut self, setting: &'static Setting, text: String) -> Self {
        self.set(setting, text, Source::Flag(setting.flag()));
        self
    }

    fn set(&mut self, setting: &'static Setting, text: String, source: Source) {
        self.values.insert(setting.name, Value { text, source });
    }

    pub fn get(&self, name: &'static str) -> &Value {
        self.values.get(name).expect("every name asked for is in SETTINGS; a test asks for all of them")
    }

    /// Parses a value, or says who wrote it and what it must be.
    pub fn parse<T>(
        &self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigFault> {
        let value = self.get(name);
        parse(&value.text).ok_or_else(|| {
            let secret = find(name).is_some_and(|setting| setting.secret);
            let shown = if secret { "not shown".to_owned() } else { value.text.clone() };
            let expected = expected.to_owned();
            ConfigFault::Value { name, value: shown, source_of: value.source.clone(), expected }
        })
    }
}

fn known(
    name: &str,
    source_of: &str,
    spelled: impl Fn(&Setting) -> String,
) -> Result<&'static Setting, ConfigFault> {
    find(name).ok_or_else(|| {
        let hint = match nearest(name) {
            Some(setting) => format!("; did you mean `{}`?", spelled(setting)),
            None => "; `counterpart config` lists them all".to_owned(),
        };
        ConfigFault::Unknown { name: name.to_owned(), source_of: source_of.to_owned(), hint }
    })
}

fn renamed(fault: ConfigFault, variable: &str) -> ConfigFault {
    match fault {
        ConfigFault::Unknown { source_of, hint, .. } => {
            ConfigFault::Unknown { name: variable.to_owned(), source_of, hint }
        }
        other => other,
    }
}
