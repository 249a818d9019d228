//! Which request goes where, who may send it, and what is refused before a guest sees it.

mod support;

use std::time::Duration;

use hotswap_engine::http::Wants;
use support::eventually;
use support::http::{Owner, Server};

const ALL: Wants = Wants { fallback: true, authorize: true, access: true, output: true };

fn lab(owner: Owner, listen: &str, routes: &str) -> Server {
    let mut server = Server::with(owner, listen);
    let (one, two) = (server.load("http-lab-1.0.0", ""), server.load("http-hello-1.0.0", ""));
    let assignment =
        format!(r#"{{"current":{0},"keep":[{1}],"labels":{{"{0}":"lab","{1}":"hello"}}}}"#, one.id(), two.id());
    server.assign("lab", &assignment);
    server.route(routes);
    server
}

#[test]
fn hosts_and_prefixes_choose_and_are_stripped() {
    let server = lab(
        Owner { wants: ALL, ..Owner::default() },
        "{}",
        r#"[
            {"slot":"lab","hosts":["lab.test"],"pathPrefix":"/","access":"public"},
            {"slot":"lab","hosts":[],"pathPrefix":"/api/v1/wasm/http/lab","stripPrefix":true,"access":"public"},
            {"slot":"gone","hosts":[],"pathPrefix":"/gone","access":"public"},
            {"slot":null,"hosts":[],"pathPrefix":"/js","access":"public"}
        ]"#,
    );
    let mut client = server.client();
    let mut ask = |path: &str, host: &str| {
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        client.reply()
    };
    assert_eq!(ask("/echo?a=b", "lab.test").header("x-path"), Some("/echo?a=b"));
    assert_eq!(ask("/api/v1/wasm/http/lab/echo?a=b", "x").header("x-path"), Some("/echo?a=b"));
    // The address's own authority beats the header, and the guest is told the same.
    let reply = ask("http://lab.test:81/echo", "elsewhere");
    assert_eq!((reply.header("x-path"), reply.header("x-authority")), (Some("/echo"), Some("lab.test:81")));
    assert_eq!(ask("/gone", "x").code(), "HS_HTTP_NO_ROUTE");
    // What has no slot, and what has no route, is the owner's.
    assert_eq!(ask("/js/a?b", "x").header("x-url"), Some("/js/a?b"));
    assert_eq!(ask("/api/v1/wasm/http/labour", "x").header("x-url"), Some("/api/v1/wasm/http/labour"));
    // Routes are replaced as a whole.
    server.route("[]");
    assert_eq!(ask("/echo", "lab.test").header("x-url"), Some("/echo"));
    assert_eq!(server.client().post("/js", b"body for the owner").text(), "body for the owner");
}

#[test]
fn requests_that_name_no_host_are_refused() {
    let server = Server::of("http-hello-1.0.0", "");
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n",
    ] {
        let mut client = server.client();
        client.send(head);
        let reply = client.reply();
        assert_eq!((reply.status, reply.code().as_str()), (400, "HS_HTTP_BAD_REQUEST"), "{head}");
    }
    let mut client = server.client();
    client.send("CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.reply().status, 400);
    assert_eq!(Server::new().get("/").code(), "HS_HTTP_NO_ROUTE");
}

#[test]
fn authorized_routes_ask_once_for_a_key_and_hide_it_from_the_guest() {
    let route = r#"[{"slot":"lab","hosts":[],"pathPrefix":"/","access":"authorized"}]"#;
    let server = lab(Owner { wants: ALL, admits: Some(Duration::from_mins(1)), ..Owner::default() }, "{}", route);
    let mut client = server.client();
    assert_eq!(client.get("/hello").code(), "HS_HTTP_UNAUTHORIZED");
    for _ in 0..3 {
        let reply = client.get_with("/headers", "authorization: Bearer secret\r\nx-hotswap-version: lab\r\n");
        assert_eq!((reply.status, reply.header("x-hotswap-version")), (200, Some("lab")));
        assert!(!reply.text().contains("secret") && !reply.text().contains("x-hotswap-version"), "{}", reply.text());
    }
    assert_eq!(server.owner.asked.lock().expect("unpoisoned").len(), 1);
    // The header chooses among the versions that are here.
    let forced = client.get_with("/", "authorization: Bearer secret\r\nx-hotswap-version: hello\r\n");
    assert_eq!((forced.status, forced.header("x-hotswap-version")), (200, Some("hello")));
    let forced = client.get_with("/", "authorization: Bearer secret\r\nx-hotswap-version: 9.9.9\r\n");
    assert_eq!((forced.status, forced.code().as_str()), (421, "HS_HTTP_VERSION_NOT_HERE"));

    let server = lab(Owner { wants: ALL, ..Owner::default() }, "{}", route);
    let mut client = server.client();
    for _ in 0..3 {
        assert_eq!(client.get_with("/hello", "authorization: Bearer wrong\r\n").status, 401);
    }
    // A refusal is remembered too, shortly.
    assert_eq!(server.owner.asked.lock().expect("unpoisoned").len(), 1);
}

