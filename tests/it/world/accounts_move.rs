//! The fear: an account that moves in the world differently than it does
//! between two references.

use atrium_api::did_doc::DidDocument;
use counterpart::atproto::PublicKey;
use shrike::cbor::Value;

use super::World;
use super::oracle::{Seen, Subscriber, get, judge_commit, read_repo};
use super::pds::record::{create, note, note_with};

async fn latest(world: &World, host: &str, name: &str) -> serde_json::Value {
    let url = format!("{}/xrpc/com.atproto.sync.getLatestCommit?did={}", world.origin(host), world.did(name));
    get(&url).await.json()
}

async fn fetch(world: &World, host: &str, name: &str) -> Vec<u8> {
    get(&format!("{}/xrpc/com.atproto.sync.getRepo?did={}", world.origin(host), world.did(name))).await.body
}

fn key(world: &World, name: &str) -> PublicKey {
    world.plc.identity(world.did(name)).unwrap().signing
}

#[tokio::test]
async fn the_document_names_the_new_host_and_the_old_one_serves_no_more() {
    let mut world = World::new(1).host("a").host("b").account("alice", "a", 30).start().await;
    let did = world.did("alice").clone();
    let blob = world.pds("a").upload(&did, "text/plain", b"luggage".to_vec());
    world.pds("a").write(&did, &[create("packed", note_with("with a blob", &[&blob]))]);
    let (old_key, old_records) = (key(&world, "alice"), world.pds("a").records(&did));
    world.clock.advance_ms(5_000);
    world.migrate("alice", "b");

    let document = get(&format!("{}/{did}", world.plc.url())).await.json();
    let document: DidDocument = serde_json::from_value(document).unwrap();
    assert_eq!(document.get_pds_endpoint().as_deref(), Some(world.origin("b")));
    assert_ne!(key(&world, "alice"), old_key);
    assert_eq!(world.pds("b").records(&did), old_records);
    let url = format!("{}/xrpc/com.atproto.sync.getBlob?did={did}&cid={}", world.origin("b"), blob.cid);
    assert_eq!(get(&url).await.body, b"luggage");
    assert_eq!(latest(&world, "a", "alice").await["error"], "RepoDeactivated");
}

#[tokio::test]
async fn until_its_first_write_a_moved_account_is_signed_by_the_old_key_and_misnamed() {
    let mut world = World::new(2).host("a").host("b").account("alice", "a", 30).start().await;
    let did = world.did("alice").clone();
    let old_key = key(&world, "alice");
    let before = latest(&world, "a", "alice").await;
    world.clock.advance_ms(5_000);
    world.migrate("alice", "b");
    let new_key = key(&world, "alice");

    let car = fetch(&world, "b", "alice").await;
    assert_eq!(read_repo(&car, &did, &old_key).unwrap().len(), 30);
    assert!(read_repo(&car, &did, &new_key).is_err(), "nobody has signed with the new key");
    let after = latest(&world, "b", "alice").await;
    assert_eq!(after["cid"], before["cid"]);
    assert!(after["rev"].as_str() > before["rev"].as_str(), "a revision that no block carries");
    let listed = get(&format!("{}/xrpc/com.atproto.sync.listRepos", world.origin("b"))).await.json();
    assert_ne!(listed["repos"][0]["head"], before["cid"], "still the empty one of the beginning");

    let mut subscriber = Subscriber::connect(world.origin("b"), Some(0)).await;
    world.pds("b").write(&did, &[create("settled", note("in"))]);
    let frames = subscriber.until(world.pds("b").seq()).await;
    let kinds: Vec<_> = frames.iter().map(|frame| Seen::read(frame).kind).collect();
    assert_eq!(kinds, ["#identity", "#account", "#identity", "#sync", "#commit"]);
    let (identity, sync) = (Seen::read(&frames[0]), Seen::read(&frames[3]));
    assert_eq!(*identity.get("handle"), Value::Null);
    assert_eq!(sync.text("rev"), after["rev"].as_str().unwrap());
    let commit = Seen::read(&frames[4]);
    judge_commit(&commit, &new_key).unwrap();
    assert_eq!(commit.text("since"), before["rev"].as_str().unwrap(), "not the revision of the #sync");

    let car = fetch(&world, "b", "alice").await;
    assert_eq!(read_repo(&car, &did, &new_key).unwrap().len(), 31);
    let settled = latest(&world, "b", "alice").await;
    let listed = get(&format!("{}/xrpc/com.atproto.sync.listRepos", world.origin("b"))).await.json();
    assert_eq!((&listed["repos"][0]["head"], &listed["repos"][0]["rev"]), (&settled["cid"], &settled["rev"]));
}

#[tokio::test]
async fn the_old_host_says_that_the_account_has_gone() {
    let mut world = World::new(3).host("a").host("b").account("alice", "a", 1).start().await;
    let mut subscriber = Subscriber::connect(world.origin("a"), None).await;
    subscriber.ping().await;
    world.migrate("alice", "b");
    let frames = subscriber.until(world.pds("a").seq()).await;
    assert_eq!(frames.len(), 1);
    let seen = Seen::read(&frames[0]);
    assert_eq!((seen.kind.as_str(), seen.text("status")), ("#account", "deactivated"));
    assert_eq!(*seen.get("active"), Value::Bool(false));
}
