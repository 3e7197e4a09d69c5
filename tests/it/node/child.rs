//! The real binary as a child that never outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything a node should do soon may take on a machine that is busy
/// with the rest of the suite.
pub const SOON: Duration = Duration::from_secs(30);

pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_counterpart"))
}

/// The program with none of our own variables around it.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUNTERPART_")) {
        command.env_remove(name);
    }
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// Runs a command to its end, which must come soon: a command that should have
/// refused and serves instead is killed, and its output tells.
pub fn run(directory: &Path, arguments: &[&str]) -> Output {
    ended(command(directory).args(arguments))
}

pub fn ended(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let pid = child.id().to_string();
    let (done, waiting) = sync_channel::<()>(1);
    let killer = thread::spawn(move || {
        if waiting.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
    });
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        out.read_to_end(&mut text).map(|_| text)
    });
    let mut stderr = Vec::new();
    err.read_to_end(&mut stderr).expect("a pipe is readable");
    let stdout = reader.join().expect("it only reads").expect("a pipe is readable");
    let status = child.wait().expect("the child is ours");
    drop(done);
    killer.join().expect("it only waits");
    Output { status, stdout, stderr }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A node that is ready.
pub struct Node {
    child: Child,
    lines: Receiver<String>,
    log: Vec<String>,
    pub url: String,
}

impl Node {
    pub fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = command(directory);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]).args(arguments);
        Self::started(command)
    }

    pub fn started(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("it was asked for");
        let (send, lines) = sync_channel(100_000);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut node = Self { child, lines, log: Vec::new(), url: String::new() };
        let ready = node.wait_for("is ready");
        let at = ready["listen.at"].as_str().expect("it says where it listens").to_owned();
        node.url = format!("http://{at}");
        node
    }

    /// Waits for a line of the log whose message contains `text`.
    pub fn wait_for(&mut self, text: &str) -> Value {
        let deadline = Instant::now() + SOON;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.log.push(line);
                    let line = self.log.last().expect("just pushed");
                    let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
                    if value["message"].as_str().is_some_and(|message| message.contains(text)) {
                        return value;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no `{text}` in time; the log:\n{}", self.log.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended before `{text}`; the log:\n{}", self.log.join("\n"))
                }
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for the end and says how it ended and what it logged.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                self.log.extend(self.lines.iter());
                return (status, self.log.join("\n"));
            }
            assert!(Instant::now() < deadline, "it does not end; the log:\n{}", self.log.join("\n"));
            if let Ok(line) = self.lines.recv_timeout(Duration::from_millis(50)) {
                self.log.push(line);
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
