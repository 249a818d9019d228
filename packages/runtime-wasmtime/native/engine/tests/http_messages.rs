//! Messages that mean one thing to one server and another to the next: framing, targets, hosts, paths, and answers without content.

mod support;

use std::io::Write;

use bytes::Bytes;
use hotswap_engine::http::Wants;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::eventually;
use support::http::{Owner, Server, load};
use support::wasm;

/// Comes after each message on the same connection: it has to be a request of its own, or nothing at all.
const NEXT: &str = "GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// Statuses and bodies of all that comes back, until the server ends the connection.
fn exchange(server: &Server, message: &str) -> Vec<(u16, String)> {
    let mut client = server.client();
    // What was refused halfway may be reset while the rest is on its way.
    let _ = client.stream.write_all(format!("{message}{NEXT}").as_bytes());
    let mut replies = Vec::new();
    loop {
        let reply = client.reply();
        if reply.status == 0 {
            return replies;
        }
        replies.push((reply.status, String::from_utf8_lossy(&reply.body).into_owned()));
    }
}

fn statuses(server: &Server, message: &str) -> Vec<u16> {
    exchange(server, message).iter().map(|(status, _)| *status).collect()
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nhost: a\r\n{headers}\r\n{body}")
}

#[test]
fn requests_that_do_not_say_where_they_end_are_refused_and_end_their_connection() {
    let server = Server::of("http-lab-1.0.0", "");
    for headers in [
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: 3, 3\r\n",
        "content-length: +3\r\n",
        "content-length: -1\r\n",
        "content-length: 0x3\r\n",
        "content-length:\r\n",
        "content-length: 18446744073709551616\r\n",
        "content-length : 3\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "transfer-encoding : chunked\r\n",
        "x-folded: a\r\n b\r\n",
        "x-cr: a\rb\r\n",
        "x-nul: a\0b\r\n",
        "no colon\r\n",
    ] {
        assert_eq!(statuses(&server, &post(headers, "abc")), [400], "{headers:?}");
    }
    let old = "POST /echo HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(statuses(&server, old), [400]);
    for body in [
        "\r\n\r\n",
        ";x\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
    ] {
        // The head may be answered by the time the body turns out to be none: then the answer never looks whole.
        let mut client = server.client();
        let _ = client.stream.write_all((post("transfer-encoding: chunked\r\n", body) + NEXT).as_bytes());
        let first = client.reply();
        assert!(first.status != 200 || !first.whole, "{body:?}: {first:?}");
        assert_eq!(client.reply().status, 0, "{body:?}");
    }
}

#[test]
fn requests_end_where_they_say() {
    let server = Server::of("http-lab-1.0.0", "");
    for (headers, body) in [
        ("content-length: 3\r\n", "abc"),
        ("content-length: 3\r\ncontent-length: 3\r\n", "abc"),
        ("transfer-encoding: Chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked\r\n", "1;x=\"y;z\"\r\na\r\n02 \r\nbc\r\n00\r\n\r\n"),
        ("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\ncontent-length: 9\r\nhost: b\r\n\r\n"),
        ("expect: 100-continue\r\ncontent-length: 3\r\n", "abc"),
        ("connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 3\r\n", "abc"),
    ] {
        let expected = [(200, "abc".to_owned()), (200, "hello\n".to_owned())];
        assert_eq!(exchange(&server, &post(headers, body)), expected, "{headers:?} {body:?}");
    }
    // The coding beats the length, and nothing that follows is believed.
    for headers in
        ["content-length: 5\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 5\r\n"]
    {
        assert_eq!(
            exchange(&server, &post(headers, "3\r\nabc\r\n0\r\n\r\n")),
            [(200, "abc".to_owned())],
            "{headers:?}"
        );
    }
    // A body that its guest does not read is no request.
    let unread = format!("POST /hello HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{NEXT}", NEXT.len());
    assert_eq!(statuses(&server, &unread), [200, 200]);
    let refused = format!("POST /hello HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n{NEXT}");
    assert_eq!(statuses(&server, &refused), [413]);
}

