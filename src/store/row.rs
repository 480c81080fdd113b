//! Rows on their way to ClickHouse: how an event or a count becomes a spool record, and a record a
//! row of its table.
//!
//! Body of a record: kind (u8), day (u16), then the values of the table's columns without the last
//! three, as `RowBinary`. The last three (spool, batch, position) are known when it is inserted.

use crate::model::{Day, Event, Outcome, SiteId};
use crate::spool::Record;
use crate::store::rowbinary::RowBuilder;

/// Columns of `open_events`, in the order of their encoding.
pub(super) const EVENT_COLUMNS: &str = "site, day, hour, ts, visitor, name, interactive, by_key, \
    hostname, path, referrer, source, channel, utm_source, utm_medium, utm_campaign, utm_term, \
    utm_content, country, region, city, browser, browser_version, os, os_version, device, \
    language, screen, engaged_ms, scroll, props, revenue, currency, spool, batch, position";
/// Columns of `outcomes`, in the order of their encoding.
pub(super) const OUTCOME_COLUMNS: &str = "site, day, outcome, events, spool, batch, position";

/// Bytes before the values: kind and day.
const HEAD_BYTES: usize = 3;

/// Which table a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Event,
    Outcome,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Outcome => 2,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Event),
            2 => Some(Self::Outcome),
            _ => None,
        }
    }

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Event => "open_events",
            Self::Outcome => "outcomes",
        }
    }

    pub(super) const fn columns(self) -> &'static str {
        match self {
            Self::Event => EVENT_COLUMNS,
            Self::Outcome => OUTCOME_COLUMNS,
        }
    }
}

/// The spool record of an event; its key keeps the rows of a visitor together.
#[must_use]
pub fn event_record(event: &Event) -> Record {
    Record { key: key(event.site, event.visitor), body: encode_event(event) }
}

/// The spool record of `n` events of `site` and `day` that ended as `outcome`.
#[must_use]
pub fn outcome_record(site: SiteId, day: Day, outcome: Outcome, n: u64) -> Record {
    let mut row = head(Kind::Outcome, day);
    row.u32(site.0).u16(day.0).text(outcome.name()).u64(n);
    Record { key: key(site, 0), body: row.finish() }
}

/// The body of an event's record.
#[must_use]
pub fn encode_event(event: &Event) -> Vec<u8> {
    let mut row = head(Kind::Event, event.day);
    row.u32(event.site.0).u16(event.day.0).u8(event.hour).u32(event.ts).u64(event.visitor);
    row.text(&event.name).u8(u8::from(event.interactive)).u8(u8::from(event.by_key));
    row.text(&event.hostname).text(&event.path).text(&event.referrer);
    row.text(&event.source).text(&event.channel);
    row.text(&event.utm_source).text(&event.utm_medium).text(&event.utm_campaign);
    row.text(&event.utm_term).text(&event.utm_content);
    row.text(&event.country).text(&event.region).text(&event.city);
    row.text(&event.browser).text(&event.browser_version).text(&event.os).text(&event.os_version);
    row.text(&event.device).text(&event.language).text(&event.screen);
    row.u32(event.engaged_ms).u8(event.scroll).map(&event.props);
    row.i64(event.revenue).text(&event.currency);
    row.finish()
}

/// Kind and day of a record's body; `None` when it is not one of ours.
pub(super) fn group(body: &[u8]) -> Option<(Kind, Day)> {
    let (head, _) = body.split_first_chunk::<HEAD_BYTES>()?;
    let [kind, low, high] = *head;
    Some((Kind::of_byte(kind)?, Day(u16::from_le_bytes([low, high]))))
}

/// Appends the row of a record to `rows`.
pub(super) fn append_row(rows: &mut Vec<u8>, body: &[u8], spool: u32, batch: u64, position: u32) {
    let values = body.get(HEAD_BYTES..).unwrap_or_default();
    rows.extend_from_slice(values);
    rows.extend_from_slice(&spool.to_le_bytes());
    rows.extend_from_slice(&batch.to_le_bytes());
    rows.extend_from_slice(&position.to_le_bytes());
}

fn head(kind: Kind, day: Day) -> RowBuilder {
    let mut row = RowBuilder::with(Vec::with_capacity(256));
    row.u8(kind.byte()).u16(day.0);
    row
}

/// Site, then visitor, both big endian: sorting by it keeps neighbours from telling who came when.
fn key(site: SiteId, visitor: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (first, second) = key.split_at_mut(4);
    first.copy_from_slice(&site.0.to_be_bytes());
    second.copy_from_slice(&visitor.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_knows_its_group_and_its_row() {
        let record = outcome_record(SiteId(7), Day(20_000), Outcome::Bot, 3);
        assert_eq!(group(&record.body), Some((Kind::Outcome, Day(20_000))));
        assert_eq!(record.key, [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut rows = Vec::new();
        append_row(&mut rows, &record.body, 1, 2, 3);
        let mut expected = vec![7, 0, 0, 0, 0x20, 0x4e, 3, b'b', b'o', b't', 3];
        expected.extend([0; 7]);
        expected.extend([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(rows, expected);
    }

    #[test]
    fn foreign_bytes_have_no_group() {
        assert_eq!(group(&[]), None);
        assert_eq!(group(&[1, 2]), None);
        assert_eq!(group(&[9, 0, 0, 1]), None);
    }

    #[test]
    fn keys_sort_by_site_and_then_visitor() {
        assert!(key(SiteId(1), u64::MAX) < key(SiteId(2), 0));
        assert!(key(SiteId(1), 255) < key(SiteId(1), 256));
    }
}
