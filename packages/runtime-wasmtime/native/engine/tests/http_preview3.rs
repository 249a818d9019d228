//! Guests that answer HTTP by WASI 0.3, over real sockets: what they say while they wait, and how answers end that they do not end well.
#![cfg(feature = "wasi03")]

mod support;

use std::time::{Duration, Instant};

use support::eventually;
use support::http::{Server, guest, load};

const GUEST: &str = "http-async-1.0.0";

fn server(policy: &str) -> Server {
    let mut server = Server::new();
    let json = format!(r#"{{"experimental":["preview3"],"policy":{policy}}}"#);
    let module = load(&mut server.node, guest(GUEST), &json);
    server.serve(&module);
    server
}

#[test]
fn a_handler_that_waits_answers_with_its_version() {
    let server = server("{}");
    let mut client = server.client();
    for _ in 0..3 {
        let reply = client.get("/hello");
        assert_eq!((reply.status, reply.text(), reply.whole), (200, "hello\n", true), "{reply:?}");
        assert_eq!(reply.header("x-hotswap-version"), Some("one"));
    }
    // Every request had an instance of its own.
    assert_eq!([client.get("/state").text(), client.get("/state").text()], ["1\n", "1\n"]);
    assert_eq!(client.get("/sleep?ms=20").text(), "slept\n");
    assert_eq!(client.get("/nowhere").status, 404);
    eventually("all requests were counted", || server.stats()["inFlight"] == 0);
    let stats = server.stats();
    assert_eq!((&stats["requests"], &stats["versions"][0]["status2xx"]), (&7.into(), &6.into()), "{stats}");
}

#[test]
fn bodies_are_streamed_in_both_directions() {
    let server = server("{}");
    let mut client = server.client();
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| at as u8).collect();
    let reply = client.post("/echo?a=b", &body);
    assert_eq!((reply.status, reply.whole, reply.body == body), (200, true, true));
    assert_eq!([reply.header("x-method"), reply.header("x-path")], [Some("POST"), Some("/echo?a=b")]);
    assert_eq!([reply.header("x-scheme"), reply.header("x-authority")], [Some("http"), Some("app.test")]);
    let reply = client.get("/stream?n=4&ms=5");
    assert_eq!((reply.text(), reply.whole), ("line 0\nline 1\nline 2\nline 3\n", true));
    let reply = client.get("/big?bytes=3000000");
    assert_eq!((reply.header("content-length"), reply.body.len(), reply.whole), (Some("3000000"), 3_000_000, true));
    let reply = client.get("/trailers");
    assert_eq!((reply.text(), reply.whole), ("a trailer follows\n", true));
    client.send("HEAD /hello HTTP/1.1\r\nhost: app.test\r\n\r\n");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.get("/hello").text(), "hello\n");
}

#[test]
fn what_breaks_off_is_never_taken_for_whole() {
    let server = server(r#"{"limits":{"timeoutMs":300}}"#);
    for (path, status) in [("/trap", 500), ("/loop", 504), ("/error-answer", 502)] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("x-hotswap-version")), (status, None), "{path}: {reply:?}");
    }
    for path in ["/trap-mid-body", "/loop-mid-body", "/wait-mid-body", "/error-mid-body", "/short-body"] {
        let begun = Instant::now();
        let reply = server.get(path);
        // A guest may fail before the head that it has given is on its way; then the plane says so itself.
        assert!(!reply.whole || (path == "/trap-mid-body" && reply.status == 500), "{path}: {reply:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{path}");
    }
    eventually("nothing is in flight", || server.stats()["inFlight"] == 0);
    assert_eq!(server.get("/hello").text(), "hello\n");
}

#[test]
fn instances_are_kept_where_that_is_asked_for() {
    let server = server(r#"{"runtime":{"reuse":{"maxInstances":1,"maxCalls":1000,"maxIdleMs":60000}}}"#);
    let mut client = server.client();
    let seen: Vec<u64> = (0..4).map(|_| client.get("/state").text().trim().parse().expect("a number")).collect();
    // The next request may come before the last one's guest has come to rest.
    assert!(seen.iter().max() > Some(&1), "{seen:?}");
}

#[test]
fn requests_to_the_outside_are_governed_as_those_of_0_2() {
    let closed = server("{}");
    let target = format!("/fetch?url=http://127.0.0.1:{}/stream?n=2", closed.listener.port());
    let refused = closed.get(&target);
    assert_eq!((refused.status, refused.text()), (502, "ErrorCode::HttpRequestDenied\n"), "{refused:?}");
    let open = server(r#"{"network":{"allowedHosts":["127.0.0.1:*"],"allowPrivateAddresses":true}}"#);
    let reply = open.get(&target);
    assert_eq!((reply.status, reply.text(), reply.whole), (200, "line 0\nline 1\n", true), "{reply:?}");
}

#[test]
fn clients_that_leave_take_their_guests_with_them() {
    let server = server(r#"{"limits":{"timeoutMs":600000}}"#);
    for path in ["/sleep?ms=3600000", "/wait-mid-body", "/big?bytes=100000000"] {
        let mut client = server.client();
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: app.test\r\n\r\n"));
        eventually("it is in flight", || server.stats()["inFlight"] == 1);
        client.leave();
        eventually("it is gone", || server.stats()["inFlight"] == 0);
    }
    assert_eq!(server.get("/hello").status, 200);
}

#[test]
fn a_swap_lets_answers_end_that_have_begun() {
    let mut server = server("{}");
    let next = server.load("http-hello-1.0.0", "");
    let mut client = server.client();
    client.send("GET /stream?n=20&ms=10 HTTP/1.1\r\nhost: app.test\r\n\r\n");
    eventually("it is in flight", || server.stats()["inFlight"] == 1);
    server.serve(&next);
    let reply = client.reply();
    assert_eq!((reply.status, reply.whole, reply.text().lines().count()), (200, true, 20));
    assert_ne!(server.get("/state").text(), "1\n");
}
