//! One guest over real sockets: what it may do, and what its client sees when it does what it may not.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use support::eventually;
use support::http::{Owner, Server};

const QUICK: &str = r#"{"limits":{"timeoutMs":300}}"#;

#[test]
fn a_component_answers_with_its_version() {
    let server = Server::of("http-lab-1.0.0", "");
    let mut client = server.client();
    for _ in 0..3 {
        let reply = client.get("/hello");
        assert_eq!((reply.status, reply.text(), reply.whole), (200, "hello\n", true), "{reply:?}");
        assert_eq!(reply.header("x-hotswap-version"), Some("one"));
        // One that met a tick, as it may on a busy machine, is heard on another thread, and its answer goes out as it comes.
        let length = reply.header("content-length");
        assert!(length == Some("6") || reply.header("transfer-encoding") == Some("chunked"), "{reply:?}");
    }
    // Every request had an instance of its own.
    assert_eq!(client.get("/state").text().trim(), "1");
    assert_eq!(client.get("/state").text().trim(), "1");
    eventually("all requests were counted", || server.stats()["inFlight"] == 0);
    let stats = server.stats();
    assert_eq!(stats["requests"], 5, "{stats}");
    assert_eq!(stats["versions"][0]["status2xx"], 5, "{stats}");
    assert_eq!(stats["versions"][0]["version"], "one", "{stats}");
    assert_eq!(stats["connections"], 1, "{stats}");
}

#[test]
fn an_answer_of_a_guest_that_ends_in_its_first_turn_has_its_length() {
    let server = Server::of("http-lab-1.0.0", "");
    eventually("a turn without a tick", || server.get("/hello").header("content-length") == Some("6"));
}

#[test]
fn bodies_are_streamed_in_both_directions() {
    let server = Server::of("http-lab-1.0.0", "");
    let mut client = server.client();
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| at as u8).collect();
    let reply = client.post("/echo", &body);
    assert_eq!((reply.status, reply.whole, reply.body == body), (200, true, true));
    assert_eq!(reply.header("x-path"), Some("/echo"));
    assert_eq!(reply.header("x-authority"), Some("app.test"));
    let reply = client.get("/stream?n=5&ms=5");
    assert_eq!((reply.status, reply.whole, reply.text().lines().count()), (200, true, 5), "{reply:?}");
    let reply = client.get("/big?bytes=3000000");
    assert_eq!((reply.status, reply.whole, reply.body.len()), (200, true, 3_000_000));
    client.send("HEAD /big?bytes=100000 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.get("/hello").text(), "hello\n");
}

#[test]
fn a_guest_that_fails_before_its_head_is_answered_for() {
    let server = Server::of("http-lab-1.0.0", QUICK);
    let mut client = server.client();
    for (path, status, code) in [
        ("/trap", 500, "HS_RUNTIME_TRAP"),
        ("/loop", 504, "HS_RUNTIME_TIMEOUT"),
        ("/sleep?ms=5000", 504, "HS_RUNTIME_TIMEOUT"),
        ("/no-answer", 500, "HS_RUNTIME_TRAP"),
        ("/error-answer", 502, "HS_RUNTIME_GUEST_ERROR"),
    ] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.whole), (status, true), "{path}: {reply:?}");
        assert_eq!(reply.code(), code, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        // The connection is as good as before.
        assert_eq!(client.get("/hello").text(), "hello\n");
    }
}

#[test]
fn a_guest_that_fails_after_its_head_never_looks_whole() {
    let server = Server::of("http-lab-1.0.0", QUICK);
    let mut broken = 0;
    for path in
        ["/trap-after-head", "/trap-mid-body", "/loop-after-head", "/loop-mid-body", "/drop-body", "/short-body"]
    {
        let reply = server.get(path);
        // A guest that trapped before its head could go out is answered for.
        assert!(!reply.whole || reply.status == 500, "{path}: {reply:?}");
        broken += i32::from(!reply.whole);
    }
    eventually("every request ended", || server.stats()["inFlight"] == 0);
    let stats = server.stats();
    assert_eq!(stats["versions"][0]["inFlight"], 0, "{stats}");
    assert_eq!(stats["cut"], broken, "{stats}");
    assert!(broken >= 4, "{broken}");
    assert_eq!(server.get("/hello").text(), "hello\n");
}

