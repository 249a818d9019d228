//! Outgoing HTTP against real servers on this machine.

mod lookups;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::egress::{Egress, EgressHooks};
use crate::policy::NetworkPolicy;
use crate::shared::lookups::{Lookup, Lookups, Resolver};

/// Answers every name with the same addresses, a new list each time.
struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn all_to(address: &str) -> Arc<Self> {
        Self::in_turn(&[&[address]])
    }

    fn in_turn(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().expect("an address")).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), asked: AtomicUsize::new(0) })
    }
}

impl Resolver for Names {
    fn resolve(&self, _: &str) -> Lookup {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        Box::pin(std::future::ready(Ok(self.answers[turn].clone())))
    }
}

fn policy(hosts: &[&str], allow_private_addresses: bool) -> NetworkPolicy {
    let allowed_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    NetworkPolicy { allowed_hosts, allow_private_addresses, ..NetworkPolicy::default() }
}

fn hooks(policy: &NetworkPolicy, names: &Arc<Names>) -> (Arc<Egress>, EgressHooks) {
    let egress = Egress::new(policy, 5_000, Lookups::by(names.clone())).expect("a policy").expect("hosts are allowed");
    let hooks = EgressHooks::new(Some(egress.clone()));
    (egress, hooks)
}

fn body(bytes: impl Into<Bytes>) -> WasiBody {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn get(url: &str) -> Request<WasiBody> {
    let empty = Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
    Request::get(url).body(empty).expect("a request")
}

fn post(url: &str, sent: impl Into<Bytes>) -> Request<WasiBody> {
    Request::post(url).body(body(sent)).expect("a request")
}

async fn send(
    hooks: &mut EgressHooks,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<Response<WasiBody>, Error> {
    let sent = hooks.send_request(request, options, Box::new(std::future::ready(Ok(()))));
    Pin::from(sent).await.map(|(response, _)| response)
}

async fn text(response: Response<WasiBody>) -> Result<String, Error> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).expect("text"))
}

/// Serves HTTP/1.1 and says in its answers which connection they came over.
async fn server() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let service = service_fn(move |request| answer(request, connection));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    port
}

async fn answer(request: Request<Incoming>, connection: usize) -> Result<Response<WasiBody>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let path = parts.uri.path().to_owned();
    Ok(match path.as_str() {
        "/redirect" => Response::builder()
            .status(302)
            .header("location", "http://169.254.169.254/latest/meta-data")
            .body(body("elsewhere"))
            .expect("a response"),
        "/never" => std::future::pending().await,
        "/big" => Response::new(body(vec![b'x'; 100_000])),
        "/drip" => {
            let drops = futures_util::stream::unfold(0, |drop| async move {
                tokio::time::sleep(Duration::from_millis(if drop < 3 { 20 } else { 600_000 })).await;
                Some((Ok(Frame::data(Bytes::from_static(b"drop"))), drop + 1))
            });
            Response::new(StreamBody::new(drops).boxed_unsync())
        }
        "/echo" => {
            let received = incoming.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Response::new(body(received))
        }
        _ => {
            let host = parts.headers.get("host").map_or("-", |host| host.to_str().expect("text"));
            let host = parts.uri.authority().map_or(host, |authority| authority.as_str());
            Response::new(body(format!("{connection} {:?} {host} {}", parts.version, parts.uri.path())))
        }
    })
}

#[tokio::test]
async fn without_a_policy_every_request_is_denied() {
    let port = server().await;
    let outcome = send(&mut EgressHooks::new(None), get(&format!("http://127.0.0.1:{port}/")), None).await;
    assert!(matches!(outcome, Err(Error::HttpRequestDenied)));
    assert!(Egress::new(&NetworkPolicy::default(), 5_000, Lookups::of_system()).expect("a policy").is_none());
}

#[tokio::test]
async fn listed_hosts_answer_over_a_connection_that_stays() {
    let (port, names) = (server().await, Names::all_to("127.0.0.1"));
    let (egress, mut hooks) = hooks(&policy(&["*.test:*"], true), &names);
    for _ in 0..3 {
        let response =
            send(&mut hooks, get(&format!("http://API.test.:{port}/path?q=1")), None).await.expect("answers");
        assert_eq!(text(response).await.expect("whole"), format!("0 HTTP/1.1 api.test:{port} /path"));
    }
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
    assert_eq!(egress.counters.to_json()["connections"], 1);

    let (_, mut other) = self::hooks(&policy(&["*.test:*"], true), &names);
    let response = send(&mut other, get(&format!("http://api.test:{port}/")), None).await.expect("answers");
    assert!(text(response).await.expect("whole").starts_with('1'), "modules do not share connections");
}

