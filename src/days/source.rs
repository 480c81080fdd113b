//! Which open rows one closing takes, and by which key it hashes their visitors.

use crate::model::Day;
use crate::store::Param;

/// The open rows of a day that one closing takes.
pub(super) struct Source {
    /// The day.
    pub(super) day: Day,
    /// For an addition, the published generations that count for the day; empty for a whole
    /// generation.
    pub(super) added_to: Vec<u32>,
    /// Whether it takes only rows whose batches no published generation has taken.
    pub(super) addition: bool,
    /// The random key of this closing: visitors are numbered in the order of their hash under it.
    key: [u64; 2],
}

impl Source {
    /// All open rows of a day, or those not taken yet, under a fresh key.
    pub(super) fn new(
        day: Day,
        addition: bool,
        added_to: Vec<u32>,
    ) -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 8];
        let mut key = [0_u64; 2];
        for part in &mut key {
            getrandom::fill(&mut bytes)?;
            *part = u64::from_le_bytes(bytes);
        }
        Ok(Self { day, added_to, addition, key })
    }

    /// A condition on rows of `open_events`.
    pub(super) fn rows(&self) -> String {
        if self.addition {
            format!("day = {{day:Date}} AND {NOT_TAKEN}")
        } else {
            "day = {day:Date}".to_owned()
        }
    }

    /// The keyed hash of a visitor.
    pub(super) fn hash(&self) -> &'static str {
        "sipHash64Keyed(({key_low:UInt64}, {key_high:UInt64}), visitor)"
    }

    /// The values of what is named above, and `gens`.
    pub(super) fn params(&self) -> Vec<(String, Param)> {
        let gens = self.added_to.iter().map(|&number| u64::from(number)).collect();
        vec![
            ("day".to_owned(), Param::Date(self.day)),
            ("key_low".to_owned(), Param::U64(self.key[0])),
            ("key_high".to_owned(), Param::U64(self.key[1])),
            ("gens".to_owned(), Param::U64Array(gens)),
        ]
    }
}

/// Rows of a batch that no published generation of `{day:Date}` has taken. `reach` is the last
/// batch of all runs that begin no later, so runs of several generations may overlap.
pub(super) const NOT_TAKEN: &str = "(spool, batch) NOT IN (SELECT spool, batch FROM \
    (SELECT DISTINCT spool, batch FROM open_events WHERE day = {day:Date}) AS known \
    ASOF INNER JOIN (SELECT spool, first, \
    max(last) OVER (PARTITION BY spool ORDER BY first) AS reach \
    FROM closed_batches WHERE day = {day:Date} AND gen IN \
    (SELECT gen FROM closed_days WHERE day = {day:Date})) AS taken \
    ON known.spool = taken.spool AND known.batch >= taken.first WHERE batch <= reach)";
