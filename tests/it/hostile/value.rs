//! DAG-CBOR as a tree of values, and every way of writing such a tree as
//! DAG-CBOR does not allow. One list of ways serves nodes, commits and
//! records, because the rules are the same for all three; what differs is
//! whether who breaks them is refused or flagged.

use counterpart::atproto::Cid;
use counterpart::repo::cbor;

#[derive(Clone)]
pub enum Value {
    Unsigned(u64),
    Null,
    Text(String),
    Bytes(Vec<u8>),
    Link(Cid),
    Array(Vec<Value>),
    /// Written in this order, whatever it is.
    Map(Vec<(Value, Value)>),
    /// Written as it is, whatever it is.
    Raw(Vec<u8>),
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub fn map(entries: Vec<(&str, Value)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (Self::text(key), value)).collect())
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Unsigned(value) => cbor::write_head(cbor::UNSIGNED, *value, out),
            Self::Null => cbor::write_null(out),
            Self::Text(text) => cbor::write_text(text, out),
            Self::Bytes(bytes) => cbor::write_bytes(bytes, out),
            Self::Link(cid) => cbor::write_cid(*cid, out),
            Self::Array(values) => {
                cbor::write_head(cbor::ARRAY, values.len() as u64, out);
                values.iter().for_each(|value| value.write(out));
            }
            Self::Map(entries) => {
                cbor::write_head(cbor::MAP, entries.len() as u64, out);
                write_entries(entries, out);
            }
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    pub fn entries(&mut self) -> &mut Vec<(Value, Value)> {
        match self {
            Self::Map(entries) => entries,
            _ => panic!("it is no map"),
        }
    }

    /// The first value of a kind, the outermost and leftmost first.
    fn first(&mut self, is_it: fn(&Value) -> bool) -> Option<&mut Value> {
        if is_it(self) {
            return Some(self);
        }
        match self {
            Self::Array(values) => values.iter_mut().find_map(|value| value.first(is_it)),
            Self::Map(entries) => entries.iter_mut().find_map(|(_, value)| value.first(is_it)),
            _ => None,
        }
    }

    fn place(&mut self, is_it: fn(&Value) -> bool) -> &mut Value {
        self.first(is_it).expect("the value has none of this kind")
    }
}

fn write_entries(entries: &[(Value, Value)], out: &mut Vec<u8>) {
    for (key, value) in entries {
        key.write(out);
        value.write(out);
    }
}

/// A way of writing a value wrongly, and what it is refused with when the value
/// is a node or a commit, or flagged as when it is a record. `None` where the
/// value has nothing to which it could be done.
pub struct Way {
    pub rule: &'static str,
    pub node: Option<&'static str>,
    pub commit: Option<&'static str>,
    pub record: Option<&'static str>,
    change: fn(&mut Value),
}

impl Way {
    pub fn of(&self, value: &Value) -> Vec<u8> {
        let mut wrong = value.clone();
        (self.change)(&mut wrong);
        wrong.bytes()
    }
}

/// The same fault wherever it is found.
fn way(rule: &'static str, fault: &'static str, change: fn(&mut Value)) -> Way {
    told_apart(rule, [fault; 3], change)
}

/// Another fault in a node, in a commit and in a record, in this order. Who
/// knows which keys must come names the one that does not; who does not know
/// says what is wrong with the map. The empty text stands for none.
fn told_apart(rule: &'static str, faults: [&'static str; 3], change: fn(&mut Value)) -> Way {
    let [node, commit, record] = faults.map(|fault| (!fault.is_empty()).then_some(fault));
    Way { rule, node, commit, record, change }
}

pub fn ways() -> Vec<Way> {
    [keys(), lengths(), items(), links(), declared()].into_iter().flatten().collect()
}

fn keys() -> Vec<Way> {
    vec![
        told_apart("keys in another order", ["cbor_key", "cbor_key", "cbor_key_order"], |value| {
            value.entries().swap(0, 1);
        }),
        told_apart("a key twice", ["cbor_unexpected", "cbor_key", "cbor_key_twice"], |value| {
            let first = value.entries()[0].clone();
            value.entries().insert(0, first);
        }),
        told_apart("a number for a key", ["cbor_key", "cbor_key", "cbor_key_kind"], |value| {
            value.entries()[0].0 = Value::Unsigned(1);
        }),
        told_apart("bytes for a key", ["cbor_key", "cbor_key", "cbor_key_kind"], |value| {
            value.entries()[0].0 = Value::Bytes(b"a".to_vec());
        }),
        told_apart("a key more", ["cbor_unexpected", "cbor_key", ""], |value| {
            value.entries().insert(0, (Value::text("a"), Value::Null));
        }),
        told_apart("a key less", ["cbor_unexpected", "cbor_key", ""], |value| {
            value.entries().pop();
        }),
        told_apart("an array for a map", ["cbor_unexpected", "cbor_unexpected", ""], |value| {
            *value = Value::Array(vec![value.clone()]);
        }),
    ]
}

