//! What callers are told: health, description, refusals, metrics.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::child::{Node, SOON};
use counterpart::lexicon::{Kind, METHODS};

struct Caller {
    node: Node,
    client: Client,
    _directory: tempfile::TempDir,
}

fn caller(arguments: &[&str]) -> Caller {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), arguments);
    Caller { node, client: Client::new(), _directory: directory }
}

impl Caller {
    async fn call(
        &self,
        verb: Method,
        path: &str,
    ) -> (reqwest::StatusCode, reqwest::header::HeaderMap, String) {
        let response = self.client.request(verb, format!("{}{path}", self.node.url)).send().await.unwrap();
        (response.status(), response.headers().clone(), response.text().await.unwrap())
    }

    async fn refused(&self, verb: Method, path: &str) -> (u16, String) {
        let (status, headers, body) = self.call(verb, path).await;
        assert_eq!(headers["content-type"], "application/json", "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
        (status.as_u16(), body["error"].as_str().unwrap().to_owned())
    }
}

const DESCRIBE: &str = "/xrpc/network.counterpart.replication.describeService";

#[tokio::test]
async fn health_is_answered_as_a_pds_answers_it() {
    let caller = caller(&[]);
    let (status, headers, body) = caller.call(Method::GET, "/xrpc/_health").await;
    assert_eq!((status, headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({ "version": env!("CARGO_PKG_VERSION") })
    );
}

#[tokio::test]
async fn a_stranger_learns_what_this_service_is() {
    let nameless = caller(&[]);
    let (_, _, body) = nameless.call(Method::GET, DESCRIBE).await;
    let described: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(described["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(described.get("did"), None, "a node without a public name has no DID to give");
    let methods: Vec<_> = METHODS.iter().map(|method| method.nsid).collect();
    assert_eq!(described["methods"], json!(methods));
    assert_eq!(described["limits"]["maxRequestBytes"], counterpart::limits::BODY_BYTES_MAX);

    let named = caller(&["--public-url", "https://Copies.test:8443/"]);
    let (_, headers, body) = named.call(Method::GET, DESCRIBE).await;
    let described: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(described["did"], "did:web:copies.test%3A8443");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn refusals_have_the_names_and_codes_of_the_reference() {
    let caller = caller(&[]);
    let unknown = caller.refused(Method::GET, "/xrpc/com.example.unknown").await;
    assert_eq!(unknown, (501, "MethodNotImplemented".to_owned()));
    let nonsense = caller.refused(Method::GET, "/xrpc/..%2f..%2fetc").await;
    assert_eq!(nonsense, (501, "MethodNotImplemented".to_owned()));
    for verb in [Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(caller.refused(verb, DESCRIBE).await, (400, "InvalidRequest".to_owned()));
    }
    assert_eq!(caller.refused(Method::GET, "/nothing/here").await, (404, "XRPCNotSupported".to_owned()));
}

#[tokio::test]
async fn every_method_of_the_lexicons_is_answered() {
    let caller = caller(&[]);
    assert!(!METHODS.is_empty());
    for method in METHODS {
        let verb = if method.kind == Kind::Procedure { Method::POST } else { Method::GET };
        let (status, _, body) = caller.call(verb, &format!("/xrpc/{}", method.nsid)).await;
        assert_ne!(status, StatusCode::NOT_IMPLEMENTED, "{}: {body}", method.nsid);
    }
}

#[tokio::test]
async fn a_browser_may_ask_and_need_not_ask_again_for_a_day() {
    let caller = caller(&[]);
    let preflight = caller.client.request(Method::OPTIONS, format!("{}{DESCRIBE}", caller.node.url));
    let preflight =
        preflight.header("origin", "https://app.test").header("access-control-request-method", "GET");
    let headers = preflight.send().await.unwrap().headers().clone();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-max-age"], "86400");
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_not_for_whom_a_proxy_speaks() {
    let caller = caller(&[]);
    caller.call(Method::GET, "/xrpc/com.example.unknown").await;
    let deadline = Instant::now() + SOON;
    let body = loop {
        let (status, _, body) = caller.call(Method::GET, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        // The planner's first job is asked for a moment after the node is ready.
        if body.contains("counterpart_jobs{state=\"later\"} 1") || Instant::now() > deadline {
            break body;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(body.contains("counterpart_refusals_total{error=\"MethodNotImplemented\"} 1"), "{body}");
    assert!(body.contains("counterpart_jobs{state=\"later\"} 1"), "{body}");
    assert!(body.contains("counterpart_ledger_up 1"), "{body}");

    let passed_on =
        caller.client.get(format!("{}/metrics", caller.node.url)).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(passed_on.send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_node_that_is_asked_to_stop_finishes_and_leaves_the_ledger() {
    let Caller { node, _directory, .. } = caller(&[]);
    node.terminate();
    let (status, log) = node.ended();
    assert!(status.success(), "{log}");
    assert!(log.contains("stopped"), "{log}");
}
