//! The length before every section of a CAR: an unsigned LEB128 number.
//!
//! One number has one encoding here, the shortest. What the number may be is
//! for the reader of the CAR to say.

use thiserror::Error;

use crate::limits::VARINT_BYTES_MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VarintFault {
    #[error("a length of more than {VARINT_BYTES_MAX} bytes or 64 bits")]
    TooLong,
    #[error("a length with a zero byte too many")]
    NotMinimal,
}

/// The number at the beginning of `bytes` and how many of them it takes;
/// `None` when they end before it does.
#[inline]
pub fn read(bytes: &[u8]) -> Result<Option<(u64, usize)>, VarintFault> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if place + 1 == VARINT_BYTES_MAX && bits > 1 {
            return Err(VarintFault::TooLong);
        }
        value |= bits << (7 * place);
        if byte & 0x80 == 0 {
            let minimal = place == 0 || *byte != 0;
            return if minimal { Ok(Some((value, place + 1))) } else { Err(VarintFault::NotMinimal) };
        }
    }
    if bytes.len() < VARINT_BYTES_MAX { Ok(None) } else { Err(VarintFault::TooLong) }
}

pub fn write(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
