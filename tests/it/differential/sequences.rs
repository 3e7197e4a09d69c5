//! Commits that follow from one another, each told wrongly before it is told
//! as it is.

use counterpart::atproto::{Cid, SigningKey, Tid};
use counterpart::repo::author::{Authored, RecordMap, author};
use counterpart::repo::verify::{Head, KeySpan, Signer, verify_commit};
use tokio::runtime::{Builder, Runtime};

use super::by_atrium::Holdings;
use super::cars::{Case, alice, path, record, signing_key};
use super::dice::Dice;
use super::known::About;
use super::messages::{Scene, Telling};
use super::{Listing, Peer, Tally, Verdict, by_atrium, by_shrike, now, often, repos, run_seeds};

#[test]
fn commits_that_follow_from_one_another_are_judged_alike() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let tally = run_seeds(About::Commits, often(1_000), 40, |seed, records_max, tally| {
        Account::of(seed, records_max).live(&runtime, tally)
    });
    tally.check(40);
}

/// An account as its host has it, and as one of the others follows it.
struct Account {
    dice: Dice,
    key: SigningKey,
    records: RecordMap,
    rev: Tid,
    repo: Authored,
    holdings: Holdings,
}

impl Account {
    fn of(seed: u64, records_max: usize) -> Self {
        let mut dice = Dice::new(seed);
        let key = signing_key(&mut dice);
        let mut records = RecordMap::new();
        for _ in 0..dice.below(records_max + 1) {
            put(&mut records, &mut dice);
        }
        let rev = Tid::parse("3jzfcijpj2z2a").unwrap();
        let repo = author(&alice(), rev, &records, &key);
        let entries = records.iter().map(|(path, bytes)| (path.as_str(), Cid::of_dag_cbor(bytes)));
        let holdings = Holdings::of(entries);
        Self { dice, key, records, rev, repo, holdings }
    }

    fn live(mut self, runtime: &Runtime, tally: &mut Tally) -> Result<(), String> {
        for _ in 0..1 + self.dice.below(4) {
            let before = self.repo.clone();
            self.change();
            let truth = Telling::of(&self.repo.announce(&before));
            for _ in 0..self.dice.below(6) {
                let (records, key, after) = (&self.records, &self.key, &self.repo);
                let scene = Scene { before: &before, after, records, key };
                if let Some(lie) = truth.clone().bend(&scene, &mut self.dice) {
                    self.tell(&lie, &before, runtime, tally)?;
                }
            }
            let after = self.tell(&truth, &before, runtime, tally)?;
            self.holdings = after.ok_or("the truth is refused")?;
        }
        let case = Case {
            story: "as we write it".to_owned(),
            car: self.repo.car(),
            did: alice(),
            key: self.key.public(),
        };
        repos::compare(&case, runtime, &mut Tally::of(About::Repos))
    }

    /// Some records come, change or go, and it is signed.
    fn change(&mut self) {
        for _ in 0..self.dice.below(9) {
            let known = self.records.len();
            let at = self.dice.below(known.max(1));
            match self.records.keys().nth(at).cloned() {
                Some(path) if self.dice.one_in(3) => drop(self.records.remove(&path)),
                Some(path) if self.dice.one_in(2) => {
                    let bytes = record(&mut self.dice);
                    self.records.insert(path, bytes);
                }
                _ => put(&mut self.records, &mut self.dice),
            }
        }
        let later = 1 + self.dice.below(1_000_000) as u64;
        self.rev = Tid::from_micros_and_clock_id(self.rev.micros() + later, 3).unwrap();
        self.repo = author(&alice(), self.rev, &self.records, &self.key);
    }

    /// Asks everybody; gives what is there afterwards, if the others believe it.
    fn tell(
        &self,
        telling: &Telling,
        before: &Authored,
        runtime: &Runtime,
        tally: &mut Tally,
    ) -> Result<Option<Holdings>, String> {
        let message = telling.message();
        let head = Head { rev: before.commit.rev, commit: before.cid, data: before.commit.data };
        let (did, key) = (alice(), self.key.public());
        let keys = [KeySpan { key, until: None }];
        let signer = Signer { did: Some(&did), keys: &keys };
        let ours = match verify_commit(&message, &head, &signer, now()) {
            Ok(commit) => Verdict::Accepts(
                commit
                    .ops()
                    .iter()
                    .map(|op| (op.path.to_string(), cid_of(op.record.as_ref())))
                    .collect::<Listing>(),
            ),
            Err(rejected) => Verdict::Refuses(rejected.label().to_owned()),
        };
        let shrike = Verdict::of(|| by_shrike::commit(&message, &head, &did, &key));
        let mut after = None;
        let atrium = match by_atrium::may_read(message.blocks) {
            false => Verdict::Withheld,
            true => Verdict::of(|| {
                let asked = self.holdings.after(&message, &head, &did, &key);
                let (listing, holdings) = runtime.block_on(asked)?;
                after = Some(holdings);
                Ok(listing)
            }),
        };
        tally.judge(&telling.story, &ours, &[(Peer::Shrike, shrike), (Peer::Atrium, atrium)])?;
        Ok(after)
    }
}

fn put(records: &mut RecordMap, dice: &mut Dice) {
    let path = counterpart::atproto::RecordPath::parse(&path(dice)).expect("a path");
    records.insert(path, record(dice));
}

fn cid_of(record: Option<&(Cid, Box<[u8]>)>) -> Vec<u8> {
    record.map(|(cid, _)| cid.to_bytes().to_vec()).unwrap_or_default()
}
