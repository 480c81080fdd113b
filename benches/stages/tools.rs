//! What clients of other tools send, read: each door's usual request, as the tool's own client
//! writes it. The rest of the pipeline is the same for all.

use std::hint::black_box;

use headcount::ingest::adapters::{ga4, goatcounter, matomo, umami};

use crate::{Line, time};

/// Requests in a round.
const COUNT: usize = 1_000;

pub(crate) fn of_tools(lines: &mut Vec<Line>) {
    let send = br#"{"type":"event","payload":{"website":"550e8400-e29b-41d4-a716-446655440000","hostname":"bench.example","language":"en-US","referrer":"https://neighbour.example/","screen":"1920x1080","title":"Articles","url":"/articles/5?utm_source=letter","name":"signup","data":{"plan":"pro"}}}"#;
    time(lines, "Umami: /api/send", COUNT, |_| {
        black_box(umami::parse_send(black_box(send), false).is_ok());
    });
    let query = "v=2&tid=G-ABC123&gtm=45je5bk0&_p=1700000000000&cid=123456.1700000000&ul=en-us&sr=1920x1080&_s=2&sid=1700000000&sct=1&seg=1&dl=https%3A%2F%2Fbench.example%2Farticles%2F5%3Futm_source%3Dletter&dr=https%3A%2F%2Fneighbour.example%2F&dt=Articles&en=signup&ep.plan=pro&_et=1200";
    time(lines, "GA4: /g/collect", COUNT, |_| {
        black_box(ga4::collect(black_box(query), b"").is_ok());
    });
    let measured = br#"{"client_id":"123456.1700000000","events":[{"name":"signup","params":{"plan":"pro","page_location":"https://bench.example/articles/5?utm_source=letter","page_referrer":"https://neighbour.example/","engagement_time_msec":100}}]}"#;
    time(lines, "GA4: /mp/collect", COUNT, |_| {
        black_box(ga4::server::measured("measurement_id=G-ABC123", black_box(measured)).is_ok());
    });
    let query = "idsite=1&rec=1&r=123456&h=12&m=30&s=15&url=https%3A%2F%2Fbench.example%2Farticles%2F5%3Futm_source%3Dletter&urlref=https%3A%2F%2Fneighbour.example%2F&action_name=Articles&_id=0123456789abcdef&send_image=0&cookie=1&res=1920x1080&pv_id=AbC123&e_c=Accounts&e_a=signup";
    time(lines, "Matomo: /matomo.php", COUNT, |_| {
        black_box(matomo::tracked(black_box(query), b"", None).is_ok());
    });
    let bulk = format!(r#"{{"requests":["?{query}","?{query}"]}}"#);
    time(lines, "Matomo: two in bulk", COUNT, |_| {
        let read = matomo::bulk::read(black_box(bulk.as_bytes()));
        black_box(read.map(|bulk| bulk.events().len()).is_ok());
    });
    let around = goatcounter::Around {
        host: Some("stats.example"),
        referer: Some(b"https://bench.example/"),
        origin: None,
    };
    let query = "p=%2Farticles%2F5&r=https%3A%2F%2Fneighbour.example%2F&t=Articles&e=false&s=1920%2C1080%2C1&b=0&q=%3Futm_source%3Dletter&rnd=ab12c";
    time(lines, "GoatCounter: /count", COUNT, |_| {
        black_box(goatcounter::parse_count(black_box(query), &around).is_ok());
    });
}
