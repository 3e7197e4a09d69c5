//! A stranger's eyes: HTTP and WebSocket clients, and repositories read by an
//! implementation that shares no line with ours.
//!
//! What it calls good has been hashed, walked and had its signature verified
//! by it. It does not know the world and believes only what it is sent.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use counterpart::atproto::{Did, PublicKey};
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value as Json;
use shrike::car::read_slice;
use shrike::cbor::{Cid, Decoder, Value};
use shrike::crypto::parse_did_key;
use shrike::mst::DetachedTree;
use shrike::repo::{Commit, Repo};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than any answer takes on loopback. Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

pub async fn get(url: &str) -> Answer {
    let asked = reqwest::Client::new().get(url).timeout(PATIENCE).send().await.unwrap();
    let (status, headers) = (asked.status(), asked.headers().clone());
    Answer { status, headers, body: asked.bytes().await.unwrap().to_vec() }
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What an XRPC method refused with.
    pub fn refusal(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        (self.status.as_u16(), text("error"), text("message"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The records of a CAR that is a whole repository of `did`, signed by `key`.
pub fn read_repo(car: &[u8], did: &Did, key: &PublicKey) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let repo = Repo::load_car(car).map_err(|fault| fault.to_string())?;
    let head = repo.head().ok_or("no commit")?;
    if repo.did().as_str() != did.as_str() {
        return Err(format!("it is the repository of {}", repo.did()));
    }
    head.verify(&*stranger_key(key)).map_err(|fault| fault.to_string())?;
    let blocks: HashMap<Cid, &[u8]> = repo.store().iter().map(|(cid, bytes)| (*cid, bytes)).collect();
    let entries = DetachedTree::load(head.data).entries(&blocks).map_err(|fault| fault.to_string())?;
    Ok(entries.into_iter().map(|(path, cid)| (path, blocks[&cid].to_vec())).collect())
}

pub fn stranger_key(key: &PublicKey) -> Box<dyn shrike::crypto::VerifyingKey> {
    parse_did_key(&key.to_string()).unwrap()
}

/// One frame, decoded by the stranger.
pub struct Seen<'f> {
    pub kind: String,
    pub op: i64,
    fields: Vec<(&'f str, Value<'f>)>,
}

impl<'f> Seen<'f> {
    pub fn read(frame: &'f [u8]) -> Self {
        let mut decoder = Decoder::new(frame);
        let (header, payload) = (decoder.decode().unwrap(), decoder.decode().unwrap());
        assert!(decoder.is_empty(), "bytes after the frame");
        let (Value::Map(header), Value::Map(fields)) = (header, payload) else { panic!("not two maps") };
        let op = match find(&header, "op") {
            Some(Value::Unsigned(op)) => *op as i64,
            Some(Value::Signed(op)) => *op,
            other => panic!("op is {other:?}"),
        };
        let kind = match find(&header, "t") {
            Some(Value::Text(kind)) => (*kind).to_owned(),
            _ => String::new(),
        };
        Self { kind, op, fields }
    }

    pub fn seq(&self) -> u64 {
        match self.get("seq") {
            Value::Unsigned(seq) => *seq,
            other => panic!("seq is {other:?}"),
        }
    }

    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Value::Text(text) => text,
            other => panic!("{name} is {other:?}"),
        }
    }

    pub fn get(&self, name: &str) -> &Value<'f> {
        find(&self.fields, name).unwrap_or(&Value::Null)
    }

    fn bytes(&self, name: &str) -> &'f [u8] {
        match self.get(name) {
            Value::Bytes(bytes) => bytes,
            other => panic!("{name} is {other:?}"),
        }
    }

    fn ops(&self) -> Vec<Seen<'f>> {
        let Value::Array(ops) = self.get("ops") else { panic!("no ops") };
        let op = |op: &Value<'f>| match op {
            Value::Map(fields) => Seen { kind: String::new(), op: 0, fields: fields.clone() },
            other => panic!("an op is {other:?}"),
        };
        ops.iter().map(op).collect()
    }
}

fn find<'v, 'f>(fields: &'v [(&'f str, Value<'f>)], name: &str) -> Option<&'v Value<'f>> {
    fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
}

