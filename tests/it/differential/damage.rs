//! What can happen to a CAR on its way, and what can be written in its place.

use counterpart::atproto::{Cid, Codec};
use counterpart::repo::varint;

use super::cars::{header, section, with_length};
use super::dice::Dice;

/// After the header's length, its map, the name of the roots, their array and the link's head.
const ROOT_AT: usize = 14;

/// Harms a CAR, which is given as its sections, and says how. Some harm is
/// none: what nothing links may be there.
pub fn damage(sections: &mut Vec<Vec<u8>>, dice: &mut Dice) -> (&'static str, Vec<u8>) {
    match dice.below(3) {
        0 => {
            let mut car = sections.concat();
            (harm_bytes(&mut car, dice), car)
        }
        1 => (harm_header(sections, dice), sections.concat()),
        _ => (harm_sections(sections, dice), sections.concat()),
    }
}

pub fn harm_bytes(car: &mut Vec<u8>, dice: &mut Dice) -> &'static str {
    let at = dice.below(car.len());
    match dice.below(5) {
        0 => {
            car[at] ^= 1 << dice.below(8);
            "a bit flipped"
        }
        1 => {
            car[at] = car[at].wrapping_add(1 + dice.below(255) as u8);
            "a byte changed"
        }
        2 => {
            car.remove(at);
            "a byte lost"
        }
        3 => {
            car.insert(at, dice.roll() as u8);
            "a byte more"
        }
        _ => {
            car.truncate(at);
            "the end lost"
        }
    }
}

fn harm_header(sections: &mut [Vec<u8>], dice: &mut Dice) -> &'static str {
    let root = Cid::from_bytes(&sections[0][ROOT_AT..ROOT_AT + 36]).expect("the root of a header of ours");
    let other = Cid::of_dag_cbor(b"nothing that is here");
    let (what, new) = match dice.below(8) {
        0 => ("no root", header(&[], 1)),
        1 => ("a second root", header(&[root, other], 1)),
        2 => ("another root first", header(&[other, root], 1)),
        3 => ("the root of a blob", header(&[Cid::from_digest(Codec::Raw, *root.digest())], 1)),
        4 => ("version 2", header(&[root], 2)),
        5 => ("a header of nothing", with_length(Vec::new())),
        6 => {
            ("a root that is no commit", header(&[any_cid(&sections[1 + dice.below(sections.len() - 1)])], 1))
        }
        _ => ("a header cut short", with_length(sections[0][1..sections[0].len() - 1].to_vec())),
    };
    sections[0] = new;
    what
}

fn harm_sections(sections: &mut Vec<Vec<u8>>, dice: &mut Dice) -> &'static str {
    let at = 1 + dice.below(sections.len() - 1);
    match dice.below(9) {
        0 => {
            sections.remove(at);
            "a block lost"
        }
        1 => {
            let twin = sections[at].clone();
            sections.push(twin);
            "a block twice"
        }
        2 => {
            let foreign = b"a block of nobody";
            sections.insert(at, section(&Cid::of_raw(foreign), foreign));
            "a block that nothing links"
        }
        3 => {
            let (cid, mut bytes) = parts(&sections[at]);
            bytes.push(0);
            sections[at] = with_length([cid, bytes].concat());
            "a block of other bytes than its CID names"
        }
        4 => {
            sections.insert(at, vec![0]);
            "a section of nothing"
        }
        5 => {
            sections.insert(at, with_length(b"\x01\x71\x12\x20".to_vec()));
            "a section too short for its CID"
        }
        6 => {
            let (length, width) = length_of(&sections[at]);
            let mut long = Vec::new();
            varint::write(length, &mut long);
            let last = long.len() - 1;
            long[last] |= 0x80;
            long.push(0);
            sections[at] = [long, sections[at][width..].to_vec()].concat();
            "a length longer than it must be"
        }
        7 => {
            sections.truncate(at);
            "the last blocks lost"
        }
        _ => {
            // Who cannot check a hash must not believe the block.
            let (mut cid, bytes) = parts(&sections[at]);
            cid[2] = 0x16;
            sections[at] = with_length([cid, bytes].concat());
            "a block under another hash"
        }
    }
}

fn length_of(section: &[u8]) -> (u64, usize) {
    varint::read(section).expect("a length").expect("whole")
}

fn parts(section: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (_, width) = length_of(section);
    let (cid, bytes) = section[width..].split_at(36);
    (cid.to_vec(), bytes.to_vec())
}

fn any_cid(section: &[u8]) -> Cid {
    Cid::from_bytes(&parts(section).0).expect("a CID of ours")
}
