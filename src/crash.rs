//! Named places where a test may kill or freeze the process.
//!
//! Without the `crashpoints` feature these are nothing at all. With it, the one
//! place a test armed ends the process as a power cut would: no destructor, no
//! flush, no goodbye. Or it stops it where it stands, until somebody continues
//! it. Which places there are is read off the code.

/// Dies here, or freezes, if a test asked for it.
#[cfg(not(feature = "crashpoints"))]
#[inline(always)]
pub fn point(_name: &'static str) {}

#[cfg(feature = "crashpoints")]
pub use armed::{arm, point};

#[cfg(feature = "crashpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    struct Armed {
        name: String,
        passes_left: AtomicI64,
        signal: Signal,
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();

    /// Arms one place, written `name`, or `name:passes` to let it be passed that
    /// often first, or `name:passes:stop` to be frozen there and not killed.
    pub fn arm(place: &str) {
        let mut parts = place.split(':');
        let name = parts.next().unwrap_or_default().to_owned();
        let passes = parts.next().unwrap_or("0").parse().expect("a crash point is armed as name:passes");
        let signal = match parts.next() {
            None => Signal::KILL,
            Some("stop") => Signal::STOP,
            Some(other) => panic!("a crash point kills or stops, it cannot `{other}`"),
        };
        let armed = Armed { name, passes_left: AtomicI64::new(passes), signal };
        assert!(ARMED.set(armed).is_ok(), "one crash point is armed once");
    }

    pub fn point(name: &'static str) {
        let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
        // Once only: who was continued after a freeze passes from then on.
        if armed.passes_left.fetch_sub(1, Ordering::SeqCst) == 0 {
            // The harness reads this line to know that the place was reached.
            eprintln!("crash point {name}");
            let sent = kill_process(getpid(), armed.signal);
            assert!(sent.is_ok(), "a process may signal itself");
            assert!(armed.signal == Signal::STOP, "a killed process does not come back");
            // Another thread may be the one that takes the signal, a moment
            // later; this one must not run on meanwhile.
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
