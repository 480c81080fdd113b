//! The rules of the house, read from the files: layers, addresses, unsafe code, clocks, sizes.
//!
//! It reads text and not the compiler's view, which is enough for people of good will. Each rule
//! is a function of a path and a text, so that its own test can plant a fault in memory.

use std::path::Path;

use regex::Regex;

/// Most lines of a source file.
const LINES_MAX: usize = 400;

/// Which module may use which; `main`, `lib`, `cli` and `app` put everything together.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("telemetry", &[]),
    ("spool", &["model", "telemetry"]),
    ("ingest", &["model", "telemetry"]),
    ("keys", &["model", "telemetry"]),
    ("engine", &["model", "telemetry"]),
    ("store", &["model", "spool", "telemetry"]),
    ("report", &["model", "store", "telemetry"]),
    ("account", &["model", "store", "telemetry"]),
    ("days", &["model", "store", "telemetry"]),
    ("server", &["account", "ingest", "keys", "model", "report", "spool", "store", "telemetry"]),
    (
        "config",
        &[
            "account",
            "engine",
            "ingest",
            "keys",
            "model",
            "report",
            "server",
            "spool",
            "store",
            "telemetry",
        ],
    ),
];
/// Modules that put everything together.
const FREE: &[&str] = &["main", "lib", "cli", "app"];
/// Where an address may be named.
const ADDRESS_MODULES: &[&str] = &["server", "ingest", "config"];
/// Files with unsafe code.
const UNSAFE_FILES: &[&str] =
    &["src/engine/library.rs", "src/keys/memory.rs", "src/app/geo_file.rs"];
/// Folders that hold nothing of ours, and files that only this machine has.
const SKIPPED: &[&str] = &[".git", "target", "node_modules", "data", "dist"];

type Rule = fn(&str, &str) -> Vec<String>;

/// All rules about one file.
const RULES: &[Rule] = &[
    opens_with_purpose,
    is_short,
    uses_what_it_may,
    names_no_address,
    is_safe,
    names_no_framework,
    leaves_nothing_undone,
    silences_no_lint,
    binds_times,
    reads_no_clock,
    reads_no_environment,
    names_no_registry,
];

#[test]
fn the_house_is_tidy() {
    let mut faults = Vec::new();
    let mut schema = Vec::new();
    for (path, text) in files() {
        for rule in RULES {
            faults.extend(rule(&path, &text).into_iter().map(|fault| format!("{path}: {fault}")));
        }
        if let Some(name) = path.strip_prefix("schema/").filter(|name| is_kind(name, &["sql"])) {
            schema.push(name.to_owned());
        }
    }
    faults.extend(numbers_in_order(&schema));
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

// Rules: a path from the root of the repository, and the file's text.

fn opens_with_purpose(path: &str, text: &str) -> Vec<String> {
    let fails = is_kind(path, &["rs"]) && !text.starts_with("//! ");
    fault(fails, "does not open with `//! ` and what it is for")
}

fn is_short(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let long = is_kind(path, &["rs", "ts", "tsx", "css"]) && lines > LINES_MAX;
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let halved = is_kind(path, &["rs"]) && (stem.ends_with("_a") || stem.ends_with("_b"));
    let included = is_kind(path, &["rs"]) && code(text).contains("include!(");
    let mut faults = fault(long, &format!("has {lines} lines, more than {LINES_MAX}"));
    faults.extend(fault(halved || included, "is cut by `_a`, `_b` or `include!` and not by sense"));
    faults
}

fn uses_what_it_may(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module(path).filter(|module| !FREE.contains(module)) else {
        return Vec::new();
    };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("module {module} is not in the table of layers")];
    };
    let code = code(text);
    let mut faults = fault(
        code.contains("crate::{") || code.contains("super::super"),
        "hides what it uses behind `crate::{` or `super::super`",
    );
    for used in found(r"\bcrate::([a-z_]+)", &code) {
        let fits = used == module || allowed.contains(&used.as_str());
        faults.extend(fault(!fits, &format!("{module} may not use {used}")));
    }
    faults
}

