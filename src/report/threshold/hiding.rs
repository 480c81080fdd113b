//! What goes into "(other)".
//!
//! A [`Hiding`] is built by the threshold's judgement and then only grows: values join it, a day,
//! or everything. Statements that answer rows cannot be built without one.

use crate::report::query::Dimension;
use crate::report::query::Query;

/// Which sizes decide whether a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Visitors that the filters select.
    Selected,
    /// Visitors of the site and range.
    All,
}

/// One look at what "(other)" would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Whose rows are looked at.
    pub(crate) basis: Basis,
    /// The dimensions that are looked at.
    pub(crate) dimensions: Vec<Dimension>,
}

/// What "(other)" would hold in one part (a day, or everything).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    pub(crate) part: String,
    pub(crate) visitors: u64,
    pub(crate) events: u64,
}

/// The smallest shown value of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Smallest {
    pub(crate) part: String,
    pub(crate) dimension: Dimension,
    pub(crate) key: String,
}

/// What goes into "(other)": dimensions whose values need `k` visitors, and what joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hiding {
    k: u32,
    dimensions: Vec<Dimension>,
    basis: Basis,
    filtered: bool,
    all: bool,
    open_days: Option<Vec<String>>,
    closed_days: Vec<String>,
    joined: Vec<(Dimension, String)>,
}

impl Hiding {
    /// Values of `dimensions` need `k` visitors; where rows are told apart by day, nothing is shown
    /// but of `open_days`.
    pub(super) fn new(
        k: u32,
        (dimensions, basis): (Vec<Dimension>, Basis),
        query: &Query,
        open_days: Option<Vec<String>>,
    ) -> Self {
        let filtered = !query.asked.filters.is_empty();
        Self {
            k,
            dimensions,
            basis,
            filtered,
            all: false,
            open_days,
            closed_days: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// The same, without any row of `days`.
    pub(crate) fn without_days(self, days: Vec<String>) -> Self {
        Self { closed_days: days, ..self }
    }

    /// The days, weeks or months that are left out.
    pub(crate) fn closed_days(&self) -> &[String] {
        &self.closed_days
    }

    /// What decides in `pass`: its dimensions alone, by all visitors or by those who must.
    pub(crate) fn during(&self, pass: &Pass) -> Self {
        let basis = if pass.basis == Basis::All { Basis::All } else { self.basis };
        Self { basis, dimensions: pass.dimensions.clone(), ..self.clone() }
    }

    /// The least number of visitors.
    pub(crate) fn k(&self) -> u32 {
        self.k
    }

    /// Which sizes decide.
    pub(crate) fn basis(&self) -> Basis {
        self.basis
    }

    /// Whether everything belongs to "(other)".
    pub(crate) fn hides_all(&self) -> bool {
        self.all
    }

    /// The days of which values are shown; `None` means all.
    pub(crate) fn open_days(&self) -> Option<&[String]> {
        self.open_days.as_deref()
    }

    /// Whether values of `dimension` need `k` visitors.
    pub(crate) fn covers(&self, dimension: Dimension) -> bool {
        self.dimensions.contains(&dimension)
    }

    /// Keys of values of `dimension` that joined.
    pub(crate) fn joined(&self, dimension: Dimension) -> impl Iterator<Item = &str> {
        let of = self.joined.iter().filter(move |(one, _)| *one == dimension);
        of.map(|(_, key)| key.as_str())
    }

    /// Whether any value may be hidden, so that "(other)" must be looked at.
    pub(crate) fn is_needed(&self) -> bool {
        !self.dimensions.is_empty() && !self.all
    }

    /// How "(other)" is filled up, one pass after the other.
    ///
    /// With filters, each dimension is first settled by itself on all visitors: what joins must
    /// not depend on the filters alone, or the mere presence of "(other)" would tell whom they
    /// select.
    pub(crate) fn passes(&self) -> Vec<Pass> {
        let alone = self.dimensions.iter().filter(|_| self.filtered);
        let alone = alone.map(|one| Pass { basis: Basis::All, dimensions: vec![*one] });
        let all = Pass { basis: Basis::Selected, dimensions: self.dimensions.clone() };
        alone.chain([all]).collect()
    }

    /// The parts whose "(other)" would hold fewer than `k` visitors.
    pub(crate) fn short(&self, others: Vec<Other>) -> Vec<String> {
        let few = others.into_iter().filter(|other| {
            let is_open = self.open_days().is_none_or(|days| days.contains(&other.part));
            is_open && other.events > 0 && other.visitors < u64::from(self.k)
        });
        few.map(|other| other.part).collect()
    }

    /// Lets the smallest shown value of each short part join; without one, all of the part.
    pub(crate) fn join(&mut self, short: Vec<String>, smallest: &[Smallest]) {
        for part in short {
            match smallest.iter().find(|value| value.part == part) {
                Some(value) => self.joined.push((value.dimension, value.key.clone())),
                None => match &mut self.open_days {
                    Some(days) => days.retain(|day| *day != part),
                    None => self.all = true,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::query::tests::query;
    use serde_json::json;

    #[test]
    fn the_smallest_value_joins_a_short_rest_and_else_everything() {
        let list = query(&json!({ "dimensions": ["visit:city"] })).unwrap();
        let city = (vec![Dimension::City], Basis::Selected);
        let mut found = Hiding::new(5, city, &list, None);
        let rest = |visitors, events| vec![Other { part: String::new(), visitors, events }];
        assert!(found.short(rest(5, 9)).is_empty());
        assert!(found.short(rest(0, 0)).is_empty());
        let short = found.short(rest(1, 1));
        assert_eq!(short, [""]);
        let (part, key) = (String::new(), "Munich".to_owned());
        found.join(short.clone(), &[Smallest { part, dimension: Dimension::City, key }]);
        assert_eq!(found.joined(Dimension::City).collect::<Vec<_>>(), ["Munich"]);
        assert!(!found.hides_all());
        found.join(short, &[]);
        assert!(found.hides_all() && !found.is_needed());
    }

    #[test]
    fn a_day_without_a_value_to_join_is_closed() {
        let list = query(&json!({ "dimensions": ["visit:city", "time:day"] })).unwrap();
        let city = (vec![Dimension::City], Basis::Selected);
        let mut found = Hiding::new(5, city, &list, Some(vec!["a".to_owned(), "b".to_owned()]));
        let other = |part: &str| Other { part: part.to_owned(), visitors: 1, events: 1 };
        // "c" is closed already.
        let short = found.short(vec![other("a"), other("c")]);
        assert_eq!(short, ["a"]);
        found.join(short, &[]);
        assert_eq!(found.open_days().unwrap(), ["b"]);
    }

    #[test]
    fn with_filters_each_dimension_is_settled_on_all_visitors_first() {
        let parts = json!({ "dimensions": ["event:page", "visit:city"],
            "filters": [["is", "event:page", ["/"]]] });
        let both = (vec![Dimension::Page, Dimension::City], Basis::Selected);
        let found = Hiding::new(5, both, &query(&parts).unwrap(), None);
        let passes = found.passes();
        assert_eq!(passes.len(), 3);
        let page = found.during(&passes[0]);
        assert_eq!(page.basis(), Basis::All);
        assert!(page.covers(Dimension::Page) && !page.covers(Dimension::City));
        assert_eq!(found.during(&passes[2]), found);
    }
}
