//! A TID: a timestamp and a clock's number in 13 characters that sort by time.
//!
//! It is a number here, so that comparing two revisions costs one instruction.
//! Whether its time is plausible is for those to say who are told the time.

use std::fmt;

use super::syntax::{Form, SyntaxFault, reads_as_text};
use crate::limits::{TID_BYTES, TID_CLOCK_IDS, TID_MICROS_MAX};

const FORM: Form = Form::Tid;
const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
const CLOCK_ID_BITS: u32 = 10;
const NOT_A_DIGIT: u8 = 0xff;
const VALUES: [u8; 256] = values();

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(u64);

impl Tid {
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        let text = text.as_bytes();
        if text.len() != TID_BYTES {
            return Err(SyntaxFault::Length { form: FORM, length: text.len(), expected: TID_BYTES });
        }
        let mut bits = 0;
        for (at, byte) in text.iter().enumerate() {
            let value = VALUES[usize::from(*byte)];
            // Thirteen characters hold 65 bits; the first may not use its highest.
            if value == NOT_A_DIGIT || (at == 0 && value >= 16) {
                return Err(SyntaxFault::Byte { form: FORM, byte: *byte, at });
            }
            bits = bits << 5 | u64::from(value);
        }
        Ok(Self(bits))
    }

    /// `None` when the time is after the year 2255 or the clock's number is not below 1024.
    pub fn from_micros_and_clock_id(micros: u64, clock_id: u16) -> Option<Self> {
        let fits = micros <= TID_MICROS_MAX && clock_id < TID_CLOCK_IDS;
        fits.then(|| Self(micros << CLOCK_ID_BITS | u64::from(clock_id)))
    }

    /// Microseconds since 1970. The syntax lets the topmost bit be set, which
    /// the specification says is always clear: such a time lies centuries
    /// ahead and must not be made to look like a near one by masking it.
    pub const fn micros(self) -> u64 {
        self.0 >> CLOCK_ID_BITS
    }

    pub const fn clock_id(self) -> u16 {
        (self.0 & (TID_CLOCK_IDS as u64 - 1)) as u16
    }
}

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TID_BYTES];
        let mut bits = self.0;
        for place in text.iter_mut().rev() {
            *place = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        f.pad(str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

reads_as_text!(Tid, SyntaxFault);

const fn values() -> [u8; 256] {
    let mut values = [NOT_A_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
}
