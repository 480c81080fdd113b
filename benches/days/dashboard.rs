//! What a browser asks when it opens the report of a site, as `dashboards/web/src` does.
//!
//! A first load is the top numbers with their comparison, the chart, the first tab of each of the
//! five panels, and the question whether there are several hosts. The other tabs follow by a click.
//! The counts of what was left out (`/outcomes`) are not asked here: they read another table.

use headcount::model::Day;
use serde_json::{Value, json};

use crate::home::BIGGEST;

/// Rows in a panel, and one more that tells whether there are others.
const ROWS: u64 = 10;

/// Panel, dimension, second metric, rows that are left out by the page.
type Tab = (&'static str, &'static str, Option<&'static str>, u64);

const FIRST_TABS: [Tab; 5] = [
    ("Top pages", "event:page", Some("pageviews"), 0),
    ("Channels", "visit:channel", Some("visits"), 0),
    ("Countries", "visit:country", None, 0),
    ("Browsers", "visit:browser", None, 0),
    ("Custom events", "event:name", None, 2),
];

const OTHER_TABS: [Tab; 15] = [
    ("Entry pages", "visit:entry_page", Some("visits"), 0),
    ("Exit pages", "visit:exit_page", Some("visits"), 0),
    ("Hostnames", "event:hostname", Some("pageviews"), 0),
    ("Sources", "visit:source", Some("visits"), 0),
    ("Referrers", "visit:referrer", Some("visits"), 0),
    ("UTM source", "visit:utm_source", Some("visits"), 1),
    ("UTM campaign", "visit:utm_campaign", Some("visits"), 1),
    ("UTM term", "visit:utm_term", Some("visits"), 1),
    ("Regions", "visit:region", None, 0),
    ("Cities", "visit:city", None, 0),
    ("Languages", "visit:language", None, 0),
    ("Systems", "visit:os", None, 0),
    ("Devices", "visit:device", None, 0),
    ("Screens", "visit:screen", None, 0),
    ("Property plan", "event:props:plan", None, 1),
];

/// One question of a page.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    body: Value,
}

impl Question {
    /// The body of the request.
    pub(crate) fn body(&self) -> String {
        self.body.to_string()
    }
}

/// What is chosen on the page.
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) from: Day,
    pub(crate) to: Day,
    pub(crate) filters: Vec<Value>,
}

impl View {
    /// What the page asks at once.
    pub(crate) fn first_load(&self) -> Vec<Question> {
        let mut tiles = self.base(&[
            "visitors",
            "visits",
            "pageviews",
            "views_per_visit",
            "bounce_rate",
            "visit_duration",
            "events",
        ]);
        tiles["include"] = json!({ "comparisons": self.comparison() });
        let mut chart = self.base(&["visitors"]);
        chart["dimensions"] = json!([self.interval()]);
        chart["include"] = json!({ "time_labels": true, "comparisons": self.comparison() });
        let mut hosts = self.base(&["visitors"]);
        if let Some(fields) = hosts.as_object_mut() {
            fields.remove("filters");
        }
        hosts["dimensions"] = json!(["event:hostname"]);
        hosts["pagination"] = json!({ "limit": 2 });
        let mut all = vec![
            Question { name: "Top numbers", body: tiles },
            Question { name: "Chart", body: chart },
            Question { name: "Several hosts?", body: hosts },
        ];
        all.extend(FIRST_TABS.iter().map(|tab| self.list(tab)));
        all
    }

    /// The same without its first day.
    pub(crate) fn with_a_day_less(&self) -> Self {
        Self {
            name: self.name.clone(),
            from: Day(self.from.0 + 1),
            to: self.to,
            filters: self.filters.clone(),
        }
    }

    /// What the other tabs ask.
    pub(crate) fn other_tabs(&self) -> Vec<Question> {
        OTHER_TABS.iter().map(|tab| self.list(tab)).collect()
    }

    fn list(&self, tab: &Tab) -> Question {
        let (name, mut dimension, second, without) = *tab;
        let is_event = ["event:name", "event:props:plan"].contains(&dimension);
        let metrics = match second {
            _ if is_event => vec!["events", "visitors"],
            Some(second) => vec!["visitors", second],
            None => vec!["visitors"],
        };
        if self.filters.iter().any(|filter| filter[1] == dimension) && dimension == "visit:browser"
        {
            dimension = "visit:browser_version";
        }
        let mut body = self.base(&metrics);
        body["dimensions"] = json!([dimension]);
        body["order_by"] = json!([[metrics[0], "desc"]]);
        body["include"] = json!({ "total_rows": true });
        body["pagination"] = json!({ "limit": ROWS + without });
        Question { name, body }
    }

    fn base(&self, metrics: &[&str]) -> Value {
        let mut body = json!({
            "site_id": BIGGEST,
            "metrics": metrics,
            "date_range": [self.from.to_string(), self.to.to_string()],
        });
        if !self.filters.is_empty() {
            body["filters"] = json!(self.filters);
        }
        body
    }

    fn comparison(&self) -> Value {
        json!({ "mode": "previous_period", "match_day_of_week": false })
    }

    fn interval(&self) -> &'static str {
        if self.to.0 - self.from.0 < 100 { "time:day" } else { "time:week" }
    }
}

/// The views that are measured: all, one filter of each kind, two filters.
pub(crate) fn views(label: &str, (from, to): (Day, Day), page: &str) -> Vec<View> {
    let is = |dimension: &str, value: &str| json!(["is", dimension, [value]]);
    let view = |name: &str, filters: Vec<Value>| View {
        name: format!("{label}, {name}"),
        from,
        to,
        filters,
    };
    vec![
        view("no filter", Vec::new()),
        view("country", vec![is("visit:country", "FR")]),
        view("page", vec![is("event:page", page)]),
        view("source", vec![is("visit:source", "Google")]),
        view("country and browser", vec![is("visit:country", "FR"), is("visit:browser", "Chrome")]),
    ]
}
