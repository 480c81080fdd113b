//! Counts of groups: every row of a range is looked at once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::support::years::filter::{Test, Tree};
use crate::support::years::table::{Dimension, NONE, Row, Table};
use crate::support::years::words::PATH;

/// The values of a group, by dimension; [`OTHERS`] where values are withheld.
pub(crate) type Key = [u16; 3];
/// Stands for a value that is not shown.
pub(crate) const OTHERS: u16 = u16::MAX;

/// Sums over one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) visitors: u64,
    /// Visitors with an event that was not sent by a key.
    pub(crate) heads: u64,
    pub(crate) visits: u64,
    pub(crate) pageviews: u64,
    pub(crate) events: u64,
    pub(crate) views: u64,
    pub(crate) seconds: u64,
    /// Visits that count for the bounce rate.
    pub(crate) entries: u64,
    pub(crate) bounces: u64,
    pub(crate) engaged_pages: u64,
    pub(crate) engaged_ms: u64,
    pub(crate) scrolled_pages: u64,
    pub(crate) scroll: u64,
}

/// What was counted last in a group: rows of a visitor, and of a visit, stand together.
#[derive(Debug, Clone)]
struct Last {
    visitor: u32,
    head: u32,
    visit: u32,
    entered: u32,
}

/// What is counted, over which rows.
pub(crate) struct Count<'a> {
    pub(crate) table: &'a Table,
    pub(crate) filters: &'a [Tree],
    pub(crate) dimensions: &'a [Dimension],
    /// First and last day.
    pub(crate) days: (i32, i32),
    /// Puts the key of a group among the others, or leaves it.
    pub(crate) hide: &'a dyn Fn(Key) -> Key,
}

/// A group and its sums.
pub(crate) type Group = (Key, Sums);

/// Leaves every group where it is.
pub(crate) fn shown(key: Key) -> Key {
    key
}

struct Groups {
    numbers: HashMap<Key, usize>,
    found: Vec<(Key, Sums, Last)>,
    last: (Key, usize),
}

impl Groups {
    fn number(&mut self, key: Key) -> usize {
        if self.last.0 == key && !self.found.is_empty() {
            return self.last.1;
        }
        let next = self.found.len();
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            let last = Last { visitor: 0, head: 0, visit: NONE, entered: NONE };
            self.found.push((key, Sums::default(), last));
        }
        self.last = (key, number);
        number
    }
}

/// What a count looks up for every row.
struct Asked {
    tests: Vec<Test>,
    columns: Vec<Arc<Vec<u16>>>,
    /// Where the page stands among the dimensions, and the entry pages.
    page: Option<(usize, Arc<Vec<u16>>)>,
}

impl Asked {
    fn new(count: &Count<'_>) -> Self {
        let page = count.dimensions.iter().position(|one| *one == Dimension::Text(PATH));
        let column = |one: &Dimension| count.table.column(*one);
        Self {
            tests: count.filters.iter().map(|tree| tree.on(count.table)).collect(),
            columns: count.dimensions.iter().map(column).collect(),
            page: page.map(|place| (place, count.table.column(Dimension::Entry))),
        }
    }

    fn key(&self, row: usize) -> Key {
        let mut key = [0; 3];
        let mut at = 0;
        while at < self.columns.len() {
            key[at] = self.columns[at][row];
            at += 1;
        }
        key
    }
}

impl Count<'_> {
    /// The groups, in any order.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let table = self.table;
        let asked = Asked::new(self);
        let mut groups = Groups { numbers: HashMap::new(), found: Vec::new(), last: ([0; 3], 0) };
        'rows: for at in table.between(self.days.0, self.days.1) {
            for test in &asked.tests {
                if !test.passes(at) {
                    continue 'rows;
                }
            }
            let own = asked.key(at);
            let number = groups.number((self.hide)(own));
            self.event(&mut groups.found[number], at);
            let row = &table.rows[at];
            if row.visit != NONE {
                let key = self.starting(own, row);
                let number = if key == own { number } else { groups.number((self.hide)(key)) };
                self.visit(&mut groups.found[number], row);
                self.entry(&asked, &mut groups.found[number], key, at);
            }
        }
        groups.found.into_iter().map(|(key, sums, _)| (key, sums)).collect()
    }

    /// The key with the hour in which the visit of a row starts.
    fn starting(&self, mut key: Key, row: &Row) -> Key {
        for (value, dimension) in key.iter_mut().zip(self.dimensions) {
            if *dimension == Dimension::Hour {
                *value = self.table.start_hour(&self.table.visits[row.visit as usize]);
            }
        }
        key
    }

    fn event(&self, group: &mut (Key, Sums, Last), at: usize) {
        let (_, sums, last) = group;
        let row = &self.table.rows[at];
        sums.events += 1;
        sums.pageviews += u64::from(row.pageview);
        if row.visitor != 0 && last.visitor != row.visitor {
            last.visitor = row.visitor;
            sums.visitors += 1;
        }
        if row.visitor != 0 && !row.by_key && last.head != row.visitor {
            last.head = row.visitor;
            sums.heads += 1;
        }
        if row.engaged_ms > 0 {
            sums.engaged_pages += 1;
            sums.engaged_ms += u64::from(row.engaged_ms);
        }
        if row.scroll > 0 {
            sums.scrolled_pages += 1;
            sums.scroll += u64::from(row.scroll);
        }
    }

    /// A visit counts once in each group.
    fn visit(&self, group: &mut (Key, Sums, Last), row: &Row) {
        let (_, sums, last) = group;
        if last.visit != row.visit {
            last.visit = row.visit;
            let visit = &self.table.visits[row.visit as usize];
            sums.visits += 1;
            sums.views += u64::from(visit.views);
            sums.seconds += u64::from(visit.duration);
        }
    }

    /// A visit counts for the bounce rate of a group when one of its events there would pass with
    /// the entry page in the place of its own page; in a group of one page, when it entered there.
    fn entry(&self, asked: &Asked, group: &mut (Key, Sums, Last), key: Key, at: usize) {
        let row = &self.table.rows[at];
        let visit = &self.table.visits[row.visit as usize];
        let (group_key, sums, last) = group;
        if last.entered == row.visit {
            return;
        }
        if let Some((place, entries)) = &asked.page {
            let mut entered = key;
            entered[*place] = entries[at];
            if visit.entry == NONE || (self.hide)(entered) != *group_key {
                return;
            }
        }
        for test in &asked.tests {
            if !test.entry_passes(at) {
                return;
            }
        }
        last.entered = row.visit;
        sums.entries += 1;
        sums.bounces += u64::from(visit.bounce);
    }
}

/// The sums of all rows at once.
pub(crate) fn total(table: &Table, filters: &[Tree], days: (i32, i32)) -> Sums {
    let count = Count { table, filters, dimensions: &[], days, hide: &shown };
    count.groups().pop().map(|(_, sums)| sums).unwrap_or_default()
}

/// Visitors not known by a key alone, of each combination of values.
pub(crate) fn heads(
    table: &Table,
    filters: &[Tree],
    dimensions: &[Dimension],
    days: (i32, i32),
) -> HashMap<Vec<u16>, u64> {
    let groups = Count { table, filters, dimensions, days, hide: &shown }.groups();
    let values = |key: Key| key.iter().take(dimensions.len()).copied().collect();
    groups.into_iter().map(|(key, sums)| (values(key), sums.heads)).collect()
}
