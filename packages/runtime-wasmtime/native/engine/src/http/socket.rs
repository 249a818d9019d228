//! A connection's bytes, with a note of when they last moved.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::Connection;

/// A head and a body of so many bytes together are copied into one piece: the system takes longer to gather them than it takes to copy them.
const ONE_PIECE_BYTES: usize = 1_024;

/// See the module's description.
pub(crate) struct Socket<S> {
    inner: TokioIo<S>,
    connection: Arc<Connection>,
}

impl<S> Socket<S> {
    pub(crate) fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self { inner: TokioIo::new(stream), connection }
    }

    fn noted<T>(&self, outcome: Poll<Result<T>>) -> Poll<Result<T>> {
        self.connection.note_write(outcome.is_pending());
        outcome
    }
}

impl<S: AsyncRead + Unpin> Read for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        if outcome.is_ready() {
            self.connection.note_read();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> Write for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.noted(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
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
        if outcome.is_pending() { self.noted(outcome) } else { outcome }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
