//! How the filters of a query hang together: `and`, `or` and `not`.
//!
//! Negation is pushed into the filters when a query is read, so that a condition is made of
//! filters, `All` and `Any` alone.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::report::query::error::QueryError;
use crate::report::query::filter::Filter;
use crate::report::query::filter::check_sizes;
use crate::report::query::filter::filter;
use crate::report::query::json::list;
use crate::report::query::props::Props;
use crate::report::query::raw::RawQuery;

/// Filters of one query; each one is weighed alone and against the others.
const MAX_FILTERS: usize = 16;
/// How deep `and`, `or` and `not` may stand in each other.
const MAX_DEPTH: usize = 3;
/// Terms of the disjunctive form; each one is weighed by itself.
const MAX_TERMS: usize = 16;

/// What must hold of an event; filters are named by their place in `RawQuery::filters`.
///
/// Neither list is empty, except `All` for no filters at all; no `All` stands directly in an
/// `All`, no `Any` in an `Any`, and below the top none has a single part. The top is an `All`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// A filter.
    Leaf(usize),
    /// All of these.
    All(Vec<Condition>),
    /// Any of these.
    Any(Vec<Condition>),
}

impl Condition {
    /// The disjunctive form: any of these terms, each of which is all of these filters.
    pub(super) fn terms(&self) -> Vec<Vec<usize>> {
        match self {
            Self::Leaf(index) => vec![vec![*index]],
            Self::Any(parts) => parts.iter().flat_map(Self::terms).collect(),
            Self::All(parts) => parts.iter().fold(vec![Vec::new()], |found, part| {
                let more = part.terms();
                let with = |term: &Vec<usize>| {
                    let term = term.clone();
                    more.iter().map(move |tail| [term.as_slice(), tail.as_slice()].concat())
                };
                found.iter().flat_map(with).collect()
            }),
        }
    }

    /// The number of terms, without making them.
    fn count(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Any(parts) => parts.iter().map(Self::count).fold(0, usize::saturating_add),
            Self::All(parts) => parts.iter().map(Self::count).fold(1, usize::saturating_mul),
        }
    }

    /// The condition as it is written in a query; of the top, see [`echo`].
    fn echo(&self, query: &RawQuery) -> Value {
        match self {
            Self::Leaf(index) => query
                .filters
                .get(*index)
                .map_or(Value::Null, |one| one.echo(&query.name_of(one.dimension))),
            Self::All(parts) => json!(["and", echo_all(parts, query)]),
            Self::Any(parts) => json!(["or", echo_all(parts, query)]),
        }
    }
}

/// The filters of `query` as they are written in a query, negation pushed inwards.
pub(crate) fn echo(query: &RawQuery) -> Vec<Value> {
    match &query.condition {
        Condition::All(parts) => echo_all(parts, query),
        other => vec![other.echo(query)],
    }
}

fn echo_all(parts: &[Condition], query: &RawQuery) -> Vec<Value> {
    parts.iter().map(|part| part.echo(query)).collect()
}

/// The filters of a query and how they hang together.
///
/// # Errors
/// When one is not as it should be, or there are too many of anything.
pub(super) fn filters(
    object: &Map<String, Value>,
    props: &mut Props,
) -> Result<(Vec<Filter>, Condition), QueryError> {
    let Some(sent) = object.get("filters") else {
        return Ok((Vec::new(), Condition::All(Vec::new())));
    };
    let allowed =
        format!("a list of at most {MAX_FILTERS} filters [operator, dimension, [values]]");
    let mut reading = Reading { found: Vec::new(), props };
    let mut parts = Vec::new();
    for (index, item) in list("filters", sent, &allowed)?.iter().enumerate() {
        parts.push(reading.part(&format!("filters[{index}]"), item, MAX_DEPTH, false)?);
    }
    let condition = Condition::All(flat(parts, true));
    let filters = reading.found;
    let terms = condition.count();
    if terms > MAX_TERMS {
        let sent = format!("filters that stand for {terms} combinations");
        let allowed = format!(
            "filters that, when every \"or\" is multiplied out, are at most {MAX_TERMS} \
             combinations"
        );
        return Err(QueryError::of_text("filters", &sent, &allowed));
    }
    check_sizes(&filters)?;
    Ok((filters, condition))
}

/// Filters on their way in.
struct Reading<'a> {
    found: Vec<Filter>,
    props: &'a mut Props,
}

