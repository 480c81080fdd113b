//! Reports: query → SQL → released groups → JSON.
//!
//! [`parse`] reads a query, [`run`] answers it, [`counts`] says what was not counted. This folder
//! holds all report SQL; whoever asks must have been authorised for the site before.
//!
//! # What is counted
//!
//! Only events other than engagement. An event without a token counts in `pageviews` and `events`
//! and nowhere else. A day that is closed answers as it did while it was open, minutes excepted.
//!
//! - A **visit** is a run of events of one visitor and site-local day with gaps ≤ 1,800 s, ordered
//!   by (ts, batch, position). Its attributes (source, referrer, channel, campaign, place, browser,
//!   system, device, language, screen) are those of its first event; entry and exit page are the
//!   paths of its first and last pageview, empty without one. Its duration is last − first event;
//!   it is a bounce when at most one of its events is interactive. Visits are always derived from
//!   all events of the day; filters come afterwards. An event without a token has its own
//!   attributes and empty entry and exit pages.
//! - A **value** is compared, ordered and shown as its label: an empty source is "Direct / None",
//!   any other empty value "(not set)"; a filter value that is empty means the label.
//! - A **filter** is true of an event: of its page, name, host or property, or of its visit.
//!   Conditions joined by and, or, not are true of one event as a whole. An event that passes is
//!   *selected*; a visit or visitor (that is, a pair of day and visitor) is selected by one
//!   selected event.
//! - **`visitors`**, **`visits`**: selected ones. **`pageviews`**, **`events`**: selected events.
//! - **`views_per_visit`**: all pageviews of the selected visits, by visit, two decimals.
//!   **`visit_duration`**: mean of their durations, whole seconds. **`bounce_rate`**: share of
//!   bounces, whole percent; with filters on `event:page` only over those selected visits whose
//!   entry page passes them too, put in the place of the event's page. All are rounded half up;
//!   without a visit they are 0.
//! - **`time_on_page`**: mean engaged time, whole seconds rounded half up, over the selected events
//!   that are the first of their page in their visit and were engaged at all; **`scroll_depth`**:
//!   mean of the deepest scroll, whole percent, over those that were scrolled. Engaged time belongs
//!   to the visitor's last visit that had begun by then, if that visit had the page. Of events of
//!   one page in a visit those that were not sent with a key alone come first.
//! - A **dimension** sorts selected events by their value: every row is what a filter for that
//!   value would give, a visit counts once in each row that one of its selected events reaches,
//!   and in a row of `event:page` the bounce rate is that of the visits that entered on that page (a
//!   visit without a pageview entered nowhere).
//!   `event:name` cannot be combined with the three ratios.
//! - **`time:hour`**: the stored hour, counted from the day's first instant. Visitors, pageviews and
//!   events count in the hour of the event; visits and their ratios in the hour in which the visit
//!   starts, even when its selected events are later. **`time:week`** (Monday) and **`time:month`**
//!   gather days: visitors are daily visitors, summed. **`time:minute`**: of open days only.
//! - **`realtime`**: events later than now − 300 s; visitors, pageviews, events; no dimensions.
//! - **Order**: `order_by`, else time dimensions ascending and then the first metric descending;
//!   then all dimensions ascending, texts by bytes. "(other)" is last whatever the order.
//!
//! # What is withheld
//!
//! Decision 11, with `k` visitors (visitor-days, known by an event that was not sent with a key
//! alone). A list is an answer with a dimension other than days, weeks and months (*parts*).
//!
//! - A list is withheld (`few_visitors`) when fewer than `k` visitors are selected, and
//!   (`few_visitors_in_complement`) when 1 to `k` − 1 visitors have no selected event, or have an
//!   event, or a visit, that is not selected; the same for each of several conditions that must all
//!   hold alone, for what each takes out of what the others select, and for a value or pattern
//!   that fewer than `k` visitors reach among several of one filter.
//! - Filters on two or more dimensions are a combination: when those on some of the dimensions
//!   alone select 1 to `k` − 1 visitors, or those on one leave so few out by a negation or name a
//!   value that so few reach, nothing is answered, totals neither, whatever the others say. With
//!   "or", each of the alternatives is weighed so, and as a whole. A chart or a list by parts leaves
//!   out the parts for which this holds.
//! - Region, city, properties, `utm_term`, `utm_content`, language, screen, and all dimensions of a
//!   list of two or more (parts left out), show a value only when at least `k` selected visitors
//!   have it. A list of one unprotected dimension, when filters use another dimension, shows a value
//!   only when at least `k` visitors of the site and range have it, filters aside. All other rows are
//!   one row "(other)", computed as one group; if fewer than `k` visitors were in it, the smallest
//!   shown value joins it. With filters, this is settled first for each dimension by itself on all
//!   visitors of the site and range.
//! - With a time dimension of parts every part is held to this by itself: a part that would be
//!   withheld alone is one row (part, "(other)").

pub mod cache;
mod comparison;
pub mod counts;
mod generations;
mod place;
mod query;
mod range;
mod response;
mod sizes;
mod source;
mod sql;
mod threshold;

