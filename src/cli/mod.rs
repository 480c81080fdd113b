//! The command line: which commands there are, what they take, and how their results are printed.
//!
//! Results go to standard output, words to standard error.

mod args;
mod bench;
mod commands;
mod erasing;
mod help;
mod progress;
mod site_rules;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use crate::app::fatal::{CONFIG, Fatal, USAGE};
use crate::app::policy::Policy;
use crate::app::{doctor, operator, serve};
use crate::cli::args::{Own, Shape};
use crate::config::{Config, environment, parse_arguments};
use crate::engine::library;

/// Runs the command that the arguments name (without the program's own name).
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    if arguments.first().is_some_and(|first| first == "engine") {
        return library::main(arguments.into_iter().skip(1));
    }
    let texts: Result<Vec<String>, OsString> =
        arguments.into_iter().map(OsString::into_string).collect();
    let ended = match texts {
        Ok(texts) => dispatch(&texts),
        Err(_) => Err(Fatal::say(USAGE, "an argument is not valid UTF-8")),
    };
    match ended {
        Ok(code) => code,
        Err(fatal) => {
            complain(&fatal.message);
            fatal.exit_code()
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode, Fatal> {
    let Some((command, rest)) = arguments.split_first() else {
        complain(&help::overview());
        return Ok(ExitCode::from(USAGE));
    };
    match command.as_str() {
        "serve" => serve_command(rest),
        "check" => check_command(rest),
        "doctor" => doctor_command(rest),
        "policy" => policy_command(rest),
        "migrate" | "close" | "site" | "erase" | "account" | "key" => commands::one(command, rest),
        "admin" => commands::many(rest),
        "bench" => bench::run(rest),
        "help" | "--help" | "-h" => print(&help::overview()),
        "version" | "--version" | "-V" => print(concat!("headcount ", env!("CARGO_PKG_VERSION"))),
        other => Err(Fatal::say(USAGE, help::unknown(other))),
    }
}

fn serve_command(arguments: &[String]) -> Result<ExitCode, Fatal> {
    let parsed = parse_arguments(arguments, &[]).map_err(|error| Fatal::new(CONFIG, error))?;
    if parsed.help {
        return print(&help::serve());
    }
    serve::run(load(arguments)?)?;
    Ok(ExitCode::SUCCESS)
}

fn check_command(arguments: &[String]) -> Result<ExitCode, Fatal> {
    let parsed =
        parse_arguments(arguments, &["json"]).map_err(|error| Fatal::new(CONFIG, error))?;
    if parsed.help {
        return print(&help::serve());
    }
    let settings: Vec<String> =
        arguments.iter().filter(|argument| *argument != "--json").cloned().collect();
    let toml = load(&settings)?.to_toml();
    if parsed.switches.iter().any(|switch| switch == "json") {
        let value: toml::Table =
            toml.parse().map_err(|error: toml::de::Error| Fatal::new(CONFIG, error))?;
        return print(&serde_json::to_string_pretty(&value).map_err(anyhow::Error::from)?);
    }
    print(toml.trim_end())
}

fn doctor_command(arguments: &[String]) -> Result<ExitCode, Fatal> {
    const SHAPE: Shape = Shape { positional: &[], valued: &[], switches: &["json"] };
    let own = split(arguments, &SHAPE)?;
    if own.help {
        return print(&help::overview());
    }
    let checks = operator::blocking(doctor::examine(load(&own.settings)?))??;
    print(&if own.has("json") { doctor::as_json(&checks) } else { doctor::as_lines(&checks) })?;
    Ok(if doctor::has_failed(&checks) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn policy_command(arguments: &[String]) -> Result<ExitCode, Fatal> {
    const ONE: Shape = Shape { positional: &["DOMAIN"], valued: &[], switches: &["json"] };
    const ALL: Shape = Shape { positional: &[], ..ONE };
    // The domain may be left out.
    let own = split(arguments, &ALL).or_else(|_| split(arguments, &ONE))?;
    if own.help {
        return print(&help::overview());
    }
    let domain = own.positional.first().map(String::as_str);
    let policy = Policy::of(&load(&own.settings)?, domain)?;
    if own.has("json") {
        return print(&serde_json::to_string_pretty(&policy).map_err(anyhow::Error::from)?);
    }
    print(&policy.to_text())
}

fn split(arguments: &[String], shape: &Shape) -> Result<Own, Fatal> {
    args::split(arguments, shape).map_err(|error| Fatal::say(USAGE, error))
}

/// Settings from arguments, environment and file, with the places that nobody named.
fn load(arguments: &[String]) -> Result<Config, Fatal> {
    let parsed = parse_arguments(arguments, &[]).map_err(|error| Fatal::new(CONFIG, error))?;
    let mut config = Config::load(&parsed.flags, parsed.file.as_deref(), &environment())
        .map_err(|error| Fatal::new(CONFIG, error))?;
    let here = std::env::current_dir().unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_default();
    config.find_places(&here, &program);
    Ok(config)
}

fn print(text: &str) -> Result<ExitCode, Fatal> {
    let mut out = std::io::stdout().lock();
    let written = if text.is_empty() { Ok(()) } else { writeln!(out, "{text}") };
    match written.and_then(|()| out.flush()) {
        // Whoever read us has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(anyhow::Error::from(error).into()),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

fn complain(text: &str) {
    // There is nowhere left to say that standard error is gone.
    writeln!(std::io::stderr(), "{text}").ok();
}
