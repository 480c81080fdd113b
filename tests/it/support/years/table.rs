//! The events of one site that are visible, cut into visits: what a question is answered from.
//!
//! A visit is a run of the events of one visitor and day, engagement left out, with gaps of at
//! most 1,800 s, in the order (ts, batch, position, spool). Rows that were added to a closed day
//! are visitors of their own, each addition by itself.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::support::years::calendar::{DAYS, first_of_month, monday};
use crate::support::years::crowd::{Event, SCROLL_NONE};
use crate::support::years::n32;
use crate::support::years::words::{
    COLUMNS, ENGAGEMENT, NAME, OF_VISITS, PAGEVIEW, PATH, PROP_VALUES, TEXTS,
};

/// Longest gap within a visit, seconds.
const GAP: u32 = 1_800;
/// Nobody's visit, nobody's page.
pub(crate) const NONE: u32 = u32::MAX;

/// What a question can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dimension {
    Day,
    Week,
    Month,
    Hour,
    /// A column of text: of the event, or of the first event of its visit.
    Text(usize),
    /// A property of the event.
    Prop(usize),
    Entry,
    Exit,
}

impl Dimension {
    /// The name in queries.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Day => "time:day".to_owned(),
            Self::Week => "time:week".to_owned(),
            Self::Month => "time:month".to_owned(),
            Self::Hour => "time:hour".to_owned(),
            Self::Text(column) => COLUMNS[column].dimension.to_owned(),
            Self::Prop(prop) => format!("event:props:{}", PROP_VALUES[prop].dimension),
            Self::Entry => "visit:entry_page".to_owned(),
            Self::Exit => "visit:exit_page".to_owned(),
        }
    }

    pub(crate) fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Hour)
    }

    /// Whether it is a part of the range, as a day is: each is an answer of its own.
    pub(crate) fn is_part(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month)
    }

    /// The labels of its values; of a time none.
    pub(crate) fn labels(self) -> &'static [String] {
        match self {
            Self::Text(column) => &COLUMNS[column].labels,
            Self::Prop(prop) => &PROP_VALUES[prop].labels,
            Self::Entry | Self::Exit => &COLUMNS[PATH].labels,
            _ => &[],
        }
    }

    /// What value number `value` is shown as.
    pub(crate) fn label(self, value: u16) -> String {
        let value = usize::from(value);
        let day = |number: usize| i32::try_from(number).expect("a few days");
        match self {
            Self::Day => crate::support::years::calendar::date(day(value)).to_string(),
            Self::Week => monday(day(value)).to_string(),
            Self::Month => first_of_month(day(value)).to_string(),
            Self::Hour => {
                let date = crate::support::years::calendar::date(day(value / 32));
                format!("{date} {:02}:00:00", value % 32)
            }
            _ => self.labels()[value].clone(),
        }
    }
}

/// One event that is not engagement.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Number of the event among those of the site.
    event: u32,
    /// The event that its attributes of a visit are taken from.
    first: u32,
    /// Number of the visit; [`NONE`] without a token.
    pub(crate) visit: u32,
    /// Number of the visitor, from 1; 0 without a token.
    pub(crate) visitor: u32,
    pub(crate) pageview: bool,
    pub(crate) by_key: bool,
    /// Engaged time and scroll depth of the page in the visit, on the first event of that page.
    pub(crate) engaged_ms: u32,
    pub(crate) scroll: u8,
}

/// One visit.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Its first row.
    pub(crate) start: u32,
    /// Its first and its last page view among the rows; [`NONE`] without one.
    pub(crate) entry: u32,
    exit: u32,
    pub(crate) duration: u32,
    pub(crate) views: u32,
    pub(crate) bounce: bool,
}

/// Which events are visible, and as what: for each day what has arrived until each taking-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// The first of a day is its whole; the others are additions. By day.
    pub(crate) taken: Vec<Vec<u8>>,
}

impl View {
    /// Every day holds whatever has arrived until `arrival`.
    pub(crate) fn open(arrival: u8) -> Self {
        Self { taken: vec![vec![arrival]; DAYS] }
    }

    /// 0 for the whole of a day, 1 for its first addition…, nothing for what is not visible.
    fn layer(&self, day: usize, arrival: u8) -> Option<usize> {
        self.taken[day].iter().position(|until| arrival <= *until)
    }
}

/// The rows of one site.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) visits: Vec<Visit>,
    /// Rows of each day.
    days: Vec<Range<usize>>,
    /// Rows, visitors and visits of each day, by layer.
    layers: Vec<Vec<[u64; 3]>>,
    /// Events of the site, in any order.
    events: Arc<Vec<Event>>,
    from: usize,
    visitors: u32,
    columns: Mutex<HashMap<Dimension, Arc<Vec<u16>>>>,
}

