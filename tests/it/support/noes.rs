//! Every spelling of "do not count me", on every collecting path, with everything a request may
//! carry beside it: a thousand requests, none of which may leave anything behind.

use crate::support::noes_of_tools;

/// Where events are sent to.
pub(crate) const EVENTS: &[&str] = &["/api/event", "/numbers/e"];
/// Where pixels are fetched from.
pub(crate) const PIXELS: &[&str] = &["/pixel.gif", "/numbers/p"];
/// The flag that makes the operator's own of them, and its value.
pub(crate) const OWN_PATH: [&str; 2] = ["--first-party-path", "/numbers"];

/// What a request says beside its signal.
const BODY: &str = r#"{"n":"pageview","u":"https://site.example/a","d":"site.example"}"#;
/// The query of a pixel that would be counted.
const QUERY: &str = "site=site.example&u=https%3A%2F%2Fsite.example%2Fa";

/// One request that says no, and the status of its answer.
#[derive(Debug, Clone)]
pub(crate) struct No {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) status: u16,
}

/// Header lines that say no, in their spellings, alone and beside others.
pub(crate) fn headers() -> Vec<Vec<(&'static str, &'static str)>> {
    let mut all = Vec::new();
    for name in ["DNT", "dnt", "Dnt", "dNT"] {
        for value in ["1", "1xyz", "1;why=not", "10", "  1", "1\t"] {
            all.push(vec![(name, value)]);
        }
    }
    for name in ["Sec-GPC", "sec-gpc", "SEC-GPC", "sec-Gpc"] {
        for value in ["1", "  1", "1\t "] {
            all.push(vec![(name, value)]);
        }
    }
    all.extend([
        vec![("DNT", "0"), ("DNT", "1")],
        vec![("DNT", "1"), ("DNT", "0")],
        vec![("DNT", "0, 1")],
        vec![("DNT", ""), ("dnt", "1")],
        vec![("Sec-GPC", "0"), ("Sec-GPC", "1")],
        vec![("Sec-GPC", "x"), ("Sec-GPC", "1"), ("DNT", "0")],
        vec![("Sec-GPC", "1"), ("Sec-GPC", "1")],
        vec![("Sec-GPC", "0,1")],
        vec![("DNT", "1"), ("Sec-GPC", "1")],
        vec![("DNT", "0"), ("Sec-GPC", "1")],
        vec![("DNT", "1"), ("Sec-GPC", "0")],
        vec![("DNT", "unset"), ("DNT", "0"), ("DNT", "1")],
    ]);
    all
}

/// Fields of a payload that say no.
const FIELDS: [&str; 10] = [
    r#""dnt":"1""#,
    r#""dnt":1"#,
    r#""dnt":true"#,
    r#""dnt":"1yes""#,
    r#""gpc":"1""#,
    r#""gpc":1"#,
    r#""gpc":true"#,
    r#""dnt":"1","gpc":"1""#,
    r#""dnt":"0","gpc":"1""#,
    r#""dnt":"1","gpc":"0""#,
];
/// Pairs of a pixel's query that say no.
const PAIRS: [&str; 6] =
    ["dnt=1", "dnt=1yes", "gpc=1", "dnt=1&gpc=0", "dnt=0&gpc=1", "dnt=0&dnt=1"];

/// All of them; `agent` is the User-Agent of those that send one.
pub(crate) fn all(agent: &str) -> Vec<No> {
    let mut found = Vec::new();
    for lines in headers() {
        let lines: Vec<(String, String)> =
            lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let one = |method, path: String, more: &[(&str, &str)], body: &str, status| {
            let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let headers = more.chain(lines.clone()).collect();
            No { method, path, headers, body: body.to_owned(), status }
        };
        for (path, (more, body)) in each(EVENTS, &events(agent)) {
            found.push(one("POST", path.to_owned(), more, body, 202));
        }
        for (path, (more, query)) in each(PIXELS, &pixels(agent)) {
            found.push(one("GET", format!("{path}{query}"), more, "", 200));
        }
    }
    found.extend(by_payload(agent));
    found.extend(noes_of_tools::all(agent, &headers()));
    found
}

