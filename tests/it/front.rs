//! The front against those who mean harm, byte by byte: requests that two readers understand
//! differently, and bodies that are not what they should be.

use std::time::Duration;

use crate::support::raw::{BODY, Raw, SOON, ask, event, head, start};

/// A chunked event: lines of its head, what stands behind each length, and the end.
fn chunked(more: &str, extension: &str, end: &str) -> String {
    let (left, right) = BODY.split_at(20);
    format!(
        "{}{more}\r\n{:x}{extension}\r\n{left}\r\n{:X}\r\n{right}\r\n0\r\n{end}",
        head(""),
        left.len(),
        right.len(),
    )
}

/// An event with both headers that name hops.
fn forwarded(hops: &str, elements: &str) -> String {
    let lines = format!("X-Forwarded-For: {hops}\r\nForwarded: {elements}\r\nHost");
    event().replacen("Host", &lines, 1)
}

/// Shapes that must be refused, each with a second request behind it that must never be begun.
fn shapes() -> Vec<(&'static str, String)> {
    let length = BODY.len();
    let with = |lines: &str| format!("{}{lines}\r\n{BODY}", head(""));
    let coding = "Transfer-Encoding: chunked\r\n";
    let both = format!("Content-Length: {length}\r\n{coding}");
    let second = format!("{coding}Content-Length: {length}\r\n");
    vec![
        ("length, then coding", chunked(&both, "", "\r\n")),
        ("coding, then length", chunked(&second, "", "\r\n")),
        ("two lengths", with(&format!("Content-Length: {length}\r\nContent-Length: 3\r\n"))),
        ("one length twice", with(&format!("Content-Length: {length}\r\n").repeat(2))),
        ("a list of lengths", with(&format!("Content-Length: {length}, {length}\r\n"))),
        ("identity, chunked", chunked("Transfer-Encoding: identity, chunked\r\n", "", "\r\n")),
        ("chunked, identity", chunked("Transfer-Encoding: chunked, identity\r\n", "", "\r\n")),
        ("chunked twice", chunked(&coding.repeat(2), "", "\r\n")),
        ("xchunked", chunked("Transfer-Encoding: xchunked\r\n", "", "\r\n")),
        ("a coding in two lines", chunked("Transfer-Encoding:\r\n chunked\r\n", "", "\r\n")),
        ("a folded line", with(&format!("X-Long: a\r\n b\r\nContent-Length: {length}\r\n"))),
        ("a bare LF", with(&format!("X: a\nContent-Length: {length}\r\n"))),
        ("a hidden coding", chunked("X: a\nTransfer-Encoding: chunked\r\n", "", "\r\n")),
        ("NUL in a value", with(&format!("X: a\0b\r\nContent-Length: {length}\r\n"))),
        ("NUL in a name", with(&format!("X\0: a\r\nContent-Length: {length}\r\n"))),
        ("a blank before the colon", with(&format!("Content-Length : {length}\r\n"))),
        ("a blank before the name", with(&format!("X: a\r\n Content-Length: {length}\r\n"))),
        ("a negative length", with("Content-Length: -1\r\n")),
        ("a length with a sign", with(&format!("Content-Length: +{length}\r\n"))),
        ("a length in hex", with("Content-Length: 0x10\r\n")),
        ("an empty length", with("Content-Length:\r\n")),
        ("a length beyond 64 bits", with("Content-Length: 18446744073709551617\r\n")),
        ("the largest length", with("Content-Length: 18446744073709551615\r\n")),
        ("a bare CR", with(&format!("X: a\rb\r\nContent-Length: {length}\r\n"))),
        ("HTTP/1.0 with a coding", chunked(coding, "", "\r\n").replacen("1.1", "1.0", 1)),
        ("HTTP/2.0 in words", event().replacen("1.1", "2.0", 1)),
        ("no version", event().replacen(" HTTP/1.1", "", 1)),
        ("a chunk of 2^64", format!("{}{coding}\r\n10000000000000000\r\n{BODY}", head(""))),
        ("a chunk of -1", format!("{}{coding}\r\n-1\r\n{BODY}", head(""))),
        ("a chunk of 0x", format!("{}{coding}\r\n0x41\r\n{BODY}", head(""))),
        ("a chunk longer than said", format!("{}{coding}\r\n3\r\n{BODY}\r\n0\r\n\r\n", head(""))),
        ("a chunk line with a bare LF", chunked(coding, "", "\r\n").replacen("14\r\n", "14\n", 1)),
        ("a bare LF in an extension", chunked(coding, ";a=b\n", "\r\n")),
        ("extensions without end", chunked(coding, &format!(";{}", "x".repeat(40_000)), "\r\n")),
        ("trailers without end", chunked(coding, "", &format!("{}\r\n", "T: x\r\n".repeat(9_000)))),
    ]
}

