//! A tree that may be anything: grown from its definition, then bent at will
//! and written as it is.

use counterpart::atproto::Cid;
use counterpart::repo::cbor as write;
use counterpart::repo::mst::layer_of;

/// A node with everything below it.
#[derive(Clone, Default)]
pub struct Knot {
    pub left: Option<Box<Self>>,
    pub entries: Vec<Branch>,
    pub form: Form,
    /// Linked by the other codec.
    pub raw: bool,
    /// Linked, but its block is not given away.
    pub withheld: bool,
}

#[derive(Clone)]
pub struct Branch {
    pub key: Vec<u8>,
    /// The binary CID that stands in the node.
    pub value: Vec<u8>,
    pub right: Option<Box<Knot>>,
    pub shared: Shared,
}

/// How much of the key before is said to be shared.
#[derive(Clone, Copy)]
pub enum Shared {
    AsMuchAsCan,
    /// So many bytes less, down to none.
    Less(usize),
    /// More than there is to share.
    More(u64),
}

/// How a node is written down.
#[derive(Clone, Copy, Default, Debug)]
pub enum Form {
    #[default]
    Canonical,
    KeysSwapped,
    ThirdField,
    WithoutLeft,
    LongNumber,
    TrailingByte,
    EndlessArray,
    WithoutSubtrees,
    KeysAsText,
    NotANode,
}

pub const ODD_FORMS: [Form; 9] = [
    Form::KeysSwapped,
    Form::ThirdField,
    Form::WithoutLeft,
    Form::LongNumber,
    Form::TrailingByte,
    Form::EndlessArray,
    Form::WithoutSubtrees,
    Form::KeysAsText,
    Form::NotANode,
];

/// The one tree of these keys, which are in ascending order.
pub fn grow(entries: &[(Vec<u8>, Cid)]) -> Knot {
    match entries.iter().map(|(key, _)| layer_of(key)).max() {
        Some(top) => *grow_layer(entries, top).expect("there are keys"),
        None => Knot::default(),
    }
}

/// The definition: a node of a layer holds the keys of that layer and, in
/// every gap, the node of the layer below for the keys in the gap.
fn grow_layer(entries: &[(Vec<u8>, Cid)], layer: u8) -> Option<Box<Knot>> {
    if entries.is_empty() {
        return None;
    }
    let below = |gap: &[(Vec<u8>, Cid)]| layer.checked_sub(1).and_then(|below| grow_layer(gap, below));
    let mut knot = Knot::default();
    let mut gap = 0;
    for (at, (key, value)) in entries.iter().enumerate() {
        if layer_of(key) == layer {
            knot.hang(below(&entries[gap..at]));
            knot.entries.push(Branch::new(key, value));
            gap = at + 1;
        }
    }
    knot.hang(below(&entries[gap..]));
    Some(Box::new(knot))
}

impl Branch {
    fn new(key: &[u8], value: &Cid) -> Self {
        Self { key: key.to_vec(), value: value.to_bytes().to_vec(), right: None, shared: Shared::AsMuchAsCan }
    }
}

impl Knot {
    fn hang(&mut self, subtree: Option<Box<Self>>) {
        match self.entries.last_mut() {
            Some(entry) => entry.right = subtree,
            None => self.left = subtree,
        }
    }

    /// The gaps between the entries, from before the first to after the last.
    pub fn gaps(&mut self) -> Vec<&mut Option<Box<Self>>> {
        let mut gaps = vec![&mut self.left];
        gaps.extend(self.entries.iter_mut().map(|entry| &mut entry.right));
        gaps
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        let right = self.entries.iter().filter_map(|entry| entry.right.as_deref());
        self.left.as_deref().into_iter().chain(right)
    }

    /// How many nodes there are, this one included.
    pub fn count(&self) -> usize {
        1 + self.children().map(Self::count).sum::<usize>()
    }

    /// The `n`th node in pre-order, this one being the first.
    pub fn nth(&mut self, mut n: usize) -> &mut Self {
        if n == 0 {
            return self;
        }
        n -= 1;
        for child in self.gaps().into_iter().filter_map(|gap| gap.as_deref_mut()) {
            let count = child.count();
            if n < count {
                return child.nth(n);
            }
            n -= count;
        }
        panic!("there is no such node")
    }

