//! One tree for every rule of trees, each of which breaks that rule and no
//! other, and the fault it is refused with. All are signed by the account.

use counterpart::atproto::{Cid, Codec};
use counterpart::repo::cbor as write;
use counterpart::repo::commit::Commit;
use counterpart::repo::mst::layer_of;
use counterpart::repo::mst::node::Node;
use counterpart::repo::write::CarWriter;

use super::hostile_cars::assert_refused;
use super::{alice, car_of, fault, forged, record, rev, sections, signing_key, verified};

/// The first key with this beginning that belongs in this layer.
fn key_of(layer: u8, beginning: &str) -> String {
    let mut keys = (0..).map(|n| format!("com.example.note/{beginning}{n}"));
    keys.find(|key| layer_of(key.as_bytes()) == layer).unwrap()
}

fn value() -> Vec<u8> {
    record("a value")
}

fn value_cid() -> Cid {
    Cid::of_dag_cbor(&value())
}

fn encoded(node: &Node) -> Vec<u8> {
    let mut bytes = Vec::new();
    node.encode(&mut bytes);
    bytes
}

fn leaf(keys: &[&str]) -> Vec<u8> {
    let mut node = Node::default();
    for key in keys {
        node.push(key.as_bytes(), value_cid());
    }
    encoded(&node)
}

/// A tree of one node, whatever its bytes are, and a record.
fn car_of_root(root: &[u8]) -> Vec<u8> {
    forged(Cid::of_dag_cbor(root), [root.to_vec(), value()])
}

fn car_of_tree(root: &[u8], below: &[Vec<u8>]) -> Vec<u8> {
    let blocks: Vec<_> = [root.to_vec()].into_iter().chain(below.iter().cloned()).chain([value()]).collect();
    forged(Cid::of_dag_cbor(root), blocks)
}

/// An entry written by hand, so that it can be written wrongly.
struct RawEntry<'a> {
    suffix: &'a [u8],
    shared: u64,
    value: Cid,
}

fn raw_node(entries: &[RawEntry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    write::write_head(write::MAP, 2, &mut out);
    write::write_text("e", &mut out);
    write::write_head(write::ARRAY, entries.len() as u64, &mut out);
    for entry in entries {
        write::write_head(write::MAP, 4, &mut out);
        write::write_text("k", &mut out);
        write::write_bytes(entry.suffix, &mut out);
        write::write_text("p", &mut out);
        write::write_head(write::UNSIGNED, entry.shared, &mut out);
        write::write_text("t", &mut out);
        write::write_null(&mut out);
        write::write_text("v", &mut out);
        write::write_cid(entry.value, &mut out);
    }
    write::write_text("l", &mut out);
    write::write_null(&mut out);
    out
}

fn raw_entries<'a>(entries: &[(&'a str, u64)]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(suffix, shared): &(&'a str, u64)| RawEntry {
            suffix: suffix.as_bytes(),
            shared: *shared,
            value: value_cid(),
        })
        .collect();
    raw_node(&entries)
}

#[test]
fn a_node_must_be_canonical() {
    let key = key_of(0, "a");
    let good = leaf(&[&key]);
    assert!(verified(&car_of_root(&good)).is_ok());
    let changed =
        |from: usize, to: usize, new: &[u8]| car_of_root(&[&good[..from], new, &good[to..]].concat());
    let end = good.len();
    assert_refused(&changed(end, end, &[0x00]), "cbor_trailing");
    assert_refused(&changed(end - 1, end, &[]), "cbor_truncated");
    assert_refused(&changed(end - 3, end, &[]), "cbor_key");
    assert_refused(&changed(0, 1, &[0xa3]), "cbor_unexpected");
    assert_refused(&changed(0, 1, &[0xbf]), "cbor_indefinite");
    assert_refused(&changed(0, 1, &[0xb8, 0x02]), "cbor_not_minimal");
    assert_refused(&changed(3, 4, &[0x9b, 0, 0, 0, 0, 0, 0, 0, 1]), "cbor_not_minimal");
    assert_refused(&changed(3, 4, &[0x9f]), "cbor_indefinite");
    assert_refused(&changed(end - 1, end, &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0]), "cbor_float");
    let link = good.windows(2).position(|window| window == [0xd8, 0x2a]).unwrap();
    assert_refused(&changed(link + 1, link + 2, &[0x2b]), "cbor_tag");
    assert_refused(&changed(link + 4, link + 5, &[0x01]), "cbor_link_prefix");
    // The first letter of an entry's `k` made another, so that the keys are in another order.
    assert_refused(&changed(6, 7, b"q"), "cbor_key");
}

