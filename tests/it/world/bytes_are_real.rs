//! The fear: hosts of the world whose bytes only our own reader would take.

use std::collections::BTreeMap;

use counterpart::atproto::{Did, PublicKey};
use counterpart::repo::author::RecordMap;
use counterpart::repo::verify::{KeySpan, Limits, Signer, verify_snapshot};
use shrike::repo::verify_record_proof;
use shrike::syntax::{Nsid, RecordKey};

use super::World;
use super::oracle::{get, read_repo, stranger_key};
use super::pds::record::{COLLECTION, create, delete, note, path, update};
use super::proxy::{Act, Cut, Fault, Plan, Way};

fn key(world: &World, name: &str) -> PublicKey {
    world.plc.identity(world.did(name)).unwrap().signing
}

async fn fetch_repo(world: &World, host: &str, did: &Did, query: &str) -> Vec<u8> {
    let url = format!("{}/xrpc/com.atproto.sync.getRepo?did={did}{query}", world.origin(host));
    let answer = get(&url).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/vnd.ipld.car"));
    assert_eq!(answer.header("content-length"), "", "the reference does not know it either");
    answer.body
}

fn as_text(records: &RecordMap) -> BTreeMap<String, Vec<u8>> {
    records.iter().map(|(path, bytes)| (path.to_string(), bytes.clone())).collect()
}

#[tokio::test]
async fn a_stranger_and_we_read_the_same_repositories_on_both_curves() {
    let names = [("alice", 0), ("bob", 0), ("carol", 1), ("dave", 1), ("erin", 450), ("frank", 450)];
    let world = names.iter().fold(World::new(1).host("a"), |world, (name, n)| world.account(name, "a", *n));
    let world = world.start().await;
    for (name, count) in names {
        let (did, key) = (world.did(name), key(&world, name));
        let car = fetch_repo(&world, "a", did, "").await;
        let records = read_repo(&car, did, &key).unwrap();
        assert_eq!(records.len(), count, "{name}");
        assert_eq!(records, as_text(&world.pds("a").records(did)));

        let keys = [KeySpan { key, until: None }];
        let signer = Signer { did: Some(did), keys: &keys };
        let ours = verify_snapshot(&car, &signer, Limits::default(), world.clock.now()).unwrap();
        assert_eq!(ours.counts().records, count as u64);
        assert_eq!(ours.commit_cid(), world.pds("a").head(did));
        assert_eq!(ours.counts().extra_blocks(), 0);
    }
}

#[tokio::test]
async fn a_repository_does_not_pass_for_another_account_or_key() {
    let world = World::new(2).host("a").account("alice", "a", 3).account("bob", "a", 3).start().await;
    let (alice, bob) = (world.did("alice"), world.did("bob"));
    let car = fetch_repo(&world, "a", alice, "").await;
    assert!(read_repo(&car, alice, &key(&world, "alice")).is_ok());
    assert!(read_repo(&car, bob, &key(&world, "alice")).is_err());
    assert!(read_repo(&car, alice, &key(&world, "bob")).is_err());
}

#[tokio::test]
async fn since_is_a_filter_of_blocks_that_completes_what_was_fetched_before() {
    let world = World::new(3).host("a").account("alice", "a", 300).start().await;
    let (did, pds) = (world.did("alice"), world.pds("a"));
    let old = fetch_repo(&world, "a", did, "").await;
    let rev = pds.write(did, &[create("kept", note("one")), create("brief", note("two"))]);
    world.clock.advance_ms(1_000);
    pds.write(did, &[delete("brief")]);
    // The same bytes again: they are newer than `rev`, whenever they were first written.
    let last = pds.write(did, &[create("again", note("two"))]);

    let new = fetch_repo(&world, "a", did, &format!("&since={rev}")).await;
    let key = key(&world, "alice");
    assert!(read_repo(&new, did, &key).is_err(), "a filter is no repository");
    let (roots, blocks) = shrike::car::read_slice(&new).unwrap();
    assert_eq!(roots[0].to_string(), pds.head(did).to_string());
    let again = counterpart::atproto::Cid::of_dag_cbor(&note("two")).to_string();
    assert!(blocks.iter().any(|block| block.cid.to_string() == again));
    assert!(blocks.len() < 20, "{} blocks of a repository of 300", blocks.len());

    // What the old copy had and the filter says together are the whole.
    let (_, before) = shrike::car::read_slice(&old).unwrap();
    let middle = fetch_repo(&world, "a", did, &format!("&since={}", first_rev(&old))).await;
    let (_, since) = shrike::car::read_slice(&middle).unwrap();
    let mut car = shrike::car::Writer::new(Vec::new(), &roots).unwrap();
    for block in before.iter().chain(&since) {
        car.write_block_ref(shrike::car::BlockRef { cid: block.cid, data: block.data }).unwrap();
    }
    let whole = read_repo(&car.finish(), did, &key).unwrap();
    assert_eq!(whole, as_text(&pds.records(did)));

    let nothing = fetch_repo(&world, "a", did, &format!("&since={last}")).await;
    assert_eq!(shrike::car::read_slice(&nothing).unwrap().1.len(), 0);
}