#[test]
fn no_request_of_two_meanings_is_taken_and_nothing_hides_behind_another() {
    let program = start();
    let hidden = event().replace("pageview", "hidden");
    for (name, request) in shapes() {
        let heard = ask(&program, request + &hidden);
        let statuses = heard.statuses();
        assert!(
            statuses.len() == 1 && matches!(statuses[0], 400 | 413 | 431 | 505),
            "{name}: {heard:?}"
        );
        assert!(heard.closed, "{name}: the connection goes on");
    }
    let accepted = program.counted("accepted");
    assert_eq!(accepted, 0, "one of them was taken");
    // The same in usual words are taken: the refusals above are not for something else.
    let coding = "Transfer-Encoding: Chunked\r\n";
    for (name, request, lasts) in [
        ("plain", event(), true),
        ("empty lines before it", format!("\r\n\r\n{}", event()), true),
        ("chunked", chunked(coding, "", "\r\n"), false),
        ("with extensions and trailers", chunked(coding, ";a=\"b\"", "T: x\r\n\r\n"), false),
        ("an unknown coding of hops", event().replacen("Host", "TE: trailers\r\nHost", 1), true),
        ("HTTP/1.0", event().replacen("1.1", "1.0", 1), false),
        (
            "HTTP/1.0 that lasts",
            event().replacen("1.1\r\n", "1.0\r\nConnection: keep-alive\r\n", 1),
            true,
        ),
        (
            "an absolute address",
            event().replacen(" /api", " http://elsewhere.example/api", 1),
            true,
        ),
        ("a hundred hops", forwarded(&"10.9.8.7, ".repeat(100), "for=9.9.9.9"), true),
        ("rubbish for hops", forwarded("x,,\"[::, 999.9.9.9", "for=\"_;;=,"), true),
        (
            "an upgrade",
            event().replacen("Host", "Upgrade: h2c\r\nConnection: Upgrade\r\nHost", 1),
            true,
        ),
    ] {
        let heard = ask(&program, request);
        assert_eq!(
            (heard.statuses(), heard.closed),
            (vec![202], !lasts),
            "{name}: {}",
            heard.text()
        );
    }
    assert_eq!(program.counted("accepted"), 11);
    // What comes behind a chunked body is dropped, not answered.
    let heard = ask(&program, chunked(coding, "", "\r\n") + &hidden);
    assert_eq!((heard.statuses(), heard.closed), (vec![202], true));
    assert_eq!(program.counted("accepted"), 12);
    for (name, request, status) in [
        (
            "CONNECT",
            "CONNECT site.example:443 HTTP/1.1\r\nHost: site.example:443\r\n\r\n".to_owned(),
            405,
        ),
        ("TRACE", "TRACE /api/event HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 405),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03".to_owned(), 400),
        ("many lines", format!("{}{}\r\n", head(""), "X: y\r\n".repeat(100)), 431),
        ("a large head", format!("{}X: {}\r\n\r\n", head(""), "y".repeat(40_000)), 431),
        ("a huge address", format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(100_000)), 431),
    ] {
        let heard = ask(&program, request);
        assert_eq!(heard.statuses(), [status], "{name}: {}", heard.text());
    }
    let other_protocol = ask(&program, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(other_protocol.closed && !other_protocol.text().contains(" 20"), "{other_protocol:?}");
    assert_eq!(ask(&program, event()).statuses(), [202]);
}

#[test]
fn bodies_that_are_compressed_late_cut_off_or_refused_leave_no_connection_astray() {
    let program = start();
    // A gzip that would be a gigabyte: nobody looks into it. So short that it is there with its head:
    // what is refused is not waited for.
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].repeat(200);
    let said = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", bomb.len());
    let request = [head(&said).into_bytes(), b"\r\n".to_vec(), bomb].concat();
    let heard = ask(&program, &request);
    assert_eq!((heard.statuses(), heard.closed), (vec![400], false), "{}", heard.text());
    assert!(heard.text().contains("compressed bodies are not taken"), "{}", heard.text());
    let same = event().replacen("Host", "Content-Encoding: identity\r\nHost", 1);
    assert_eq!(ask(&program, same).statuses(), [202]);
    // A refusal after the whole body keeps the connection; so do all others on it.
    let mut raw = Raw::to(&program.url);
    let bad = BODY.replacen("pageview", "", 1);
    let bad = format!("{}Content-Length: {}\r\n\r\n{bad}", head(""), bad.len());
    raw.send(bad.clone() + &event() + "GET /none HTTP/1.1\r\n\r\n" + &bad + &event());
    let heard = raw.hear_answers(5, SOON);
    assert_eq!((heard.statuses(), heard.closed), (vec![400, 202, 404, 400, 202], false));
    // "Expect": asked for before it is sent, and refused without it where it is too large.
    let mut raw = Raw::to(&program.url);
    raw.send(head(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", BODY.len())));
    let heard = raw.hear_until(SOON, |bytes| bytes.ends_with(b"\r\n\r\n"));
    assert_eq!(heard.text(), "HTTP/1.1 100 Continue\r\n\r\n");
    raw.send(BODY);
    assert_eq!(raw.hear_answers(1, SOON).statuses(), [202]);
    let large = ask(&program, head("Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n"));
    assert_eq!((large.statuses(), large.closed), (vec![413], true));
    // Cut off, reset or ended half-way: nothing of it is counted.
    let before = program.counted("accepted");
    for ended in [true, false] {
        for keep in [10, event().len() - 1] {
            let mut raw = Raw::to(&program.url);
            raw.send(&event().as_bytes()[..keep]);
            std::thread::sleep(Duration::from_millis(50));
            if ended {
                raw.end();
                let heard = raw.hear(SOON);
                assert!(heard.closed && !heard.text().contains(" 202 "), "{}", heard.text());
            } else {
                raw.reset();
            }
        }
    }
    assert_eq!(ask(&program, event()).statuses(), [202]);
    assert_eq!(program.counted("accepted"), before + 1);
}
