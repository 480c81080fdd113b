//! Planted values at the doors of Google Analytics and Matomo: in every field that names a person,
//! a visit or an order, in what a server names, and in requests that cannot be read.

use serde_json::json;

use crate::support::canaries::{AGENT, CANARY, SITE, V4, headers};
use crate::support::http::Client;

/// Rows that [`send`] leaves each time.
pub(crate) const ROWS: u64 = 4;

/// Sends them as whoever is at this address.
pub(crate) fn send(url: &str, address: &str) {
    let mut client = Client::new(url);
    let who = headers(address);
    let mail = "planted.person%40mail.example";
    let page = format!("https%3A%2F%2F{SITE}{CANARY}%3Fsession%3Dplantedquerytoken%26m%3D{mail}");
    let from = "https%3A%2F%2Fneighbour.example%2Fplanted-referrer-path%3Fq%3Dplantedreferrerquery";
    let agent = AGENT.replace(' ', "%20").replace(';', "%3B");
    let hit = format!(
        "v=2&tid=G-1&cid=plantedquerytoken&uid={mail}&sid=plantedquerytoken&em={mail}\
         &up.who={mail}&dt={mail}&dl={page}&dr={from}&ep.who={mail}&ep.user_id=plantedquerytoken\
         &ep.undeclared=plantedpropertyvalue&ep.transaction_id=plantedquerytoken"
    );
    let visit = format!(
        "idsite=1&rec=1&_id=plantedquerytoken&cid=plantedquerytoken&uid={mail}&action_name={mail}\
         &url={page}&urlref={from}&cip={V4}&ua={agent}&token_auth=hc_send_plantedsendkey\
         &cvar=%7B%221%22%3A%5B%22who%22%2C%22{mail}%22%5D%7D&dimension1=plantedpropertyvalue"
    );
    let bulk = json!({"token_auth": "hc_send_plantedsendkey", "requests": [format!("?{visit}")]});
    let measured = json!({"client_id": "plantedquerytoken", "user_id": "planted.person@mail.example",
        "ip_override": V4, "user_agent": AGENT, "events": [{"name": "plantedquerytoken"}]});
    let (bulk, measured) = (bulk.to_string(), measured.to_string());
    let secret = "measurement_id=G-1&api_secret=hc_send_plantedsendkey";
    for (path, body, expected) in [
        (format!("/g/collect?{hit}&en=x"), "", "accepted"),
        (format!("/g/collect?{hit}"), "en=x", "accepted"),
        (format!("/g/collect?{hit}&gcs=G100&en=x"), "", "ignored; reason=opted_out"),
        (
            format!("/g/collect?{hit}").replace("dl=https", "dl=javascript"),
            "en=x",
            "ignored; reason=invalid",
        ),
        ("/g/collect".to_owned(), "plantedquerytoken", "ignored; reason=invalid"),
        (format!("/mp/collect?{secret}"), &*measured, "ignored; reason=invalid"),
        (format!("/debug/mp/collect?{secret}"), &*measured, ""),
        (format!("/matomo.php?{visit}"), "", "accepted"),
        (format!("/matomo.php?{visit}&e_c=plantedquerytoken"), "", "rejected; reason=invalid"),
        ("/piwik.php".to_owned(), &*bulk, "accepted"),
        ("/piwik.php".to_owned(), "{plantedquerytoken", "rejected; reason=invalid"),
    ] {
        let answer = client.post(&path, &who, body.as_bytes());
        assert_eq!(answer.outcome(), expected, "{path}");
        assert!(!answer.text().contains("planted"), "{path}: {}", answer.text());
    }
}
