//! One way of one connection: bytes come in at one end and go out at the
//! other, later, fewer, altered or not at all.
//!
//! Reading and writing are apart, so that latency holds bytes back without
//! making the line narrower. What ends here badly ends the whole connection;
//! how, the connection decides.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::record::{Act, Record};
use super::script::{Cut, Fault, Until, Way};

const CHUNK_BYTES: usize = 16_384;
/// What may be on its way at once: a megabyte.
const CHUNKS_MAX: usize = 64;

/// The faults of one way, sorted by when they matter.
pub struct Line<'r> {
    way: Way,
    connection: u64,
    record: &'r Record,
    released: watch::Receiver<Vec<u64>>,
    dice: StdRng,
    delay: Option<(u64, u64)>,
    trickle: Option<(usize, u64)>,
    flips: Vec<(u64, u8)>,
    one_in: Option<u32>,
    stops: Vec<(u64, Stop)>,
    passed: u64,
    told: Told,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Cut(Cut),
    Stall(Until),
    HalfOpen,
}

/// What needs to be written down only once.
#[derive(Default)]
struct Told {
    delayed: bool,
    trickled: bool,
}

/// Why the connection cannot go on. What is done about it is written down by
/// whoever does it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// One end is gone: the other is to see a reset.
    ByItself,
    /// Both ends are to see a reset.
    Reset(Act),
    /// The target is to see one, the client nothing.
    HalfOpen(Act),
}

struct Chunk {
    /// How long it is held back, and until when that is.
    held: Option<(Duration, Instant)>,
    bytes: Vec<u8>,
}

impl<'r> Line<'r> {
    pub fn new(
        way: Way,
        connection: u64,
        faults: &[Fault],
        dice: StdRng,
        record: &'r Record,
        released: watch::Receiver<Vec<u64>>,
    ) -> Self {
        let mut line = Self {
            way,
            connection,
            record,
            released,
            dice,
            delay: None,
            trickle: None,
            flips: Vec::new(),
            one_in: None,
            stops: Vec::new(),
            passed: 0,
            told: Told::default(),
        };
        for fault in faults {
            line.take(fault);
        }
        line.flips.sort_by_key(|(at, _)| *at);
        line.stops.sort_by_key(|(at, _)| *at);
        line
    }

    fn take(&mut self, fault: &Fault) {
        match *fault {
            Fault::Delay { way, ms, jitter_ms } if way == self.way => self.delay = Some((ms, jitter_ms)),
            Fault::Trickle { way, bytes, every_ms } if way == self.way => {
                assert!(bytes > 0, "a trickle of nothing is a stall");
                self.trickle = Some((bytes, every_ms));
            }
            Fault::Cut { way, at, how } if way == self.way => self.stops.push((at, Stop::Cut(how))),
            Fault::Stall { way, at, until } if way == self.way => self.stops.push((at, Stop::Stall(until))),
            Fault::Flip { way, at, mask } if way == self.way => self.flips.push((at, mask)),
            Fault::Noise { way, one_in } if way == self.way => self.one_in = Some(one_in),
            Fault::HalfOpen { at } if self.way == Way::Down => self.stops.push((at, Stop::HalfOpen)),
            _ => {}
        }
    }

    /// Carries bytes until the source ends or the line breaks. `passed` follows.
    pub async fn carry(
        self,
        source: impl AsyncRead + Unpin,
        sink: impl AsyncWrite + Unpin,
        passed: &AtomicU64,
    ) -> Result<(), Broken> {
        let (chunks, queue) = mpsc::channel(CHUNKS_MAX);
        let delay = self.delay;
        let mut jitter = self.dice.clone();
        let reading = read(source, chunks, move || {
            let (ms, jitter_ms) = delay?;
            Some(Duration::from_millis(ms + jitter.random_range(0..=jitter_ms)))
        });
        tokio::try_join!(reading, self.write(sink, queue, passed)).map(|_| ())
    }

