//! What the targets share: an account whose key is known, so that what the
//! fuzzer makes can be signed, and a count of how much of it was believed.
//!
//! The account, its key and its first repository are those of the seeds, which
//! `tests/it/hostile/seeds.rs` makes; that they fit is asserted at the start.

pub mod mend;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use counterpart::atproto::{Curve, Did, RecordPath, SigningKey, Tid};
use counterpart::clock::Moment;
use counterpart::repo::author::{Authored, RecordMap, author};
use counterpart::repo::cbor;
use counterpart::repo::verify::KeySpan;

pub fn alice() -> Did {
    Did::parse("did:plc:aliceaaaaaaaaaaaaaaaaaaa").expect("it is a DID")
}

pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(Curve::K256, &[7; 32]).expect("it is a key")
}

pub fn keys() -> Vec<KeySpan> {
    vec![KeySpan { key: signing_key().public(), until: None }]
}

pub fn rev(n: u64) -> Tid {
    Tid::from_micros_and_clock_id(1_600_000_000_000_000 + n * 1_000_000, 7).expect("it is a time")
}

pub fn now() -> Moment {
    Moment::from_micros(1_700_000_000_000_000)
}

pub fn record(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    cbor::write_head(cbor::MAP, 2, &mut out);
    cbor::write_text("text", &mut out);
    cbor::write_text(text, &mut out);
    cbor::write_text("$type", &mut out);
    cbor::write_text("com.example.note", &mut out);
    out
}

pub fn path(n: usize) -> RecordPath {
    RecordPath::parse(&format!("com.example.note/{n:06}")).expect("it is a path")
}

/// The repository before the commits of the seeds.
pub static BEFORE: LazyLock<(RecordMap, Authored)> = LazyLock::new(|| {
    let records: RecordMap = (0..24).map(|n| (path(n), record(&format!("note {n}")))).collect();
    let repo = author(&alice(), rev(1), &records, &signing_key());
    (records, repo)
});

/// How often a target believed what it was given. Assertions about what was
/// believed show nothing if nothing ever is.
pub struct Tally {
    name: &'static str,
    judged: AtomicU64,
    believed: AtomicU64,
}

const FIRST_TOLD: u64 = 1 << 10;

impl Tally {
    pub const fn new(name: &'static str) -> Self {
        Self { name, judged: AtomicU64::new(0), believed: AtomicU64::new(0) }
    }

    /// Tells at every doubling.
    pub fn count(&self, is_believed: bool) {
        let believed =
            self.believed.fetch_add(u64::from(is_believed), Ordering::Relaxed) + u64::from(is_believed);
        let judged = self.judged.fetch_add(1, Ordering::Relaxed) + 1;
        if judged >= FIRST_TOLD && judged.is_power_of_two() {
            eprintln!("{}: believed {believed} of {judged}", self.name);
        }
    }
}
