//! One filter: an operator, a dimension, and the values of which any may hold.

use serde_json::Value;
use serde_json::json;

use crate::report::query::dimension::Dimension;
use crate::report::query::error::QueryError;
use crate::report::query::json::list;
use crate::report::query::json::object;
use crate::report::query::pattern;
use crate::report::query::props::Props;

/// Values of one filter.
const MAX_VALUES: usize = 100;
/// Bytes of one value of a filter; paths are shorter.
pub(super) const MAX_VALUE_BYTES: usize = 2_000;
/// Dimensions of all filters; each part of them is weighed by itself.
const MAX_FILTERED_DIMENSIONS: usize = 6;
/// Bytes of all values of all filters; bound values travel in a URL.
const MAX_FILTER_BYTES: usize = 32 * 1024;
/// Patterns of all filters; each one is tried on many values.
const MAX_PATTERNS: usize = 32;

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// The value is one of those given.
    Is,
    /// The value is none of those given.
    IsNot,
    /// The value holds one of the texts given.
    Contains,
    /// The value holds none of the texts given.
    ContainsNot,
    /// A piece of the value is as one of the patterns given.
    Matches,
    /// No piece of the value is as any of the patterns given.
    MatchesNot,
}

/// One condition on one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// How it compares.
    pub(crate) operator: Operator,
    /// What it compares; never a time.
    pub(crate) dimension: Dimension,
    /// The labels, texts or RE2 patterns it compares with, at least one.
    pub(crate) values: Vec<String>,
    /// Whether large and small letters are told apart.
    pub(crate) case_sensitive: bool,
}

/// Each operator beside its opposite.
const TABLE: [(Operator, &str, Operator); 6] = [
    (Operator::Is, "is", Operator::IsNot),
    (Operator::IsNot, "is_not", Operator::Is),
    (Operator::Contains, "contains", Operator::ContainsNot),
    (Operator::ContainsNot, "contains_not", Operator::Contains),
    (Operator::Matches, "matches", Operator::MatchesNot),
    (Operator::MatchesNot, "matches_not", Operator::Matches),
];

impl Operator {
    /// The operator called `name`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        TABLE.iter().find(|(_, text, _)| *text == name).map(|(operator, _, _)| *operator)
    }

    /// All names, for an error that says what is allowed.
    pub(crate) fn allowed() -> String {
        TABLE.map(|(_, name, _)| name).join(", ")
    }

    /// The name in queries.
    pub(crate) fn name(self) -> &'static str {
        TABLE.iter().find(|(operator, _, _)| *operator == self).map_or("", |(_, name, _)| name)
    }

    /// Whether it holds where none of the values does.
    pub(crate) fn is_negative(self) -> bool {
        matches!(self, Self::IsNot | Self::ContainsNot | Self::MatchesNot)
    }

    /// The operator that holds where any of the values does.
    pub(crate) fn positive(self) -> Self {
        if self.is_negative() { self.opposite() } else { self }
    }

    /// The operator that holds where this one does not.
    pub(super) fn opposite(self) -> Self {
        let found = TABLE.iter().find(|(operator, _, _)| *operator == self);
        found.map_or(self, |(_, _, opposite)| *opposite)
    }
}

impl Filter {
    /// The filter as it is written in a query; `name` is that of its dimension.
    pub(super) fn echo(&self, name: &str) -> Value {
        if self.case_sensitive {
            json!([self.operator.name(), name, self.values])
        } else {
            json!([self.operator.name(), name, self.values, { "case_sensitive": false }])
        }
    }
}

/// Reads `[operator, dimension, [values]]`, or the same with an object of options behind it.
///
/// # Errors
/// When it is not as it should be.
pub(super) fn filter(field: &str, sent: &Value, props: &mut Props) -> Result<Filter, QueryError> {
    let (operator, dimension, values, case_sensitive) = match sent.as_array().map(Vec::as_slice) {
        Some([operator, dimension, values]) => (operator, dimension, values, true),
        Some([operator, dimension, values, options]) => {
            (operator, dimension, values, is_case_sensitive(field, options)?)
        }
        _ => {
            let shape = "[operator, dimension, [values]], or the same with \
                         {\"case_sensitive\": false} behind it; [\"and\", [filters]], \
                         [\"or\", [filters]] or [\"not\", filter]";
            return Err(QueryError::new(field, sent, shape));
        }
    };
    let operator = operator
        .as_str()
        .and_then(Operator::find)
        .ok_or_else(|| QueryError::new(field, operator, &Operator::allowed()))?;
    let filterable = Dimension::filterable();
    let found = props.dimension(field, dimension, &filterable)?;
    if found.is_time() {
        return Err(QueryError::new(field, dimension, &filterable));
    }
    let allowed =
        format!("a list of 1 to {MAX_VALUES} texts of at most {MAX_VALUE_BYTES} bytes each");
    let items = list(field, values, &allowed)?;
    if items.is_empty() || items.len() > MAX_VALUES {
        return Err(QueryError::new(field, values, &allowed));
    }
    let values = items.iter().map(|item| match item.as_str() {
        Some(text) if text.len() <= MAX_VALUE_BYTES => value(field, operator, found, text),
        _ => Err(QueryError::new(field, item, &allowed)),
    });
    let values = values.collect::<Result<_, _>>()?;
    Ok(Filter { operator, dimension: found, values, case_sensitive })
}

