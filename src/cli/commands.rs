//! `migrate`, `close`, `site`, `erase`, `account`, `key`, and `admin`, which runs several of them.

use std::io::{BufRead as _, Read as _};
use std::process::ExitCode;

use serde_json::json;

use crate::account::admin::AdminCommand;
use crate::account::{KeyRequest, Scope};
use crate::app::closing::words::Closing;
use crate::app::fatal::{FAILED, Fatal, USAGE};
use crate::app::operator::{Operator, Reply, Request, blocking};
use crate::cli::args::{Own, Shape};
use crate::cli::progress::Bar;
use crate::cli::{complain, erasing, help, load, print, site_rules, split};
use crate::model::Day;

/// Bytes of a password on standard input.
const PASSWORD_BYTES_MAX: u64 = 4096;

const NONE: Shape = Shape { positional: &[], valued: &[], switches: &["json"] };

/// One thing to do, with how its result is printed.
struct Job {
    request: Request,
    json: bool,
    settings: Vec<String>,
}

/// Runs one command.
///
/// # Errors
/// Why it was refused or could not be done.
pub(super) fn one(command: &str, arguments: &[String]) -> Result<ExitCode, Fatal> {
    let Some(job) = job(command, arguments, &mut standard_input)? else {
        return print(&help::overview());
    };
    let config = load(&job.settings)?;
    blocking(async {
        let mut operator = Operator::connect(config).await?;
        let bar = Bar::new();
        let done = operator.ask(job.request, &|line| bar.show(&line)).await;
        bar.end();
        operator.close().await;
        done
    })?
    .and_then(|reply| show(&reply, job.json))
}

/// Runs the commands of standard input, one a line, until one fails.
///
/// # Errors
/// The first that failed, with the number of its line.
pub(super) fn many(arguments: &[String]) -> Result<ExitCode, Fatal> {
    let own = split(arguments, &NONE)?;
    if own.help {
        return print(&help::overview());
    }
    let config = load(&own.settings)?;
    let lines: Vec<String> = std::io::stdin()
        .lock()
        .lines()
        .collect::<Result<_, _>>()
        .map_err(|error| Fatal::say(FAILED, format!("cannot read standard input: {error}")))?;
    let mut jobs = Vec::new();
    let mut rest = lines.iter().enumerate();
    while let Some((number, line)) = rest.next() {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let Some((command, arguments)) = words.split_first() else { continue };
        if command.starts_with('#') {
            continue;
        }
        // A password stands on the line after its command.
        let mut password = || rest.next().map(|(_, line)| line.clone()).unwrap_or_default();
        let parsed = job(command, arguments, &mut || Ok(password()));
        let parsed = parsed.map_err(|error| at_line(number, error))?;
        jobs.extend(parsed.map(|job| (number, job)));
    }
    blocking(async {
        let mut operator = Operator::connect(config).await?;
        let mut ended = Ok(ExitCode::SUCCESS);
        for (number, job) in jobs {
            let bar = Bar::new();
            let done = operator.ask(job.request, &|line| bar.show(&line)).await;
            bar.end();
            ended = done.and_then(|reply| show(&reply, job.json || own.has("json")));
            if let Err(error) = ended {
                ended = Err(at_line(number, error));
                break;
            }
        }
        operator.close().await;
        ended
    })?
}

fn at_line(number: usize, error: Fatal) -> Fatal {
    Fatal::say(error.code, format!("line {}: {}", number + 1, error.message))
}

fn show(reply: &Reply, json: bool) -> Result<ExitCode, Fatal> {
    if let Some(closing) = &reply.closing {
        return show_closing(closing, json);
    }
    let Some(admin) = &reply.admin else {
        return match (json, reply.applied.is_empty()) {
            (true, _) => print(&serde_json::json!({ "applied": reply.applied }).to_string()),
            (false, true) => print("up to date"),
            (false, false) => {
                let lines: Vec<String> =
                    reply.applied.iter().map(|name| format!("applied {name}")).collect();
                print(&lines.join("\n"))
            }
        };
    };
    if let Some(words) = admin.words() {
        complain(&words);
    }
    let text = if json { admin.json() } else { admin.lines() };
    print(text.trim_end_matches('\n'))
}

fn show_closing(closing: &Closing, json: bool) -> Result<ExitCode, Fatal> {
    let text = if json { json!(closing.closed).to_string() } else { closing.lines() };
    let printed = print(text.trim_end_matches('\n'))?;
    if !closing.complete {
        return Err(Fatal::say(FAILED, closing.words.clone()));
    }
    if !closing.words.is_empty() {
        complain(&closing.words);
    }
    Ok(printed)
}

/// What the words of a command ask for; `None` when they ask for help.
fn job(
    command: &str,
    arguments: &[String],
    password: &mut dyn FnMut() -> Result<String, Fatal>,
) -> Result<Option<Job>, Fatal> {
    if command == "migrate" {
        let own = split(arguments, &NONE)?;
        return Ok((!own.help).then(|| finish(own, Request::Migrate)));
    }
    if command == "close" {
        let own = split(
            arguments,
            &Shape { positional: &[], valued: &["through"], switches: &["json"] },
        )?;
        let through = own.value("through").map(date).transpose()?;
        return Ok((!own.help).then(|| finish(own, Request::Close { through })));
    }
    if command == "erase" {
        let own = split(arguments, &erasing::ERASE)?;
        if own.help {
            return Ok(None);
        }
        let admin = erasing::erase(&own)?;
        return Ok(Some(finish(own, Request::Admin(admin))));
    }
    let Some((verb, rest)) = arguments.split_first() else {
        return Err(Fatal::say(USAGE, format!("{command} what? headcount --help lists it")));
    };
    if matches!(verb.as_str(), "--help" | "-h" | "help") {
        return Ok(None);
    }
    let (shape, build) = shape(command, verb)?;
    let own = split(rest, &shape)?;
    if own.help {
        return Ok(None);
    }
    let admin = build(&own, password)?;
    Ok(Some(finish(own, Request::Admin(admin))))
}

