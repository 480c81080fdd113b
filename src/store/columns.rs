//! The columns of the tables that the spool's records go to, as a record's values lie behind each
//! other: name, ClickHouse's type, and how a value is found.

/// How the values of a column lie in a record, and how they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// So many bytes each, little endian.
    Fixed(usize),
    /// Bytes behind their length, each sent as it is.
    Text,
    /// The same in a record; sent as a list of the different ones and a number a row.
    Words,
    /// A number of pairs; the first of a pair as in `Words`, the second as in `Text`.
    Pairs,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Type in the block that is sent: that of the table, so that the server converts nothing.
    pub(super) kind: &'static str,
    pub(super) shape: Shape,
}

const fn column(name: &'static str, kind: &'static str, shape: Shape) -> Column {
    Column { name, kind, shape }
}

const fn number(name: &'static str, kind: &'static str, bytes: usize) -> Column {
    column(name, kind, Shape::Fixed(bytes))
}

const fn text(name: &'static str) -> Column {
    column(name, "String", Shape::Text)
}

const fn words(name: &'static str) -> Column {
    column(name, "LowCardinality(String)", Shape::Words)
}

/// Columns of `open_events`, without those of [`ORIGIN`].
pub(super) const EVENT: &[Column] = &[
    number("site", "UInt32", 4),
    number("day", "Date", 2),
    number("hour", "UInt8", 1),
    number("ts", "DateTime('UTC')", 4),
    number("visitor", "UInt64", 8),
    words("name"),
    number("interactive", "UInt8", 1),
    number("by_key", "UInt8", 1),
    words("hostname"),
    text("path"),
    words("referrer"),
    words("source"),
    words("channel"),
    words("utm_source"),
    words("utm_medium"),
    words("utm_campaign"),
    text("utm_term"),
    text("utm_content"),
    words("country"),
    words("region"),
    words("city"),
    words("browser"),
    words("browser_version"),
    words("os"),
    words("os_version"),
    words("device"),
    words("language"),
    words("screen"),
    number("engaged_ms", "UInt32", 4),
    number("scroll", "UInt8", 1),
    column("props", "Map(LowCardinality(String), String)", Shape::Pairs),
    number("revenue", "Decimal(18, 3)", 8),
    words("currency"),
    words("click_id"),
    words("score"),
];
/// Columns of `open_events` that version 0.1 did not write.
pub(super) const EVENT_SINCE_0_1: &[&str] = &["click_id", "score"];

/// Columns of `outcomes`.
pub(super) const OUTCOME: &[Column] = &[
    number("site", "UInt32", 4),
    number("day", "Date", 2),
    words("outcome"),
    words("reason"),
    number("events", "UInt64", 8),
];
/// Columns of `outcomes` that version 0.1 did not write.
pub(super) const OUTCOME_SINCE_0_1: &[&str] = &["reason"];

/// Columns of `kept_back`.
pub(super) const KEPT_BACK: &[Column] = &[
    number("site", "UInt32", 4),
    number("day", "Date", 2),
    words("what"),
    text("name"),
    number("events", "UInt64", 8),
];

/// Columns of `vitals`.
pub(super) const VITAL: &[Column] = &[
    number("site", "UInt32", 4),
    number("day", "Date", 2),
    words("path"),
    words("device"),
    words("country"),
    words("metric"),
    number("bucket", "UInt16", 2),
    number("events", "UInt64", 8),
];

/// Columns of `script_errors`.
pub(super) const SCRIPT_ERROR: &[Column] = &[
    number("site", "UInt32", 4),
    number("day", "Date", 2),
    words("path"),
    words("browser"),
    text("template"),
    number("events", "UInt64", 8),
];

/// Columns at the end of every row: known when it is sent, not in the record.
pub(super) const ORIGIN: &[Column] =
    &[number("spool", "UInt32", 4), number("batch", "UInt64", 8), number("position", "UInt32", 4)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema_files::{FILES, statements};

    /// The declaration of a column in the schema, from its name on.
    fn declared(table: &str, name: &str) -> String {
        let texts: Vec<String> = FILES.iter().flat_map(|file| statements(file.sql)).collect();
        let created = texts
            .iter()
            .filter(|text| text.starts_with(&format!("CREATE TABLE IF NOT EXISTS {table}\n")))
            .flat_map(|text| text.lines())
            .find(|line| line.trim_start().starts_with(&format!("{name} ")));
        let added = texts.iter().find_map(|text| {
            text.strip_prefix(&format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} "))
        });
        let line = created.map(|line| line.trim().trim_start_matches(name)).or(added);
        line.unwrap_or_else(|| panic!("{table}.{name} is not in the schema")).trim().to_owned()
    }

    #[test]
    fn types_are_those_of_the_tables() {
        let tables = [
            ("open_events", EVENT),
            ("outcomes", OUTCOME),
            ("kept_back", KEPT_BACK),
            ("vitals", VITAL),
            ("script_errors", SCRIPT_ERROR),
        ];
        for (table, columns) in tables {
            for column in columns.iter().chain(ORIGIN) {
                let declared =
                    declared(table, column.name).replace("Decimal64(3)", "Decimal(18, 3)");
                assert!(
                    declared.starts_with(column.kind),
                    "{table}.{}: {declared}, not {}",
                    column.name,
                    column.kind
                );
            }
        }
    }
}
