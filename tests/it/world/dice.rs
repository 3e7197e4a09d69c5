//! What chance decides in a world: keys and words, the same for the same seed.

use counterpart::atproto::{Curve, SigningKey};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

pub fn of_seed(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub fn key(dice: &mut StdRng, curve: Curve) -> SigningKey {
    loop {
        let mut bytes = [0; 32];
        dice.fill_bytes(&mut bytes);
        // A few numbers are too great to be keys.
        if let Ok(key) = SigningKey::from_bytes(curve, &bytes) {
            return key;
        }
    }
}

pub fn words(dice: &mut StdRng) -> String {
    let length = dice.random_range(1..200);
    (0..length).map(|_| char::from(dice.random_range(b'a'..=b'z'))).collect()
}
