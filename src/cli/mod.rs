//! The command line: what a person types, and what they are told.
//!
//! Answers go to standard output, everything else to standard error; `--json`
//! makes an answer one JSON value. It reads arguments and prints; the doing is
//! the node's and the story's.

mod config;
mod jobs;
mod progress;
mod serve;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::node::config::{ConfigFault, Layers, SETTINGS, Setting, gather};

/// Keeps verified, live, restorable copies of atproto accounts.
#[derive(Parser)]
#[command(name = "counterpart", version, about, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    /// Read settings from this file instead of ./counterpart.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Do,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 it did not work, the last line says why; 2 the command or a setting is wrong.

Settings are read from counterpart.toml, then COUNTERPART_* variables, then flags; later wins.
`counterpart --help` describes them all, `counterpart config` shows which are in force.";

#[derive(Subcommand)]
enum Do {
    /// Run a node of the service until it is stopped
    Serve,
    /// Show the settings in force and where each comes from
    Config(Answer),
    /// Look at the work in the ledger, and at what failed for good
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// Print a completion script for a shell
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// How an answer is wanted.
#[derive(Args, Clone, Copy)]
struct Answer {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// What a command ends with.
enum Failed {
    /// It did not work.
    Work(anyhow::Error),
    /// It was not asked rightly.
    Asking(anyhow::Error),
}

impl From<anyhow::Error> for Failed {
    fn from(fault: anyhow::Error) -> Self {
        Self::Work(fault)
    }
}

impl From<ConfigFault> for Failed {
    fn from(fault: ConfigFault) -> Self {
        Self::Asking(fault.into())
    }
}

pub fn main() -> ExitCode {
    #[cfg(feature = "crashpoints")]
    if let Some(place) = crate::node::config::crash_point() {
        crate::crash::arm(&place);
    }
    let matches = command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(fault) => fault.exit(),
    };
    let (fault, code) = match perform(cli, &matches) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failed::Work(fault)) => (fault, 1),
        Err(Failed::Asking(fault)) => (fault, 2),
    };
    // Whoever closed our standard output early (head, less) wants no complaint.
    if fault.downcast_ref::<io::Error>().is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("counterpart: {fault:#}");
    ExitCode::from(code)
}

fn perform(cli: Cli, matches: &ArgMatches) -> Result<(), Failed> {
    let layers =
        || -> Result<Layers, ConfigFault> { Ok(with_flags(gather(cli.config.as_deref())?, matches)) };
    match cli.command {
        Do::Serve => serve::serve(&layers()?),
        Do::Config(answer) => config::show(&layers()?, answer),
        Do::Jobs(jobs) => jobs::perform(jobs, &layers()?),
        Do::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "counterpart", &mut script);
            print(&script)
        }
    }
}

/// The command with every setting as a flag.
fn command() -> Command {
    let flag = |setting: &'static Setting| {
        Arg::new(setting.name)
            .long(setting.flag())
            .value_name("VALUE")
            .help(described(setting))
            .help_heading("Settings")
            .global(true)
            .hide_short_help(true)
    };
    Cli::command().args(SETTINGS.iter().map(flag))
}

fn described(setting: &Setting) -> String {
    match setting.default {
        "" => setting.about.to_owned(),
        default => format!("{} [default: {default}]", setting.about),
    }
}

fn with_flags(layers: Layers, matches: &ArgMatches) -> Layers {
    // A global flag may stand before or behind the subcommand; clap hands it down to the last.
    let mut leaf = matches;
    while let Some((_, deeper)) = leaf.subcommand() {
        leaf = deeper;
    }
    SETTINGS.iter().fold(layers, |layers, setting| match leaf.get_one::<String>(setting.name) {
        Some(text) => layers.with_flag(setting, text.clone()),
        None => layers,
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the runtime").map_err(Failed::Work)
}

/// Writes an answer; a reader who went away is no error of ours.
fn print(text: &[u8]) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text).and_then(|()| out.flush());
    written.map_err(|fault| Failed::Work(fault.into()))
}

fn print_json(value: &serde_json::Value) -> Result<(), Failed> {
    print(format!("{value:#}\n").as_bytes())
}