#[test]
fn what_cannot_be_read_is_refused_in_the_words_of_the_plane() {
    let wide = r#"{"limits":{"maxUriBytes":65534}}"#;
    let mut server = Server::with(Owner::default(), wide);
    let module = server.load("http-lab-1.0.0", "");
    server.serve(&module);
    let many = |count| (0..count).map(|at| format!("x-{at}: a\r\n")).collect::<Vec<_>>().concat();
    // One of the hundred is the host.
    assert_eq!(server.client().get_with("/hello", &many(99)).status, 200);
    let large = format!("x-a: {}\r\n", "a".repeat(400_000));
    for (path, headers, status, code) in [
        ("/hello", many(100).as_str(), 431, "HS_HTTP_HEADERS_TOO_LARGE"),
        ("/hello", &many(5_000), 431, "HS_HTTP_HEADERS_TOO_LARGE"),
        ("/hello", &large, 431, "HS_HTTP_HEADERS_TOO_LARGE"),
        ("/hello", "no colon\r\n", 400, "HS_HTTP_BAD_REQUEST"),
        (&format!("/{}", "a".repeat(65_534)), "", 414, "HS_HTTP_URI_TOO_LONG"),
    ] {
        // What comes first on its connection, and what follows answers that were whole or written in pieces.
        for before in ["", "/hello", "/stream?n=3&ms=5", "/status?code=204"] {
            let mut client = server.client();
            if !before.is_empty() {
                assert!((200..=204).contains(&client.get(before).status), "{before}");
            }
            let reply = client.get_with(path, headers);
            assert_eq!((reply.status, reply.whole, reply.code().as_str()), (status, true, code), "{before}: {reply:?}");
            assert_eq!(reply.header("content-type"), Some("application/problem+json"));
            assert_eq!(client.reply().status, 0, "the connection has ended");
        }
    }
}

#[test]
fn codings_that_guests_would_not_hear_of_are_refused() {
    let server = Server::of("http-lab-1.0.0", "");
    for headers in [
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: ,chunked\r\n",
    ] {
        let replies = exchange(&server, &post(headers, "3\r\nabc\r\n0\r\n\r\n"));
        assert_eq!(replies.first().map(|(status, _)| *status), Some(501), "{headers:?}: {replies:?}");
    }
}

