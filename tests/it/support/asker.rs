//! A curious owner: asks reports at random and works out what each answer told about how many
//! people. What may be told is written here from the design alone.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::people::Person;
use crate::support::random::Random;

/// Dimensions that a list may be made of, or a filter.
const DIMENSIONS: [&str; 12] = [
    "event:page",
    "event:name",
    "visit:source",
    "visit:channel",
    "visit:country",
    "visit:region",
    "visit:city",
    "visit:browser",
    "visit:os",
    "visit:device",
    "visit:entry_page",
    "visit:exit_page",
];
/// Dimensions whose values are protected.
const PROTECTED: [&str; 2] = ["visit:region", "visit:city"];
const OTHER: &str = "(other)";

/// One question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    dimensions: Vec<&'static str>,
    filters: Vec<Filter>,
    days: Vec<&'static str>,
    order: Option<(&'static str, &'static str)>,
    page: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
struct Filter {
    is: bool,
    dimension: &'static str,
    values: Vec<String>,
}

/// What an answer told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Sentences about groups of fewer than `k`; there should be none.
    pub(crate) violations: Vec<String>,
    /// Rows with a value, so that a report that says nothing at all is noticed.
    pub(crate) named: usize,
}

impl Question {
    /// Something to ask about `people`, who come on `days`.
    pub(crate) fn random(random: &mut Random, people: &[Person], days: &[&'static str]) -> Self {
        let mut dimensions: Vec<&'static str> = Vec::new();
        for _ in 0..=random.below(3) {
            let dimension = if random.below(3) == 0 {
                random.pick(&PROTECTED)
            } else {
                random.pick(&DIMENSIONS)
            };
            if !dimensions.contains(dimension) {
                dimensions.push(dimension);
            }
        }
        if random.below(6) == 0 {
            dimensions.insert(0, *random.pick(&["time:day", "time:hour"]));
        }
        let filters = (0..random.below(3)).map(|_| Filter::random(random, people)).collect();
        let days = if random.below(2) == 0 { days.to_vec() } else { vec![*random.pick(days)] };
        let order = (random.below(2) == 0).then(|| {
            let by = if random.below(2) == 0 { "visitors" } else { *random.pick(&dimensions) };
            (by, *random.pick(&["asc", "desc"]))
        });
        let page = (random.below(3) == 0).then(|| (1 + random.below(4), random.below(5)));
        Self { dimensions, filters, days, order, page }
    }

    /// The body of the request.
    pub(crate) fn json(&self) -> Value {
        let filters: Vec<Value> = self
            .filters
            .iter()
            .map(|one| json!([if one.is { "is" } else { "is_not" }, one.dimension, one.values]))
            .collect();
        let mut body = json!({
            "metrics": ["visitors", "pageviews"],
            "date_range": [self.days.first(), self.days.last()],
            "dimensions": self.dimensions,
            "filters": filters,
        });
        if let Some((by, direction)) = self.order {
            body["order_by"] = json!([[by, direction]]);
        }
        if let Some((limit, offset)) = self.page {
            body["pagination"] = json!({"limit": limit, "offset": offset});
        }
        body
    }

    /// What the rows of the answer tell, if groups of fewer than `k` of `people` must not be told.
    pub(crate) fn judge(&self, people: &[Person], rows: &[(Vec<String>, u64)], k: usize) -> Told {
        let mut told = Told::default();
        let list: Vec<(usize, &str)> = self
            .dimensions
            .iter()
            .enumerate()
            .filter(|(_, name)| **name != "time:day")
            .map(|(at, name)| (at, *name))
            .collect();
        if rows.is_empty() || list.is_empty() {
            return told;
        }
        let present: Vec<&Person> =
            people.iter().filter(|person| self.days.contains(&person.day)).collect();
        let holding = |want: bool| {
            present.iter().copied().filter(move |person| {
                person.pages.iter().any(|page| self.holds(person, page) == want)
            })
        };
        let selected: Vec<&Person> = holding(true).collect();
        let missed = holding(false).count();
        if selected.len() < k {
            told.violations.push(format!("a list of {} visitors", selected.len()));
        }
        if (1..k).contains(&missed) {
            told.violations.push(format!("a list without {missed} visitors"));
        }
        for (labels, visitors) in rows {
            if list.iter().any(|(at, _)| labels.get(*at).is_some_and(|label| label == OTHER)) {
                if *visitors < k as u64 {
                    told.violations.push(format!("others are {visitors}"));
                }
                continue;
            }
            told.named += 1;
            self.judge_row(&mut told, &list, labels, &selected, k);
        }
        self.judge_others(&mut told, rows, &list, &selected);
        told
    }

    fn judge_row(
        &self,
        told: &mut Told,
        list: &[(usize, &str)],
        labels: &[String],
        selected: &[&Person],
        k: usize,
    ) {
        for (at, dimension) in list {
            if list.len() == 1 && !PROTECTED.contains(dimension) {
                continue;
            }
            let label = labels.get(*at).expect("a label for each dimension");
            let group = self.group(dimension, label, selected);
            if group < k {
                told.violations.push(format!("{dimension} {label} of {group} visitors"));
            }
        }
    }

    /// Others are exactly the visitors who are not in a row with a value.
    fn judge_others(
        &self,
        told: &mut Told,
        rows: &[(Vec<String>, u64)],
        list: &[(usize, &str)],
        selected: &[&Person],
    ) {
        let [(at, dimension)] = list else { return };
        let one_each = dimension.starts_with("visit:") && self.dimensions.len() == 1;
        if self.page.is_some() || !one_each {
            return;
        }
        let shown: BTreeSet<&String> =
            rows.iter().filter_map(|(labels, _)| labels.get(*at)).collect();
        let rest = selected.iter().filter(|person| !shown.contains(&person.label(dimension, "")));
        let rest = rest.count() as u64;
        let others = rows.iter().find(|(labels, _)| labels.get(*at).is_some_and(|l| l == OTHER));
        let said = others.map_or(0, |(_, visitors)| *visitors);
        if rest != said {
            told.violations.push(format!("others are {rest} and not {said}"));
        }
    }

    /// Visitors of the set who have `label`, by an event that the filters hold for.
    fn group(&self, dimension: &str, label: &str, selected: &[&Person]) -> usize {
        let has = |person: &Person| {
            person
                .pages
                .iter()
                .any(|page| self.holds(person, page) && person.label(dimension, page) == label)
        };
        selected.iter().filter(|person| has(person)).count()
    }

    fn holds(&self, person: &Person, page: &str) -> bool {
        self.filters.iter().all(|filter| {
            let label = person.label(filter.dimension, page);
            filter.values.contains(&label) == filter.is
        })
    }
}

impl Filter {
    /// A filter by something that somebody has.
    fn random(random: &mut Random, people: &[Person]) -> Self {
        let dimension = *random.pick(&DIMENSIONS);
        let values = (0..=random.below(2))
            .map(|_| {
                let person = random.pick(people);
                let page: &str = random.pick::<&str>(&person.pages);
                person.label(dimension, page)
            })
            .collect();
        Self { is: random.below(3) > 0, dimension, values }
    }
}
