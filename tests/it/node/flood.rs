//! Callers who dribble: five hundred sockets that never finish a request hold
//! nobody up and are gone when their time is over.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::child::Node;
use counterpart::limits;

const SOCKETS: usize = 500;

/// What a socket may live beyond its head timeout: closing five hundred takes a moment.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_slow_heads_holds_nobody_up_and_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &[]);
    let address = node.url.strip_prefix("http://").unwrap().to_owned();

    let mut dribblers = JoinSet::new();
    for _ in 0..SOCKETS {
        dribblers.spawn(dribble(TcpStream::connect(&address).await.unwrap()));
    }
    let client = reqwest::Client::new();
    let mut delays = Vec::new();
    let mut lives = Vec::new();
    // Asked over and over, on fresh connections as well, until the last dribbler is gone.
    while !dribblers.is_empty() {
        let asked = Instant::now();
        let client = if delays.len() % 2 == 0 { client.clone() } else { reqwest::Client::new() };
        let health = client.get(format!("{}/xrpc/_health", node.url)).send().await.unwrap();
        assert_eq!(health.status(), 200);
        delays.push(asked.elapsed());
        while let Some(ended) = dribblers.try_join_next() {
            lives.push(ended.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(lives.len(), SOCKETS);
    let longest = *lives.iter().max().unwrap();
    let allowed = Duration::from_millis(limits::HEAD_READ_MS_MAX) + GRACE;
    assert!(longest <= allowed, "a dribbler lived {longest:?}");
    delays.sort();
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
    println!(
        "slow heads: {SOCKETS} sockets, closed after {:?} to {longest:?}; {} health checks meanwhile, p50 {:?}, p99 {:?}",
        lives.iter().min().unwrap(),
        delays.len(),
        at(50),
        at(99)
    );
}

/// Sends a byte now and again, never the end of a head; says how long it was let live.
async fn dribble(mut socket: TcpStream) -> Duration {
    let born = Instant::now();
    let head = b"GET /xrpc/_health HTTP/1.1\r\nhost: pds.test\r\nx-slow: ";
    for byte in head.iter().copied().chain(std::iter::repeat(b'x')) {
        if socket.write_all(&[byte]).await.is_err() {
            break;
        }
        let mut answer = [0; 512];
        // Either the next byte's time has come, or the server has closed.
        if let Ok(Ok(0) | Err(_)) =
            tokio::time::timeout(Duration::from_millis(200), socket.read(&mut answer)).await
        {
            break;
        }
    }
    born.elapsed()
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &[]);
    let mut silent = TcpStream::connect(node.url.strip_prefix("http://").unwrap()).await.unwrap();
    let allowed = Duration::from_millis(limits::HEAD_READ_MS_MAX) + GRACE;
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(allowed, silent.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "still open after {allowed:?}");
}

#[tokio::test]
async fn a_kept_connection_that_falls_silent_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &[]);
    let mut kept = TcpStream::connect(node.url.strip_prefix("http://").unwrap()).await.unwrap();
    kept.write_all(b"GET /robots.txt HTTP/1.1\r\nhost: pds.test\r\n\r\n").await.unwrap();
    let allowed = Duration::from_millis(limits::HEAD_READ_MS_MAX) + GRACE;
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(allowed, kept.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "still open after {allowed:?}");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &[]);
    let mut socket = TcpStream::connect(node.url.strip_prefix("http://").unwrap()).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: pds.test\r\nx-long: ").await.unwrap();
    let chunk = [b'x'; 4096];
    let mut sent = 0;
    while sent <= 4 * limits::HEAD_BYTES_MAX && socket.write_all(&chunk).await.is_ok() {
        sent += chunk.len();
    }
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(GRACE, socket.read_to_end(&mut answer)).await.expect("closed at once");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
}