#[test]
fn targets_are_paths_or_http_addresses_and_hosts_are_one_name() {
    let server = Server::of("http-lab-1.0.0", "");
    for target in ["a:80", "hello", "a", "*", "*x", "ftp://a/hello", "http://u:p@a/hello", "http://u@a/hello"] {
        let replies = statuses(&server, &format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n"));
        assert_eq!(replies, [400, 200], "{target}");
    }
    for host in ["", ":80", "a:b", "a:99999", "[::1", "[a]", "a%zz", "u@a", "a/b"] {
        let replies = statuses(&server, &format!("GET /hello HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        assert_eq!(replies, [400, 200], "{host:?}");
    }
    for hosts in ["", "host: a\r\nhost: a\r\n", "host: a/b\r\n"] {
        let replies = statuses(&server, &format!("GET http://b/hello HTTP/1.1\r\n{hosts}\r\n"));
        assert_eq!(replies, [400, 200], "{hosts:?}");
    }
    for (target, path) in [("http://b?x=1", "/?x=1"), ("http://b", "/"), ("HTTP://b/x", "/x")] {
        let mut client = server.client();
        // Every path but the root is nobody's in this guest, which says so itself.
        client.send(&format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let expected = if path.starts_with("/x") { 404 } else { 200 };
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("x-hotswap-version")), (expected, Some("one")), "{target}");
    }
    // Whoever tunnels before it was told to may have sent what looks like a request.
    assert_eq!(statuses(&server, "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n"), [400]);
}

#[test]
fn clients_of_http_1_0_that_name_no_host_reach_what_has_none() {
    let server = Server::of("http-lab-1.0.0", "");
    let mut client = server.client();
    client.send("GET /echo HTTP/1.0\r\n\r\n");
    let reply = client.reply();
    let address = format!("127.0.0.1:{}", server.listener.port());
    assert_eq!((reply.status, reply.header("x-authority")), (200, Some(address.as_str())), "{reply:?}");
    server.route(r#"[{"slot":"app","hosts":["127.0.0.2"],"pathPrefix":"/","access":"public"}]"#);
    assert_eq!(exchange(&server, "GET /hello HTTP/1.0\r\n\r\n")[0].0, 404);
}

#[test]
fn paths_do_not_lead_past_the_route_that_guards_them() {
    let server = Server::of("http-lab-1.0.0", "");
    server.route(
        r#"[{"slot":"app","hosts":[],"pathPrefix":"/","access":"public"},
            {"slot":"app","hosts":[],"pathPrefix":"/guarded","access":"authorized"}]"#,
    );
    for path in [
        "/guarded/x",
        "/open/../guarded/x",
        "/%67uarded/x",
        "/open/%2e%2e/guarded/x",
        "/open/..%2fguarded",
        "//guarded/x",
        "/./guarded",
        "/guarded/../guarded/../echo",
    ] {
        let reply = server.get(path);
        let expected = if path.starts_with("/guarded/x") { 401 } else { 400 };
        assert_eq!((reply.status, reply.header("x-hotswap-version")), (expected, None), "{path}");
    }
    for path in ["/echo/../%65cho", "/echo//a/%2e/b", "/guardedx/.", "/echo?/../guarded"] {
        assert_eq!(server.get(path).header("x-hotswap-version"), Some("one"), "{path}");
    }
}

#[test]
fn who_answers_hears_of_the_host_that_the_address_names() {
    let wants = Wants { fallback: true, authorize: true, ..Wants::default() };
    let server = Server::with(Owner { wants, ..Owner::default() }, "{}");
    server.route(r#"[{"slot":"app","hosts":["b"],"pathPrefix":"/","access":"authorized"}]"#);
    let mut client = server.client();
    client.send("GET http://b/x HTTP/1.1\r\nhost: elsewhere\r\nauthorization: Bearer x\r\n\r\n");
    assert_eq!(client.reply().status, 401);
    let asked = server.owner.asked.lock().expect("unpoisoned");
    assert_eq!((asked[0].authority.as_str(), asked[0].headers["host"].as_bytes()), ("b", &b"b"[..]));
}

#[test]
fn owners_do_not_decide_where_their_answers_end() {
    let owner = Owner { wants: Wants { fallback: true, ..Wants::default() }, ..Owner::default() };
    let server = Server::with(owner, "{}");
    for headers in [
        "x-answer-content-length: 9\r\n",
        "x-answer-content-length: 1\r\n",
        "x-answer-content-length: many\r\n",
        "x-answer-transfer-encoding: gzip\r\n",
    ] {
        for body in ["content-length: 3\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"] {
            let mut client = server.client();
            client.send(&format!("POST /own HTTP/1.1\r\nhost: a\r\n{headers}{body}"));
            let reply = client.reply();
            let is_streamed = body.starts_with("transfer");
            // What is streamed may announce a length, and has to keep to it.
            if is_streamed && headers.contains(": 9") {
                assert!(!reply.whole, "{headers:?}: {reply:?}");
                continue;
            }
            if is_streamed && headers.contains(": 1") {
                assert_eq!(reply.text(), "a", "{headers:?}");
                continue;
            }
            assert_eq!((reply.status, reply.text(), reply.whole), (200, "abc", true), "{headers:?}");
            assert_ne!(reply.header("transfer-encoding"), Some("gzip, chunked"), "{headers:?}");
            assert_eq!(client.get("/next").header("x-url"), Some("/next"), "{headers:?}");
        }
    }
}

/// Status, headers and body by HTTP/2; the error where the answer is none.
fn by_http2(server: &Server, request: Request<Full<Bytes>>) -> Result<(u16, HeaderMap, Bytes), String> {
    let port = server.listener.port();
    server.run(async move {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("speaks");
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
        Ok((head.status.as_u16(), head.headers, body))
    })
}

fn asking(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://app.test{path}"))
}

#[test]
fn answers_without_content_have_none_by_http2_either() {
    let server = Server::of("http-lab-1.0.0", "");
    for (method, path, status, length) in [
        ("HEAD", "/hello", 200, None),
        ("HEAD", "/big?bytes=100000", 200, Some("100000")),
        ("HEAD", "/stream?n=3&ms=5", 200, None),
        ("HEAD", "/nowhere", 404, None),
        ("GET", "/status?code=204", 204, None),
        ("GET", "/status?code=304", 304, None),
    ] {
        let request = asking(method, path).body(Full::default()).expect("a request");
        let (seen, headers, body) = by_http2(&server, request).expect("an answer");
        assert_eq!((seen, body.len()), (status, 0), "{method} {path}");
        if let Some(length) = length {
            assert_eq!(headers["content-length"], length, "{method} {path}");
        }
    }
    server.route("[]");
    let request = asking("HEAD", "/hello").body(Full::default()).expect("a request");
    let (seen, headers, body) = by_http2(&server, request).expect("an answer");
    assert_eq!((seen, body.len()), (404, 0));
    assert_ne!(headers["content-length"], "0");
    eventually("nothing is in flight", || server.stats()["inFlight"] == 0);
    let stats = server.stats();
    assert_eq!((&stats["cut"], &stats["versions"][0]["status2xx"]), (&0.into(), &4.into()), "{stats}");
}

#[test]
fn heads_that_only_announce_an_answer_are_none() {
    let server = Server::of("http-lab-1.0.0", "");
    for code in [100, 101, 103] {
        let mut client = server.client();
        let reply = client.get(&format!("/status?code={code}"));
        assert_eq!((reply.status, reply.code().as_str()), (500, "HS_RUNTIME_TRAP"), "{code}");
        assert_eq!(client.get("/hello").status, 200);
        let request = asking("GET", &format!("/status?code={code}")).body(Full::default()).expect("a request");
        assert_eq!(by_http2(&server, request).expect("an answer").0, 500, "{code}");
    }
}

/// Answers 204 with a length, or whatever status stands in its place.
const NO_CONTENT: &str = r#"(module
  (memory (export "memory") 1)
  (data (i32.const 0) "HTTP/1.1 204 No Content\nx-a: 1\n\nbody")
  (func (export "hotswap_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "hotswap_http_handle") (param i32 i32) (result i64) (i64.const 36)))"#;

#[test]
fn what_has_no_content_announces_none() {
    let mut server = Server::new();
    let module = load(&mut server.node, wasm(NO_CONTENT), "");
    server.serve(&module);
    let mut client = server.client();
    for _ in 0..2 {
        let reply = client.get("/");
        assert_eq!(
            (reply.status, reply.header("content-length"), reply.header("x-a")),
            (204, None, Some("1")),
            "{reply:?}"
        );
    }
    let request = asking("GET", "/").body(Full::default()).expect("a request");
    let (status, headers, body) = by_http2(&server, request).expect("an answer");
    assert_eq!((status, headers.get("content-length"), body.len()), (204, None, 0));
}

#[test]
fn cookies_that_http2_took_apart_reach_guests_as_one_header() {
    let server = Server::of("http-lab-1.0.0", "");
    let request = asking("GET", "/headers").header("cookie", "a=1").header("cookie", "b=2; c=3").header("x-a", "1");
    let request = request.header("x-a", "2").body(Full::default()).expect("a request");
    let (_, _, body) = by_http2(&server, request).expect("an answer");
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("cookie: a=1; b=2; c=3\n") && text.matches("cookie").count() == 1, "{text}");
    assert_eq!(text.matches("x-a").count(), 2, "{text}");
}

#[test]
fn http2_refuses_large_headers_in_the_words_of_the_plane() {
    let server = Server::of("http-lab-1.0.0", "");
    for size in [17_000, 40_000] {
        let request = asking("GET", "/hello").header("x-a", "a".repeat(size)).body(Full::default()).expect("a request");
        let (status, _, body) = by_http2(&server, request).expect("an answer");
        assert_eq!(status, 431, "{size}");
        assert!(String::from_utf8_lossy(&body).contains("HS_HTTP_HEADERS_TOO_LARGE"), "{size}: {body:?}");
    }
}

#[test]
fn http2_names_one_host() {
    let server = Server::of("http-lab-1.0.0", "");
    for (host, status) in [("app.test", 200), ("APP.test", 200), ("else.test", 400)] {
        let request = asking("GET", "/hello").header("host", host).body(Full::default()).expect("a request");
        assert_eq!(by_http2(&server, request).expect("an answer").0, status, "{host}");
    }
    let request = Request::builder().uri("http://u:p@app.test/hello").body(Full::default()).expect("a request");
    assert!(by_http2(&server, request).map_or(true, |(status, ..)| status == 400));
}
