//! A PDS on loopback: accounts with keys, records and blobs, whose commits are
//! signed and announced as the reference does it.
//!
//! The test is every user's client and the host's operator at once, through
//! the functions here; over HTTP there is only what strangers may ask. The
//! host resolves nothing and knows no directory: that both agree is the
//! world's business.

mod account;
mod announcements;
mod answers;
mod forgery;
mod log;
pub mod record;
mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterpart::atproto::{Cid, Did, SigningKey, Tid};
use counterpart::clock::Clock;
use counterpart::repo::author::RecordMap;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::front::Front;
pub use account::{Status, tid_at};
pub use forgery::Forgery;
pub use record::{BlobRef, Write};

use account::Account;
use log::Log;

/// What a client may do in one commit.
const WRITES_MAX: usize = 200;

pub struct Pds {
    front: Front,
    state: Arc<State>,
    /// Subscribers wait on it, and leave when it goes.
    news: watch::Sender<u64>,
}

struct State {
    clock: Clock,
    hosted: Mutex<Hosted>,
    news: watch::Receiver<u64>,
}

struct Hosted {
    accounts: BTreeMap<Did, Account>,
    log: Log,
}

impl Pds {
    pub fn open(listener: TcpListener, clock: Clock) -> Self {
        let (news, watched) = watch::channel(0);
        let hosted = Mutex::new(Hosted { accounts: BTreeMap::new(), log: Log::new() });
        let state = Arc::new(State { clock, hosted, news: watched });
        let front = Front::open(listener, answers::router(Arc::clone(&state)));
        Self { front, state, news }
    }

    pub fn front(&self) -> &Front {
        &self.front
    }

    /// The place of the newest event.
    pub fn seq(&self) -> u64 {
        self.state.locked().log.newest()
    }

    pub fn create_account(&self, did: &Did, handle: &str, key: SigningKey) {
        self.change(|hosted, clock| {
            let account = Account::new(did.clone(), handle.to_owned(), key, clock.now());
            hosted.announce_identity(&account, Some(handle), clock);
            hosted.announce_status(did, true, None, clock);
            hosted.announce_first(&account, clock);
            hosted.announce_sync(&account, clock);
            let before = hosted.accounts.insert(did.clone(), account);
            assert!(before.is_none(), "{did} has an account here");
        });
    }

    /// Makes one commit of these writes; says its revision.
    pub fn write(&self, did: &Did, writes: &[Write]) -> Tid {
        assert!(writes.len() <= WRITES_MAX, "a host refuses {} writes at once", writes.len());
        self.change(|hosted, clock| {
            let announcement = hosted.account(did).write(writes, clock.now());
            hosted.announce(&announcement, clock);
            announcement.rev
        })
    }

    /// Announces a commit that was never made. The account stays as it is.
    pub fn forge(&self, did: &Did, writes: &[Write], forgery: Forgery) {
        self.change(|hosted, clock| {
            let copy = hosted.account(did).clone();
            let announcement = forgery::forge(copy, writes, forgery, clock.now());
            hosted.announce(&announcement, clock);
        });
    }

    pub fn upload(&self, did: &Did, mime: &str, bytes: Vec<u8>) -> BlobRef {
        self.change(|hosted, _| hosted.account(did).upload(mime, bytes))
    }

    pub fn set_status(&self, did: &Did, status: Status) {
        self.change(|hosted, clock| {
            let account = hosted.account(did);
            let before = std::mem::replace(&mut account.status, status);
            let account = account.clone();
            hosted.announce_status(did, status == Status::Active, status.as_str(), clock);
            // Who comes back says who and where they are; one whose takedown was undone does not.
            if (before, status) == (Status::Deactivated, Status::Active) {
                hosted.announce_identity(&account, Some(&account.handle), clock);
                hosted.announce_sync(&account, clock);
            }
        });
    }

    /// Deletes an account and what it ever announced.
    pub fn delete(&self, did: &Did) {
        self.change(|hosted, clock| {
            hosted.accounts.remove(did).unwrap_or_else(|| panic!("{did} has no account here"));
            hosted.log.erase(did);
            hosted.announce_status(did, false, Some("deleted"), clock);
        });
    }

    /// Signs with another key from the next commit on.
    pub fn set_key(&self, did: &Did, key: SigningKey) {
        self.change(|hosted, clock| {
            let account = hosted.account(did);
            account.key = key;
            let account = account.clone();
            hosted.announce_identity(&account, None, clock);
        });
    }

    pub fn set_handle(&self, did: &Did, handle: &str) {
        self.change(|hosted, clock| {
            let account = hosted.account(did);
            handle.clone_into(&mut account.handle);
            let account = account.clone();
            hosted.announce_identity(&account, Some(handle), clock);
        });
    }

    /// An account that is here and elsewhere, not active yet: nothing is said
    /// of it.
    pub fn import(&self, from: &Self, did: &Did, key: SigningKey) {
        let moving = from.state.locked().account(did).clone();
        self.change(|hosted, clock| {
            let now = clock.now();
            let mut account = Account::new(did.clone(), moving.handle.clone(), key, now);
            account.import(&moving, now);
            account.status = Status::Deactivated;
            let before = hosted.accounts.insert(did.clone(), account);
            assert!(before.is_none(), "{did} has an account here");
        });
    }

    pub fn records(&self, did: &Did) -> RecordMap {
        self.state.locked().account(did).records().clone()
    }

    pub fn head(&self, did: &Did) -> Cid {
        self.state.locked().account(did).head().cid
    }

    /// How old an event is that a subscriber can no longer have.
    pub fn set_window_ms(&self, ms: u64) {
        self.state.locked().log.set_window_ms(ms);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Hosted, &Clock) -> T) -> T {
        let mut hosted = self.state.locked();
        let changed = change(&mut hosted, &self.state.clock);
        self.news.send_replace(hosted.log.newest());
        changed
    }
}

impl State {
    // A test that panicked with this lock has failed; the answers still given do not matter.
    fn locked(&self) -> MutexGuard<'_, Hosted> {
        self.hosted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosted {
    fn account(&mut self, did: &Did) -> &mut Account {
        self.accounts.get_mut(did).unwrap_or_else(|| panic!("{did} has no account here"))
    }
}