impl Reading<'_> {
    /// One filter, or `["and", […]]`, `["or", […]]`, `["not", …]`; the opposite if `negated`.
    fn part(
        &mut self,
        field: &str,
        sent: &Value,
        depth: usize,
        negated: bool,
    ) -> Result<Condition, QueryError> {
        let (word, inner) = match sent.as_array().map(Vec::as_slice) {
            Some([Value::String(word), inner]) => (word.as_str(), inner),
            _ => ("", sent),
        };
        if !matches!(word, "and" | "or" | "not") {
            return self.leaf(field, sent, negated);
        }
        let Some(depth) = depth.checked_sub(1) else {
            let allowed = format!("\"and\", \"or\" and \"not\" at most {MAX_DEPTH} deep");
            return Err(QueryError::new(field, sent, &allowed));
        };
        if word == "not" {
            return self.part(&format!("{field}[1]"), inner, depth, !negated);
        }
        let allowed = format!("[\"{word}\", [filter, …]] with at least one filter");
        let items = list(field, inner, &allowed)?;
        if items.is_empty() {
            return Err(QueryError::new(field, sent, &allowed));
        }
        let mut parts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            parts.push(self.part(&format!("{field}[1][{index}]"), item, depth, negated)?);
        }
        let is_all = (word == "and") != negated;
        let mut parts = flat(parts, is_all);
        match parts.pop() {
            Some(only) if parts.is_empty() => return Ok(only),
            last => parts.extend(last),
        }
        Ok(if is_all { Condition::All(parts) } else { Condition::Any(parts) })
    }

    fn leaf(&mut self, field: &str, sent: &Value, negated: bool) -> Result<Condition, QueryError> {
        let mut found = filter(field, sent, self.props)?;
        if negated {
            found.operator = found.operator.opposite();
        }
        let index = self.found.len();
        if index >= MAX_FILTERS {
            let sent = format!("more than {MAX_FILTERS} filters");
            let allowed =
                format!("at most {MAX_FILTERS} filters, those in \"and\" and \"or\" counted");
            return Err(QueryError::of_text("filters", &sent, &allowed));
        }
        self.found.push(found);
        Ok(Condition::Leaf(index))
    }
}

