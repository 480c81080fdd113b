//! Bytes on disk, by table and by column, from the engine's list of parts.

use crate::door;
use crate::home::Opened;
use crate::notes::Notes;
use crate::plan::SITES;

/// Columns named in a table.
const COLUMNS: usize = 10;

/// All parts of a table.
const ALL: &str = "1";
/// A partition of one part is left as it is.
const SKIP: [(&str, &str); 1] = [("optimize_skip_merged_partitions", "1")];

/// Rows, bytes on disk and number of those parts of a table for which `parts` holds.
pub(crate) fn table(opened: &Opened, table: &str, parts: &str) -> (u64, u64, u64) {
    let sql = format!(
        "SELECT sum(rows), sum(bytes_on_disk), count() FROM system.parts \
         WHERE active AND database = 'headcount' AND table = '{table}' AND {parts}"
    );
    let answer = door::ask(&opened.access, &sql, &[]).expect("parts are listed").body;
    let mut numbers = answer.split('\t').map(|text| text.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// Merges all parts of each partition; says so when the engine has no memory for it.
pub(crate) fn merge(opened: &Opened, table: &str, parts: &str) {
    let sql = format!(
        "SELECT DISTINCT partition_id FROM system.parts \
         WHERE active AND database = 'headcount' AND table = '{table}' AND {parts}"
    );
    let list = door::ask(&opened.access, &sql, &[]).expect("partitions are listed").body;
    for partition in list.lines() {
        let sql = format!("OPTIMIZE TABLE {table} PARTITION ID '{partition}' FINAL");
        if let Err(words) = door::ask(&opened.access, &sql, &SKIP) {
            println!("not merged: {table} {partition}: {words}");
        }
    }
}

/// The widest columns, bytes an event: `path 2.26, exit_page 1.21, …`.
pub(crate) fn columns(opened: &Opened, table: &str, parts: &str, events: u64) -> String {
    let sql = format!(
        "SELECT column, sum(column_data_compressed_bytes + column_marks_bytes) AS bytes \
         FROM system.parts_columns WHERE active AND database = 'headcount' AND table = '{table}' \
         AND {parts} GROUP BY column ORDER BY bytes DESC LIMIT {COLUMNS}"
    );
    let list = door::ask(&opened.access, &sql, &[]).expect("columns are listed").body;
    let columns = list.lines().filter_map(|line| line.split_once('\t')).map(|(name, bytes)| {
        let bytes: f64 = bytes.parse().unwrap_or(0.0);
        format!("{name} {:.2}", bytes / events as f64)
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Prints rows, bytes and parts of the tables: as they are, and merged.
pub(crate) fn print(opened: &Opened, notes: &Notes, events: u64) {
    println!("\n### Bytes on disk: {events} events of {SITES} sites\n");
    println!("| table | rows | MB | bytes a row | bytes an event | parts |");
    println!("|---|---|---|---|---|---|");
    line("open_events, dense days, merged", notes.open, notes.open.0);
    for name in ["hits", "totals", "closed_batches", "closed_days"] {
        line(name, table(opened, name, ALL), events);
    }
    for name in ["hits", "totals"] {
        merge(opened, name, ALL);
        line(&format!("{name}, merged"), table(opened, name, ALL), events);
    }
    println!("\nWidest columns, bytes an event. open_events: {}", notes.open_columns);
    for name in ["hits", "totals"] {
        println!("{name}: {}", columns(opened, name, ALL, events));
    }
}

fn line(name: &str, (rows, bytes, parts): (u64, u64, u64), events: u64) {
    let each = |count: u64| bytes as f64 / count.max(1) as f64;
    println!(
        "| {name} | {rows} | {:.1} | {:.2} | {:.2} | {parts} |",
        bytes as f64 / 1e6,
        each(rows),
        each(events)
    );
}
