//! `subscribeRepos`: the host's log over a WebSocket, then what comes.

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State as Shared};
use axum::response::{IntoResponse, Response};
use counterpart::repo::frame::{Frame, InfoMessage, encode};
use serde::Deserialize;

use super::State;
use super::log::Entry;

const FRAMES_AT_ONCE: usize = 64;
const POLICY_VIOLATION: u16 = 1008;

#[derive(Deserialize)]
pub struct Params {
    cursor: Option<u64>,
}

pub async fn subscribe(
    Shared(state): Shared<Arc<State>>,
    Query(params): Query<Params>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |socket| follow(state, socket, params.cursor)).into_response()
}

async fn follow(state: Arc<State>, mut socket: WebSocket, cursor: Option<u64>) {
    let now = state.clock.now();
    let entry = state.locked().log.enter(cursor, now);
    let after = match entry {
        Entry::After(seq) => seq,
        Entry::Outdated(seq) => {
            let message = Some("Requested cursor exceeded limit. Possibly missing events");
            let info = encode(&Frame::Info(InfoMessage { name: "OutdatedCursor", message }));
            if socket.send(Message::Binary(info.into())).await.is_err() {
                return;
            }
            seq
        }
        Entry::Future => {
            let message = Some("Cursor in the future.");
            let error = encode(&Frame::Error { error: "FutureCursor", message });
            let _ = socket.send(Message::Binary(error.into())).await;
            let close = CloseFrame { code: POLICY_VIOLATION, reason: "FutureCursor".into() };
            let _ = socket.send(Message::Close(Some(close))).await;
            return;
        }
    };
    // An error is a subscriber that has left.
    let _ = tell(&state, &mut socket, after).await;
}

/// Ends when the subscriber leaves or the host is gone.
async fn tell(state: &State, socket: &mut WebSocket, mut after: u64) -> Result<(), axum::Error> {
    let mut news = state.news.clone();
    loop {
        news.borrow_and_update();
        let frames = state.locked().log.after(after, FRAMES_AT_ONCE);
        if frames.is_empty() {
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return Ok(()) },
                heard = socket.recv() => match heard {
                    None | Some(Ok(Message::Close(_))) => return Ok(()),
                    Some(heard) => { heard?; }
                },
            }
        }
        for (seq, frame) in frames {
            socket.send(Message::Binary(frame.into())).await?;
            after = seq;
        }
    }
}
