//! The fear: a host of the world that answers more kindly, or less, than the
//! reference does.

use counterpart::atproto::Cid;
use serde_json::json;

use super::World;
use super::oracle::{Answer, get};
use super::pds::Status;
use super::pds::record::{create, delete, note, note_with, update};

async fn ask(world: &World, method: &str) -> Answer {
    get(&format!("{}/xrpc/com.atproto.{method}", world.origin("a"))).await
}

#[tokio::test]
async fn who_is_out_of_sight_is_refused_by_name_and_listed_with_the_reason() {
    let world = World::new(1).host("a").account("alice", "a", 2).start().await;
    let (did, pds) = (world.did("alice"), world.pds("a"));
    let methods = ["getRepo", "getLatestCommit", "listBlobs"];
    for (status, error, message) in [
        (Status::Deactivated, "RepoDeactivated", "Repo has been deactivated"),
        (Status::Suspended, "RepoSuspended", "Repo has been suspended"),
        (Status::Takendown, "RepoTakendown", "Repo has been takendown"),
    ] {
        pds.set_status(did, status);
        for method in methods {
            let refusal = ask(&world, &format!("sync.{method}?did={did}")).await.refusal();
            assert_eq!(refusal, (400, error.to_owned(), format!("{message}: {did}")), "{method}");
        }
        let answer = ask(&world, &format!("sync.getRepoStatus?did={did}")).await.json();
        assert_eq!(answer, json!({ "did": did, "active": false, "status": status.as_str() }));
        let listed = ask(&world, "sync.listRepos").await.json();
        assert_eq!(listed["repos"][0]["status"], json!(status.as_str()));
        assert_eq!(ask(&world, "identity.resolveHandle?handle=alice.a.test").await.status, 400);
    }
    pds.set_status(did, Status::Active);
    let answer = ask(&world, &format!("sync.getRepoStatus?did={did}")).await.json();
    let latest = ask(&world, &format!("sync.getLatestCommit?did={did}")).await.json();
    assert_eq!(answer, json!({ "did": did, "active": true, "rev": latest["rev"] }));
    assert_eq!(latest["cid"], json!(pds.head(did)));

    pds.delete(did);
    for method in ["getRepo", "getLatestCommit", "listBlobs", "getRepoStatus"] {
        let refusal = ask(&world, &format!("sync.{method}?did={did}")).await.refusal();
        assert_eq!(refusal.1, "RepoNotFound", "{method}");
        assert_eq!(refusal.2, format!("Could not find repo for DID: {did}"));
    }
    assert_eq!(ask(&world, "sync.listRepos").await.json(), json!({ "repos": [] }));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_as_the_reference_does() {
    let world = World::new(2).host("a").account("alice", "a", 0).start().await;
    let did = world.did("alice");
    for (asked, status, error) in [
        ("sync.getRepo".to_owned(), 400, "InvalidRequest"),
        (format!("sync.getRepo?did={did}&since=yesterday"), 400, "InvalidRequest"),
        (format!("sync.getRecord?did={did}&collection=com.example.note"), 400, "InvalidRequest"),
        (format!("sync.listBlobs?did={did}&limit=1001"), 400, "InvalidRequest"),
        ("sync.listRepos?limit=0".to_owned(), 400, "InvalidRequest"),
        ("sync.listRepos?cursor=first".to_owned(), 400, "InvalidRequest"),
        ("sync.getHostStatus?hostname=a.test".to_owned(), 501, "MethodNotImplemented"),
    ] {
        let refusal = ask(&world, &asked).await.refusal();
        assert_eq!((refusal.0, refusal.1.as_str()), (status, error), "{asked}");
    }
}

#[tokio::test]
async fn a_blob_is_served_while_a_record_names_it_and_no_longer() {
    let world = World::new(3).host("a").account("alice", "a", 0).account("bob", "a", 0).start().await;
    let (did, pds) = (world.did("alice"), world.pds("a"));
    let blob = pds.upload(did, "image/png", b"a picture".to_vec());
    let url = format!("sync.getBlob?did={did}&cid={}", blob.cid);
    let missing = (400, "InvalidRequest".to_owned(), "Blob not found".to_owned());
    assert_eq!(ask(&world, &url).await.refusal(), missing, "before a record names it");

    pds.write(did, &[create("one", note_with("1", &[&blob])), create("two", note_with("2", &[&blob]))]);
    let answer = ask(&world, &url).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"a picture"[..]));
    assert_eq!(Cid::of_raw(&answer.body), blob.cid);
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", "9"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    let other = format!("sync.getBlob?did={}&cid={}", world.did("bob"), blob.cid);
    assert_eq!(ask(&world, &other).await.refusal(), missing, "another account has no such blob");

    pds.write(did, &[delete("one")]);
    assert_eq!(ask(&world, &url).await.status, 200, "the other record still names it");
    pds.write(did, &[update("two", note("no picture"))]);
    assert_eq!(ask(&world, &url).await.refusal(), missing);
    let list = format!("sync.listBlobs?did={did}");
    assert_eq!(ask(&world, &list).await.json(), json!({ "cids": [] }));

    // Named once more, but nobody has uploaded it again.
    pds.write(did, &[update("two", note_with("a picture", &[&blob]))]);
    assert_eq!(ask(&world, &url).await.refusal(), missing);
    assert_eq!(ask(&world, &list).await.json()["cids"], json!([blob.cid]));
}

