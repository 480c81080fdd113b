//! What pages report about themselves: Web Vitals and errors of their scripts. Neither carries a
//! token, an hour or anything else of the visitor; both are counts per site and day.

use crate::model::day::Day;
use crate::model::site::SiteId;

/// How much larger the values of a bucket are than those of the one before.
const RATIO: f64 = 1.05;
/// Units in which values of all metrics are whole numbers: a hundredth of a millisecond, or
/// a ten-thousandth of CLS.
const UNIT: f64 = 0.01;
/// The highest bucket: values from about a minute on are one.
const BUCKET_MAX: u16 = 320;

/// A metric of the Web Vitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Largest Contentful Paint, milliseconds.
    Lcp,
    /// Interaction to Next Paint, milliseconds.
    Inp,
    /// Cumulative Layout Shift, without unit.
    Cls,
    /// First Contentful Paint, milliseconds.
    Fcp,
    /// Time to First Byte, milliseconds.
    Ttfb,
}

/// One measured value of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vital {
    /// The site.
    pub site: SiteId,
    /// The site-local day.
    pub day: Day,
    /// Path of the page, after reduction.
    pub path: String,
    /// Kind of device, or empty.
    pub device: String,
    /// Country, or empty.
    pub country: String,
    /// What was measured.
    pub metric: Metric,
    /// The bucket of the value, see [`Metric::bucket`].
    pub bucket: u16,
}

/// One error of a page's scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// The site.
    pub site: SiteId,
    /// The site-local day.
    pub day: Day,
    /// Path of the page, after reduction.
    pub path: String,
    /// Browser family, or empty.
    pub browser: String,
    /// The message without digits, quoted text and addresses.
    pub template: String,
}

/// Why something of an accepted event was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeptBack {
    /// A property that the site has not declared; the name is offered to the owner.
    Property,
    /// A value of a property that looks like an id or an address; the name is the property's.
    Value,
    /// A value beyond the most that a dimension may have on a day; the name is the dimension's.
    Distinct,
}

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 5] = [Self::Lcp, Self::Inp, Self::Cls, Self::Fcp, Self::Ttfb];

    /// The name in payloads, tables and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lcp => "lcp",
            Self::Inp => "inp",
            Self::Cls => "cls",
            Self::Fcp => "fcp",
            Self::Ttfb => "ttfb",
        }
    }

    /// The metric of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// The largest value that is believed: ten minutes, or a shift of 100.
    const fn most(self) -> f64 {
        match self {
            Self::Cls => 100.0,
            _ => 600_000.0,
        }
    }

    /// CLS is about a thousandth of what milliseconds are.
    const fn scale(self) -> f64 {
        match self {
            Self::Cls => 1_000.0,
            _ => 1.0,
        }
    }

    /// The bucket of a value: 0 for 0, else `1 + floor(log(1 + value·scale / 0.01) / log 1.05)`, at
    /// most 320. So a percentile read from buckets is at most 5 % off. None for what is no value of
    /// this metric.
    #[must_use]
    pub fn bucket(self, value: f64) -> Option<u16> {
        if !(0.0..=self.most()).contains(&value) {
            return None;
        }
        if value == 0.0 {
            return Some(0);
        }
        let place = (1.0 + value * self.scale() / UNIT).ln() / RATIO.ln();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 400: values have a largest one"
        )]
        Some((1 + place as u16).min(BUCKET_MAX))
    }

    /// The value in the middle of a bucket.
    #[must_use]
    pub fn value(self, bucket: u16) -> f64 {
        let Some(place) = bucket.checked_sub(1) else { return 0.0 };
        (RATIO.powf(f64::from(place) + 0.5) - 1.0) * UNIT / self.scale()
    }
}

impl KeptBack {
    /// The name in tables and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Property => "property",
            Self::Value => "value",
            Self::Distinct => "distinct",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_tells_a_value_within_five_percent() {
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.name()), Some(metric));
            let mut value = 1.0 / metric.scale();
            while value < 60_000.0 / metric.scale() {
                let told = metric.value(metric.bucket(value).unwrap());
                assert!((told - value).abs() <= 0.05 * value, "{metric:?} {value} {told}");
                value *= 1.013;
            }
            assert_eq!(metric.bucket(0.0), Some(0));
            assert!(metric.value(0) == 0.0);
            assert_eq!(metric.bucket(metric.most()).unwrap(), BUCKET_MAX);
        }
    }

    #[test]
    fn what_is_no_value_has_no_bucket() {
        for value in [-1.0, f64::NAN, f64::INFINITY, 600_001.0] {
            assert_eq!(Metric::Lcp.bucket(value), None);
        }
        assert_eq!(Metric::Cls.bucket(100.1), None);
    }
}
