//! Announcements that no honest host makes, each wrong in one way.

use counterpart::atproto::{Did, SigningKey};
use counterpart::clock::Moment;
use counterpart::repo::author::Announcement;
use counterpart::repo::mst::empty_root;

use super::account::Account;
use super::record::Write;

#[derive(Clone, Debug)]
pub enum Forgery {
    /// Signed by somebody else.
    OtherKey(SigningKey),
    /// Announced as another account's.
    OtherRepo(Did),
    /// Says that it leads on from another tree.
    OtherPrevData,
    /// Does not tell its last operation.
    Untold,
    /// From so far in the future.
    Ahead { ms: u64 },
}

/// The commit that `writes` would have made, spoiled. The account, being a
/// copy, is none the wiser.
pub fn forge(mut account: Account, writes: &[Write], forgery: Forgery, now: Moment) -> Announcement {
    let at = match forgery {
        Forgery::Ahead { ms } => now.plus_ms(ms),
        _ => now,
    };
    if let Forgery::OtherKey(key) = &forgery {
        account.key = key.clone();
    }
    let mut announcement = account.write(writes, at);
    match forgery {
        Forgery::OtherKey(_) | Forgery::Ahead { .. } => {}
        Forgery::OtherRepo(did) => announcement.repo = did,
        Forgery::OtherPrevData => announcement.prev_data = empty_root(),
        Forgery::Untold => {
            announcement.ops.pop().expect("something to conceal");
        }
    }
    announcement
}