#[tokio::test]
async fn blobs_are_listed_page_by_page_and_since_a_revision() {
    let world = World::new(4).host("a").account("alice", "a", 0).start().await;
    let (did, pds) = (world.did("alice"), world.pds("a"));
    let blobs: Vec<_> = (0..5_u8).map(|n| pds.upload(did, "text/plain", vec![n])).collect();
    let rev = pds.write(did, &[create("early", note_with("", &[&blobs[0], &blobs[1]]))]);
    pds.write(did, &[create("late", note_with("", &[&blobs[2], &blobs[3], &blobs[4]]))]);

    let mut cids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ask(&world, &format!("sync.listBlobs?did={did}&limit=2{cursor}")).await.json();
        let Some(next) = page["cursor"].as_str() else { break };
        cids.extend(page["cids"].as_array().unwrap().iter().map(|cid| cid.as_str().unwrap().to_owned()));
        cursor = format!("&cursor={next}");
    }
    let mut expected: Vec<_> = blobs.iter().map(|blob| blob.cid.to_string()).collect();
    expected.sort();
    assert_eq!(cids, expected);
    let late = ask(&world, &format!("sync.listBlobs?did={did}&since={rev}")).await.json();
    assert_eq!(late["cids"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn every_account_is_listed_once_and_a_cursor_stands_even_after_the_last() {
    let names: Vec<String> = (0..7).map(|n| format!("user{n}")).collect();
    let world = names.iter().fold(World::new(5).host("a"), |world, name| world.account(name, "a", 1));
    let world = world.start().await;
    let (mut dids, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = ask(&world, &format!("sync.listRepos?limit=3{cursor}")).await.json();
        let Some(next) = page["cursor"].as_str() else { break };
        for repo in page["repos"].as_array().unwrap() {
            assert_eq!(repo["active"], true);
            dids.push(repo["did"].as_str().unwrap().to_owned());
        }
        cursor = format!("&cursor={next}");
        pages += 1;
    }
    let mut expected: Vec<_> = names.iter().map(|name| world.did(name).to_string()).collect();
    expected.sort();
    dids.sort();
    assert_eq!((dids, pages), (expected, 3), "and then an empty page");
}

#[tokio::test]
async fn a_handle_leads_to_its_did_both_ways() {
    let world = World::new(6).host("a").account("alice", "a", 0).start().await;
    let did = world.did("alice");
    let answer = ask(&world, "identity.resolveHandle?handle=alice.a.test").await;
    assert_eq!(answer.json(), json!({ "did": did }));
    let refusal = ask(&world, "identity.resolveHandle?handle=nobody.a.test").await.refusal();
    assert_eq!(refusal, (400, "InvalidRequest".to_owned(), "Unable to resolve handle".to_owned()));

    for (host, status, body) in [
        ("alice.a.test", 200, did.as_str()),
        ("nobody.a.test", 404, "User not found"),
        ("a.test:80", 404, "User not found"),
    ] {
        let url = format!("{}/.well-known/atproto-did", world.origin("a"));
        let answer = reqwest::Client::new().get(url).header("host", host).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, body));
    }
    world.pds("a").set_handle(did, "alice2.a.test");
    assert_eq!(ask(&world, "identity.resolveHandle?handle=alice2.a.test").await.json()["did"], json!(did));
    assert_eq!(ask(&world, "identity.resolveHandle?handle=alice.a.test").await.status, 400);
}