    /// The records below that have a path, in order.
    pub fn values(&self) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        let below = |knot: &Option<Box<Self>>| knot.as_ref().map(|knot| knot.values()).unwrap_or_default();
        values.extend(below(&self.left));
        for entry in &self.entries {
            values.push(entry.value.clone());
            values.extend(below(&entry.right));
        }
        values
    }

    /// Gives away every block, this one first, and says what it is called.
    pub fn write(&self, blocks: &mut Vec<(Cid, Vec<u8>)>) -> Cid {
        let place = blocks.len();
        let left = self.left.as_ref().map(|knot| knot.write(blocks));
        let right: Vec<_> =
            self.entries.iter().map(|entry| entry.right.as_ref().map(|knot| knot.write(blocks))).collect();
        let bytes = self.encode(left, &right);
        let cid = if self.raw { Cid::of_raw(&bytes) } else { Cid::of_dag_cbor(&bytes) };
        if !self.withheld {
            blocks.insert(place, (cid, bytes));
        }
        cid
    }

    fn encode(&self, left: Option<Cid>, right: &[Option<Cid>]) -> Vec<u8> {
        let mut entries = Vec::new();
        let mut previous: &[u8] = &[];
        for (entry, right) in self.entries.iter().zip(right) {
            self.encode_entry(entry, previous, *right, &mut entries);
            previous = &entry.key;
        }
        let mut left_field = b"\x61l".to_vec();
        write::write_cid_or_null(left, &mut left_field);
        let count = self.entries.len() as u64;
        let mut array = b"\x61e".to_vec();
        match self.form {
            Form::EndlessArray => {
                array.push(0x9f);
                entries.push(0xff);
            }
            Form::LongNumber if count < 24 => array.extend_from_slice(&[0x98, count as u8]),
            _ => write::write_head(write::ARRAY, count, &mut array),
        }
        array.extend_from_slice(&entries);
        match self.form {
            Form::KeysSwapped => [&[0xa2], &left_field[..], &array].concat(),
            Form::ThirdField => [&[0xa3], &array[..], &left_field, b"\x61m\xf6"].concat(),
            Form::WithoutLeft => [&[0xa1], &array[..]].concat(),
            Form::TrailingByte => [&[0xa2], &array[..], &left_field, &[0]].concat(),
            Form::NotANode => b"\x82\x01\x02".to_vec(),
            _ => [&[0xa2], &array[..], &left_field].concat(),
        }
    }

    fn encode_entry(&self, entry: &Branch, previous: &[u8], right: Option<Cid>, out: &mut Vec<u8>) {
        let most = entry.key.iter().zip(previous).take_while(|(ours, theirs)| ours == theirs).count();
        let (cut, said) = match entry.shared {
            Shared::AsMuchAsCan => (most, most as u64),
            Shared::Less(less) => (most.saturating_sub(less), most.saturating_sub(less) as u64),
            Shared::More(more) => (most, previous.len() as u64 + more),
        };
        let alone = matches!(self.form, Form::WithoutSubtrees);
        write::write_head(write::MAP, if alone { 3 } else { 4 }, out);
        out.extend_from_slice(b"\x61k");
        let kind = if matches!(self.form, Form::KeysAsText) { write::TEXT } else { write::BYTES };
        write::write_head(kind, (entry.key.len() - cut) as u64, out);
        out.extend_from_slice(&entry.key[cut..]);
        out.extend_from_slice(b"\x61p");
        write::write_head(write::UNSIGNED, said, out);
        if !alone {
            out.extend_from_slice(b"\x61t");
            write::write_cid_or_null(right, out);
        }
        out.extend_from_slice(b"\x61v");
        write::write_head(write::TAG, write::LINK_TAG, out);
        write::write_head(write::BYTES, entry.value.len() as u64 + 1, out);
        out.push(0);
        out.extend_from_slice(&entry.value);
    }
}