/// Waits until a connection is back in the pool.
async fn idle(egress: &Egress) {
    while egress.idle_connections() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_the_list_does_not_name_is_denied_before_any_lookup() {
    let names = Names::all_to("127.0.0.1");
    let (egress, mut hooks) = hooks(&policy(&["https://api.test", "api.test:8080"], true), &names);
    for url in [
        "http://api.test/",
        "https://api.test:444/",
        "https://evil.test/",
        "https://api.test.evil.test/",
        "https://127.0.0.1/",
    ] {
        assert!(matches!(send(&mut hooks, get(url), None).await, Err(Error::HttpRequestDenied)), "{url}");
    }
    let tunnel = Request::builder().method(Method::CONNECT).uri("http://api.test:8080/").body(body("")).expect("built");
    assert!(matches!(send(&mut hooks, tunnel, None).await, Err(Error::HttpRequestDenied)));
    assert_eq!(names.asked.load(Ordering::Relaxed), 0);
    assert_eq!(egress.counters.to_json()["denied"], 6);
}

#[tokio::test]
async fn authorities_that_hide_their_host_are_no_targets() {
    let names = Names::all_to("127.0.0.1");
    let (_, mut hooks) = hooks(&policy(&["api.test:*", "127.0.0.1:*"], true), &names);
    for url in [
        "http://api.test@127.0.0.1:80/",
        "http://2130706433:80/",
        "http://0x7f.1:80/",
        "http://0177.0.0.1:80/",
        "http://api.test:0/",
    ] {
        assert!(matches!(send(&mut hooks, get(url), None).await, Err(Error::HttpRequestUriInvalid)), "{url}");
    }
}

#[tokio::test]
async fn names_that_lead_inside_are_refused_after_resolution() {
    let port = server().await;
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "fd00::1",
        "64:ff9b::7f00:1",
    ] {
        let names = Names::all_to(address);
        let (egress, mut hooks) = hooks(&policy(&["inside.test:*"], false), &names);
        let outcome = send(&mut hooks, get(&format!("http://inside.test:{port}/")), None).await;
        assert!(matches!(outcome, Err(Error::DestinationIpProhibited)), "{address}");
        assert_eq!(egress.counters.to_json()["denied"], 1);
    }
    let names = Names::all_to("169.254.169.254");
    let (_, mut hooks) = hooks(&policy(&["metadata.test:*", "169.254.169.254:*"], true), &names);
    for url in ["http://metadata.test:80/", "http://169.254.169.254:80/"] {
        let outcome = send(&mut hooks, get(url), None).await;
        assert!(matches!(outcome, Err(Error::DestinationIpProhibited)), "{url}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_checked_at_each_connection() {
    let port = server().await;
    let names = Names::in_turn(&[&["10.0.0.1"], &["127.0.0.1"]]);
    let (_, mut hooks) = hooks(&policy(&["rebinding.test:*"], false), &names);
    for _ in 0..2 {
        let outcome = send(&mut hooks, get(&format!("http://rebinding.test:{port}/")), None).await;
        assert!(matches!(outcome, Err(Error::DestinationIpProhibited)));
    }
    assert_eq!(names.asked.load(Ordering::Relaxed), 2, "one lookup for each connection");

    // Checked and connected to in one look: a second one would find the metadata service.
    let names = Names::in_turn(&[&["169.254.169.254", "127.0.0.1"], &["169.254.169.254"]]);
    let (egress, mut hooks) = self::hooks(&policy(&["mixed.test:*"], true), &names);
    let response = send(&mut hooks, get(&format!("http://mixed.test:{port}/")), None).await.expect("the allowed one");
    text(response).await.expect("whole");
    idle(&egress).await;
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn redirects_are_answers_and_their_targets_requests_of_their_own() {
    let (port, names) = (server().await, Names::all_to("127.0.0.1"));
    let (_, mut hooks) = hooks(&policy(&["api.test:*"], true), &names);
    let response = send(&mut hooks, get(&format!("http://api.test:{port}/redirect")), None).await.expect("answers");
    assert_eq!(response.status(), 302);
    let next = response.headers()["location"].to_str().expect("text").to_owned();
    assert!(matches!(send(&mut hooks, get(&next), None).await, Err(Error::HttpRequestDenied)));
}

#[tokio::test]
async fn bodies_beyond_their_caps_are_cut_off() {
    let (port, names) = (server().await, Names::all_to("127.0.0.1"));
    let caps = NetworkPolicy { max_request_bytes: 10, max_response_bytes: 50_000, ..policy(&["api.test:*"], true) };
    let (_, mut hooks) = hooks(&caps, &names);
    let outcome = send(&mut hooks, get(&format!("http://api.test:{port}/big")), None).await;
    assert!(matches!(outcome, Err(Error::HttpResponseBodySize(Some(50_000)))));
    let response = send(&mut hooks, post(&format!("http://api.test:{port}/echo"), "0123456789"), None).await;
    assert_eq!(text(response.expect("answers")).await.expect("whole"), "0123456789");
    let outcome = send(&mut hooks, post(&format!("http://api.test:{port}/echo"), "0123456789+"), None).await;
    assert!(matches!(outcome, Err(Error::HttpRequestBodySize(Some(10)))), "{outcome:?}");
}

#[tokio::test]
async fn timeouts_are_clamped_and_none_of_them_panics_at_zero() {
    let (port, names) = (server().await, Names::all_to("127.0.0.1"));
    let short = NetworkPolicy { request_timeout_ms: Some(100), ..policy(&["api.test:*"], true) };
    let (egress, mut hooks) = hooks(&short, &names);
    let zero = RequestOptions {
        connect_timeout: Some(Duration::ZERO),
        first_byte_timeout: Some(Duration::ZERO),
        between_bytes_timeout: Some(Duration::ZERO),
    };
    let forever = RequestOptions { first_byte_timeout: Some(Duration::MAX), ..RequestOptions::default() };
    for options in [zero, forever] {
        let outcome = send(&mut hooks, get(&format!("http://api.test:{port}/never")), Some(options)).await;
        assert!(
            matches!(
                outcome,
                Err(Error::ConnectionReadTimeout | Error::ConnectionTimeout | Error::HttpResponseTimeout)
            ),
            "{outcome:?}"
        );
    }
    let response = send(&mut hooks, get(&format!("http://api.test:{port}/drip")), None).await.expect("its head");
    let outcome = text(response).await;
    assert!(matches!(outcome, Err(Error::ConnectionReadTimeout | Error::HttpResponseTimeout)), "{outcome:?}");
    assert_eq!(egress.idle_connections(), 0, "an answer that was given up gives no connection back");
}

#[tokio::test]
async fn only_so_many_requests_are_open_at_once() {
    let (port, names) = (server().await, Names::all_to("127.0.0.1"));
    let one = NetworkPolicy { max_concurrent_requests: 1, ..policy(&["api.test:*"], true) };
    let (_, mut hooks) = hooks(&one, &names);
    let url = format!("http://api.test:{port}/drip");
    let first = send(&mut hooks, get(&url), None).await.expect("answers");
    let options = RequestOptions { connect_timeout: Some(Duration::from_millis(20)), ..RequestOptions::default() };
    let second = send(&mut hooks, get(&url), Some(options)).await;
    assert!(matches!(second, Err(Error::ConnectionLimitReached)));
    drop(first);
    send(&mut hooks, get(&url), Some(options)).await.expect("the place is free again");
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        // Each connection serves one request and is closed without saying so beforehand.
        loop {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("sent");
        }
    });
    let (egress, mut hooks) = hooks(&policy(&["127.0.0.1:*"], true), &Names::all_to("127.0.0.1"));
    for _ in 0..5 {
        let response = send(&mut hooks, get(&format!("http://127.0.0.1:{port}/")), None).await.expect("answers");
        assert_eq!(text(response).await.expect("whole"), "ok");
        // Until the closing is seen.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(egress.counters.to_json()["connections"], 5);
}

async fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await.expect("reads");
        assert_ne!(count, 0, "closed before the head was complete");
        head.extend_from_slice(&buffer[..count]);
    }
    head
}

