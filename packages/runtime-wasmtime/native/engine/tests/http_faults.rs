//! Clients that are slow, leave, or speak something else, and certificates that change.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use support::http::{Owner, Server, load};
use support::{eventually, wasm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn guests() -> u64 {
    let stats = hotswap_engine::Runtime::get().expect("runs").stats_json();
    stats["pool"]["componentInstances"].as_u64().expect("a pool")
}

#[test]
fn clients_that_leave_at_any_moment_leave_nothing_behind() {
    let server = Server::of("http-lab-1.0.0", r#"{"limits":{"timeoutMs":2000}}"#);
    let port = server.listener.port();
    let requests = [
        "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /sleep?ms=300 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /stream?n=100&ms=1 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /big?bytes=2000000 HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nonly this",
        "POST /discard HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    ];
    std::thread::scope(|scope| {
        for worker in 0..4_usize {
            scope.spawn(move || {
                let mut seed = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(worker as u64 + 1);
                let mut next = move |below: usize| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    (seed % below as u64) as usize
                };
                for _ in 0..2_500 {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
                    let request = requests[next(requests.len())].as_bytes();
                    // Some leave in the middle of their head, some in the middle of the answer.
                    let sent = if next(4) == 0 { next(request.len()) } else { request.len() };
                    let _ = stream.write_all(&request[..sent]);
                    if next(2) == 0 {
                        let _ = stream.set_read_timeout(Some(Duration::from_millis(1 + next(3) as u64)));
                        let _ = stream.read(&mut vec![0; 1 + next(20_000)]);
                    }
                    if next(2) == 0 {
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
            });
        }
    });
    eventually("nothing is in flight", || server.stats()["inFlight"] == 0 && server.stats()["connections"] == 0);
    assert_eq!(server.get("/hello").status, 200);
    eventually("no guest is left", || guests() == 0);
}

#[test]
fn slow_clients_are_let_go() {
    let mut server = Server::with(
        Owner::default(),
        r#"{"limits":{"headerTimeoutMs":300,"bodyIdleTimeoutMs":300,"keepAliveTimeoutMs":1200}}"#,
    );
    let module = server.load("http-lab-1.0.0", "");
    server.assign("app", &format!(r#"{{"current":{}}}"#, module.id()));
    server.route(r#"[{"slot":"app","hosts":[],"pathPrefix":"/","access":"public"}]"#);
    let within = |least: u64, most: u64, begun: Instant| {
        let took = begun.elapsed().as_millis() as u64;
        assert!((least..most).contains(&took), "{took} ms");
    };
    // Sends nothing at all.
    let begun = Instant::now();
    assert!(server.client().is_closed());
    within(200, 5_000, begun);
    // Sends its head byte by byte.
    let begun = Instant::now();
    let mut client = server.client();
    for byte in
        "GET /hello HTTP/1.1\r\nhost: a\r\nx-very-slow-header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".chars()
    {
        client.send(&byte.to_string());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(client.is_closed());
    within(200, 6_000, begun);
    // Stops in the middle of its body.
    let mut client = server.client();
    client.send("POST /discard HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
    let reply = client.reply();
    assert_eq!(reply.status, 408, "{reply:?}");
    // Is idle between two requests for longer than a head may take, then for too long.
    let mut client = server.client();
    assert_eq!(client.get("/hello").status, 200);
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(client.get("/hello").status, 200);
    let begun = Instant::now();
    assert!(client.is_closed());
    within(1_000, 8_000, begun);
    // Takes nothing of its answer.
    let mut client = server.client();
    client.send("GET /big?bytes=30000000 HTTP/1.1\r\nhost: a\r\n\r\n");
    eventually("it is in flight", || server.stats()["inFlight"] == 1);
    eventually("it was let go", || server.stats()["inFlight"] == 0);
}

/// Status, version header and body of one request by HTTP/2; the error when the answer broke off.
async fn by_http2<S>(io: S, paths: &[&str]) -> Vec<Result<(u16, usize), String>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.expect("speaks HTTP/2");
    tokio::spawn(connection);
    let ask = |path: &str| {
        let mut sender = sender.clone();
        let request = http::Request::get(format!("http://app.test{path}")).body(Empty::<bytes::Bytes>::new());
        async move {
            let answer = sender.send_request(request.expect("a request")).await.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
            Ok((status, body.to_bytes().len()))
        }
    };
    futures_util::future::join_all(paths.iter().map(|path| ask(path))).await
}

#[test]
fn http2_serves_many_requests_on_one_connection_and_resets_what_breaks_off() {
    let server = Server::of("http-lab-1.0.0", r#"{"limits":{"timeoutMs":1000}}"#);
    let port = server.listener.port();
    let answers = server.run(async move {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
        let paths = ["/hello", "/stream?n=3&ms=5", "/loop-mid-body", "/loop-after-head", "/big?bytes=1000000", "/trap"];
        by_http2(stream, &paths).await
    });
    assert_eq!(answers[0], Ok((200, 6)));
    assert!(matches!(answers[1], Ok((200, 1..))), "{answers:?}");
    assert!(answers[2].as_ref().is_err_and(|error| error.contains("INTERNAL_ERROR")), "{answers:?}");
    assert!(answers[3].is_err(), "{answers:?}");
    assert_eq!(answers[4], Ok((200, 1_000_000)));
    assert!(matches!(answers[5], Ok((500, _))), "{answers:?}");
}

/// Answers with ten million zeroes in one piece.
const LARGE: &str = r#"(module
  (memory (export "memory") 160)
  (data (i32.const 982) "HTTP/1.1 200 OK\ncontent-type: text/plain\n\n")
  (func (export "hotswap_alloc") (param i32) (result i32) (i32.const 1048))
  (func (export "hotswap_http_handle") (param i32 i32) (result i64)
    (memory.fill (i32.const 1024) (i32.const 0) (i32.const 100000))
    (i64.or (i64.shl (i64.const 982) (i64.const 32)) (i64.const 10000042))))"#;
const LARGE_BYTES: usize = 10_000_000;

fn serve_large(limits: &str) -> Server {
    let mut server = Server::with(Owner::default(), &format!(r#"{{"limits":{limits}}}"#));
    let module = load(&mut server.node, wasm(LARGE), "");
    server.serve(&module);
    server
}

#[test]
fn a_connection_is_not_idle_while_its_client_takes_an_answer() {
    let server = serve_large(r#"{"keepAliveTimeoutMs":200}"#);
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let (mut piece, mut taken) = (vec![0; 128 * 1024], 0);
    while taken < LARGE_BYTES {
        match client.stream.read(&mut piece) {
            Ok(count) if count > 0 => taken += count,
            end => panic!("the answer broke off after {taken} bytes: {end:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_connection_by_http2_is_not_idle_while_its_client_takes_an_answer() {
    let server = serve_large(r#"{"keepAliveTimeoutMs":200}"#);
    let port = server.listener.port();
    let taken = server.run(async move {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("speaks");
        tokio::spawn(connection);
        let request = http::Request::get("http://app.test/").body(Empty::<bytes::Bytes>::new()).expect("a request");
        let mut body = sender.send_request(request).await.expect("answered").into_body();
        let mut taken = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => taken += frame.data_ref().map_or(0, bytes::Bytes::len),
                Err(error) => return Err(format!("broke off after {taken} bytes: {error:?}")),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(taken)
    });
    assert_eq!(taken, Ok(LARGE_BYTES));
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).expect("a short one"), kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn clients_of_http2_that_grant_no_window_are_let_go() {
    let server = serve_large(r#"{"bodyIdleTimeoutMs":300}"#);
    let mut client = server.client();
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // The initial window of each stream is empty, and stays so.
    sent.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for stream in [1, 3, 5] {
        // GET / of the host `a`, and nothing else.
        sent.extend(frame(1, 0x5, stream, &[0x82, 0x84, 0x86, 0x41, 1, b'a']));
    }
    client.stream.write_all(&sent).expect("written");
    eventually("they are in flight", || server.stats()["inFlight"] == 3);
    eventually("they were let go", || server.stats()["inFlight"] == 0);
    assert!(server.stats()["cut"].as_u64() >= Some(3), "{}", server.stats());
}

struct Named {
    json: String,
    root: CertificateDer<'static>,
}

fn certificate(name: &str) -> Named {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let json = serde_json::json!({
        "certPem": made.cert.pem(),
        "keyPem": made.signing_key.serialize_pem(),
        "serverNames": [name],
    });
    Named { json: json.to_string(), root: made.cert.der().clone() }
}

async fn handshake(
    port: u16,
    name: &'static str,
    root: CertificateDer<'static>,
    alpn: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from(name).expect("a name");
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[test]
fn certificates_go_by_name_and_change_without_a_restart() {
    let (one, two, later) = (certificate("one.test"), certificate("two.test"), certificate("one.test"));
    let mut server = Server::with(Owner::default(), &format!(r#"{{"tls":[{},{}]}}"#, one.json, two.json));
    let module = server.load("http-lab-1.0.0", "");
    server.assign("app", &format!(r#"{{"current":{}}}"#, module.id()));
    server.route(r#"[{"slot":"app","hosts":[],"pathPrefix":"/","access":"public"}]"#);
    let port = server.listener.port();
    let (first, second, third) = (one.root.clone(), two.root.clone(), one.root.clone());
    let (answers, mut open) = server.run(async move {
        let stream = handshake(port, "one.test", first, b"h2").await.expect("the certificate of its name");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let answers = by_http2(stream, &["/hello"]).await;
        handshake(port, "two.test", second, b"http/1.1").await.expect("the certificate of its name");
        handshake(port, "three.test", third.clone(), b"h2").await.expect_err("no certificate is for that name");
        (answers, handshake(port, "one.test", third, b"http/1.1").await.expect("the old certificate"))
    });
    assert_eq!(answers, [Ok((200, 6))]);

    let replaced: Vec<_> =
        [&later.json, &two.json].iter().map(|json| serde_json::from_str(json).expect("JSON")).collect();
    server.listener.set_certificates(&replaced).expect("replaced");
    let (old, new) = (one.root, later.root);
    server.run(async move {
        handshake(port, "one.test", old, b"h2").await.expect_err("the old certificate is gone");
        handshake(port, "one.test", new, b"h2").await.expect("the new certificate");
        // Who was connected still is.
        open.write_all(b"GET /hello HTTP/1.1\r\nhost: one.test\r\n\r\n").await.expect("written");
        let mut answer = [0; 12];
        open.read_exact(&mut answer).await.expect("answered");
        assert_eq!(&answer, b"HTTP/1.1 200");
    });
    let broken: hotswap_engine::http::Certificate =
        serde_json::from_str(r#"{"certPem":"nothing","keyPem":"nothing"}"#).expect("JSON");
    assert!(server.listener.set_certificates(&[broken]).is_err());
}

#[test]
fn answers_to_http10_that_are_cut_are_reset_by_tls_too() {
    let certificate = certificate("one.test");
    let mut server = Server::with(Owner::default(), &format!(r#"{{"tls":[{}]}}"#, certificate.json));
    let module = server.load("http-lab-1.0.0", r#"{"limits":{"timeoutMs":300}}"#);
    server.serve(&module);
    let port = server.listener.port();
    for (path, whole) in [("/stream?n=3&ms=5", true), ("/loop-mid-body", false)] {
        let root = certificate.root.clone();
        let end = server.run(async move {
            let mut stream = handshake(port, "one.test", root, b"http/1.1").await.expect("connects");
            stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.expect("written");
            stream.read_to_end(&mut Vec::new()).await.map(drop).map_err(|error| error.kind())
        });
        assert_eq!(end, if whole { Ok(()) } else { Err(ErrorKind::ConnectionReset) }, "{path}");
    }
}

#[test]
fn several_listeners_share_a_port_where_asked() {
    let server = Server::with(Owner::default(), r#"{"reusePort":true}"#);
    let port = server.listener.port();
    let options = |json: String| serde_json::from_str(&json).expect("the test's own options");
    let second = server.plane.listen(&options(format!(r#"{{"port":{port},"reusePort":true}}"#))).expect("shares");
    assert_eq!(second.port(), port);
    let refused = server.plane.listen(&options(format!(r#"{{"port":{port}}}"#))).expect_err("in use");
    assert_eq!(refused.code().as_str(), "LISTEN_FAILED");
    assert_eq!(refused.detail("port"), Some(&port.into()));
}
