//! The dimensions of a report, as one table.
//!
//! A column named here is an identifier of SQL and never comes from a request.

use crate::model::label::DIRECT;
use crate::model::label::NOT_SET;

/// What a report is broken down by, or filtered on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// Minute counted from the first instant of the day; only of days that are not closed.
    Minute,
    /// Hour counted from the first instant of the day.
    Hour,
    /// Site-local day.
    Day,
    /// Week of site-local days, from Monday.
    Week,
    /// Calendar month of site-local days.
    Month,
    /// Path of the event's page.
    Page,
    /// Name of the event.
    Name,
    /// Host name of the event's page.
    Hostname,
    /// A property of the event, by its place in `RawQuery::props`; protected.
    Prop(u8),
    /// First-touch source of the visit.
    Source,
    /// First-touch referrer of the visit: a host.
    Referrer,
    /// First-touch channel of the visit.
    Channel,
    /// First-touch `utm_source` of the visit.
    UtmSource,
    /// First-touch `utm_medium` of the visit.
    UtmMedium,
    /// First-touch `utm_campaign` of the visit.
    UtmCampaign,
    /// First-touch `utm_term` of the visit; protected.
    UtmTerm,
    /// First-touch `utm_content` of the visit; protected.
    UtmContent,
    /// Country of the visit.
    Country,
    /// Region of the visit; protected.
    Region,
    /// City of the visit; protected.
    City,
    /// Browser of the visit.
    Browser,
    /// Version of the browser of the visit.
    BrowserVersion,
    /// Operating system of the visit.
    Os,
    /// Version of the operating system of the visit.
    OsVersion,
    /// Kind of device of the visit.
    Device,
    /// Language of the visit; protected.
    Language,
    /// Class of the screen of the visit; protected.
    Screen,
    /// Name of the click id with which the visit began.
    ClickId,
    /// How many weak signs of a machine the visit began with, 0 to 100; protected.
    Score,
    /// Path of the first pageview of the visit.
    EntryPage,
    /// Path of the last pageview of the visit.
    ExitPage,
}

/// What a dimension belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A day, a week or a month: whole days.
    Period,
    /// An hour: a dimension of its own for decision 11 (c).
    Hour,
    /// A minute: a dimension of its own as well.
    Minute,
    /// One event.
    Event,
    /// A visit, by its first event.
    Visit,
    /// A visit, by its first pageview.
    Entry,
    /// A visit, by its last pageview.
    Exit,
}

struct Entry {
    dimension: Dimension,
    name: &'static str,
    scope: Scope,
    column: &'static str,
    /// Shown for an empty value.
    label: &'static str,
    protected: bool,
}

/// What stands before the name of a property.
pub(super) const PROP_PREFIX: &str = "event:props:";

const TABLE: [Entry; 30] = [
    entry(Dimension::Minute, "time:minute", Scope::Minute, "ts", ""),
    entry(Dimension::Hour, "time:hour", Scope::Hour, "hour", ""),
    entry(Dimension::Day, "time:day", Scope::Period, "day", ""),
    entry(Dimension::Week, "time:week", Scope::Period, "day", ""),
    entry(Dimension::Month, "time:month", Scope::Period, "day", ""),
    entry(Dimension::Page, "event:page", Scope::Event, "path", NOT_SET),
    entry(Dimension::Name, "event:name", Scope::Event, "name", NOT_SET),
    entry(Dimension::Hostname, "event:hostname", Scope::Event, "hostname", NOT_SET),
    visit(Dimension::Source, "visit:source", "source", DIRECT),
    visit(Dimension::Referrer, "visit:referrer", "referrer", NOT_SET),
    visit(Dimension::Channel, "visit:channel", "channel", NOT_SET),
    visit(Dimension::UtmSource, "visit:utm_source", "utm_source", NOT_SET),
    visit(Dimension::UtmMedium, "visit:utm_medium", "utm_medium", NOT_SET),
    visit(Dimension::UtmCampaign, "visit:utm_campaign", "utm_campaign", NOT_SET),
    protected(Dimension::UtmTerm, "visit:utm_term", Scope::Visit, "utm_term"),
    protected(Dimension::UtmContent, "visit:utm_content", Scope::Visit, "utm_content"),
    visit(Dimension::Country, "visit:country", "country", NOT_SET),
    protected(Dimension::Region, "visit:region", Scope::Visit, "region"),
    protected(Dimension::City, "visit:city", Scope::Visit, "city"),
    visit(Dimension::Browser, "visit:browser", "browser", NOT_SET),
    visit(Dimension::BrowserVersion, "visit:browser_version", "browser_version", NOT_SET),
    visit(Dimension::Os, "visit:os", "os", NOT_SET),
    visit(Dimension::OsVersion, "visit:os_version", "os_version", NOT_SET),
    visit(Dimension::Device, "visit:device", "device", NOT_SET),
    protected(Dimension::Language, "visit:language", Scope::Visit, "language"),
    protected(Dimension::Screen, "visit:screen", Scope::Visit, "screen"),
    visit(Dimension::ClickId, "visit:click_id", "click_id", NOT_SET),
    protected(Dimension::Score, "visit:score", Scope::Visit, "score"),
    entry(Dimension::EntryPage, "visit:entry_page", Scope::Entry, "path", NOT_SET),
    entry(Dimension::ExitPage, "visit:exit_page", Scope::Exit, "path", NOT_SET),
];

