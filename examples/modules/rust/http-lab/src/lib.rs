//! An HTTP server as a component that does on request what a data plane has to cope with. The path says what:
//!
//! | path | what it does |
//! |---|---|
//! | `/hello` | answers `hello` |
//! | `/echo` | answers the request's body as it comes; the head comes back in `x-method`, `x-path`, `x-authority` |
//! | `/discard` | reads the whole body, then answers how many bytes it had |
//! | `/stream?n=3&ms=0` | answers n lines, each flushed, with a pause before each but the first |
//! | `/headers?n=1` | answers with n headers `x-lab-0..`; the body lists the request's headers |
//! | `/big?bytes=1` | answers that many bytes `a` |
//! | `/status?code=200` | answers with that status |
//! | `/trailers` | answers a body and a trailer `x-lab-trailer` |
//! | `/state` | answers how many requests this instance has seen |
//! | `/env` | answers its arguments and its environment, a line each |
//! | `/log?n=1` | writes n lines to its output and its error output |
//! | `/sleep?ms=0` | waits on the clock, then answers |
//! | `/spin?ms=0` | keeps the processor busy for that time, then answers |
//! | `/memory?bytes=0` | allocates and touches that much, then answers |
//! | `/fetch?url=..` | requests that address and passes the answer on; 502 and the error's name when it fails |
//! | `/trap`, `/trap-after-head`, `/trap-mid-body` | traps: before its head, after it, after half of its body |
//! | `/loop`, `/loop-after-head`, `/loop-mid-body` | never ends, from the same three places |
//! | `/no-answer`, `/error-answer` | returns without an answer; answers with an error of its own |
//! | `/short-body`, `/drop-body` | announces 10 bytes and sends 4; drops its body without finishing it |

#[allow(missing_docs, reason = "generated from the WIT below")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package hotswap:http-lab;
            world health { export health-check: func() -> string; }",
        world: "health",
    });
}
mod fetch;
mod query;

use std::cell::Cell;
use std::hint::{black_box, spin_loop};

use query::Query;
use wasi::clocks::monotonic_clock;
use wasi::exports::http::incoming_handler::Guest as IncomingHandler;
use wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::{OutputStream, StreamError};

/// What one write of a stream takes at most.
const WRITE_BYTES: usize = 4_096;

