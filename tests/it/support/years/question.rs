//! Questions: what is asked of one site, made up at random.

use serde_json::{Value, json};

use crate::support::random::Random;
use crate::support::years::calendar::{DAYS, date, number};
use crate::support::years::filter::{Leaf, Operator, Tree};
use crate::support::years::n32;
use crate::support::years::table::Dimension;
use crate::support::years::words::{NAME, PATH, PROPS, TEXTS};

/// All metrics.
pub(crate) const METRICS: [&str; 9] = [
    "visitors",
    "visits",
    "pageviews",
    "events",
    "views_per_visit",
    "bounce_rate",
    "visit_duration",
    "time_on_page",
    "scroll_depth",
];
/// Ratios over visits, which a name of events has none of.
const RATIOS: [&str; 3] = ["views_per_visit", "bounce_rate", "visit_duration"];
/// Numbers that a page has.
const OF_PAGES: [&str; 2] = ["time_on_page", "scroll_depth"];

/// What rows are ordered by: number of a metric, or of a dimension, in the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Metric(usize),
    Dimension(usize),
}

/// One question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) site: usize,
    pub(crate) metrics: Vec<&'static str>,
    pub(crate) dimensions: Vec<Dimension>,
    pub(crate) filters: Vec<Tree>,
    /// First and last day, by number.
    pub(crate) days: (i32, i32),
    /// What the days are called in the question, if not by their dates.
    pub(crate) range: Option<&'static str>,
    /// What is said about the order, and whether it is downwards.
    pub(crate) order: Vec<(By, bool)>,
    pub(crate) page: Option<(usize, usize)>,
}

impl Question {
    /// About a whole site: all its days, no filters.
    pub(crate) fn plain(site: usize, dimensions: &[Dimension]) -> Self {
        let by_name = dimensions.contains(&Dimension::Text(NAME));
        let by_page = dimensions.contains(&Dimension::Text(PATH));
        let metrics = METRICS.into_iter().filter(|metric| {
            (!by_name || !RATIOS.contains(metric)) && (by_page || !OF_PAGES.contains(metric))
        });
        Self {
            site,
            metrics: metrics.collect(),
            dimensions: dimensions.to_vec(),
            filters: Vec::new(),
            days: (0, i32::try_from(DAYS).expect("a few days") - 1),
            range: None,
            order: Vec::new(),
            page: None,
        }
    }

    /// About few visitors: one day, all rows.
    pub(crate) fn narrow(random: &mut Random, site: usize) -> Self {
        let mut asked = Self::random(random, site).unpaged();
        let day = i32::try_from(random.below(DAYS as u64)).expect("a few days");
        asked.days = (day, day);
        if asked.filters.is_empty() {
            asked.filters.push(Tree::Leaf(leaf(random)));
        }
        asked
    }

    /// Anything at all about `site`.
    pub(crate) fn random(random: &mut Random, site: usize) -> Self {
        let dimensions = dimensions(random);
        let filters: Vec<Tree> =
            (0..*random.pick(&[0, 0, 1, 1, 1, 2])).map(|_| tree(random, 2)).collect();
        let mut asked = Self::plain(site, &dimensions);
        let of_page = |leaf: &&Leaf| leaf.dimension == Dimension::Text(PATH);
        if filters.iter().any(|tree| tree.leaves().iter().any(of_page)) {
            asked
                .metrics
                .extend(OF_PAGES.iter().filter(|_| !dimensions.contains(&Dimension::Text(PATH))));
        }
        if random.below(3) == 0 {
            let keep = 1 + random.below(asked.metrics.len() as u64);
            while asked.metrics.len() as u64 > keep {
                let at = below(random, asked.metrics.len());
                asked.metrics.remove(at);
            }
        }
        let many = asked.metrics.len() as u64;
        asked.metrics.rotate_left(usize::try_from(random.below(many)).expect("a few metrics"));
        asked.filters = filters;
        asked.days = days(random);
        asked.order = order(random, &asked);
        if random.below(3) == 0 {
            asked.page = Some((1 + below(random, 12), below(random, 8)));
        }
        asked
    }

    /// The body of the request, without the site.
    pub(crate) fn json(&self) -> Value {
        let names: Vec<String> = self.dimensions.iter().map(|one| one.name()).collect();
        let days = || json!([date(self.days.0).to_string(), date(self.days.1).to_string()]);
        let mut body = json!({
            "metrics": self.metrics,
            "date_range": self.range.map_or_else(days, Value::from),
            "dimensions": names,
            "include": {"total_rows": true},
        });
        if self.time().is_some() {
            body["include"]["time_labels"] = Value::from(true);
        }
        if !self.filters.is_empty() {
            body["filters"] = Value::Array(self.filters.iter().map(Tree::json).collect());
        }
        if !self.order.is_empty() {
            let order = self.order.iter().map(|(by, down)| {
                let name = match by {
                    By::Metric(at) => self.metrics[*at].to_owned(),
                    By::Dimension(at) => names[*at].clone(),
                };
                json!([name, if *down { "desc" } else { "asc" }])
            });
            body["order_by"] = Value::Array(order.collect());
        }
        if let Some((limit, offset)) = self.page {
            body["pagination"] = json!({"limit": limit, "offset": offset});
        }
        body
    }

    /// The order that answers have: what was said, or times and then the first metric downwards;
    /// then every dimension.
    pub(crate) fn full_order(&self) -> Vec<(By, bool)> {
        let mut order = self.order.clone();
        let places = || self.dimensions.iter().enumerate();
        if order.is_empty() {
            let times = places().filter(|(_, one)| one.is_time());
            order.extend(times.map(|(at, _)| (By::Dimension(at), false)));
            order.push((By::Metric(0), true));
        }
        order.extend(places().map(|(at, _)| (By::Dimension(at), false)));
        order
    }

