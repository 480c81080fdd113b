//! The dimensions of a report, as one table.
//!
//! A column named here is an identifier of SQL and never comes from a request.

/// What a report is broken down by, or filtered on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// Site-local day.
    Day,
    /// Hour counted from the first instant of the day.
    Hour,
    /// Path of the event's page.
    Page,
    /// Name of the event.
    Name,
    /// First-touch source of the visit.
    Source,
    /// First-touch channel of the visit.
    Channel,
    /// Country of the visit.
    Country,
    /// Region of the visit; protected.
    Region,
    /// City of the visit; protected.
    City,
    /// Browser of the visit.
    Browser,
    /// Operating system of the visit.
    Os,
    /// Kind of device of the visit.
    Device,
    /// Path of the first pageview of the visit.
    EntryPage,
    /// Path of the last pageview of the visit.
    ExitPage,
}

/// What a dimension belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A day.
    Day,
    /// An hour: a dimension of its own for decision 11 (c).
    Hour,
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

const NOT_SET: &str = "(not set)";

const TABLE: [Entry; 14] = [
    entry(Dimension::Day, "time:day", Scope::Day, "day", ""),
    entry(Dimension::Hour, "time:hour", Scope::Hour, "hour", ""),
    entry(Dimension::Page, "event:page", Scope::Event, "path", NOT_SET),
    entry(Dimension::Name, "event:name", Scope::Event, "name", NOT_SET),
    entry(Dimension::Source, "visit:source", Scope::Visit, "source", "Direct / None"),
    entry(Dimension::Channel, "visit:channel", Scope::Visit, "channel", NOT_SET),
    entry(Dimension::Country, "visit:country", Scope::Visit, "country", NOT_SET),
    protected(Dimension::Region, "visit:region", "region"),
    protected(Dimension::City, "visit:city", "city"),
    entry(Dimension::Browser, "visit:browser", Scope::Visit, "browser", NOT_SET),
    entry(Dimension::Os, "visit:os", Scope::Visit, "os", NOT_SET),
    entry(Dimension::Device, "visit:device", Scope::Visit, "device", NOT_SET),
    entry(Dimension::EntryPage, "visit:entry_page", Scope::Entry, "path", NOT_SET),
    entry(Dimension::ExitPage, "visit:exit_page", Scope::Exit, "path", NOT_SET),
];

const fn entry(
    dimension: Dimension,
    name: &'static str,
    scope: Scope,
    column: &'static str,
    label: &'static str,
) -> Entry {
    Entry { dimension, name, scope, column, label, protected: false }
}

const fn protected(dimension: Dimension, name: &'static str, column: &'static str) -> Entry {
    Entry { dimension, name, scope: Scope::Visit, column, label: NOT_SET, protected: true }
}

impl Dimension {
    /// The dimension called `name`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.dimension)
    }

    /// All names, for an error that says what is allowed.
    pub(crate) fn allowed() -> String {
        TABLE.map(|entry| entry.name).join(", ")
    }

    /// The names that a filter may use.
    pub(crate) fn filterable() -> String {
        let names: Vec<&str> =
            TABLE.iter().filter(|entry| !entry.dimension.is_time()).map(|e| e.name).collect();
        names.join(", ")
    }

    /// The name in queries and answers.
    pub(crate) fn name(self) -> &'static str {
        self.entry().map_or("", |entry| entry.name)
    }

    /// What it belongs to.
    pub(crate) fn scope(self) -> Scope {
        self.entry().map_or(Scope::Day, |entry| entry.scope)
    }

    /// The stored column.
    pub(crate) fn column(self) -> &'static str {
        self.entry().map_or("day", |entry| entry.column)
    }

    /// The text shown, and accepted in a filter, for an empty value.
    pub(crate) fn label(self) -> &'static str {
        self.entry().map_or("", |entry| entry.label)
    }

    /// Whether its values are protected by decision 11 (b).
    pub(crate) fn is_protected(self) -> bool {
        self.entry().is_some_and(|entry| entry.protected)
    }

    /// A day or an hour: cannot be filtered on.
    pub(crate) fn is_time(self) -> bool {
        matches!(self.scope(), Scope::Day | Scope::Hour)
    }

    /// An attribute of the visit, so that visits must be derived.
    pub(crate) fn is_of_visits(self) -> bool {
        matches!(self.scope(), Scope::Visit | Scope::Entry | Scope::Exit)
    }

    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.dimension == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_is_found_by_its_name() {
        for entry in &TABLE {
            assert_eq!(Dimension::find(entry.name), Some(entry.dimension));
        }
        assert_eq!(Dimension::find("event:page'"), None);
    }

    #[test]
    fn places_finer_than_a_country_are_protected() {
        assert!(Dimension::City.is_protected() && Dimension::Region.is_protected());
        assert!(!Dimension::Country.is_protected() && !Dimension::Page.is_protected());
    }

    #[test]
    fn time_cannot_be_filtered() {
        assert!(!Dimension::filterable().contains("time:"));
        assert!(Dimension::filterable().contains("visit:exit_page"));
    }
}
