//! The configuration: read in one place, once, and handed on in parts.
//!
//! Nothing below this room knows that a file or an environment exists.

mod layers;
mod settings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use layers::{ConfigFault, Layers, Source, Value};
pub use settings::{SETTINGS, Setting};

use crate::ledger::LedgerUrl;

/// The settings of a node, parsed.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    pub ledger: LedgerUrl,
    pub ledger_connections: u32,
    pub listen: SocketAddr,
    pub public_url: Option<PublicUrl>,
    pub admission: Admission,
    pub work: Work,
    pub drain_ms: u64,
    pub keep_events_days: u64,
    pub log: Log,
}

/// How many callers are let in.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    pub connections_max: usize,
    pub per_address_max: usize,
}

/// How much is done at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub workers: u32,
    pub large_workers: u32,
    pub jobs_per_host: u32,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Pretty,
    Json,
}

/// An https origin: where others reach this service, and what its DID is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicUrl(String);

impl PublicUrl {
    fn parse(text: &str) -> Option<Self> {
        let host = text.trim_end_matches('/').strip_prefix("https://")?;
        let name = host.split(':').next().filter(|name| !name.is_empty())?;
        let port_ok = host.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        (port_ok && name.bytes().all(plain)).then(|| Self(format!("https://{}", host.to_ascii_lowercase())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The did:web of this origin. A port is written `%3A`, as the method asks.
    pub fn did(&self) -> String {
        format!("did:web:{}", self.0.trim_start_matches("https://").replace(':', "%3A"))
    }
}

impl Config {
    pub fn parse(layers: &Layers) -> Result<Self, ConfigFault> {
        let data: PathBuf = layers.parse("data", "a directory", |text| match text {
            "" => None,
            text => Some(PathBuf::from(text)),
        })?;
        let ledger = match layers.get("ledger").text.as_str() {
            "" => LedgerUrl::in_directory(&data),
            text => LedgerUrl::parse(text).map_err(|fault| ConfigFault::Value {
                name: "ledger",
                value: "not shown".to_owned(),
                source_of: layers.get("ledger").source.clone(),
                expected: format!("sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME: {fault}"),
            })?,
        };
        let public_url = match layers.get("public_url").text.as_str() {
            "" => None,
            _ => {
                let expected = "an origin like https://counterpart.example.com, without path";
                Some(layers.parse("public_url", expected, PublicUrl::parse)?)
            }
        };
        Ok(Self {
            data,
            ledger,
            ledger_connections: number(layers, "ledger_connections", 2, 1_000)? as u32,
            listen: layers
                .parse("listen", "an address and port like 127.0.0.1:2590", |text| text.parse().ok())?,
            public_url,
            admission: Admission {
                connections_max: number(layers, "connections", 1, 100_000)? as usize,
                per_address_max: number(layers, "connections_per_address", 1, 100_000)? as usize,
            },
            work: Work {
                workers: number(layers, "workers", 1, 1_000)? as u32,
                large_workers: number(layers, "large_workers", 1, 100)? as u32,
                jobs_per_host: number(layers, "jobs_per_host", 1, 100)? as u32,
            },
            drain_ms: number(layers, "drain_seconds", 0, 3_600)? * 1_000,
            keep_events_days: number(layers, "keep_events_days", 1, 36_500)?,
            log: Log {
                filter: layers.get("log").text.clone(),
                format: layers.parse("log_format", "pretty or json", |text| match text {
                    "pretty" => Some(LogFormat::Pretty),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                })?,
            },
        })
    }
}

fn number(layers: &Layers, name: &'static str, least: u64, most: u64) -> Result<u64, ConfigFault> {
    layers.parse(name, &format!("a whole number from {least} to {most}"), |text| {
        text.parse().ok().filter(|number| (least..=most).contains(number))
    })
}

/// The file that is read when nobody names one, if it is there.
const FILE: &str = "counterpart.toml";

/// Gathers the layers below the flags: defaults, then the file, then the environment.
pub fn gather(named_file: Option<&Path>) -> Result<Layers, ConfigFault> {
    let environment = environment();
    let from_environment =
        environment.iter().find(|(name, _)| name == FILE_VARIABLE).map(|(_, path)| PathBuf::from(path));
    let named = named_file.map(Path::to_owned).or(from_environment);
    let layers = match (&named, Path::new(FILE)) {
        (Some(path), _) => read(Layers::defaults(), path)?,
        (None, path) if path.exists() => read(Layers::defaults(), path)?,
        (None, _) => Layers::defaults(),
    };
    layers
        .with_environment(environment.into_iter().filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str())))
}

/// A crash point to arm, in binaries built for crash tests.
#[cfg(feature = "crashpoints")]
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn crash_point() -> Option<String> {
    std::env::var(CRASH_VARIABLE).ok()
}

const FILE_VARIABLE: &str = "COUNTERPART_CONFIG";
const CRASH_VARIABLE: &str = "COUNTERPART_CRASH_AT";

/// Variables of our prefix that say something other than a setting.
const NOT_SETTINGS: [&str; 2] = [FILE_VARIABLE, CRASH_VARIABLE];

fn read(layers: Layers, path: &Path) -> Result<Layers, ConfigFault> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigFault::Unreadable { path: path.to_owned(), source })?;
    layers.with_file(path, &text)
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    };
    std::env::vars_os().map(text).collect()
}
