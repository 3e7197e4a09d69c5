//! One message of a firehose: two CBOR objects, a header and what it announces.
//!
//! The reader lends slices of its input. It tells three things apart: bytes
//! that are no frame, after which nothing on the connection makes sense; a
//! message that is a frame but breaks its schema, which is one message lost;
//! and kinds nobody has told us about, which are passed over. The order of a
//! map's keys is not asked for: nothing hashes a frame. What is true of a
//! message is for `verify`, and whether its `seq` is due for whoever listens.

use std::str;

use thiserror::Error;

use super::cbor::{CborFault, Reader};
use crate::atproto::{Cid, Did, Handle, RecordPath, SyntaxFault, Tid};
use crate::limits::{FRAME_BYTES_MAX, SEQ_MAX};

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
        (1, Some(kind)) => Ok(decode_message(kind, payload)),
        (1, None) => Err(FrameFault::NoKind),
        (-1, _) => Ok(decode_error(payload)),
        (op, kind) => Ok(Frame::Unknown { op, kind, seq: find_seq(payload) }),
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

fn decode_message<'a>(kind: &'a str, payload: &'a [u8]) -> Frame<'a> {
    let message = match kind {
        "#commit" => read_commit(payload).map(Frame::Commit),
        "#sync" => read_sync(payload).map(Frame::Sync),
        "#identity" => read_identity(payload).map(Frame::Identity),
        "#account" => read_account(payload).map(Frame::Account),
        "#info" => read_info(payload).map(Frame::Info),
        _ => return Frame::Unknown { op: 1, kind: Some(kind), seq: find_seq(payload) },
    };
    message.unwrap_or_else(|fault| Frame::Malformed { kind, seq: find_seq(payload), fault })
}

fn decode_error(payload: &[u8]) -> Frame<'_> {
    let mut fields = (None, None);
    let read = each_field(payload, |name, reader| match name {
        "error" => set("error", &mut fields.0, reader.text()),
        "message" => set("message", &mut fields.1, reader.text()),
        _ => skip(reader),
    });
    match (read, fields.0) {
        (Ok(()), Some(error)) => Frame::Error { error, message: fields.1 },
        (Ok(()), None) => malformed_error(MessageFault::Missing { field: "error" }),
        (Err(fault), _) => malformed_error(fault),
    }
}

const fn malformed_error<'a>(fault: MessageFault) -> Frame<'a> {
    Frame::Malformed { kind: "error", seq: None, fault }
}

/// The `seq` of a message of which nothing else may be understood.
fn find_seq(payload: &[u8]) -> Option<u64> {
    let mut seq = None;
    let read = each_field(payload, |name, reader| match name {
        "seq" => set("seq", &mut seq, reader.unsigned()),
        _ => skip(reader),
    });
    read.ok().and(seq).filter(|seq| is_seq(*seq))
}

fn read_commit(payload: &[u8]) -> Result<CommitMessage<'_>, MessageFault> {
    let (mut seq, mut repo, mut time, mut rev, mut since) = (None, None, None, None, None);
    let (mut commit, mut too_big, mut blocks, mut ops, mut prev_data) = (None, None, None, None, None);
    each_field(payload, |name, reader| match name {
        "seq" => set("seq", &mut seq, reader.unsigned()),
        "repo" => set("repo", &mut repo, reader.text()),
        "time" => set("time", &mut time, reader.text()),
        "rev" => set("rev", &mut rev, reader.text()),
        "since" => set("since", &mut since, nullable(reader, Reader::text)),
        "commit" => set("commit", &mut commit, reader.cid()),
        "tooBig" => set("tooBig", &mut too_big, reader.boolean()),
        "blocks" => set("blocks", &mut blocks, reader.byte_string()),
        "prevData" => set("prevData", &mut prev_data, reader.cid_or_null()),
        "ops" if ops.is_some() => Err(MessageFault::Twice { field: "ops" }),
        "ops" => {
            ops = Some(read_ops(reader)?);
            Ok(())
        }
        _ => skip(reader),
    })?;
    Ok(CommitMessage {
        seq: need_seq(seq)?,
        repo: need("repo", repo).and_then(|text| syntax("repo", Did::parse(text)))?,
        time: need("time", time)?,
        rev: need("rev", rev).and_then(|text| syntax("rev", Tid::parse(text)))?,
        since: since.flatten().map(|text| syntax("since", Tid::parse(text))).transpose()?,
        commit: need("commit", commit)?,
        too_big: too_big.unwrap_or(false),
        blocks: need("blocks", blocks)?,
        ops: need("ops", ops)?,
        prev_data: prev_data.flatten(),
    })
}

fn read_ops<'a>(reader: &mut Reader<'a>) -> Result<Vec<Op<'a>>, MessageFault> {
    let type_fault = |fault| MessageFault::Type { field: "ops", fault };
    let count = reader.array().map_err(type_fault)?;
    let mut ops = Vec::new();
    for _ in 0..count {
        ops.push(read_op(reader)?);
    }
    Ok(ops)
}

fn read_op<'a>(reader: &mut Reader<'a>) -> Result<Op<'a>, MessageFault> {
    let (mut action, mut path, mut cid, mut prev) = (None, None, None, None);
    fields_here(reader, |name, reader| match name {
        "action" => set("action", &mut action, reader.text()),
        "path" => set("path", &mut path, reader.text()),
        "cid" => set("cid", &mut cid, reader.cid_or_null()),
        "prev" => set("prev", &mut prev, reader.cid_or_null()),
        _ => skip(reader),
    })?;
    let path: &str = need("path", path)?;
    syntax("path", RecordPath::check(path.as_bytes()))?;
    let action = need("action", action).and_then(Action::parse)?;
    Ok(Op { action, path, cid: cid.flatten(), prev: prev.flatten() })
}

