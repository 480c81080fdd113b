//! Decision 11: small groups are withheld.
//!
//! Nothing becomes JSON unless it is [`Released`], and only this module makes `Released` values:
//! either the rows that a statement built with a [`Hiding`] answered, or no rows and the reason.
//! A [`Guard`] is the threshold applied to one query: it says what must be asked first, judges the
//! sizes, and gathers what goes into "(other)".
//!
//! It keeps groups below `k` out of single answers. It does not protect against an owner who
//! subtracts many answers from each other, polls the running day, or forges visitors.

mod hiding;

use crate::report::query::Dimension;
use crate::report::query::Query;

pub(crate) use hiding::Basis;
pub(crate) use hiding::Hiding;
pub(crate) use hiding::Other;
pub(crate) use hiding::Pass;
pub(crate) use hiding::Smallest;

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
    /// Days that a chart leaves out.
    pub(crate) withheld_days: Vec<String>,
    /// The `k` it obeys.
    pub(crate) threshold: u32,
    /// Rows of the range that came after their day was closed for good.
    pub(crate) late_rows: u64,
}

/// Why a list is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withheld {
    /// Fewer than `k` visitors are selected, by all filters or by those of one dimension.
    FewVisitors,
    /// Between 1 and `k` − 1 visitors are left out.
    FewVisitorsInComplement,
}

/// Sizes of one day, see `sql::sets`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sets {
    pub(crate) day: String,
    pub(crate) selected: u64,
    pub(crate) alone: Vec<u64>,
    pub(crate) left_out: Vec<u64>,
    /// A filter of several values names one that few visitors of this day reach.
    pub(crate) rare: bool,
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
    /// Where the day, week or month stands among the dimensions.
    period_at: Option<usize>,
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