    async fn write(
        mut self,
        mut sink: impl AsyncWrite + Unpin,
        mut queue: mpsc::Receiver<Chunk>,
        passed: &AtomicU64,
    ) -> Result<(), Broken> {
        // A stop at 0 comes before the first byte, not after it.
        let mut open = self.stop(&mut sink).await?;
        while let Some(chunk) = queue.recv().await {
            if let Some((held, due)) = chunk.held {
                tokio::time::sleep_until(due).await;
                self.note_once(|told| &mut told.delayed, Act::Delayed { way: self.way, ms: millis(held) });
            }
            let mut rest = &chunk.bytes[..];
            while open && !rest.is_empty() {
                let (piece, after) = rest.split_at(self.room(rest.len()));
                self.pass(piece, &mut sink).await.map_err(|_| Broken::ByItself)?;
                passed.store(self.passed, Ordering::Relaxed);
                rest = after;
                open = self.stop(&mut sink).await?;
            }
        }
        // After a cut the end has been told already.
        if open { sink.shutdown().await.map_err(|_| Broken::ByItself) } else { Ok(()) }
    }

    /// How much of so many bytes may pass at once.
    fn room(&self, length: usize) -> usize {
        let before_stop = self.stops.first().map_or(usize::MAX, |(at, _)| (at - self.passed) as usize);
        let trickle = self.trickle.map_or(usize::MAX, |(bytes, _)| bytes);
        length.min(before_stop).min(trickle)
    }

    async fn pass(&mut self, piece: &[u8], sink: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let (bytes, flipped) = self.altered(piece);
        sink.write_all(&bytes).await?;
        self.passed += bytes.len() as u64;
        for act in flipped {
            self.note(act);
        }
        if let Some((bytes, every_ms)) = self.trickle {
            self.note_once(|told| &mut told.trickled, Act::Trickled { way: self.way, bytes });
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
        }
        Ok(())
    }

    /// Every byte has its own throw of the dice, however the bytes are cut into
    /// pieces on the way: the same bytes are altered in every run.
    fn altered(&mut self, piece: &[u8]) -> (Vec<u8>, Vec<Act>) {
        let mut bytes = piece.to_vec();
        let mut flipped = Vec::new();
        for (at, byte) in (self.passed..).zip(&mut bytes) {
            let mut mask = 0;
            if let Some((_, wanted)) = self.flips.iter().find(|(place, _)| *place == at) {
                mask ^= wanted;
            }
            if let Some(one_in) = self.one_in
                && self.dice.random_range(0..one_in) == 0
            {
                mask ^= 1 << self.dice.random_range(0..8);
            }
            if mask != 0 {
                let from = *byte;
                *byte ^= mask;
                flipped.push(Act::Flipped { way: self.way, at, from, to: *byte });
            }
        }
        (bytes, flipped)
    }

    /// Does what is due after the bytes that have passed. Says whether more may.
    async fn stop(&mut self, sink: &mut (impl AsyncWrite + Unpin)) -> Result<bool, Broken> {
        while self.stops.first().is_some_and(|(at, _)| *at == self.passed) {
            let (at, stop) = self.stops.remove(0);
            match stop {
                Stop::Stall(until) => self.stall(at, until).await,
                Stop::Cut(Cut::Fin) => {
                    sink.shutdown().await.map_err(|_| Broken::ByItself)?;
                    self.note(Act::CutByFin { way: self.way, at });
                    return Ok(false);
                }
                Stop::Cut(Cut::Rst) => return Err(Broken::Reset(Act::CutByRst { way: self.way, at })),
                Stop::HalfOpen => return Err(Broken::HalfOpen(Act::HalfOpened { at })),
            }
        }
        Ok(true)
    }

    async fn stall(&mut self, at: u64, until: Until) {
        self.note(Act::Stalled { way: self.way, at });
        match until {
            Until::Ms(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Until::Released => {
                let connection = self.connection;
                let released = self.released.wait_for(|released| released.contains(&connection)).await;
                released.expect("the connection itself keeps the proxy's memory");
            }
        }
        self.note(Act::Resumed { way: self.way, at });
    }

    fn note(&self, act: Act) {
        self.record.write(self.connection, act);
    }

    fn note_once(&mut self, told: fn(&mut Told) -> &mut bool, act: Act) {
        if !std::mem::replace(told(&mut self.told), true) {
            self.note(act);
        }
    }
}

const fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

async fn read(
    mut source: impl AsyncRead + Unpin,
    chunks: mpsc::Sender<Chunk>,
    mut delay: impl FnMut() -> Option<Duration>,
) -> Result<(), Broken> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let length = source.read(&mut buffer).await.map_err(|_| Broken::ByItself)?;
        if length == 0 {
            return Ok(());
        }
        let held = delay().map(|held| (held, Instant::now() + held));
        let chunk = Chunk { held, bytes: buffer[..length].to_vec() };
        if chunks.send(chunk).await.is_err() {
            return Ok(());
        }
    }
}
