//! Why the program ends: a sentence for the person at the terminal and an exit code.

use std::process::ExitCode;

/// Failed.
pub const FAILED: u8 = 1;
/// The command line was wrong.
pub const USAGE: u8 = 2;
/// The configuration was wrong.
pub const CONFIG: u8 = 64;
/// The engine or ClickHouse is not to be had.
pub const DATABASE: u8 = 69;
/// The lock or a port is taken.
pub const TAKEN: u8 = 75;

/// An end with a reason.
#[derive(Debug)]
pub struct Fatal {
    /// The exit code.
    pub code: u8,
    /// What happened and what to do; may have several lines.
    pub message: String,
}

impl Fatal {
    /// An end with this code; the causes of `error` are joined by colons.
    #[must_use]
    pub fn new(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, message: format!("{:#}", error.into()) }
    }

    /// An end with this code and sentence.
    #[must_use]
    pub fn say(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<anyhow::Error> for Fatal {
    fn from(error: anyhow::Error) -> Self {
        Self::new(FAILED, error)
    }
}
