//! One connection: its handshake, its protocol, and the switch that ends it, gently or at once.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::listener::Port;
use super::service::serve;
use super::socket::{Resettable, Socket};

const RUNNING: u8 = 0;
const CLOSING: u8 = 1;
const CUT: u8 = 2;

/// Requests that one connection may have under way with HTTP/2.
const MAX_STREAMS: u32 = 256;
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Between two looks at a client that has sent less than it takes to tell its protocol.
const PREFACE_PAUSE: Duration = Duration::from_millis(5);
/// What is enough to tell HTTP/2 from every method of HTTP/1.1.
const PREFACE: &[u8] = b"PRI * HTTP/2";
/// How much longer than allowed a request may take before its connection is cut: it should have ended by itself.
const DEADLINE_GRACE: Duration = Duration::from_secs(2);
/// How many times as long as it may take nothing of one answer a client may do so while others are under way on the same connection.
const SHARED_PATIENCE: u64 = 4;

/// One request that is under way.
#[derive(Debug)]
struct Entry {
    id: u64,
    module: Option<u32>,
    deadline: Option<Instant>,
    /// Since when its client has not taken what there is of its answer, by the port's clock; 0: not so.
    untaken_since: u64,
}

/// What others know of a connection, and how they end it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) port: Arc<Port>,
    pub(crate) remote: SocketAddr,
    /// What its client has reached.
    pub(crate) local: SocketAddr,
    state: AtomicU8,
    waker: AtomicWaker,
    multiplexed: AtomicBool,
    /// Its client speaks HTTP/1.0 and may know the end of an answer by the end of the connection alone.
    old: AtomicBool,
    /// An answer was not finished.
    broken: AtomicBool,
    served: AtomicBool,
    in_flight: AtomicUsize,
    /// Times of the port's clock; 0: not so.
    idle_since: AtomicU64,
    head_since: AtomicU64,
    write_stalled_since: AtomicU64,
    entries: Mutex<Vec<Entry>>,
    last_id: AtomicU64,
}

impl Connection {
    pub(crate) fn new(port: Arc<Port>, remote: SocketAddr, local: SocketAddr) -> Self {
        let now = port.clock.now_ms();
        Self {
            port,
            remote,
            local,
            state: AtomicU8::new(RUNNING),
            waker: AtomicWaker::new(),
            multiplexed: AtomicBool::new(false),
            old: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            served: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            idle_since: AtomicU64::new(now),
            head_since: AtomicU64::new(0),
            write_stalled_since: AtomicU64::new(0),
            entries: Mutex::new(Vec::new()),
            last_id: AtomicU64::new(0),
        }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.port.tls.is_some() { "https" } else { "http" }
    }