#[tokio::test]
async fn answers_that_break_the_protocol_fail() {
    for (sent, what) in [
        ("nonsense\r\n\r\n", "no HTTP"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", "two lengths"),
        ("HTTP/1.1 200 OK\r\nx: y\u{0}\r\n\r\n", "a NUL in a header"),
    ] {
        let port = raw_server(sent.as_bytes().to_vec()).await;
        let (_, mut hooks) = hooks(&policy(&["127.0.0.1:*"], true), &Names::all_to("127.0.0.1"));
        let outcome = send(&mut hooks, get(&format!("http://127.0.0.1:{port}/")), None).await;
        assert!(matches!(outcome, Err(Error::HttpProtocolError | Error::ConnectionTerminated)), "{what}: {outcome:?}");
    }
    let port = raw_server(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1_000_000)).into_bytes()).await;
    let (_, mut hooks) = hooks(&policy(&["127.0.0.1:*"], true), &Names::all_to("127.0.0.1"));
    let outcome = send(&mut hooks, get(&format!("http://127.0.0.1:{port}/")), None).await;
    assert!(
        matches!(outcome, Err(Error::HttpResponseHeaderSectionSize(None) | Error::HttpProtocolError)),
        "{outcome:?}"
    );

    let port = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()).await;
    let response = send(&mut hooks, get(&format!("http://127.0.0.1:{port}/")), None).await.expect("its head");
    assert!(matches!(text(response).await, Err(Error::HttpResponseIncomplete)), "half an answer is none");
}