fn lengths() -> Vec<Way> {
    vec![
        way("a number in one byte more", "cbor_not_minimal", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0x18, 3]);
        }),
        way("a number in two bytes more", "cbor_not_minimal", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0x19, 0, 3]);
        }),
        way("a number in four bytes more", "cbor_not_minimal", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0x1a, 0, 0, 0, 3]);
        }),
        way("a number in eight bytes more", "cbor_not_minimal", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0x1b, 0, 0, 0, 0, 0, 0, 0, 3]);
        }),
        way("a map's length in one byte more", "cbor_not_minimal", |value| {
            let mut out = vec![0xb8, value.entries().len() as u8];
            write_entries(value.entries(), &mut out);
            *value = Value::Raw(out);
        }),
        told_apart("an array's length longer", ["cbor_not_minimal", "", "cbor_not_minimal"], |value| {
            let array = value.place(is_array);
            let mut out = vec![0x9b, 0, 0, 0, 0, 0, 0, 0];
            out.extend_from_slice(&short_array(array));
            *array = Value::Raw(out);
        }),
        way("a byte string's length longer", "cbor_not_minimal", |value| {
            let bytes = taken_bytes(value.place(is_bytes));
            let head = [&[0x59, 0, bytes.len() as u8], &bytes[..]].concat();
            *value.place(is_bytes) = Value::Raw(head);
        }),
        told_apart("a text's length longer", ["", "cbor_not_minimal", "cbor_not_minimal"], |value| {
            let text = taken_text(value.place(is_text));
            *value.place(is_text) = Value::Raw([&[0x79, 0, text.len() as u8], text.as_bytes()].concat());
        }),
        way("a map without a length", "cbor_indefinite", |value| {
            let mut out = vec![0xbf];
            write_entries(value.entries(), &mut out);
            out.push(0xff);
            *value = Value::Raw(out);
        }),
        told_apart("an array without a length", ["cbor_indefinite", "", "cbor_indefinite"], |value| {
            let array = value.place(is_array);
            let out = [&[0x9f], &short_array(array)[1..], &[0xff]].concat();
            *array = Value::Raw(out);
        }),
        way("a byte string in pieces", "cbor_indefinite", |value| {
            let mut out = vec![0x5f];
            cbor::write_bytes(&taken_bytes(value.place(is_bytes)), &mut out);
            out.push(0xff);
            *value.place(is_bytes) = Value::Raw(out);
        }),
        told_apart("a text in pieces", ["", "cbor_indefinite", "cbor_indefinite"], |value| {
            let mut out = vec![0x7f];
            cbor::write_text(&taken_text(value.place(is_text)), &mut out);
            out.push(0xff);
            *value.place(is_text) = Value::Raw(out);
        }),
    ]
}

fn items() -> Vec<Way> {
    vec![
        way("a floating-point number", "cbor_float", |value| number(value, 0x4008_0000_0000_0000)),
        way("a floating-point NaN", "cbor_float", |value| number(value, 0x7ff8_0000_0000_0000)),
        way("a floating-point minus zero", "cbor_float", |value| number(value, 1 << 63)),
        way("a short floating-point number", "cbor_float", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0xf9, 0x42, 0]);
        }),
        way("a floating-point infinity of four bytes", "cbor_float", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0xfa, 0x7f, 0x80, 0, 0]);
        }),
        told_apart("undefined", ["cbor_unexpected", "cbor_unexpected", "cbor_simple"], |value| {
            *value.place(is_null) = Value::Raw(vec![0xf7]);
        }),
        way("a simple value of two bytes", "cbor_simple", |value| {
            *value.place(is_null) = Value::Raw(vec![0xf8, 0x20]);
        }),
        way("a reserved head", "cbor_reserved", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0x1c]);
        }),
        way("an end of something that had a length", "cbor_indefinite", |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0xff]);
        }),
        told_apart("a number with a tag", ["cbor_unexpected", "cbor_unexpected", "cbor_tag"], |value| {
            *value.place(is_unsigned) = Value::Raw(vec![0xc1, 0x03]);
        }),
        told_apart("text that is not UTF-8", ["", "cbor_utf8", "cbor_utf8"], |value| {
            let text = taken_text(value.place(is_text));
            let mut bytes = Value::Text(text).bytes();
            *bytes.last_mut().expect("a text has a head") = 0xff;
            *value.place(is_text) = Value::Raw(bytes);
        }),
        way("a byte after the end", "cbor_trailing", |value| {
            *value = Value::Raw([&value.bytes()[..], &[0xf6]].concat());
        }),
        way("a byte less at the end", "cbor_truncated", |value| {
            let bytes = value.bytes();
            *value = Value::Raw(bytes[..bytes.len() - 1].to_vec());
        }),
    ]
}

