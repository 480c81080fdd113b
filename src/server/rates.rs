//! How many events one network may send for one site: a bounded table of token buckets.
//!
//! **What it is for.** One machine must not be able to fill a site's numbers, the spool and the
//! database at the speed of its line. It is not for telling people from machines: hundreds of
//! people behind one address (an office, a school, a mobile carrier) must never meet it. So the
//! bucket is large ([`BURST_SECONDS`] worth of events at once: 3,000 with the default of 50 a
//! second), and one that is empty fills up at the rate itself: a thousand people who send three
//! events a minute each are at the default, and everybody of a firm of three thousand may open
//! the same page in the same minute.
//!
//! **What is held.** One bucket is one word: 24 bits of a keyed hash of network and site, and the
//! moment at which the bucket will be full again (the "theoretical arrival time" of ITU-T I.371,
//! annex A), in microseconds since the table was made. No address, no site and no key can be told
//! from it, and after 24 hours table and key are replaced together ([`Rates::rotate`]).
//!
//! **Why it is bounded and fair.** A bucket that is full says no more than an empty place, so its
//! place is free. With 50 a second an event needs its place for 20 ms: a hundred thousand events a
//! second, from whatever number of networks, need 2,000 of 131,072 places at a time. Where all
//! places of a set are in use, the one with the least debt goes: who floods is the last to be
//! forgotten, and gains nothing by flooding from elsewhere, since where its places lie depends on
//! a key that nobody knows. Somebody innocent is taken for another only if 14 bits of the set and
//! 24 bits of the word are the same as those of a bucket that is empty just then: about one in 2³⁵
//! for each network that floods.
//!
//! Two threads that meet a new network at the same moment may give it two places; it has then up
//! to two buckets until one of them is full again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use crate::model::SiteId;

/// A bucket holds the events of so many seconds.
pub const BURST_SECONDS: u64 = 60;
/// Sets of the table; one is a cache line.
const SETS: usize = 1 << 14;
/// Places of a set.
const WAYS: usize = 8;
/// Bytes of the table: one mebibyte.
pub const TABLE_BYTES: usize = SETS * WAYS * size_of::<u64>();
/// Bits of a word that hold the moment: 12 days in microseconds.
const MOMENT_BITS: u32 = 40;
/// How often a place is tried again that another thread changed meanwhile; after that the event
/// passes.
const TRIES: usize = 8;
/// Microseconds of a second.
const SECOND: u64 = 1_000_000;

/// Eight places that lie on one cache line.
#[repr(align(64))]
#[derive(Default)]
struct Set([AtomicU64; WAYS]);

/// The table of 24 hours, and the key under which networks are hashed for it.
struct Table {
    key: Zeroizing<[u8; 32]>,
    made: Instant,
    sets: Box<[Set]>,
}

/// The limiter: who is over the rate is told to come back later.
pub struct Rates {
    table: ArcSwap<Table>,
    /// Microseconds that one event costs; nothing without a limit.
    interval: Option<u64>,
}

impl Rates {
    /// `rate` events per second, network and site; `None` limits nobody. `key`: 32 random bytes.
    #[must_use]
    pub fn new(rate: Option<u32>, key: [u8; 32]) -> Self {
        let interval = rate.map(|rate| SECOND / u64::from(rate.max(1)));
        Self { table: ArcSwap::from_pointee(Table::new(key, interval)), interval }
    }

    /// Empties the table and goes on under this key: 32 random bytes, every 24 hours.
    pub fn rotate(&self, key: [u8; 32]) {
        self.table.store(Arc::new(Table::new(key, self.interval)));
    }

    /// What `number` makes of the key that holds now.
    pub fn under_key<T>(&self, number: impl FnOnce(&[u8; 32]) -> T) -> T {
        number(&self.table.load().key)
    }

    /// Whether an event of a network may pass; it is counted then. `network` makes the number of
    /// the network under the key it is given, or nothing for one that is not limited.
    pub fn admit(&self, site: SiteId, network: impl FnOnce(&[u8; 32]) -> Option<u64>) -> bool {
        let Some(interval) = self.interval else { return true };
        let table = self.table.load();
        let Some(network) = network(&table.key) else { return true };
        table.take(mix(network, site), interval, table.elapsed())
    }
}