/// A date as days since 1970.
fn date(text: &str) -> Result<u16, Fatal> {
    let day = Day::parse(text);
    day.map(|day| day.0).ok_or_else(|| Fatal::say(USAGE, "DATE is a date such as 2026-11-21"))
}

fn finish(own: Own, request: Request) -> Job {
    Job { request, json: own.has("json"), settings: own.settings }
}

type Build = fn(&Own, &mut dyn FnMut() -> Result<String, Fatal>) -> Result<AdminCommand, Fatal>;

fn shape(command: &str, verb: &str) -> Result<(Shape, Build), Fatal> {
    const DOMAIN: &[&str] = &["DOMAIN"];
    const EMAIL: &[&str] = &["EMAIL"];
    const JSON: &[&str] = &["json"];
    const PASSWORD: &[&str] = &["json", "password-stdin"];
    let found: (Shape, Build) = match (command, verb) {
        ("site", "add") => {
            (Shape { positional: DOMAIN, valued: &["timezone"], switches: JSON }, |own, _| {
                Ok(AdminCommand::SiteAdd {
                    domain: positional(own),
                    timezone: own.value("timezone").unwrap_or("UTC").to_owned(),
                })
            })
        }
        ("site", "list") => (NONE, |_, _| Ok(AdminCommand::SiteList)),
        ("site", "remove") => {
            (Shape { positional: DOMAIN, valued: &[], switches: &["json", "yes"] }, |own, _| {
                let domain = positional(own);
                if !own.has("yes") {
                    let message =
                        format!("this deletes all numbers of {domain}; say --yes to do it");
                    return Err(Fatal::say(USAGE, message));
                }
                Ok(AdminCommand::SiteRemove { domain, yes: true })
            })
        }
        ("site", "rules") => (site_rules::RULES, |own, _| site_rules::rules(own)),
        ("site", "retention") => (erasing::RETENTION, |own, _| erasing::retention(own)),
        ("account", "add") => {
            (Shape { positional: EMAIL, valued: &["role"], switches: PASSWORD }, |own, read| {
                Ok(AdminCommand::AccountAdd {
                    email: positional(own),
                    password: password_of(own, read)?,
                    role: own.value("role").unwrap_or("owner").to_owned(),
                })
            })
        }
        ("account", "password") => {
            (Shape { positional: EMAIL, valued: &[], switches: PASSWORD }, |own, read| {
                Ok(AdminCommand::AccountPassword {
                    email: positional(own),
                    password: password_of(own, read)?,
                })
            })
        }
        ("key", "create") => (
            Shape {
                positional: &[],
                valued: &["site", "scope", "name", "expires"],
                switches: &["json", "all-sites"],
            },
            |own, _| key_request(own).map(AdminCommand::KeyCreate),
        ),
        ("key", "list") => (NONE, |_, _| Ok(AdminCommand::KeyList)),
        ("key", "revoke") => {
            (Shape { positional: &["ID"], valued: &[], switches: JSON }, |own, _| {
                let id = positional(own).parse().map_err(|_| {
                    Fatal::say(USAGE, "ID is a number; headcount key list shows them")
                })?;
                Ok(AdminCommand::KeyRevoke { id })
            })
        }
        _ => return Err(unknown(command, verb)),
    };
    Ok(found)
}

fn unknown(command: &str, verb: &str) -> Fatal {
    let known = match command {
        "site" => "add, list, remove, retention, rules",
        "account" => "add, password",
        "key" => "create, list, revoke",
        _ => return Fatal::say(USAGE, help::unknown(command)),
    };
    Fatal::say(USAGE, format!("unknown command {command} {verb:?}: there are {known}"))
}

fn key_request(own: &Own) -> Result<KeyRequest, Fatal> {
    let scope = own
        .value("scope")
        .and_then(Scope::parse)
        .ok_or_else(|| Fatal::say(USAGE, "--scope must be one of read, send, admin"))?;
    let sites = match (own.value("site"), own.has("all-sites")) {
        (Some(site), false) => Some(site.split(',').map(|one| one.trim().to_owned()).collect()),
        (None, true) => None,
        _ => return Err(Fatal::say(USAGE, "say either --site DOMAIN or --all-sites")),
    };
    Ok(KeyRequest {
        scope,
        sites,
        name: own.value("name").unwrap_or("").to_owned(),
        expires: own.value("expires").map(str::to_owned),
    })
}

fn positional(own: &Own) -> String {
    own.positional.first().cloned().unwrap_or_default()
}

fn password_of(
    own: &Own,
    read: &mut dyn FnMut() -> Result<String, Fatal>,
) -> Result<String, Fatal> {
    if !own.has("password-stdin") {
        return Err(Fatal::say(
            USAGE,
            "say --password-stdin and give the password on standard input; others can see arguments",
        ));
    }
    read()
}

/// The first line of standard input.
fn standard_input() -> Result<String, Fatal> {
    let mut line = String::new();
    std::io::BufReader::new(std::io::stdin().lock().take(PASSWORD_BYTES_MAX))
        .read_line(&mut line)
        .map_err(|error| Fatal::say(FAILED, format!("cannot read standard input: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
