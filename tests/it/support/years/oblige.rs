//! What the threshold obliges an answer to: whatever is shown is right, and shown by right.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::support::report::Reports;
use crate::support::years::answer::{Answered, OTHER, ordered};
use crate::support::years::check::{self, Found};
use crate::support::years::count::{Count, Group, Key, OTHERS, Sums, heads, shown, total};
use crate::support::years::filter::Tree;
use crate::support::years::question::Question;
use crate::support::years::table::{Dimension, Table};
use crate::support::years::words::PATH;

/// Visitors that a group needs.
pub(crate) const K: u64 = 5;
/// Dimensions whose values are protected, beside properties.
const PROTECTED: [&str; 6] = [
    "visit:region",
    "visit:city",
    "visit:utm_term",
    "visit:utm_content",
    "visit:language",
    "visit:screen",
];

/// Asks `asked`, which is about all rows, and judges the answer.
pub(crate) fn judge(reports: &mut Reports, table: &Table, asked: &Question, found: &mut Found) {
    let body = asked.json();
    let Some(answer) = found.ask(reports, &body) else { return };
    let fault = if answer.status == 200 {
        Judge { table, asked, said: answer.json() }.fault(found)
    } else {
        Some(format!("{} {}", answer.status, answer.text()))
    };
    found.faults.extend(fault.map(|fault| format!("site {}: {body}\n  {fault}", asked.site)));
}

struct Judge<'a> {
    table: &'a Table,
    asked: &'a Question,
    said: Value,
}

