//! What is to go wrong, and on which connection: written down by the test, or
//! chosen by a seed.
//!
//! Nothing here touches a socket. The same plan and the same number always
//! give the same faults, so a run that failed is run again from its seed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// From the client to the target, or back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    Up,
    Down,
}

/// One thing that goes wrong on one connection. `at` counts the bytes that
/// passed that way before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Reset as soon as it is accepted; the target never hears of it.
    TurnAway,
    /// Every byte arrives so much later, in order.
    Delay {
        way: Way,
        ms: u64,
        jitter_ms: u64,
    },
    /// A few bytes at a time.
    Trickle {
        way: Way,
        bytes: usize,
        every_ms: u64,
    },
    Cut {
        way: Way,
        at: u64,
        how: Cut,
    },
    Stall {
        way: Way,
        at: u64,
        until: Until,
    },
    /// The byte at `at` arrives with the bits of `mask` turned over.
    Flip {
        way: Way,
        at: u64,
        mask: u8,
    },
    /// One byte in so many has one bit turned over.
    Noise {
        way: Way,
        one_in: u32,
    },
    /// After so many bytes down the target is gone, and nobody tells the client.
    HalfOpen {
        at: u64,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The end of the stream, as after the last byte of an answer.
    Fin,
    /// A reset, both ways.
    Rst,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    Ms(u64),
    /// `Proxy::release`, or for ever.
    Released,
}

/// The faults of every connection, counted from 0.
#[derive(Clone, Debug)]
pub enum Plan {
    /// The first connection has the first list. Those after the last are let be.
    Script(Vec<Vec<Fault>>),
    Always(Vec<Fault>),
    Storm(Storm),
}

/// Faults that a seed chooses: one kind for each connection that has any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Storm {
    pub seed: u64,
    /// Faults that have a place have it within so many bytes.
    pub reach: u64,
    /// No pause is longer.
    pub pause_ms_max: u64,
    /// Of a hundred connections so many are let be.
    pub spared_in_100: u32,
}

impl Plan {
    pub fn calm() -> Self {
        Self::Script(Vec::new())
    }

    pub fn faults(&self, connection: u64) -> Vec<Fault> {
        match self {
            Self::Script(lists) => {
                let list = usize::try_from(connection).ok().and_then(|at| lists.get(at));
                list.cloned().unwrap_or_default()
            }
            Self::Always(faults) => faults.clone(),
            Self::Storm(storm) => storm.faults(connection),
        }
    }

    /// Dice for what happens on the way, such as jitter: the same for the same
    /// connection of the same plan, whatever other connections do.
    pub fn dice(&self, connection: u64, way: Way) -> StdRng {
        let seed = match self {
            Self::Storm(storm) => storm.seed,
            Self::Script(_) | Self::Always(_) => 0,
        };
        dice(seed, connection, 1 + way as u64)
    }
}

impl Storm {
    pub fn faults(&self, connection: u64) -> Vec<Fault> {
        let mut dice = dice(self.seed, connection, 0);
        if dice.random_range(0..100) < self.spared_in_100 {
            return Vec::new();
        }
        let way = if dice.random() { Way::Up } else { Way::Down };
        let at = dice.random_range(0..self.reach);
        let ms = dice.random_range(1..=self.pause_ms_max);
        vec![match dice.random_range(0..9) {
            0 => Fault::TurnAway,
            1 => Fault::Delay { way, ms, jitter_ms: ms },
            2 => Fault::Trickle { way, bytes: 1 + self.reach as usize / 8, every_ms: ms },
            3 => Fault::Cut { way, at, how: Cut::Fin },
            4 => Fault::Cut { way, at, how: Cut::Rst },
            5 => Fault::Stall { way, at, until: Until::Ms(ms) },
            6 => Fault::Flip { way, at, mask: 1 << dice.random_range(0..8) },
            7 => Fault::Noise { way, one_in: u32::try_from(self.reach / 4).unwrap_or(u32::MAX).max(1) },
            _ => Fault::HalfOpen { at },
        }]
    }
}

fn dice(seed: u64, connection: u64, use_of_them: u64) -> StdRng {
    let mut bytes = [0; 32];
    for (place, number) in bytes.chunks_exact_mut(8).zip([seed, connection, use_of_them, 0]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    StdRng::from_seed(bytes)
}
