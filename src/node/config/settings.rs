//! Every setting: its name, what it is for, its default.
//!
//! This table is the only list. Files, the environment, flags, `counterpart
//! config` and the README's table all follow it; a test holds the README to it.

/// One thing an operator may set.
#[derive(Debug)]
pub struct Setting {
    /// As in the file; `COUNTERPART_` and upper case in the environment,
    /// `--` and hyphens as a flag.
    pub name: &'static str,
    pub default: &'static str,
    /// One sentence, with the unit.
    pub about: &'static str,
    /// May hold a password: shown without it.
    pub secret: bool,
}

impl Setting {
    pub fn variable(&self) -> String {
        format!("COUNTERPART_{}", self.name.to_ascii_uppercase())
    }

    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

const fn setting(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting { name, default, about, secret: false }
}

pub const SETTINGS: &[Setting] = &[
    setting("data", "counterpart-data", "Directory for the ledger and the copies; made when missing."),
    Setting {
        secret: true,
        ..setting(
            "ledger",
            "",
            "Where the ledger is: sqlite:PATH or postgres://…; empty means ledger.sqlite in the data directory.",
        )
    },
    setting("ledger_connections", "10", "Connections to the ledger, at most."),
    setting("listen", "127.0.0.1:2590", "Address and port to answer on; port 0 takes a free one."),
    setting(
        "public_url",
        "",
        "https origin under which others reach this service; empty while it has no public name.",
    ),
    setting("connections", "1024", "Connections from callers at the same time, at most."),
    setting(
        "connections_per_address",
        "64",
        "Of those, at most this many from one address (IPv6: one /64); loopback, where a reverse proxy calls from, is not counted.",
    ),
    setting("workers", "8", "Jobs this node works on at the same time."),
    setting("large_workers", "1", "Giant jobs this node works on at the same time, beside the others."),
    setting(
        "jobs_per_host",
        "4",
        "Jobs that talk to one host at the same time, over all nodes of the service.",
    ),
    setting(
        "drain_seconds",
        "20",
        "Seconds that work under way may take to finish when the node is asked to stop.",
    ),
    setting("keep_events_days", "365", "Days after which events are forgotten."),
    setting(
        "log",
        "info",
        "What to log: error, warn, info, debug or trace; also per module, as in info,sqlx=warn.",
    ),
    setting("log_format", "pretty", "pretty for people, json for machines."),
];

pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The setting somebody may have meant.
pub fn nearest(name: &str) -> Option<&'static Setting> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let distance = |setting: &&Setting| strsim::damerau_levenshtein(&name, setting.name);
    SETTINGS.iter().min_by_key(distance).filter(|setting| distance(setting) <= setting.name.len().div_ceil(2))
}