fn read_sync(payload: &[u8]) -> Result<SyncMessage<'_>, MessageFault> {
    let (mut seq, mut did, mut time, mut rev, mut blocks) = (None, None, None, None, None);
    each_field(payload, |name, reader| match name {
        "seq" => set("seq", &mut seq, reader.unsigned()),
        "did" => set("did", &mut did, reader.text()),
        "time" => set("time", &mut time, reader.text()),
        "rev" => set("rev", &mut rev, reader.text()),
        "blocks" => set("blocks", &mut blocks, reader.byte_string()),
        _ => skip(reader),
    })?;
    Ok(SyncMessage {
        seq: need_seq(seq)?,
        did: need("did", did).and_then(|text| syntax("did", Did::parse(text)))?,
        time: need("time", time)?,
        rev: need("rev", rev).and_then(|text| syntax("rev", Tid::parse(text)))?,
        blocks: need("blocks", blocks)?,
    })
}

fn read_identity(payload: &[u8]) -> Result<IdentityMessage<'_>, MessageFault> {
    let (mut seq, mut did, mut time, mut handle) = (None, None, None, None);
    each_field(payload, |name, reader| match name {
        "seq" => set("seq", &mut seq, reader.unsigned()),
        "did" => set("did", &mut did, reader.text()),
        "time" => set("time", &mut time, reader.text()),
        "handle" => set("handle", &mut handle, nullable(reader, Reader::text)),
        _ => skip(reader),
    })?;
    Ok(IdentityMessage {
        seq: need_seq(seq)?,
        did: need("did", did).and_then(|text| syntax("did", Did::parse(text)))?,
        time: need("time", time)?,
        handle: handle.flatten().and_then(|text| Handle::parse(text).ok()),
    })
}

fn read_account(payload: &[u8]) -> Result<AccountMessage<'_>, MessageFault> {
    let (mut seq, mut did, mut time, mut active, mut status) = (None, None, None, None, None);
    each_field(payload, |name, reader| match name {
        "seq" => set("seq", &mut seq, reader.unsigned()),
        "did" => set("did", &mut did, reader.text()),
        "time" => set("time", &mut time, reader.text()),
        "active" => set("active", &mut active, reader.boolean()),
        "status" => set("status", &mut status, nullable(reader, Reader::text)),
        _ => skip(reader),
    })?;
    Ok(AccountMessage {
        seq: need_seq(seq)?,
        did: need("did", did).and_then(|text| syntax("did", Did::parse(text)))?,
        time: need("time", time)?,
        active: need("active", active)?,
        status: status.flatten(),
    })
}

fn read_info(payload: &[u8]) -> Result<InfoMessage<'_>, MessageFault> {
    let (mut name, mut message) = (None, None);
    each_field(payload, |field, reader| match field {
        "name" => set("name", &mut name, reader.text()),
        "message" => set("message", &mut message, nullable(reader, Reader::text)),
        _ => skip(reader),
    })?;
    Ok(InfoMessage { name: need("name", name)?, message: message.flatten() })
}

/// Hands out each field's name with the reader standing before its value.
fn each_field<'a>(
    payload: &'a [u8],
    field: impl FnMut(&'a str, &mut Reader<'a>) -> Result<(), MessageFault>,
) -> Result<(), MessageFault> {
    fields_here(&mut Reader::new(payload), field)
}

fn fields_here<'a>(
    reader: &mut Reader<'a>,
    mut field: impl FnMut(&'a str, &mut Reader<'a>) -> Result<(), MessageFault>,
) -> Result<(), MessageFault> {
    for _ in 0..reader.map().map_err(MessageFault::NotAMap)? {
        let name = reader.text().map_err(MessageFault::NotAMap)?;
        field(name, reader)?;
    }
    Ok(())
}

fn skip(reader: &mut Reader<'_>) -> Result<(), MessageFault> {
    reader.skip().map_err(MessageFault::NotAMap)
}

fn set<T>(
    field: &'static str,
    place: &mut Option<T>,
    value: Result<T, CborFault>,
) -> Result<(), MessageFault> {
    let value = value.map_err(|fault| MessageFault::Type { field, fault })?;
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(MessageFault::Twice { field }),
    }
}

fn nullable<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, CborFault>,
) -> Result<Option<T>, CborFault> {
    if reader.null() { Ok(None) } else { read(reader).map(Some) }
}

fn need<T>(field: &'static str, value: Option<T>) -> Result<T, MessageFault> {
    value.ok_or(MessageFault::Missing { field })
}

fn need_seq(seq: Option<u64>) -> Result<u64, MessageFault> {
    match need("seq", seq)? {
        seq if is_seq(seq) => Ok(seq),
        seq => Err(MessageFault::Seq { seq }),
    }
}

const fn is_seq(seq: u64) -> bool {
    1 <= seq && seq <= SEQ_MAX
}

fn syntax<T>(field: &'static str, parsed: Result<T, SyntaxFault>) -> Result<T, MessageFault> {
    parsed.map_err(|fault| MessageFault::Syntax { field, fault })
}