/// The parts of an `All` (or `Any`), those of an `All` (or `Any`) among them in its place.
fn flat(parts: Vec<Condition>, is_all: bool) -> Vec<Condition> {
    let mut found = Vec::new();
    for part in parts {
        match part {
            Condition::All(inner) if is_all => found.extend(inner),
            Condition::Any(inner) if !is_all => found.extend(inner),
            other => found.push(other),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::report::query::filter::Operator;
    use crate::report::query::raw::parse;

    fn read(filters: &Value) -> Result<RawQuery, QueryError> {
        let body = json!({ "site_id": "a.example", "metrics": ["visitors"], "date_range": "7d",
            "filters": filters });
        parse(body.to_string().as_bytes())
    }

    fn leaf(value: &str) -> Value {
        json!(["is", "event:page", [value]])
    }

    #[test]
    fn a_list_of_filters_is_an_and_and_no_filters_one_empty_term() {
        let (one, two) = (leaf("a"), json!(["is_not", "visit:country", ["DE"]]));
        let flat = read(&json!([one, two])).unwrap();
        assert_eq!(flat.condition, Condition::All(vec![Condition::Leaf(0), Condition::Leaf(1)]));
        assert_eq!(read(&json!([["and", [one, ["and", [two]]]]])).unwrap(), flat);
        assert_eq!(read(&json!([["not", ["not", one]], two])).unwrap(), flat);
        assert_eq!(echo(&flat), [one, two]);
        let none = read(&json!([])).unwrap();
        assert_eq!(none.condition, Condition::All(Vec::new()));
        assert_eq!(none.terms(), [Vec::<usize>::new()]);
    }

    #[test]
    fn negation_goes_into_the_filters() {
        let sent = json!([[
            "not",
            [
                "and",
                [
                    ["contains", "event:page", ["a"]],
                    ["or", [["matches_not", "visit:city", ["b"]], ["is", "visit:os", ["c"]]]],
                ]
            ]
        ]]);
        let found = read(&sent).unwrap();
        let operators: Vec<Operator> = found.filters.iter().map(|one| one.operator).collect();
        assert_eq!(operators, [Operator::ContainsNot, Operator::Matches, Operator::IsNot]);
        let inner = Condition::All(vec![Condition::Leaf(1), Condition::Leaf(2)]);
        let top = Condition::Any(vec![Condition::Leaf(0), inner]);
        assert_eq!(found.condition, Condition::All(vec![top]));
        assert_eq!(found.terms(), [vec![0], vec![1, 2]]);
        assert_eq!(echo(&found)[0][1][1][1][1], json!(["is_not", "visit:os", ["c"]]));
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let pair = |n: usize| json!(["or", [leaf(&format!("a{n}")), leaf(&format!("b{n}"))]]);
        let four: Vec<Value> = (0..4).map(pair).collect();
        assert_eq!(read(&json!(four)).unwrap().terms().len(), 16);
        let five: Vec<Value> = (0..5).map(pair).collect();
        let error = read(&json!(five)).unwrap_err();
        assert!(error.message.contains("32 combinations"), "{error}");

        let deep = json!(["not", ["not", ["not", leaf("a")]]]);
        read(&json!([deep])).unwrap();
        assert_eq!(read(&json!([["or", [deep]]])).unwrap_err().field, "filters[0][1][0][1][1]");

        let many: Vec<Value> = (0..17).map(|n| leaf(&n.to_string())).collect();
        assert!(read(&json!([["or", many]])).unwrap_err().message.contains("at most 16 filters"));

        let many = ["source", "channel", "country", "browser", "os", "device", "city"];
        let many: Vec<Value> =
            many.iter().map(|name| json!(["is", format!("visit:{name}"), ["x"]])).collect();
        let error = read(&json!(many)).unwrap_err();
        assert!(error.message.contains("at most 6 dimensions"), "{error}");
        assert_eq!(read(&json!(many[..6])).unwrap().filters.len(), 6);
    }

    #[test]
    fn an_empty_list_of_alternatives_is_refused() {
        for (sent, field) in [
            (json!([["and", []]]), "filters[0]"),
            (json!([["or", [leaf("a"), ["not", ["or", []]]]]]), "filters[0][1][1][1]"),
            (json!([["not", []]]), "filters[0][1]"),
            (json!([["not"]]), "filters[0]"),
            (json!([["or", leaf("a")]]), "filters[0][1][0]"),
        ] {
            assert_eq!(read(&sent).expect_err(&sent.to_string()).field, field, "{sent}");
        }
    }

    /// A tree as a user may write it, with filters that name one of three pages.
    fn tree() -> impl Strategy<Value = Value> {
        let operators = proptest::sample::select(vec!["is", "is_not"]);
        let pages = proptest::sample::subsequence(vec!["a", "b", "c"], 1..3);
        let leaf =
            (operators, pages).prop_map(|(operator, pages)| json!([operator, "event:page", pages]));
        leaf.prop_recursive(3, 10, 3, |inner| {
            let several = proptest::collection::vec(inner.clone(), 1..4);
            prop_oneof![
                several.clone().prop_map(|parts| json!(["and", parts])),
                several.prop_map(|parts| json!(["or", parts])),
                inner.prop_map(|part| json!(["not", part])),
            ]
        })
    }

    /// Whether a tree, as it was written, holds on `page`.
    fn sent_holds(sent: &Value, page: &str) -> bool {
        let parts = || sent[1].as_array().unwrap().iter();
        match sent[0].as_str().unwrap() {
            "and" => parts().all(|part| sent_holds(part, page)),
            "or" => parts().any(|part| sent_holds(part, page)),
            "not" => !sent_holds(&sent[1], page),
            operator => {
                let named = sent[2].as_array().unwrap().iter().any(|value| value == page);
                named == (operator == "is")
            }
        }
    }

    fn leaf_holds(query: &RawQuery, index: usize, page: &str) -> bool {
        let filter = &query.filters[index];
        filter.values.iter().any(|value| value == page) != filter.operator.is_negative()
    }

    fn holds(condition: &Condition, query: &RawQuery, page: &str) -> bool {
        match condition {
            Condition::Leaf(index) => leaf_holds(query, *index, page),
            Condition::All(parts) => parts.iter().all(|part| holds(part, query, page)),
            Condition::Any(parts) => parts.iter().any(|part| holds(part, query, page)),
        }
    }

    fn is_normal(condition: &Condition, top: bool) -> bool {
        let (parts, is_all) = match condition {
            Condition::Leaf(_) => return true,
            Condition::All(parts) => (parts, true),
            Condition::Any(parts) => (parts, false),
        };
        let same = |part: &Condition| match part {
            Condition::Leaf(_) => false,
            Condition::All(_) => is_all,
            Condition::Any(_) => !is_all,
        };
        let whole = top || parts.len() > 1;
        whole && !parts.iter().any(|part| same(part) || !is_normal(part, false))
    }

    proptest! {
        #[test]
        fn what_was_read_means_what_was_written(sent in proptest::collection::vec(tree(), 0..3)) {
            let query = match read(&json!(sent)) {
                Ok(query) => query,
                Err(error) => {
                    let known = ["combinations", "at most 3 deep", "at most 16 filters"];
                    prop_assert!(known.iter().any(|part| error.message.contains(part)), "{error}");
                    return Ok(());
                }
            };
            prop_assert!(is_normal(&query.condition, true), "{:?}", query.condition);
            prop_assert!(matches!(query.condition, Condition::All(_)));
            prop_assert!(query.terms().len() <= MAX_TERMS);
            for page in ["a", "b", "c", "d"] {
                let expected = sent.iter().all(|one| sent_holds(one, page));
                prop_assert_eq!(holds(&query.condition, &query, page), expected);
                let by_term = query.terms().iter().any(|term| {
                    term.iter().all(|index| leaf_holds(&query, *index, page))
                });
                prop_assert_eq!(by_term, expected);
            }
            prop_assert_eq!(read(&json!(echo(&query))).unwrap(), query, "the echo means the same");
        }
    }
}
