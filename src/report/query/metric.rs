//! The metrics of a report, as one table.
//!
//! Each metric is a whole number in SQL; `views_per_visit` is counted in hundredths, so that
//! ordering and rounding (half up) happen once, in the database, on exact numbers.

/// A number of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Distinct (day, visitor) with an event.
    Visitors,
    /// Visits.
    Visits,
    /// Events named `pageview`.
    Pageviews,
    /// Events other than engagement.
    Events,
    /// Pageviews of the visits, by visit, two decimals.
    ViewsPerVisit,
    /// Share of bounces, whole percent.
    BounceRate,
    /// Mean duration of the visits, whole seconds.
    VisitDuration,
    /// Mean engaged time of pages in visits that have any, whole seconds.
    TimeOnPage,
    /// Mean scroll depth of pages in visits that have any, whole percent.
    ScrollDepth,
}

struct Entry {
    metric: Metric,
    name: &'static str,
    /// Over the relation of `sql::relation`.
    sql: &'static str,
    /// Taken over visits, so that visits must be derived.
    of_visits: bool,
    /// A ratio over visits, which has no meaning by the name of an event.
    ratio: bool,
}

const TABLE: [Entry; 9] = [
    Entry {
        metric: Metric::Visitors,
        name: "visitors",
        sql: "sum(vn) + uniqExactIf(vkey, vkey != 0)",
        of_visits: false,
        ratio: false,
    },
    Entry { metric: Metric::Visits, name: "visits", sql: "sum(f)", of_visits: true, ratio: false },
    Entry {
        metric: Metric::Pageviews,
        name: "pageviews",
        sql: "sum(pv)",
        of_visits: false,
        ratio: false,
    },
    Entry { metric: Metric::Events, name: "events", sql: "sum(e)", of_visits: false, ratio: false },
    Entry {
        metric: Metric::ViewsPerVisit,
        name: "views_per_visit",
        sql: "if(sum(f) = 0, 0, intDiv(200 * sum(views) + sum(f), 2 * sum(f)))",
        of_visits: true,
        ratio: true,
    },
    Entry {
        metric: Metric::BounceRate,
        name: "bounce_rate",
        sql: "if(sum(fb) = 0, 0, intDiv(200 * sum(bounce) + sum(fb), 2 * sum(fb)))",
        of_visits: true,
        ratio: true,
    },
    Entry {
        metric: Metric::VisitDuration,
        name: "visit_duration",
        sql: "if(sum(f) = 0, 0, intDiv(2 * sum(duration) + sum(f), 2 * sum(f)))",
        of_visits: true,
        ratio: true,
    },
    Entry {
        metric: Metric::TimeOnPage,
        name: "time_on_page",
        sql: "if(sum(ep) = 0, 0, intDiv(2 * sum(ems) + 1000 * sum(ep), 2000 * sum(ep)))",
        of_visits: false,
        ratio: false,
    },
    Entry {
        metric: Metric::ScrollDepth,
        name: "scroll_depth",
        sql: "if(sum(sp) = 0, 0, intDiv(2 * sum(sd) + sum(sp), 2 * sum(sp)))",
        of_visits: false,
        ratio: false,
    },
];

impl Metric {
    /// The metric called `name`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.metric)
    }

    /// All names, for an error that says what is allowed.
    pub(crate) fn allowed() -> String {
        TABLE.map(|entry| entry.name).join(", ")
    }

    /// The name in queries and answers.
    pub(crate) fn name(self) -> &'static str {
        self.entry().map_or("", |entry| entry.name)
    }

    /// The aggregate over the relation of `sql::relation`.
    pub(crate) fn sql(self) -> &'static str {
        self.entry().map_or("0", |entry| entry.sql)
    }

    /// Whether visits must be derived for it.
    pub(crate) fn is_of_visits(self) -> bool {
        self.entry().is_some_and(|entry| entry.of_visits)
    }

    /// Whether it is a ratio over visits.
    pub(crate) fn is_ratio(self) -> bool {
        self.entry().is_some_and(|entry| entry.ratio)
    }

    /// Whether it is taken over pages, so that the query must say which.
    pub(crate) fn is_of_pages(self) -> bool {
        matches!(self, Self::TimeOnPage | Self::ScrollDepth)
    }

    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.metric == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_found_by_its_name() {
        for entry in &TABLE {
            assert_eq!(Metric::find(entry.name), Some(entry.metric));
            assert_eq!(entry.metric.name(), entry.name);
        }
        assert_eq!(Metric::find("visitor"), None);
    }
}
