//! Hostile inputs: a real repository or a real commit with one thing wrong in
//! it, for every rule there is, each refused with the label of that rule.
//!
//! `cars`, `commits`, `nodes`, `trees` and `messages` are the generators;
//! `table` runs what they make, `bounds` does so with little memory, `labels`
//! finds what none of them provokes. `bytes` changes single bytes everywhere,
//! `odd_records` shows what is kept, `seeds` where the fuzzers begin.

mod bounds;
mod bytes;
mod cars;
mod commits;
mod forge;
mod labels;
mod messages;
mod nodes;
mod odd_records;
mod seeds;
mod table;
mod trees;
mod value;

use counterpart::atproto::RecordPath;
use counterpart::repo::cbor::CborFault;
use counterpart::repo::frame::{Frame, FrameFault, MessageFault, decode};
use counterpart::repo::mst::node::NodeFault;
use counterpart::repo::verify::{
    Gap, Head, Intake, KeySpan, Limits, Rejected, Signer, WholeRepo, verify_commit, verify_proof, verify_sync,
};
use counterpart::repo::{Fault, Unverified};

use crate::repo::{alice, keys, now};

/// One rule, broken.
pub struct Case {
    pub rule: String,
    /// The label of the fault and, after a colon, that of the fault inside it.
    pub expected: String,
    pub bytes: Vec<u8>,
    pub asked: Asked,
}

/// What is asked about the bytes.
pub enum Asked {
    /// Whether they are a repository of alice's.
    Repo(Terms),
    /// Whether they are a frame that leads on from this head.
    Frame(Head, Vec<KeySpan>),
    /// Whether they prove what is at a path.
    Proof(RecordPath),
}

pub struct Terms {
    pub limits: Limits,
    pub keys: Vec<KeySpan>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { limits: Limits::default(), keys: keys() }
    }
}

/// How the bytes of a repository arrive.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    Lent,
    Fed,
    Spooled,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Lent, Self::Fed, Self::Spooled];
}

/// Such pieces cut blocks and lengths at every place.
const PIECE_BYTES: usize = 4093;

impl Case {
    pub fn car(rule: impl Into<String>, expected: &str, bytes: Vec<u8>) -> Self {
        Self::with_terms(rule, expected, bytes, Terms::default())
    }

    pub fn with_terms(rule: impl Into<String>, expected: &str, bytes: Vec<u8>, terms: Terms) -> Self {
        Self { rule: rule.into(), expected: expected.to_owned(), bytes, asked: Asked::Repo(terms) }
    }

    /// The answer, and none if the bytes are accepted.
    pub fn refusal(&self, way: Way) -> Option<String> {
        match &self.asked {
            Asked::Repo(terms) => repo_refusal(&self.bytes, terms, way),
            Asked::Frame(ours, keys) => frame_refusal(&self.bytes, ours, keys),
            Asked::Proof(path) => {
                let signer = Signer { did: Some(&alice()), keys: &keys() };
                verify_proof(&self.bytes, path, &signer, now()).err().map(|fault| told(&fault))
            }
        }
    }
}

/// Every case of every generator.
pub fn cases() -> Vec<Case> {
    [cars::cases(), commits::cases(), nodes::cases(), trees::cases(), messages::cases()]
        .into_iter()
        .flatten()
        .collect()
}

fn repo_refusal(car: &[u8], terms: &Terms, way: Way) -> Option<String> {
    let repo = match way {
        Way::Lent => WholeRepo::read(car, terms.limits),
        Way::Fed => taken_in(Intake::in_memory(terms.limits), car),
        Way::Spooled => taken_in(Intake::spooled(tempfile::tempfile().unwrap(), terms.limits), car),
    };
    let signer = Signer { did: Some(&alice()), keys: &terms.keys };
    let verified = repo.and_then(|repo| Ok(repo.authenticate(&signer, now())?));
    match verified {
        Ok(_) => None,
        Err(Unverified::Refused(fault)) => Some(told(&fault)),
        Err(other) => panic!("{other:?}"),
    }
}

fn taken_in(mut intake: Intake, car: &[u8]) -> Result<WholeRepo<'static>, Unverified> {
    car.chunks(PIECE_BYTES).try_for_each(|piece| intake.feed(piece))?;
    intake.finish()
}

fn frame_refusal(frame: &[u8], ours: &Head, keys: &[KeySpan]) -> Option<String> {
    let signer = Signer { did: Some(&alice()), keys };
    match decode(frame) {
        Ok(Frame::Commit(message)) => {
            verify_commit(&message, ours, &signer, now()).err().map(|rejected| told_of_commit(&rejected))
        }
        Ok(Frame::Sync(message)) => verify_sync(&message, &signer, now()).err().map(|fault| told(&fault)),
        Ok(Frame::Malformed { fault, .. }) => Some(told_of_message(&fault)),
        Ok(other) => panic!("nothing is verified of {other:?}"),
        Err(fault) => Some(told_of_frame(&fault)),
    }
}

fn told_of_commit(rejected: &Rejected) -> String {
    match rejected {
        Rejected::Invalid(fault) | Rejected::Unprovable { gap: Gap::Untrue(fault), .. } => told(fault),
        other => other.label().to_owned(),
    }
}

/// A fault and the one inside it, by their labels.
fn told(fault: &Fault) -> String {
    let inside = match fault {
        Fault::Header(fault) | Fault::Commit(fault) => Some(fault.label()),
        Fault::RootCid(fault) | Fault::BlockCid { fault, .. } => Some(fault.label()),
        Fault::CommitDid(fault) | Fault::CommitRev(fault) => Some(fault.label()),
        Fault::Node { fault: NodeFault::KeySyntax { fault, .. }, .. } => Some(fault.label()),
        Fault::Node { fault: NodeFault::Cbor(CborFault::Link { fault, .. }), .. } => Some(fault.label()),
        _ => None,
    };
    joined(fault.label(), inside)
}

fn told_of_message(fault: &MessageFault) -> String {
    let inside = match fault {
        MessageFault::NotAMap(fault) | MessageFault::Type { fault, .. } => Some(fault.label()),
        MessageFault::Syntax { fault, .. } => Some(fault.label()),
        _ => None,
    };
    joined(fault.label(), inside)
}

fn told_of_frame(fault: &FrameFault) -> String {
    let inside = match fault {
        FrameFault::Header(fault) | FrameFault::Payload(fault) => Some(fault.label()),
        _ => None,
    };
    joined(fault.label(), inside)
}

fn joined(label: &str, inside: Option<&str>) -> String {
    match inside {
        Some(inside) => format!("{label}: {inside}"),
        None => label.to_owned(),
    }
}