/// Every property; its own name is only known to the query.
const PROP: Entry = protected(Dimension::Prop(0), "event:props", Scope::Event, "props");

const fn entry(
    dimension: Dimension,
    name: &'static str,
    scope: Scope,
    column: &'static str,
    label: &'static str,
) -> Entry {
    Entry { dimension, name, scope, column, label, protected: false }
}

const fn visit(
    dimension: Dimension,
    name: &'static str,
    column: &'static str,
    label: &'static str,
) -> Entry {
    entry(dimension, name, Scope::Visit, column, label)
}

const fn protected(
    dimension: Dimension,
    name: &'static str,
    scope: Scope,
    column: &'static str,
) -> Entry {
    Entry { dimension, name, scope, column, label: NOT_SET, protected: true }
}

impl Dimension {
    /// The dimension called `name`; properties are known to the query alone.
    pub(crate) fn find(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.dimension)
    }

    /// All names, for an error that says what is allowed.
    pub(crate) fn allowed() -> String {
        names(|_| true)
    }

    /// The names that a filter may use.
    pub(crate) fn filterable() -> String {
        names(|dimension| !dimension.is_time())
    }

    /// The name in queries and answers; of a property only what all have in common, see
    /// `RawQuery::name_of`.
    pub(crate) fn name(self) -> &'static str {
        self.entry().name
    }

    /// What it belongs to.
    pub(crate) fn scope(self) -> Scope {
        self.entry().scope
    }

    /// The stored column; all properties are in one.
    pub(crate) fn column(self) -> &'static str {
        self.entry().column
    }

    /// The text shown, and accepted in a filter, for an empty value.
    pub(crate) fn label(self) -> &'static str {
        self.entry().label
    }

    /// Whether its values are protected by decision 11 (b).
    pub(crate) fn is_protected(self) -> bool {
        self.entry().protected
    }

    /// A day, a week or a month: makes no list, and no combination.
    pub(crate) fn is_period(self) -> bool {
        self.scope() == Scope::Period
    }

    /// A period, an hour or a minute: cannot be filtered on.
    pub(crate) fn is_time(self) -> bool {
        matches!(self.scope(), Scope::Period | Scope::Hour | Scope::Minute)
    }

    /// An attribute of the visit, so that visits must be derived.
    pub(crate) fn is_of_visits(self) -> bool {
        matches!(self.scope(), Scope::Visit | Scope::Entry | Scope::Exit)
    }

    /// The `dim` under which table `totals` has it by value; none for periods, minutes and
    /// properties.
    pub(crate) fn totals(self) -> Option<&'static str> {
        match (self, self.scope()) {
            (Self::Prop(_), _) | (_, Scope::Period | Scope::Minute) => None,
            _ => self.name().split_once(':').map(|(_, dim)| dim),
        }
    }

    fn entry(self) -> &'static Entry {
        TABLE.iter().find(|entry| entry.dimension == self).unwrap_or(&PROP)
    }
}

fn names(fits: impl Fn(Dimension) -> bool) -> String {
    let fitting = TABLE.iter().filter(|entry| fits(entry.dimension)).map(|entry| entry.name);
    let names: Vec<&str> = fitting.collect();
    format!("{}, {PROP_PREFIX}NAME", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_is_found_by_its_name() {
        for entry in &TABLE {
            assert_eq!(Dimension::find(entry.name), Some(entry.dimension));
            assert_eq!(entry.dimension.name(), entry.name);
        }
        assert_eq!(Dimension::find("event:page'"), None);
        assert_eq!(Dimension::find("event:props"), None);
        assert_eq!(Dimension::find("event:props:plan"), None);
    }

    #[test]
    fn what_decision_11_names_is_protected() {
        let protected = TABLE.iter().filter(|entry| entry.protected).map(|entry| entry.name);
        assert_eq!(
            protected.collect::<Vec<_>>(),
            [
                "visit:utm_term",
                "visit:utm_content",
                "visit:region",
                "visit:city",
                "visit:language",
                "visit:screen",
                "visit:score",
            ]
        );
        assert!(Dimension::Prop(3).is_protected());
    }

    #[test]
    fn time_cannot_be_filtered() {
        assert!(!Dimension::filterable().contains("time:"));
        assert!(Dimension::filterable().contains("visit:exit_page, event:props:NAME"));
        assert!(Dimension::Week.is_time() && Dimension::Week.is_period());
        assert!(Dimension::Minute.is_time() && !Dimension::Minute.is_period());
    }

    #[test]
    fn a_property_is_one_of_events_in_the_column_of_all() {
        let prop = Dimension::Prop(1);
        assert_eq!((prop.scope(), prop.column(), prop.label()), (Scope::Event, "props", NOT_SET));
        assert!(!prop.is_of_visits() && !prop.is_time());
    }

    #[test]
    fn totals_know_dimensions_by_a_word() {
        for (dimension, dim) in [
            (Dimension::Page, Some("page")),
            (Dimension::Name, Some("name")),
            (Dimension::Hostname, Some("hostname")),
            (Dimension::EntryPage, Some("entry_page")),
            (Dimension::UtmTerm, Some("utm_term")),
            (Dimension::Hour, Some("hour")),
            (Dimension::Prop(0), None),
            (Dimension::Minute, None),
            (Dimension::Day, None),
            (Dimension::Week, None),
        ] {
            assert_eq!(dimension.totals(), dim, "{dimension:?}");
        }
    }
}
