//! What is asked, at random, and what its filters mean.

use regex::Regex;
use serde_json::{Value, json};

use crate::prober::crowd::HOUR;
use crate::prober::crowd::{DAYS, DIMENSIONS, LISTED, MINUTE, NAME, PAGE};
use crate::prober::truth::Truth;
use crate::support::random::Random;

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// From a day of the crowd to another; days before and after it are empty.
    Days(i32, i32),
    Realtime,
}

/// How a filter without a negation compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compares {
    Is,
    Contains,
    Matches,
}

/// One filter.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) dimension: usize,
    pub(crate) compares: Compares,
    pub(crate) negative: bool,
    pub(crate) values: Vec<String>,
    pub(crate) sensitive: bool,
}

/// Filters as they are sent.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Leaf(Leaf),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
}

/// Filters, named by their place, with negation pushed into them.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Leaf(usize),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// One question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Places in `DIMENSIONS`.
    pub(crate) list: Vec<usize>,
    /// `time:day`, `time:week` or `time:month`.
    pub(crate) period: Option<&'static str>,
    pub(crate) range: Range,
    pub(crate) trees: Vec<Tree>,
    pub(crate) compared: Option<Range>,
    metrics: Vec<&'static str>,
    order: Option<(&'static str, &'static str)>,
    period_first: bool,
    /// Rows of each page; all rows at once when there are none.
    pub(crate) page: Option<u64>,
    pub(crate) labels: bool,
}

impl Leaf {
    fn random(random: &mut Random, truth: &Truth) -> Self {
        let dimension = usize::try_from(random.below(LISTED as u64)).expect("few dimensions");
        let compares = *random.pick(&[
            Compares::Is,
            Compares::Is,
            Compares::Is,
            Compares::Contains,
            Compares::Matches,
        ]);
        let sensitive = random.below(5) > 0;
        let values = (0..1 + random.below(6) / 4).map(|_| {
            let label = pick_label(random, truth, dimension);
            match compares {
                Compares::Is if sensitive => label,
                Compares::Is => label.to_uppercase(),
                Compares::Contains => piece(random, &label),
                Compares::Matches => pattern(random, &label),
            }
        });
        let values = values.collect();
        Self { dimension, compares, negative: random.below(3) == 0, values, sensitive }
    }

    /// What tells of a label whether one of the values alone holds for it.
    pub(crate) fn test(&self, value: &str) -> Box<dyn Fn(&str) -> bool> {
        let sensitive = self.sensitive;
        let fold = move |text: &str| if sensitive { text.to_owned() } else { text.to_lowercase() };
        let folded = fold(value);
        match self.compares {
            Compares::Is => Box::new(move |label| fold(label) == folded),
            Compares::Contains => Box::new(move |label| fold(label).contains(&folded)),
            Compares::Matches => {
                let flags = if sensitive { "" } else { "(?i)" };
                let pattern = Regex::new(&format!("{flags}{value}")).expect("a pattern");
                Box::new(move |label| pattern.is_match(label))
            }
        }
    }

    fn json(&self) -> Value {
        let operator = match (self.compares, self.negative) {
            (Compares::Is, false) => "is",
            (Compares::Is, true) => "is_not",
            (Compares::Contains, false) => "contains",
            (Compares::Contains, true) => "contains_not",
            (Compares::Matches, false) => "matches",
            (Compares::Matches, true) => "matches_not",
        };
        let name = DIMENSIONS[self.dimension].name;
        if self.sensitive {
            json!([operator, name, self.values])
        } else {
            json!([operator, name, self.values, {"case_sensitive": false}])
        }
    }
}

/// A label: half of the time a frequent one, else any.
fn pick_label(random: &mut Random, truth: &Truth, dimension: usize) -> String {
    let mut labels = truth.labels(dimension);
    if random.below(2) == 0 {
        labels.sort_by_key(|label| std::cmp::Reverse(truth.heads(&truth.value(dimension, label))));
        labels.truncate(3);
    }
    (*random.pick(&labels)).to_owned()
}

fn piece(random: &mut Random, label: &str) -> String {
    let letters: Vec<char> = label.chars().collect();
    let from = usize::try_from(random.below(letters.len() as u64)).expect("short");
    let length = 1 + usize::try_from(random.below(5)).expect("short");
    letters.iter().skip(from).take(length).collect()
}

