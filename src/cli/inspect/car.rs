//! `counterpart inspect car`: head, counts, collections, sizes, blobs.
//!
//! The repository has been found whole before anything is said of it. Whose it
//! is has not been checked; `verify` does that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::{Answer, Failed, car, print, print_json};
use crate::repo::{Blocks, record};

#[derive(Default)]
struct Collection {
    records: u64,
    bytes: u64,
    largest: u64,
    blobs: BTreeSet<String>,
}

pub fn show(file: &Path, Answer { json }: Answer) -> Result<(), Failed> {
    let whole = super::whole(file)?;
    let mut collections: BTreeMap<String, Collection> = BTreeMap::new();
    let mut records = whole.records();
    let mut buffer = Vec::new();
    while let Some(record) = records.next_record().map_err(car::unreadable)? {
        let bytes = whole.block(&record.cid, &mut buffer).map_err(car::unreadable)?.unwrap_or_default();
        let name = record.path.split('/').next().unwrap_or(record.path);
        let collection = collections.entry(name.to_owned()).or_default();
        collection.records += 1;
        collection.bytes += bytes.len() as u64;
        collection.largest = collection.largest.max(bytes.len() as u64);
        collection.blobs.extend(record::scan(bytes).blobs.iter().map(|blob| blob.link.to_string()));
    }
    let (commit, counts) = (whole.commit(), whole.counts());
    let blobs: BTreeSet<&String> = collections.values().flat_map(|collection| &collection.blobs).collect();
    if json {
        let of = |collection: &Collection| {
            let Collection { records, bytes, largest, blobs } = collection;
            json!({ "records": records, "bytes": bytes, "largest": largest, "blobs": blobs.len() })
        };
        let by_name: BTreeMap<_, Value> = collections.iter().map(|(name, found)| (name, of(found))).collect();
        return print_json(&json!({
            "did": commit.did.as_str(),
            "rev": commit.rev.to_string(),
            "commit": whole.commit_cid().to_string(),
            "data": commit.data.to_string(),
            "records": counts.records,
            "nodes": counts.nodes,
            "blocks": counts.reached_blocks,
            "bytes": counts.reached_bytes,
            "extraBlocks": counts.extra_blocks(),
            "extraBytes": counts.extra_bytes(),
            "blobs": blobs,
            "collections": by_name,
        }));
    }
    let mut text = String::new();
    let _ = writeln!(text, "{} at revision {}, unsigned for all we know", commit.did, commit.rev);
    let _ = writeln!(text, "  commit {}\n  tree   {}", whole.commit_cid(), commit.data);
    let _ = writeln!(
        text,
        "  {} records, {} nodes, {} bytes, {} blobs named; {} extra blocks",
        counts.records,
        counts.nodes,
        counts.reached_bytes,
        blobs.len(),
        counts.extra_blocks()
    );
    for (name, Collection { records, bytes, largest, blobs }) in &collections {
        let _ = writeln!(
            text,
            "  {name}: {records} records, {bytes} bytes, the largest {largest}, {} blobs",
            blobs.len()
        );
    }
    print(text.as_bytes())
}
