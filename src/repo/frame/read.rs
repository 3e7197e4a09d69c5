//! Messages read field by field. What is not well-formed CBOR was refused
//! before; what is found here is a message that breaks its schema.

use super::{
    AccountMessage, Action, CommitMessage, Frame, IdentityMessage, InfoMessage, MessageFault, Op, SyncMessage,
};
use crate::atproto::{Did, Handle, RecordPath, SyntaxFault, Tid};
use crate::limits::SEQ_MAX;
use crate::repo::cbor::{CborFault, Reader};

pub(super) fn message<'a>(kind: &'a str, payload: &'a [u8]) -> Frame<'a> {
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

pub(super) fn error(payload: &[u8]) -> Frame<'_> {
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
pub(super) fn find_seq(payload: &[u8]) -> Option<u64> {
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
