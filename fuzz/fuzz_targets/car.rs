//! A CAR, as it is and with its hashes made right: however it arrives it gets
//! the same verdict, and a repository that is believed is the one tree of its
//! records, exports to the canonical CAR of itself, and proves each of them.

#![no_main]

use counterpart::atproto::{Cid, RecordPath};
use counterpart::repo::Unverified;
use counterpart::repo::block::{Blocks, CarBlocks};
use counterpart::repo::mst::build::build;
use counterpart::repo::mst::diff::diff;
use counterpart::repo::verify::{Counts, Intake, Limits, Signer, WholeRepo, verify_proof, verify_snapshot};
use counterpart_fuzz::{BEFORE, Tally, alice, keys, mend, now, signing_key};
use libfuzzer_sys::fuzz_target;

static RAW: Tally = Tally::new("car as it is");
static MENDED: Tally = Tally::new("car mended");

const LIMITS: Limits = Limits { car_bytes_max: 1 << 20, blocks_max: 4096 };

fuzz_target!(
    init: {
        // A changed record, mended, must be believed, or nothing below is ever reached.
        let mut car = BEFORE.1.car();
        let at = car.windows(6).position(|window| window == b"note 7").expect("there is a note 7");
        car[at + 5] = b'x';
        assert!(check(&car).is_none() && check(&mend::car(&car, &signing_key()).0).is_some());
    },
    |bytes: &[u8]| {
        RAW.count(check(bytes).is_some());
        MENDED.count(check(&mend::car(bytes, &signing_key()).0).is_some());
    }
);

/// What is believed of a CAR, if anything is.
fn check(car: &[u8]) -> Option<Counts> {
    let lent = verdict(WholeRepo::read(car, LIMITS));
    let piece = 1 + car.first().map_or(0, |byte| usize::from(*byte)) * 7;
    assert_eq!(verdict(fed(Intake::in_memory(LIMITS), car, piece)), lent, "fed in pieces of {piece}");
    // A file costs more than all the rest.
    if car.len() % 8 == 0 {
        let file = tempfile::tempfile().expect("there is room for a file");
        assert_eq!(verdict(fed(Intake::spooled(file, LIMITS), car, piece)), lent, "spooled by {piece}");
    }
    let counts = lent.ok()?.1;
    let repo = WholeRepo::read(car, LIMITS).expect("it was read before");
    check_records(&repo, &counts);
    check_export(&repo, &counts);
    check_signed(car, &repo);
    Some(counts)
}

fn fed(mut intake: Intake, car: &[u8], piece: usize) -> Result<WholeRepo<'static>, Unverified> {
    car.chunks(piece).try_for_each(|piece| intake.feed(piece))?;
    intake.finish()
}

fn verdict(read: Result<WholeRepo<'_>, Unverified>) -> Result<(Cid, Counts), String> {
    match read {
        Ok(repo) => Ok((repo.commit_cid(), *repo.counts())),
        Err(Unverified::Refused(fault)) => Err(format!("{}: {fault}", fault.label())),
        Err(Unverified::File(error)) => panic!("the file failed: {error}"),
    }
}

/// They ascend, they are what they are called, and the tree is the one that they have.
fn check_records(repo: &WholeRepo<'_>, counts: &Counts) {
    let (mut entries, mut buffer) = (Vec::<(String, Cid)>::new(), Vec::new());
    let mut records = repo.records();
    while let Some(record) = records.next_record().expect("memory does not fail") {
        assert!(RecordPath::parse(record.path).is_ok(), "`{}` is no path", record.path);
        assert!(
            entries.last().is_none_or(|(last, _)| last.as_str() < record.path),
            "`{}` comes late",
            record.path
        );
        let bytes = repo.block(&record.cid, &mut buffer).expect("memory does not fail");
        assert!(bytes.is_some_and(|bytes| record.cid.matches(bytes)), "{} is another block", record.cid);
        entries.push((record.path.to_owned(), record.cid));
    }
    assert_eq!(entries.len() as u64, counts.records);
    let mut nodes = 0;
    let root = build(entries.iter().map(|(path, cid)| (path.as_bytes(), *cid)), |_, _| nodes += 1);
    assert_eq!((root, nodes), (repo.commit().data, counts.nodes), "these records have another tree");
    let root = repo.commit().data;
    diff((root, repo), (root, repo), |change| panic!("it differs from itself: {change:?}"))
        .expect("it is whole");
    for (path, cid) in entries.iter().step_by(1 + entries.len() / 4) {
        assert_eq!(repo.find(path).expect("memory does not fail"), Some(*cid));
    }
}

fn check_export(repo: &WholeRepo<'_>, counts: &Counts) {
    let exported = exported(repo);
    let again = WholeRepo::read(&exported, LIMITS).expect("an export is whole");
    assert_eq!(again.commit(), repo.commit());
    assert_eq!((again.counts().records, again.counts().nodes), (counts.records, counts.nodes));
    assert_eq!((again.counts().extra_blocks(), again.counts().extra_bytes()), (0, 0));
    assert_eq!(again.counts().reached_blocks, counts.reached_blocks);
    assert_eq!(self::exported(&again), exported, "its export is not its own");
}

fn exported(repo: &WholeRepo<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    repo.export(&mut out).expect("memory does not fail");
    out
}

/// If alice signed it, every door says so.
fn check_signed(car: &[u8], repo: &WholeRepo<'_>) {
    let (did, keys) = (alice(), keys());
    let signer = Signer { did: Some(&did), keys: &keys };
    let verified = verify_snapshot(car, &signer, LIMITS, now()).is_ok();
    assert_eq!(CarBlocks::read(car).map(|blocks| blocks.root()), Ok(repo.commit_cid()));
    if !verified {
        return;
    }
    assert!(verify_snapshot(&exported(repo), &signer, LIMITS, now()).is_ok(), "its export is not believed");
    let mut records = repo.records();
    let first = records.next_record().expect("memory does not fail");
    let (path, expected) = match &first {
        Some(record) => (record.path, Some(record.cid)),
        None => ("com.example.note/absent", None),
    };
    let mut proof = Vec::new();
    repo.write_proof(path, &mut proof).expect("memory does not fail");
    let path = RecordPath::parse(path).expect("it was one before");
    let proven = verify_proof(&proof, &path, &signer, now()).expect("a proof of ours is one");
    assert_eq!(proven.record().map(|(cid, _)| cid), expected);
}
