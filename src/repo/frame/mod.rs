//! One message of a firehose: two CBOR objects, a header and what it announces.
//!
//! The reader lends slices of its input. It tells three things apart: bytes
//! that are no frame, after which nothing on the connection makes sense; a
//! message that is a frame but breaks its schema, which is one message lost;
//! and kinds nobody has told us about, which are passed over. The order of a
//! map's keys is not asked for: nothing hashes a frame. What is true of a
//! message is for `verify`, and whether its `seq` is due for whoever listens.

mod read;
mod write;

use thiserror::Error;

use super::cbor::{CborFault, Reader};
use crate::atproto::{Cid, Did, Handle, SyntaxFault, Tid};
use crate::limits::{FRAME_BYTES_MAX, SEQ_MAX};

pub use self::write::encode;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    Commit(CommitMessage<'a>),
    Sync(SyncMessage<'a>),
    Identity(IdentityMessage<'a>),
    Account(AccountMessage<'a>),
    Info(InfoMessage<'a>),
    /// The host says why it will close the connection.
    Error {
        error: &'a str,
        message: Option<&'a str>,
    },
    /// A kind that this version does not know. Its cursor may be passed, or not.
    Unknown {
        op: i64,
        kind: Option<&'a str>,
        seq: Option<u64>,
    },
    /// A kind we know, but not with these fields.
    Malformed {
        kind: &'a str,
        seq: Option<u64>,
        fault: MessageFault,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMessage<'a> {
    pub seq: u64,
    pub repo: Did,
    pub time: &'a str,
    pub rev: Tid,
    pub since: Option<Tid>,
    pub commit: Cid,
    /// From hosts of before sync 1.1: the operations are not complete.
    pub too_big: bool,
    /// A CAR.
    pub blocks: &'a [u8],
    pub ops: Vec<Op<'a>>,
    pub prev_data: Option<Cid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op<'a> {
    pub action: Action,
    pub path: &'a str,
    pub cid: Option<Cid>,
    pub prev: Option<Cid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    Create,
    Update,
    Delete,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncMessage<'a> {
    pub seq: u64,
    pub did: Did,
    pub time: &'a str,
    pub rev: Tid,
    /// A CAR of the commit alone.
    pub blocks: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityMessage<'a> {
    pub seq: u64,
    pub did: Did,
    pub time: &'a str,
    /// A hint; one that is no handle is no reason to lose the message.
    pub handle: Option<Handle>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMessage<'a> {
    pub seq: u64,
    pub did: Did,
    pub time: &'a str,
    pub active: bool,
    pub status: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfoMessage<'a> {
    pub name: &'a str,
    pub message: Option<&'a str>,
}

/// Bytes that are no frame. The connection they came on is of no more use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameFault {
    #[error("a frame of {length} bytes, more than {FRAME_BYTES_MAX}")]
    TooLarge { length: usize },
    #[error("the frame's header is wrong: {0}")]
    Header(CborFault),
    #[error("the frame's header has no `op`")]
    NoOp,
    #[error("the frame's header announces a message without a kind")]
    NoKind,
    #[error("the frame's payload is wrong: {0}")]
    Payload(CborFault),
    #[error("{length} bytes after the frame's payload")]
    Trailing { length: usize },
}

/// A field of a message that is not what the message's schema says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageFault {
    #[error("the payload is not a map of text: {0}")]
    NotAMap(CborFault),
    #[error("no `{field}`")]
    Missing { field: &'static str },
    #[error("`{field}` twice")]
    Twice { field: &'static str },
    #[error("`{field}` is of another type: {fault}")]
    Type { field: &'static str, fault: CborFault },
    #[error("`{field}` is malformed: {fault}")]
    Syntax { field: &'static str, fault: SyntaxFault },
    #[error("`seq` is {seq}, not 1 to {SEQ_MAX}")]
    Seq { seq: u64 },
    #[error("an operation `{action}`")]
    Action { action: String },
}

impl FrameFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "frame_too_large",
            Self::Header(_) => "frame_header",
            Self::NoOp => "frame_no_op",
            Self::NoKind => "frame_no_kind",
            Self::Payload(_) => "frame_payload",
            Self::Trailing { .. } => "frame_trailing",
        }
    }
}

impl MessageFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotAMap(_) => "message_not_a_map",
            Self::Missing { .. } => "message_field_missing",
            Self::Twice { .. } => "message_field_twice",
            Self::Type { .. } => "message_field_type",
            Self::Syntax { .. } => "message_field_syntax",
            Self::Seq { .. } => "message_seq",
            Self::Action { .. } => "message_action",
        }
    }
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    fn parse(text: &str) -> Result<Self, MessageFault> {
        match text {
            "create" => Ok(Self::Create),
            "update" => Ok(Self::Update),
            "delete" => Ok(Self::Delete),
            _ => Err(MessageFault::Action { action: text.to_owned() }),
        }
    }
}

impl Frame<'_> {
    /// Where on its host's stream the message stands; some kinds stand nowhere.
    pub const fn seq(&self) -> Option<u64> {
        match self {
            Self::Commit(message) => Some(message.seq),
            Self::Sync(message) => Some(message.seq),
            Self::Identity(message) => Some(message.seq),
            Self::Account(message) => Some(message.seq),
            Self::Unknown { seq, .. } | Self::Malformed { seq, .. } => *seq,
            Self::Info(_) | Self::Error { .. } => None,
        }
    }
}

/// Reads a frame, of anybody's making.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, FrameFault> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(FrameFault::TooLarge { length: bytes.len() });
    }
    let mut reader = Reader::new(bytes);
    let header = Header::read(&mut reader).map_err(FrameFault::Header)?;
    let op = header.op.ok_or(FrameFault::NoOp)?;
    let payload = reader.rest();
    // Once over the whole payload, so that what is amiss later is amiss in the message only.
    let mut whole = Reader::new(payload);
    whole.skip().map_err(FrameFault::Payload)?;
    if !whole.rest().is_empty() {
        return Err(FrameFault::Trailing { length: whole.rest().len() });
    }
    match (op, header.kind) {
        (1, Some(kind)) => Ok(read::message(kind, payload)),
        (1, None) => Err(FrameFault::NoKind),
        (-1, _) => Ok(read::error(payload)),
        (op, kind) => Ok(Frame::Unknown { op, kind, seq: read::find_seq(payload) }),
    }
}

#[derive(Default)]
struct Header<'a> {
    op: Option<i64>,
    kind: Option<&'a str>,
}

impl<'a> Header<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, CborFault> {
        let mut header = Self::default();
        for _ in 0..reader.map()? {
            let at = reader.at();
            let twice = match reader.text()? {
                "op" => header.op.replace(reader.integer()?).is_some(),
                "t" => header.kind.replace(reader.text()?).is_some(),
                _ => reader.skip().map(|()| false)?,
            };
            if twice {
                return Err(CborFault::KeyTwice { at });
            }
        }
        Ok(header)
    }
}
