//! Where the rows of a query are: read before it is answered, and looked at again when open rows
//! may have gone meanwhile.
//!
//! Open rows of a day stay for three days after it, and are dropped once the day is closed. A day
//! that was closed long after its end (the program was off) may lose them at once: whoever had
//! found it open would miss it altogether.

use crate::model::Day;
use crate::report::Reader;
use crate::report::ReportError;
use crate::report::generations;
use crate::report::generations::Generations;
use crate::report::query::Dimension;
use crate::report::query::Query;
use crate::report::query::QueryError;

/// How often a query is answered anew because days were closed meanwhile.
pub(crate) const TRIES: u32 = 5;
/// Seconds of a day.
const DAY_SECONDS: u32 = 86_400;
/// Open rows are never dropped before this many days (UTC) after theirs.
const KEPT_DAYS: u32 = 4;

/// Reads which days of the query are closed.
pub(crate) async fn read(query: &mut Query, reader: &impl Reader) -> Result<(), ReportError> {
    query.generations = current(query, reader).await?;
    if query.asked.dimensions.contains(&Dimension::Minute) {
        let days = query.span.from.0..=query.span.to.0;
        if query.generations.open_days.len() < days.len() {
            let sent = "time:minute for a range with a closed day";
            let allowed = "time:minute for days that are not closed: closing keeps hours only";
            return Err(QueryError::of_text("dimensions", sent, allowed).into());
        }
    }
    Ok(())
}

/// Whether what [`read`] found still held when the queries had been answered.
pub(crate) async fn holds(
    queries: [Option<&Query>; 2],
    reader: &impl Reader,
    now: u32,
) -> Result<bool, ReportError> {
    for query in queries.into_iter().flatten() {
        let found = &query.generations;
        let may_go = found.oldest_open.is_some_and(|day| may_be_dropped(day, now));
        if may_go && current(query, reader).await?.open_days != found.open_days {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn current(query: &Query, reader: &impl Reader) -> Result<Generations, ReportError> {
    let rows = reader.select(generations::statement(query.site, &query.span)).await?;
    generations::read(&query.span, &rows).ok_or(ReportError::Shape)
}

fn may_be_dropped(day: Day, now: u32) -> bool {
    now / DAY_SECONDS >= u32::from(day.0) + KEPT_DAYS
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::report::cache::Cache;
    use crate::report::query::tests::site;
    use crate::store::Statement;
    use crate::store::StoreError;
    use crate::telemetry::Metrics;

    const DAY: u32 = 20_000;

    /// A database in which a day is closed, and its open rows are dropped, after some readings.
    struct Closing {
        readings_before: Mutex<u32>,
        rows: Value,
    }

    impl Reader for Closing {
        async fn select(&self, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
            let mut left = self.readings_before.lock().unwrap();
            let rows = if statement.sql.contains("FROM closed_days") {
                let closed = *left == 0;
                *left = left.saturating_sub(1);
                if closed {
                    json!([["day", DAY, 1, 0, 0], ["site", DAY, 1, 0, 7]])
                } else {
                    self.rows.clone()
                }
            } else {
                let open = statement.sql.contains("FROM open_events");
                json!([[0, if open { 0 } else { 7 }, 1, 0]])
            };
            Ok(serde_json::from_value(rows).unwrap())
        }
    }

    async fn answer(readings_before: u32, rows: Value, days_later: u32) -> Value {
        let reader = Closing { readings_before: Mutex::new(readings_before), rows };
        let body = json!({ "site_id": site().domain, "date_range": ["2024-10-04", "2024-10-04"],
            "metrics": ["events"] });
        let raw = crate::report::parse(body.to_string().as_bytes()).unwrap();
        let now = (DAY + days_later) * DAY_SECONDS;
        let cache = Cache::new(&Metrics::new(&[]));
        let bytes = crate::report::run(raw, &site(), &reader, 5, now, &cache).await.unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["results"][0]["metrics"][0].clone()
    }

    #[tokio::test]
    async fn a_day_that_loses_its_open_rows_meanwhile_is_asked_again() {
        let open = json!([["open", 1, 1, 7, DAY]]);
        assert_eq!(answer(1, open.clone(), 4).await, 7);
        assert_eq!(answer(1, open, 3).await, 0, "open rows stay that long: nobody looks again");
        assert_eq!(answer(1, json!([]), 400).await, 0, "no open rows, none to lose");
    }

    #[tokio::test]
    async fn what_was_found_holds_until_the_day_is_closed() {
        let reader =
            Closing { readings_before: Mutex::new(1), rows: json!([["open", 1, 1, 7, DAY]]) };
        let body = json!({ "date_range": ["2024-10-04", "2024-10-04"], "metrics": ["events"] });
        let mut query = crate::report::query::tests::query(&body).unwrap();
        let now = (DAY + KEPT_DAYS) * DAY_SECONDS;
        read(&mut query, &reader).await.unwrap();
        assert!(!holds([Some(&query), None], &reader, now).await.unwrap());
        read(&mut query, &reader).await.unwrap();
        assert!(holds([Some(&query), None], &reader, now).await.unwrap());
    }
}