fn pattern(random: &mut Random, label: &str) -> String {
    let piece = regex::escape(&piece(random, label));
    match random.below(5) {
        0 => format!("^{}$", regex::escape(label)),
        1 => format!("^{piece}"),
        2 => format!("{piece}$"),
        3 => format!("{piece}|^[a-e]"),
        _ => piece,
    }
}

impl Tree {
    fn random(random: &mut Random, truth: &Truth, depth: u64) -> Self {
        match random.below(10) {
            0..=1 if depth > 0 => Self::Or(Self::several(random, truth, depth)),
            2 if depth > 0 => Self::And(Self::several(random, truth, depth)),
            3 if depth > 0 => Self::Not(Box::new(Self::random(random, truth, depth - 1))),
            _ => Self::Leaf(Leaf::random(random, truth)),
        }
    }

    fn several(random: &mut Random, truth: &Truth, depth: u64) -> Vec<Self> {
        (0..1 + random.below(3)).map(|_| Self::random(random, truth, depth - 1)).collect()
    }

    fn json(&self) -> Value {
        let all = |trees: &[Self]| trees.iter().map(Self::json).collect::<Vec<_>>();
        match self {
            Self::Leaf(leaf) => leaf.json(),
            Self::And(trees) => json!(["and", all(trees)]),
            Self::Or(trees) => json!(["or", all(trees)]),
            Self::Not(tree) => json!(["not", tree.json()]),
        }
    }

    fn condition(&self, negated: bool, leaves: &mut Vec<Leaf>) -> Condition {
        match self {
            Self::Leaf(leaf) => {
                leaves.push(Leaf { negative: leaf.negative != negated, ..leaf.clone() });
                Condition::Leaf(leaves.len() - 1)
            }
            Self::Not(tree) => tree.condition(!negated, leaves),
            Self::And(trees) => Condition::of(trees, !negated, negated, leaves),
            Self::Or(trees) => Condition::of(trees, negated, negated, leaves),
        }
    }
}

impl Condition {
    /// All (or any) of these, what is within one of the same kind in its place.
    fn of(trees: &[Tree], all: bool, negated: bool, leaves: &mut Vec<Leaf>) -> Self {
        let mut parts = Vec::new();
        for tree in trees {
            match tree.condition(negated, leaves) {
                Self::All(inner) if all => parts.extend(inner),
                Self::Any(inner) if !all => parts.extend(inner),
                other => parts.push(other),
            }
        }
        match (parts.len(), all) {
            (1, _) => parts.remove(0),
            (_, true) => Self::All(parts),
            (_, false) => Self::Any(parts),
        }
    }

    /// The alternatives, each of which is filters that must all hold.
    pub(crate) fn terms(&self) -> Vec<Vec<usize>> {
        match self {
            Self::Leaf(at) => vec![vec![*at]],
            Self::Any(parts) => parts.iter().flat_map(Self::terms).collect(),
            Self::All(parts) => parts.iter().fold(vec![Vec::new()], |found, part| {
                let more = part.terms();
                let with = |term: &Vec<usize>| {
                    more.iter().map(|tail| [term.as_slice(), tail].concat()).collect::<Vec<_>>()
                };
                found.iter().flat_map(with).collect()
            }),
        }
    }
}

impl Question {
    /// Something to ask.
    pub(crate) fn random(random: &mut Random, truth: &Truth) -> Self {
        let day = |number: u64| i32::try_from(number.min(3)).expect("four days");
        let (from, length) = (random.below(4), random.below(4));
        let range = match random.below(40) {
            0..=9 => Range::Days(0, 3),
            10..=25 => Range::Days(day(from), day(from)),
            26 => Range::Realtime,
            _ => Range::Days(day(from), day(from + length)),
        };
        let filters = [0, 1, 1, 1, 2, 2, 3][usize::try_from(random.below(7)).expect("seven")];
        let trees = (0..filters).map(|_| Tree::random(random, truth, 2)).collect();
        let question = Self {
            list: Vec::new(),
            period: None,
            range,
            trees,
            compared: None,
            metrics: Vec::new(),
            order: None,
            period_first: false,
            page: None,
            labels: false,
        };
        question.another(random)
    }