#[test]
fn a_declared_number_of_entries_is_not_believed() {
    let mut node = b"\xa2\x61e\x9b\x00\x00\x7f\xff\xff\xff\xff\xff".to_vec();
    node.extend_from_slice(&[0; 100]);
    assert_refused(&car_of_root(&node), "node_too_many_entries");
    assert_refused(&car_of_root(b"\xa2\x61e\x98\xff"), "cbor_truncated");
}

#[test]
fn a_node_has_a_largest_size_and_number_of_entries() {
    let keys: Vec<_> = {
        let keys = (0..).map(|n| format!("com.example.note/{n:06}"));
        keys.filter(|key| layer_of(key.as_bytes()) == 0).take(257).collect()
    };
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    assert!(verified(&car_of_root(&leaf(&keys[..256]))).is_ok());
    assert_refused(&car_of_root(&leaf(&keys)), "node_too_many_entries");
    let mut long = leaf(&keys[..1]);
    long.resize((256 << 10) + 1, 0);
    assert_refused(&car_of_root(&long), "node_too_large");
}

#[test]
fn the_shared_beginnings_of_keys_are_exactly_what_is_shared() {
    let (first, second) = (key_of(0, "a"), key_of(0, "b"));
    assert!(verified(&car_of_root(&raw_entries(&[(&first, 0), (&second[17..], 17)]))).is_ok());
    assert_refused(&car_of_root(&raw_entries(&[(&first[3..], 3)])), "node_first_prefix");
    let too_long = first.len() as u64 + 1;
    assert_refused(&car_of_root(&raw_entries(&[(&first, 0), ("x", too_long)])), "node_prefix_too_long");
    assert_refused(&car_of_root(&raw_entries(&[(&first, 0), ("x", u64::MAX)])), "node_prefix_too_long");
    assert_refused(
        &car_of_root(&raw_entries(&[(&first, 0), (&second[16..], 16)])),
        "node_prefix_not_maximal",
    );
    assert_refused(&car_of_root(&raw_entries(&[(&first, 0), (&second, 0)])), "node_prefix_not_maximal");
}

#[test]
fn keys_within_a_node_ascend() {
    let (first, second) = (key_of(0, "a"), key_of(0, "b"));
    assert_refused(&car_of_root(&raw_entries(&[(&second, 0), (&first[17..], 17)])), "node_key_order");
    let all = first.len() as u64;
    assert_refused(&car_of_root(&raw_entries(&[(&first, 0), ("", all)])), "node_key_order");
    assert_refused(&car_of_root(&raw_entries(&[(&first, 0), ("", all - 1)])), "node_key_order");
}

#[test]
fn keys_are_paths_of_records() {
    for key in ["", "a", "com.example.note", "com.example.note/", "com.example.note/a/b", "note/a", "/a"] {
        assert_refused(&car_of_root(&leaf(&[key])), "node_key_syntax");
    }
    for key in ["com.example.note/.", "com.example.note/..", "com.example.note/ä", "com.example.note/a b"] {
        assert_refused(&car_of_root(&leaf(&[key])), "node_key_syntax");
    }
    // The collection of the key before is remembered; the rest is looked at all the same.
    assert_refused(&car_of_root(&leaf(&["com.example.note/a", "com.example.note/b/c"])), "node_key_syntax");
    assert_refused(&car_of_root(&leaf(&["com.example.note/a", "com.example.notes"])), "node_key_syntax");
    let not_utf8 = raw_node(&[RawEntry { suffix: b"com.example.note/\xff", shared: 0, value: value_cid() }]);
    assert_refused(&car_of_root(&not_utf8), "node_key_syntax");
    let long = format!("com.example.note/{}", "x".repeat(1008));
    assert_refused(&car_of_root(&leaf(&[&long])), "node_key_too_long");
}

