//! "Do not count me" at the doors of other tools: the same spellings in headers,
//! and in the queries and bodies that only those tools have.

use crate::support::noes::No;

/// Who is asked, and what else the request says: method, path, body, status of the answer.
type Request = (&'static str, &'static str, &'static str, u16);

/// A page view in Umami's words.
const UMAMI: &str = r#"{"type":"event","payload":{"website":"550e8400-e29b-41d4-a716-446655440000","hostname":"site.example","url":"/a","screen":"390x844"}}"#;

/// One in Matomo's words, among several.
const BULK: &str =
    r#"{"requests":["?idsite=1&rec=1&url=https%3A%2F%2Fsite.example%2Fa","?idsite=1&rec=1"]}"#;

/// A page view of each tool as it would be counted, and what is no request of theirs at all.
const REQUESTS: [Request; 13] = [
    ("GET", "/g/collect?v=2&tid=G-1&en=page_view&dl=https%3A%2F%2Fsite.example%2Fa", "", 204),
    ("POST", "/g/collect?v=2&tid=G-1&dl=https%3A%2F%2Fsite.example%2Fa", "en=x\nen=y", 204),
    ("POST", "/g/collect", "{not a hit", 204),
    ("POST", "/mp/collect?measurement_id=G-1&api_secret=x", r#"{"events":[{"name":"x"}]}"#, 204),
    ("GET", "/matomo.php?idsite=1&rec=1&url=https%3A%2F%2Fsite.example%2Fa", "", 200),
    ("POST", "/piwik.php", "idsite=1&rec=1&url=https%3A%2F%2Fsite.example%2Fa", 200),
    ("POST", "/matomo.php?send_image=0", r#"{"requests":["?idsite=1&rec=1"]}"#, 204),
    ("POST", "/matomo.php", "{not json", 200),
    ("POST", "/api/send", UMAMI, 200),
    ("POST", "/api/batch", "[{\"type\":\"event\"}, {not json", 200),
    ("GET", "/count?p=/a&t=x&q=%3Futm_source%3Dx", "", 200),
    ("POST", "/count?p=signup&e=true", "", 200),
    ("POST", "/api/v0/count", r#"{"hits":[{"path":"/a","ip":"81.2.69.160"}]}"#, 202),
];

/// Requests whose query or body says it.
const SAID: [Request; 26] = [
    ("GET", "/g/collect?v=2&tid=G-1&en=x&dl=https%3A%2F%2Fsite.example%2F&dnt=1", "", 204),
    ("GET", "/g/collect?gpc=1", "", 204),
    ("GET", "/g/collect?v=2&tid=G-1&en=x&gcs=G100&dl=https%3A%2F%2Fsite.example%2F", "", 204),
    ("POST", "/g/collect?v=2&tid=G-1&dl=https%3A%2F%2Fsite.example%2F", "en=x&gcs=G110", 204),
    ("GET", "/matomo.php?idsite=1&rec=1&url=https%3A%2F%2Fsite.example%2Fa&dnt=1", "", 200),
    ("GET", "/matomo.php?gpc=1", "", 200),
    ("POST", "/piwik.php?send_image=0", "dnt=1", 204),
    ("POST", "/matomo.php", r#"{"requests":["?idsite=1&rec=1&dnt=1x"]}"#, 200),
    ("POST", "/api/send", r#"{"type":"event","payload":{"website":"x","dnt":"1"}}"#, 200),
    ("POST", "/api/send", r#"{"gpc":true,"type":"event"}"#, 200),
    ("GET", "/count?p=/a&gpc=1", "", 200),
    ("POST", "/mp/collect?dnt=1", r#"{"events":[{"name":"x"}]}"#, 204),
    ("POST", "/matomo.php?dnt=1", BULK, 200),
    ("POST", "/matomo.php?gpc=0&%67pc=1&send_image=0", BULK, 204),
    ("POST", "/matomo.php", r#"{"dnt":1,"gpc":"1","requests":["?idsite=1&rec=1"]}"#, 200),
    ("POST", "/matomo.php", r#"{"requests":["?idsite=1&rec=1"],"gpc":true}"#, 200),
    ("POST", "/matomo.php", r#"{"dnt":"1yes"}"#, 200),
    ("POST", "/matomo.php", "idsite=1&rec=1&dnt=0&dnt=1", 200),
    ("POST", "/api/send?dnt=1", UMAMI, 200),
    ("POST", "/api/send?gpc=1", "{not json", 200),
    ("POST", "/api/batch?dnt=1", "[]", 200),
    ("POST", "/api/v0/count?dnt=1", r#"{"hits":[{"path":"/a"}]}"#, 202),
    ("POST", "/api/v0/count", r#"{"dnt":1,"hits":[{"path":"/a"}]}"#, 202),
    ("POST", "/api/v0/count", r#"{"hits":[{"path":"/a"}],"gpc":"1"}"#, 202),
    ("POST", "/count?p=/a", "dnt=1&gpc=1", 200),
    ("POST", "/count?p=/a", "x=y&gpc=1", 200),
];

/// All of them, with these lines of headers that say no; and once those that say it themselves.
pub(crate) fn all(agent: &str, lines: &[Vec<(&str, &str)>]) -> Vec<No> {
    let of = |(method, path, body, status): Request, more: &[(&str, &str)], has_agent: bool| {
        let who = has_agent.then_some(("User-Agent", agent));
        let headers = who.iter().chain(more);
        No {
            method,
            path: path.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_owned(),
            status,
        }
    };
    let mut found = Vec::new();
    for request in REQUESTS {
        found.extend(lines.iter().map(|lines| of(request, lines, true)));
    }
    for request in SAID {
        found.extend([true, false].map(|has_agent| of(request, &[], has_agent)));
    }
    // Behind more pairs than are looked at for anything else.
    let pairs = format!("idsite=1&rec=1{}&dnt=1", "&a=b".repeat(400));
    let bulk = format!(r#"{{"requests":["?{pairs}"]}}"#);
    for (path, body) in [
        (format!("/matomo.php?{pairs}"), String::new()),
        ("/matomo.php".to_owned(), pairs),
        ("/matomo.php".to_owned(), bulk),
    ] {
        let headers = vec![("User-Agent".to_owned(), agent.to_owned())];
        found.push(No { method: "POST", path, headers, body, status: 200 });
    }
    found
}
