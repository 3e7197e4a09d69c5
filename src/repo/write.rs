//! Writing a CAR. A repository has one canonical file: the commit, then the
//! tree in pre-order, in each node's own order: the subtree before its first
//! entry, then for each entry the record and the subtree after it.
//!
//! That is the order the specification calls streamable: a reader that holds
//! one path of nodes can check it as it comes. Where the specification leaves
//! it open, a block that is linked more than once is written at its first link
//! only, so that no file is longer than its blocks are. What is written is
//! what the blocks hold; whether they are true is for `verify`.

use std::io::{self, Write};

use super::block::Blocks;
use super::cbor;
use super::mst::walk::{Need, Walk};
use super::varint;
use crate::atproto::Cid;

/// A CAR in the making.
pub struct CarWriter<W> {
    out: W,
    head: Vec<u8>,
}

impl<W: Write> CarWriter<W> {
    pub fn begin(mut out: W, root: Cid) -> io::Result<Self> {
        let mut header = Vec::with_capacity(64);
        cbor::write_head(cbor::MAP, 2, &mut header);
        cbor::write_text("roots", &mut header);
        cbor::write_head(cbor::ARRAY, 1, &mut header);
        cbor::write_cid(root, &mut header);
        cbor::write_text("version", &mut header);
        cbor::write_head(cbor::UNSIGNED, 1, &mut header);

        let mut head = Vec::with_capacity(64);
        varint::write(header.len() as u64, &mut head);
        out.write_all(&head)?;
        out.write_all(&header)?;
        Ok(Self { out, head })
    }

    pub fn block(&mut self, cid: &Cid, bytes: &[u8]) -> io::Result<()> {
        let cid = cid.to_bytes();
        self.head.clear();
        varint::write((cid.len() + bytes.len()) as u64, &mut self.head);
        self.head.extend_from_slice(&cid);
        self.out.write_all(&self.head)?;
        self.out.write_all(bytes)
    }

    pub fn into_inner(self) -> W {
        self.out
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes the canonical CAR of the repository with this commit and this root.
///
/// `fresh` says of each record, once, whether it has not been written yet. A
/// record may have several paths; a node and the commit have one place only.
pub fn canonical(
    commit: &Cid,
    data: Cid,
    blocks: &impl Blocks,
    mut fresh: impl FnMut(&Cid) -> bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut car = CarWriter::begin(out, *commit)?;
    car.block(commit, must(blocks, commit, &mut buffer)?)?;
    let mut walk = Walk::new(data);
    loop {
        match walk.need() {
            Need::Node(subtree) => {
                let cid = subtree.cid;
                let bytes = must(blocks, &cid, &mut buffer)?;
                car.block(&cid, bytes)?;
                walk.supply(bytes).map_err(io::Error::other)?;
            }
            Need::Record { cid, .. } => {
                if fresh(&cid) {
                    car.block(&cid, must(blocks, &cid, &mut buffer)?)?;
                }
                walk.pass();
            }
            Need::Nothing => return car.finish(),
        }
    }
}

fn must<'b>(blocks: &'b impl Blocks, cid: &Cid, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no block {cid}"));
    blocks.block(cid, buffer)?.ok_or_else(missing)
}
