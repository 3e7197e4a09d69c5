//! What can be wrong before a node runs: one clear line each, a code that is
//! not zero, and nothing half-made.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use counterpart::ledger::{Ledger, LedgerUrl, newest_known};
use sqlx::AssertSqlSafe;

use super::child::{Node, command, ended, run, said};

/// The one line it ended with, after checking that it is one.
fn line(output: &Output, code: i32) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 1, "one line, please:\n{said}");
    assert!(lines[0].starts_with("counterpart: "), "{said}");
    lines[0].to_owned()
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn a_file_that_is_not_there_or_not_readable() {
    let directory = tempfile::tempdir().unwrap();
    let fault = line(&run(directory.path(), &["serve", "--config", "missing.toml"]), 2);
    assert!(fault.contains("cannot read the configuration file missing.toml"), "{fault}");
    std::fs::create_dir(directory.path().join("counterpart.toml")).unwrap();
    let fault = line(&run(directory.path(), &["serve"]), 2);
    assert!(fault.contains("cannot read the configuration file counterpart.toml"), "{fault}");
}

#[test]
fn a_key_nobody_knows() {
    let directory = tempfile::tempdir().unwrap();
    let output = ended(command(directory.path()).arg("serve").env("COUNTERPART_PUBLIC_ULR", "x"));
    let fault = line(&output, 2);
    assert!(fault.contains("COUNTERPART_PUBLIC_ULR") && fault.contains("COUNTERPART_PUBLIC_URL"), "{fault}");
    assert!(is_empty(directory.path()), "nothing is made before the settings are right");
}

#[test]
fn an_address_that_is_none() {
    let directory = tempfile::tempdir().unwrap();
    for (flag, value, part) in [
        ("--listen", "nowhere", "an address and port"),
        ("--ledger", "mysql://h/x", "postgres://"),
        ("--ledger", "postgres://h:port/x", "does not parse"),
        ("--public-url", "pds.test", "an origin like https://"),
        ("--log", "info=loud", "log filter"),
    ] {
        let fault = line(&run(directory.path(), &["serve", flag, value]), 2);
        assert!(fault.contains(part), "{fault}");
    }
    assert!(is_empty(directory.path()));
}

#[test]
fn a_port_that_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let fault = line(&run(directory.path(), &["serve", "--listen", &address]), 1);
    assert!(fault.contains(&format!("cannot listen on {address}")) && fault.contains("`listen`"), "{fault}");
}

#[test]
fn a_data_directory_that_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Node::start(directory.path(), &[]);
    let fault = line(&run(directory.path(), &["serve", "--listen", "127.0.0.1:0"]), 1);
    assert!(fault.contains("another node is running on the data directory counterpart-data"), "{fault}");
}

#[test]
fn a_data_directory_that_cannot_be_made_or_written() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "in the way").unwrap();
    let fault = line(&run(directory.path(), &["serve", "--data", "file/data"]), 1);
    assert!(fault.contains("cannot create the data directory file/data"), "{fault}");
    // Writable by nobody, not even root: the kernel's own file system.
    let fault = line(&run(directory.path(), &["serve", "--data", "/proc/self/fdinfo"]), 1);
    assert!(fault.contains("is not writable"), "{fault}");
}

#[test]
fn a_database_that_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let fault = line(&run(directory.path(), &["serve", "--ledger", "postgres://127.0.0.1:1/ledger"]), 1);
    assert!(fault.contains("cannot reach the ledger at postgres://127.0.0.1:1/ledger"), "{fault}");
    let fault = line(&run(directory.path(), &["jobs", "list"]), 1);
    assert!(fault.contains("there is no ledger at sqlite:counterpart-data/ledger.sqlite yet"), "{fault}");
    assert!(is_empty(directory.path()), "looking makes nothing");
}

#[tokio::test]
async fn a_ledger_of_a_newer_release() {
    let directory = tempfile::tempdir().unwrap();
    let url = LedgerUrl::in_directory(directory.path());
    let ledger = Ledger::open(&url, 2).await.unwrap();
    let newer = newest_known() + 1;
    let text = format!("insert into migration (number, name, digest) values ({newer}, 'tomorrow', 'x')");
    let mut tx = ledger.begin().await.unwrap();
    sqlx::query(AssertSqlSafe(text)).execute(&mut *tx).await.unwrap();
    tx.save().await.unwrap();
    ledger.close().await;
    for arguments in [&["serve", "--data", "."][..], &["jobs", "list", "--data", "."]] {
        let fault = line(&run(directory.path(), arguments), 1);
        assert!(fault.contains("last used by a newer release"), "{fault}");
    }
}

#[test]
fn a_ledger_file_that_is_something_else() {
    let directory = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(directory.path().join("ledger.sqlite"), &noise).unwrap();
    let fault = line(&run(directory.path(), &["serve", "--data", "."]), 1);
    assert!(fault.contains("cannot open the ledger file sqlite:./ledger.sqlite"), "{fault}");
    assert_eq!(std::fs::read(directory.path().join("ledger.sqlite")).unwrap(), noise, "left as it was");
}

/// A file size limit stands in for a full disk: the write fails where it would
/// fail, and no root is needed to make it.
#[test]
fn a_disk_that_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" serve --data . --listen 127.0.0.1:0";
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script]).arg(super::child::binary()).current_dir(directory.path());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUNTERPART_")) {
        bash.env_remove(name);
    }
    let fault = line(&ended(&mut bash), 1);
    assert!(fault.contains("ledger") && fault.contains("ledger.sqlite"), "{fault}");

    // With room again the same directory serves: nothing half-written was left.
    let mut node = Node::start(directory.path(), &["--data", "."]);
    node.terminate();
    node.wait_for("stopped");
}
