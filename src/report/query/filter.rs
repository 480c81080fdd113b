//! Filters: one operator, one dimension, any of the values.

use crate::report::query::dimension::Dimension;

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// The value is one of those given.
    Is,
    /// The value is none of those given.
    IsNot,
}

/// One condition; several in a query must all hold, those on events on the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// How it compares.
    pub(crate) operator: Operator,
    /// What it compares; never a time.
    pub(crate) dimension: Dimension,
    /// The labels it compares with, at least one.
    pub(crate) values: Vec<String>,
}

const TABLE: [(Operator, &str); 2] = [(Operator::Is, "is"), (Operator::IsNot, "is_not")];

impl Operator {
    /// The operator called `name`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        TABLE.iter().find(|(_, text)| *text == name).map(|(operator, _)| *operator)
    }

    /// All names, for an error that says what is allowed.
    pub(crate) fn allowed() -> String {
        TABLE.map(|(_, name)| name).join(", ")
    }

    /// The name in queries.
    pub(crate) fn name(self) -> &'static str {
        TABLE.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }
}