    /// By HTTP/2.
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.multiplexed.load(Ordering::Relaxed)
    }

    /// A client of HTTP/1.0 asks.
    pub(crate) fn note_old(&self) {
        self.old.store(true, Ordering::Relaxed);
    }

    /// An answer broke off.
    pub(crate) fn note_broken(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Whether its client would take its end for that of an answer that has none.
    pub(crate) fn needs_reset(&self) -> bool {
        self.broken.load(Ordering::Relaxed) && self.old.load(Ordering::Relaxed)
    }

    /// Ends it after the requests that are under way.
    pub(crate) fn close(&self) {
        let _ = self.state.compare_exchange(RUNNING, CLOSING, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }

    /// Ends it now.
    pub(crate) fn cut(&self) {
        self.state.store(CUT, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.state.load(Ordering::Acquire) == CUT
    }

    /// A request has begun. Returns its number.
    pub(crate) fn enter(&self) -> u64 {
        self.head_since.store(0, Ordering::Relaxed);
        self.served.store(true, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        self.entries.lock().push(Entry { id, module: None, deadline: None, untaken_since: 0 });
        id
    }

    /// The request is answered by that module from now on.
    pub(crate) fn enter_module(&self, id: u64, module: u32) {
        if let Some(entry) = self.entries.lock().iter_mut().find(|entry| entry.id == id) {
            entry.module = Some(module);
        }
    }

    /// When the request must have ended; `None` when only the client decides.
    pub(crate) fn set_deadline(&self, id: u64, deadline: Option<Instant>) {
        if let Some(entry) = self.entries.lock().iter_mut().find(|entry| entry.id == id) {
            entry.deadline = deadline;
        }
    }

    /// A piece of its answer waits for its client, or does so no more. With HTTP/1.1 the socket tells.
    pub(crate) fn set_untaken(&self, id: u64, untaken: bool) {
        if !self.is_multiplexed() {
            return;
        }
        let since = if untaken { self.port.clock.now_ms() } else { 0 };
        if let Some(entry) = self.entries.lock().iter_mut().find(|entry| entry.id == id) {
            entry.untaken_since = since;
        }
    }

    /// A request has ended.
    pub(crate) fn leave(&self, id: u64) {
        let mut entries = self.entries.lock();
        if let Some(at) = entries.iter().position(|entry| entry.id == id) {
            entries.swap_remove(at);
        }
        drop(entries);
        self.idle_since.store(self.port.clock.now_ms(), Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many requests there were.
    pub(crate) fn entered(&self) -> u64 {
        self.last_id.load(Ordering::Relaxed)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Requests under way on a module.
    pub(crate) fn in_flight_on(&self, module: u32) -> usize {
        self.entries.lock().iter().filter(|entry| entry.module == Some(module)).count()
    }

    /// Bytes have arrived.
    pub(crate) fn note_read(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0
            && self.head_since.load(Ordering::Relaxed) == 0
            && !self.is_multiplexed()
        {
            self.head_since.store(self.port.clock.now_ms(), Ordering::Relaxed);
        }
    }

    pub(crate) fn is_write_stalled(&self) -> bool {
        self.write_stalled_since.load(Ordering::Relaxed) != 0
    }

    /// The client takes its answer, or does not.
    pub(crate) fn note_write(&self, stalled: bool) {
        let since = self.write_stalled_since.load(Ordering::Relaxed);
        if stalled != (since != 0) {
            self.write_stalled_since.store(if stalled { self.port.clock.now_ms() } else { 0 }, Ordering::Relaxed);
        }
        // What was the end of an answer for its request may take its client a while yet. With HTTP/2 that is little, and a client could make
        // this end write for ever.
        if !stalled && !self.is_multiplexed() {
            self.idle_since.store(self.port.clock.now_ms(), Ordering::Relaxed);
        }
    }

    /// Ends it if it has been waited for long enough.
    pub(crate) fn check(&self, now: u64) {
        let limits = &self.port.limits;
        let past = |since: u64, limit_ms: u64| since != 0 && now.saturating_sub(since) > limit_ms;
        if past(self.write_stalled_since.load(Ordering::Relaxed), limits.body_idle_timeout_ms) {
            return self.cut();
        }
        if self.in_flight() > 0 {
            return self.check_requests(now);
        }
        // The end of an answer waits for its client, which may take longer than one may do nothing.
        if self.is_write_stalled() && !self.is_multiplexed() {
            return;
        }
        let idle_ms =
            if self.served.load(Ordering::Relaxed) { limits.keep_alive_timeout_ms } else { limits.header_timeout_ms };
        if past(self.head_since.load(Ordering::Relaxed), limits.header_timeout_ms) {
            self.cut();
        } else if past(self.idle_since.load(Ordering::Relaxed), idle_ms) {
            if self.is_multiplexed() && self.state.load(Ordering::Acquire) == RUNNING {
                self.close();
            } else {
                self.cut();
            }
        }
    }

    /// Ends a connection with a request that should have ended, or whose client takes nothing of its answer. The latter keeps the others from
    /// being finished only if it lasts.
    fn check_requests(&self, now: u64) {
        let limit_ms = self.port.limits.body_idle_timeout_ms;
        let untaken = |entry: &Entry, ms: u64| entry.untaken_since != 0 && now.saturating_sub(entry.untaken_since) > ms;
        let overdue = |entry: &Entry| {
            entry.deadline.is_some_and(|at| at + DEADLINE_GRACE < Instant::now())
                || untaken(entry, limit_ms.saturating_mul(SHARED_PATIENCE))
        };
        let entries = self.entries.lock();
        let stuck = entries.iter().filter(|entry| untaken(entry, limit_ms)).count();
        let cut = entries.iter().any(overdue) || (stuck > 0 && stuck == entries.len());
        drop(entries);
        if cut {
            self.cut();
        } else if stuck > 0 {
            self.close();
        }
    }

    /// Drives the connection, telling it once to end after the requests that are under way.
    async fn drive<C: Future>(&self, connection: C, close: impl Fn(std::pin::Pin<&mut C>)) {
        let mut connection = pin!(connection);
        let _look = LastLook(self);
        let mut told = false;
        poll_fn(|context| {
            self.waker.register(context.waker());
            match self.state.load(Ordering::Acquire) {
                CUT => return Poll::Ready(()),
                CLOSING if !told => {
                    told = true;
                    close(connection.as_mut());
                }
                _ => {}
            }
            // What went wrong on a connection is its client's business.
            connection.as_mut().poll(context).map(drop)
        })
        .await;
    }

    /// Waits for something that comes before the first request.
    async fn before<T>(&self, what: impl Future<Output = std::io::Result<T>>) -> Option<T> {
        let mut what = pin!(tokio::time::timeout(Duration::from_millis(self.port.limits.header_timeout_ms), what));
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.state.load(Ordering::Acquire) != RUNNING {
                return Poll::Ready(None);
            }
            what.as_mut().poll(context).map(|done| done.ok().and_then(Result::ok))
        })
        .await
    }

    async fn serve<S: AsyncRead + AsyncWrite + Resettable + Unpin + 'static>(
        self: Arc<Self>,
        stream: S,
        multiplexed: bool,
    ) {
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        let io = Socket::new(stream, self.clone());
        let own = self.clone();
        let service = service_fn(move |request: Request<Incoming>| serve(own.clone(), request));
        // What is somewhat too large is read, and gets its own answer.
        let max_head_bytes = self.port.limits.max_header_bytes + 4 * self.port.limits.max_uri_bytes;
        if multiplexed {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .max_concurrent_streams(MAX_STREAMS)
                .max_header_list_size(max_head_bytes as u32)
                .initial_stream_window_size(STREAM_WINDOW_BYTES)
                .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                .max_send_buf_size(STREAM_WINDOW_BYTES as usize);
            self.drive(builder.serve_connection(io, service), http2::Connection::graceful_shutdown).await;
        } else {
            let mut builder = http1::Builder::new();
            // Slow heads are seen by the watch.
            builder.header_read_timeout(None).max_header_size(max_head_bytes);
            self.drive(builder.serve_connection(io, service), http1::Connection::graceful_shutdown).await;
        }
    }

    /// The whole life of a connection.
    pub(crate) async fn run(self: Arc<Self>, stream: TcpStream) {
        // A socket that refuses this still works.
        let _ = stream.set_nodelay(true);
        if let Some(tls) = &self.port.tls {
            let Some(stream) = self.before(tls.acceptor.accept(stream)).await else { return };
            let multiplexed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            self.serve(stream, multiplexed).await;
        } else {
            let Some(multiplexed) = self.before(speaks_http2(&stream)).await else { return };
            self.serve(stream, multiplexed).await;
        }
    }
}

/// Sees what is under way before it goes with its connection, however that ends.
struct LastLook<'c>(&'c Connection);

impl Drop for LastLook<'_> {
    fn drop(&mut self) {
        if self.0.in_flight() > 0 || self.0.is_write_stalled() {
            self.0.note_broken();
        }
    }
}

/// Whether the client begins with the preface of HTTP/2. Reads nothing away.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 || seen[..count] != PREFACE[..count] {
            return Ok(false);
        }
        if count == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(PREFACE_PAUSE).await;
    }
}

/// The answer was taken back: hyper ends the connection, or the stream, without one.
pub(crate) type ServeResult<T> = Result<T, Cut>;

/// See [`ServeResult`].
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the request was cut")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
