//! The statements of reports: the only place with report SQL.
//!
//! Text is put together from tables of ours; every value, the request's and our own, is a bound
//! parameter. No statement reads the clock and none carries settings.

mod expression;
mod flags;
mod hidden;
mod named;
mod relation;
mod rows;
mod sets;

use crate::model::Day;
use crate::model::SiteId;
use crate::report::query::Dimension;
use crate::report::query::Key;
use crate::report::query::Metric;
use crate::report::query::Query;
use crate::report::sql::relation::Shape;
use crate::report::sql::relation::Wanted;
use crate::report::sql::relation::relation;
use crate::report::threshold::Basis;
use crate::report::threshold::Hiding;
use crate::report::threshold::Pass;
use crate::store::Param;
use crate::store::Statement;

/// Sizes of what the query selects and leaves out, by part; see [`sets::sets`].
pub(crate) fn sets(query: &Query) -> Statement {
    Statement { sql: sets::sets(query), params: params(query, None, None) }
}

/// Filters of several values that name one which few visitors reach; see [`named::few`].
pub(crate) fn named_values(query: &Query, k: u32) -> Option<Statement> {
    named::few(query).map(|sql| Statement { sql, params: params(query, Some(k), None) })
}

/// What "(other)" would hold: part (or an empty text), visitors who count for groups, events.
pub(crate) fn other(query: &Query, pass: &Pass, hiding: &Hiding) -> Statement {
    let filtered = pass.basis == Basis::Selected;
    let shape = Shape {
        hiding: Some(hiding),
        wanted: Wanted::Hidden,
        ..Shape::heads(&pass.dimensions, filtered)
    };
    let sql = format!(
        "SELECT {} AS part, {}, sum(e) FROM ({}) WHERE o = 1 GROUP BY part",
        part(query),
        hidden::HEADS,
        relation(query, &shape)
    );
    Statement { sql, params: pass_params(query, pass, hiding) }
}

/// The smallest shown value of each part: part (or an empty text), place of the dimension in the
/// pass, key.
pub(crate) fn smallest(query: &Query, pass: &Pass, hiding: &Hiding) -> Statement {
    let values = pass.dimensions.iter().copied().enumerate();
    let parts: Vec<String> = values
        .map(|(index, dimension)| {
            let dimensions = [dimension];
            let filtered = pass.basis == Basis::Selected;
            let shape = Shape {
                hiding: Some(hiding),
                wanted: Wanted::Shown,
                ..Shape::heads(&dimensions, filtered)
            };
            let key = expression::key(dimension, "d0", query.period());
            format!(
                "SELECT {} AS part, {index} AS place, {key} AS released, {} AS size FROM ({}) \
                 WHERE o = 0 GROUP BY part, released HAVING size >= {{k:UInt64}}",
                part(query),
                hidden::HEADS,
                relation(query, &shape)
            )
        })
        .collect();
    let sql = format!(
        "SELECT part, place, released FROM ({}) ORDER BY part, size, place, released LIMIT 1 BY part",
        parts.join(" UNION ALL ")
    );
    Statement { sql, params: pass_params(query, pass, hiding) }
}

