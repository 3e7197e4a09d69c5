//! A PLC directory on loopback, whose logs are signed and whose manners are
//! under the test's control.
//!
//! Operations are not accepted from outside and not checked: the test is the
//! only author. Time is the world's, so a directory that lags behind lags by
//! the clock that the test moves.

mod answers;
mod operation;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use counterpart::atproto::{Did, SigningKey};
use counterpart::clock::{Clock, Moment};

use super::front::{self, Front};
pub use operation::Identity;
use operation::Operation;

pub struct Plc {
    front: Front,
    state: Arc<State>,
}

struct State {
    clock: Clock,
    directory: Mutex<Directory>,
}

struct Directory {
    entries: BTreeMap<Did, Entry>,
    lag_ms: u64,
    /// The specification says 410; the directory's own server has said 404.
    tombstone_status: StatusCode,
}

struct Entry {
    rotation: SigningKey,
    log: Vec<Logged>,
}

#[derive(Clone)]
struct Logged {
    operation: Operation,
    /// `None` once the DID is dead.
    identity: Option<Identity>,
    at: Moment,
}

impl Plc {
    pub async fn open(clock: Clock) -> Self {
        let directory = Directory { entries: BTreeMap::new(), lag_ms: 0, tombstone_status: StatusCode::GONE };
        let state = Arc::new(State { clock, directory: Mutex::new(directory) });
        let (listener, _) = front::listen().await;
        let front = Front::open(listener, answers::router(Arc::clone(&state)));
        Self { front, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.front.at())
    }

    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Enters an identity, whose operations this key signs from now on.
    pub fn register(&self, identity: Identity, rotation: SigningKey) -> Did {
        let operation = Operation::state(&identity, None).signed(&rotation);
        let did = operation.did();
        let first = Logged { operation, identity: Some(identity), at: self.state.clock.now() };
        let mut directory = self.state.locked();
        let before = directory.entries.insert(did.clone(), Entry { rotation, log: vec![first] });
        assert!(before.is_none(), "{did} is there already");
        did
    }

    pub fn identity(&self, did: &Did) -> Option<Identity> {
        self.state.locked().entries[did].last().identity.clone()
    }

    pub fn update(&self, did: &Did, change: impl FnOnce(&mut Identity)) {
        let now = self.state.clock.now();
        self.state.locked().entry(did).append(now, |identity| {
            change(identity);
            true
        });
    }

    pub fn tombstone(&self, did: &Did) {
        let now = self.state.clock.now();
        self.state.locked().entry(did).append(now, |_| false);
    }

    /// From now on the directory answers as it would have so long ago.
    pub fn lag_ms(&self, ms: u64) {
        self.state.locked().lag_ms = ms;
    }

    pub fn answer_tombstones(&self, status: StatusCode) {
        self.state.locked().tombstone_status = status;
    }
}

impl State {
    // An entry is appended whole or not at all.
    fn locked(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    fn entry(&mut self, did: &Did) -> &mut Entry {
        self.entries.get_mut(did).unwrap_or_else(|| panic!("{did} was never registered"))
    }

    /// What the directory knows of a DID, as far as it has caught up.
    fn log(&self, did: &str, now: Moment) -> &[Logged] {
        let Some(entry) = self.entries.get(did) else { return &[] };
        let seen = now.minus_ms(self.lag_ms);
        &entry.log[..entry.log.partition_point(|logged| logged.at <= seen)]
    }
}

impl Entry {
    fn last(&self) -> &Logged {
        self.log.last().expect("a log begins with its registration")
    }

    fn append(&mut self, now: Moment, change: impl FnOnce(&mut Identity) -> bool) {
        let last = self.last();
        let prev = last.operation.cid();
        let mut identity = last.identity.clone().expect("a dead DID does not change");
        let (operation, identity) = if change(&mut identity) {
            (Operation::state(&identity, Some(prev)), Some(identity))
        } else {
            (Operation::tombstone(prev), None)
        };
        let operation = operation.signed(&self.rotation);
        self.log.push(Logged { operation, identity, at: now });
    }
}
