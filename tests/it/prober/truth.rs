//! Who did what: sets of events of the crowd, and how many people are in them.

use std::collections::BTreeMap;

use crate::prober::crowd::{DAYS, DIMENSIONS, Event, NOW};
use crate::prober::question::{Condition, Leaf, Range};

/// Seconds that "realtime" looks back.
const REALTIME: u32 = 300;

/// Events by their place in [`Truth::events`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set(Vec<u64>);

/// The crowd's events, each visitor's together, and which of them have a value.
pub(crate) struct Truth {
    events: Vec<Event>,
    /// Events of visitors that were not sent with a key alone.
    known: Set,
    /// Events with a token.
    visitors: Set,
    days: Vec<Set>,
    realtime: Set,
    /// Of each dimension and value.
    values: Vec<BTreeMap<String, Set>>,
}

impl Set {
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    pub(crate) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn has(&self, place: usize) -> bool {
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    fn add(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let next = rest.trailing_zeros();
                rest &= rest.checked_sub(1)?;
                Some(at * 64 + usize::try_from(next).expect("a bit of a word"))
            })
        })
    }
}

impl Truth {
    pub(crate) fn new(events: Vec<Event>) -> Self {
        let mut events = events;
        events.sort_by_key(|event| (event.visitor, event.visit));
        let none = Set(vec![0; events.len().div_ceil(64)]);
        let mut truth = Self {
            known: none.clone(),
            visitors: none.clone(),
            days: vec![none.clone(); DAYS.len()],
            realtime: none.clone(),
            values: vec![BTreeMap::new(); DIMENSIONS.len()],
            events: Vec::new(),
        };
        for (place, event) in events.iter().enumerate() {
            truth.days[event.day].add(place);
            if event.visitor.is_some() {
                truth.visitors.add(place);
                if !event.by_key {
                    truth.known.add(place);
                }
            }
            if event.ts > NOW - REALTIME && event.day == 2 {
                truth.realtime.add(place);
            }
            for (values, label) in truth.values.iter_mut().zip(&event.labels) {
                values.entry(label.clone()).or_insert_with(|| none.clone()).add(place);
            }
        }
        truth.events = events;
        truth
    }

    pub(crate) fn nothing(&self) -> Set {
        Set(vec![0; self.known.0.len()])
    }

    /// Visitors with an event of the set.
    pub(crate) fn visitors(&self, set: &Set) -> u64 {
        let mut count = 0;
        let mut last = None;
        for place in set.and(&self.visitors).places() {
            let visitor = self.events[place].visitor;
            if last != Some(visitor) {
                last = Some(visitor);
                count += 1;
            }
        }
        count
    }

    /// Visitors who count for groups: with an event of the set that was not sent with a key alone.
    pub(crate) fn heads(&self, set: &Set) -> u64 {
        self.visitors(&set.and(&self.known))
    }

    /// Visitors who count for groups, with a visit in `all` of which no event is in `selected`.
    pub(crate) fn idle(&self, all: &Set, selected: &Set) -> u64 {
        let mut busy: Vec<(Option<u32>, u32, bool)> = Vec::new();
        for place in all.and(&self.known).places() {
            let event = &self.events[place];
            let here = selected.has(place);
            match busy.last_mut().filter(|last| (last.0, last.1) == (event.visitor, event.visit)) {
                Some(last) => last.2 |= here,
                None => busy.push((event.visitor, event.visit, here)),
            }
        }
        let mut idle: Vec<Option<u32>> =
            busy.iter().filter(|(_, _, here)| !here).map(|(visitor, _, _)| *visitor).collect();
        idle.dedup();
        idle.len() as u64
    }

    /// All events of the set, those without a token included.
    pub(crate) fn weight(&self, set: &Set) -> u64 {
        set.places().map(|place| self.events[place].weight).sum()
    }

    /// The events of a value; none of an unknown one.
    pub(crate) fn value(&self, dimension: usize, label: &str) -> Set {
        self.values[dimension].get(label).cloned().unwrap_or_else(|| self.nothing())
    }

    /// The values of a dimension.
    pub(crate) fn labels(&self, dimension: usize) -> Vec<&str> {
        self.values[dimension].keys().map(String::as_str).collect()
    }

    /// The events of a range.
    pub(crate) fn range(&self, range: Range) -> Set {
        match range {
            Range::Realtime => self.realtime.clone(),
            Range::Days(from, to) => {
                let days = self.days.iter().zip(0..);
                let days = days.filter(|(_, day)| (from..=to).contains(day));
                days.fold(self.nothing(), |all, (day, _)| all.or(day))
            }
        }
    }

    /// The events of the day, week or month whose label this is.
    pub(crate) fn part(&self, time: &str, label: &str) -> Set {
        let days: &[usize] = match (time, label) {
            ("time:week", "2093-02-23") => &[0, 1],
            ("time:week", "2093-03-02") => &[2, 3],
            ("time:month", "2093-02-01") => &[0],
            ("time:month", "2093-03-01") => &[1, 2, 3],
            ("time:day", day) => match DAYS.iter().position(|one| *one == day) {
                Some(0) => &[0],
                Some(1) => &[1],
                Some(2) => &[2],
                Some(_) => &[3],
                None => &[],
            },
            _ => &[],
        };
        days.iter().fold(self.nothing(), |all, day| all.or(&self.days[*day]))
    }

    /// The events for which a filter holds.
    pub(crate) fn leaf(&self, leaf: &Leaf) -> Set {
        let values = leaf.values.iter().map(|value| self.one_value(leaf, value));
        let found = values.fold(self.nothing(), |any, one| any.or(&one));
        if leaf.negative { self.all([].into_iter()).without(&found) } else { found }
    }

    /// The events for which one value of a filter alone holds, negated or not.
    pub(crate) fn one_value(&self, leaf: &Leaf, value: &str) -> Set {
        let test = leaf.test(value);
        let found = self.values[leaf.dimension].iter().filter(|(label, _)| test(label));
        found.fold(self.nothing(), |all, (_, set)| all.or(set))
    }

    /// The events for which a condition holds, `leaves` being those of its filters.
    pub(crate) fn condition(&self, condition: &Condition, leaves: &[Set]) -> Set {
        match condition {
            Condition::Leaf(at) => leaves[*at].clone(),
            Condition::All(parts) => self.all(parts.iter().map(|one| self.condition(one, leaves))),
            Condition::Any(parts) => {
                let parts = parts.iter().map(|one| self.condition(one, leaves));
                parts.fold(self.nothing(), |any, one| any.or(&one))
            }
        }
    }

    /// The events that are in all of these; all events, if there are none.
    pub(crate) fn all(&self, sets: impl Iterator<Item = Set>) -> Set {
        let everything = self.days.iter().fold(self.nothing(), |all, day| all.or(day));
        sets.fold(everything, |all, one| all.and(&one))
    }
}
