//! `counterpart inspect frames`: a recording of a firehose, message by message.
//!
//! A commit is proven against the last one of its account in the recording. The
//! first has none before it: it is proven against the head that it names
//! itself, and the line says so.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};

use crate::atproto::{Cid, Did, DidDocument};
use crate::cli::{Failed, car};
use crate::clock::{Clock, Moment};
use crate::limits::FRAME_BYTES_MAX;
use crate::repo::frame::{self, CommitMessage, Frame, SyncMessage};
use crate::repo::verify::{Head, KeySpan, Rejected, Signer, verify_commit, verify_sync};

pub fn show(file: &Path, did_docs: Option<&Path>) -> Result<(), Failed> {
    let mut source = BufReader::new(car::readable(file)?);
    let keys = did_docs.map(read_documents).transpose()?.unwrap_or_default();
    let mut watch = Watch { keys, heads: HashMap::new(), now: Clock::system().now() };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut bytes = Vec::new();
    let mut number = 0u64;
    while let Some(length) = next_length(&mut source, file, number)? {
        number += 1;
        bytes.resize(length, 0);
        source.read_exact(&mut bytes).map_err(|_| cut(file, number))?;
        let line = match frame::decode(&bytes) {
            Ok(frame) => watch.line(&frame),
            Err(fault) => json!({ "frame": number, "fault": fault.label(), "message": fault.to_string() }),
        };
        writeln!(out, "{line}").map_err(anyhow::Error::from)?;
    }
    out.flush().map_err(anyhow::Error::from)?;
    Ok(())
}

fn next_length(source: &mut BufReader<File>, file: &Path, number: u64) -> Result<Option<usize>, Failed> {
    let mut length = [0; 4];
    let first = source.read(&mut length[..1]).with_context(|| format!("cannot read {}", file.display()))?;
    if first == 0 {
        return Ok(None);
    }
    source.read_exact(&mut length[1..]).map_err(|_| cut(file, number + 1))?;
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        let fault = anyhow!(
            "frame {} of {} would have {length} bytes, more than {FRAME_BYTES_MAX}: is this a recording of frames?",
            number + 1,
            file.display()
        );
        return Err(Failed::Work(fault));
    }
    Ok(Some(length))
}

fn cut(file: &Path, number: u64) -> Failed {
    Failed::Work(anyhow!("{} ends inside frame {number}", file.display()))
}

fn read_documents(path: &Path) -> Result<HashMap<Did, Vec<KeySpan>>, Failed> {
    let asking = |fault: String| Failed::Asking(anyhow!("{}: {fault}", path.display()));
    let mut text = Vec::new();
    car::readable(path)?.read_to_end(&mut text).map_err(|fault| asking(fault.to_string()))?;
    let documents: BTreeMap<String, Value> =
        serde_json::from_slice(&text).map_err(|fault| asking(fault.to_string()))?;
    documents
        .iter()
        .map(|(did, document)| {
            let document = DidDocument::parse(document.to_string().as_bytes());
            let document = document.map_err(|fault| asking(format!("the document of {did}: {fault}")))?;
            let keys = document.signing_key.map(|key| KeySpan { key, until: None });
            Ok((document.did, keys.into_iter().collect()))
        })
        .collect()
}

/// What has been proven so far.
struct Watch {
    keys: HashMap<Did, Vec<KeySpan>>,
    heads: HashMap<Did, Head>,
    now: Moment,
}

impl Watch {
    fn line(&mut self, frame: &Frame<'_>) -> Value {
        let mut line = Map::new();
        let mut say = |name: &str, value: Value| line.insert(name.to_owned(), value);
        if let Some(seq) = frame.seq() {
            say("seq", json!(seq));
        }
        match frame {
            Frame::Commit(message) => {
                say("kind", json!("commit"));
                say("did", json!(message.repo.as_str()));
                say("rev", json!(message.rev.to_string()));
                let ops =
                    message.ops.iter().map(|op| json!({ "action": op.action.as_str(), "path": op.path }));
                say("ops", ops.collect());
                line.extend(self.commit(message));
            }
            Frame::Sync(message) => {
                say("kind", json!("sync"));
                say("did", json!(message.did.as_str()));
                say("rev", json!(message.rev.to_string()));
                line.extend(self.sync(message));
            }
            Frame::Identity(message) => {
                say("kind", json!("identity"));
                say("did", json!(message.did.as_str()));
                say("handle", json!(message.handle.as_ref().map(|handle| handle.to_string())));
            }
            Frame::Account(message) => {
                say("kind", json!("account"));
                say("did", json!(message.did.as_str()));
                say("active", json!(message.active));
                say("status", json!(message.status));
            }
            Frame::Info(message) => {
                say("kind", json!("info"));
                say("name", json!(message.name));
                say("message", json!(message.message));
            }
            Frame::Error { error, message } => {
                say("kind", json!("error"));
                say("name", json!(error));
                say("message", json!(message));
            }
            Frame::Unknown { kind, .. } => {
                say("kind", json!(kind));
                say("verdict", json!("unknown"));
            }
            Frame::Malformed { kind, fault, .. } => {
                say("kind", json!(kind.trim_start_matches('#')));
                say("fault", json!(fault.label()));
                say("message", json!(fault.to_string()));
            }
        }
        Value::Object(line)
    }

    fn commit(&mut self, message: &CommitMessage<'_>) -> Map<String, Value> {
        let Some(keys) = self.keys.get(&message.repo) else { return no_key() };
        let signer = Signer { did: Some(&message.repo), keys };
        let known = self.heads.get(&message.repo).copied();
        let before = known.or_else(|| stated(message));
        let Some(before) = before else {
            return fault(
                "gap_no_prev_data",
                "it does not say from which head it follows, and none is known",
            );
        };
        match verify_commit(message, &before, &signer, self.now) {
            Ok(commit) => {
                self.heads.insert(message.repo.clone(), *commit.head());
                let before = if known.is_some() { "proven" } else { "as stated" };
                fields([("verdict", json!("verified")), ("before", json!(before))])
            }
            Err(rejected) => {
                // The account has signed this head, whatever lies between.
                if let Rejected::Unprovable { signed, .. } = &rejected {
                    self.heads.insert(message.repo.clone(), *signed.head());
                }
                fault(rejected.label(), &rejected.to_string())
            }
        }
    }

    fn sync(&mut self, message: &SyncMessage<'_>) -> Map<String, Value> {
        let Some(keys) = self.keys.get(&message.did) else { return no_key() };
        match verify_sync(message, &Signer { did: Some(&message.did), keys }, self.now) {
            Ok(signed) => {
                self.heads.insert(message.did.clone(), *signed.head());
                fields([("verdict", json!("verified"))])
            }
            Err(found) => fault(found.label(), &found.to_string()),
        }
    }
}

/// The head that a commit names as the one before it. Its own CID is not told,
/// and only matters to a second commit of that revision.
fn stated(message: &CommitMessage<'_>) -> Option<Head> {
    let (rev, data) = (message.since?, message.prev_data?);
    Some(Head { rev, commit: Cid::of_dag_cbor(b""), data })
}

fn no_key() -> Map<String, Value> {
    fault("no_key", "no DID document was given for this account")
}

fn fault(label: &str, message: &str) -> Map<String, Value> {
    fields([("fault", json!(label)), ("message", json!(message))])
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