thread_local! {
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

struct HttpLab;

/// An answer whose head is sent. The stream belongs to the body, so it has to go first.
struct Answer {
    stream: OutputStream,
    body: OutgoingBody,
}

impl Answer {
    fn begin(outparam: ResponseOutparam, status: u16, headers: &Fields) -> Self {
        // `Fields` of a request are not to be changed: a copy is ours.
        let response = OutgoingResponse::new(headers.clone());
        response.set_status_code(status).expect("a status code of three digits");
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        Self { stream, body }
    }

    /// Waits until the bytes are taken. An error is a client that has left, which ends the answer.
    fn send(&self, bytes: &[u8]) -> Result<(), StreamError> {
        bytes.chunks(WRITE_BYTES).try_for_each(|chunk| self.stream.blocking_write_and_flush(chunk))
    }

    fn finish(self, trailers: Option<Fields>) {
        drop(self.stream);
        let _ = OutgoingBody::finish(self.body, trailers);
    }
}

fn answer(outparam: ResponseOutparam, status: u16, text: &str) {
    let answer = Answer::begin(outparam, status, &headers(&[("content-type", "text/plain")]));
    let _ = answer.send(text.as_bytes());
    answer.finish(None);
}

fn headers(pairs: &[(&str, &str)]) -> Fields {
    let fields = Fields::new();
    for (name, value) in pairs {
        fields.append(name, value.as_bytes()).expect("a header that may be sent");
    }
    fields
}

fn never_end() -> ! {
    loop {
        spin_loop();
    }
}

fn wait(ms: u64) {
    if ms > 0 {
        monotonic_clock::subscribe_duration(ms * 1_000_000).block();
    }
}

fn spin(ms: u64) {
    let until = monotonic_clock::now() + ms * 1_000_000;
    while monotonic_clock::now() < until {
        for turn in 0..10_000 {
            black_box(turn);
        }
    }
}

fn touch(bytes: usize) -> usize {
    let mut memory = Vec::<u8>::new();
    // An allocation that is refused is a trap, as it would be in any other guest.
    memory.resize(bytes, 1);
    black_box(&memory).len()
}

/// Hands over each piece of a body until it ends or the taker has had enough.
fn read_body(body: IncomingBody, mut take: impl FnMut(&[u8]) -> Result<(), StreamError>) -> Result<(), StreamError> {
    let stream = body.stream().expect("the stream is taken once");
    let end = loop {
        match stream.blocking_read(65_536) {
            Ok(bytes) => take(&bytes)?,
            Err(StreamError::Closed) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    drop(stream);
    drop(IncomingBody::finish(body));
    end
}

fn method_name(method: &Method) -> String {
    match method {
        Method::Other(name) => name.clone(),
        known => format!("{known:?}").trim_start_matches("Method::").to_uppercase(),
    }
}

fn echo(request: &IncomingRequest, outparam: ResponseOutparam) {
    let fields = headers(&[
        ("x-method", &method_name(&request.method())),
        ("x-path", &request.path_with_query().unwrap_or_default()),
        ("x-authority", &request.authority().unwrap_or_default()),
    ]);
    for value in request.headers().get("content-type") {
        fields.append("content-type", &value).expect("the request had it");
    }
    let answer = Answer::begin(outparam, 200, &fields);
    let body = request.consume().expect("the body is taken once");
    // Neither a client that stops sending nor one that stops reading gets a whole answer.
    if read_body(body, |bytes| answer.send(bytes)).is_ok() {
        answer.finish(None);
    }
}

fn discard(request: &IncomingRequest, outparam: ResponseOutparam) {
    let mut length = 0;
    let body = request.consume().expect("the body is taken once");
    let whole = read_body(body, |bytes| {
        length += bytes.len();
        Ok(())
    });
    let status = if whole.is_ok() { 200 } else { 400 };
    answer(outparam, status, &format!("{length}\n"));
}

fn stream(outparam: ResponseOutparam, lines: u64, pause_ms: u64) {
    let answer = Answer::begin(outparam, 200, &headers(&[("content-type", "text/plain")]));
    for line in 0..lines {
        if line > 0 {
            wait(pause_ms);
        }
        if answer.send(format!("line {line}\n").as_bytes()).is_err() {
            return;
        }
    }
    answer.finish(None);
}

fn list_headers(request: &IncomingRequest, outparam: ResponseOutparam, count: u64) {
    let fields = Fields::new();
    for index in 0..count {
        fields.append(&format!("x-lab-{index}"), b"value").expect("a header that may be sent");
    }
    let answer = Answer::begin(outparam, 200, &fields);
    let mut list = String::new();
    for (name, value) in request.headers().entries() {
        list += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    let _ = answer.send(list.as_bytes());
    answer.finish(None);
}

fn big(outparam: ResponseOutparam, length: usize) {
    let answer = Answer::begin(outparam, 200, &headers(&[("content-length", &length.to_string())]));
    let piece = [b'a'; WRITE_BYTES];
    let mut left = length;
    while left > 0 {
        let size = left.min(WRITE_BYTES);
        if answer.send(&piece[..size]).is_err() {
            return;
        }
        left -= size;
    }
    answer.finish(None);
}

fn environment() -> String {
    let arguments = wasi::cli::environment::get_arguments().into_iter();
    let variables = wasi::cli::environment::get_environment().into_iter();
    arguments
        .map(|argument| format!("argument {argument}\n"))
        .chain(variables.map(|(name, value)| format!("{name}={value}\n")))
        .collect()
}

fn log(lines: u64) {
    let (out, error) = (wasi::cli::stdout::get_stdout(), wasi::cli::stderr::get_stderr());
    for line in 0..lines {
        // Output beyond the limit is dropped by the host; the guest goes on.
        let _ = out.blocking_write_and_flush(format!("out {line}\n").as_bytes());
        let _ = error.blocking_write_and_flush(format!("err {line}\n").as_bytes());
    }
}

/// Sends the head, half of a body if asked to, and then does what never lets the rest come.
fn fail_after(outparam: ResponseOutparam, half: bool, fail: fn() -> !) {
    let answer = Answer::begin(outparam, 200, &headers(&[("content-type", "text/plain")]));
    if half {
        let _ = answer.send(b"half of it\n");
    }
    fail()
}

fn trap() -> ! {
    panic!("asked for")
}

impl IncomingHandler for HttpLab {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        REQUESTS.set(REQUESTS.get() + 1);
        let target = request.path_with_query().unwrap_or_default();
        let query = Query::of(&target);
        match query.path() {
            "/" | "/hello" => answer(outparam, 200, "hello\n"),
            "/echo" => echo(&request, outparam),
            "/discard" => discard(&request, outparam),
            "/stream" => stream(outparam, query.number("n", 3), query.number("ms", 0)),
            "/headers" => list_headers(&request, outparam, query.number("n", 1)),
            "/big" => big(outparam, query.number("bytes", 1) as usize),
            "/status" => answer(outparam, query.number("code", 200) as u16, "as asked\n"),
            "/trailers" => {
                let answer = Answer::begin(outparam, 200, &headers(&[("trailer", "x-lab-trailer")]));
                let _ = answer.send(b"a trailer follows\n");
                answer.finish(Some(headers(&[("x-lab-trailer", "the end")])));
            }
            "/state" => answer(outparam, 200, &format!("{}\n", REQUESTS.get())),
            "/env" => answer(outparam, 200, &environment()),
            "/log" => {
                log(query.number("n", 1));
                answer(outparam, 200, "logged\n");
            }
            "/sleep" => {
                wait(query.number("ms", 0));
                answer(outparam, 200, "slept\n");
            }
            "/spin" => {
                spin(query.number("ms", 0));
                answer(outparam, 200, "spun\n");
            }
            "/memory" => {
                let length = touch(query.number("bytes", 0) as usize);
                answer(outparam, 200, &format!("{length}\n"));
            }
            "/fetch" => match fetch::get(&query.text("url")) {
                Ok(response) => {
                    let passed = Answer::begin(outparam, response.status(), &response.headers());
                    let body = response.consume().expect("the body is taken once");
                    if read_body(body, |bytes| passed.send(bytes)).is_ok() {
                        passed.finish(None);
                    }
                }
                Err(error) => answer(outparam, 502, &format!("{error:?}\n")),
            },
            "/trap" => trap(),
            "/trap-after-head" => fail_after(outparam, false, trap),
            "/trap-mid-body" => fail_after(outparam, true, trap),
            "/loop" => never_end(),
            "/loop-after-head" => fail_after(outparam, false, never_end),
            "/loop-mid-body" => fail_after(outparam, true, never_end),
            "/no-answer" => {}
            "/error-answer" => ResponseOutparam::set(outparam, Err(ErrorCode::InternalError(Some("asked for".into())))),
            "/short-body" => {
                let answer = Answer::begin(outparam, 200, &headers(&[("content-length", "10")]));
                let _ = answer.send(b"four");
                answer.finish(None);
            }
            "/drop-body" => {
                let answer = Answer::begin(outparam, 200, &headers(&[("content-type", "text/plain")]));
                let _ = answer.send(b"half of it\n");
            }
            _ => answer(outparam, 404, "there is no such path\n"),
        }
    }
}

impl bindings::Guest for HttpLab {
    fn health_check() -> String {
        "OK".to_owned()
    }
}

wasi::http::proxy::export!(HttpLab);
bindings::export!(HttpLab with_types_in bindings);
