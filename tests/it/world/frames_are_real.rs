//! The fear: a firehose that only our own verifier would believe, or that
//! enters subscribers at another place than a host does.

use std::collections::BTreeMap;

use counterpart::atproto::{Curve, Did, PublicKey};
use counterpart::clock::Moment;
use counterpart::repo::frame::{CommitMessage, Frame, decode};
use counterpart::repo::verify::{Head, KeySpan, Signer, verify_commit};
use rand::Rng;
use rand::rngs::StdRng;

use super::oracle::{Seen, Subscriber, get, judge_commit, read_repo};
use super::pds::record::{create, delete, note, update};
use super::pds::{Forgery, Pds, Status, Write};
use super::{World, dice};

fn key(world: &World, did: &Did) -> PublicKey {
    world.plc.identity(did).unwrap().signing
}

/// A commit of anything between nothing and two hundred writes.
fn some_writes(pds: &Pds, did: &Did, dice: &mut StdRng) -> Vec<Write> {
    let mut keys: Vec<String> = pds.records(did).keys().map(|path| path.rkey().to_owned()).collect();
    let count = if dice.random_range(0..10) == 0 { 200 } else { dice.random_range(0..8) };
    let mut writes = Vec::new();
    for _ in 0..count {
        let text = note(&dice::words(dice));
        writes.push(match dice.random_range(0..3) {
            0 if !keys.is_empty() => delete(&keys.swap_remove(dice.random_range(0..keys.len()))),
            1 if !keys.is_empty() => update(&keys.swap_remove(dice.random_range(0..keys.len())), text),
            _ => create(&format!("{:x}", dice.random::<u64>()), text),
        });
    }
    writes
}

/// Our own verifier, following one account from its first commit.
struct Follower {
    key: PublicKey,
    head: Option<Head>,
    applied: usize,
}

impl Follower {
    fn take(&mut self, message: &CommitMessage<'_>, now: Moment) -> Result<(), String> {
        let keys = [KeySpan { key: self.key, until: None }];
        let signer = Signer { did: Some(&message.repo), keys: &keys };
        let Some(head) = &self.head else {
            assert_eq!((message.since, message.prev_data, message.ops.len()), (None, None, 0));
            let data = counterpart::repo::mst::empty_root();
            self.head = Some(Head { rev: message.rev, commit: message.commit, data });
            return Ok(());
        };
        let verified = verify_commit(message, head, &signer, now).map_err(|rejected| rejected.to_string())?;
        self.head = Some(*verified.head());
        self.applied += 1;
        Ok(())
    }
}

#[tokio::test]
async fn a_stranger_and_we_follow_every_commit_from_the_first_to_the_head() {
    let world = World::new(1).host("a").account("alice", "a", 250).account("bob", "a", 0).start().await;
    let (pds, mut dice) = (world.pds("a"), dice::of_seed(99));
    let mut subscriber = Subscriber::connect(world.origin("a"), Some(0)).await;
    for _ in 0..60 {
        for name in ["alice", "bob"] {
            let did = world.did(name);
            pds.write(did, &some_writes(pds, did, &mut dice));
        }
        world.clock.advance_ms(dice.random_range(0..2_000));
    }
    let frames = subscriber.until(pds.seq()).await;
    let mut followers: BTreeMap<String, Follower> = BTreeMap::new();
    for frame in &frames {
        let seen = Seen::read(frame);
        if let Frame::Commit(message) = decode(frame).unwrap() {
            let key = key(&world, &message.repo);
            judge_commit(&seen, &key).unwrap();
            assert_eq!((seen.seq(), seen.text("rev")), (message.seq, message.rev.to_string().as_str()));
            let new = Follower { key, head: None, applied: 0 };
            let follower = followers.entry(message.repo.to_string()).or_insert(new);
            follower.take(&message, world.clock.now()).unwrap();
        }
    }
    let seqs: Vec<u64> = frames.iter().map(|frame| Seen::read(frame).seq()).collect();
    assert!(seqs.is_sorted_by(|one, next| one < next));
    for (name, commits) in [("alice", 62), ("bob", 60)] {
        let did = world.did(name);
        let follower = &followers[did.as_str()];
        assert_eq!((follower.applied, follower.head.unwrap().commit), (commits, pds.head(did)));
        let url = format!("{}/xrpc/com.atproto.sync.getRepo?did={did}", world.origin("a"));
        assert_eq!(
            read_repo(&get(&url).await.body, did, &follower.key).unwrap().len(),
            pds.records(did).len()
        );
    }
}

#[tokio::test]
async fn every_forgery_is_seen_through_by_the_stranger_or_the_calendar_and_by_us() {
    let world = World::new(2).host("a").account("alice", "a", 50).account("bob", "a", 0).start().await;
    let (did, pds) = (world.did("alice"), world.pds("a"));
    let honest = pds.head(did);
    for forgery in [
        Forgery::OtherKey(dice::key(&mut dice::of_seed(5), Curve::K256)),
        Forgery::OtherRepo(world.did("bob").clone()),
        Forgery::OtherPrevData,
        Forgery::Untold,
        Forgery::Ahead { ms: 3_600_000 },
    ] {
        let mut subscriber = Subscriber::connect(world.origin("a"), Some(0)).await;
        let writes = [create("one", note("1")), create("two", note("2"))];
        pds.forge(did, &writes, forgery.clone());
        assert_eq!(pds.head(did), honest, "the account is none the wiser");
        let frames = subscriber.until(pds.seq()).await;
        let (last, before) = frames.split_last().unwrap();

        let mut follower = Follower { key: key(&world, did), head: None, applied: 0 };
        for frame in before {
            match decode(frame).unwrap() {
                Frame::Commit(message) if message.repo == *did => {
                    // Earlier forgeries are refused, and followed over.
                    let _ = follower.take(&message, world.clock.now());
                }
                _ => {}
            }
        }
        assert_eq!(follower.head.unwrap().commit, honest);
        let Frame::Commit(message) = decode(last).unwrap() else { panic!("a forged commit is a commit") };
        let refused = follower.take(&message, world.clock.now());
        assert!(refused.is_err(), "{forgery:?} passed our verifier");
        let verdict = judge_commit(&Seen::read(last), &follower.key);
        // The stranger here has no calendar; nothing else is wrong with that one.
        let ahead = matches!(forgery, Forgery::Ahead { .. });
        assert_eq!(verdict.is_ok(), ahead, "{forgery:?}: {verdict:?}");
    }
}

