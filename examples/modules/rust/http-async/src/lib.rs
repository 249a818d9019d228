//! An HTTP server by WASI 0.3: its handler waits, and goes on writing its body after it has answered. The path says what:
//!
//! | path | what it does |
//! |---|---|
//! | `/hello` | answers `hello` |
//! | `/echo` | answers the request's body as it comes; the head comes back in `x-method`, `x-path`, `x-scheme`, `x-authority` |
//! | `/stream?n=3&ms=0` | answers n lines with a pause before each but the first |
//! | `/big?bytes=1` | answers that many bytes `a`, and announces how many |
//! | `/sleep?ms=0` | waits on the clock, then answers |
//! | `/state` | answers how many requests this instance has seen |
//! | `/trailers` | answers a body and a trailer `x-lab-trailer` |
//! | `/fetch?url=..` | requests that address and passes the answer on; 502 and the error's name when it fails |
//! | `/trap`, `/trap-mid-body` | traps: before its head, after half of its body |
//! | `/loop`, `/loop-mid-body` | never ends, from the same two places |
//! | `/wait-mid-body` | sends half of its body and waits for ever |
//! | `/error-answer`, `/error-mid-body` | answers with an error of its own, breaks its body off with one |
//! | `/short-body` | announces 10 bytes and sends 4 |

#[allow(missing_docs, reason = "generated from the WIT, which carries the documentation")]
mod bindings {
    wit_bindgen::generate!({ world: "http-async", path: "wit", generate_all });
}
#[path = "../../http-lab/src/query.rs"]
mod query;

use std::cell::Cell;
use std::future::Future;
use std::hint::spin_loop;

use bindings::exports::wasi::http::handler::Guest as Handler;
use bindings::wasi::clocks::monotonic_clock::wait_for;
use bindings::wasi::http::client;
use bindings::wasi::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use bindings::{Guest, wit_future, wit_stream};
use query::Query;
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter, spawn_local};

type Ended = Result<Option<Fields>, ErrorCode>;

const MILLISECOND: u64 = 1_000_000;

thread_local! {
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

struct HttpAsync;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let entries = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect::<Vec<_>>();
    Fields::from_list(&entries).expect("headers that may be sent")
}

async fn pause(milliseconds: u64) {
    wait_for(milliseconds * MILLISECOND).await;
}

fn request_ended() -> FutureReader<Result<(), ErrorCode>> {
    wit_future::new(|| Ok(())).1
}

/// Answers at once, with a body that a task of its own goes on writing.
fn respond<W, F>(headers: Fields, write: W) -> Response
where
    W: FnOnce(StreamWriter<u8>) -> F + 'static,
    F: Future<Output = Ended>,
{
    let (writer, body) = wit_stream::new();
    let (ended, end) = wit_future::new(|| Ok(None));
    spawn_local(async move {
        let how = write(writer).await;
        // A client that has left does not want to know.
        let _ = ended.write(how).await;
    });
    Response::new(headers, Some(body), end).0
}

fn text(words: String) -> Response {
    respond(fields(&[("content-type", "text/plain")]), move |mut writer| async move {
        writer.write_all(words.into_bytes()).await;
        Ok(None)
    })
}

fn half_then<F: Future<Output = Ended>>(then: impl FnOnce() -> F + 'static) -> Response {
    respond(fields(&[("content-type", "text/plain")]), move |mut writer| async move {
        writer.write_all(b"half of it\n".to_vec()).await;
        let ended = then().await;
        drop(writer);
        ended
    })
}

fn never_end() -> ! {
    loop {
        spin_loop();
    }
}

fn method_name(method: &Method) -> String {
    match method {
        Method::Other(name) => name.clone(),
        known => format!("{known:?}").trim_start_matches("Method::").to_uppercase(),
    }
}

/// Passes a body on piece by piece.
async fn copy(mut from: StreamReader<u8>, mut to: StreamWriter<u8>) -> bool {
    let mut buffer = Vec::with_capacity(65_536);
    loop {
        let (state, bytes) = from.read(buffer).await;
        buffer = to.write_all(bytes).await;
        if !buffer.is_empty() {
            return false;
        }
        if matches!(state, StreamResult::Dropped) {
            return true;
        }
        buffer.reserve(65_536);
    }
}

