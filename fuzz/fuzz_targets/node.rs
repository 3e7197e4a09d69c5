//! One node of a tree: read strictly, or not at all. What is read is written
//! again as the same bytes, and a slow reader that goes by the rules one after
//! the other takes and refuses the same nodes.

#![no_main]

use counterpart::atproto::{Cid, Codec, RecordPath};
use counterpart::repo::mst::layer_of;
use counterpart::repo::mst::node::{Node, PathRule};
use counterpart_fuzz::Tally;
use ipld_core::ipld::Ipld;
use libfuzzer_sys::fuzz_target;

static TALLY: Tally = Tally::new("node");

fuzz_target!(|bytes: &[u8]| {
    let (mut node, mut paths) = (Node::default(), PathRule::default());
    let read = node.read(bytes, &mut paths);
    let twin = slow_twin(bytes);
    assert_eq!(read.is_ok(), twin.is_some(), "{read:?}, the slow twin reads {twin:?}");
    TALLY.count(read.is_ok());
    let Some(twin) = twin else {
        return;
    };

    let mut again = Vec::new();
    node.encode(&mut again);
    assert_eq!(again, bytes, "it is written otherwise than it was read");
    assert_eq!(node.left, twin.left);
    assert_eq!(node.len(), twin.entries.len());
    for (at, (key, value, right)) in twin.entries.iter().enumerate() {
        assert_eq!((node.key(at), node.value(at), node.subtree(at + 1)), (&key[..], *value, *right));
    }
    let layers: Vec<_> = twin.entries.iter().map(|(key, ..)| layer_of(key)).collect();
    let is_one = layers.windows(2).all(|pair| pair[0] == pair[1]);
    assert_eq!(node.layer().ok(), is_one.then(|| layers.first().copied()));

    // Buffers and rules that were used before must not show.
    let mut used = node.clone();
    assert!(used.read(bytes, &mut paths).is_ok(), "it is refused the second time");
    let mut thrice = Vec::new();
    used.encode(&mut thrice);
    assert_eq!(thrice, bytes);
});

#[derive(Debug)]
struct Twin {
    left: Option<Cid>,
    entries: Vec<(Vec<u8>, Cid, Option<Cid>)>,
}

/// A node by the letter of the specification, read with the library everybody uses.
fn slow_twin(bytes: &[u8]) -> Option<Twin> {
    if bytes.len() > 256 << 10 {
        return None;
    }
    let node: Ipld = serde_ipld_dagcbor::from_slice(bytes).ok()?;
    // It takes some things that are not canonical, but writes none.
    (serde_ipld_dagcbor::to_vec(&node).ok()? == bytes).then_some(())?;
    let Ipld::Map(mut fields) = node else {
        return None;
    };
    let (Ipld::List(raw), left) = (fields.remove("e")?, child(fields.remove("l")?)?) else {
        return None;
    };
    if !fields.is_empty() || raw.len() > 256 {
        return None;
    }
    let mut entries: Vec<(Vec<u8>, Cid, Option<Cid>)> = Vec::new();
    for entry in raw {
        let Ipld::Map(mut fields) = entry else {
            return None;
        };
        let (Ipld::Bytes(suffix), Ipld::Integer(shared)) = (fields.remove("k")?, fields.remove("p")?) else {
            return None;
        };
        let (right, Ipld::Link(value)) = (child(fields.remove("t")?)?, fields.remove("v")?) else {
            return None;
        };
        let before = entries.last().map_or(&[][..], |(key, ..)| key);
        let key = [before.get(..usize::try_from(shared).ok()?)?, &suffix].concat();
        let most = key.iter().zip(before).take_while(|(ours, theirs)| ours == theirs).count();
        let is_path = RecordPath::parse(std::str::from_utf8(&key).ok()?).is_ok();
        if !fields.is_empty() || most as i128 != shared || *key <= *before || key.len() > 1024 || !is_path {
            return None;
        }
        entries.push((key, Cid::try_from(&value).ok()?, right));
    }
    Some(Twin { left, entries })
}

/// A link to a node, or none.
fn child(value: Ipld) -> Option<Option<Cid>> {
    match value {
        Ipld::Null => Some(None),
        Ipld::Link(cid) => {
            let cid = Cid::try_from(&cid).ok()?;
            (cid.codec() == Codec::DagCbor).then_some(Some(cid))
        }
        _ => None,
    }
}