#[test]
fn public_routes_give_trusted_proxies_the_version_they_ask_for_where_it_is() {
    let route = r#"[{"slot":"lab","hosts":[],"pathPrefix":"/","access":"public"}]"#;
    let server = lab(Owner::default(), r#"{"trustedProxies":["10.0.0.0/8","127.0.0.1"]}"#, route);
    let mut client = server.client();
    for (asked, version) in [("hello", "hello"), ("lab", "lab"), ("9.9.9", "lab"), ("\u{e4}", "lab")] {
        let reply = client.get_with("/", &format!("x-hotswap-version: {asked}\r\n"));
        assert_eq!(reply.header("x-hotswap-version"), Some(version), "{asked}");
    }
    let reply = client.get_with("/headers", "x-hotswap-version: lab\r\nauthorization: own\r\n");
    assert!(reply.text().contains("authorization") && !reply.text().contains("x-hotswap-version"), "{}", reply.text());
}

#[test]
fn public_routes_ignore_the_version_header_of_anybody_else() {
    let server = lab(
        Owner::default(),
        r#"{"trustedProxies":["10.0.0.0/8"]}"#,
        r#"[{"slot":"lab","hosts":[],"pathPrefix":"/","access":"public"}]"#,
    );
    let reply = server.client().get_with("/headers", "x-hotswap-version: hello\r\nauthorization: own\r\n");
    assert_eq!(reply.header("x-hotswap-version"), Some("lab"));
    assert!(reply.text().contains("authorization") && !reply.text().contains("x-hotswap-version"), "{}", reply.text());
}

#[test]
fn what_is_too_large_is_refused_with_its_own_status() {
    let routes = r#"[{"slot":"lab","hosts":[],"pathPrefix":"/","access":"public","limits":{"maxBodyBytes":1000}}]"#;
    let server = lab(Owner::default(), r#"{"limits":{"maxHeaderBytes":500,"maxUriBytes":100}}"#, routes);
    assert_eq!(server.client().post("/echo", &[b'a'; 1_000]).body.len(), 1_000);
    let reply = server.client().post("/echo", &[b'a'; 1_001]);
    assert_eq!((reply.status, reply.code().as_str()), (413, "HS_HTTP_BODY_TOO_LARGE"));
    // A body that does not say how large it is, to a guest that reads it first.
    let mut client = server.client();
    client.send("POST /discard HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..20 {
        client.send(&format!("64\r\n{}\r\n", "a".repeat(100)));
    }
    client.send("0\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.status, 413, "{reply:?}");
    assert_eq!(server.get(&format!("/{}", "a".repeat(100))).status, 414);
    for size in [500, 100_000] {
        let reply = server.client().get_with("/hello", &format!("x-a: {}\r\n", "a".repeat(size)));
        assert_eq!((reply.status, reply.code().as_str()), (431, "HS_HTTP_HEADERS_TOO_LARGE"), "{size}");
    }
    assert_eq!(server.get("/hello").status, 200);
}

#[test]
fn more_than_the_limits_in_flight_is_refused_and_told_when_to_come_back() {
    let routes = r#"[
        {"slot":"lab","hosts":[],"pathPrefix":"/","access":"public"},
        {"slot":"lab","hosts":[],"pathPrefix":"/two","stripPrefix":true,"access":"public","limits":{"maxInFlight":2}}
    ]"#;
    let server = lab(Owner::default(), r#"{"limits":{"maxInFlight":3}}"#, routes);
    let mut waiting: Vec<_> = (0..2).map(|_| server.client()).collect();
    for client in &mut waiting {
        client.send("GET /two/sleep?ms=700 HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    eventually("two are in flight", || server.stats()["inFlight"] == 2);
    let reply = server.get("/two/hello");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert_eq!(reply.code(), "HS_HTTP_OVERLOADED");
    assert_eq!(server.get("/hello").status, 200);
    let mut third = server.client();
    third.send("GET /sleep?ms=300 HTTP/1.1\r\nhost: a\r\n\r\n");
    eventually("three are in flight", || server.stats()["inFlight"] == 3);
    assert_eq!(server.get("/hello").status, 503);
    waiting.push(third);
    for mut client in waiting {
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(server.get("/two/hello").status, 200);
    assert_eq!(server.stats()["refused"], 2, "{}", server.stats());
}

#[test]
fn the_owner_gets_records_of_what_was_answered() {
    let server = lab(
        Owner { wants: ALL, ..Owner::default() },
        "{}",
        r#"[{"slot":"lab","hosts":[],"pathPrefix":"/lab","stripPrefix":true,"access":"public"}]"#,
    );
    assert_eq!(server.get("/lab/hello?secret").status, 200);
    assert_eq!(server.get("/lab/trap").status, 500);
    assert_eq!(server.get("/own").status, 200);
    eventually("all are there", || server.owner.records.lock().expect("unpoisoned").len() == 3);
    let records = server.owner.records.lock().expect("unpoisoned");
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.path.as_str(), record.status, record.version.as_deref(), record.response_bytes > 0))
        .collect();
    let expected =
        [("/lab/hello", 200, Some("lab"), true), ("/lab/trap", 500, Some("lab"), true), ("/own", 200, None, false)];
    assert_eq!(seen, expected);
}

#[test]
fn the_owner_gets_the_last_records_and_output_before_the_plane_is_closed() {
    let route = r#"[{"slot":"lab","hosts":[],"pathPrefix":"/","access":"public"}]"#;
    let server = lab(Owner { wants: ALL, ..Owner::default() }, "{}", route);
    let mut client = server.client();
    for _ in 0..20 {
        assert_eq!(client.get("/hello").status, 200);
    }
    assert_eq!(client.get("/log").status, 200);
    server.run(server.plane.close(Duration::from_secs(5)));
    let (records, output) = (server.owner.records.lock(), server.owner.output.lock());
    assert_eq!(records.expect("unpoisoned").len(), 21);
    assert_eq!(server.stats()["accessDropped"], 0);
    assert_ne!(output.expect("unpoisoned").len(), 0);
}
