//! Random numbers that a seed repeats, and a choice by weight.

/// The generator `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end` − 1; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A place in a list of `length`.
    pub fn place(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.below(length)).unwrap_or_default()
    }

    /// True in `percent` of 100 cases.
    pub fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of a list.
    ///
    /// # Panics
    /// When the list is empty.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        list.get(self.place(list.len())).expect("the list is not empty")
    }
}

/// A choice of places by weight.
#[derive(Debug, Clone)]
pub struct Weights {
    /// Sum of the weights up to and with each place.
    sums: Vec<u64>,
}

impl Weights {
    /// Places with these weights.
    pub fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let mut sum = 0_u64;
        let sums = weights.into_iter().map(|weight| {
            sum = sum.saturating_add(weight);
            sum
        });
        Self { sums: sums.collect() }
    }

    /// `length` places by Zipf's law: the n-th is chosen 1/n as often as the first.
    #[must_use]
    pub fn zipf(length: usize) -> Self {
        const FIRST: u64 = 1 << 32;
        Self::new((1_u64..).take(length).map(|rank| FIRST / rank))
    }

    /// A place.
    pub fn choose(&self, random: &mut Random) -> usize {
        let all = self.sums.last().copied().unwrap_or_default();
        let at = random.below(all);
        self.sums.partition_point(|sum| *sum <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            (0..8).map(|_| random.bits()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn places_are_chosen_by_their_weight() {
        let mut random = Random::new(3);
        let weights = Weights::new([1, 0, 3]);
        let mut found = [0_u32; 3];
        for _ in 0..40_000 {
            found[weights.choose(&mut random)] += 1;
        }
        assert_eq!(found[1], 0);
        assert!((9_500..10_500).contains(&found[0]), "{found:?}");
        let zipf = Weights::zipf(100);
        let mut ranks = [0_u32; 100];
        for _ in 0..100_000 {
            ranks[zipf.choose(&mut random)] += 1;
        }
        let ratio = f64::from(ranks[0]) / f64::from(ranks[9]);
        assert!((8.0..12.0).contains(&ratio), "{ranks:?}");
        assert!(ranks.iter().all(|count| *count > 0), "{ranks:?}");
    }
}