impl Table {
    fn new(key: [u8; 32], interval: Option<u64>) -> Self {
        let sets = if interval.is_some() { SETS } else { 0 };
        Self {
            key: Zeroizing::new(key),
            made: Instant::now(),
            sets: (0..sets).map(|_| Set::default()).collect(),
        }
    }

    /// Microseconds since the table was made.
    fn elapsed(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes the token of one event out of the bucket of `hash` at the moment `now`, if it has one.
    fn take(&self, hash: u64, interval: u64, now: u64) -> bool {
        let Some(Set(places)) = self.set(hash) else { return true };
        for _ in 0..TRIES {
            let mut best = None;
            for place in places {
                let word = place.load(Ordering::Relaxed);
                let (name, full_at) = split(word);
                if name == name_of(hash) && full_at > now {
                    best = Some((place, word, full_at));
                    break;
                }
                // None of this network so far: the place with the least debt.
                if best.is_none_or(|(_, _, least)| full_at < least) {
                    best = Some((place, word, full_at));
                }
            }
            let Some((place, word, full_at)) = best else { return true };
            let is_own = split(word).0 == name_of(hash);
            let full_at = if is_own { full_at.max(now) } else { now } + interval;
            if full_at > now + BURST_SECONDS * SECOND {
                return false;
            }
            let new = join(name_of(hash), full_at);
            if place.compare_exchange_weak(word, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            {
                return true;
            }
        }
        true
    }

    fn set(&self, hash: u64) -> Option<&Set> {
        let place = usize::try_from(hash & (SETS as u64 - 1)).ok()?;
        self.sets.get(place)
    }
}

/// The bits of a hash that are kept in a word.
const fn name_of(hash: u64) -> u64 {
    hash >> MOMENT_BITS
}

const fn split(word: u64) -> (u64, u64) {
    (word >> MOMENT_BITS, word & ((1 << MOMENT_BITS) - 1))
}

const fn join(name: u64, moment: u64) -> u64 {
    (name << MOMENT_BITS) | (moment & ((1 << MOMENT_BITS) - 1))
}

/// One number for a network and a site. The network is the result of a keyed hash already; this
/// spreads the sites (the finalizer of `MurmurHash3`, which is in the public domain).
fn mix(network: u64, site: SiteId) -> u64 {
    let mut hash = network ^ u64::from(site.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const RATE: u64 = 50;
    const INTERVAL: u64 = SECOND / RATE;
    const BURST: u64 = RATE * BURST_SECONDS;

    fn table() -> Table {
        Table::new([7; 32], Some(INTERVAL))
    }

    /// How many of `tries` events at one moment pass.
    fn passed(table: &Table, hash: u64, tries: u64, now: u64) -> u64 {
        (0..tries).map(|_| u64::from(table.take(hash, INTERVAL, now))).sum()
    }

    fn hash(network: u64, site: u32) -> u64 {
        mix(network.wrapping_mul(0xd6e8_feb8_6659_fd93), SiteId(site))
    }

    #[test]
    fn a_burst_passes_then_the_rate_and_others_are_not_touched() {
        let table = table();
        let now = 5 * SECOND;
        assert_eq!(passed(&table, hash(1, 1), BURST + 500, now), BURST);
        assert_eq!(passed(&table, hash(1, 1), 10, now), 0);
        assert_eq!(passed(&table, hash(2, 1), 10, now), 10, "another network");
        assert_eq!(passed(&table, hash(1, 2), 10, now), 10, "another site");
        assert_eq!(passed(&table, hash(1, 1), BURST, now + SECOND), RATE);
        // What is refused costs nothing: a minute later the bucket is full again.
        let later = now + SECOND + BURST_SECONDS * SECOND;
        assert_eq!(passed(&table, hash(1, 1), BURST + 500, later), BURST);
    }

    #[test]
    fn a_minute_of_an_office_passes() {
        let table = table();
        // Three thousand people open a page within ten seconds, and go on at three a minute each
        // of a thousand.
        for event in 0..3_000 {
            assert!(table.take(hash(1, 1), INTERVAL, event * 10 * SECOND / 3_000));
        }
        for event in 0..50 * 600 {
            assert!(table.take(hash(1, 1), INTERVAL, 10 * SECOND + event * INTERVAL));
        }
    }

    #[test]
    fn a_million_networks_neither_grow_the_table_nor_limit_one_another() {
        assert_eq!(TABLE_BYTES, 1 << 20);
        let table = table();
        let bytes = size_of_val::<[Set]>(&table.sets);
        assert_eq!(bytes, TABLE_BYTES);
        // 25,000 events a second of a million networks, for 40 seconds, while one floods.
        let mut flood = 0;
        for event in 0..1_000_000 {
            let now = event * 40;
            assert!(table.take(hash(event, 1), INTERVAL, now), "{event}");
            flood += u64::from(table.take(hash(u64::MAX / 3, 1), INTERVAL, now));
        }
        assert!(flood <= BURST + RATE * 40 + 1, "{flood} of the flood passed");
        assert!(flood >= BURST + RATE * 40 - 1, "{flood} of the flood passed");
        assert_eq!(size_of_val::<[Set]>(&table.sets), bytes);
    }

    #[test]
    fn who_floods_is_not_forgotten_for_a_crowd_in_its_own_set() {
        let table = table();
        let now = SECOND;
        let own = hash(1, 1);
        assert_eq!(passed(&table, own, BURST + 1, now), BURST);
        // A thousand others that share its set, each with a hundred events: far more than there
        // are places. The one with the greatest debt keeps its place.
        for other in 1..=1_000_u64 {
            let in_set = (own & (SETS as u64 - 1)) | (other << MOMENT_BITS);
            assert_eq!(passed(&table, in_set, 100, now), 100);
        }
        assert!(!table.take(own, INTERVAL, now));
    }

    #[test]
    fn without_a_limit_nothing_is_held_and_everything_passes() {
        let rates = Rates::new(None, [1; 32]);
        assert!(rates.table.load().sets.is_empty());
        assert!((0..10_000).all(|_| rates.admit(SiteId(1), |_| Some(1))));
    }

    #[test]
    fn another_key_empties_the_table_and_near_networks_are_not_limited() {
        let rates = Rates::new(Some(1), [1; 32]);
        let flood = |n: usize| (0..n).filter(|_| rates.admit(SiteId(1), |_| Some(9))).count();
        let burst = usize::try_from(BURST_SECONDS).unwrap();
        assert!((burst..=burst + 1).contains(&flood(500)));
        assert!((0..500).all(|_| rates.admit(SiteId(1), |_| None)));
        assert_eq!(rates.under_key(|key| key[0]), 1);
        rates.rotate([2; 32]);
        assert_eq!(rates.under_key(|key| key[0]), 2);
        assert!((burst..=burst + 1).contains(&flood(500)));
    }

    proptest! {
        /// Beside buckets that are kept in full, whatever comes in whatever order: nobody passes
        /// more than bucket and rate allow, and nobody less.
        #[test]
        fn it_agrees_with_buckets_that_are_never_forgotten(
            steps in proptest::collection::vec((0..20_u64, 1..400_u64, 0..3 * SECOND), 1..200),
        ) {
            let table = table();
            let mut model: HashMap<u64, (u64, u64)> = HashMap::new();
            let mut now = 0;
            for (network, events, pause) in steps {
                now += pause;
                // Tokens in microseconds, since when.
                let full = BURST_SECONDS * SECOND;
                let (tokens, since) = model.entry(network).or_insert((full, now));
                *tokens = (*tokens + (now - *since)).min(full);
                *since = now;
                for _ in 0..events {
                    let expected = *tokens >= INTERVAL;
                    if expected {
                        *tokens -= INTERVAL;
                    }
                    prop_assert_eq!(table.take(hash(network, 1), INTERVAL, now), expected);
                }
            }
        }

        #[test]
        fn a_word_holds_what_was_put_into_it(hash: u64, moment in 0..1_u64 << MOMENT_BITS) {
            prop_assert_eq!(split(join(name_of(hash), moment)), (name_of(hash), moment));
        }
    }
}