use bytes::Bytes;
use serde_json::Value;

use crate::model::Site;
use crate::report::cache::Cache;
use crate::report::cache::CacheKey;
use crate::report::query::Dimension;
use crate::report::query::Metric;
use crate::report::query::Query;
use crate::report::sizes::Sizes;
use crate::report::sizes::Together;
use crate::report::threshold::Answer;
use crate::report::threshold::Guard;
use crate::report::threshold::Hiding;
use crate::report::threshold::Other;
use crate::report::threshold::Released;
use crate::report::threshold::Row;
use crate::report::threshold::Sets;
use crate::report::threshold::Smallest;
use crate::report::threshold::Verdict;
use crate::report::threshold::Withheld;
use crate::store::Statement;
use crate::store::Store;
use crate::store::StoreError;

pub use query::QueryError;
pub use query::RawQuery;
pub use query::parse;

/// Where rows are read from.
pub trait Reader: Sync {
    /// The rows that `statement` selects, as JSON values.
    fn select(
        &self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<Vec<Value>>, StoreError>> + Send;
}

impl Reader for Store {
    async fn select(&self, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
        Store::select(self, statement).await
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The query has no answer; the asker can mend it.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The database did not answer.
    #[error("the database did not answer a report")]
    Store(#[from] StoreError),
    /// The database answered something else than was asked.
    #[error("the database answered a report with rows of another shape")]
    Shape,
    /// Day after day of the range is being closed; it is over soon.
    #[error("days of the range are being closed")]
    Closing,
}

/// Answers a query about `site` as JSON.
///
/// `threshold` is the operator's `k`; the site's own goes before it; 1 (or 0) switches withholding
/// off. `now` is in seconds since 1970 UTC.
///
/// # Errors
/// [`ReportError::Query`] when parts of the query have no meaning together.
pub async fn run(
    raw: RawQuery,
    site: &Site,
    reader: &impl Reader,
    threshold: u32,
    now: u32,
    cache: &Cache,
) -> Result<Bytes, ReportError> {
    let mut query = query::check(raw, site, now)?;
    let mut before = query.compared(site, now);
    let together = Together { reader, cache, site: site.id };
    let threshold = site.threshold.unwrap_or(threshold);
    for _ in 0..place::TRIES {
        place::read(&mut query, &together).await?;
        if let Some(before) = &mut before {
            place::read(before, &together).await?;
        }
        let key = cache_key(&query, before.as_ref(), site, threshold);
        if let Some(answer) = key.as_ref().and_then(|key| cache.get(key)) {
            return Ok(answer);
        }
        let released = release(&query, &Guard::new(threshold, &query), reader, cache).await?;
        let compared = match &before {
            Some(before) => {
                Some(release(before, &Guard::new(threshold, before), reader, cache).await?)
            }
            None => None,
        };
        if !place::holds([Some(&query), before.as_ref()], reader, now).await? {
            continue;
        }
        let compared = before.as_ref().zip(compared.as_ref());
        let answer = Bytes::from(response::answer(&query, site, &released, compared));
        if let Some(key) = key {
            cache.insert(key, answer.clone());
        }
        return Ok(answer);
    }
    Err(ReportError::Closing)
}

/// Under what the answer is kept; `None` when it holds for this second only.
fn cache_key(
    query: &Query,
    before: Option<&Query>,
    site: &Site,
    threshold: u32,
) -> Option<CacheKey> {
    let mut text = format!("{}|{}|{:?}", site.domain, site.timezone, query.asked);
    let mut state = String::new();
    for one in [Some(query), before].into_iter().flatten() {
        if one.span.after.is_some() {
            return None;
        }
        text.push_str(&format!("|{}..{}", one.span.from, one.span.to));
        state.push_str(&one.generations.state);
        state.push('|');
    }
    Some(CacheKey::new(site.id, threshold, &text, &state))
}

async fn release(
    query: &Query,
    guard: &Guard,
    reader: &impl Reader,
    cache: &Cache,
) -> Result<Released<Answer>, ReportError> {
    let mut hiding = guard.open(query);
    if guard.needs_sets() {
        let sizes = Sizes { reader, cache, query };
        let mut days = read(&sizes, sql::sets(query), sets_of).await?;
        let few = match sql::named_values(query, guard.k()) {
            Some(statement) => read(&sizes, statement, few_of).await?,
            None => Vec::new(),
        };
        for day in &mut days {
            day.rare = few.iter().any(|(part, _, values)| *values > 0 && *part == day.day);
        }
        let rare = rare(query, &few);
        hiding = match guard.judge(query, &days, rare) {
            Verdict::Rows(hiding) => hiding,
            Verdict::Withheld(reason, visitors) => {
                return Ok(guard.withhold(Some(reason), visitors));
            }
            Verdict::Nobody => {
                let reason = has_events(query, &hiding, reader).await?;
                return Ok(guard.withhold(reason.then_some(Withheld::FewVisitors), 0));
            }
        };
    }
    fill_up(query, &mut hiding, reader, cache).await?;
    let (mut rows, mut total, mut withheld) = results(query, &hiding, reader).await?;
    if rows.is_empty() && query.asked.offset > 0 {
        // Behind the last page: the numbers of the whole list stand in its first row.
        let mut first = query.clone();
        first.asked.offset = 0;
        first.asked.limit = 1;
        (rows, total, withheld) = results(&first, &hiding, reader).await?;
        rows.clear();
    }
    Ok(guard.release(&hiding, rows, total, withheld))
}

/// Lets shown values join "(other)" until it holds enough visitors.
async fn fill_up(
    query: &Query,
    hiding: &mut Hiding,
    reader: &impl Reader,
    cache: &Cache,
) -> Result<(), ReportError> {
    let sizes = Sizes { reader, cache, query };
    for pass in hiding.passes() {
        if !hiding.is_needed() {
            return Ok(());
        }
        let during = hiding.during(&pass);
        let others = read(&sizes, sql::other(query, &pass, &during), other_of).await?;
        let short = hiding.short(others);
        if short.is_empty() {
            continue;
        }
        let smallest = |row: &[Value]| smallest_of(&pass.dimensions, row);
        let smallest = read(&sizes, sql::smallest(query, &pass, &during), smallest).await?;
        hiding.join(short, &smallest);
    }
    Ok(())
}

/// Rows, the number of all rows, the visitors in "(other)".
async fn results(
    query: &Query,
    hiding: &Hiding,
    reader: &impl Reader,
) -> Result<(Vec<Row>, u64, u64), ReportError> {
    let width = query.asked.dimensions.len();
    let rows = read(reader, sql::results(query, hiding), |row| row_of(width, row)).await?;
    let (total, withheld) = rows.first().map_or((0, 0), |(_, total, withheld)| (*total, *withheld));
    Ok((rows.into_iter().map(|(row, _, _)| row).collect(), total, withheld))
}

async fn has_events(
    query: &Query,
    hiding: &Hiding,
    reader: &impl Reader,
) -> Result<bool, ReportError> {
    let mut totals = query.clone();
    totals.asked.metrics = vec![Metric::Events];
    totals.asked.dimensions = Vec::new();
    totals.asked.order_by = Vec::new();
    totals.asked.offset = 0;
    let (rows, _, _) = results(&totals, hiding, reader).await?;
    Ok(rows.iter().any(|row| row.metrics.iter().any(|events| *events > 0)))
}

/// Whether a filter of several values names one that few visitors reach.
fn rare(query: &Query, few: &[(String, u64, u64)]) -> Option<Withheld> {
    let of_range = few.iter().filter(|(part, _, values)| *values > 0 && part.is_empty());
    let index = of_range.map(|(_, filter, _)| *filter).min()?;
    let filter = query.asked.filters.get(usize::try_from(index).ok()?)?;
    Some(if filter.operator.is_negative() {
        Withheld::FewVisitorsInComplement
    } else {
        Withheld::FewVisitors
    })
}

async fn read<T>(
    reader: &impl Reader,
    statement: Statement,
    shape: impl Fn(&[Value]) -> Option<T>,
) -> Result<Vec<T>, ReportError> {
    let rows = reader.select(statement).await?;
    rows.iter().map(|row| shape(row).ok_or(ReportError::Shape)).collect()
}

fn sets_of(row: &[Value]) -> Option<Sets> {
    let [day, selected, alone, left_out] = row else { return None };
    let numbers =
        |value: &Value| value.as_array()?.iter().map(number).collect::<Option<Vec<u64>>>();
    Some(Sets {
        day: day.as_str()?.to_owned(),
        selected: number(selected)?,
        alone: numbers(alone)?,
        left_out: numbers(left_out)?,
        rare: false,
    })
}

fn few_of(row: &[Value]) -> Option<(String, u64, u64)> {
    let [part, filter, values] = row else { return None };
    Some((part.as_str()?.to_owned(), number(filter)?, number(values)?))
}

fn other_of(row: &[Value]) -> Option<Other> {
    let [part, visitors, events] = row else { return None };
    let part = part.as_str()?.to_owned();
    Some(Other { part, visitors: number(visitors)?, events: number(events)? })
}

fn smallest_of(list: &[Dimension], row: &[Value]) -> Option<Smallest> {
    let [part, place, key] = row else { return None };
    let dimension = *list.get(usize::try_from(number(place)?).ok()?)?;
    Some(Smallest { part: part.as_str()?.to_owned(), dimension, key: key.as_str()?.to_owned() })
}

fn row_of(width: usize, row: &[Value]) -> Option<(Row, u64, u64)> {
    let (other, row) = row.split_first()?;
    let (dimensions, row) = row.split_at_checked(width)?;
    let (withheld, row) = row.split_last()?;
    let (total, metrics) = row.split_last()?;
    let texts = dimensions.iter().map(|value| value.as_str().map(str::to_owned));
    let row = Row {
        other: number(other)? == 1,
        dimensions: texts.collect::<Option<_>>()?,
        metrics: metrics.iter().map(number).collect::<Option<_>>()?,
    };
    Some((row, number(total)?, number(withheld)?))
}

/// A whole number, which a database may put in quotes.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
