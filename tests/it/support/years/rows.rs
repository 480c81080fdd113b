//! Writes events into `open_events` as the drain does: whole batches, as the inserting user.

use std::collections::HashMap;
use std::path::Path;

use crate::support::http::Client;
use crate::support::sql::Door;
use crate::support::years::calendar::{Calendar, ZONES};
use crate::support::years::crowd::Event;
use crate::support::years::words::{COLUMNS, PROP_VALUES, PROPS};

/// Rows of one insert, at least, unless it is the last.
const INSERT_ROWS: usize = 60_000;

/// Texts as they travel: length and bytes.
struct Encoded {
    columns: Vec<Vec<Vec<u8>>>,
    props: Vec<Vec<Vec<u8>>>,
    days: Vec<Calendar>,
}

/// Inserts the events of `events` that arrive at `arrival`; `sites` are the numbers of the sites
/// in the database. Answers how many rows there were.
pub(crate) fn insert(data: &Path, sites: &[u32], events: &[Event], arrival: u8) -> usize {
    let mut batches: HashMap<(u64, u32), Vec<usize>> = HashMap::new();
    for (at, event) in events.iter().enumerate().filter(|(_, event)| event.arrival == arrival) {
        batches.entry((event.batch, event.spool)).or_default().push(at);
    }
    let mut batches: Vec<((u64, u32), Vec<usize>)> = batches.into_iter().collect();
    batches.sort_unstable();
    let encoded = Encoded::new();
    let door = Door::embedded(data, "insert");
    let mut client = Client::new(&door.url);
    let mut bytes = Vec::with_capacity(INSERT_ROWS * 400);
    let (mut rows, mut all) = (0, 0);
    for (_, list) in &batches {
        for at in list {
            encoded.row(&mut bytes, &events[*at], sites);
        }
        rows += list.len();
        if rows >= INSERT_ROWS {
            send(&mut client, &door, &bytes);
            bytes.clear();
            all += std::mem::take(&mut rows);
        }
    }
    if rows > 0 {
        send(&mut client, &door, &bytes);
    }
    all + rows
}

fn send(client: &mut Client, door: &Door, bytes: &[u8]) {
    let headers = [
        ("X-ClickHouse-User", door.user.as_str()),
        ("X-ClickHouse-Key", door.password.as_str()),
        ("X-ClickHouse-Database", door.database.as_str()),
    ];
    let path = "/?query=INSERT%20INTO%20open_events%20FORMAT%20RowBinary";
    let answer = client.post(path, &headers, bytes);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

impl Encoded {
    fn new() -> Self {
        let texts = |values: &Vec<String>| values.iter().map(|value| text(value)).collect();
        Self {
            columns: COLUMNS.iter().map(|words| texts(&words.values)).collect(),
            props: PROP_VALUES.iter().map(|words| texts(&words.values)).collect(),
            days: ZONES.iter().map(|zone| Calendar::of(zone)).collect(),
        }
    }

    /// One row, in the order of the table's columns.
    fn row(&self, bytes: &mut Vec<u8>, event: &Event, sites: &[u32]) {
        let site = usize::from(event.site);
        bytes.extend_from_slice(&sites[site].to_le_bytes());
        bytes.extend_from_slice(&self.days[site].stored(usize::from(event.day)).to_le_bytes());
        bytes.push(event.hour);
        bytes.extend_from_slice(&event.ts.to_le_bytes());
        bytes.extend_from_slice(&event.visitor.to_le_bytes());
        bytes.extend_from_slice(&self.columns[0][usize::from(event.texts[0])]);
        bytes.push(u8::from(event.interactive));
        bytes.push(u8::from(event.by_key));
        let mut column = 1;
        while column < event.texts.len() {
            bytes.extend_from_slice(&self.columns[column][usize::from(event.texts[column])]);
            column += 1;
        }
        bytes.extend_from_slice(&event.engaged_ms.to_le_bytes());
        bytes.push(event.scroll);
        self.props(bytes, event);
        bytes.extend_from_slice(&event.revenue.to_le_bytes());
        bytes.extend_from_slice(&text(if event.revenue == 0 { "" } else { "EUR" }));
        // Neither a click id nor a sign of a machine.
        bytes.extend_from_slice(&text(""));
        bytes.extend_from_slice(&text("0"));
        bytes.extend_from_slice(&event.spool.to_le_bytes());
        bytes.extend_from_slice(&event.batch.to_le_bytes());
        bytes.extend_from_slice(&event.position.to_le_bytes());
    }

    fn props(&self, bytes: &mut Vec<u8>, event: &Event) {
        let many = event.props.iter().filter(|value| **value > 0).count();
        bytes.push(u8::try_from(many).expect("few properties"));
        for ((name, values), value) in PROPS.iter().zip(&self.props).zip(event.props) {
            if value > 0 {
                bytes.extend_from_slice(&text(name));
                bytes.extend_from_slice(&values[usize::from(value)]);
            }
        }
    }
}

/// A short text with its length before it.
fn text(value: &str) -> Vec<u8> {
    let length = u8::try_from(value.len()).ok().filter(|length| *length < 128);
    let mut bytes = vec![length.expect("a short text")];
    bytes.extend_from_slice(value.as_bytes());
    bytes
}