fn echo(request: Request) -> Response {
    let scheme = match request.get_scheme() {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) => "https",
        _ => "",
    };
    let headers = fields(&[
        ("x-method", &method_name(&request.get_method())),
        ("x-path", &request.get_path_with_query().unwrap_or_default()),
        ("x-scheme", scheme),
        ("x-authority", &request.get_authority().unwrap_or_default()),
    ]);
    let (body, end) = Request::consume_body(request, request_ended());
    respond(headers, move |writer| async move {
        copy(body, writer).await;
        // What broke the request off breaks its echo off.
        end.await.map(|_| None)
    })
}

async fn fetch(url: &str) -> Result<Response, ErrorCode> {
    let (scheme, rest) = url.split_once("://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let (_, ended) = wit_future::new::<Ended>(|| Ok(None));
    let (request, _sent) = Request::new(Fields::new(), None, ended, None);
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request.set_path_with_query(Some(path)).map_err(invalid)?;
    let answer = client::send(request).await?;
    let status = answer.get_status_code();
    let (body, end) = Response::consume_body(answer, request_ended());
    let passed = respond(Fields::new(), move |writer| async move {
        copy(body, writer).await;
        end.await.map(|_| None)
    });
    passed.set_status_code(status).map_err(|()| ErrorCode::InternalError(None))?;
    Ok(passed)
}

impl Handler for HttpAsync {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        REQUESTS.set(REQUESTS.get() + 1);
        let target = request.get_path_with_query().unwrap_or_default();
        let query = Query::of(&target);
        Ok(match query.path() {
            "/" | "/hello" => text("hello\n".to_owned()),
            "/echo" => echo(request),
            "/stream" => {
                let (lines, milliseconds) = (query.number("n", 3), query.number("ms", 0));
                respond(fields(&[("content-type", "text/plain")]), move |mut writer| async move {
                    for line in 0..lines {
                        if line > 0 && milliseconds > 0 {
                            pause(milliseconds).await;
                        }
                        if !writer.write_all(format!("line {line}\n").into_bytes()).await.is_empty() {
                            break;
                        }
                    }
                    Ok(None)
                })
            }
            "/big" => {
                let length = query.number("bytes", 1) as usize;
                respond(fields(&[("content-length", &length.to_string())]), move |mut writer| async move {
                    let mut left = length;
                    while left > 0 {
                        let size = left.min(65_536);
                        if !writer.write_all(vec![b'a'; size]).await.is_empty() {
                            break;
                        }
                        left -= size;
                    }
                    Ok(None)
                })
            }
            "/sleep" => {
                pause(query.number("ms", 0)).await;
                text("slept\n".to_owned())
            }
            "/state" => text(format!("{}\n", REQUESTS.get())),
            "/trailers" => respond(fields(&[("trailer", "x-lab-trailer")]), |mut writer| async move {
                writer.write_all(b"a trailer follows\n".to_vec()).await;
                Ok(Some(fields(&[("x-lab-trailer", "the end")])))
            }),
            "/fetch" => match fetch(&query.text("url")).await {
                Ok(response) => response,
                Err(error) => {
                    let response = text(format!("{error:?}\n"));
                    response.set_status_code(502).expect("a status code of three digits");
                    response
                }
            },
            "/trap" => panic!("asked for"),
            "/trap-mid-body" => half_then(|| async { panic!("asked for") }),
            "/loop" => never_end(),
            "/loop-mid-body" => half_then(|| async { never_end() }),
            "/wait-mid-body" => half_then(|| async {
                loop {
                    pause(3_600_000).await;
                }
            }),
            "/error-answer" => return Err(ErrorCode::InternalError(Some("asked for".to_owned()))),
            "/error-mid-body" => half_then(|| async { Err(ErrorCode::InternalError(Some("asked for".to_owned()))) }),
            "/short-body" => respond(fields(&[("content-length", "10")]), |mut writer| async move {
                writer.write_all(b"four".to_vec()).await;
                Ok(None)
            }),
            _ => {
                let response = text("there is no such path\n".to_owned());
                response.set_status_code(404).expect("a status code of three digits");
                response
            }
        })
    }
}

impl Guest for HttpAsync {
    fn health_check() -> String {
        "OK".to_owned()
    }
}

bindings::export!(HttpAsync with_types_in bindings);
