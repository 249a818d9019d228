//! A request's body on its way to whoever answers, within its limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// See the module's description.
#[derive(Debug)]
pub struct RequestBody {
    inner: Incoming,
    left_bytes: u64,
    max_bytes: u64,
    idle: Duration,
    /// Made when the body has to be waited for, which most bodies have not.
    sleep: Option<Pin<Box<Sleep>>>,
    verdict: Arc<Verdict>,
}

/// Why a body broke off.
#[derive(Debug)]
pub enum BodyError {
    /// The connection failed, or its client left.
    Connection(hyper::Error),
    /// More bytes than allowed.
    TooLarge(u64),
    /// Nothing came for too long.
    Idle,
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connection(error) => write!(formatter, "the connection failed: {error}"),
            Self::TooLarge(limit) => write!(formatter, "the body is larger than {limit} bytes"),
            Self::Idle => formatter.write_str("the body did not arrive in time"),
        }
    }
}

impl std::error::Error for BodyError {}

impl From<BodyError> for wasmtime_wasi_http::Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Connection(error) => Self::Hyper(error),
            BodyError::TooLarge(limit) => Self::HttpRequestBodySize(Some(limit)),
            BodyError::Idle => Self::ConnectionReadTimeout,
        }
    }
}

/// What became of a body, for the one who answers if the guest does not: it may have seen the error as its own.
#[derive(Debug, Default)]
pub(crate) struct Verdict(AtomicU8);

impl Verdict {
    const TOO_LARGE: u8 = 1;
    const IDLE: u8 = 2;

    pub(crate) fn too_large(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::TOO_LARGE
    }

    pub(crate) fn idle(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::IDLE
    }
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, max_bytes: u64, idle: Duration, verdict: Arc<Verdict>) -> Self {
        Self { inner, left_bytes: max_bytes, max_bytes, idle, sleep: None, verdict }
    }

    fn fail(&self, verdict: u8, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.verdict.0.store(verdict, Ordering::Release);
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = &mut *self;
        match Pin::new(&mut body.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(left) = body.left_bytes.checked_sub(size) else {
                    return body.fail(Verdict::TOO_LARGE, BodyError::TooLarge(body.max_bytes));
                };
                body.left_bytes = left;
                if let Some(sleep) = &mut body.sleep {
                    sleep.as_mut().reset(Instant::now() + body.idle);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => Poll::Ready(end.map(|frame| frame.map_err(BodyError::Connection))),
            Poll::Pending => {
                let idle = body.idle;
                let sleep = body.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
                ready!(sleep.as_mut().poll(context));
                body.fail(Verdict::IDLE, BodyError::Idle)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