    /// Something else about the same events.
    pub(crate) fn another(&self, random: &mut Random) -> Self {
        let mut list: Vec<usize> = Vec::new();
        let mut period = None;
        let length = [0, 1, 1, 1, 1, 2, 2, 2, 3][usize::try_from(random.below(9)).expect("nine")];
        while list.len() < length {
            let dimension = usize::try_from(random.below(LISTED as u64)).expect("few dimensions");
            if !list.contains(&dimension) {
                list.push(dimension);
            }
        }
        match random.below(12) {
            0 | 1 => list.insert(0, HOUR),
            2 | 3 => period = Some("time:day"),
            4 => period = Some("time:week"),
            5 => period = Some("time:month"),
            _ => {}
        }
        let is_open = matches!(self.range, Range::Days(from, _) if from >= 2);
        if self.range == Range::Realtime {
            (list, period) = (Vec::new(), None);
        } else if is_open && self.trees.is_empty() && random.below(4) == 0 {
            (list, period) = (vec![MINUTE], None);
        }
        let mut question = Self {
            list,
            period,
            compared: None,
            metrics: vec!["visitors"],
            order: None,
            period_first: random.below(2) == 0,
            page: None,
            labels: random.below(10) == 0,
            ..self.clone()
        };
        question.details(random);
        question
    }

    fn details(&mut self, random: &mut Random) {
        let of_page = self.list.contains(&PAGE) || {
            let (_, leaves) = self.filters();
            leaves.iter().any(|leaf| leaf.dimension == PAGE)
        };
        let is_small = self.range == Range::Realtime || self.list.contains(&MINUTE);
        self.metrics.extend(match random.below(6) {
            0 | 1 => &["pageviews", "events"][..],
            2 if !is_small => &["visits"],
            3 if !is_small && !self.list.contains(&NAME) => {
                &["visits", "bounce_rate", "visit_duration", "views_per_visit"]
            }
            4 if !is_small && of_page => &["events", "time_on_page", "scroll_depth"],
            _ => &[],
        });
        if random.below(3) == 0 {
            let mut by = self.metrics.clone();
            by.extend(self.list.iter().map(|one| DIMENSIONS[*one].name));
            by.extend(self.period);
            self.order = Some((*random.pick(&by), *random.pick(&["asc", "desc"])));
        }
        if let Range::Days(from, to) = self.range
            && random.below(6) == 0
        {
            let length = to - from + 1;
            self.compared = Some(if random.below(2) == 0 {
                Range::Days(from - length, from - 1)
            } else {
                *random.pick(&[Range::Days(0, 3), Range::Days(1, 2), Range::Days(0, 0)])
            });
            if self.list.contains(&MINUTE) {
                self.compared = None;
            }
        } else if random.below(8) == 0 {
            self.page = Some(1 + random.below(3) / 2 * 2);
        }
    }

    /// What the filters mean.
    pub(crate) fn filters(&self) -> (Condition, Vec<Leaf>) {
        let mut leaves = Vec::new();
        let condition = match Condition::of(&self.trees, true, false, &mut leaves) {
            Condition::All(parts) => Condition::All(parts),
            one => Condition::All(vec![one]),
        };
        (condition, leaves)
    }

    /// The names of the dimensions, in the order in which they are asked for.
    pub(crate) fn dimensions(&self) -> Vec<&'static str> {
        let list = self.list.iter().map(|one| DIMENSIONS[*one].name);
        let (before, after) =
            if self.period_first { (self.period, None) } else { (None, self.period) };
        before.into_iter().chain(list).chain(after).collect()
    }

    /// The place of "events" among the metrics.
    pub(crate) fn events_at(&self) -> Option<usize> {
        self.metrics.iter().position(|one| *one == "events")
    }

    /// The body of the request for the page behind `offset` rows.
    pub(crate) fn json(&self, offset: u64) -> Value {
        let mut body = json!({
            "metrics": self.metrics,
            "date_range": "realtime",
            "dimensions": self.dimensions(),
            "filters": self.trees.iter().map(Tree::json).collect::<Vec<_>>(),
            "include": {"total_rows": true, "time_labels": self.labels},
        });
        if let Range::Days(from, to) = self.range {
            body["date_range"] = days_json(from, to);
            if let Some(Range::Days(other_from, other_to)) = self.compared {
                body["include"]["comparisons"] =
                    if other_to == from - 1 && other_to - other_from == to - from {
                        json!({"mode": "previous_period"})
                    } else {
                        json!({"mode": "custom", "date_range": days_json(other_from, other_to)})
                    };
            }
        }
        if let Some((by, direction)) = self.order {
            body["order_by"] = json!([[by, direction]]);
        }
        if let Some(limit) = self.page {
            body["pagination"] = json!({"limit": limit, "offset": offset});
        }
        body
    }
}

fn days_json(from: i32, to: i32) -> Value {
    let day = |at: i32| DAYS[usize::try_from(at).expect("a day of the crowd")];
    json!([day(from), day(to)])
}
