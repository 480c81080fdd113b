//! Latencies in buckets of constant relative width: small, merged by adding, exact in its extremes.

/// Buckets for each doubling: a value is known to one part in 64.
const STEPS: u64 = 64;
/// Doublings that are told apart: up to 2^36 µs, 19 hours.
const DOUBLINGS: u64 = 31;

/// Counts of values in microseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = usize::try_from(STEPS * (DOUBLINGS + 1)).unwrap_or_default();
        Self { counts: vec![0; buckets], count: 0, sum: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one value, microseconds.
    pub fn add(&mut self, micros: u64) {
        let last = self.counts.len().saturating_sub(1);
        if let Some(count) = self.counts.get_mut(bucket(micros).min(last)) {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
        self.max = self.max.max(micros);
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value, microseconds, exact; 0 when there is none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Mean, microseconds; 0 when there is none.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.sum.checked_div(self.count).unwrap_or_default()
    }

    /// How many values are larger than `micros`, as far as buckets tell them apart.
    #[must_use]
    pub fn above(&self, micros: u64) -> u64 {
        self.counts.iter().skip(bucket(micros).saturating_add(1)).sum()
    }

    /// The value in microseconds that `per_mille` thousandths of all values do not exceed, at most one
    /// part in 64 too large; 0 when there is none.
    #[must_use]
    pub fn at(&self, per_mille: u64) -> u64 {
        let wanted = self.count.saturating_mul(per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(place).min(self.max);
            }
        }
        self.max
    }
}

/// The bucket of a value: exact below [`STEPS`], then [`STEPS`] buckets for each doubling.
fn bucket(micros: u64) -> usize {
    let place = match micros.checked_ilog2() {
        Some(power) if micros >= STEPS => {
            let shift = u64::from(power) - u64::from(STEPS.ilog2());
            // micros >> shift lies in STEPS..2 * STEPS.
            shift * STEPS + (micros >> shift)
        }
        _ => micros,
    };
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// The largest value of a bucket.
fn upper(place: usize) -> u64 {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    if place < STEPS {
        return place;
    }
    let shift = place / STEPS - 1;
    let low = (place - shift * STEPS) << shift;
    low + (1 << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_a_bucket_is_narrow() {
        let mut random = crate::app::bench::random::Random::new(1);
        for power in 0..36 {
            for _ in 0..200 {
                let value = (1 << power) + random.below(1 << power);
                let upper = upper(bucket(value));
                assert!(value <= upper && upper - value <= value / 64, "{value} {upper}");
                assert!(bucket(value + 1) >= bucket(value), "{value}");
            }
        }
    }

    #[test]
    fn shares_are_those_of_the_sorted_values() {
        let mut histogram = Histogram::default();
        for value in 1..=1000 {
            histogram.add(value * 100);
        }
        for (per_mille, exact) in [(500, 50_000), (900, 90_000), (990, 99_000), (999, 99_900)] {
            let found = histogram.at(per_mille);
            assert!((exact..=exact + exact / 64).contains(&found), "{per_mille}: {found}");
        }
        assert!((890..=900).contains(&histogram.above(9_999)), "{}", histogram.above(9_999));
        assert_eq!(
            (histogram.at(1000), histogram.max(), histogram.mean()),
            (100_000, 100_000, 50_050)
        );
    }

    #[test]
    fn merged_is_as_if_counted_together_and_empty_is_zero() {
        let (mut one, mut other, mut both) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for value in 0..500 {
            if value % 3 == 0 {
                one.add(value * 7);
            } else {
                other.add(value * 7);
            }
            both.add(value * 7);
        }
        one.merge(&other);
        assert_eq!((one.counts, one.count, one.max), (both.counts, both.count, both.max));
        let none = Histogram::default();
        assert_eq!((none.at(990), none.mean(), none.count()), (0, 0, 0));
    }

    #[test]
    fn a_value_beyond_the_last_bucket_is_counted_all_the_same() {
        let mut histogram = Histogram::default();
        histogram.add(u64::MAX / 2);
        assert_eq!((histogram.count(), histogram.max()), (1, u64::MAX / 2));
        assert!(histogram.at(500) > 1 << 36);
    }
}
