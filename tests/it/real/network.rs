//! The child process that runs the network, and the calls its tests need.
//!
//! It holds the other end of our pipe and ends when that closes, so it dies
//! with this process however this process dies. What runs inside is left to
//! `tests/network`.

use std::io::{BufRead, BufReader};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use counterpart::clock::Stopwatch;
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

const START_SECONDS_MAX: u64 = 120;
const STOP_SECONDS_MAX: u64 = 20;
const REQUEST_SECONDS_MAX: u64 = 30;

#[derive(Clone)]
pub struct Options {
    pub pds: usize,
    /// Keeps everything there, and takes it up again; then `pds` says nothing.
    pub data: Option<PathBuf>,
    /// More flags of `net.mjs`.
    pub flags: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { pds: 1, data: None, flags: Vec::new() }
    }
}

pub struct Network {
    child: Child,
    described: Described,
    client: Client,
}

#[derive(Deserialize)]
struct Described {
    pid: u32,
    plc: Plc,
    pds: Vec<Pds>,
    control: String,
}

#[derive(Deserialize)]
struct Plc {
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pds {
    pub url: String,
    pub did: String,
    pub data_dir: PathBuf,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub pds: usize,
    pub did: String,
    pub handle: String,
    pub email: String,
    pub access_jwt: String,
}

/// What a PDS would have sent by mail; `token` is the code in it.
#[derive(Deserialize)]
pub struct Mail {
    pub subject: String,
    pub token: Option<String>,
}

impl Network {
    pub async fn start(options: Options) -> Self {
        let starting = tokio::task::spawn_blocking(move || launch(&options)).await;
        let (child, described) = starting.unwrap_or_else(|failed| resume_unwind(failed.into_panic()));
        // The shared network outlives each test's runtime; a pooled connection would not.
        let client = Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            .build()
            .expect("a client for loopback");
        Self { child, described, client }
    }

    pub fn pid(&self) -> u32 {
        self.described.pid
    }

    pub fn plc(&self) -> &str {
        &self.described.plc.url
    }

    pub fn pds(&self, index: usize) -> &Pds {
        &self.described.pds[index]
    }

    pub fn pds_count(&self) -> usize {
        self.described.pds.len()
    }

    /// A new account, with an empty repo.
    pub async fn account(&self, pds: usize) -> Account {
        parsed(self.control(Method::POST, &format!("/pds/{pds}/accounts")).await)
    }

    pub async fn stop_pds(&self, index: usize) {
        self.control(Method::POST, &format!("/pds/{index}/stop")).await;
    }

    /// As when the machine dies: connections are reset, nobody says goodbye.
    pub async fn kill_pds(&self, index: usize) {
        self.control(Method::POST, &format!("/pds/{index}/kill")).await;
    }

    pub async fn start_pds(&self, index: usize) {
        self.control(Method::POST, &format!("/pds/{index}/start")).await;
    }

    pub async fn stop_plc(&self) {
        self.control(Method::POST, "/plc/stop").await;
    }

    pub async fn start_plc(&self) {
        self.control(Method::POST, "/plc/start").await;
    }

    pub async fn mails_to(&self, account: &Account) -> Vec<Mail> {
        parsed(self.control(Method::GET, &format!("/mail?to={}", account.email)).await)
    }

    /// The document the directory serves, or its refusal.
    pub async fn did_document(&self, did: &str) -> Result<Value, StatusCode> {
        self.answer(self.client.get(format!("{}/{did}", self.plc()))).await.map_err(|(status, _)| status)
    }

    /// An XRPC query without credentials; `query` is the method with its parameters.
    pub async fn query(&self, pds: usize, query: &str) -> Result<Value, (StatusCode, Value)> {
        self.answer(self.client.get(format!("{}/xrpc/{query}", self.pds(pds).url))).await
    }

