//! What a host has announced, in order, and where a subscriber enters.

use counterpart::atproto::Did;
use counterpart::clock::Moment;

/// What the reference keeps, and what it calls too old.
const WINDOW_MS: u64 = 86_400_000;

pub struct Log {
    events: Vec<Event>,
    newest: u64,
    window_ms: u64,
}

struct Event {
    seq: u64,
    at: Moment,
    did: Did,
    frame: Vec<u8>,
}

/// Where a subscriber enters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Everything after this event.
    After(u64),
    /// The same, but what it asked for is gone.
    Outdated(u64),
    /// It asked for what is yet to come.
    Future,
}

impl Log {
    pub fn new() -> Self {
        Self { events: Vec::new(), newest: 0, window_ms: WINDOW_MS }
    }

    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Announces something. The frame is made of its place and its time.
    pub fn push(&mut self, did: &Did, at: Moment, frame: impl FnOnce(u64, &str) -> Vec<u8>) -> u64 {
        self.newest += 1;
        let frame = frame(self.newest, &at.to_string());
        self.events.push(Event { seq: self.newest, at, did: did.clone(), frame });
        self.newest
    }

    /// Forgets an account, which leaves gaps.
    pub fn erase(&mut self, did: &Did) {
        self.events.retain(|event| event.did != *did);
    }

    pub fn set_window_ms(&mut self, ms: u64) {
        self.window_ms = ms;
    }

    /// Without a cursor from now on; 0 is the oldest there is; else the event
    /// the cursor names is given again.
    pub fn enter(&self, cursor: Option<u64>, now: Moment) -> Entry {
        let Some(cursor) = cursor else { return Entry::After(self.newest) };
        if cursor > self.newest {
            return Entry::Future;
        }
        let window = now.minus_ms(self.window_ms);
        let oldest = self.events.iter().find(|event| event.at >= window);
        let before_oldest = oldest.map_or(self.newest, |event| event.seq - 1);
        let wanted = self.events.iter().find(|event| event.seq >= cursor);
        match (cursor, wanted) {
            (0, _) => Entry::After(before_oldest),
            (_, Some(event)) if event.at < window => Entry::Outdated(before_oldest),
            _ => Entry::After(cursor - 1),
        }
    }

    /// The next few frames after an event, with their places.
    pub fn after(&self, seq: u64, frames_max: usize) -> Vec<(u64, Vec<u8>)> {
        let start = self.events.partition_point(|event| event.seq <= seq);
        let next = self.events[start..].iter().take(frames_max);
        next.map(|event| (event.seq, event.frame.clone())).collect()
    }
}
