//! Decision 11: small groups are withheld.
//!
//! Nothing becomes JSON unless it is [`Released`], and only this module makes `Released` values:
//! either the rows that a statement built with a [`Hiding`] answered, or no rows and the reason.
//! A [`Guard`] is the threshold applied to one query: it says what must be asked first, judges the
//! sizes, and gathers what goes into "(other)".
//!
//! It keeps groups below `k` out of single answers. It does not protect against an owner who
//! subtracts many answers from each other, polls the running day, or forges visitors.

use crate::report::query::Dimension;
use crate::report::query::Query;

/// A value that obeys the threshold and may become JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Released<T>(T);

/// One row of an answer, not yet released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The row "(other)".
    pub(crate) other: bool,
    /// The values, as shown, of the dimensions of the query.
    pub(crate) dimensions: Vec<String>,
    /// The metrics of the query; `views_per_visit` in hundredths.
    pub(crate) metrics: Vec<u64>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// Rows there are without `limit` and `offset`.
    pub(crate) total_rows: u64,
    /// Why there are no rows.
    pub(crate) withheld: Option<Withheld>,
    /// Visitors in "(other)", or selected by a list that is withheld.
    pub(crate) withheld_visitors: u64,
    /// The `k` it obeys.
    pub(crate) threshold: u32,
}

/// Why a list is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withheld {
    /// Fewer than `k` visitors are selected, by all filters or by those of one dimension.
    FewVisitors,
    /// Between 1 and `k` − 1 visitors are left out.
    FewVisitorsInComplement,
}

/// Which sizes decide whether a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Visitors that the filters select.
    Selected,
    /// Visitors of the site and range.
    All,
}

/// Sizes of one day, see `sql::sets`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sets {
    pub(crate) day: String,
    pub(crate) selected: u64,
    pub(crate) alone: Vec<u64>,
    pub(crate) left_out: Vec<u64>,
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
    by_day: bool,
    all: bool,
    days: Vec<String>,
    joined: Vec<(Dimension, String)>,
}

/// What became of the sizes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Rows may be asked for, with this much hidden.
    Rows(Hiding),
    /// A list of nobody: withheld, unless there is no event either.
    Nobody,
    /// The rows are withheld; so many visitors are selected.
    Withheld(Withheld, u64),
}

/// The threshold, applied to one query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guard {
    k: u32,
    is_list: bool,
    by_day: bool,
    filtered_dimensions: usize,
}

impl<T> Released<T> {
    /// The value.
    pub(crate) fn get(&self) -> &T {
        &self.0
    }
}

impl Withheld {
    /// The name in `meta.withheld`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FewVisitors => "few_visitors",
            Self::FewVisitorsInComplement => "few_visitors_in_complement",
        }
    }
}

impl Hiding {
    /// The least number of visitors.
    pub(crate) fn k(&self) -> u32 {
        self.k
    }

    /// Which sizes decide.
    pub(crate) fn basis(&self) -> Basis {
        self.basis
    }

    /// Whether each day is a part of its own.
    pub(crate) fn by_day(&self) -> bool {
        self.by_day
    }

    /// Whether everything belongs to "(other)".
    pub(crate) fn hides_all(&self) -> bool {
        self.all
    }

    /// The days of which everything belongs to "(other)".
    pub(crate) fn days(&self) -> &[String] {
        &self.days
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

    /// Whether the rows of "(other)" must be filled up from all visitors before the selected ones.
    ///
    /// Where the sizes of all visitors decide, what joins must not depend on the filters first:
    /// else the presence of "(other)" would tell whom they select.
    pub(crate) fn bases(&self) -> &'static [Basis] {
        match self.basis {
            Basis::Selected => &[Basis::Selected],
            Basis::All => &[Basis::All, Basis::Selected],
        }
    }

    /// The parts whose "(other)" would hold fewer than `k` visitors.
    pub(crate) fn short(&self, others: Vec<Other>) -> Vec<String> {
        let short = others.into_iter().filter(|other| {
            other.events > 0
                && other.visitors < u64::from(self.k)
                && !self.days.contains(&other.part)
        });
        short.map(|other| other.part).collect()
    }

    /// Lets the smallest shown value of each short part join; without one, all of the part.
    pub(crate) fn join(&mut self, short: Vec<String>, smallest: &[Smallest]) {
        for part in short {
            match smallest.iter().find(|value| value.part == part) {
                Some(value) => self.joined.push((value.dimension, value.key.clone())),
                None if self.by_day => self.days.push(part),
                None => self.all = true,
            }
        }
    }
}