/// Refuses filters that are too much together.
///
/// # Errors
/// When they have too many dimensions, patterns or bytes.
pub(super) fn check_sizes(filters: &[Filter]) -> Result<(), QueryError> {
    let mut dimensions: Vec<Dimension> = Vec::new();
    for one in filters {
        if !dimensions.contains(&one.dimension) {
            dimensions.push(one.dimension);
        }
    }
    if dimensions.len() > MAX_FILTERED_DIMENSIONS {
        let sent = format!("filters on {} dimensions", dimensions.len());
        let allowed = format!("filters on at most {MAX_FILTERED_DIMENSIONS} dimensions at once");
        return Err(QueryError::of_text("filters", &sent, &allowed));
    }
    let bytes: usize = filters.iter().flat_map(|one| &one.values).map(String::len).sum();
    if bytes > MAX_FILTER_BYTES {
        let sent = format!("values of {bytes} bytes together");
        let allowed = format!("values of at most {MAX_FILTER_BYTES} bytes together");
        return Err(QueryError::of_text("filters", &sent, &allowed));
    }
    let patterns = filters.iter().filter(|one| one.operator.positive() == Operator::Matches);
    let patterns: usize = patterns.map(|one| one.values.len()).sum();
    if patterns > MAX_PATTERNS {
        let sent = format!("{patterns} patterns");
        let allowed = format!("at most {MAX_PATTERNS} patterns in all filters together");
        return Err(QueryError::of_text("filters", &sent, &allowed));
    }
    Ok(())
}

fn is_case_sensitive(field: &str, options: &Value) -> Result<bool, QueryError> {
    match object(field, options, &["case_sensitive"])?.get("case_sensitive") {
        None => Ok(true),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => {
            Err(QueryError::new(&format!("{field}.case_sensitive"), other, "true or false"))
        }
    }
}

/// One value, an empty one as the label that is shown for it.
fn value(
    field: &str,
    operator: Operator,
    dimension: Dimension,
    text: &str,
) -> Result<String, QueryError> {
    let refuse = |allowed: &str| Err(QueryError::of_text(field, &json!(text).to_string(), allowed));
    match operator.positive() {
        Operator::Is if text.is_empty() => Ok(dimension.label().to_owned()),
        Operator::Contains | Operator::Matches if text.is_empty() => refuse(
            "a text that is not empty: every value holds the empty text (for a value that is not \
             set, use \"is\" with \"\")",
        ),
        Operator::Matches => match pattern::check(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(fault) => refuse(&format!("{}; {fault}", pattern::ALLOWED)),
        },
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sent: &Value) -> Result<Filter, QueryError> {
        filter("filters[0]", sent, &mut Props::default())
    }

    #[test]
    fn every_operator_has_its_opposite() {
        for (operator, name, opposite) in TABLE {
            assert_eq!(Operator::find(name), Some(operator));
            assert_eq!(operator.name(), name);
            assert_eq!(opposite.opposite(), operator);
            assert_ne!(operator.is_negative(), opposite.is_negative());
            assert_eq!(operator.positive(), opposite.positive());
            assert!(!operator.positive().is_negative());
        }
    }

    #[test]
    fn letters_are_told_apart_unless_the_filter_says_otherwise() {
        let sent = json!(["contains", "visit:city", ["mün"], { "case_sensitive": false }]);
        let found = read(&sent).unwrap();
        assert!(!found.case_sensitive);
        assert_eq!(found.echo("visit:city"), sent);
        for same in [
            json!(["is", "event:page", ["/"]]),
            json!(["is", "event:page", ["/"], {}]),
            json!(["is", "event:page", ["/"], { "case_sensitive": true }]),
        ] {
            assert!(read(&same).unwrap().case_sensitive);
        }
        for (options, field) in [
            (json!({ "case": true }), "filters[0].case"),
            (json!({ "case_sensitive": 1 }), "filters[0].case_sensitive"),
            (json!(false), "filters[0]"),
        ] {
            let error = read(&json!(["is", "event:page", ["/"], options])).unwrap_err();
            assert_eq!(error.field, field);
        }
    }

    #[test]
    fn an_empty_text_is_a_label_or_a_mistake() {
        assert_eq!(
            read(&json!(["is_not", "visit:source", [""]])).unwrap().values,
            ["Direct / None"]
        );
        assert_eq!(read(&json!(["is", "event:props:a", [""]])).unwrap().values, ["(not set)"]);
        for operator in ["contains", "contains_not", "matches", "matches_not"] {
            let error = read(&json!([operator, "event:page", ["a", ""]])).unwrap_err();
            assert!(error.message.contains("every value holds the empty text"), "{error}");
        }
    }

    #[test]
    fn a_pattern_is_read_before_it_is_used() {
        assert_eq!(read(&json!(["matches", "event:page", ["^/a"]])).unwrap().values, ["^/a"]);
        let error = read(&json!(["matches_not", "event:page", ["(/a"]])).unwrap_err();
        assert_eq!((error.field.as_str(), error.sent.as_str()), ("filters[0]", "\"(/a\""));
        assert!(error.allowed.contains("RE2"), "{error}");
        // Elsewhere it is only a text.
        read(&json!(["contains", "event:page", ["(/a"]])).unwrap();
    }
}
