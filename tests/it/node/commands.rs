//! Commands as a person and a script use them.

use counterpart::clock::Clock;
use counterpart::jobs::claim::{Appetite, claim};
use counterpart::jobs::enqueue::enqueue;
use counterpart::jobs::holder::Holder;
use counterpart::jobs::{Duty, Ending, Lane, Request, settle};
use counterpart::ledger::{Ledger, LedgerUrl};
use serde_json::Value;

use super::child::{Node, run, said};

const DOOMED: Duty =
    Duty { kind: "doomed", lane: Lane::Small, priority: 50, deadline_ms: 1000, attempts_max: 1 };

/// A ledger in `directory` with one dead letter for each name.
async fn bury(directory: &std::path::Path, names: &[&str]) {
    let data = directory.join("counterpart-data");
    std::fs::create_dir_all(&data).unwrap();
    let ledger = Ledger::open(&LedgerUrl::in_directory(&data), 2).await.unwrap();
    let clock = Clock::system();
    let (holder, _) = Holder::register(&ledger, &clock).await.unwrap();
    for name in names {
        let mut tx = ledger.begin().await.unwrap();
        enqueue(&mut tx, Request::new(&DOOMED, *name, clock.now()), clock.now()).await.unwrap();
        tx.save().await.unwrap();
        let appetite = Appetite { lane: Lane::Small, jobs_max: 1, per_host_max: 1 };
        let (lease, duty) =
            claim(&ledger, &holder, &[&DOOMED], appetite, clock.now()).await.unwrap().remove(0);
        let ending = Ending::GiveUp { reason: format!("pds.test says no about {name}") };
        settle::settle(&ledger, &clock, duty, &lease, ending).await.unwrap();
    }
    holder.depart(&ledger, &clock).await.unwrap();
    ledger.close().await;
}

fn json(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_dead_letter_is_listed_retried_and_dropped() {
    let directory = tempfile::tempdir().unwrap();
    bury(directory.path(), &["alice", "bob"]).await;
    let letters = json(&run(directory.path(), &["jobs", "dead", "--json"]));
    let id = |name: &str| {
        let letters = letters.as_array().unwrap();
        letters.iter().find(|letter| letter["subject"] == name).unwrap()["id"].to_string()
    };
    let text = run(directory.path(), &["jobs", "dead"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("pds.test says no about alice"));

    assert!(run(directory.path(), &["jobs", "retry", &id("alice")]).status.success());
    assert!(run(directory.path(), &["jobs", "drop", &id("bob")]).status.success());
    assert_eq!(json(&run(directory.path(), &["jobs", "dead", "--json"])), Value::Array(Vec::new()));
    let jobs = json(&run(directory.path(), &["jobs", "list", "--json"]));
    assert_eq!((jobs[0]["subject"].as_str(), jobs[0]["state"].as_str()), (Some("alice"), Some("ready")));
    assert_eq!(jobs.as_array().unwrap().len(), 1);

    let again = run(directory.path(), &["jobs", "retry", &id("alice")]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("there is no dead letter"), "{}", said(&again));
}

#[test]
fn commands_work_beside_a_running_node() {
    let directory = tempfile::tempdir().unwrap();
    let _node = Node::start(directory.path(), &[]);
    let jobs = json(&run(directory.path(), &["jobs", "list", "--json"]));
    assert_eq!(jobs[0]["kind"], "prune");
}

#[test]
fn help_says_what_each_command_does_and_what_exit_codes_mean() {
    let directory = tempfile::tempdir().unwrap();
    let help = run(directory.path(), &["--help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for part in ["serve", "config", "jobs", "completions", "Exit codes", "--ledger"] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    assert_eq!(run(directory.path(), &["serv"]).status.code(), Some(2));
    assert!(said(&run(directory.path(), &["serv"])).contains("serve"), "it suggests the nearest command");
}

#[test]
fn completions_are_made_for_every_shell() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(directory.path(), &["completions", shell]);
        assert!(script.status.success() && script.stdout.len() > 1000, "{shell}");
    }
}

#[test]
fn an_answer_that_nobody_reads_to_its_end_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let binary = super::child::binary();
    let line = format!("{} completions bash | head -n 1; exit ${{PIPESTATUS[0]}}", binary.display());
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(output.stderr.is_empty(), "{}", said(&output));
}