impl Guard {
    /// The threshold `k` for `query`; 0 counts as 1, which switches it off.
    pub(crate) fn new(k: u32, query: &Query) -> Self {
        Self {
            k: k.max(1),
            is_list: !query.list_dimensions().is_empty(),
            period_at: query.asked.dimensions.iter().position(|one| one.is_period()),
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
    pub(crate) fn open(&self, query: &Query) -> Hiding {
        Hiding::new(self.k, (Vec::new(), Basis::Selected), query, None)
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
        if let Some(reason) = rare.filter(|_| self.filtered_dimensions > 1) {
            return Verdict::Withheld(reason, 0);
        }
        let by_period = self.period_at.is_some();
        let closed = days.iter().filter(|day| by_period && self.meets_small(day));
        let closed = closed.map(|day| day.day.clone()).collect();
        if !self.is_list {
            return Verdict::Rows(self.open(query).without_days(closed));
        }
        if range.selected == 0 {
            return Verdict::Nobody;
        }
        if let Some(reason) = self.reason(&range).or(rare) {
            return Verdict::Withheld(reason, range.selected);
        }
        let open = days.iter().filter(|day| !self.meets_small(day) && self.reason(day).is_none());
        let open_days = by_period.then(|| open.map(|day| day.day.clone()).collect());
        let hiding = Hiding::new(self.k, needing(query), query, open_days);
        Verdict::Rows(hiding.without_days(closed))
    }

    /// Releases the rows that `sql::results` answered under `hiding`.
    pub(crate) fn release(
        &self,
        hiding: &Hiding,
        mut rows: Vec<Row>,
        total_rows: u64,
        withheld_visitors: u64,
    ) -> Released<Answer> {
        let threshold = self.k;
        let withheld_days = hiding.closed_days().to_vec();
        let day = |row: &Row| self.period_at.and_then(|at| row.dimensions.get(at).cloned());
        rows.retain(|row| !day(row).is_some_and(|day| withheld_days.contains(&day)));
        let withheld = None;
        Released(Answer {
            rows,
            total_rows,
            withheld,
            withheld_visitors,
            withheld_days,
            threshold,
            late_rows: 0,
        })
    }

    /// No rows, and why; `None` when there was nothing to see in the first place.
    pub(crate) fn withhold(&self, reason: Option<Withheld>, visitors: u64) -> Released<Answer> {
        Released(Answer {
            rows: Vec::new(),
            total_rows: 0,
            withheld: reason,
            withheld_visitors: visitors,
            withheld_days: Vec::new(),
            threshold: self.k,
            late_rows: 0,
        })
    }

    fn is_small(&self, visitors: u64) -> bool {
        (1..u64::from(self.k)).contains(&visitors)
    }

    /// Filters of several dimensions meet, and those of one alone select or exclude few visitors.
    fn meets_small(&self, sets: &Sets) -> bool {
        let small = sets.rare || sets.alone.iter().any(|size| self.is_small(*size));
        self.filtered_dimensions > 1 && small
    }

    fn reason(&self, sets: &Sets) -> Option<Withheld> {
        if sets.rare || sets.selected < u64::from(self.k) {
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

/// Releases groups of what pages reported about themselves, which knows no visitor: those with at
/// least `k` reports.
pub(crate) fn release_reports<T>(groups: Vec<(u64, T)>, k: u32) -> Released<Vec<T>> {
    let enough = groups.into_iter().filter(|(reports, _)| *reports >= u64::from(k));
    Released(enough.map(|(_, group)| group).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::query::tests::query;
    use serde_json::json;

    fn judge(parts: &serde_json::Value, days: &[Sets]) -> Verdict {
        let query = query(parts).unwrap();
        Guard::new(5, &query).judge(&query, days, None)
    }

    fn sets(day: &str, selected: u64, alone: &[u64], left_out: &[u64]) -> Sets {
        let (alone, left_out) = (alone.to_vec(), left_out.to_vec());
        Sets { day: day.to_owned(), selected, alone, left_out, rare: false }
    }

    fn hiding(verdict: Verdict) -> Hiding {
        match verdict {
            Verdict::Rows(hiding) => hiding,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_switches_it_off_and_totals_need_no_sets() {
        let list = query(&json!({ "dimensions": ["visit:city"] })).unwrap();
        assert!(Guard::new(5, &list).needs_sets());
        assert!(!Guard::new(1, &list).needs_sets() && !Guard::new(0, &list).needs_sets());
        let chart = query(&json!({ "dimensions": ["time:day"] })).unwrap();
        assert!(!Guard::new(5, &chart).needs_sets());
    }

    #[test]
    fn a_list_of_few_visitors_is_withheld_and_of_exactly_k_is_not() {
        let list = json!({ "dimensions": ["visit:browser"] });
        let few = Verdict::Withheld(Withheld::FewVisitors, 4);
        assert_eq!(judge(&list, &[sets("a", 4, &[], &[0, 0, 0])]), few);
        assert!(matches!(judge(&list, &[sets("a", 5, &[], &[0, 0, 0])]), Verdict::Rows(_)));
        // Days add up, because no visitor spans two.
        let two = [sets("a", 2, &[], &[]), sets("b", 3, &[], &[])];
        assert!(matches!(judge(&list, &two), Verdict::Rows(_)));
        assert_eq!(judge(&list, &[]), Verdict::Nobody);
    }

    #[test]
    fn a_list_that_leaves_few_visitors_out_is_withheld() {
        let list = json!({ "dimensions": ["visit:browser"],
            "filters": [["is_not", "event:page", ["/rare"]]] });
        let withheld = Verdict::Withheld(Withheld::FewVisitorsInComplement, 50);
        assert_eq!(judge(&list, &[sets("a", 50, &[50], &[0, 1, 0])]), withheld);
        assert!(matches!(judge(&list, &[sets("a", 50, &[50], &[5, 9, 0])]), Verdict::Rows(_)));
    }

    #[test]
    fn a_rare_page_cannot_be_combined_with_a_second_filter_even_for_totals() {
        let totals = json!({ "filters": [["is", "event:page", ["/rare"]],
            ["is", "visit:browser", ["Firefox"]]] });
        let lone = Verdict::Withheld(Withheld::FewVisitors, 0);
        // Whether or not the lone visitor has the browser, the answer is the same.
        assert_eq!(judge(&totals, &[sets("a", 1, &[1, 20], &[60, 60, 0])]), lone);
        assert_eq!(judge(&totals, &[sets("a", 0, &[1, 20], &[61, 61, 0])]), lone);
        let one = json!({ "filters": [["is", "event:page", ["/rare"]]] });
        assert!(matches!(judge(&one, &[sets("a", 1, &[1], &[60, 60])]), Verdict::Rows(_)));
    }

    #[test]
    fn a_chart_leaves_out_the_days_that_would_be_withheld_alone() {
        let chart = json!({ "dimensions": ["time:day"], "filters": [
            ["is", "event:page", ["/rare"]], ["is", "visit:browser", ["Firefox"]]] });
        let days = [sets("a", 9, &[20, 20], &[9]), sets("b", 1, &[1, 20], &[9])];
        let found = hiding(judge(&chart, &days));
        let row =
            |day: &str| Row { other: false, dimensions: vec![day.to_owned()], metrics: vec![1] };
        let guard = Guard::new(5, &query(&chart).unwrap());
        let released = guard.release(&found, vec![row("a"), row("b")], 2, 0);
        assert_eq!(released.get().rows, [row("a")]);
        assert_eq!(released.get().withheld_days, ["b"]);
    }

    #[test]
    fn which_values_need_k_visitors() {
        let days = [sets("a", 50, &[50], &[0, 0, 0])];
        let of = |parts| hiding(judge(&parts, &days));
        assert!(!of(json!({ "dimensions": ["event:page"] })).is_needed());
        assert!(!of(json!({ "dimensions": ["event:page", "time:day"] })).is_needed());
        assert!(of(json!({ "dimensions": ["visit:city"] })).is_needed());
        let pair = of(json!({ "dimensions": ["event:page", "time:hour"] }));
        assert!(pair.covers(Dimension::Page) && pair.covers(Dimension::Hour));
        assert_eq!(pair.basis(), Basis::Selected);
        let filtered = of(json!({ "dimensions": ["event:page"],
            "filters": [["is", "visit:browser", ["Firefox"]]] }));
        assert!(filtered.covers(Dimension::Page));
        assert_eq!(filtered.basis(), Basis::All);
    }

    #[test]
    fn a_list_leaves_out_the_days_of_which_nothing_may_be_said() {
        let list = json!({ "dimensions": ["visit:os", "time:day"], "filters":
            [["is", "visit:city", ["Vaduz"]], ["is", "visit:browser", ["Firefox"]]] });
        let none = [9; 11];
        let found =
            hiding(judge(&list, &[sets("a", 1, &[1, 9], &none), sets("b", 30, &[30, 30], &none)]));
        assert_eq!(found.closed_days(), ["a"]);
        assert_eq!(found.open_days().unwrap(), ["b"]);
        let row = |day: &str| Row {
            other: day == "a",
            dimensions: vec!["Linux".to_owned(), day.to_owned()],
            metrics: vec![1],
        };
        let guard = Guard::new(5, &query(&list).unwrap());
        let released = guard.release(&found, vec![row("a"), row("b")], 1, 0);
        assert_eq!(released.get().rows, [row("b")]);

        let rare = |day| Sets { rare: true, ..sets(day, 30, &[30, 30], &none) };
        let found = hiding(judge(&list, &[rare("a"), sets("b", 30, &[30, 30], &none)]));
        assert_eq!(found.closed_days(), ["a"]);
        let one = json!({ "dimensions": ["visit:os", "time:day"],
            "filters": [["is", "visit:city", ["Vaduz", "Rome"]]] });
        let found = hiding(judge(&one, &[rare("a"), sets("b", 30, &[30], &none)]));
        assert!(found.closed_days().is_empty());
        assert_eq!(found.open_days().unwrap(), ["b"]);
    }

    #[test]
    fn a_day_that_would_be_withheld_alone_shows_no_value() {
        let list = json!({ "dimensions": ["time:day", "visit:browser"] });
        let found = hiding(judge(&list, &[sets("a", 2, &[], &[]), sets("b", 30, &[], &[])]));
        assert_eq!(found.open_days().unwrap(), ["b"]);
    }
}
