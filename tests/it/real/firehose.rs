//! Reads a PDS's event stream as far as these tests need: which record of
//! which repo changed. It verifies nothing; that is what is under test elsewhere.

use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The reference PDS delivers within a second of a write; machines are slow at times.
const FRAME_SECONDS_MAX: u64 = 30;

pub struct Firehose(WebSocketStream<MaybeTlsStream<TcpStream>>);

#[derive(Deserialize)]
struct Header {
    t: Option<String>,
}

#[derive(Deserialize)]
pub struct Commit {
    pub repo: String,
    pub rev: String,
    pub ops: Vec<Op>,
}

#[derive(Deserialize)]
pub struct Op {
    pub action: String,
    pub path: String,
}

impl Firehose {
    /// From the beginning: nothing is missed between the connection and the subscription.
    pub async fn open(pds: &str) -> Self {
        let origin = pds.replacen("http", "ws", 1);
        let url = format!("{origin}/xrpc/com.atproto.sync.subscribeRepos?cursor=0");
        let (socket, _) = connect_async(url).await.expect("the PDS takes subscribers");
        Self(socket)
    }

    /// The first commit from here on that `wanted` says yes to.
    pub async fn commit(&mut self, wanted: impl Fn(&Commit) -> bool) -> Commit {
        loop {
            let frame = self.frame().await.expect("the stream goes on");
            let mut rest = &frame[..];
            let header: Header = serde_ipld_dagcbor::de::from_reader_once(&mut rest).expect("a header");
            if header.t.as_deref() != Some("#commit") {
                continue;
            }
            let commit = serde_ipld_dagcbor::from_slice(rest).expect("a commit");
            if wanted(&commit) {
                return commit;
            }
        }
    }

    /// The next frame, or `None` when the connection has ended, in whichever way.
    pub async fn frame(&mut self) -> Option<Vec<u8>> {
        let patience = Duration::from_secs(FRAME_SECONDS_MAX);
        loop {
            let next = timeout(patience, self.0.next()).await;
            match next.unwrap_or_else(|_| panic!("no frame for {FRAME_SECONDS_MAX} s")) {
                Some(Ok(Message::Binary(frame))) => return Some(frame.to_vec()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}
