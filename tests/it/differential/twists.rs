//! What can be wrong with a tree, done to one of its nodes. Some twists leave
//! a valid tree of other records, which is the point: whether one does is for
//! the verifiers to say.

use counterpart::repo::mst::layer_of;

use super::dice::Dice;
use super::tree::{Knot, ODD_FORMS, Shared};

/// Bends the tree at one place and says how; `None` when that could not be
/// done where the dice fell.
pub fn twist(root: &mut Knot, dice: &mut Dice) -> Option<&'static str> {
    if dice.one_in(16) {
        let top = std::mem::take(root);
        root.left = Some(Box::new(top));
        return Some("an empty node above the top");
    }
    let others = root.values();
    let at = dice.below(root.count());
    let knot = root.nth(at);
    match dice.below(4) {
        0 => twist_links(knot, dice),
        1 if !knot.entries.is_empty() => twist_key(knot, dice),
        2 if !knot.entries.is_empty() => twist_entry(knot, &others, dice),
        3 => Some(twist_form(knot, dice)),
        _ => None,
    }
}

fn twist_links(knot: &mut Knot, dice: &mut Dice) -> Option<&'static str> {
    let kind = dice.below(6);
    let mut gaps = knot.gaps();
    let (some, none): (Vec<_>, Vec<_>) = (0..gaps.len()).partition(|gap| gaps[*gap].is_some());
    if kind == 0 && !none.is_empty() {
        *gaps[*dice.pick(&none)] = Some(Box::default());
        return Some("a node of nothing");
    }
    if some.is_empty() {
        return None;
    }
    let at = *dice.pick(&some);
    match kind {
        1 => {
            *gaps[at] = None;
            Some("a subtree gone")
        }
        2 => {
            let below = gaps[at].take()?;
            *gaps[at] = Some(Box::new(Knot { left: Some(below), ..Knot::default() }));
            Some("a layer too many")
        }
        3 => {
            let below = gaps[at].as_mut()?.gaps().into_iter().find_map(Option::take)?;
            *gaps[at] = Some(below);
            Some("a layer skipped")
        }
        4 => {
            let to = dice.below(gaps.len());
            let copy = gaps[at].clone();
            *gaps[to] = copy;
            (to != at).then_some("one subtree in two places")
        }
        _ => {
            let to = dice.below(gaps.len());
            let one = gaps[at].take();
            let other = std::mem::replace(gaps[to], one);
            *gaps[at] = other;
            (to != at).then_some("subtrees in each other's places")
        }
    }
}

const NO_PATHS: [&[u8]; 9] = [
    b"com.example.note",
    b"com.example.note/a/b",
    b"com.example.note/a b",
    b"com.example.note/\xff",
    b"com.example.note/",
    b"com.example.note/..",
    b"example/a",
    b"",
    b"com.example.note/\xc3\xa9",
];

fn twist_key(knot: &mut Knot, dice: &mut Dice) -> Option<&'static str> {
    let at = dice.below(knot.entries.len());
    match dice.below(5) {
        0 if at > 0 => {
            let (before, rest) = knot.entries.split_at_mut(at);
            std::mem::swap(&mut before[at - 1].key, &mut rest[0].key);
            Some("keys in each other's places")
        }
        1 => {
            let twin = knot.entries[at].clone();
            knot.entries.insert(at, twin);
            Some("a key twice")
        }
        2 => {
            knot.entries[at].key = dice.pick(&NO_PATHS).to_vec();
            Some("a key that is no path")
        }
        3 => {
            let key = &mut knot.entries[at].key;
            let layer = layer_of(key);
            (0..60).find(|n| {
                key.push(b'a' + n % 26);
                layer_of(key) != layer
            })?;
            Some("a key of another layer")
        }
        _ => {
            let key = &mut knot.entries[at].key;
            let (layer, last) = (layer_of(key), key.len() - 1);
            (b'0'..=b'z').filter(u8::is_ascii_alphanumeric).find(|letter| {
                let old = std::mem::replace(&mut key[last], *letter);
                old != *letter && layer_of(key) == layer
            })?;
            Some("a key changed")
        }
    }
}

fn twist_entry(knot: &mut Knot, others: &[Vec<u8>], dice: &mut Dice) -> Option<&'static str> {
    let at = dice.below(knot.entries.len());
    match dice.below(7) {
        0 => {
            knot.entries[at].shared = Shared::Less(1 + dice.below(4));
            (at > 0).then_some("a prefix shorter than it could be")
        }
        1 => {
            knot.entries[at].shared = Shared::More(1 + dice.below(3) as u64);
            Some("a prefix of more than there is")
        }
        2 => {
            knot.entries.remove(at);
            Some("an entry gone, with what came after it")
        }
        3 => {
            knot.entries[at].value = dice.pick(others).clone();
            Some("the record of another path")
        }
        4 => {
            // The same digest, said to be of raw bytes, or of another function.
            let (place, byte) = *dice.pick(&[(1, 0x55), (1, 0x70), (2, 0x16), (0, 0x00)]);
            knot.entries[at].value[place] = byte;
            Some("a record by another kind of CID")
        }
        5 => {
            knot.entries[at].value[35] ^= 1;
            Some("a record that is nowhere")
        }
        _ => {
            knot.entries[at].value.truncate(dice.below(36));
            Some("half a CID")
        }
    }
}

fn twist_form(knot: &mut Knot, dice: &mut Dice) -> &'static str {
    match dice.below(4) {
        0 => {
            knot.raw = true;
            "a node by the codec of blobs"
        }
        1 => {
            knot.withheld = true;
            "a node withheld"
        }
        _ => {
            knot.form = *dice.pick(&ODD_FORMS);
            "a node written oddly"
        }
    }
}
