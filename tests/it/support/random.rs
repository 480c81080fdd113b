//! Repeatable randomness: splitmix64 from a printed seed. Not for secrets.

/// A stream of numbers that a seed fixes.
pub(crate) struct Random(u64);

impl Random {
    /// Starts a stream and prints its seed, so that a failure can be repeated.
    pub(crate) fn seeded(what: &str, seed: u64) -> Self {
        println!("{what}: seed {seed}");
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n - 1`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }

    /// One of `all`, each as likely.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let n = u64::try_from(all.len()).expect("a length fits 64 bits");
        let at = usize::try_from(self.below(n)).expect("below a length");
        all.get(at).expect("a list to pick from must not be empty")
    }
}
