//! SQL that derives visits from stored events.
//!
//! A visit is a run of the events of one visitor and day, engagement left out, with gaps of at
//! most 1,800 s, in the order (ts, batch, position, spool). The events of a visit stay together
//! as an array of tuples, sorted, so that first, last, entry and exit are looked up by place.
//! A tuple holds only what a query uses: a caller names raw expressions over `open_events` and
//! gets back where they are found. Rows without a token make no visit and are not read here.

/// Seconds between two events that still belong to one visit.
const MAX_GAP_SECONDS: u32 = 1_800;

/// The rows of the range; parameters `site`, `from`, `to`.
pub(crate) const ROWS: &str = "site = {site:UInt32} AND day BETWEEN {from:Date} AND {to:Date} \
                               AND name != 'engagement'";
/// Raw expression: 1 for a pageview.
pub(crate) const PAGEVIEW: &str = "name = 'pageview'";
/// Raw expression: the second of the event.
pub(crate) const SECOND: &str = "toUnixTimestamp(ts)";

/// An expression that is always false; it needs no place in a tuple.
pub(crate) const NEVER: &str = "0";

/// What decides the order of events; the first is [`SECOND`].
const ORDER: [&str; 4] = [SECOND, "batch", "position", "spool"];

/// The tuple of an event, growing with what is asked of it.
pub(crate) struct Visits {
    parts: Vec<String>,
}

impl Visits {
    /// Events known by their order alone.
    pub(crate) fn new() -> Self {
        Self { parts: ORDER.map(str::to_owned).to_vec() }
    }

    /// The value of the raw expression `raw` in the tuple called `event`.
    pub(crate) fn of(&mut self, event: &str, raw: &str) -> String {
        if raw == NEVER {
            return NEVER.to_owned();
        }
        let found = self.parts.iter().position(|part| part == raw);
        let place = found.unwrap_or_else(|| {
            self.parts.push(raw.to_owned());
            self.parts.len() - 1
        });
        format!("tupleElement({event}, {})", place + 1)
    }

    /// Its value in the first event of the visit (first touch).
    pub(crate) fn first(&mut self, raw: &str) -> String {
        self.of("visit[1]", raw)
    }

    /// Its value in the first pageview of the visit; empty or 0 when there is none.
    pub(crate) fn entry(&mut self, raw: &str) -> String {
        let pageview = self.of("y", PAGEVIEW);
        self.of(&format!("arrayFirst(y -> {pageview}, visit)"), raw)
    }

    /// Its value in the last pageview of the visit; empty or 0 when there is none.
    pub(crate) fn exit(&mut self, raw: &str) -> String {
        let pageview = self.of("y", PAGEVIEW);
        self.of(&format!("arrayLast(y -> {pageview}, visit)"), raw)
    }

    /// Seconds from the first to the last event.
    pub(crate) fn duration(&mut self) -> String {
        format!("{} - {}", self.of("visit[-1]", SECOND), self.of("visit[1]", SECOND))
    }

    /// 1 when at most one event of the visit counts against a bounce.
    pub(crate) fn bounce(&mut self) -> String {
        format!("arrayCount(y -> {} = 1, visit) <= 1", self.of("y", "interactive"))
    }

    /// Number of pageviews.
    pub(crate) fn pageviews(&mut self) -> String {
        format!("arrayCount(y -> {}, visit)", self.of("y", PAGEVIEW))
    }

    /// One row a visit: `day`, `visitor`, `visit`. Call it last: it holds what was asked before.
    pub(crate) fn sql(&self) -> String {
        let parts = self.parts.join(", ");
        format!(
            "SELECT day, visitor, visit FROM (SELECT day, visitor, \
             arraySort(groupArray(tuple({parts}))) AS events \
             FROM open_events WHERE {ROWS} AND visitor != 0 GROUP BY visitor, day) \
             ARRAY JOIN arraySplit((y, gap) -> gap > {MAX_GAP_SECONDS}, events, \
             arrayDifference(arrayMap(y -> toInt64(tupleElement(y, 1)), events))) AS visit"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_holds_each_expression_once_behind_the_order() {
        let mut visits = Visits::new();
        assert_eq!(visits.first("path"), "tupleElement(visit[1], 5)");
        assert_eq!(visits.of("x", "path"), "tupleElement(x, 5)");
        assert_eq!(visits.duration(), "tupleElement(visit[-1], 1) - tupleElement(visit[1], 1)");
        assert!(visits.sql().contains("tuple(toUnixTimestamp(ts), batch, position, spool, path)"));
    }

    #[test]
    fn a_gap_of_half_an_hour_is_within_a_visit() {
        assert!(Visits::new().sql().contains("gap > 1800"));
    }
}