#[test]
fn links_are_of_the_kinds_they_must_be() {
    let key = key_of(0, "a");
    let raw = Cid::from_digest(Codec::Raw, *value_cid().digest());
    let mut node = Node::default();
    node.push(key_of(1, "b").as_bytes(), value_cid());
    node.push_subtree(raw);
    assert_refused(&car_of_root(&encoded(&node)), "node_child_codec");
    let mut foreign = leaf(&[&key]);
    let at = foreign.windows(4).position(|window| window == [0x01, 0x71, 0x12, 0x20]).unwrap();
    foreign[at + 2] = 0x13;
    assert_refused(&car_of_root(&foreign), "cbor_link");
}

/// A leaf that links its record as raw bytes is odd, but it can be kept.
#[test]
fn a_record_linked_as_raw_is_kept_as_it_is() {
    let bytes = value();
    let raw = Cid::of_raw(&bytes);
    let root = raw_node(&[RawEntry { suffix: key_of(0, "a").as_bytes(), shared: 0, value: raw }]);
    let mut writer_out = Vec::new();
    let commit = Commit::signed(alice(), rev(1), Cid::of_dag_cbor(&root), &signing_key()).encode();
    let commit_cid = Cid::of_dag_cbor(&commit);
    let mut writer = CarWriter::begin(&mut writer_out, commit_cid).unwrap();
    writer.block(&commit_cid, &commit).unwrap();
    writer.block(&Cid::of_dag_cbor(&root), &root).unwrap();
    // The same bytes under the other codec are another block.
    writer.block(&value_cid(), &bytes).unwrap();
    let without = writer_out.clone();
    let mut writer = CarWriter::begin(Vec::new(), commit_cid).unwrap();
    writer.block(&raw, &bytes).unwrap();
    let section = writer.into_inner();
    writer_out.extend_from_slice(&section[sections(&section)[0].end..]);

    assert_refused(&without, "record_missing");
    let snapshot = verified(&writer_out).unwrap();
    assert_eq!(snapshot.records().next_record().unwrap().unwrap().cid, raw);
    assert_eq!(snapshot.counts().extra_blocks(), 1);
}

#[test]
fn what_is_linked_must_be_there() {
    let key = key_of(0, "a");
    let root = leaf(&[&key]);
    let cid = Cid::of_dag_cbor(&root);
    assert_refused(&forged(cid, [root]), "record_missing");
    assert_refused(&forged(cid, [value()]), "node_missing");
    let elsewhere = car_of(&record("no commit"), [value()]);
    assert_refused(&elsewhere, "commit_malformed");
}

#[test]
fn every_key_is_in_its_layer() {
    let (low, high) = (key_of(0, "a"), key_of(1, "b"));
    assert_refused(&car_of_root(&leaf(&[&low, &high])), "node_mixed_layers");
    // A node of layer 0 below one of layer 2, with no node between.
    let below = leaf(&[&low]);
    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&below));
    top.push(key_of(2, "b").as_bytes(), value_cid());
    assert_refused(&car_of_tree(&encoded(&top), &[below]), "node_layer");
    // The other way round.
    let below = leaf(&[&key_of(2, "a")]);
    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&below));
    top.push(high.as_bytes(), value_cid());
    assert_refused(&car_of_tree(&encoded(&top), &[below]), "node_layer");
}

#[test]
fn nothing_hangs_below_the_bottom() {
    let below = leaf(&[&key_of(0, "a")]);
    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&below));
    top.push(key_of(0, "b").as_bytes(), value_cid());
    assert_refused(&car_of_tree(&encoded(&top), &[below]), "node_below_bottom");
}

