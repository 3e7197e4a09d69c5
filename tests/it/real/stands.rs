//! That the network itself is what the other tests take it for: it comes up,
//! does what the protocol says, stops and starts on demand, keeps what it was
//! told to keep, and leaves no process behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::firehose::Firehose;
use super::network::{Network, Options};
use super::shared;

const COLLECTION: &str = "com.example.note";
const GONE_SECONDS_MAX: u64 = 20;

#[tokio::test]
async fn two_pdses_and_a_directory_come_up() {
    let network = shared().await;
    assert_eq!(network.pds_count(), 2);
    for pds in 0..2 {
        let described = network.query(pds, "com.atproto.server.describeServer").await.unwrap();
        assert_eq!(described["did"], json!(network.pds(pds).did));
    }
    assert_ne!(network.pds(0).did, network.pds(1).did);
    assert_eq!(network.did_document("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").await, Err(StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn the_directory_says_which_pds_an_account_lives_on() {
    let network = shared().await;
    for pds in 0..2 {
        let account = network.account(pds).await;
        let document = network.did_document(&account.did).await.unwrap();
        assert_eq!(document["id"], json!(account.did));
        assert_eq!(document["alsoKnownAs"], json!([format!("at://{}", account.handle)]));
        let service = &document["service"][0];
        assert_eq!(service["id"], "#atproto_pds");
        assert_eq!(service["serviceEndpoint"], json!(network.pds(pds).url));
        let key = document["verificationMethod"][0]["publicKeyMultibase"].as_str().unwrap();
        assert!(key.starts_with("zQ3sh"), "a compressed secp256k1 key: {key}");
    }
}

#[tokio::test]
async fn a_write_moves_the_rev() {
    let network = shared().await;
    let account = network.account(0).await;
    let before = network.latest_rev(&account).await;
    let written = network.write_record(&account, COLLECTION, "one", "a first word").await;
    assert!(written > before, "{written} follows {before}");
    assert_eq!(network.latest_rev(&account).await, written);
}

#[tokio::test]
async fn a_write_arrives_on_the_firehose() {
    let network = shared().await;
    let account = network.account(1).await;
    let mut firehose = Firehose::open(&network.pds(1).url).await;
    let rev = network.write_record(&account, COLLECTION, "one", "heard by all").await;
    let commit = firehose.commit(|commit| commit.repo == account.did && !commit.ops.is_empty()).await;
    assert_eq!(commit.rev, rev);
    let ops: Vec<_> = commit.ops.iter().map(|op| (op.action.as_str(), op.path.as_str())).collect();
    assert_eq!(ops, [("create", "com.example.note/one")]);
}

#[tokio::test]
async fn mail_stays_inside_and_can_be_read() {
    let network = shared().await;
    let (asks, does_not) = (network.account(0).await, network.account(0).await);
    network.call(&asks, "com.atproto.server.requestAccountDelete", Value::Null).await;
    let mails = network.mails_to(&asks).await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].subject.to_lowercase().contains("delet"), "{}", mails[0].subject);
    assert_eq!(mails[0].token.as_ref().map(String::len), Some(11));
    assert!(network.mails_to(&does_not).await.is_empty());
}

#[tokio::test]
async fn a_stopped_pds_is_gone_and_comes_back_with_its_repos() {
    let network = Network::start(Options::default()).await;
    let account = network.account(0).await;
    let rev = network.write_record(&account, COLLECTION, "one", "kept").await;

    network.stop_pds(0).await;
    assert!(!network.pds_answers(0).await);
    network.start_pds(0).await;
    assert_eq!(network.latest_rev(&account).await, rev);

    let mut firehose = Firehose::open(&network.pds(0).url).await;
    network.kill_pds(0).await;
    while firehose.frame().await.is_some() {}
    assert!(!network.pds_answers(0).await);
    network.start_pds(0).await;
    assert_eq!(network.latest_rev(&account).await, rev);
}

#[tokio::test]
async fn a_network_taken_up_again_knows_its_accounts() {
    let data = tempfile::tempdir().unwrap();
    let options = Options { data: Some(data.path().to_owned()), ..Options::default() };
    let first = Network::start(options.clone()).await;
    let account = first.account(0).await;
    let rev = first.write_record(&account, COLLECTION, "one", "outlives the process").await;
    let document = first.did_document(&account.did).await.unwrap();
    let url = first.pds(0).url.clone();
    drop(first);

    let again = Network::start(options).await;
    assert_eq!(again.pds(0).url, url, "the DID documents name it");
    assert_eq!(again.did_document(&account.did).await.unwrap(), document);
    assert_eq!(again.latest_rev(&account).await, rev);
    assert!(again.write_record(&account, COLLECTION, "two", "goes on").await > rev);

    again.stop_plc().await;
    let absent = reqwest::get(format!("{}/_health", again.plc())).await;
    assert!(absent.is_err_and(|error| error.is_connect()));
    again.start_plc().await;
    assert_eq!(again.did_document(&account.did).await.unwrap(), document);
}

const HOLDER: &str = "COUNTERPART_TEST_HOLDS_A_NETWORK";

/// Runs itself a second time as the process that holds the network, because
/// what is to be shown is what happens when such a process is killed.
#[tokio::test]
async fn the_network_ends_with_the_process_that_holds_it_even_by_kill_9() {
    if env::var_os(HOLDER).is_some() {
        let network = Network::start(Options::default()).await;
        println!("\n{HOLDER} {} {}", network.pid(), network.pds(0).data_dir.display());
        std::future::pending::<()>().await;
    }
    let mut holder = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "real::stands::the_network_ends_with_the_process_that_holds_it_even_by_kill_9",
        ])
        .env(HOLDER, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(holder.stdout.take().unwrap()).lines();
    let line = said
        .map_while(Result::ok)
        .find(|line| line.starts_with(HOLDER))
        .expect("the holder names its network");
    let mut words = line.split(' ').skip(1);
    let (pid, folder) = (words.next().unwrap().parse().unwrap(), Path::new(words.next().unwrap()));
    assert!(runs(pid) && folder.exists());

    holder.kill().unwrap();
    holder.wait().unwrap();
    let gone = async {
        while runs(pid) || folder.exists() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(GONE_SECONDS_MAX), gone)
        .await
        .expect("the network ends, and its files with it");
}

/// A process that has ended but was not waited for is a zombie, and as good as gone.
fn runs(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    !matches!(state, Some('Z' | 'X'))
}
