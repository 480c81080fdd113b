//! Filters: trees of conditions, looked up for every row.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Value, json};

use crate::support::years::table::{Dimension, Table};
use crate::support::years::words::PATH;

/// How a condition compares labels with its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Is,
    Contains,
    Matches,
}

/// One condition.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) operator: Operator,
    /// It holds when the comparison does not.
    pub(crate) not: bool,
    pub(crate) dimension: Dimension,
    pub(crate) values: Vec<String>,
    /// Whether capitals differ from small letters, when it is said.
    pub(crate) case_sensitive: Option<bool>,
}

/// Conditions put together.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
    Leaf(Leaf),
}

impl Leaf {
    /// As a query says it.
    fn json(&self) -> Value {
        let name = match (self.operator, self.not) {
            (Operator::Is, false) => "is",
            (Operator::Is, true) => "is_not",
            (Operator::Contains, false) => "contains",
            (Operator::Contains, true) => "contains_not",
            (Operator::Matches, false) => "matches",
            (Operator::Matches, true) => "matches_not",
        };
        let mut all = vec![json!(name), json!(self.dimension.name()), json!(self.values)];
        all.extend(self.case_sensitive.map(|case| json!({"case_sensitive": case})));
        Value::Array(all)
    }

    /// Whether it holds for each label of its dimension.
    fn table(&self) -> Vec<bool> {
        let labels = self.dimension.labels();
        let same_case = self.case_sensitive == Some(false);
        let fold = |text: &str| if same_case { text.to_lowercase() } else { text.to_owned() };
        let values: Vec<String> = self.values.iter().map(|value| fold(value)).collect();
        let patterns: Vec<Regex> = match self.operator {
            Operator::Matches => {
                let prefix = if same_case { "(?i)" } else { "" };
                let pattern = |value: &String| Regex::new(&format!("{prefix}{value}"));
                self.values.iter().map(|value| pattern(value).expect("a pattern")).collect()
            }
            _ => Vec::new(),
        };
        let holds = |label: &String| match self.operator {
            Operator::Is => values.iter().any(|value| {
                *value == fold(label) || value.is_empty() && *label == empty_label(self.dimension)
            }),
            Operator::Contains => values.iter().any(|value| fold(label).contains(value.as_str())),
            Operator::Matches => patterns.iter().any(|pattern| pattern.is_match(label)),
        };
        labels.iter().map(|label| holds(label) != self.not).collect()
    }
}

/// What the empty text of a dimension is shown as.
pub(crate) fn empty_label(dimension: Dimension) -> &'static str {
    if dimension.name() == "visit:source" { "Direct / None" } else { "(not set)" }
}

impl Tree {
    /// As a query says it.
    pub(crate) fn json(&self) -> Value {
        let list = |trees: &[Self]| Value::Array(trees.iter().map(Self::json).collect());
        match self {
            Self::And(trees) => json!(["and", list(trees)]),
            Self::Or(trees) => json!(["or", list(trees)]),
            Self::Not(tree) => json!(["not", tree.json()]),
            Self::Leaf(leaf) => leaf.json(),
        }
    }

    /// All its conditions.
    pub(crate) fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::And(trees) | Self::Or(trees) => trees.iter().flat_map(Self::leaves).collect(),
            Self::Not(tree) => tree.leaves(),
            Self::Leaf(leaf) => vec![leaf],
        }
    }

    /// Looked up in a table.
    pub(crate) fn on(&self, table: &Table) -> Test {
        let all = |trees: &[Self]| trees.iter().map(|tree| tree.on(table)).collect();
        match self {
            Self::And(trees) => Test::All(all(trees)),
            Self::Or(trees) => Test::Any(all(trees)),
            Self::Not(tree) => Test::None(Box::new(tree.on(table))),
            Self::Leaf(leaf) => {
                let of_page = leaf.dimension == Dimension::Text(PATH);
                Test::Value {
                    column: table.column(leaf.dimension),
                    entry: of_page.then(|| table.column(Dimension::Entry)),
                    holds: leaf.table(),
                }
            }
        }
    }
}

/// A tree, ready to be asked about rows.
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    None(Box<Test>),
    Value {
        column: Arc<Vec<u16>>,
        /// Of a condition on the page: the entry page of the row's visit.
        entry: Option<Arc<Vec<u16>>>,
        holds: Vec<bool>,
    },
}

impl Test {
    /// Whether row number `row` passes.
    pub(crate) fn passes(&self, row: usize) -> bool {
        match self {
            Self::All(tests) => {
                for test in tests {
                    if !test.passes(row) {
                        return false;
                    }
                }
                true
            }
            Self::Any(tests) => {
                for test in tests {
                    if test.passes(row) {
                        return true;
                    }
                }
                false
            }
            Self::None(test) => !test.passes(row),
            Self::Value { column, holds, .. } => holds[usize::from(column[row])],
        }
    }

    /// Whether it would pass if its page were the entry page of its visit.
    pub(crate) fn entry_passes(&self, row: usize) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.entry_passes(row)),
            Self::Any(tests) => tests.iter().any(|test| test.entry_passes(row)),
            Self::None(test) => !test.entry_passes(row),
            Self::Value { entry: Some(entry), holds, .. } => holds[usize::from(entry[row])],
            Self::Value { column, holds, .. } => holds[usize::from(column[row])],
        }
    }
}
