//! What a site can tell its visitors about headcount, from the configuration in force: what is
//! collected and why, and which promises that sites make are kept by it, each with the test that
//! holds it.
//!
//! It reads the configuration and the cached list of sites; it starts no engine and changes
//! nothing. What is said is bound to tests by name, so that a sentence cannot outlive its proof.

mod promises;
mod text;

use std::fmt::Write as _;

use serde::Serialize;

use crate::account::sites;
use crate::app::fatal::{FAILED, Fatal};
use crate::config::Config;
use crate::keys;
use crate::model::Site;
use crate::server::norms;

pub use promises::{PROMISES, Promise, State};

/// Where the keys of the day are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyPlace {
    /// In memory and in this directory on a RAM disk.
    Named(String),
    /// In memory and in the first directory on a RAM disk that fits.
    Found,
    /// In memory only, because swap is on.
    Memory,
}

/// What the text depends on.
struct Facts {
    site: Option<Site>,
    collector: Option<String>,
    threshold: u32,
    retention_months: u32,
    knows_places: bool,
    keys: KeyPlace,
    allows_swap: bool,
    proxies: Vec<String>,
    is_external: bool,
    first_party: Option<String>,
    has_datacentre_list: bool,
    has_spam_list: bool,
}

/// A part of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Its sentences, a line each.
    pub lines: Vec<String>,
}

/// A file that a site may serve from its own origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// Path on the origin.
    pub path: &'static str,
    /// What it holds.
    pub content: String,
    /// What it says, and when not to serve it.
    pub meaning: &'static str,
}

/// One row of the table of promises under this configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Number of the promise.
    pub number: u8,
    /// What sites promise.
    pub promise: &'static str,
    /// Whether it is kept.
    pub state: State,
    /// How, or what is missing.
    pub how: String,
    /// Names of the tests that hold it.
    pub tests: &'static [&'static str],
}

/// All that is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The site, when one was named.
    pub site: Option<String>,
    /// Text for a privacy policy.
    pub text: Vec<Section>,
    /// Files to copy.
    pub files: Vec<Copy>,
    /// Promises that sites make.
    pub promises: Vec<Kept>,
}

impl Policy {
    /// What holds under `config`, for one site or for all.
    ///
    /// # Errors
    /// When the list of sites is known and does not name `domain`.
    pub fn of(config: &Config, domain: Option<&str>) -> Result<Self, Fatal> {
        let facts = Facts::of(config, domain)?;
        let files = vec![Copy {
            path: "/.well-known/gpc.json",
            content: norms::gpc_support(),
            meaning: "says that the whole site abides by Global Privacy Control; serve it from the \
                site's own origin only if everything else on the site does so too",
        }];
        Ok(Self {
            site: domain.map(str::to_owned),
            text: text::sections(&facts),
            files,
            promises: PROMISES.iter().map(|promise| promise.under(&facts)).collect(),
        })
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut line =
            |text: &str| writeln!(out, "{text}").expect("writing to a String cannot fail");
        for section in &self.text {
            line(&format!("{}\n", section.title));
            for sentence in &section.lines {
                line(&format!("    {sentence}"));
            }
            line("");
        }
        line("Files to copy\n");
        for file in &self.files {
            line(&format!("    {}  {}\n    {}\n", file.path, file.content, file.meaning));
        }
        line("Promises that sites make, and the tests that hold them\n");
        for row in &self.promises {
            let head = format!("{}\t{}\t{}", row.number, row.state.name(), row.promise);
            line(&format!("{head}\t{}\t{}", row.how, row.tests.join(" ")));
        }
        out.truncate(out.trim_end().len());
        out
    }
}

impl Facts {
    fn of(config: &Config, domain: Option<&str>) -> Result<Self, Fatal> {
        let site = match (domain, sites::last_known(&config.data_dir)) {
            (Some(domain), Some(known)) => {
                let found = known.by_domain(&domain.to_ascii_lowercase()).cloned();
                Some(found.ok_or_else(|| {
                    let what = format!("{domain} is no site here: headcount site list shows them");
                    Fatal::say(FAILED, what)
                })?)
            }
            _ => None,
        };
        let swap = keys::swap_active() && !config.allow_swap;
        let own = |path: &std::path::PathBuf| KeyPlace::Named(path.display().to_string());
        let threshold = site.as_ref().and_then(|site| site.threshold);
        Ok(Self {
            collector: config.public_url.clone(),
            threshold: threshold.unwrap_or(config.threshold),
            retention_months: config.retention_months,
            knows_places: !config.geo_path.is_empty(),
            keys: match &config.key_dir {
                _ if swap => KeyPlace::Memory,
                Some(path) => own(path),
                None => KeyPlace::Found,
            },
            allows_swap: config.allow_swap,
            proxies: config.trusted_proxies.iter().map(ToString::to_string).collect(),
            is_external: config.clickhouse_url.is_some(),
            first_party: config.first_party_path.clone(),
            has_datacentre_list: config.datacentre_list.is_some(),
            has_spam_list: config.spam_list.is_some(),
            site,
        })
    }
}
