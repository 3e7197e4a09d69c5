//! A victim in the hands of its harness: started, listened to, killed.
//!
//! It never outlives this value, nor the process that holds it: its standard
//! input ends with either.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Where Cargo has put the victim, if it was asked to build it.
const PROGRAM: Option<&str> = option_env!("CARGO_BIN_EXE_victim");

/// A place that is passed at all is passed within this, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a victim is told to be.
#[derive(Clone, Debug)]
pub struct Casting {
    pub ledger: String,
    pub name: String,
    pub lease_ms: u64,
    pub beat_ms: u64,
    pub drain_ms: u64,
    pub workers: u32,
    pub wish: Vec<String>,
    pub keep_wishing: Option<u64>,
    pub wishing_ms: Option<u64>,
    pub crash_at: Option<String>,
}

impl Casting {
    pub fn start(self) -> Victim {
        Victim::start(self)
    }

    #[must_use]
    pub fn crash_at(mut self, place: impl Into<String>) -> Self {
        self.crash_at = Some(place.into());
        self
    }

    #[must_use]
    pub fn wish(mut self, subjects: &[&str]) -> Self {
        self.wish = subjects.iter().map(|&subject| subject.to_owned()).collect();
        self
    }
}

/// What a victim has said so far.
#[derive(Default, Debug)]
pub struct Heard {
    pub said: Vec<String>,
    /// Its standard error.
    pub complained: Vec<String>,
    pipes_ended: u8,
}

impl Heard {
    /// What followed `word` in the lines that begin with it.
    pub fn after<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.said.iter().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '))
    }

    pub fn times(&self, line: &str) -> usize {
        self.said.iter().filter(|said| *said == line).count()
    }

    /// The crash point it came to, if it came to one.
    pub fn crash_point(&self) -> Option<&str> {
        self.complained.iter().find_map(|line| line.strip_prefix("crash point "))
    }
}

pub struct Victim {
    casting: Casting,
    child: Child,
    heard: Arc<(Mutex<Heard>, Condvar)>,
    readers: Vec<JoinHandle<()>>,
}

impl Victim {
    fn start(casting: Casting) -> Self {
        let program =
            PROGRAM.expect("the crash suites need the victim: run them with `--features crashpoints`");
        let mut command = Command::new(program);
        command
            .args(["--ledger", &casting.ledger, "--name", &casting.name])
            .args(["--lease-ms", &casting.lease_ms.to_string()])
            .args(["--beat-ms", &casting.beat_ms.to_string()])
            .args(["--drain-ms", &casting.drain_ms.to_string()])
            .args(["--workers", &casting.workers.to_string()])
            .args(casting.wish.iter().flat_map(|subject| ["--wish", subject]))
            .env_remove("COUNTERPART_CRASH_AT")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(seed) = casting.keep_wishing {
            command.args(["--keep-wishing", &seed.to_string()]);
        }
        if let Some(ms) = casting.wishing_ms {
            command.args(["--wishing-ms", &ms.to_string()]);
        }
        if let Some(place) = &casting.crash_at {
            command.env("COUNTERPART_CRASH_AT", place);
        }
        let mut child = command.spawn().unwrap_or_else(|fault| panic!("cannot start {program}: {fault}"));
        let heard = Arc::default();
        let readers = vec![
            listen(&heard, child.stdout.take().expect("piped"), |heard, line| heard.said.push(line)),
            listen(&heard, child.stderr.take().expect("piped"), |heard, line| heard.complained.push(line)),
        ];
        Self { casting, child, heard, readers }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child that was not waited for can be signalled");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it has said so far.
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        locked(&self.heard.0)
    }

    /// Waits until what it has said satisfies; it must before it ends.
    pub fn wait_until(&self, what: &str, satisfied: impl Fn(&Heard) -> bool) {
        let heard = self.wait(PATIENCE, |heard| satisfied(heard) || heard.pipes_ended == 2);
        assert!(satisfied(&heard), "{} never came to this: {what}; {heard:#?}", self.casting.name);
    }

    pub fn wait_for_standing(&self) {
        self.wait_until("in the ledger", |heard| heard.after("entered").next().is_some());
    }

    /// Waits until it has frozen at the point that was armed.
    pub fn wait_until_frozen(&self) {
        self.wait_until("the place where it freezes", |heard| heard.crash_point().is_some());
        let stat = format!("/proc/{}/stat", self.child.id());
        let give_up_at = Instant::now() + PATIENCE;
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            assert!(Instant::now() < give_up_at, "{} does not freeze", self.casting.name);
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn kill(self) -> Heard {
        self.signal(Signal::KILL);
        let (status, heard) = self.end(PATIENCE);
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "it ended by itself: {status}; {heard:#?}");
        heard
    }

    /// Waits until it was killed at the point that was armed.
    pub fn die_at(self, point: &str) -> Heard {
        let name = self.casting.name.clone();
        let (status, heard) = self.end(PATIENCE);
        assert_eq!(
            (heard.crash_point(), status.signal()),
            (Some(point), Some(Signal::KILL.as_raw())),
            "{name} did not die where it should; {heard:#?}"
        );
        heard
    }

    /// Asks it to stop; it must, in order.
    pub fn stop(self, within: Duration) -> Heard {
        self.signal(Signal::TERM);
        let (status, heard) = self.end(within);
        assert!(status.success(), "it did not stop in order: {status}; {heard:#?}");
        heard
    }

    fn end(mut self, within: Duration) -> (ExitStatus, Heard) {
        drop(self.wait(within, |heard| heard.pipes_ended == 2));
        let ended = self.heard().pipes_ended == 2;
        if !ended {
            self.signal(Signal::KILL);
        }
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let heard = std::mem::take(&mut *self.heard());
        assert!(ended, "{} had not ended after {within:?}; {heard:#?}", self.casting.name);
        (status, heard)
    }

    fn wait(&self, within: Duration, enough: impl Fn(&Heard) -> bool) -> MutexGuard<'_, Heard> {
        let (lock, changed) = &*self.heard;
        let waited = changed.wait_timeout_while(locked(lock), within, |heard| !enough(heard));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // A test that failed leaves nobody behind; one that ended finds nobody.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(
    heard: &Arc<(Mutex<Heard>, Condvar)>,
    pipe: impl Read + Send + 'static,
    keep: fn(&mut Heard, String),
) -> JoinHandle<()> {
    let heard = Arc::clone(heard);
    thread::spawn(move || {
        let (lock, changed) = &*heard;
        // The last line may be torn: it was being written when its writer died.
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) && line.pop() == Some(b'\n') {
            keep(&mut locked(lock), String::from_utf8_lossy(&line).into_owned());
            line.clear();
            changed.notify_all();
        }
        locked(lock).pipes_ended += 1;
        changed.notify_all();
    })
}

// A test that fails while it looks at what was said must not fail the listeners.
fn locked(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