fn first_rev(car: &[u8]) -> String {
    shrike::repo::Repo::load_car(car).unwrap().head().unwrap().rev.to_string()
}

#[tokio::test]
async fn blocks_come_in_the_order_of_the_reference_and_not_of_the_tree() {
    let world = World::new(4).host("a").account("alice", "a", 100).start().await;
    let did = world.did("alice");
    let car = fetch_repo(&world, "a", did, "").await;
    let (_, blocks) = shrike::car::read_slice(&car).unwrap();
    let cids: Vec<String> = blocks.iter().map(|block| block.cid.to_string()).collect();
    // All but the empty beginning came with one commit.
    assert!(cids.is_sorted_by(|one, next| one > next), "{cids:?}");
}

#[tokio::test]
async fn a_record_is_proven_there_and_proven_gone() {
    let world = World::new(5).host("a").account("alice", "a", 400).start().await;
    let (did, pds) = (world.did("alice"), world.pds("a"));
    pds.write(did, &[create("here", note("first")), create("gone", note("soon"))]);
    pds.write(did, &[update("here", note("second")), delete("gone")]);
    let key = stranger_key(&key(&world, "alice"));
    for (rkey, expected) in [("here", Some(note("second"))), ("gone", None), ("never", None)] {
        let url = format!(
            "{}/xrpc/com.atproto.sync.getRecord?did={did}&collection={COLLECTION}&rkey={rkey}",
            world.origin("a")
        );
        let car = get(&url).await.body;
        let collection = Nsid::try_from(COLLECTION).unwrap();
        let did = shrike::syntax::Did::try_from(did.as_str()).unwrap();
        let proof =
            verify_record_proof(&car, &did, &*key, &collection, &RecordKey::try_from(rkey).unwrap()).unwrap();
        assert_eq!(proof.record.map(|(_, bytes)| bytes), expected, "{rkey}");
        assert!(car.len() < 10_000, "a proof of {} bytes", car.len());
    }
    assert_eq!(pds.records(did)[&path("here")], note("second"));
}

#[tokio::test]
async fn a_host_behind_a_proxy_is_reached_through_it_and_its_faults_are_told() {
    let cut = Fault::Cut { way: Way::Down, at: 5_000, how: Cut::Rst };
    let plan = Plan::Script(vec![vec![cut]]);
    let world = World::new(6).host_behind("a", plan).account("alice", "a", 200).start().await;
    let did = world.did("alice");
    assert_eq!(world.plc.identity(did).unwrap().pds, world.origin("a"));
    let url = format!("{}/xrpc/com.atproto.sync.getRepo?did={did}", world.origin("a"));
    let broken = reqwest::get(&url).await.unwrap().bytes().await;
    assert!(broken.is_err(), "the answer was cut in the middle");
    world.proxy("a").until_done(0, Act::CutByRst { way: Way::Down, at: 5_000 }).await;

    let car = fetch_repo(&world, "a", did, "").await;
    assert_eq!(read_repo(&car, did, &key(&world, "alice")).unwrap().len(), 200);
    assert_eq!(world.pds("a").front().asked("getRepo?"), 2);
}
