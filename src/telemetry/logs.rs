//! Sets up `tracing`: to standard error, as text or as JSON, once at start.

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A filter that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("log filter {0:?} is not valid: use a level such as info, or headcount=debug,warn")]
pub struct FilterError(pub String);

/// Checks a filter without installing it.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn check(filter: &str) -> Result<(), FilterError> {
    EnvFilter::try_new(filter).map(|_| ()).map_err(|_| FilterError(filter.to_owned()))
}

/// Installs the subscriber. A second call changes nothing.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn init(filter: &str, format: LogFormat) -> Result<(), FilterError> {
    check(filter)?;
    // The database client logs ClickHouse's own words at debug level, which can quote values.
    let env = EnvFilter::try_new(format!("{filter},clickhouse=off"))
        .map_err(|_| FilterError(filter.to_owned()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(env).with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // Already installed: the first one stays.
    drop(installed);
    Ok(())
}