async fn raw_server(sent: Vec<u8>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        read_head(&mut stream).await;
        // The reader may hang up before it has everything.
        let _ = stream.write_all(&sent).await;
    });
    port
}

#[tokio::test]
async fn a_body_whose_guest_is_gone_does_not_end_like_a_whole_one() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let (sender, seen) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("sent");
        let mut rest = Vec::new();
        // However the connection ends, what came before counts.
        let _ = stream.read_to_end(&mut rest).await;
        sender.send(rest).expect("the test waits");
    });
    let (_, mut hooks) = hooks(&policy(&["127.0.0.1:*"], true), &Names::all_to("127.0.0.1"));
    let (frames, stream) = tokio::sync::mpsc::channel::<Bytes>(1);
    let stream = futures_util::stream::unfold(stream, |mut stream| async move {
        stream.recv().await.map(|bytes| (Ok::<_, Error>(Frame::data(bytes)), stream))
    });
    let request = Request::post(format!("http://127.0.0.1:{port}/"))
        .body(StreamBody::new(stream).boxed_unsync())
        .expect("a request");
    frames.send(Bytes::from_static(b"half")).await.expect("read");
    send(&mut hooks, request, None).await.expect("an early answer");
    drop(hooks);
    drop(frames);
    let received = seen.await.expect("the server saw the end");
    assert!(!received.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&received));
}

#[tokio::test]
async fn tls_verifies_the_name_and_speaks_http2_where_both_do() {
    let issuer = rcgen::generate_simple_self_signed(["api.test".to_owned()]).expect("a certificate");
    for (protocols, version) in [(vec![b"h2".to_vec(), b"http/1.1".to_vec()], "HTTP/2.0"), (vec![], "HTTP/1.1")] {
        let port = tls_server(&issuer, protocols).await;
        let trusting = NetworkPolicy {
            extra_roots_pem: vec![issuer.cert.pem()],
            ..policy(&["https://*.test:*", "https://api.test:*"], true)
        };
        let (egress, mut hooks) = hooks(&trusting, &Names::all_to("127.0.0.1"));
        for _ in 0..3 {
            let response = send(&mut hooks, get(&format!("https://api.test:{port}/")), None).await.expect("answers");
            assert_eq!(text(response).await.expect("whole"), format!("0 {version} api.test:{port} /"));
            idle(&egress).await;
        }
        let response =
            send(&mut hooks, post(&format!("https://api.test:{port}/echo"), vec![b'y'; 300_000]), None).await;
        assert_eq!(text(response.expect("answers")).await.expect("whole").len(), 300_000);
        assert_eq!(egress.counters.to_json()["connections"], 1, "{version}");

        let outcome = send(&mut hooks, get(&format!("https://other.test:{port}/")), None).await;
        assert!(matches!(outcome, Err(Error::TlsCertificateError)), "another name: {outcome:?}");
        let (_, mut wary) = self::hooks(&policy(&["https://api.test:*"], true), &Names::all_to("127.0.0.1"));
        let outcome = send(&mut wary, get(&format!("https://api.test:{port}/")), None).await;
        assert!(matches!(outcome, Err(Error::TlsCertificateError)), "an unknown root: {outcome:?}");
    }
}

async fn tls_server(issuer: &rcgen::CertifiedKey<rcgen::KeyPair>, protocols: Vec<Vec<u8>>) -> u16 {
    let key = rustls::pki_types::PrivateKeyDer::try_from(issuer.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![issuer.cert.der().clone()], key)
        .expect("a pair");
    config.alpn_protocols = protocols;
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| answer(request, connection));
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let io = TokioIo::new(stream);
                // Ends with its client.
                let _ = if http2 {
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
                } else {
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
                };
            });
        }
    });
    port
}

#[test]
fn roots_that_are_none_are_refused_at_load() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let policy = NetworkPolicy { extra_roots_pem: vec![pem.to_owned()], ..policy(&["api.test"], false) };
        let error = Egress::new(&policy, 5_000, Lookups::of_system()).expect_err("refused");
        assert_eq!(error.detail("path"), Some(&"policy.network.extraRootsPem[0]".into()));
    }
}

#[test]
fn headers_of_the_connection_and_of_proxies_are_forbidden() {
    let mut hooks = EgressHooks::new(None);
    for name in ["connection", "host", "proxy-authorization", "proxy-anything", "transfer-encoding", "upgrade"] {
        assert!(hooks.is_forbidden_header(&name.parse().expect("a name")), "{name}");
    }
    assert!(!hooks.is_forbidden_header(&http::header::AUTHORIZATION));
}
