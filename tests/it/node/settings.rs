//! Settings: four layers, later wins, nothing unknown, nothing secret shown,
//! and a README that tells the truth about all of them.

use std::path::Path;

use counterpart::node::config::{Config, Layers, SETTINGS};

use super::child::{command, ended, run, said};

fn file(text: &str) -> Result<Layers, String> {
    Layers::defaults().with_file(Path::new("counterpart.toml"), text).map_err(|fault| fault.to_string())
}

fn environment(name: &str, value: &str) -> Result<Layers, String> {
    let variables = [("HOME".to_owned(), "/root".to_owned()), (name.to_owned(), value.to_owned())];
    Layers::defaults().with_environment(variables).map_err(|fault| fault.to_string())
}

#[test]
fn it_runs_with_no_settings_at_all() {
    Config::parse(&Layers::defaults()).unwrap();
}

#[test]
fn later_layers_win_and_say_who_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let toml = "workers = 3\njobs_per_host = 3\ndrain_seconds = 3\n";
    std::fs::write(directory.path().join("counterpart.toml"), toml).unwrap();
    let output = command(directory.path())
        .args(["config", "--json", "--drain-seconds", "5"])
        .env("COUNTERPART_JOBS_PER_HOST", "4")
        .env("COUNTERPART_DRAIN_SECONDS", "4")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, value, from) in [
        ("large_workers", "1", "default"),
        ("workers", "3", "counterpart.toml"),
        ("jobs_per_host", "4", "COUNTERPART_JOBS_PER_HOST"),
        ("drain_seconds", "5", "--drain-seconds"),
    ] {
        assert_eq!(shown[name]["value"], value, "{name}");
        assert_eq!(shown[name]["from"], from, "{name}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let fault = file("worker = 3").unwrap_err();
    assert_eq!(fault, "unknown setting `worker` in counterpart.toml; did you mean `workers`?");
    let fault = environment("COUNTERPART_LISTN", "x").unwrap_err();
    assert_eq!(
        fault,
        "unknown setting `COUNTERPART_LISTN` in the environment; did you mean `COUNTERPART_LISTEN`?"
    );
    let fault = file("zzzzzzzzzzzzzzzzzzzzzzzzz = 3").unwrap_err();
    assert!(fault.contains("`counterpart config` lists them all"), "{fault}");
}

#[test]
fn a_value_that_cannot_be_is_said_with_its_place_and_what_it_must_be() {
    for (setting, value, expected) in [
        ("listen", "localhost", "an address and port"),
        ("workers", "0", "a whole number from 1"),
        ("workers", "many", "a whole number from 1"),
        ("public_url", "http://pds.test", "an origin like https://"),
        ("public_url", "https://pds.test/path", "an origin like https://"),
        ("log_format", "xml", "pretty or json"),
        ("data", "", "a directory"),
    ] {
        let layers = environment(&format!("COUNTERPART_{}", setting.to_uppercase()), value).unwrap();
        let fault = Config::parse(&layers).unwrap_err().to_string();
        assert!(fault.contains(&format!("`{setting}` is `{value}`")), "{fault}");
        assert!(
            fault.contains(&format!("COUNTERPART_{}", setting.to_uppercase())) && fault.contains(expected),
            "{fault}"
        );
    }
    assert!(file("workers = [1]").unwrap_err().contains("not array"));
    assert!(file("workers = ").unwrap_err().contains("line 1"));
}

#[test]
fn a_password_is_shown_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let secret = "postgres://alice:hunter2@127.0.0.1:1/ledger";
    for arguments in [&["config"][..], &["config", "--json"], &["serve"], &["jobs", "list"]] {
        let output = ended(command(directory.path()).args(arguments).env("COUNTERPART_LEDGER", secret));
        let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
        assert!(all.contains("alice:***@127.0.0.1:1/ledger"), "{arguments:?}: {all}");
        assert!(!all.contains("hunter2"), "{arguments:?}: {all}");
    }
    // A ledger address that does not parse may hold a password as well, and so may a broken line.
    let wrong = run(directory.path(), &["config", "--ledger", "mysql://alice:hunter2@h/x"]);
    assert!(!said(&wrong).contains("hunter2") && said(&wrong).contains("`ledger`"), "{}", said(&wrong));
    std::fs::write(directory.path().join("counterpart.toml"), "ledger = postgres://alice:hunter2@h/x")
        .unwrap();
    let broken = run(directory.path(), &["config"]);
    assert!(!said(&broken).contains("hunter2") && said(&broken).contains("line 1"), "{}", said(&broken));
}

#[test]
fn the_readme_lists_every_setting_with_its_default_and_nothing_else() {
    let readme = include_str!("../../../README.md");
    let table: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = SETTINGS
        .iter()
        .map(|setting| {
            let default =
                if setting.default.is_empty() { "".to_owned() } else { format!("`{}`", setting.default) };
            format!("| `{}` | {default} | {} |", setting.name, setting.about)
        })
        .collect();
    assert_eq!(table, expected, "the README's table of settings should be\n{}", expected.join("\n"));
}
