//! The reduced event: what we believe happened, without anything that identifies.

use crate::model::day::Day;
use crate::model::site::SiteId;

/// `Event::scroll` when no scroll depth was reported.
pub const SCROLL_NONE: u8 = 255;

/// One event of one site, after the privacy pipeline: the columns of `open_events`.
///
/// It holds no address, no User-Agent and no full referrer; every string is capped by `ingest`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The site.
    pub site: SiteId,
    /// The site-local day of `ts`.
    pub day: Day,
    /// Full hours since the first instant of the day.
    pub hour: u8,
    /// When it was received, whole seconds since 1970 UTC.
    pub ts: u32,
    /// The visitor token; 0 means "no token".
    pub visitor: u64,
    /// `pageview`, `engagement`, or the name of a custom event.
    pub name: String,
    /// Whether the event can end a bounce (false for engagement and `interactive: false`).
    pub interactive: bool,
    /// Sent with a send key alone: never fills a protected group.
    pub by_key: bool,
    /// Host of the page, without `www.`; empty for a pixel in a mail.
    pub hostname: String,
    /// Path of the page after reduction, beginning with `/`; empty for a pixel in a mail.
    pub path: String,
    /// Host of the referrer, without `www.`; empty when there is none or it is the site itself.
    pub referrer: String,
    /// Name of the source, such as `Google`; empty for direct visits.
    pub source: String,
    /// Name of the channel, such as `Organic Search`.
    pub channel: String,
    /// The five campaign parameters; empty when not given.
    pub utm_source: String,
    /// `utm_medium`.
    pub utm_medium: String,
    /// `utm_campaign`.
    pub utm_campaign: String,
    /// `utm_term`.
    pub utm_term: String,
    /// `utm_content`.
    pub utm_content: String,
    /// Name of the click-id parameter of the page's address, such as `gclid`, or empty. Its value
    /// is not kept.
    pub click_id: String,
    /// ISO 3166-1 alpha-2 code, or empty.
    pub country: String,
    /// The database's name of the first-level subdivision, or empty.
    pub region: String,
    /// The database's name of the city, or empty.
    pub city: String,
    /// Browser family, or empty.
    pub browser: String,
    /// Major version of the browser, or empty.
    pub browser_version: String,
    /// Operating system family, or empty.
    pub os: String,
    /// Version of the operating system, or empty.
    pub os_version: String,
    /// `Desktop`, `Mobile`, `Tablet`, `TV`, or empty.
    pub device: String,
    /// Primary language subtag, or empty.
    pub language: String,
    /// Screen class, or empty.
    pub screen: String,
    /// How many weak signs of a machine the request carried: 0 for none, at most 100.
    pub score: u8,
    /// Engaged time of this report in milliseconds (engagement events only).
    pub engaged_ms: u32,
    /// Deepest scroll in percent, or [`SCROLL_NONE`].
    pub scroll: u8,
    /// Custom properties, at most 30, sorted by name.
    pub props: Vec<(String, String)>,
    /// Revenue in thousandths of the currency unit.
    pub revenue: i64,
    /// ISO 4217 code of the revenue, or empty.
    pub currency: String,
}
