//! Asks for reports as a script with a read key does: `POST /api/v2/query`.

use serde_json::{Value, json};

use crate::support::http::{Answer, Client};

/// A reader of one site's reports.
pub(crate) struct Reports {
    client: Client,
    bearer: String,
    domain: String,
}

/// One row: its labels and its numbers, as they came.
pub(crate) type Row = (Vec<String>, Vec<Value>);

impl Reports {
    /// Reads `domain` with a key of scope `read`.
    pub(crate) fn new(client: Client, domain: &str, key: &str) -> Self {
        Self { client, bearer: format!("Bearer {key}"), domain: domain.to_owned() }
    }

    /// Sends a query as it is; `site_id` is added.
    pub(crate) fn ask(&mut self, query: Value) -> Answer {
        self.try_ask(query).unwrap_or_else(|error| panic!("a report: {error}"))
    }

    /// [`Reports::ask`], if an answer comes in time.
    pub(crate) fn try_ask(&mut self, mut query: Value) -> std::io::Result<Answer> {
        query["site_id"] = json!(self.domain);
        let headers =
            [("Authorization", self.bearer.as_str()), ("Content-Type", "application/json")];
        self.client.try_send("POST", "/api/v2/query", &headers, query.to_string().as_bytes())
    }

    /// Rows of a query that must succeed.
    pub(crate) fn rows(&mut self, query: &Value) -> Vec<Row> {
        let answer = self.ask(query.clone());
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let body = answer.json();
        let results = body["results"].as_array().expect("an answer has results");
        results.iter().map(|row| (labels(&row["dimensions"]), metrics(&row["metrics"]))).collect()
    }

    /// The numbers of a query without dimensions.
    pub(crate) fn totals(
        &mut self,
        metrics: &[&str],
        range: &Value,
        filters: &Value,
    ) -> Vec<Value> {
        let query = json!({"metrics": metrics, "date_range": range, "filters": filters});
        let mut rows = self.rows(&query);
        assert_eq!(rows.len(), 1, "totals are one row: {rows:?}");
        rows.remove(0).1
    }
}

fn labels(value: &Value) -> Vec<String> {
    let list = value.as_array().expect("dimensions are a list");
    list.iter().map(|label| label.as_str().expect("a label is text").to_owned()).collect()
}

fn metrics(value: &Value) -> Vec<Value> {
    value.as_array().expect("metrics are a list").clone()
}
