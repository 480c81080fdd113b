//! Bytes on disk, by table and by column, from the engine's list of parts.

use crate::door;
use crate::home::Opened;

/// Columns named in a table.
const COLUMNS: usize = 10;

/// Rows and bytes on disk of a table, and its number of parts.
pub(crate) fn table(opened: &Opened, table: &str) -> (u64, u64, u64) {
    let sql = format!(
        "SELECT sum(rows), sum(bytes_on_disk), count() FROM system.parts \
         WHERE active AND database = 'headcount' AND table = '{table}'"
    );
    let answer = door::ask(&opened.access, &sql, &[]).expect("parts are listed").body;
    let mut numbers = answer.split('\t').map(|text| text.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// Merges all parts of each partition; says so when the engine has no memory for it.
pub(crate) fn merge(opened: &Opened, table: &str) {
    let sql = format!(
        "SELECT DISTINCT partition_id FROM system.parts \
         WHERE active AND database = 'headcount' AND table = '{table}'"
    );
    let list = door::ask(&opened.access, &sql, &[]).expect("partitions are listed").body;
    for partition in list.lines() {
        let sql = format!("OPTIMIZE TABLE {table} PARTITION ID '{partition}' FINAL");
        if let Err(words) = door::ask(&opened.access, &sql, &[]) {
            println!("not merged: {table} {partition}: {words}");
        }
    }
}

/// The widest columns, bytes an event: `path 2.26, exit_page 1.21, …`.
pub(crate) fn columns(opened: &Opened, table: &str, events: u64) -> String {
    let sql = format!(
        "SELECT column, sum(column_data_compressed_bytes + column_marks_bytes) AS bytes \
         FROM system.parts_columns WHERE active AND database = 'headcount' AND table = '{table}' \
         GROUP BY column ORDER BY bytes DESC LIMIT {COLUMNS}"
    );
    let list = door::ask(&opened.access, &sql, &[]).expect("columns are listed").body;
    let columns = list.lines().filter_map(|line| line.split_once('\t')).map(|(name, bytes)| {
        let bytes: f64 = bytes.parse().unwrap_or(0.0);
        format!("{name} {:.2}", bytes / events as f64)
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Prints rows, bytes an event and parts of one table.
pub(crate) fn print(opened: &Opened, name: &str, events: u64) {
    let (rows, bytes, parts) = table(opened, name);
    let each = |count: u64| bytes as f64 / count.max(1) as f64;
    println!(
        "| {name} | {rows} | {:.1} | {:.2} | {:.2} | {parts} |",
        bytes as f64 / 1e6,
        each(rows),
        each(events)
    );
}