#[test]
fn empty_nodes_are_in_the_middle_only() {
    let empty = encoded(&Node::default());
    assert!(verified(&car_of_root(&empty)).is_ok());

    let below = leaf(&[&key_of(0, "a")]);
    let mut middle = Node::default();
    middle.push_subtree(Cid::of_dag_cbor(&below));
    let middle = encoded(&middle);
    assert_refused(&car_of_tree(&middle, std::slice::from_ref(&below)), "node_empty_top");

    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&middle));
    top.push(key_of(2, "b").as_bytes(), value_cid());
    assert!(verified(&car_of_tree(&encoded(&top), &[middle, below])).is_ok());

    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&empty));
    top.push(key_of(1, "b").as_bytes(), value_cid());
    assert_refused(&car_of_tree(&encoded(&top), &[empty]), "node_empty");
}

#[test]
fn keys_of_a_subtree_lie_between_their_neighbours() {
    let (a, b, c) = (key_of(0, "a"), key_of(1, "b"), key_of(0, "c"));
    let tree = |left: &str, right: &str| {
        let (left, right) = (leaf(&[left]), leaf(&[right]));
        let mut top = Node::default();
        top.push_subtree(Cid::of_dag_cbor(&left));
        top.push(b.as_bytes(), value_cid());
        top.push_subtree(Cid::of_dag_cbor(&right));
        car_of_tree(&encoded(&top), &[left, right])
    };
    assert!(verified(&tree(&a, &c)).is_ok());
    assert_refused(&tree(&c, &key_of(0, "d")), "node_key_above_range");
    assert_refused(&tree(&a, &key_of(0, "aa")), "node_key_below_range");
}

/// Neighbours further up bind as well: two layers down, in an outermost node.
#[test]
fn the_neighbour_of_a_whole_branch_binds_its_last_node() {
    let deep = leaf(&[&key_of(0, "z")]);
    let mut middle = Node::default();
    middle.push(key_of(1, "b").as_bytes(), value_cid());
    middle.push_subtree(Cid::of_dag_cbor(&deep));
    let middle = encoded(&middle);
    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&middle));
    top.push(key_of(2, "c").as_bytes(), value_cid());
    assert_refused(&car_of_tree(&encoded(&top), &[middle, deep]), "node_key_above_range");
}

/// Forty layers, each linking the one below twice, would make 2^40 steps.
#[test]
fn a_subtree_linked_twice_is_refused_where_it_is_met_again() {
    let below = leaf(&[&key_of(0, "a")]);
    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&below));
    top.push(key_of(1, "b").as_bytes(), value_cid());
    top.push_subtree(Cid::of_dag_cbor(&below));
    assert_refused(&car_of_tree(&encoded(&top), &[below]), "node_key_below_range");
}

#[test]
fn a_chain_of_empty_nodes_ends_at_the_bottom() {
    let mut below = encoded(&Node::default());
    let mut chain = vec![below.clone()];
    for _ in 0..60 {
        let mut node = Node::default();
        node.push_subtree(Cid::of_dag_cbor(&below));
        below = encoded(&node);
        chain.push(below.clone());
    }
    let mut top = Node::default();
    top.push_subtree(Cid::of_dag_cbor(&below));
    top.push(key_of(3, "b").as_bytes(), value_cid());
    assert_refused(&car_of_tree(&encoded(&top), &chain), "node_below_bottom");
}

#[test]
fn refusing_costs_no_more_memory_than_was_sent() {
    // 2^30 keys declared, 2^62 bytes declared, in files of a hundred bytes.
    for node in
        [&b"\xa2\x61e\x9a\x40\x00\x00\x00"[..], b"\xa2\x61e\x81\xa4\x61k\x5b\x40\x00\x00\x00\x00\x00\x00\x00"]
    {
        let car = car_of_root(node);
        fault(verified(&car));
    }
}
