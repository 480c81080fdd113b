//! Values that a filter names among several, and that few visitors reach.
//!
//! Who asks for a value of few beside one of many learns about the few as if he had asked for them
//! alone. A filter of one value needs none of this: its visitors are those whom it selects.

use crate::report::query::Filter;
use crate::report::query::Operator;
use crate::report::query::Query;
use crate::report::sql::expression;
use crate::report::sql::hidden;
use crate::report::sql::part;
use crate::report::sql::relation::Shape;
use crate::report::sql::relation::relation;

/// Rows of a part (an empty text: the range), the number of a filter, and how many of its values
/// fewer visitors than `k`, but some, reach; filters aside. `None` when no filter has several values.
pub(crate) fn few(query: &Query) -> Option<String> {
    let filters = query.asked.filters.iter().enumerate();
    let several = filters.filter(|(_, filter)| filter.values.len() > 1);
    let found: Vec<String> = several
        .map(|(index, filter)| {
            format!(
                "SELECT part, toUInt64({index}), count() FROM ({}) GROUP BY part",
                values(query, index, filter)
            )
        })
        .collect();
    (!found.is_empty()).then(|| found.join(" UNION ALL "))
}

/// The values of a filter that few visitors reach, each counted by itself.
fn values(query: &Query, index: usize, filter: &Filter) -> String {
    let dimensions = [filter.dimension];
    let shape = Shape::heads(&dimensions, false);
    if filter.operator.positive() == Operator::Is && filter.case_sensitive {
        let positive = Filter { operator: Operator::Is, ..filter.clone() };
        let holds = expression::leaf(index, &positive, "d0");
        return counted(query, "d0", &format!("({})", relation(query, &shape)), &holds);
    }
    // One reading for all values: what a statement costs is mostly its tables.
    let places = 0..filter.values.len();
    let holds = places.map(|place| expression::one_value(index, place, filter, "d0"));
    let holds: Vec<String> = holds.map(|one| format!("toUInt8({one})")).collect();
    let rows = relation(query, &Shape { merged: true, ..shape });
    let rows = format!(
        "({rows}) ARRAY JOIN [{}] AS holds, range({}) AS place",
        holds.join(", "),
        holds.len()
    );
    counted(query, "place", &rows, "holds = 1")
}

/// What is few among the values of `value`, by range and, where rows are told apart by it, by part.
fn counted(query: &Query, value: &str, rows: &str, holds: &str) -> String {
    let few = "HAVING heads > 0 AND heads < {k:UInt64}";
    let by_part = format!(
        "SELECT {} AS part, {value} AS named, {} AS heads FROM {rows} WHERE {holds} \
         GROUP BY part, named",
        part(query),
        hidden::HEADS,
    );
    if !query.by_period() {
        return format!("{by_part} {few}");
    }
    // Visitors are those of a day, so those of a range are the sum over its parts.
    format!(
        "SELECT arrayJoin(['', part_]) AS part, named, sum(heads_) AS heads FROM (\
         SELECT part AS part_, named, heads AS heads_ FROM ({by_part})) GROUP BY part, named {few}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::query::tests::query;
    use serde_json::Value;
    use serde_json::json;

    fn sql(dimensions: &Value, filters: &Value) -> Option<String> {
        few(&query(&json!({ "dimensions": dimensions, "filters": filters })).unwrap())
    }

    #[test]
    fn only_filters_of_several_values_cost_a_reading_and_each_costs_one() {
        let list = json!(["visit:os", "time:day"]);
        assert_eq!(sql(&list, &json!([])), None);
        assert_eq!(sql(&list, &json!([["contains_not", "event:page", ["a"]]])), None);
        for operator in ["is", "is_not", "contains", "matches_not"] {
            let filters =
                json!([[operator, "visit:city", ["a", "b", "c"]], ["is", "visit:browser", ["d"]]]);
            let sql = sql(&list, &filters).unwrap();
            assert_eq!(sql.matches("FROM open_events").count(), 2, "visits, no visits: {sql}");
        }
    }

    #[test]
    fn parts_are_weighed_only_where_rows_are_told_apart_by_them() {
        let filters = json!([["is", "visit:city", ["a", "b"]]]);
        let weighed = |dimensions| sql(&dimensions, &filters).unwrap().contains("arrayJoin");
        assert!(weighed(json!(["visit:os", "time:week"])) && weighed(json!(["time:day"])));
        assert!(!weighed(json!(["visit:os"])) && !weighed(json!(["time:hour"])));
    }
}
