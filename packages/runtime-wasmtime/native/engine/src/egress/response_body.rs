//! What servers answer: counted, timed, and given up when its guest is gone.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use crate::egress::counters::Counters;
use crate::egress::pool::Lease;

/// How long an answer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyTimes {
    /// One wait for more of it.
    pub(crate) between_bytes: Duration,
    /// All of it.
    pub(crate) deadline: Instant,
}

/// What a server answers. Holds the module's place for the request and the connection until it has been read.
pub(crate) struct ResponseBody {
    incoming: Incoming,
    left: u64,
    limit: u64,
    times: BodyTimes,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    lease: Option<Lease>,
    permit: Option<OwnedSemaphorePermit>,
    counters: Arc<Counters>,
}

impl ResponseBody {
    pub(crate) fn new(
        incoming: Incoming,
        limit: u64,
        times: BodyTimes,
        lease: Lease,
        permit: OwnedSemaphorePermit,
        counters: Arc<Counters>,
    ) -> Self {
        let mut body = Self {
            incoming,
            left: limit,
            limit,
            times,
            timer: None,
            waiting: false,
            lease: Some(lease),
            permit: Some(permit),
            counters,
        };
        body.finish_if_read();
        body
    }

    /// A guest that has all the bytes it was promised need not ask for the end.
    fn finish_if_read(&mut self) {
        if self.incoming.is_end_stream() {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        self.permit = None;
    }

    fn give_up(&mut self) {
        self.lease = None;
        self.permit = None;
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let until = (Instant::now() + self.times.between_bytes).min(self.times.deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        // Only waiting counts: a guest that takes its time between two looks is not the server's fault.
        if !std::mem::replace(&mut self.waiting, true) {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(context)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) else {
            std::task::ready!(this.poll_timer(context));
            this.give_up();
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        };
        this.waiting = false;
        if Instant::now() >= this.times.deadline && matches!(frame, Some(Ok(_))) {
            this.give_up();
            return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
        }
        Poll::Ready(match frame {
            None => {
                this.finish();
                None
            }
            Some(Err(_)) => {
                this.give_up();
                Some(Err(Error::HttpResponseIncomplete))
            }
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                this.counters.add_received(size);
                if let Some(left) = this.left.checked_sub(size) {
                    this.left = left;
                    this.finish_if_read();
                    Some(Ok(frame))
                } else {
                    this.give_up();
                    Some(Err(Error::HttpResponseBodySize(Some(this.limit))))
                }
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