/// The rows of the answer: `o`, the dimensions as text, the metrics, the number of all rows, the
/// visitors of all "(other)" rows.
pub(crate) fn results(query: &Query, hiding: &Hiding) -> Statement {
    let asked = &query.asked;
    let dimensions = query.list_dimensions();
    let shape = Shape {
        visits: query.wants_visits(),
        engagement: query.wants_engagement(),
        hiding: Some(hiding),
        ..Shape::heads(&dimensions, true)
    };
    let mut columns = vec!["o".to_owned()];
    let mut inner = Vec::new();
    let mut groups = vec!["o".to_owned()];
    for (index, dimension) in asked.dimensions.iter().enumerate() {
        columns.push(expression::text(*dimension, &format!("k{index}")));
        inner.push(format!("{} AS k{index}", grouped(*dimension, &dimensions)));
        groups.push(format!("k{index}"));
    }
    for metric in &asked.metrics {
        columns.push(metric.name().to_owned());
        inner.push(format!("toUInt64({}) AS {}", metric.sql(), metric.name()));
    }
    inner.push(format!("toUInt64({}) AS heads", Metric::Visitors.sql()));
    columns.push("count() OVER ()".to_owned());
    columns.push("sumIf(heads, o = 1) OVER ()".to_owned());
    let (o, group_by) = if asked.dimensions.is_empty() {
        ("0 AS o", String::new())
    } else {
        ("o", format!(" GROUP BY {}", groups.join(", ")))
    };
    // Neither the number of rows nor the place of a page may tell of a part that is left out.
    let told = if hiding.closed_days().is_empty() {
        String::new()
    } else {
        let part = expression::part(query.period());
        format!(" WHERE NOT has({{closed_days:Array(String)}}, toString({part}))")
    };
    let sql = format!(
        "SELECT {} FROM (SELECT {o}, {} FROM ({}){told}{group_by}) ORDER BY {} \
         LIMIT {{limit:UInt64}} OFFSET {{offset:UInt64}}",
        columns.join(", "),
        inner.join(", "),
        relation(query, &shape),
        order(query)
    );
    let mut params = params(query, None, Some(hiding));
    if !hiding.closed_days().is_empty() {
        params.push(("closed_days".to_owned(), Param::StrArray(hiding.closed_days().to_vec())));
    }
    params.push(("limit".to_owned(), Param::U64(asked.limit)));
    params.push(("offset".to_owned(), Param::U64(asked.offset)));
    Statement { sql, params }
}

/// Events that were not counted, by outcome.
pub(crate) fn outcomes(site: SiteId, from: Day, to: Day) -> Statement {
    Statement {
        sql: "SELECT outcome, sum(events) AS total FROM outcomes WHERE site = {site:UInt32} \
              AND day BETWEEN {from:Date} AND {to:Date} GROUP BY outcome HAVING total > 0"
            .to_owned(),
        params: vec![
            ("site".to_owned(), Param::U64(u64::from(site.0))),
            ("from".to_owned(), Param::Date(from)),
            ("to".to_owned(), Param::Date(to)),
        ],
    }
}

fn part(query: &Query) -> String {
    match query.period() {
        Some(period) => format!("toString({})", expression::part(Some(period))),
        None => "''".to_owned(),
    }
}

/// The value that rows are grouped by: nothing of a value that belongs to "(other)".
fn grouped(dimension: Dimension, list: &[Dimension]) -> String {
    let Some(place) = list.iter().position(|one| *one == dimension) else {
        return expression::part(Some(dimension));
    };
    let nothing = if dimension.is_time() { "toUInt32(0)" } else { "''" };
    format!("if(o = 1, {nothing}, d{place})")
}

fn order(query: &Query) -> String {
    let mut keys = vec!["o ASC".to_owned()];
    for order in &query.asked.order_by {
        let direction = if order.descending { "DESC" } else { "ASC" };
        let column = match order.key {
            Key::Metric(metric) => Some(metric.name().to_owned()),
            Key::Dimension(dimension) => {
                let place = query.asked.dimensions.iter().position(|one| *one == dimension);
                place.map(|place| format!("k{place}"))
            }
        };
        keys.extend(column.map(|column| format!("{column} {direction}")));
    }
    keys.join(", ")
}

/// The parameters of a pass: what looks at all visitors is the same whatever the filters are.
fn pass_params(query: &Query, pass: &Pass, hiding: &Hiding) -> Vec<(String, Param)> {
    if pass.basis == Basis::Selected {
        return params(query, None, Some(hiding));
    }
    let mut unfiltered = query.clone();
    unfiltered.asked.filters.clear();
    params(&unfiltered, None, Some(hiding))
}