fn links() -> Vec<Way> {
    vec![
        way("a link with another tag", "cbor_tag", |value| link(value, |bytes| bytes[1] = 43)),
        way("a link without its zero", "cbor_link_prefix", |value| {
            link(value, |bytes| {
                bytes.remove(4);
                bytes[3] -= 1;
            });
        }),
        way("a link with a one for its zero", "cbor_link_prefix", |value| link(value, |bytes| bytes[4] = 1)),
        way("a link of no bytes", "cbor_link_prefix", |value| {
            link(value, |bytes| *bytes = vec![0xd8, 0x2a, 0x40]);
        }),
        way("a link with a byte after its CID", "cbor_link", |value| {
            link(value, |bytes| {
                bytes.push(0);
                bytes[3] += 1;
            });
        }),
        way("a link whose CID lacks a byte", "cbor_link", |value| {
            link(value, |bytes| {
                bytes.pop();
                bytes[3] -= 1;
            });
        }),
        told_apart("a link in text", ["cbor_unexpected", "cbor_unexpected", "cbor_tag"], |value| {
            link(value, |bytes| *bytes = b"\xd8\x2a\x64bafy".to_vec());
        }),
        told_apart("a link with a tag in two bytes", ["cbor_not_minimal"; 3], |value| {
            link(value, |bytes| drop(bytes.splice(..2, [0xd9, 0, 0x2a])));
        }),
    ]
}

fn declared() -> Vec<Way> {
    vec![
        told_apart("2^40 items declared", ["node_too_many_entries", "", "cbor_truncated"], |value| {
            let array = value.place(is_array);
            let items = short_array(array);
            *array = Value::Raw([&[0x9b, 0, 0, 1, 0, 0, 0, 0, 0], &items[1..]].concat());
        }),
        told_apart(
            "2^63 entries declared",
            ["cbor_unexpected", "cbor_unexpected", "cbor_truncated"],
            |value| {
                let mut out = vec![0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0];
                write_entries(value.entries(), &mut out);
                *value = Value::Raw(out);
            },
        ),
        way("2^40 bytes declared", "cbor_truncated", |value| {
            let bytes = taken_bytes(value.place(is_bytes));
            *value.place(is_bytes) = Value::Raw([&[0x5b, 0, 0, 1, 0, 0, 0, 0, 0], &bytes[..]].concat());
        }),
        way("2^63 bytes declared", "cbor_truncated", |value| {
            let bytes = taken_bytes(value.place(is_bytes));
            *value.place(is_bytes) = Value::Raw([&[0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0], &bytes[..]].concat());
        }),
        told_apart("2^40 bytes of text declared", ["", "cbor_truncated", "cbor_truncated"], |value| {
            let text = taken_text(value.place(is_text));
            let head = &[0x7b, 0, 0, 1, 0, 0, 0, 0, 0];
            *value.place(is_text) = Value::Raw([head, text.as_bytes()].concat());
        }),
    ]
}

const fn is_unsigned(value: &Value) -> bool {
    matches!(value, Value::Unsigned(_))
}

const fn is_null(value: &Value) -> bool {
    matches!(value, Value::Null)
}

const fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}

const fn is_bytes(value: &Value) -> bool {
    matches!(value, Value::Bytes(_))
}

const fn is_link(value: &Value) -> bool {
    matches!(value, Value::Link(_))
}

const fn is_array(value: &Value) -> bool {
    matches!(value, Value::Array(_))
}

fn number(value: &mut Value, float: u64) {
    *value.place(is_unsigned) = Value::Raw([&[0xfb][..], &float.to_be_bytes()].concat());
}

fn link(value: &mut Value, change: impl FnOnce(&mut Vec<u8>)) {
    let link = value.place(is_link);
    let mut bytes = link.bytes();
    change(&mut bytes);
    *link = Value::Raw(bytes);
}

fn taken_bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes.clone(),
        _ => panic!("it is no byte string"),
    }
}

fn taken_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        _ => panic!("it is no text"),
    }
}

/// An array of which the head is one byte.
fn short_array(value: &Value) -> Vec<u8> {
    let bytes = value.bytes();
    assert!((0x80..0x98).contains(&bytes[0]), "the array has a longer head");
    bytes
}