/// Asks by HTTP/1.0: there the end of the connection is the end of an answer that announces no length.
fn ask_by_http10(server: &Server, path: &str, headers: &str) -> TcpStream {
    let mut stream = server.client().stream;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n{headers}\r\n").as_bytes()).expect("written");
    stream
}

/// What comes until the connection ends, and whether it was reset.
fn rest_of(mut stream: TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let reset = match stream.read_to_end(&mut bytes) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("the server neither answers nor closes: {error}"),
    };
    (String::from_utf8_lossy(&bytes).into_owned(), reset)
}

#[test]
fn clients_of_http10_see_a_reset_where_an_answer_breaks_off() {
    let server = Server::of("http-lab-1.0.0", QUICK);
    let mut broken = 0;
    for path in ["/trap-after-head", "/trap-mid-body", "/loop-after-head", "/loop-mid-body", "/drop-body"] {
        let (text, reset) = rest_of(ask_by_http10(&server, path, ""));
        // A guest that trapped before its head could go out is answered for.
        assert!(reset || text.starts_with("HTTP/1.0 500"), "{path}: {text}");
        broken += i32::from(reset);
    }
    assert!(broken >= 3, "{broken}");
}

#[test]
fn clients_of_http10_that_take_nothing_see_a_reset() {
    let mut server = Server::with(Owner::default(), r#"{"limits":{"bodyIdleTimeoutMs":300}}"#);
    let module = server.load("http-lab-1.0.0", "");
    server.serve(&module);
    // By far more than what the system holds.
    let stream = ask_by_http10(&server, "/stream?n=10000000", "");
    eventually("it is in flight", || server.stats()["inFlight"] == 1);
    eventually("it was let go", || server.stats()["inFlight"] == 0);
    assert!(rest_of(stream).1);
}

#[test]
fn clients_of_http10_see_a_reset_where_an_answer_is_cut() {
    let server = Server::of("http-lab-1.0.0", "");
    let mut stream = ask_by_http10(&server, "/stream?n=1000&ms=20", "");
    let (mut seen, mut piece) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&seen).contains("line 0") {
        let count = stream.read(&mut piece).expect("an answer");
        assert_ne!(count, 0, "the answer ended before its first line");
        seen.extend_from_slice(&piece[..count]);
    }
    // The server takes this for one that has left.
    let half = ask_by_http10(&server, "/stream?n=20&ms=20", "");
    half.shutdown(Shutdown::Write).expect("a socket");
    let (text, reset) = rest_of(half);
    assert!(reset || text.contains("line 19"), "{text}");
    let drained = server.run(server.listener.close(Duration::from_millis(50)));
    assert_eq!(drained.cut, 1);
    let (text, reset) = rest_of(stream);
    assert!(reset, "{text}");
}

#[test]
fn clients_of_http10_see_whole_answers_end_without_a_reset() {
    let mut server = Server::with(Owner::default(), r#"{"limits":{"keepAliveTimeoutMs":300}}"#);
    let module = server.load("http-lab-1.0.0", "");
    server.serve(&module);
    for (path, headers, end) in [
        ("/hello", "", "hello\n"),
        ("/stream?n=5&ms=5", "", "line 4\n"),
        ("/nowhere", "", "there is no such path\n"),
        // The server ends this one when nothing more is asked.
        ("/hello", "connection: keep-alive\r\n", "hello\n"),
    ] {
        let (text, reset) = rest_of(ask_by_http10(&server, path, headers));
        assert!(!reset && text.ends_with(end), "{path} {headers}: {text}");
    }
    let (text, reset) = rest_of(ask_by_http10(&server, "/stream?n=100000", ""));
    assert!(!reset && text.ends_with("line 99999\n"), "{} bytes", text.len());
}
