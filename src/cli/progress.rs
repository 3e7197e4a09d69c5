//! What a person sees while they wait: a bar or a spinner on a terminal, plain
//! lines elsewhere, nothing at all for what takes less than a second.

use std::cell::Cell;
use std::future::Future;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Stopwatch;

const PATIENCE: Duration = Duration::from_secs(1);

/// Off a terminal, how often a line says how far it is.
const LINE_EVERY: Duration = Duration::from_secs(10);

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

/// How much of something known in size is done.
pub struct Bar {
    what: &'static str,
    total: u64,
    done: Cell<u64>,
    watch: Stopwatch,
    said: Cell<Duration>,
    drawn: Option<ProgressBar>,
}

impl Bar {
    pub fn of_bytes(what: &'static str, total: u64) -> Self {
        let drawn = std::io::stderr().is_terminal().then(|| {
            let style = "{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left";
            let style = ProgressStyle::with_template(style).expect("the template is ours");
            ProgressBar::new(total).with_style(style).with_message(what)
        });
        Self { what, total, done: Cell::new(0), watch: Stopwatch::start(), said: Cell::new(PATIENCE), drawn }
    }

    pub fn advance(&self, by: u64) {
        self.done.set(self.done.get() + by);
        let elapsed = self.watch.elapsed();
        if let Some(bar) = &self.drawn {
            if elapsed >= PATIENCE {
                bar.set_position(self.done.get());
            }
            return;
        }
        if elapsed >= self.said.get() {
            let percent = self.done.get().saturating_mul(100).checked_div(self.total).unwrap_or(100);
            eprintln!("{} … {percent} %", self.what);
            self.said.set(elapsed + LINE_EVERY);
        }
    }

    pub fn done(self) {
        if let Some(bar) = self.drawn {
            bar.finish_and_clear();
        }
    }
}
