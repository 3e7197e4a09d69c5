//! Frames written, for hosts made up in tests and for what `decode` is held
//! against. Keys are in canonical order, so that strict readers take them.

use super::{AccountMessage, CommitMessage, Frame, IdentityMessage, InfoMessage, Op, SyncMessage};
use crate::repo::cbor;

/// The bytes of a frame. A malformed message has none of its own: it is
/// written as its kind and `seq`, which is malformed too.
pub fn encode(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let (op, kind) = match frame {
        Frame::Commit(_) => (1, Some("#commit")),
        Frame::Sync(_) => (1, Some("#sync")),
        Frame::Identity(_) => (1, Some("#identity")),
        Frame::Account(_) => (1, Some("#account")),
        Frame::Info(_) => (1, Some("#info")),
        Frame::Error { .. } => (-1, None),
        Frame::Unknown { op, kind, .. } => (*op, *kind),
        Frame::Malformed { kind, .. } => (1, Some(*kind)),
    };
    let mut header = Fields::default();
    header.integer("op", op);
    header.optional("t", kind, Fields::text);
    header.write(&mut out);
    payload(frame).write(&mut out);
    out
}

fn payload(frame: &Frame<'_>) -> Fields {
    match frame {
        Frame::Commit(message) => commit(message),
        Frame::Sync(message) => sync(message),
        Frame::Identity(message) => identity(message),
        Frame::Account(message) => account(message),
        Frame::Info(message) => info(message),
        Frame::Error { error, message } => {
            let mut fields = Fields::default();
            fields.text("error", error);
            fields.optional("message", *message, Fields::text);
            fields
        }
        Frame::Unknown { seq, .. } | Frame::Malformed { seq, .. } => {
            let mut fields = Fields::default();
            fields.optional("seq", *seq, Fields::unsigned);
            fields
        }
    }
}

fn commit(message: &CommitMessage<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.unsigned("seq", message.seq);
    fields.text("repo", message.repo.as_str());
    fields.text("time", message.time);
    fields.text("rev", &message.rev.to_string());
    let since = message.since.map(|since| since.to_string());
    fields.with("since", |out| match &since {
        Some(since) => cbor::write_text(since, out),
        None => cbor::write_null(out),
    });
    fields.with("commit", |out| cbor::write_cid(message.commit, out));
    fields.with("tooBig", |out| cbor::write_bool(message.too_big, out));
    fields.with("rebase", |out| cbor::write_bool(false, out));
    fields.with("blocks", |out| cbor::write_bytes(message.blocks, out));
    fields.with("blobs", |out| cbor::write_head(cbor::ARRAY, 0, out));
    fields.with("ops", |out| {
        cbor::write_head(cbor::ARRAY, message.ops.len() as u64, out);
        for each in &message.ops {
            op(each).write(out);
        }
    });
    if let Some(prev_data) = message.prev_data {
        fields.with("prevData", |out| cbor::write_cid(prev_data, out));
    }
    fields
}

fn op(op: &Op<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.text("action", op.action.as_str());
    fields.text("path", op.path);
    fields.with("cid", |out| cbor::write_cid_or_null(op.cid, out));
    if let Some(prev) = op.prev {
        fields.with("prev", |out| cbor::write_cid(prev, out));
    }
    fields
}

fn sync(message: &SyncMessage<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.unsigned("seq", message.seq);
    fields.text("did", message.did.as_str());
    fields.text("time", message.time);
    fields.text("rev", &message.rev.to_string());
    fields.with("blocks", |out| cbor::write_bytes(message.blocks, out));
    fields
}

fn identity(message: &IdentityMessage<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.unsigned("seq", message.seq);
    fields.text("did", message.did.as_str());
    fields.text("time", message.time);
    fields.optional("handle", message.handle.as_ref().map(|handle| handle.as_str()), Fields::text);
    fields
}

fn account(message: &AccountMessage<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.unsigned("seq", message.seq);
    fields.text("did", message.did.as_str());
    fields.text("time", message.time);
    fields.with("active", |out| cbor::write_bool(message.active, out));
    fields.optional("status", message.status, Fields::text);
    fields
}

fn info(message: &InfoMessage<'_>) -> Fields {
    let mut fields = Fields::default();
    fields.text("name", message.name);
    fields.optional("message", message.message, Fields::text);
    fields
}

/// The entries of a map, each value encoded already.
#[derive(Default)]
struct Fields(Vec<(&'static str, Vec<u8>)>);

impl Fields {
    fn with(&mut self, name: &'static str, value: impl FnOnce(&mut Vec<u8>)) {
        let mut encoded = Vec::new();
        value(&mut encoded);
        self.0.push((name, encoded));
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.with(name, |out| cbor::write_text(value, out));
    }

    fn unsigned(&mut self, name: &'static str, value: u64) {
        self.with(name, |out| cbor::write_head(cbor::UNSIGNED, value, out));
    }

    fn integer(&mut self, name: &'static str, value: i64) {
        self.with(name, |out| match u64::try_from(value) {
            Ok(value) => cbor::write_head(cbor::UNSIGNED, value, out),
            Err(_) => cbor::write_head(cbor::NEGATIVE, value.unsigned_abs() - 1, out),
        });
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        value: Option<T>,
        field: impl FnOnce(&mut Self, &'static str, T),
    ) {
        if let Some(value) = value {
            field(self, name, value);
        }
    }

    fn write(mut self, out: &mut Vec<u8>) {
        self.0.sort_by_key(|(name, _)| (name.len(), *name));
        cbor::write_head(cbor::MAP, self.0.len() as u64, out);
        for (name, value) in &self.0 {
            cbor::write_text(name, out);
            out.extend_from_slice(value);
        }
    }
}
