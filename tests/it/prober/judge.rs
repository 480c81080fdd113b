//! What an answer tells of fewer than [`K`] people, looked at from outside: by counting the crowd.

use serde_json::Value;

use crate::prober::crowd::{DAYS, DIMENSIONS, HOUR};
use crate::prober::question::{Condition, Leaf, Question};
use crate::prober::truth::{Set, Truth};

/// The least number of visitors that is shown.
pub(crate) const K: u64 = 5;
const OTHER: &str = "(other)";

/// Kinds of what must not be told, and of what must not be wrong.
pub(crate) const KINDS: [&str; 10] = [
    "few selected",
    "few left out",
    "few of a part of the filters",
    "value of few",
    "combination with a value of few",
    "others are few",
    "others are not the rest",
    "meta",
    "number",
    "no answer",
];

/// One thing that an answer should not have told: its kind, and what it is.
pub(crate) type Told = (&'static str, String);

/// Which rows are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All there are.
    Whole,
    /// Some of them.
    Page,
    /// Some of another range, beside those of an answer.
    Beside,
}

/// A row: labels, metrics.
pub(crate) type Row = (Vec<String>, Vec<u64>);

/// A question, its filters placed in the crowd, and what was told.
pub(crate) struct Judge<'a> {
    truth: &'a Truth,
    question: &'a Question,
    condition: Condition,
    leaves: Vec<Leaf>,
    sets: Vec<Set>,
    selected: Set,
    pub(crate) told: Vec<Told>,
}

fn is_small(heads: u64) -> bool {
    (1..K).contains(&heads)
}

/// The rows of an answer, or those that they are compared with where there is one.
pub(crate) fn rows(answer: &Value, compared: bool) -> Vec<Row> {
    let results = answer["results"].as_array().expect("an answer has results");
    let places = results.iter().map(|row| if compared { &row["comparison"] } else { row });
    let places = places.filter(|row| row["metrics"].is_array() && row["dimensions"].is_array());
    places.map(|row| (texts(&row["dimensions"]), numbers(&row["metrics"]))).collect()
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().expect("a list").iter();
    list.map(|one| one.as_str().expect("a text").to_owned()).collect()
}

/// Whole numbers; the only one that is none (`views_per_visit`) is not looked at.
fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().expect("a list").iter().map(|one| one.as_u64().unwrap_or(0)).collect()
}

impl<'a> Judge<'a> {
    pub(crate) fn new(truth: &'a Truth, question: &'a Question) -> Self {
        let (condition, leaves) = question.filters();
        let sets: Vec<Set> = leaves.iter().map(|leaf| truth.leaf(leaf)).collect();
        let selected = truth.condition(&condition, &sets);
        Self { truth, question, condition, leaves, sets, selected, told: Vec::new() }
    }

    fn tell(&mut self, kind: usize, what: String) {
        self.told.push((KINDS[kind], what));
    }

    /// Judges rows of the answer, or beside them. Answers how many name a value.
    pub(crate) fn rows(&mut self, rows: &[Row], extent: Extent) -> usize {
        let compared = self.question.compared.filter(|_| extent == Extent::Beside);
        let range = self.truth.range(compared.unwrap_or(self.question.range));
        let mut rows: Vec<&Row> = rows.iter().collect();
        if extent == Extent::Beside {
            // A row of zeros stands there when nothing does; it must be true.
            let is_nothing = |row: &Row| row.1.iter().all(|number| *number == 0);
            for row in rows.iter().filter(|row| is_nothing(row)) {
                let part = self.part_of(row, &range);
                let set =
                    self.labels(row).iter().fold(part.and(&self.selected), |set, (at, label)| {
                        set.and(&self.truth.value(*at, label))
                    });
                self.compare(row, &set);
            }
            rows.retain(|row| !is_nothing(row));
        }
        if !rows.is_empty() {
            if let Some(what) = self.few_of_part(&range) {
                self.tell(2, what);
                return 0;
            }
            if let Some((kind, what)) = self.few_of_list(&range) {
                self.tell(kind, what);
            }
        }
        let mut parts: Vec<(Option<String>, Vec<&Row>)> = Vec::new();
        for row in rows {
            let label = self.period_at().and_then(|at| row.0.get(at).cloned());
            match parts.iter_mut().find(|(known, _)| *known == label) {
                Some((_, rows)) => rows.push(row),
                None => parts.push((label, vec![row])),
            }
        }
        let mut named = 0;
        for (_, rows) in parts {
            let part = rows.first().map_or(range.clone(), |row| self.part_of(row, &range));
            named += self.part(&rows, &part, extent == Extent::Whole);
        }
        named
    }

    /// The events of the day, week or month of a row; of the range, if they are not told apart.
    fn part_of(&self, row: &Row, range: &Set) -> Set {
        let label = self.period_at().and_then(|at| row.0.get(at));
        match (self.question.period, label) {
            (Some(period), Some(label)) => range.and(&self.truth.part(period, label)),
            _ => range.clone(),
        }
    }

