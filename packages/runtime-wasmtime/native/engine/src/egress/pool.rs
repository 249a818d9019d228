//! Idle connections of one module. Never shared: what one module's server remembers about a connection is no other's business.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::egress::hosts::Target;
use crate::egress::request_body::RequestBody;

const MAX_IDLE_PER_TARGET: usize = 8;
const MAX_IDLE: usize = 64;
const MAX_IDLE_TIME: Duration = Duration::from_secs(30);
/// A connection whose answer was read is ready once its task has had its turn. One that takes longer than this is still sending its request,
/// and a new one is quicker.
const SETTLE_TIME: Duration = Duration::from_millis(10);

/// A handle on one connection; the connection itself runs as a task of its own and ends with its handles.
pub(crate) enum Connection {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

impl Connection {
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Sends one request; it comes back if not a byte of it was sent.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        }
    }

    /// Whether a connection of the pool takes a request now. It is there as soon as its answer was read, because whoever read it may ask again
    /// at once.
    pub(crate) async fn settle(&mut self) -> bool {
        match self {
            Self::Http1(sender) => matches!(tokio::time::timeout(SETTLE_TIME, sender.ready()).await, Ok(Ok(()))),
            Self::Http2(_) => true,
        }
    }
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// See the module's description.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<IdleConnections>,
}

#[derive(Default)]
struct IdleConnections {
    by_target: HashMap<Target, Vec<Idle>>,
    count: usize,
    swept: bool,
}

impl Pool {
    /// A connection that was open a moment ago. Those of HTTP/2 stay for others too.
    pub(crate) fn take(&self, target: &Target) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let IdleConnections { by_target, count, .. } = &mut *idle;
        let connections = by_target.get_mut(target)?;
        // The latest first: the others may grow old and go.
        while let Some(mut last) = connections.pop() {
            if !last.connection.is_open() || last.since.elapsed() >= MAX_IDLE_TIME {
                *count -= 1;
                continue;
            }
            if let Connection::Http2(sender) = &last.connection {
                let shared = sender.clone();
                last.since = Instant::now();
                connections.push(last);
                return Some(Connection::Http2(shared));
            }
            *count -= 1;
            return Some(last.connection);
        }
        None
    }

    /// Keeps a connection. One of HTTP/2 is kept once, from its first answer on.
    fn put(self: &Arc<Self>, target: &Target, connection: Connection) {
        if !connection.is_open() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.count >= MAX_IDLE {
            return;
        }
        let connections = idle.by_target.entry(target.clone()).or_default();
        let full = connections.len() >= MAX_IDLE_PER_TARGET;
        let known = connection.is_http2() && connections.iter().any(|idle| idle.connection.is_http2());
        if full || known {
            return;
        }
        connections.push(Idle { connection, since: Instant::now() });
        idle.count += 1;
        if !std::mem::replace(&mut idle.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Drops what has been idle too long; true when something is left.
    fn drop_old(&self) -> bool {
        let mut idle = self.idle.lock();
        let mut count = 0;
        idle.by_target.retain(|_, connections| {
            connections.retain(|idle| idle.connection.is_open() && idle.since.elapsed() < MAX_IDLE_TIME);
            count += connections.len();
            !connections.is_empty()
        });
        idle.count = count;
        idle.swept = count > 0;
        idle.swept
    }

    #[cfg(test)]
    pub(crate) fn idle_count(&self) -> usize {
        self.idle.lock().count
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(MAX_IDLE_TIME / 3).await;
        let left = pool.upgrade().is_some_and(|pool| pool.drop_old());
        if !left {
            return;
        }
    }
}

/// A connection in use, with its way back into the pool. Dropped, the connection ends with its request.
pub(crate) struct Lease {
    pool: Weak<Pool>,
    target: Target,
    connection: Connection,
}

impl Lease {
    pub(crate) fn new(pool: &Arc<Pool>, target: Target, connection: Connection) -> Self {
        let lease = Self { pool: Arc::downgrade(pool), target, connection };
        // Its streams are independent: the next request need not wait until this answer was read.
        if let Connection::Http2(sender) = &lease.connection {
            pool.put(&lease.target, Connection::Http2(sender.clone()));
        }
        lease
    }

    /// The answer was read to its end.
    pub(crate) fn give_back(self) {
        if self.connection.is_http2() {
            return;
        }
        if let Some(pool) = self.pool.upgrade() {
            pool.put(&self.target, self.connection);
        }
    }
}