fn names_no_address(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module(path).filter(|module| !ADDRESS_MODULES.contains(module)) else {
        return Vec::new();
    };
    found(r"\b((?:Ip|Ipv4|Ipv6|Socket)(?:Addr(?:V4|V6)?)|Ip(?:v4|v6)?Net)\b", &code(text))
        .into_iter()
        .map(|name| format!("{module} names an address type: {name}"))
        .collect()
}

fn is_safe(path: &str, text: &str) -> Vec<String> {
    let allowed = UNSAFE_FILES.contains(&path) || module(path).is_none();
    fault(!allowed && !found(r"\b(unsafe)\b", &code(text)).is_empty(), "has unsafe code")
}

fn names_no_framework(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module(path) else { return Vec::new() };
    let code = code(text);
    let names = |pattern: &str| !found(pattern, &code).is_empty();
    let server = module == "server" || !names(r"\b(hyper|hyper_util|http_body_util)::");
    let store = module == "store" || !names(r"\b(clickhouse)::");
    let mut faults = fault(!server, "names hyper, which only server may");
    faults.extend(fault(!store, "names the clickhouse crate, which only store may"));
    faults
}

fn leaves_nothing_undone(path: &str, text: &str) -> Vec<String> {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["to", "do!"].concat()];
    let ours = is_kind(path, &["rs", "ts", "tsx", "css", "sql", "mjs", "sh", "toml"]);
    let left = marks.iter().filter(|mark| {
        ours && !found(&format!(r"(?:^|\W)({})", regex::escape(mark)), text).is_empty()
    });
    left.map(|mark| format!("has a {mark}")).collect()
}

fn silences_no_lint(path: &str, text: &str) -> Vec<String> {
    let silenced = is_kind(path, &["rs"]) && !found(r"#!?\[(allow)\(", &code(text)).is_empty();
    fault(silenced, "has #[allow(…)]: use #[expect(lint, reason = \"…\")]")
}

fn binds_times(path: &str, text: &str) -> Vec<String> {
    let sql = match () {
        () if is_kind(path, &["sql"]) => without_sql_comments(text),
        () if module(path).is_some() && is_kind(path, &["rs"]) => split(text).1,
        () => return Vec::new(),
    };
    let calls = r"(?i)(?:^|[^\w:.])(now|now64|today|yesterday|nowInBlock)\s*\(";
    let calls = found(calls, &sql).into_iter();
    calls.map(|name| format!("has SQL with {name}(): times are bound")).collect()
}

fn reads_no_clock(path: &str, text: &str) -> Vec<String> {
    if module(path).is_none() || path == "src/model/clock.rs" {
        return Vec::new();
    }
    let reads = found(r"\b((?:SystemTime|Timestamp|Zoned)::now)\b", &code(text));
    reads.into_iter().map(|name| format!("reads wall time by {name}")).collect()
}

fn reads_no_environment(path: &str, text: &str) -> Vec<String> {
    if module(path).is_none_or(|module| module == "config") {
        return Vec::new();
    }
    let reads = found(r"\benv::(vars?(?:_os)?)\b", &code(text));
    reads.into_iter().map(|name| format!("reads the environment by env::{name}")).collect()
}

fn names_no_registry(path: &str, text: &str) -> Vec<String> {
    // From parts, so that this file does not name them either.
    let hosts = [
        ["registry.", "npmjs", ".org"].concat(),
        ["registry.", "yarnpkg", ".com"].concat(),
        ["index.", "crates", ".io"].concat(),
        ["static.", "crates", ".io"].concat(),
        ["files.", "pythonhosted", ".org"].concat(),
        ["pypi", ".org/simple"].concat(),
        ["proxy.", "golang", ".org"].concat(),
    ];
    let mut faults: Vec<String> = hosts
        .iter()
        .filter(|host| text.contains(host.as_str()))
        .map(|host| format!("names the registry {host}"))
        .collect();
    let resolved = path.ends_with("package-lock.json") && text.contains("\"resolved\": \"http");
    faults.extend(fault(resolved, "holds the address of a registry (resolved)"));
    let settings = [".npmrc", ".cargo/config.toml"].contains(&path);
    let names =
        settings && !found(r"(?m)^\s*(\[source|\[registr|\S*registry\s*=)", text).is_empty();
    faults.extend(fault(names, "sets a registry"));
    faults
}

