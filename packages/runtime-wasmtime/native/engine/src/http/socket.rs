//! A connection's bytes, with a note of when they last moved; what nobody could read is refused here, and how all of it ends.

use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::options::HttpLimits;
use super::problem::{MEDIA_TYPE, Problem};

/// A head and a body of so many bytes together are copied into one piece: the system takes longer to gather them than it takes to copy them.
const ONE_PIECE_BYTES: usize = 1_024;

/// What can end in a way that nobody takes for the end of an answer.
pub(crate) trait Resettable {
    /// Once it is dropped its other end sees a reset.
    fn reset(&self);
}

impl Resettable for TcpStream {
    fn reset(&self) {
        // Fails when the other end has gone.
        let _ = self.set_zero_linger();
    }
}

impl Resettable for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

/// See the module's description.
pub(crate) struct Socket<S: Resettable> {
    inner: TokioIo<S>,
    connection: Arc<Connection>,
    /// How many requests there were when all that was to be written had been.
    answered: u64,
    /// What is left to write of a refusal.
    refusal: Bytes,
    /// Everything was written that there will be.
    ended: bool,
}

impl<S: Resettable> Drop for Socket<S> {
    fn drop(&mut self) {
        if !self.ended && self.connection.needs_reset() {
            self.inner.inner().reset();
        }
    }
}

impl<S: Resettable> Socket<S> {
    pub(crate) fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self { inner: TokioIo::new(stream), connection, answered: 0, refusal: Bytes::new(), ended: false }
    }

    /// What is written now answers no request: hyper refuses by itself what it cannot read.
    fn is_refusing(&self) -> bool {
        !self.connection.is_multiplexed() && self.connection.entered() == self.answered
    }

    fn noted<T>(&self, outcome: Poll<Result<T>>) -> Poll<Result<T>> {
        self.connection.note_write(outcome.is_pending());
        outcome
    }
}

impl<S: AsyncWrite + Resettable + Unpin> Socket<S> {
    /// Writes a refusal of hyper with the content that those of the plane have.
    fn poll_refuse(&mut self, context: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let head: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect();
        let size = head.len();
        if self.refusal.is_empty() {
            let refusal = in_own_words(&head, &self.connection.port.limits);
            self.refusal = refusal.map_or_else(|| head.into(), Bytes::from);
        }
        while !self.refusal.is_empty() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(context, &self.refusal))?;
            if count == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.refusal.advance(count);
        }
        Poll::Ready(Ok(size))
    }
}

/// `None`: it is none of hyper's refusals.
fn in_own_words(head: &[u8], limits: &HttpLimits) -> Option<String> {
    let head =
        std::str::from_utf8(head).ok().filter(|head| head.starts_with("HTTP/1.") && head.ends_with("\r\n\r\n"))?;
    let (before, after) = head.split_once("content-length: 0\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let document = Problem::unreadable(status, limits)?.document(None);
    let length = document.len();
    Some(format!(
        "{before}content-type: {MEDIA_TYPE}\r\ncache-control: no-store\r\ncontent-length: {length}\r\n{after}{document}"
    ))
}

impl<S: AsyncRead + Resettable + Unpin> Read for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        if outcome.is_ready() {
            self.connection.note_read();
        }
        outcome
    }
}

impl<S: AsyncWrite + Resettable + Unpin> Write for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = if self.is_refusing() {
            self.poll_refuse(context, &[IoSlice::new(bytes)])
        } else {
            Pin::new(&mut self.inner).poll_write(context, bytes)
        };
        self.noted(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if self.is_refusing() {
            let outcome = self.poll_refuse(context, buffers);
            return self.noted(outcome);
        }
        let inner = Pin::new(&mut self.inner);
        let size: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let outcome = if buffers.len() > 1 && size <= ONE_PIECE_BYTES {
            let mut piece = [0; ONE_PIECE_BYTES];
            let mut end = 0;
            for buffer in buffers {
                piece[end..end + buffer.len()].copy_from_slice(buffer);
                end += buffer.len();
            }
            inner.poll_write(context, &piece[..end])
        } else {
            inner.poll_write_vectored(context, buffers)
        };
        self.noted(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(context);
        if outcome.is_ready() && self.connection.in_flight() == 0 {
            self.answered = self.connection.entered();
        }
        // By TLS what was written last may have waited in here alone; nothing need follow that would tell that it went.
        if outcome.is_pending() || self.connection.is_write_stalled() { self.noted(outcome) } else { outcome }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.ended = true;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::task::Waker;
    use std::time::SystemTime;

    use futures_util::future::{BoxFuture, ready};
    use http::Response;

    use super::*;
    use crate::http::{
        AccessRecord, FallbackBody, FallbackRequest, Handlers, ListenOptions, OutputRecord, Plane, RequestHead, Wants,
    };
    use crate::slots::SlotTable;

    struct Nobody;

    impl Handlers for Nobody {
        fn wants(&self) -> Wants {
            Wants::default()
        }

        fn fallback(&self, _: FallbackRequest) -> BoxFuture<'static, Option<Response<FallbackBody>>> {
            Box::pin(ready(None))
        }

        fn authorize(&self, _: RequestHead) -> BoxFuture<'static, Option<SystemTime>> {
            Box::pin(ready(None))
        }

        fn access(&self, _: Vec<AccessRecord>) {}

        fn output(&self, _: Vec<OutputRecord>) {}
    }

    /// Holds what it is given, as TLS does, and has room for it the second time it is flushed.
    struct Holding {
        flushed: bool,
    }

    impl AsyncWrite for Holding {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            if std::mem::replace(&mut self.flushed, true) { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Resettable for Holding {
        fn reset(&self) {}
    }

    fn connection() -> Arc<Connection> {
        let plane = Plane::new(SlotTable::create().expect("starts"), Arc::new(Nobody)).expect("starts");
        let listener = plane.listen(&ListenOptions::default()).expect("listens");
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        Arc::new(Connection::new(listener.port.clone(), here, here))
    }

    #[test]
    fn a_client_that_has_yet_to_take_the_end_of_an_answer_is_not_idle() {
        let connection = connection();
        let idle = connection.port.limits.header_timeout_ms + 100;
        assert!(idle < connection.port.limits.body_idle_timeout_ms);
        connection.note_write(true);
        connection.check(idle);
        assert!(!connection.is_cut());
        connection.note_write(false);
        connection.check(idle);
        assert!(connection.is_cut());
    }

    #[test]
    fn a_client_that_took_everything_is_not_waited_for() {
        let connection = connection();
        let mut socket = Socket::new(Holding { flushed: false }, connection.clone());
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut socket).poll_flush(context).is_pending());
        assert!(connection.is_write_stalled());
        assert!(Pin::new(&mut socket).poll_flush(context).is_ready());
        assert!(!connection.is_write_stalled());
    }
}
