//! One guest over real sockets: what it may do, and what its client sees when it does what it may not.

mod support;

use support::eventually;
use support::http::Server;

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