fn params(query: &Query, k: Option<u32>, hiding: Option<&Hiding>) -> Vec<(String, Param)> {
    let mut params = vec![
        ("site".to_owned(), Param::U64(u64::from(query.site.0))),
        ("from".to_owned(), Param::Date(query.span.from)),
        ("to".to_owned(), Param::Date(query.span.to)),
    ];
    if let Some(after) = query.span.after {
        params.push(("after".to_owned(), Param::U64(u64::from(after))));
    }
    params.extend(query.generations.params());
    params.extend(expression::filter_params(query));
    if query.asked.dimensions.contains(&Dimension::Minute) {
        let starts = query.starts.iter().copied().map(u64::from).collect();
        params.push(("starts".to_owned(), Param::U64Array(starts)));
    }
    if let Some(k) = k.or(hiding.map(Hiding::k)) {
        params.push(("k".to_owned(), Param::U64(u64::from(k))));
    }
    let Some(hiding) = hiding else { return params };
    if let Some(days) = hiding.open_days() {
        params.push(("open_days".to_owned(), Param::StrArray(days.to_vec())));
    }
    for dimension in query.list_dimensions().into_iter().filter(|one| hiding.covers(*one)) {
        let joined: Vec<String> = hiding.joined(dimension).map(str::to_owned).collect();
        if !joined.is_empty() {
            params.push((hidden::joined_parameter(dimension), Param::StrArray(joined)));
        }
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::query::tests::query;
    use crate::report::threshold::Guard;
    use crate::report::threshold::Sets;
    use crate::report::threshold::Smallest;
    use crate::report::threshold::Verdict;
    use serde_json::Value;
    use serde_json::json;

    /// Every statement of a query whose filters have these values and whose rest is short.
    fn statements(dimensions: &Value, value: &str) -> Vec<Statement> {
        let query = query(&json!({
            "metrics": ["visitors", "visits", "pageviews", "events"],
            "dimensions": dimensions,
            "filters": [["is", "event:page", [value, "/"]], ["is_not", "visit:city", [value]]],
        }))
        .unwrap();
        let sets = Sets { selected: 50, alone: vec![50, 50], ..Sets::default() };
        let Verdict::Rows(mut hiding) = Guard::new(5, &query).judge(&query, &[sets], None) else {
            panic!("withheld")
        };
        let dimension = *query.list_dimensions().first().unwrap();
        let joined = Smallest { part: String::new(), dimension, key: value.to_owned() };
        hiding.join(vec![String::new()], &[joined]);
        let mut all = vec![super::sets(&query), results(&query, &hiding)];
        for pass in hiding.passes() {
            all.push(other(&query, &pass, &hiding.during(&pass)));
            all.push(smallest(&query, &pass, &hiding.during(&pass)));
        }
        all.extend(named_values(&query, 5));
        all
    }

    #[test]
    fn every_parameter_named_is_bound_once() {
        for statement in statements(&json!(["visit:entry_page", "time:hour"]), "/x") {
            let mut named: Vec<&str> = statement.sql.split('{').skip(1).collect();
            named.iter_mut().for_each(|one| *one = one.split(':').next().unwrap());
            for name in named {
                let bound = statement.params.iter().filter(|(param, _)| param == name).count();
                assert_eq!(bound, 1, "{name} in {}", statement.sql);
            }
        }
    }

    #[test]
    fn no_statement_reads_the_clock_or_carries_settings() {
        for statement in statements(&json!(["event:page", "time:day"]), "/x") {
            let text = statement.sql.to_lowercase();
            for word in ["now", "today", "yesterday"].map(|name| format!("{name}(")) {
                assert!(!text.contains(&word), "{word} in {text}");
            }
            assert!(!text.contains("settings"), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_byte_of_a_request_reaches_the_text(value in ".{1,40}") {
            for dimensions in [json!(["event:page"]), json!(["visit:city", "time:hour"])] {
                let plain = statements(&dimensions, "plain");
                let sent = statements(&dimensions, &value);
                for (plain, sent) in plain.iter().zip(&sent) {
                    proptest::prop_assert_eq!(&plain.sql, &sent.sql);
                }
            }
        }
    }
}