    /// The same about all rows.
    pub(crate) fn unpaged(&self) -> Self {
        Self { page: None, ..self.clone() }
    }

    /// The time among its dimensions.
    pub(crate) fn time(&self) -> Option<Dimension> {
        self.dimensions.iter().copied().find(|one| one.is_time())
    }
}

fn below(random: &mut Random, n: usize) -> usize {
    usize::try_from(random.below(n as u64)).expect("a place in a list")
}

/// Every dimension but the times.
pub(crate) fn untimed() -> Vec<Dimension> {
    let mut all: Vec<Dimension> = (0..TEXTS).map(Dimension::Text).collect();
    all.extend((0..PROPS.len()).map(Dimension::Prop));
    all.extend([Dimension::Entry, Dimension::Exit]);
    all
}

fn dimensions(random: &mut Random) -> Vec<Dimension> {
    let times = [Dimension::Day, Dimension::Week, Dimension::Month, Dimension::Hour];
    let mut found = Vec::new();
    for _ in 0..*random.pick(&[0, 1, 1, 1, 1, 2, 2, 3]) {
        let one =
            if random.below(4) == 0 { *random.pick(&times) } else { *random.pick(&untimed()) };
        let second_time = one.is_time() && found.iter().any(|known: &Dimension| known.is_time());
        if !found.contains(&one) && !second_time {
            found.push(one);
        }
    }
    found
}

fn days(random: &mut Random) -> (i32, i32) {
    let last = i32::try_from(DAYS).expect("a few days") - 1;
    let day = |random: &mut Random| i32::try_from(random.below(14)).expect("a few days") - 1;
    let month = |from: &str, to: &str| {
        let day = |text: &str| number(text.parse().expect("a date"));
        (day(from), day(to))
    };
    match random.below(12) {
        0 => month("2093-03-01", "2093-03-31"),
        1 => month("2093-04-01", "2093-04-30"),
        2 => month("2093-01-01", "2093-12-31"),
        3..=5 => (0, last),
        6 | 7 => {
            let one = day(random);
            (one, one)
        }
        _ => {
            let (one, other) = (day(random), day(random));
            (one.min(other), one.max(other))
        }
    }
}

fn order(random: &mut Random, asked: &Question) -> Vec<(By, bool)> {
    let mut order: Vec<(By, bool)> = Vec::new();
    for _ in 0..*random.pick(&[0, 0, 1, 2]) {
        let at = below(random, asked.metrics.len() + asked.dimensions.len());
        let by = match at.checked_sub(asked.metrics.len()) {
            None => By::Metric(at),
            Some(at) => By::Dimension(at),
        };
        if order.iter().all(|(known, _)| *known != by) {
            order.push((by, random.below(2) == 0));
        }
    }
    order
}

/// A tree that is at most so much deeper.
fn tree(random: &mut Random, depth: u32) -> Tree {
    if depth == 0 || random.below(3) > 0 {
        return Tree::Leaf(leaf(random));
    }
    let many =
        |random: &mut Random| -> Vec<Tree> { (0..2).map(|_| tree(random, depth - 1)).collect() };
    match random.below(5) {
        0 => Tree::And(many(random)),
        1..=3 => Tree::Or(many(random)),
        _ => Tree::Not(Box::new(tree(random, depth - 1))),
    }
}

fn leaf(random: &mut Random) -> Leaf {
    let dimension = match random.below(8) {
        0 | 1 => Dimension::Text(PATH),
        2 => Dimension::Prop(below(random, PROPS.len())),
        _ => *random.pick(&untimed()),
    };
    let operator =
        *random.pick(&[Operator::Is, Operator::Is, Operator::Contains, Operator::Matches]);
    let mut values = Vec::new();
    for _ in 0..*random.pick(&[1, 1, 2, 3]) {
        let value = value(random, dimension, operator);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let case_sensitive = (random.below(4) == 0).then(|| random.below(3) == 0);
    Leaf { operator, not: random.below(3) == 0, dimension, values, case_sensitive }
}

/// Something that a label of the dimension may be compared with.
fn value(random: &mut Random, dimension: Dimension, operator: Operator) -> String {
    let labels = dimension.labels();
    let at = below(random, labels.len()).min(below(random, labels.len()));
    let label = labels.get(at).expect("a label");
    match operator {
        Operator::Is if random.below(12) == 0 => String::new(),
        Operator::Is if random.below(12) == 0 => "no such thing".to_owned(),
        Operator::Is if random.below(6) == 0 => label.to_uppercase(),
        Operator::Is => label.clone(),
        Operator::Contains => {
            let letters: Vec<char> = label.chars().collect();
            let from = below(random, letters.len());
            let to = (from + 1 + below(random, 5)).min(letters.len());
            letters.get(from..to).expect("a piece of a label").iter().collect()
        }
        Operator::Matches => pattern(random, label),
    }
}

fn pattern(random: &mut Random, label: &str) -> String {
    let quoted = regex::escape(label);
    match n32(below(random, 7)) {
        0 => format!("^{quoted}$"),
        1 => "^/docs/.*".to_owned(),
        2 => "[0-9]{2}".to_owned(),
        3 => "^(?:[A-Z]|/b)".to_owned(),
        4 => format!("{quoted}|set"),
        5 => "[0-4]$".to_owned(),
        _ => ".".to_owned(),
    }
}
