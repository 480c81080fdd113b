//! What became of an event at one site: a closed set.
//!
//! Every (event, site) ends in exactly one outcome. It is a metric label, the answer's header and,
//! except for `opted_out` and `unknown_site`, a count per site and day.

/// The fate of one event at one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Durable in the spool.
    Accepted,
    /// The browser sent DNT or GPC: nothing is kept.
    OptedOut,
    /// A bot by its User-Agent, or no User-Agent.
    Bot,
    /// The referrer is on the spam list.
    SpamReferrer,
    /// The site does not count this host, path, network or country.
    Excluded,
    /// No site of that name.
    UnknownSite,
    /// The payload cannot be understood.
    Invalid,
    /// The body is larger than allowed.
    TooLarge,
    /// Too many requests of one network for one site.
    Limited,
    /// The spool's byte budget is used up.
    SpoolFull,
    /// The collector cannot take events now.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// An event that is not counted, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The outcome.
    pub outcome: Outcome,
    /// What owners read beside it: for a bot its name or sign, for an excluded event the rule; empty
    /// where the outcome says all. One of a closed set of texts, never something that was sent.
    pub reason: &'static str,
}

impl From<Outcome> for Refusal {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, reason: "" }
    }
}

impl Refusal {
    /// A bot.
    #[must_use]
    pub const fn bot(reason: &'static str) -> Self {
        Self { outcome: Outcome::Bot, reason }
    }

    /// What a rule of the site leaves out.
    #[must_use]
    pub const fn excluded(reason: &'static str) -> Self {
        Self { outcome: Outcome::Excluded, reason }
    }
}

impl Outcome {
    /// All outcomes, in the order of the design.
    pub const ALL: [Self; 12] = [
        Self::Accepted,
        Self::OptedOut,
        Self::Bot,
        Self::SpamReferrer,
        Self::Excluded,
        Self::UnknownSite,
        Self::Invalid,
        Self::TooLarge,
        Self::Limited,
        Self::SpoolFull,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The name used in metrics, headers and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::OptedOut => "opted_out",
            Self::Bot => "bot",
            Self::SpamReferrer => "spam_referrer",
            Self::Excluded => "excluded",
            Self::UnknownSite => "unknown_site",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Limited => "limited",
            Self::SpoolFull => "spool_full",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status of an answer whose outcome this is.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Accepted
            | Self::OptedOut
            | Self::Bot
            | Self::SpamReferrer
            | Self::Excluded
            | Self::UnknownSite => 202,
            Self::Invalid => 400,
            Self::TooLarge => 413,
            Self::Limited => 429,
            Self::SpoolFull | Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// Whether owners see a count of it per site and day.
    #[must_use]
    pub const fn is_counted_per_site(self) -> bool {
        !matches!(self, Self::Accepted | Self::OptedOut | Self::UnknownSite)
    }
}