fn numbers_in_order(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    let fits = |n: usize, name: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let rest = name.strip_prefix(&format!("{:04}_", n + 1));
        let title = rest.and_then(|rest| rest.strip_suffix(".sql"));
        title.is_some_and(|title| !title.is_empty() && title.chars().all(plain))
    };
    let wrong = names.iter().enumerate().filter(|(n, name)| !fits(*n, name));
    wrong.map(|(n, name)| format!("schema/{name}: is not {:04}_name.sql", n + 1)).collect()
}

// What the rules read with.

fn fault(fails: bool, text: &str) -> Vec<String> {
    if fails { vec![text.to_owned()] } else { Vec::new() }
}

fn is_kind(path: &str, kinds: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, kind)| kinds.contains(&kind))
}

/// The module of a file under `src/`; nothing for other files.
fn module(path: &str) -> Option<&str> {
    let name = path.strip_prefix("src/")?.split('/').next()?;
    Some(name.strip_suffix(".rs").unwrap_or(name))
}

/// The first group of every match.
fn found(pattern: &str, text: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("patterns are valid");
    pattern.captures_iter(text).map(|groups| groups[1].to_owned()).collect()
}

fn code(text: &str) -> String {
    split(text).0
}

fn without_sql_comments(text: &str) -> String {
    let before = |line: &str| line.split("--").next().unwrap_or_default().to_owned();
    text.lines().map(before).collect::<Vec<_>>().join("\n")
}

/// The code of a Rust file without comments and texts, and its texts, one a line.
fn split(text: &str) -> (String, String) {
    let token = Regex::new(
        r##"(?sx) (?<comment> //[^\n]* | /\*.*?\*/ )
            | (?<raw> \bb?r\#(?<hashed>".*?")\# | \bb?r"(?<plain>[^"]*)" )
            | (?<text> "(?<inner>(?:\\.|[^"\\])*)" )
            | (?<char> '(?:\\[^\n']+|\\'|[^'\\\n])' )"##,
    )
    .expect("the pattern is valid");
    let mut code = String::new();
    let mut texts = String::new();
    let mut end = 0;
    for groups in token.captures_iter(text) {
        let whole = groups.get(0).expect("a match has a whole");
        code.push_str(text.get(end..whole.start()).unwrap_or_default());
        code.push(' ');
        end = whole.end();
        for name in ["hashed", "plain", "inner"] {
            if let Some(inner) = groups.name(name) {
                texts.push_str(inner.as_str());
                texts.push('\n');
            }
        }
    }
    code.push_str(text.get(end..).unwrap_or_default());
    (code, texts)
}

