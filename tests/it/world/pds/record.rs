//! Records and blobs as clients write them.

use counterpart::atproto::{Cid, RecordPath};
use ipld_core::ipld::Ipld;

pub const COLLECTION: &str = "com.example.note";

/// A blob that an account uploaded, as its records refer to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlobRef {
    pub cid: Cid,
    pub mime: String,
    pub size: usize,
}

/// What is done to one path. Creating what is there, or changing what is not,
/// is refused by a host and panics here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    Create { path: RecordPath, record: Vec<u8> },
    Update { path: RecordPath, record: Vec<u8> },
    Delete { path: RecordPath },
}

pub fn create(rkey: &str, record: Vec<u8>) -> Write {
    Write::Create { path: path(rkey), record }
}

pub fn update(rkey: &str, record: Vec<u8>) -> Write {
    Write::Update { path: path(rkey), record }
}

pub fn delete(rkey: &str) -> Write {
    Write::Delete { path: path(rkey) }
}

pub fn path(rkey: &str) -> RecordPath {
    RecordPath::parse(&format!("{COLLECTION}/{rkey}")).unwrap()
}

pub fn note(text: &str) -> Vec<u8> {
    note_with(text, &[])
}

pub fn note_with(text: &str, blobs: &[&BlobRef]) -> Vec<u8> {
    let mut record = ipld_map([("$type", string(COLLECTION)), ("text", string(text))]);
    if let (Ipld::Map(fields), [_, ..]) = (&mut record, blobs) {
        fields.insert("blobs".to_owned(), Ipld::List(blobs.iter().map(|blob| blob_ipld(blob)).collect()));
    }
    serde_ipld_dagcbor::to_vec(&record).unwrap()
}

fn blob_ipld(blob: &BlobRef) -> Ipld {
    let link = ipld_core::cid::Cid::try_from(&blob.cid.to_bytes()[..]).unwrap();
    ipld_map([
        ("$type", string("blob")),
        ("ref", Ipld::Link(link)),
        ("mimeType", string(&blob.mime)),
        ("size", Ipld::Integer(blob.size as i128)),
    ])
}

fn ipld_map<const N: usize>(fields: [(&str, Ipld); N]) -> Ipld {
    Ipld::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn string(text: &str) -> Ipld {
    Ipld::String(text.to_owned())
}
