//! Named places where a test may kill the process.
//!
//! Without the `crashpoints` feature these are nothing at all. With it, the one
//! place a test armed ends the process as a power cut would: no destructor, no
//! flush, no goodbye. Which places there are is read off the code.

/// Dies here if a test asked for it.
#[cfg(not(feature = "crashpoints"))]
#[inline(always)]
pub fn point(_name: &'static str) {}

#[cfg(feature = "crashpoints")]
pub use armed::{arm, point};

#[cfg(feature = "crashpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        passes_left: AtomicU64,
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();

    /// Arms one place, written `name` or `name:passes` to let it be passed that
    /// often first.
    pub fn arm(place: &str) {
        let (name, passes) = place.split_once(':').unwrap_or((place, "0"));
        let passes = passes.parse().expect("a crash point is armed as name:passes");
        let armed = Armed { name: name.to_owned(), passes_left: AtomicU64::new(passes) };
        assert!(ARMED.set(armed).is_ok(), "one crash point is armed once");
    }

    pub fn point(name: &'static str) {
        let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
        let left =
            armed.passes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            // The harness reads this line to know that the place was reached.
            eprintln!("crash point {name}");
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            unreachable!("a killed process does not come back");
        }
    }
}
