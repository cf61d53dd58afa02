//! The project's one random number generator, and the only one: splitmix64.
//!
//! It lives here because everything that draws numbers (the lab, the emulator's perturbations, the
//! model's laws) already knows this crate. It is no part of the records. See `docs/decisions/random.md`.

/// A stream of numbers, wholly given by its seed. The algorithm is pinned: the same seed gives the same
/// numbers in every version, because traces and reports hold seeds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Random {
    state: u64,
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream that belongs to `name` under `seed`: it depends on nothing else, so the order and
    /// the choice of tests never matter.
    pub fn named(seed: u64, name: &str) -> Self {
        // FNV-1a over the name, then one round of the generator to spread it.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut mixed = Self::new(seed ^ hash);
        Self::new(mixed.number())
    }

    /// The next 64 bits.
    pub const fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0. (Multiply and shift: the bias is below 2^-32 for the
    /// bounds of this project.)
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.number() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high - low).saturating_add(1))
    }

    /// True once in `n` draws, on average.
    pub const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `items`.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_numbers_of_splitmix64() {
        // The reference implementation's first outputs for seed 1234567.
        let mut random = Random::new(1_234_567);
        let first = [(); 3].map(|()| random.number());
        assert_eq!(first, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn stays_within_its_bounds() {
        let mut random = Random::named(7, "bounds");
        for bound in 1..200 {
            assert!(random.below(bound) < bound);
            let n = random.between(bound, bound + 3);
            assert!((bound..=bound + 3).contains(&n));
        }
        assert_eq!(random.below(0), 0);
        assert_ne!(Random::named(7, "a"), Random::named(7, "b"));
        assert_ne!(Random::named(7, "a"), Random::named(8, "a"));
    }
}