#[tokio::test]
async fn an_account_s_life_is_announced_as_the_reference_does_it() {
    let world = World::new(3).host("a").account("alice", "a", 0).start().await;
    let (did, pds) = (world.did("alice"), world.pds("a"));
    pds.set_status(did, Status::Deactivated);
    pds.set_status(did, Status::Active);
    pds.set_status(did, Status::Takendown);
    pds.set_status(did, Status::Active);
    pds.set_handle(did, "alicia.a.test");
    let mut subscriber = Subscriber::connect(world.origin("a"), Some(0)).await;
    let frames = subscriber.until(pds.seq()).await;
    let told: Vec<(String, String)> = frames.iter().map(|frame| tell(&Seen::read(frame))).collect();
    let expected = [
        ("#identity", "alice.a.test"),
        ("#account", "active"),
        ("#commit", ""),
        ("#sync", ""),
        ("#account", "deactivated"),
        ("#account", "active"),
        ("#identity", "alice.a.test"),
        ("#sync", ""),
        ("#account", "takendown"),
        ("#account", "active"),
        ("#identity", "alicia.a.test"),
    ];
    assert_eq!(told, expected.map(|(kind, what)| (kind.to_owned(), what.to_owned())));

    pds.delete(did);
    let mut late = Subscriber::connect(world.origin("a"), Some(0)).await;
    let frames = late.until(pds.seq()).await;
    assert_eq!(frames.len(), 1, "all that was said before is erased");
    let seen = Seen::read(&frames[0]);
    assert_eq!((tell(&seen), seen.seq()), (("#account".to_owned(), "deleted".to_owned()), 12));
}

fn tell(seen: &Seen<'_>) -> (String, String) {
    let what = match seen.kind.as_str() {
        "#identity" => seen.text("handle"),
        "#account" if *seen.get("active") == shrike::cbor::Value::Bool(true) => "active",
        "#account" => seen.text("status"),
        _ => "",
    };
    (seen.kind.clone(), what.to_owned())
}

#[tokio::test]
async fn a_subscriber_enters_where_its_cursor_says() {
    let world = World::new(4).host("a").account("alice", "a", 0).start().await;
    let (did, pds, origin) = (world.did("alice"), world.pds("a"), world.origin("a"));
    for n in 0..5 {
        pds.write(did, &[create(&n.to_string(), note("x"))]);
    }
    assert_eq!(pds.seq(), 9);
    for (cursor, first) in [(0, 1), (1, 1), (7, 7), (9, 9)] {
        let mut subscriber = Subscriber::connect(origin, Some(cursor)).await;
        let frames = subscriber.until(9).await;
        assert_eq!(Seen::read(&frames[0]).seq(), first, "cursor {cursor}");
        assert_eq!(frames.len() as u64, 10 - first);
        subscriber.leave().await;
    }

    let mut live = Subscriber::connect(origin, None).await;
    assert!(live.ping().await.is_empty(), "without a cursor nothing of the past");
    pds.write(did, &[create("now", note("x"))]);
    assert_eq!(Seen::read(&live.next().await.unwrap()).seq(), 10);

    let mut ahead = Subscriber::connect(origin, Some(11)).await;
    let frame = ahead.next().await.unwrap();
    let seen = Seen::read(&frame);
    assert_eq!((seen.op, seen.text("error")), (-1, "FutureCursor"));
    assert_eq!(ahead.next().await, Err(1008));
}

#[tokio::test]
async fn a_cursor_older_than_the_window_is_told_so_and_given_the_window() {
    let world = World::new(5).host("a").account("alice", "a", 0).start().await;
    let (did, pds, origin) = (world.did("alice"), world.pds("a"), world.origin("a"));
    pds.set_window_ms(60_000);
    world.clock.advance_ms(60_001);
    let mut all_gone = Subscriber::connect(origin, Some(2)).await;
    assert_eq!(Seen::read(&all_gone.next().await.unwrap()).text("name"), "OutdatedCursor");

    pds.write(did, &[create("one", note("x"))]);
    pds.write(did, &[create("two", note("x"))]);
    let mut old = Subscriber::connect(origin, Some(2)).await;
    let info = old.next().await.unwrap();
    assert_eq!(
        (Seen::read(&info).kind.as_str(), Seen::read(&info).text("name")),
        ("#info", "OutdatedCursor")
    );
    let window: Vec<u64> = old.until(6).await.iter().map(|frame| Seen::read(frame).seq()).collect();
    assert_eq!(window, [5, 6]);
    let still: Vec<u64> = all_gone.until(6).await.iter().map(|frame| Seen::read(frame).seq()).collect();
    assert_eq!(still, [5, 6]);
    for cursor in [0, 5] {
        let mut subscriber = Subscriber::connect(origin, Some(cursor)).await;
        assert_eq!(Seen::read(&subscriber.next().await.unwrap()).seq(), 5, "cursor {cursor}");
    }
}
