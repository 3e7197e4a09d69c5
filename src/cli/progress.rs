//! What a person sees while they wait: a bar or a spinner on a terminal, plain
//! lines elsewhere, nothing at all for what takes less than a second.

use std::future::Future;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::ProgressBar;

const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for `work`; says what it waits for once that takes longer than a second.
pub async fn waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, work.as_mut()).await {
        return done;
    }
    if !std::io::stderr().is_terminal() {
        eprintln!("{what} …");
        return work.await;
    }
    let spinner = ProgressBar::new_spinner().with_message(format!("{what} …"));
    spinner.enable_steady_tick(Duration::from_millis(100));
    let done = work.await;
    spinner.finish_and_clear();
    done
}
