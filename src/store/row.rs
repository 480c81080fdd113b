//! Rows on their way to ClickHouse: how an event or a count becomes a spool record, and a record a
//! row of its table.
//!
//! Body of a record: kind (u8), day (u16), then the values of the table's columns without the last
//! three, as `RowBinary` ([`columns`]). The last three (spool, batch, position) are known when it is inserted.

use crate::model::{Day, Event, KeptBack, Outcome, ScriptError, SiteId, Vital};
use crate::spool::Record;
use crate::store::columns::{self, Column};
use crate::store::rowbinary::RowBuilder;

/// Bytes before the values: kind and day.
const HEAD_BYTES: usize = 3;

/// Which table a record belongs to, and with which columns it was written.
///
/// A batch holds records of one version of the program: a start seals what it finds. So a table is
/// never named twice by the kinds of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// An event of version 0.1.
    EventOld,
    /// A count of version 0.1.
    OutcomeOld,
    KeptBack,
    Event,
    Outcome,
    Vital,
    ScriptError,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::EventOld,
        Self::OutcomeOld,
        Self::KeptBack,
        Self::Event,
        Self::Outcome,
        Self::Vital,
        Self::ScriptError,
    ];

    /// The first byte of a record's body. Never given to another kind.
    const fn byte(self) -> u8 {
        match self {
            Self::EventOld => 1,
            Self::OutcomeOld => 2,
            Self::KeptBack => 3,
            Self::Event => 4,
            Self::Outcome => 5,
            Self::Vital => 6,
            Self::ScriptError => 7,
        }
    }

    fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::EventOld | Self::Event => "open_events",
            Self::OutcomeOld | Self::Outcome => "outcomes",
            Self::KeptBack => "kept_back",
            Self::Vital => "vitals",
            Self::ScriptError => "script_errors",
        }
    }

    /// The columns of its values, in their order.
    pub(super) fn columns(self) -> impl Iterator<Item = &'static Column> {
        let (all, absent): (&[Column], &[&str]) = match self {
            Self::EventOld => (columns::EVENT, columns::EVENT_SINCE_0_1),
            Self::Event => (columns::EVENT, &[]),
            Self::OutcomeOld => (columns::OUTCOME, columns::OUTCOME_SINCE_0_1),
            Self::Outcome => (columns::OUTCOME, &[]),
            Self::KeptBack => (columns::KEPT_BACK, &[]),
            Self::Vital => (columns::VITAL, &[]),
            Self::ScriptError => (columns::SCRIPT_ERROR, &[]),
        };
        all.iter().filter(|column| !absent.contains(&column.name))
    }

    /// Whether its rows are taken in when their day is closed.
    pub(super) const fn is_closed_with_its_day(self) -> bool {
        matches!(self, Self::EventOld | Self::Event)
    }
}

/// The spool record of an event; its key keeps the rows of a visitor together.
#[must_use]
pub fn event_record(event: &Event<'_>) -> Record {
    Record { key: key(event.site, event.visitor), body: encode_event(event) }
}

/// The spool record of `n` events of `site` and `day` that ended as `outcome` for `reason`.
#[must_use]
pub fn outcome_record(site: SiteId, day: Day, outcome: Outcome, reason: &str, n: u64) -> Record {
    let mut row = head(Kind::Outcome, day);
    row.u32(site.0).u16(day.0).text(outcome.name()).text(reason).u64(n);
    Record { key: key(site, 0), body: row.finish() }
}

/// The spool record of `n` times that something was kept back at `site` on `day`; `name` is the
/// name of a property or of a dimension, never a value.
#[must_use]
pub fn kept_back_record(site: SiteId, day: Day, what: KeptBack, name: &str, n: u64) -> Record {
    let mut row = head(Kind::KeptBack, day);
    row.u32(site.0).u16(day.0).text(what.name()).text(name).u64(n);
    Record { key: key(site, 0), body: row.finish() }
}

/// The spool record of one measured Web Vital.
#[must_use]
pub fn vital_record(vital: &Vital) -> Record {
    let mut row = head(Kind::Vital, vital.day);
    row.u32(vital.site.0).u16(vital.day.0).text(&vital.path).text(&vital.device);
    row.text(&vital.country).text(vital.metric.name()).u16(vital.bucket).u64(1);
    Record { key: key(vital.site, 0), body: row.finish() }
}

/// The spool record of one error of a page's scripts.
#[must_use]
pub fn script_error_record(error: &ScriptError) -> Record {
    let mut row = head(Kind::ScriptError, error.day);
    row.u32(error.site.0).u16(error.day.0).text(&error.path).text(&error.browser);
    row.text(&error.template).u64(1);
    Record { key: key(error.site, 0), body: row.finish() }
}

/// The body of an event's record.
#[must_use]
pub fn encode_event(event: &Event<'_>) -> Vec<u8> {
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
    row.text(&event.click_id).text(score_text(event.score));
    row.finish()
}

/// A score as text, in steps of ten: a number of few values that lists and filters show as it is.
const fn score_text(score: u8) -> &'static str {
    match score {
        0..10 => "0",
        10..20 => "10",
        20..30 => "20",
        30..40 => "30",
        40..50 => "40",
        50..60 => "50",
        60..70 => "60",
        70..80 => "70",
        80..90 => "80",
        90..100 => "90",
        100.. => "100",
    }
}

/// Kind and day of a record's body; `None` when it is not one of ours.
pub(super) fn group(body: &[u8]) -> Option<(Kind, Day)> {
    let (head, _) = body.split_first_chunk::<HEAD_BYTES>()?;
    let [kind, low, high] = *head;
    Some((Kind::of_byte(kind)?, Day(u16::from_le_bytes([low, high]))))
}

/// The site of a record whose body is one of ours.
pub(super) fn site(body: &[u8]) -> Option<u32> {
    values(body).first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The values of a record's body.
pub(super) fn values(body: &[u8]) -> &[u8] {
    body.get(HEAD_BYTES..).unwrap_or_default()
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
        let record = outcome_record(SiteId(7), Day(20_000), Outcome::Bot, "other", 3);
        assert_eq!(group(&record.body), Some((Kind::Outcome, Day(20_000))));
        assert_eq!(record.key, [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut expected = vec![7, 0, 0, 0, 0x20, 0x4e, 3, b'b', b'o', b't'];
        expected.extend([5, b'o', b't', b'h', b'e', b'r', 3]);
        expected.extend([0; 7]);
        assert_eq!(values(&record.body), expected);
    }

    #[test]
    fn foreign_bytes_have_no_group() {
        assert_eq!(group(&[]), None);
        assert_eq!(group(&[1, 2]), None);
        assert_eq!(group(&[9, 0, 0, 1]), None);
    }

    #[test]
    fn every_kind_is_known_by_its_byte() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_byte(kind.byte()), Some(kind));
            assert_eq!(kind.columns().next().map(|column| column.name), Some("site"));
        }
        assert_eq!(Kind::of_byte(0), None);
    }

    #[test]
    fn records_of_version_0_1_keep_their_columns() {
        for (byte, count, later) in [(1, 33, "click_id"), (2, 4, "reason")] {
            let (kind, _) = group(&[byte, 0, 0]).unwrap();
            assert_eq!(kind.columns().count(), count);
            assert!(kind.columns().all(|column| column.name != later));
        }
    }

    #[test]
    fn keys_sort_by_site_and_then_visitor() {
        assert!(key(SiteId(1), u64::MAX) < key(SiteId(2), 0));
        assert!(key(SiteId(1), 255) < key(SiteId(1), 256));
    }
}
