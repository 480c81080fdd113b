//! What holds of some event of a visit or visitor, as columns of the statements that ask.
//!
//! An event has its flags in columns of its own or, when they are many, in the bits of a few
//! numbers: the engine compiles aggregate functions, which is worth it for few of them only.

/// Flags that have columns of their own.
const COMPILED: usize = 12;

/// Whether a visit has no selected event. There are at most 50 visits a day, so that a byte holds
/// them.
const IDLE: &str = "sumWithOverflow(visits) != sumWithOverflow(e0) AS idle";

/// Conditions on events; the first is that the event is selected.
#[derive(Debug, Default)]
pub(crate) struct Flags(Vec<String>);

impl Flags {
    /// Adds a condition on events; answers the column that says of a visitor whether it holds of
    /// one of them.
    pub(crate) fn add(&mut self, condition: &str) -> String {
        let place = self.0.iter().position(|one| one == condition).unwrap_or(self.0.len());
        if place == self.0.len() {
            self.0.push(condition.to_owned());
        }
        format!("f{place}")
    }

    /// Columns of an event, as `… AS name`.
    pub(crate) fn of_events(&self) -> String {
        let flags = self.0.iter().enumerate();
        if !self.is_packed() {
            return list(flags.map(|(place, flag)| format!("toUInt8({flag}) AS e{place}")));
        }
        let selected = self.0.iter().take(1).map(|flag| format!("toUInt8({flag}) AS e0"));
        let words = self.0.chunks(64).enumerate().map(|(word, flags)| {
            let bits = flags.iter().enumerate();
            let bits = bits.map(|(bit, flag)| format!("bitShiftLeft(toUInt64({flag}), {bit})"));
            format!("{} AS word{word}", bits.collect::<Vec<_>>().join(" + "))
        });
        list(selected.chain(words))
    }

    /// The names of these columns.
    pub(crate) fn names(&self) -> String {
        list(self.columns().map(|(name, _)| name))
    }

    /// The same columns, of a group of events.
    pub(crate) fn of_visits(&self) -> String {
        list(self.columns().map(|(name, function)| format!("{function}({name}) AS {name}")))
    }

    /// Columns of a visitor: what [`Flags::add`] answered, and `idle` for a visit without a selected
    /// event. Of each visit one row has `visits` = 1, and one at most is selected.
    ///
    /// The functions keep a byte for each visitor and flag: with sums of eight bytes a month of a
    /// large site took twice the time.
    pub(crate) fn of_visitors(&self) -> String {
        let idle = [IDLE.to_owned()].into_iter();
        let places = 0..self.0.len();
        if !self.is_packed() {
            return list(idle.chain(places.map(|place| format!("max(e{place}) = 1 AS f{place}"))));
        }
        let words = (0..self.words()).map(|word| format!("groupBitOr(word{word}) AS w{word}"));
        let flag = |place| format!("bitTest(w{}, {}) AS f{place}", place / 64, place % 64);
        list(idle.chain(words).chain(places.map(flag)))
    }

    /// The columns of an event, each with the function that joins them.
    fn columns(&self) -> impl Iterator<Item = (String, &'static str)> {
        let own = if self.is_packed() { 1 } else { self.0.len() };
        let words = if self.is_packed() { self.words() } else { 0 };
        let own = (0..own).map(|place| (format!("e{place}"), "max"));
        own.chain((0..words).map(|word| (format!("word{word}"), "groupBitOr")))
    }

    fn is_packed(&self) -> bool {
        self.0.len() > COMPILED
    }

    fn words(&self) -> usize {
        self.0.len().div_ceil(64)
    }
}

fn list(columns: impl Iterator<Item = String>) -> String {
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_flags_are_columns_and_many_are_bits() {
        let mut flags = Flags::default();
        assert_eq!(
            (flags.add("a"), flags.add("b"), flags.add("a")),
            ("f0".into(), "f1".into(), "f0".into())
        );
        assert_eq!(flags.of_events(), "toUInt8(a) AS e0, toUInt8(b) AS e1");
        assert_eq!(
            (flags.names().as_str(), flags.of_visits().as_str()),
            ("e0, e1", "max(e0) AS e0, max(e1) AS e1")
        );
        assert_eq!(
            flags.of_visitors(),
            "sumWithOverflow(visits) != sumWithOverflow(e0) AS idle, max(e0) = 1 AS f0, max(e1) = 1 AS f1"
        );
        for more in 2..70 {
            flags.add(&format!("c{more}"));
        }
        assert_eq!(flags.names(), "e0, word0, word1");
        assert!(flags.of_events().starts_with("toUInt8(a) AS e0, bitShiftLeft(toUInt64(a), 0) + "));
        assert!(flags.of_events().ends_with("bitShiftLeft(toUInt64(c69), 5) AS word1"));
        assert!(flags.of_visitors().ends_with("bitTest(w1, 5) AS f69"));
    }
}