impl Guard {
    /// The threshold `k` for `query`; 0 counts as 1, which switches it off.
    pub(crate) fn new(k: u32, query: &Query) -> Self {
        Self {
            k: k.max(1),
            is_list: !query.list_dimensions().is_empty(),
            by_day: query.by_day(),
            filtered_dimensions: query.filtered_dimensions().len(),
        }
    }

    /// Whether sizes must be judged before anything is answered.
    ///
    /// Totals and charts by day need it only where filters of several dimensions meet: such a
    /// pair is a combination, and one number would tell a lone visitor's browser.
    pub(crate) fn needs_sets(&self) -> bool {
        self.k > 1 && (self.is_list || self.filtered_dimensions > 1)
    }

    /// The `k` in force.
    pub(crate) fn k(&self) -> u32 {
        self.k
    }

    /// Nothing is hidden, because nothing needs to be.
    pub(crate) fn open(&self) -> Hiding {
        Hiding {
            k: self.k,
            dimensions: Vec::new(),
            basis: Basis::Selected,
            by_day: self.by_day,
            all: false,
            days: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// Judges the sizes of every day, and `rare`: a filter names a value that few visitors reach.
    pub(crate) fn judge(&self, query: &Query, days: &[Sets], rare: Option<Withheld>) -> Verdict {
        let mut range = Sets::default();
        for day in days {
            range.selected += day.selected;
            add(&mut range.alone, &day.alone);
            add(&mut range.left_out, &day.left_out);
        }
        if self.meets_small(&range) {
            return Verdict::Withheld(Withheld::FewVisitors, 0);
        }
        if !self.is_list {
            return Verdict::Rows(self.open());
        }
        if range.selected == 0 {
            return Verdict::Nobody;
        }
        if let Some(reason) = self.reason(&range).or(rare) {
            return Verdict::Withheld(reason, range.selected);
        }
        let few = days.iter().filter(|_| self.by_day);
        let few = few.filter(|day| self.meets_small(day) || self.reason(day).is_some());
        let (dimensions, basis) = needing(query);
        Verdict::Rows(Hiding {
            dimensions,
            basis,
            days: few.map(|day| day.day.clone()).collect(),
            ..self.open()
        })
    }

    /// Releases the rows that `sql::results` answered under `_hiding`.
    pub(crate) fn release(
        &self,
        _hiding: &Hiding,
        rows: Vec<Row>,
        total_rows: u64,
        withheld_visitors: u64,
    ) -> Released<Answer> {
        let threshold = self.k;
        Released(Answer { rows, total_rows, withheld: None, withheld_visitors, threshold })
    }

    /// No rows, and why; `None` when there was nothing to see in the first place.
    pub(crate) fn withhold(&self, reason: Option<Withheld>, visitors: u64) -> Released<Answer> {
        Released(Answer {
            rows: Vec::new(),
            total_rows: 0,
            withheld: reason,
            withheld_visitors: visitors,
            threshold: self.k,
        })
    }

    fn is_small(&self, visitors: u64) -> bool {
        (1..u64::from(self.k)).contains(&visitors)
    }

    /// Filters of several dimensions meet, and those of one alone select few visitors.
    fn meets_small(&self, sets: &Sets) -> bool {
        self.filtered_dimensions > 1 && sets.alone.iter().any(|size| self.is_small(*size))
    }

    fn reason(&self, sets: &Sets) -> Option<Withheld> {
        if sets.selected < u64::from(self.k) {
            return Some(Withheld::FewVisitors);
        }
        let few = sets.left_out.iter().any(|size| self.is_small(*size));
        few.then_some(Withheld::FewVisitorsInComplement)
    }
}

/// Releases counts of events that were not stored: they hold no visitor and no attribute.
pub(crate) fn release_outcomes<T>(counts: T) -> Released<T> {
    Released(counts)
}

/// The dimensions whose values need `k` visitors, and which visitors decide.
fn needing(query: &Query) -> (Vec<Dimension>, Basis) {
    let list = query.list_dimensions();
    match list.as_slice() {
        [one] if !one.is_protected() => {
            let combined = query.filtered_dimensions().iter().any(|filtered| filtered != one);
            (if combined { list } else { Vec::new() }, Basis::All)
        }
        _ => (list, Basis::Selected),
    }
}

fn add(sums: &mut Vec<u64>, more: &[u64]) {
    if sums.len() < more.len() {
        sums.resize(more.len(), 0);
    }
    for (sum, number) in sums.iter_mut().zip(more) {
        *sum += number;
    }
}
