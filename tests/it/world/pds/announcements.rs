//! What a host says on its firehose, in the reference's words.

use counterpart::atproto::{Did, Handle};
use counterpart::clock::Clock;
use counterpart::repo::author::Announcement;
use counterpart::repo::frame::{AccountMessage, CommitMessage, Frame, IdentityMessage, SyncMessage, encode};

use super::Hosted;
use super::account::Account;

impl Hosted {
    pub fn announce(&mut self, announcement: &Announcement, clock: &Clock) {
        let frame = |seq, time: &str| encode(&Frame::Commit(announcement.message(seq, time)));
        self.log.push(&announcement.repo, clock.now(), frame);
    }

    /// The commit of a new, empty repository, which leads on from nothing.
    pub fn announce_first(&mut self, account: &Account, clock: &Clock) {
        let head = account.head();
        let blocks = head.car();
        self.log.push(&account.did, clock.now(), |seq, time| {
            encode(&Frame::Commit(CommitMessage {
                seq,
                repo: account.did.clone(),
                time,
                rev: head.commit.rev,
                since: None,
                commit: head.cid,
                too_big: false,
                blocks: &blocks,
                ops: Vec::new(),
                prev_data: None,
            }))
        });
    }

    pub fn announce_identity(&mut self, account: &Account, handle: Option<&str>, clock: &Clock) {
        let handle = handle.map(|handle| Handle::parse(handle).unwrap());
        self.log.push(&account.did, clock.now(), |seq, time| {
            encode(&Frame::Identity(IdentityMessage { seq, did: account.did.clone(), time, handle }))
        });
    }

    pub fn announce_status(&mut self, did: &Did, active: bool, status: Option<&str>, clock: &Clock) {
        self.log.push(did, clock.now(), |seq, time| {
            encode(&Frame::Account(AccountMessage { seq, did: did.clone(), time, active, status }))
        });
    }

    /// After an import this claims a revision that its commit does not carry.
    pub fn announce_sync(&mut self, account: &Account, clock: &Clock) {
        let (did, rev) = (account.did.clone(), account.rev());
        let blocks = account.head().commit_car();
        self.log.push(&account.did, clock.now(), |seq, time| {
            encode(&Frame::Sync(SyncMessage { seq, did, time, rev, blocks: &blocks }))
        });
    }
}