impl Judge<'_> {
    /// The first thing that is not as it should be.
    fn fault(&self, found: &mut Found) -> Option<String> {
        let meta = &self.said["meta"];
        let rows = self.said["results"].as_array().expect("an answer has results");
        if meta["threshold"] != K {
            return Some(format!("another threshold: {meta}"));
        }
        if !meta["withheld"].is_null() {
            found.withheld += 1;
            return (!rows.is_empty()).then(|| format!("withheld and not: {meta}"));
        }
        let keys = match self.keys(rows) {
            Ok(keys) => keys,
            Err(fault) => return Some(fault),
        };
        let hide = |key: Key| if keys.contains(&key) { key } else { self.other(key) };
        let mut groups = self.count(&hide);
        self.leave_out(&mut groups);
        let others: Vec<&Group> = groups.iter().filter(|(key, _)| self.is_other(*key)).collect();
        found.others += others.len();
        let hidden: u64 = others.iter().map(|(_, sums)| sums.visitors).sum();
        let fault = self.set(rows).or_else(|| self.values(&keys)).or_else(|| self.rest(&groups));
        if fault.is_some() {
            return fault;
        }
        let counted = groups.len();
        let mut wanted = ordered(self.asked, groups);
        let mut said = self.said.clone();
        self.blur(&mut wanted, &mut said);
        found.rows += wanted.len();
        let told = &meta["withheld_visitors"];
        let told = (*told != hidden).then(|| format!("withheld_visitors {told}, not {hidden}"));
        check::difference(self.asked, &said, &wanted, counted.max(wanted.len())).or(told)
    }

    fn count(&self, hide: &dyn Fn(Key) -> Key) -> Vec<Group> {
        let (dimensions, filters) = (&self.asked.dimensions, &self.asked.filters);
        Count { table: self.table, filters, dimensions, days: self.asked.days, hide }.groups()
    }

    /// The key of what is not shown: nothing but its day, week or month.
    fn other(&self, mut key: Key) -> Key {
        for (value, dimension) in key.iter_mut().zip(&self.asked.dimensions) {
            if !dimension.is_part() {
                *value = OTHERS;
            }
        }
        key
    }

    fn is_other(&self, key: Key) -> bool {
        key.contains(&OTHERS)
    }

    fn list(&self) -> Vec<(usize, Dimension)> {
        let all = self.asked.dimensions.iter().copied().enumerate();
        all.filter(|(_, dimension)| !dimension.is_part()).collect()
    }

    /// The groups that rows of the answer name.
    fn keys(&self, rows: &[Value]) -> Result<HashSet<Key>, String> {
        let label = |(value, dimension): (&u16, &Dimension)| dimension.label(*value);
        let labels = |key: &Key| key.iter().zip(&self.asked.dimensions).map(label).collect();
        let known: HashMap<Vec<String>, Key> =
            self.count(&shown).iter().map(|(key, _)| (labels(key), *key)).collect();
        let mut keys = HashSet::new();
        if self.list().is_empty() {
            return Ok(known.into_values().collect());
        }
        for row in rows {
            let labels: Vec<String> = serde_json::from_value(row["dimensions"].clone())
                .map_err(|error| format!("{row}: {error}"))?;
            if !self.list().iter().any(|(at, _)| labels[*at] == OTHER) {
                keys.insert(*known.get(&labels).ok_or_else(|| format!("nobody is in {row}"))?);
            }
        }
        Ok(keys)
    }

    /// Takes away the parts that a chart says it leaves out.
    fn leave_out(&self, groups: &mut Vec<Group>) {
        let days = self.said["meta"]["withheld_days"].as_array().cloned().unwrap_or_default();
        if self.list().is_empty() {
            groups.retain(|(key, _)| {
                let label = |(value, one): (&u16, &Dimension)| one.label(*value);
                let labels = key.iter().zip(&self.asked.dimensions).map(label);
                !labels.into_iter().any(|label| days.contains(&Value::from(label)))
            });
        }
    }

    /// (a): a list is of a set that is large enough, and so is what it leaves out.
    fn set(&self, rows: &[Value]) -> Option<String> {
        if self.list().is_empty() || rows.is_empty() {
            return None;
        }
        let (filters, days) = (&self.asked.filters, self.asked.days);
        let selected = total(self.table, filters, days).heads;
        let everybody = total(self.table, &[], days).heads;
        let not = [Tree::Not(Box::new(Tree::And(filters.clone())))];
        let unselected = total(self.table, &not, days).heads;
        let few = |n: u64| (1..K).contains(&n);
        let fault = selected < K || few(everybody - selected) || few(unselected);
        fault.then(|| {
            format!("a list of {selected} of {everybody}; {unselected} have what is not selected")
        })
    }

    /// (b) and (c): values that need so many visitors have them.
    fn values(&self, keys: &HashSet<Key>) -> Option<String> {
        let list = self.list();
        let is_protected = |dimension: Dimension| {
            matches!(dimension, Dimension::Prop(_))
                || PROTECTED.contains(&dimension.name().as_str())
        };
        let part = self.asked.dimensions.iter().position(|one| one.is_part());
        for (at, dimension) in &list {
            if list.len() == 1 && !is_protected(*dimension) {
                continue;
            }
            let of: Vec<Dimension> = part
                .map(|part| self.asked.dimensions[part])
                .into_iter()
                .chain([*dimension])
                .collect();
            let sizes = heads(self.table, &self.asked.filters, &of, self.asked.days);
            for key in keys {
                let mut value: Vec<u16> = part.map(|part| key[part]).into_iter().collect();
                value.push(key[*at]);
                let size = sizes.get(&value).copied().unwrap_or_default();
                // A row of an hour may stand there for the visits that start in it.
                if size < K {
                    return Some(format!("{} of {size}", dimension.label(key[*at])));
                }
            }
        }
        None
    }

    /// What is withheld is of enough visitors together, unless it is all there is of a part.
    fn rest(&self, groups: &[Group]) -> Option<String> {
        let part = |key: &Key| {
            let parts = key.iter().zip(&self.asked.dimensions).find(|(_, one)| one.is_part());
            parts.map(|(value, _)| *value)
        };
        let shown = |other: &Key| {
            groups.iter().any(|(key, _)| !self.is_other(*key) && part(key) == part(other))
        };
        let others = groups.iter().filter(|(key, _)| self.is_other(*key));
        let few: Option<&(Key, Sums)> =
            others.into_iter().find(|(key, sums)| sums.heads < K && shown(key));
        few.map(|(_, sums)| format!("others are {sums:?}"))
    }

    /// Leaves out what is not said of "(other)": which entry pages count among several dimensions.
    fn blur(&self, wanted: &mut [Answered], said: &mut Value) {
        let list = self.list();
        let by_page = list.iter().any(|(_, one)| *one == Dimension::Text(PATH));
        let rate = self.asked.metrics.iter().position(|metric| *metric == "bounce_rate");
        let Some(rate) = rate.filter(|_| by_page && list.len() > 1) else { return };
        for (row, said) in
            wanted.iter_mut().zip(said["results"].as_array_mut().into_iter().flatten())
        {
            if row.labels.iter().any(|label| label == OTHER) {
                row.metrics[rate] = 0;
                said["metrics"][rate] = Value::from(0);
            }
        }
    }
}