/// Every text file of the repository: path from its root, and content.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of ours") {
            let entry = entry.expect("a folder of ours");
            let path = entry.path();
            let kind = entry.file_type().expect("a file of ours");
            if kind.is_dir() && !SKIPPED.iter().any(|name| path.ends_with(name)) {
                folders.push(path);
            } else if kind.is_file()
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let path = path.strip_prefix(root).ok().and_then(Path::to_str);
                found.push((path.expect("a path in UTF-8").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

// Planted faults: each rule must see its own.

#[track_caller]
fn sees(rule: Rule, path: &str, bad: &str, good: &str) {
    assert!(!rule(path, bad).is_empty(), "does not see {bad:?} in {path}");
    assert_eq!(rule(path, good), Vec::<String>::new(), "sees a fault in {good:?} in {path}");
}

#[test]
fn rules_see_planted_faults() {
    sees(opens_with_purpose, "src/a.rs", "use x;\n", "//! Opens.\n");
    sees(is_short, "dashboards/web/a.tsx", &"a\n".repeat(401), &"a\n".repeat(400));
    sees(is_short, "src/a.rs", "include!(\"b.rs\");", "include_str!(\"b\"); // include!(");
    assert!(!is_short("src/spool/writer_b.rs", "").is_empty());
    sees(uses_what_it_may, "src/spool/a.rs", "use crate::store::Store;", "use crate::spool::A;");
    sees(uses_what_it_may, "src/model/a.rs", "crate::store::x()", "\"crate::store\" // crate::a");
    sees(uses_what_it_may, "src/server/a.rs", "use crate::{a, b};", "use crate::keys::Keys;");
    sees(uses_what_it_may, "src/ingest/a/b.rs", "use super::super::c;", "use super::c;");
    assert!(!uses_what_it_may("src/novel/a.rs", "").is_empty());
    sees(names_no_address, "src/spool/a.rs", "let a: IpAddr;", "// an IpAddr ends in ingest");
    sees(names_no_address, "src/app/mod.rs", "use std::net::SocketAddr;", "\"SocketAddr\"");
    sees(names_no_address, "src/model/a.rs", "x: std::net::Ipv6Addr", "x: MyIpAddrs");
    sees(is_safe, "src/keys/mod.rs", "unsafe { f() }", "#![deny(unsafe_code)] // unsafe");
    assert!(is_safe("src/keys/memory.rs", "unsafe { f() }").is_empty());
    sees(names_no_framework, "src/report/a.rs", "use hyper::Body;", "\"hyper::\"");
    sees(names_no_framework, "src/days/a.rs", "clickhouse::Row", "/* clickhouse:: */");
    assert!(names_no_framework("src/store/a.rs", "use clickhouse::Row;").is_empty());
}

#[test]
fn rules_see_more_planted_faults() {
    let mark = ["TO", "DO"].concat();
    sees(leaves_nothing_undone, "schema/0001_a.sql", &format!("-- {mark}: x"), "-- done");
    sees(leaves_nothing_undone, "src/a.rs", &format!("{}()", mark.to_lowercase() + "!"), "a!()");
    sees(silences_no_lint, "src/a.rs", "#[allow(dead_code)]", "#[expect(dead_code)] // #[allow(");
    sees(silences_no_lint, "src/a.rs", "#![allow(dead_code)]", "let a = \"#[allow(\";");
    sees(binds_times, "schema/0001_a.sql", "TTL now() + 1", "TTL day + 1 -- not now()");
    sees(binds_times, "src/report/a.rs", "let s = \"WHERE ts < now()\";", "model::now()");
    sees(binds_times, "src/report/a.rs", "r#\"SELECT \"x\", today()\"#", "r\"SELECT day\" + now()");
    sees(reads_no_clock, "src/keys/a.rs", "SystemTime::now()", "Instant::now(); model::now()");
    assert!(reads_no_clock("src/model/clock.rs", "SystemTime::now()").is_empty());
    sees(reads_no_environment, "src/app/a.rs", "std::env::var(\"A\")", "std::env::args()");
    assert!(reads_no_environment("src/config/mod.rs", "std::env::vars_os()").is_empty());
    let host = ["registry.", "npmjs", ".org"].concat();
    sees(names_no_registry, "README.md", &format!("https://{host}/a"), "https://example.org");
    let resolved = "\"resolved\": \"https://mirror.example/a.tgz\"";
    sees(names_no_registry, "package-lock.json", resolved, "\"integrity\": \"sha512-x\"");
    sees(names_no_registry, ".npmrc", "registry=https://mirror.example", "audit=false");
    sees(names_no_registry, ".cargo/config.toml", "[source.crates]", "[alias]");
}

#[test]
fn schema_numbers_have_no_gaps() {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert!(numbers_in_order(&names(&["0002_b.sql", "0001_a.sql"])).is_empty());
    assert!(!numbers_in_order(&names(&["0001_a.sql", "0003_c.sql"])).is_empty());
    assert!(!numbers_in_order(&names(&["0001_a.sql", "0001_b.sql"])).is_empty());
    assert!(!numbers_in_order(&names(&["1_a.sql"])).is_empty());
}

#[test]
fn code_and_texts_are_told_apart() {
    let rust = "let 'x'; &'a \"c // \\\" d\"; // e\nf(r#\"g\"h\"#, '\\'', '\"') /* i\n */ j";
    let (code, texts) = split(rust);
    assert_eq!(code, "let  ; &'a  ;  \nf( ,  ,  )   j");
    assert_eq!(texts, "c // \\\" d\n\"g\"h\"\n");
}
