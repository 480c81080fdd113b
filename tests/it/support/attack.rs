//! An attacker who has everything a program left behind and a true list of visitors, and wants to
//! know which rows are whose.
//!
//! He looks for the key in every 32 bytes of every file, table and piece of memory, as it lies
//! there and hashed; and where he finds none he compares orders: that of the numbers in the rows
//! with those of addresses, User-Agents, of arrival and of every hash he can compute. How well he
//! does is one number: the chance that he takes a visitor's own rows for more likely theirs than
//! somebody else's (AUC; 1 is always, 0.5 is guessing).

use std::collections::BTreeSet;

use crate::support::random::Random;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Different values in the bytes of a key, at least.
const DIFFERENT_MIN: u32 = 20;
/// Places up to this size may hold a secret from which keys are derived, bytes.
const SECRETS_MAX: usize = 64 * 1024;
/// Others that each visitor is compared with.
const OTHERS: usize = 20;

/// One who was there, as the attacker knows them.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) address: [u8; 4],
    pub(crate) agent: String,
}

/// What the attacker has: places by name, with their bytes.
pub(crate) type Loot = Vec<(String, Vec<u8>)>;

/// How well one way of attack did.
#[derive(Debug, Clone)]
pub(crate) struct Score {
    pub(crate) way: String,
    pub(crate) auc: f64,
}

impl Visitor {
    /// What a token is made of: both parts with their lengths.
    fn message(&self) -> Vec<u8> {
        let length = |n: usize| u32::try_from(n).expect("short").to_le_bytes();
        [&length(4)[..], &self.address, &length(self.agent.len()), self.agent.as_bytes()].concat()
    }

    /// The token under a key, as the design has it.
    fn token(&self, key: &[u8; KEY_BYTES]) -> u64 {
        first_u64(&blake3::keyed_hash(key, &self.message())).max(1)
    }
}

/// A key that makes a token that is there, and where it was found.
pub(crate) fn find_key(
    loot: &Loot,
    visitors: &[Visitor],
    tokens: &BTreeSet<u64>,
) -> Option<([u8; KEY_BYTES], String)> {
    // One of them is enough to try a key on: the one who is cheapest to hash.
    let probe = visitors.iter().min_by_key(|visitor| visitor.agent.len()).expect("visitors");
    let message = probe.message();
    let fits = |key: &[u8; KEY_BYTES]| {
        tokens.contains(&first_u64(&blake3::keyed_hash(key, &message)).max(1))
    };
    let zero = [0; KEY_BYTES];
    if fits(&zero) {
        return Some((zero, "no key at all".to_owned()));
    }
    for (place, bytes) in loot {
        for key in bytes.array_windows::<KEY_BYTES>() {
            if !is_like_chance(key) {
                continue;
            }
            if fits(key) {
                return Some((*key, format!("in {place}")));
            }
            if bytes.len() <= SECRETS_MAX {
                let derived = *blake3::hash(key).as_bytes();
                if fits(&derived) {
                    return Some((derived, format!("derived from {place}")));
                }
            }
        }
    }
    None
}

/// Whether bytes could be a key: 32 random ones have 30 different values, fewer than
/// [`DIFFERENT_MIN`] once in 10^9 keys. Most of what a machine holds is not like that.
fn is_like_chance(bytes: &[u8; KEY_BYTES]) -> bool {
    let mut seen = [0_u64; 4];
    for byte in bytes {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|word| word.count_ones()).sum::<u32>() >= DIFFERENT_MIN
}

/// All ways of attack. `rows` are the numbers (tokens or ordinals) that the rows carry, in the
/// order of `visitors`, which is that of their arrival: the truth, used for nothing but counting
/// how often the attacker is right.
pub(crate) fn attack(loot: &Loot, visitors: &[Visitor], rows: &[u64], seed: u64) -> Vec<Score> {
    assert_eq!(visitors.len(), rows.len());
    let tokens: BTreeSet<u64> = rows.iter().copied().collect();
    if let Some((key, place)) = find_key(loot, visitors, &tokens) {
        let guesses: Vec<u64> = visitors.iter().map(|visitor| visitor.token(&key)).collect();
        let likely = |i: usize, j: usize| f64::from(u8::from(guesses[i] == rows[j]));
        return vec![Score { way: format!("a key {place}"), auc: auc(rows.len(), seed, likely) }];
    }
    let ranked = ranks(rows);
    // The same bytes in the order of the machine.
    let turned: Vec<u64> = rows.iter().map(|number| number.swap_bytes()).collect();
    let turned = ranks(&turned);
    let mut scores = Vec::new();
    for (way, guesses) in orders(visitors) {
        for (name, own) in [("", &ranked), (" of turned bytes", &turned)] {
            let likely = |i: usize, j: usize| -(guesses[i] - own[j]).abs();
            scores.push(Score { way: format!("{way}{name}"), auc: auc(rows.len(), seed, likely) });
        }
    }
    scores
}

