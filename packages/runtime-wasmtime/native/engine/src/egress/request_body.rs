//! What guests send: counted, bounded, and broken off when their store is gone.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::egress::counters::Counters;

/// Dropped with its store, and known to the bodies that the store's guest writes.
#[derive(Debug, Default)]
pub(crate) struct StoreAlive(Arc<AtomicBool>);

impl StoreAlive {
    /// Says whether the store has ended.
    pub(crate) fn ended(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

impl Drop for StoreAlive {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What a guest sends.
pub(crate) struct RequestBody {
    inner: WasiBody,
    left: u64,
    limit: u64,
    store_ended: Arc<AtomicBool>,
    counters: Arc<Counters>,
}

impl RequestBody {
    pub(crate) fn new(inner: WasiBody, limit: u64, store_ended: Arc<AtomicBool>, counters: Arc<Counters>) -> Self {
        Self { inner, left: limit, limit, store_ended, counters }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let frame = std::task::ready!(Pin::new(&mut this.inner).poll_frame(context));
        Poll::Ready(match frame {
            // The body of a guest that trapped ends like one that was finished. The server must not take it for whole.
            None if this.store_ended.load(Ordering::Acquire) => Some(Err(Error::ConnectionTerminated)),
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                this.counters.add_sent(size);
                match this.left.checked_sub(size) {
                    Some(left) => {
                        this.left = left;
                        Some(Ok(frame))
                    }
                    None => Some(Err(Error::HttpRequestBodySize(Some(this.limit)))),
                }
            }
            other => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && !self.store_ended.load(Ordering::Acquire)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