/// Whether a `#commit` is what it says: hashed, signed by `key`, and undone
/// operation by operation to the tree it says it came from.
pub fn judge_commit(seen: &Seen<'_>, key: &PublicKey) -> Result<(), String> {
    let (roots, sections) = read_slice(seen.bytes("blocks")).map_err(|fault| fault.to_string())?;
    let mut blocks = HashMap::new();
    for section in sections {
        if Cid::compute(section.cid.codec(), section.data) != section.cid {
            return Err(format!("{} is not its hash", section.cid));
        }
        blocks.insert(section.cid, section.data);
    }
    let [root] = roots[..] else { return Err("not one root".to_owned()) };
    if *seen.get("commit") != Value::Cid(root) {
        return Err("the root is not the commit".to_owned());
    }
    let commit = Commit::from_cbor(blocks[&root]).map_err(|fault| fault.to_string())?;
    if commit.did.as_str() != seen.text("repo") || commit.rev.to_string() != seen.text("rev") {
        return Err("the message speaks of another commit".to_owned());
    }
    commit.verify(&*stranger_key(key)).map_err(|_| "the signature is wrong".to_owned())?;
    let before = undo(commit.data, seen, &blocks)?;
    match seen.get("prevData") {
        Value::Cid(prev) if *prev == before => Ok(()),
        Value::Null if *seen.get("since") == Value::Null => Ok(()),
        other => Err(format!("undoing leads to {before} and not to {other:?}")),
    }
}

fn undo(data: Cid, seen: &Seen<'_>, blocks: &HashMap<Cid, &[u8]>) -> Result<Cid, String> {
    let mut tree = DetachedTree::load(data);
    for op in seen.ops() {
        let path = op.text("path").to_owned();
        if let Value::Cid(cid) = op.get("cid")
            && !blocks.contains_key(cid)
        {
            return Err(format!("the record at {path} did not come along"));
        }
        let (now, was) = match op.get("prev") {
            Value::Cid(prev) => (tree.insert(blocks, path, *prev), op.text("action") != "create"),
            _ => (tree.remove(blocks, &path), op.text("action") == "create"),
        };
        let now = now.map_err(|fault| fault.to_string())?;
        let told = match op.get("cid") {
            Value::Cid(cid) => Some(*cid),
            _ => None,
        };
        if !was || now != told {
            return Err("an operation is not what the tree says".to_owned());
        }
    }
    Ok(tree.flush().map_err(|fault| fault.to_string())?.root)
}

/// Somebody who listens to a host.
pub struct Subscriber(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Subscriber {
    pub async fn connect(origin: &str, cursor: Option<u64>) -> Self {
        let origin = origin.replacen("http", "ws", 1);
        let query = cursor.map_or_else(String::new, |cursor| format!("?cursor={cursor}"));
        let url = format!("{origin}/xrpc/com.atproto.sync.subscribeRepos{query}");
        Self(connect_async(url).await.unwrap().0)
    }

    /// The next frame, or the code with which the host closed.
    pub async fn next(&mut self) -> Result<Vec<u8>, u16> {
        loop {
            let said = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("the host says nothing");
            match said {
                Some(Ok(Message::Binary(frame))) => return Ok(frame.to_vec()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(_)) => {}
                other => panic!("the host broke off: {other:?}"),
            }
        }
    }

    /// The frames up to this place.
    pub async fn until(&mut self, seq: u64) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await.unwrap();
            let reached = Seen::read(&frame).seq() >= seq;
            frames.push(frame);
            if reached {
                return frames;
            }
        }
    }

    pub async fn leave(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }

    /// Asks for a sign of life, and waits for it: whatever was said before has come.
    pub async fn ping(&mut self) -> Vec<Vec<u8>> {
        self.0.send(Message::Ping(Default::default())).await.unwrap();
        let mut frames = Vec::new();
        loop {
            let said = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("the host says nothing");
            match said.unwrap().unwrap() {
                Message::Pong(_) => return frames,
                Message::Binary(frame) => frames.push(frame.to_vec()),
                other => panic!("{other:?}"),
            }
        }
    }
}