/// Orders in which visitors could have been numbered.
fn orders(visitors: &[Visitor]) -> Vec<(&'static str, Vec<f64>)> {
    let by = |of: &dyn Fn(&Visitor) -> u64| ranks(&visitors.iter().map(of).collect::<Vec<_>>());
    let first = |bytes: &[u8]| {
        let mut eight = [0; 8];
        let length = bytes.len().min(8);
        eight[..length].copy_from_slice(&bytes[..length]);
        u64::from_be_bytes(eight)
    };
    let arrival: Vec<u64> = (0..visitors.len() as u64).collect();
    let mut agents: Vec<&str> = visitors.iter().map(|visitor| visitor.agent.as_str()).collect();
    agents.sort_unstable();
    vec![
        ("arrival", ranks(&arrival)),
        ("addresses", by(&|visitor| first(&visitor.address))),
        ("agents", by(&|visitor| agents.partition_point(|one| **one < *visitor.agent) as u64)),
        ("hashes of both", by(&|visitor| first_u64(&blake3::hash(&visitor.message())))),
        ("hashes of addresses", by(&|visitor| first_u64(&blake3::hash(&visitor.address)))),
        ("hashes of agents", by(&|visitor| first_u64(&blake3::hash(visitor.agent.as_bytes())))),
        ("checksums", by(&|visitor| u64::from(crc32c::crc32c(&visitor.message())))),
    ]
}

/// The chance that a visitor's own rows look more likely theirs than those of another; ties count
/// half. Over all visitors, each with [`OTHERS`] others picked at random, all against all.
fn auc(count: usize, seed: u64, likely: impl Fn(usize, usize) -> f64) -> f64 {
    let mut random = Random::seeded("others", seed);
    let mut all: Vec<(f64, bool)> = Vec::with_capacity(count * (OTHERS + 1));
    for i in 0..count {
        all.push((likely(i, i), true));
        for _ in 0..OTHERS {
            let shift = 1 + usize::try_from(random.below(count as u64 - 1)).expect("small");
            all.push((likely(i, (i + shift) % count), false));
        }
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins) = (0_u32, 0.0);
    for group in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let own = u32::try_from(group.iter().filter(|(_, own)| *own).count()).expect("few");
        let others = u32::try_from(group.len()).expect("few") - own;
        wins += f64::from(own) * (f64::from(below) + f64::from(others) / 2.0);
        below += others;
    }
    wins / (f64::from(u32::try_from(count).expect("few")) * f64::from(below))
}

/// The place of each number in the order of all, from 0 to 1.
fn ranks(numbers: &[u64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by_key(|at| numbers[*at]);
    let mut ranks = vec![0.0; numbers.len()];
    let last = f64::from(u32::try_from(numbers.len().max(2) - 1).expect("few"));
    for (rank, at) in (0_u32..).zip(order) {
        ranks[at] = f64::from(rank) / last;
    }
    ranks
}

fn first_u64(hash: &blake3::Hash) -> u64 {
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: u8) -> Vec<Visitor> {
        (0..count)
            .map(|n| Visitor { address: [203, 0, 113, n], agent: format!("agent {}", n % 7) })
            .collect()
    }

    #[test]
    fn a_key_anywhere_is_found_and_tells_everybody_apart() {
        let visitors = some(200);
        let key: [u8; 32] = *blake3::hash(b"a key").as_bytes();
        let rows: Vec<u64> = visitors.iter().map(|visitor| visitor.token(&key)).collect();
        let hidden = [&b"odd"[..], &key, b"and more"].concat();
        let loot = vec![("a file".to_owned(), vec![7; 99]), ("another".to_owned(), hidden)];
        let scores = attack(&loot, &visitors, &rows, 1);
        assert_eq!(scores.len(), 1, "{scores:?}");
        assert!(scores[0].way.contains("another") && scores[0].auc > 0.999, "{scores:?}");
        // Without it he guesses; 200 visitors make that 0.5 ± 0.1.
        for score in attack(&Vec::new(), &visitors, &rows, 1) {
            assert!((score.auc - 0.5).abs() < 0.1, "{score:?}");
        }
    }

    #[test]
    fn numbers_in_the_order_of_something_known_give_it_away() {
        let visitors = some(200);
        let rows: Vec<u64> = (1..=200).collect();
        let best = attack(&Vec::new(), &visitors, &rows, 1).into_iter().map(|score| score.auc);
        assert!(best.fold(0.0, f64::max) > 0.95);
    }
}