    /// Judges the rows of a day, week or month, or all if they are not told apart by it.
    fn part(&mut self, rows: &[&Row], part: &Set, whole: bool) -> usize {
        let (others, values): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| self.is_other(row));
        let is_list = !self.question.list.is_empty();
        if self.question.period.is_some() {
            if let Some(what) = self.few_of_part(part) {
                self.tell(2, format!("in a part: {what}"));
                return 0;
            }
            if !values.is_empty()
                && let Some((kind, what)) = self.few_of_list(part)
            {
                self.tell(kind, format!("in a part: {what}"));
            }
        }
        let mut rest = self.selected.and(part);
        for row in &values {
            let set = self.row(row, part);
            rest = rest.without(&set);
            self.compare(row, &set);
        }
        for row in &others {
            let all = self.selected.and(part);
            let (all, heads) = (self.truth.visitors(&all), self.truth.heads(&rest));
            let said = row.1.first().copied().unwrap_or(0);
            // The row of a part that shows no value is the chart by that part.
            if said < K && said != all || whole && heads < K && !values.is_empty() {
                self.tell(5, format!("{said} others, {heads} that count"));
            }
            if whole {
                self.compare(row, &rest);
            }
        }
        let others = others.len();
        if others > 1 || whole && is_list && others == 0 && !rest.is_empty() {
            self.tell(
                6,
                format!("{others} rows of others, {} visitors", self.truth.visitors(&rest)),
            );
        }
        values.len()
    }

    /// Judges a row with values; answers its events.
    fn row(&mut self, row: &Row, part: &Set) -> Set {
        let selected = self.selected.and(part);
        let mut set = selected.clone();
        let filtered: Vec<usize> = self.leaves.iter().map(|leaf| leaf.dimension).collect();
        let list = &self.question.list;
        let single = list.len() == 1;
        for (dimension, label) in self.labels(row) {
            let value = self.truth.value(dimension, &label);
            set = set.and(&value);
            let name = DIMENSIONS[dimension].name;
            let group = self.truth.heads(&value.and(&selected));
            let all = self.truth.heads(&value.and(part));
            if !single && group < K {
                self.tell(4, format!("{name} {label}: {group}"));
            } else if single && DIMENSIONS[dimension].protected && group < K {
                self.tell(3, format!("{name} {label}: {group}"));
            } else if single && all < K && filtered.iter().any(|one| *one != dimension) {
                self.tell(4, format!("{name} {label} beside a filter: {all} of all"));
            }
        }
        set
    }

    /// Whether the numbers of a row are those of its events.
    fn compare(&mut self, row: &Row, set: &Set) {
        let kind = if self.is_other(row) { 6 } else { 8 };
        let visitors = self.truth.visitors(set);
        if row.1.first() != Some(&visitors) {
            self.tell(kind, format!("{:?} visitors of {row:?}, and {visitors}", row.1.first()));
        }
        let said = self.question.events_at().and_then(|at| row.1.get(at));
        let events = self.truth.weight(set);
        if said.is_some_and(|said| *said != events) {
            self.tell(kind, format!("{said:?} events of {row:?}, and {events}"));
        }
    }

    /// The dimensions of the list with the labels of a row.
    fn labels(&self, row: &Row) -> Vec<(usize, String)> {
        let names = self.question.dimensions();
        let place = |dimension: &usize| {
            names.iter().position(|name| *name == DIMENSIONS[*dimension].name).expect("asked for")
        };
        let list = self.question.list.iter();
        list.map(|one| (*one, row.0.get(place(one)).cloned().unwrap_or_default())).collect()
    }

    fn is_other(&self, row: &Row) -> bool {
        self.labels(row).iter().any(|(_, label)| label == OTHER)
    }

    fn period_at(&self) -> Option<usize> {
        let period = self.question.period?;
        self.question.dimensions().iter().position(|name| *name == period)
    }

    /// Why no list of the selected events within `all` may be shown.
    fn few_of_list(&self, all: &Set) -> Option<(usize, String)> {
        if self.question.list.is_empty() {
            return None;
        }
        let heads = |set: &Set| self.truth.heads(set);
        let selected = self.selected.and(all);
        if heads(&selected) < K {
            return Some((0, format!("{} selected", heads(&selected))));
        }
        if self.leaves.is_empty() {
            return None;
        }
        let mut out = vec![
            ("not selected at all", heads(all) - heads(&selected)),
            ("not selected with an event", heads(&all.without(&selected))),
            ("not selected with a visit", self.truth.idle(all, &selected)),
        ];
        let Condition::All(parts) = &self.condition else { panic!("the top is a list") };
        let parts: Vec<Set> =
            parts.iter().map(|part| self.truth.condition(part, &self.sets).and(all)).collect();
        for (at, part) in parts.iter().enumerate().filter(|_| parts.len() > 1) {
            let others = parts.iter().enumerate().filter(|(other, _)| *other != at);
            let others = self.truth.all(others.map(|(_, other)| other.clone())).and(all);
            out.push(("left out by a condition", heads(all) - heads(part)));
            out.push(("left out by a condition with an event", heads(&all.without(part))));
            out.push(("taken out by a condition", heads(&others) - heads(&selected)));
            out.push(("taken out by a condition with an event", heads(&others.without(part))));
        }
        if let Some((what, few)) = out.into_iter().find(|(_, few)| is_small(*few)) {
            return Some((1, format!("{few} {what}")));
        }
        self.few_of_value(all).map(|what| (if what.starts_with("not") { 1 } else { 0 }, what))
    }

    /// A value among several of a filter that few reach.
    fn few_of_value(&self, all: &Set) -> Option<String> {
        self.leaves.iter().filter(|leaf| leaf.values.len() > 1).find_map(|leaf| {
            leaf.values.iter().find_map(|value| {
                let few = self.truth.heads(&self.truth.one_value(leaf, value).and(all));
                let not = if leaf.negative { "not " } else { "" };
                is_small(few).then(|| format!("{not}{value:?} among others: {few}"))
            })
        })
    }

    /// Why nothing at all may be said of the selected events within `all`: filters of several
    /// dimensions meet, and those of some of them pick out few.
    fn few_of_part(&self, all: &Set) -> Option<String> {
        let heads = |set: &Set| self.truth.heads(set);
        let terms = self.condition.terms();
        let of = |leaves: &[usize]| {
            let mut found: Vec<usize> =
                leaves.iter().map(|at| self.leaves[*at].dimension).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        if of(&(0..self.leaves.len()).collect::<Vec<_>>()).len() < 2 {
            return None;
        }
        for term in &terms {
            let dimensions = of(term);
            let masks = 1_usize << dimensions.len();
            for mask in 1..masks {
                let is_all = mask + 1 == masks;
                if is_all && dimensions.len() > 1 && terms.len() < 2 {
                    continue;
                }
                let chosen: Vec<usize> = (0..dimensions.len())
                    .filter(|at| mask >> at & 1 == 1)
                    .map(|at| dimensions[at])
                    .collect();
                let leaves: Vec<usize> = term
                    .iter()
                    .copied()
                    .filter(|at| chosen.contains(&self.leaves[*at].dimension))
                    .collect();
                let holds = self.truth.all(leaves.iter().map(|at| self.sets[*at].clone())).and(all);
                let names: Vec<&str> = chosen.iter().map(|one| DIMENSIONS[*one].name).collect();
                if is_small(heads(&holds)) {
                    return Some(format!("{names:?} alone select {}", heads(&holds)));
                }
                let negative = leaves.iter().any(|at| self.leaves[*at].negative);
                let out = [heads(&all.without(&holds)), heads(all) - heads(&holds)];
                let few = out.into_iter().find(|few| is_small(*few));
                if let Some(few) = few.filter(|_| negative && chosen.len() == 1) {
                    return Some(format!("{names:?} alone leave out {few} {out:?}"));
                }
            }
        }
        self.few_of_value(all)
    }

    /// Judges what stands beside the rows: counts of all rows, of others, and labels of times.
    pub(crate) fn meta(&mut self, answer: &Value, all_rows: &[Row]) {
        let meta = &answer["meta"];
        let number = |key: &str| meta[key].as_u64().expect("a number");
        let range = self.truth.range(self.question.range);
        let total = number("total_rows");
        if total != all_rows.len() as u64 {
            self.tell(7, format!("{total} rows in all, and {}", all_rows.len()));
        }
        let others = all_rows.iter().filter(|row| self.is_other(row));
        let others: u64 = others.filter_map(|row| row.1.first()).sum();
        let said = number("withheld_visitors");
        let is_withheld = all_rows.is_empty();
        let selected = self.truth.heads(&self.selected.and(&range));
        let tells = is_withheld && said > 0 && self.few_of_part(&range).is_some();
        if tells || said != others && !(is_withheld && [0, selected].contains(&said)) {
            self.tell(7, format!("{said} visitors withheld, of others {others}"));
        }
        if self.question.labels && self.question.list.contains(&HOUR) {
            let labels = texts(&meta["time_labels"]);
            let days = DAYS
                .iter()
                .flat_map(|day| (0..24).map(move |hour| format!("{day} {hour:02}:00:00")));
            let days: Vec<String> = days.filter(|label| labels.contains(label)).collect();
            if days != labels || !labels.len().is_multiple_of(24) {
                self.tell(7, "labels that are not the calendar's".to_owned());
            }
        }
    }
}
