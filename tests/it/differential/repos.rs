//! Whole repositories.

use counterpart::repo::Unverified;
use counterpart::repo::verify::{KeySpan, Limits, Signer, VerifiedSnapshot, verify_snapshot};
use tokio::runtime::{Builder, Runtime};

use super::cars::Case;
use super::known::About;
use super::{Listing, Peer, Tally, Verdict, by_atrium, by_shrike, now, often, run_seeds};

#[test]
fn repositories_are_judged_alike_by_us_and_by_others() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let tally = run_seeds(About::Repos, often(6_000), 60, |seed, records_max, tally| {
        let case = Case::of(seed, records_max);
        compare(&case, &runtime, tally)
    });
    tally.check(40);
}

pub fn compare(case: &Case, runtime: &Runtime, tally: &mut Tally) -> Result<(), String> {
    let shrike = Verdict::of(|| by_shrike::repo(&case.car, &case.did, &case.key));
    let atrium = match by_atrium::may_read(&case.car) {
        true => Verdict::of(|| runtime.block_on(by_atrium::repo(&case.car, &case.did, &case.key))),
        false => Verdict::Withheld,
    };
    tally.judge(&case.story, &ours(case), &[(Peer::Shrike, shrike), (Peer::Atrium, atrium)])
}

fn ours(case: &Case) -> Verdict {
    let keys = [KeySpan { key: case.key, until: None }];
    let signer = Signer { did: Some(&case.did), keys: &keys };
    match verify_snapshot(&case.car, &signer, Limits::default(), now()) {
        Ok(snapshot) => Verdict::Accepts(listing(&snapshot)),
        Err(Unverified::Refused(fault)) => Verdict::Refuses(fault.label().to_owned()),
        Err(Unverified::File(error)) => panic!("nothing is spooled: {error}"),
    }
}

fn listing(snapshot: &VerifiedSnapshot<'_>) -> Listing {
    let mut listing = Listing::new();
    let mut records = snapshot.records();
    while let Some(record) = records.next_record().expect("memory does not fail") {
        listing.insert(record.path.to_owned(), record.cid.to_bytes().to_vec());
    }
    listing
}
