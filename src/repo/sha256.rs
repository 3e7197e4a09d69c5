//! SHA-256 of one short message that lies in memory whole.
//!
//! Hashing is nearly all that believing a repository costs: every block, most
//! of them of a few hundred bytes, and every key of the tree, of a few dozen.
//! Without a state that could take more input there is nothing to buffer and
//! to ask about, which saves a sixth for a key. The work itself is `sha2`'s.

use sha2::block_api::compress256;

const BLOCK_BYTES: usize = 64;
/// The message's length in bits, at the end of the last block.
const LENGTH_BYTES: usize = 8;
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[inline]
pub fn digest(message: &[u8]) -> [u8; 32] {
    let mut state = INITIAL;
    let (blocks, rest) = message.as_chunks::<BLOCK_BYTES>();
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
    // The rest, a one bit, zeros, and the length, which may take another block.
    let mut last = [[0; BLOCK_BYTES]; 2];
    last[0][..rest.len()].copy_from_slice(rest);
    last[0][rest.len()] = 0x80;
    let count = if rest.len() < BLOCK_BYTES - LENGTH_BYTES { 1 } else { 2 };
    let bits = 8 * message.len() as u64;
    last[count - 1][BLOCK_BYTES - LENGTH_BYTES..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &last[..count]);

    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}
