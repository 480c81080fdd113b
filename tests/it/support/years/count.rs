//! Counts of groups: every row of a range is looked at once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::support::years::filter::{Test, Tree};
use crate::support::years::n32;
use crate::support::years::table::{Dimension, NONE, Table};

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
            let last = Last { visitor: 0, head: 0, visit: NONE };
            self.found.push((key, Sums::default(), last));
        }
        self.last = (key, number);
        number
    }
}

impl Count<'_> {
    /// The groups, in any order.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let table = self.table;
        let tests: Vec<Test> = self.filters.iter().map(|tree| tree.on(table)).collect();
        let columns: Vec<Arc<Vec<u16>>> =
            self.dimensions.iter().map(|one| table.column(*one)).collect();
        let mut groups = Groups { numbers: HashMap::new(), found: Vec::new(), last: ([0; 3], 0) };
        'rows: for at in table.between(self.days.0, self.days.1) {
            for test in &tests {
                if !test.passes(at) {
                    continue 'rows;
                }
            }
            let own = self.key(&columns, at);
            let number = groups.number((self.hide)(own));
            self.event(&mut groups.found[number], at);
            let row = &table.rows[at];
            if row.visit != NONE {
                let key = self.starting(own, at);
                let number = if key == own { number } else { groups.number((self.hide)(key)) };
                let group = &mut groups.found[number];
                if group.2.visit != row.visit {
                    group.2.visit = row.visit;
                    self.visit(&tests, &columns, group, at);
                }
            }
        }
        groups.found.into_iter().map(|(key, sums, _)| (key, sums)).collect()
    }

    fn key(&self, columns: &[Arc<Vec<u16>>], row: usize) -> Key {
        let mut key = [0; 3];
        let mut at = 0;
        while at < columns.len() {
            key[at] = columns[at][row];
            at += 1;
        }
        key
    }

    /// The key with the hour in which the visit of a row starts.
    fn starting(&self, mut key: Key, row: usize) -> Key {
        for (value, dimension) in key.iter_mut().zip(self.dimensions) {
            if *dimension == Dimension::Hour {
                let visit = &self.table.visits[self.table.rows[row].visit as usize];
                *value = self.table.start_hour(visit);
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

    fn visit(
        &self,
        tests: &[Test],
        columns: &[Arc<Vec<u16>>],
        group: &mut (Key, Sums, Last),
        at: usize,
    ) {
        let (key, sums, _) = group;
        let visit = &self.table.visits[self.table.rows[at].visit as usize];
        sums.visits += 1;
        sums.views += u64::from(visit.views);
        sums.seconds += u64::from(visit.duration);
        let by_page =
            self.dimensions.contains(&Dimension::Text(crate::support::years::words::PATH));
        let entered = !by_page
            || visit.entry != NONE && {
                let entry = visit.entry as usize;
                (self.hide)(self.starting(self.key(columns, entry), entry)) == *key
            };
        if entered && tests.iter().all(|test| test.entry_passes(at)) {
            sums.entries += 1;
            sums.bounces += u64::from(visit.bounce);
        }
    }
}

/// The sums of all rows at once.
pub(crate) fn total(table: &Table, filters: &[Tree], days: (i32, i32)) -> Sums {
    let count = Count { table, filters, dimensions: &[], days, hide: &shown };
    count.groups().pop().map(|(_, sums)| sums).unwrap_or_default()
}

/// Visitors not known by a key alone, of each value of a dimension.
pub(crate) fn heads(
    table: &Table,
    filters: &[Tree],
    dimension: Dimension,
    days: (i32, i32),
) -> HashMap<u16, u64> {
    let count = Count { table, filters, dimensions: &[dimension], days, hide: &shown };
    count.groups().into_iter().map(|(key, sums)| (key[0], sums.heads)).collect()
}

/// So many rows.
pub(crate) fn rows(table: &Table) -> u32 {
    n32(table.rows.len())
}