impl Table {
    /// The events `range` of `events`, which are one site's, seen by `view`.
    pub(crate) fn new(events: &Arc<Vec<Event>>, range: Range<usize>, view: &View) -> Self {
        let mut days: Vec<Vec<(usize, u64, u32)>> = vec![Vec::new(); DAYS];
        for (at, event) in events[range.clone()].iter().enumerate() {
            let day = usize::from(event.day);
            if let Some(layer) = view.layer(day, event.arrival) {
                days[day].push((layer, event.visitor, n32(at)));
            }
        }
        let mut table = Self {
            rows: Vec::new(),
            visits: Vec::new(),
            days: Vec::new(),
            layers: Vec::new(),
            events: Arc::clone(events),
            from: range.start,
            visitors: 0,
            columns: Mutex::default(),
        };
        for (mut list, taken) in days.into_iter().zip(&view.taken) {
            let first = table.rows.len();
            let mut layers = vec![[0; 3]; taken.len()];
            list.sort_unstable();
            for one in list.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                let before = table.sizes();
                let found: Vec<u32> = one.iter().map(|(_, _, event)| *event).collect();
                table.visitor(&found);
                let sizes = layers[one[0].0].iter_mut().zip(table.sizes()).zip(before);
                sizes.for_each(|((sum, after), before)| *sum += after - before);
            }
            table.layers.push(layers);
            table.days.push(first..table.rows.len());
        }
        table
    }

    /// Rows, visitors and visits so far.
    fn sizes(&self) -> [u64; 3] {
        [self.rows.len() as u64, u64::from(self.visitors), self.visits.len() as u64]
    }

    fn event(&self, at: u32) -> &Event {
        &self.events[self.from + at as usize]
    }

    /// Rows of one token of one day.
    fn visitor(&mut self, events: &[u32]) {
        let is_engagement = |at: &u32| self.event(*at).texts[NAME] == ENGAGEMENT;
        let mut acts: Vec<u32> = events.iter().copied().filter(|at| !is_engagement(at)).collect();
        if self.event(events[0]).visitor == 0 {
            acts.into_iter().for_each(|at| self.push(at, at, NONE, 0));
            return;
        }
        if acts.is_empty() {
            return;
        }
        let stays: Vec<u32> = events.iter().copied().filter(is_engagement).collect();
        acts.sort_unstable_by_key(|at| {
            let event = self.event(*at);
            (event.ts, event.batch, event.position, event.spool)
        });
        self.visitors += 1;
        let first = self.visits.len();
        let near = |a: &u32, b: &u32| self.event(*b).ts - self.event(*a).ts <= GAP;
        let runs: Vec<Vec<u32>> = acts.chunk_by(near).map(<[u32]>::to_vec).collect();
        runs.iter().for_each(|run| self.visit(run));
        stays.into_iter().for_each(|at| self.stay(first, at));
    }

    fn push(&mut self, event: u32, first: u32, visit: u32, visitor: u32) {
        let found = self.event(event);
        let (pageview, by_key) = (found.texts[NAME] == PAGEVIEW, found.by_key);
        self.rows.push(Row {
            event,
            first,
            visit,
            visitor,
            pageview,
            by_key,
            engaged_ms: 0,
            scroll: 0,
        });
    }

    fn visit(&mut self, run: &[u32]) {
        let (number, start) = (n32(self.visits.len()), n32(self.rows.len()));
        let (first, last) = (run[0], run[run.len() - 1]);
        let duration = self.event(last).ts - self.event(first).ts;
        let mut visit = Visit { start, entry: NONE, exit: NONE, duration, views: 0, bounce: true };
        let mut counting = 0;
        for at in run {
            let row = n32(self.rows.len());
            self.push(*at, first, number, self.visitors);
            counting += u32::from(self.event(*at).interactive);
            if self.event(*at).texts[NAME] == PAGEVIEW {
                visit.entry = visit.entry.min(row);
                visit.exit = row;
                visit.views += 1;
            }
        }
        visit.bounce = counting <= 1;
        self.visits.push(visit);
    }

    /// Adds the time of an engagement to its page in its visit; the visitor's visits begin at
    /// number `first` and end with the last.
    fn stay(&mut self, first: usize, at: u32) {
        let stay = self.event(at).clone();
        let begun = |visit: &Visit| self.event(self.rows[visit.start as usize].event).ts <= stay.ts;
        let mut number = self.visits.len() - 1;
        while number > first && !begun(&self.visits[number]) {
            number -= 1;
        }
        let start = self.visits[number].start as usize;
        let end = self.visits.get(number + 1).map_or(self.rows.len(), |next| next.start as usize);
        let page = stay.texts[PATH];
        let of_page =
            (start..end).filter(|row| self.event(self.rows[*row].event).texts[PATH] == page);
        // Those sent by a key come behind all others.
        if let Some(row) = of_page.min_by_key(|row| (self.rows[*row].by_key, *row)) {
            let row = &mut self.rows[row];
            row.engaged_ms += stay.engaged_ms;
            if stay.scroll != SCROLL_NONE {
                row.scroll = row.scroll.max(stay.scroll);
            }
        }
    }

    /// Rows from day number `from` to `to`, both included, of the days there are.
    pub(crate) fn between(&self, from: i32, to: i32) -> Range<usize> {
        let last = i32::try_from(DAYS).expect("a few days") - 1;
        if to < 0 || from > last || from > to {
            return 0..0;
        }
        let day = |number: i32| usize::try_from(number.clamp(0, last)).expect("a day of ours");
        self.days[day(from)].start..self.days[day(to)].end
    }

    /// The value of every row, numbered.
    pub(crate) fn column(&self, dimension: Dimension) -> Arc<Vec<u16>> {
        if let Some(known) = self.columns.lock().expect("no panic").get(&dimension) {
            return Arc::clone(known);
        }
        let made = Arc::new(self.values(dimension));
        self.columns.lock().expect("no panic").insert(dimension, Arc::clone(&made));
        made
    }

    fn values(&self, dimension: Dimension) -> Vec<u16> {
        match dimension {
            Dimension::Day | Dimension::Week | Dimension::Month => {
                let mut values = Vec::with_capacity(self.rows.len());
                for (day, range) in self.days.iter().enumerate() {
                    values.extend(range.clone().map(|_| part_of(dimension, day)));
                }
                values
            }
            Dimension::Hour => self.rows.iter().map(|row| hour(self.event(row.event))).collect(),
            Dimension::Text(column) => {
                let words: &[u16] = &COLUMNS[column].label_of;
                let of_event = column < OF_VISITS;
                let from = |row: &Row| if of_event { row.event } else { row.first };
                let value = |row| words[usize::from(self.event(from(row)).texts[column])];
                self.rows.iter().map(value).collect()
            }
            Dimension::Prop(prop) => {
                let words: &[u16] = &PROP_VALUES[prop].label_of;
                let value = |row: &Row| words[usize::from(self.event(row.event).props[prop])];
                self.rows.iter().map(value).collect()
            }
            Dimension::Entry | Dimension::Exit => {
                self.rows.iter().map(|row| self.page(row, dimension == Dimension::Entry)).collect()
            }
        }
    }

    /// Label of the entry or the exit page of a row's visit.
    fn page(&self, row: &Row, entry: bool) -> u16 {
        let words = &COLUMNS[PATH];
        let visit = self.visits.get(row.visit as usize);
        let at = visit.map_or(NONE, |visit| if entry { visit.entry } else { visit.exit });
        match self.rows.get(at as usize) {
            Some(row) => words.label_of[usize::from(self.event(row.event).texts[PATH])],
            None => words.empty().expect("a label for no page"),
        }
    }

    /// The second of row number `row`, since 1970 UTC.
    pub(crate) fn second(&self, row: usize) -> u32 {
        self.event(self.rows[row].event).ts
    }

    /// The hour in which a visit starts, numbered as [`Dimension::Hour`] is.
    pub(crate) fn start_hour(&self, visit: &Visit) -> u16 {
        hour(self.event(self.rows[visit.start as usize].event))
    }

    /// Rows, visitors and visits that came to day number `day` as its whole (0) or an addition.
    pub(crate) fn layer(&self, day: usize, layer: usize) -> [u64; 3] {
        self.layers[day].get(layer).copied().unwrap_or_default()
    }

    /// How many events, engagement left out, came as additions from day `from` to `to`.
    pub(crate) fn added(&self, (from, to): (i32, i32)) -> u64 {
        let days = (0..).zip(&self.layers).filter(|(day, _)| (from..=to).contains(day));
        days.flat_map(|(_, layers)| layers.iter().skip(1)).map(|sizes| sizes[0]).sum()
    }
}

fn hour(event: &Event) -> u16 {
    u16::from(event.day) * 32 + u16::from(event.hour)
}

/// The day that stands for the part of the range: of a week the first of our days in it.
fn part_of(dimension: Dimension, day: usize) -> u16 {
    let number = |day: usize| i32::try_from(day).expect("a few days");
    let start = |day: usize| match dimension {
        Dimension::Week => monday(number(day)),
        Dimension::Month => first_of_month(number(day)),
        _ => crate::support::years::calendar::date(number(day)),
    };
    let first = (0..=day).find(|other| start(*other) == start(day)).expect("the day itself");
    u16::try_from(first).expect("a few days")
}

const _: () = assert!(TEXTS == 21, "the columns of open_events");
