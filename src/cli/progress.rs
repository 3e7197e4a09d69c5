//! What a person sees while they wait: a spinner on a terminal, a plain line
//! elsewhere, nothing at all for what takes less than a second. It goes to
//! standard error; answers are `print`'s.

use std::future::Future;
use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;

const PATIENCE: Duration = Duration::from_secs(1);

const TURN: Duration = Duration::from_millis(100);

/// Waits for `work`; says what it waits for once that takes longer than a second.
pub async fn waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, work.as_mut()).await {
        return done;
    }
    let shown = show(what);
    let done = work.await;
    clear(shown);
    done
}

/// The same for work that does not wait but computes.
pub fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (working, ended) = sync_channel::<()>(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let shown = show(what);
                let _ = ended.recv();
                clear(shown);
            }
        });
        let done = work();
        drop(working);
        done
    })
}

fn show(what: &str) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        eprintln!("{what} …");
        return None;
    }
    let spinner = ProgressBar::new_spinner().with_message(format!("{what} …"));
    spinner.enable_steady_tick(TURN);
    Some(spinner)
}

fn clear(shown: Option<ProgressBar>) {
    if let Some(spinner) = shown {
        spinner.finish_and_clear();
    }
}
