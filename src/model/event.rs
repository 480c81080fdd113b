//! The reduced event: what we believe happened, without anything that identifies.

use std::borrow::Cow;

use crate::model::day::Day;
use crate::model::site::SiteId;

/// `Event::scroll` when no scroll depth was reported.
pub const SCROLL_NONE: u8 = 255;

/// One event of one site, after the privacy pipeline: the columns of `open_events`.
///
/// It holds no address, no User-Agent and no full referrer; every text is capped by `ingest`, and
/// lies where it was found: an event lives as long as its request, until its row is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
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
    pub name: Cow<'a, str>,
    /// Whether the event can end a bounce (false for engagement and `interactive: false`).
    pub interactive: bool,
    /// Sent with a send key alone: never fills a protected group.
    pub by_key: bool,
    /// Host of the page, without `www.`; empty for a pixel in a mail.
    pub hostname: Cow<'a, str>,
    /// Path of the page after reduction, beginning with `/`; empty for a pixel in a mail.
    pub path: Cow<'a, str>,
    /// Host of the referrer, without `www.`; empty when there is none or it is the site itself.
    pub referrer: Cow<'a, str>,
    /// Name of the source, such as `Google`; empty for direct visits.
    pub source: Cow<'a, str>,
    /// Name of the channel, such as `Organic Search`.
    pub channel: Cow<'a, str>,
    /// The five campaign parameters; empty when not given.
    pub utm_source: Cow<'a, str>,
    /// `utm_medium`.
    pub utm_medium: Cow<'a, str>,
    /// `utm_campaign`.
    pub utm_campaign: Cow<'a, str>,
    /// `utm_term`.
    pub utm_term: Cow<'a, str>,
    /// `utm_content`.
    pub utm_content: Cow<'a, str>,
    /// Name of the click-id parameter of the page's address, such as `gclid`, or empty. Its value
    /// is not kept.
    pub click_id: Cow<'a, str>,
    /// ISO 3166-1 alpha-2 code, or empty.
    pub country: Cow<'a, str>,
    /// The database's name of the first-level subdivision, or empty.
    pub region: Cow<'a, str>,
    /// The database's name of the city, or empty.
    pub city: Cow<'a, str>,
    /// Browser family, or empty.
    pub browser: Cow<'a, str>,
    /// Major version of the browser, or empty.
    pub browser_version: Cow<'a, str>,
    /// Operating system family, or empty.
    pub os: Cow<'a, str>,
    /// Version of the operating system, or empty.
    pub os_version: Cow<'a, str>,
    /// `Desktop`, `Mobile`, `Tablet`, `TV`, or empty.
    pub device: Cow<'a, str>,
    /// Primary language subtag, or empty.
    pub language: Cow<'a, str>,
    /// Screen class, or empty.
    pub screen: Cow<'a, str>,
    /// How many weak signs of a machine the request carried: 0 for none, at most 100.
    pub score: u8,
    /// Engaged time of this report in milliseconds (engagement events only).
    pub engaged_ms: u32,
    /// Deepest scroll in percent, or [`SCROLL_NONE`].
    pub scroll: u8,
    /// Custom properties, at most 30, sorted by name.
    pub props: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Revenue in thousandths of the currency unit.
    pub revenue: i64,
    /// ISO 4217 code of the revenue, or empty.
    pub currency: Cow<'a, str>,
}

impl Event<'_> {
    /// The same event on its own, for whoever keeps it.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Event {
            site: self.site,
            day: self.day,
            hour: self.hour,
            ts: self.ts,
            visitor: self.visitor,
            name: own(self.name),
            interactive: self.interactive,
            by_key: self.by_key,
            hostname: own(self.hostname),
            path: own(self.path),
            referrer: own(self.referrer),
            source: own(self.source),
            channel: own(self.channel),
            utm_source: own(self.utm_source),
            utm_medium: own(self.utm_medium),
            utm_campaign: own(self.utm_campaign),
            utm_term: own(self.utm_term),
            utm_content: own(self.utm_content),
            click_id: own(self.click_id),
            country: own(self.country),
            region: own(self.region),
            city: own(self.city),
            browser: own(self.browser),
            browser_version: own(self.browser_version),
            os: own(self.os),
            os_version: own(self.os_version),
            device: own(self.device),
            language: own(self.language),
            screen: own(self.screen),
            score: self.score,
            engaged_ms: self.engaged_ms,
            scroll: self.scroll,
            props: self.props.into_iter().map(|(name, value)| (own(name), own(value))).collect(),
            revenue: self.revenue,
            currency: own(self.currency),
        }
    }
}
