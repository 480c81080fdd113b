//! What a run has found out so far, kept beside its data: the steps that are done are not repeated.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::filling::Measured;

/// What raw rows answered: by view and question, milliseconds (none: the engine refused) and rows.
pub(crate) type Raw = BTreeMap<String, BTreeMap<String, (Option<f64>, Value)>>;

/// The notes of one run.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Notes {
    /// Last of the days, as days since 1970.
    pub(crate) end: u16,
    /// A key that reads all sites.
    pub(crate) key: String,
    /// Events of the light days, one by one.
    pub(crate) light_events: Vec<u64>,
    /// Events of the dense days, one by one.
    pub(crate) dense_events: Vec<u64>,
    /// Rows, bytes and parts of the dense days in `open_events`.
    pub(crate) open: (u64, u64, u64),
    /// The widest columns of that.
    pub(crate) open_columns: String,
    /// The page that is filtered by.
    pub(crate) page: String,
    /// Closings of the light days.
    pub(crate) light: Vec<Measured>,
    /// What the dense days answered while they were open.
    pub(crate) raw: Raw,
    /// Closings of the dense days.
    pub(crate) dense: Vec<Measured>,
}

impl Notes {
    /// Reads what an earlier run left, if any.
    pub(crate) fn read(path: &Path) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).expect("notes of this program"),
            Err(_) => Self::default(),
        }
    }

    /// Keeps them.
    pub(crate) fn write(&self, path: &Path) {
        let text = serde_json::to_string(self).expect("notes are JSON");
        std::fs::write(path, text).expect("notes are written");
    }
}