type Kind<'a> = (Vec<(&'a str, &'a str)>, String);

fn each<'a>(
    paths: &'a [&'a str],
    kinds: &'a [Kind<'a>],
) -> impl Iterator<Item = (&'a str, &'a Kind<'a>)> {
    paths.iter().flat_map(move |path| kinds.iter().map(move |kind| (*path, kind)))
}

/// What may come with an event: nothing of it is looked at.
fn events(agent: &str) -> Vec<Kind<'_>> {
    let who = ("User-Agent", agent);
    let named = |name: &str| BODY.replace("pageview", name);
    vec![
        (vec![who], BODY.to_owned()),
        (vec![who, ("Content-Type", "application/json")], BODY.to_owned()),
        (
            vec![who, ("Content-Type", "text/plain"), ("Origin", "https://site.example")],
            BODY.to_owned(),
        ),
        (vec![], BODY.to_owned()),
        (vec![who], "{not json".to_owned()),
        (vec![who], String::new()),
        (vec![who], BODY.replace("site.example", "none.example")),
        (vec![who], BODY.replace("\"d\":\"", "\"d\":\"other.example,")),
        (vec![who], named("signup").replace('}', r#","p":{"plan":"pro"}}"#)),
        (vec![who], named("engagement").replace('}', r#","e":4000,"sd":50}"#)),
        (vec![who, ("X-Forwarded-For", "81.2.69.160")], BODY.to_owned()),
        (vec![who, ("Authorization", "Bearer hc_send_nobody")], BODY.to_owned()),
        (vec![("User-Agent", "Googlebot/2.1")], BODY.to_owned()),
        (vec![who], named("web_vitals").replace('}', r#","v":{"lcp":1200,"cls":0.1}}"#)),
        (vec![who], named("js_error").replace('}', r#","t":"TypeError: x is not a function"}"#)),
    ]
}

/// What a pixel may name: nothing of it is looked at.
fn pixels(agent: &str) -> Vec<Kind<'_>> {
    let who = ("User-Agent", agent);
    let counted = format!("?{QUERY}");
    vec![
        (vec![who], counted.clone()),
        (vec![], counted.clone()),
        (vec![who], String::new()),
        (vec![who, ("Referer", "https://site.example/a")], "?site=site.example".to_owned()),
        (vec![who], "?site=site.example&campaign=spring".to_owned()),
        (vec![who], "?site=none.example&u=https%3A%2F%2Fnone.example%2F".to_owned()),
        (vec![who, ("X-Forwarded-For", "81.2.69.160")], format!("{counted}&event=signup")),
    ]
}

/// Those whose payload says it, as a relay passes it on.
fn by_payload(agent: &str) -> Vec<No> {
    let mut found = Vec::new();
    let who = vec![("User-Agent".to_owned(), agent.to_owned())];
    for headers in [who, Vec::new()] {
        for field in FIELDS {
            for body in [
                BODY.replacen('{', &format!("{{{field},"), 1),
                BODY.replace('}', &format!(",{field}}}")),
                format!("{{{field}}}"),
                BODY.replacen('{', &format!("{{{field},"), 1)
                    .replace("site.example", "none.example"),
            ] {
                for path in EVENTS {
                    let headers = headers.clone();
                    found.push(No {
                        method: "POST",
                        path: (*path).to_owned(),
                        headers,
                        body: body.clone(),
                        status: 202,
                    });
                }
            }
        }
        for pair in PAIRS {
            for (path, body) in each(EVENTS, &events("")).map(|(path, (_, body))| (path, body)) {
                found.push(No {
                    method: "POST",
                    path: format!("{path}?{pair}"),
                    headers: headers.clone(),
                    body: body.clone(),
                    status: 202,
                });
            }
            for query in [format!("{pair}&{QUERY}"), format!("{QUERY}&{pair}"), pair.to_owned()] {
                for path in PIXELS {
                    found.push(No {
                        method: "GET",
                        path: format!("{path}?{query}"),
                        headers: headers.clone(),
                        body: String::new(),
                        status: 200,
                    });
                }
            }
        }
    }
    found
}