    /// An XRPC procedure at the account's PDS, in the account's name.
    pub async fn call(&self, account: &Account, method: &str, body: Value) -> Value {
        let url = format!("{}/xrpc/{method}", self.pds(account.pds).url);
        let request = self.client.post(url).bearer_auth(&account.access_jwt);
        let request = if body.is_null() { request } else { request.json(&body) };
        match self.answer(request).await {
            Ok(answer) => answer,
            Err((status, why)) => panic!("{method}: {status} {why}"),
        }
    }

    /// Writes a small record and gives the rev of the commit that holds it.
    pub async fn write_record(&self, account: &Account, collection: &str, rkey: &str, text: &str) -> String {
        let record = json!({ "$type": collection, "text": text });
        let body = json!({ "repo": account.did, "collection": collection, "rkey": rkey, "record": record });
        let answer = self.call(account, "com.atproto.repo.createRecord", body).await;
        answer["commit"]["rev"].as_str().expect("a commit with a rev").to_owned()
    }

    pub async fn latest_rev(&self, account: &Account) -> String {
        let query = format!("com.atproto.sync.getLatestCommit?did={}", account.did);
        let answer = self.query(account.pds, &query).await.expect("the repo is there");
        answer["rev"].as_str().expect("a rev").to_owned()
    }

    /// True when the PDS accepts a connection and answers it.
    pub async fn pds_answers(&self, index: usize) -> bool {
        let health = format!("{}/xrpc/_health", self.pds(index).url);
        self.client.get(health).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    async fn control(&self, method: Method, path: &str) -> Value {
        let request = self.client.request(method, format!("{}{path}", self.described.control));
        match self.answer(request).await {
            Ok(answer) => answer,
            Err((status, why)) => panic!("{path}: {status} {why}"),
        }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value, (StatusCode, Value)> {
        let answer = request.send().await.unwrap_or_else(|error| panic!("{error:?}"));
        let status = answer.status();
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("{error:?}"));
        // Some procedures answer with nothing, and a proxy in between would answer with HTML.
        let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() { Ok(value) } else { Err((status, value)) }
    }
}

impl Drop for Network {
    // Closing the pipe is the request to end; the child then removes its own files.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let began = Stopwatch::start();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > Duration::from_secs(STOP_SECONDS_MAX) {
                eprintln!("the network with pid {} does not end by itself", self.pid());
                // Fails only when it has ended after all.
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(answer: Value) -> T {
    serde_json::from_value(answer).expect("the control server answers in its own form")
}

fn launch(options: &Options) -> (Child, Described) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/network");
    let node = folder.join("node_modules/.bin/node");
    assert!(node.exists(), "tests/network is not installed: run tests/run (or npm ci in tests/network)");
    let mut command = Command::new(node);
    command.current_dir(folder).args(["net.mjs", "--stdin"]).args(&options.flags);
    match &options.data {
        Some(data) if data.join("network.json").exists() => command.arg("--data").arg(data),
        Some(data) => command.arg(format!("--pds={}", options.pds)).arg("--data").arg(data),
        None => command.arg(format!("--pds={}", options.pds)),
    };
    // Its complaints go where this process's go.
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("tests/network does not start: {error}"));
    match first_line(&mut child) {
        Ok(line) => {
            let described =
                serde_json::from_str(&line).expect("the network describes itself in one line of JSON");
            (child, described)
        }
        Err(why) => {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
            panic!("tests/network did not come up: {why}");
        }
    }
}

fn first_line(child: &mut Child) -> Result<String, String> {
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let (send, receive) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // Nobody receives any more when the time was up.
        let _ = send.send(read.map(|_| line));
    });
    match receive.recv_timeout(Duration::from_secs(START_SECONDS_MAX)) {
        Ok(Ok(line)) if line.ends_with('\n') => Ok(line),
        Ok(Ok(_)) => Err("it ended; what it said is above".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("nothing for {START_SECONDS_MAX} s")),
    }
}
