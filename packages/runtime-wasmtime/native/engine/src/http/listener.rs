//! One open port: who is connected, what goes where, and how it closes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, Either, select};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::error::{EngineError, ErrorCode, Result};

use super::clock::Clock;
use super::connection::Connection;
use super::options::{Certificate, Drained, HttpLimits, ListenOptions, Route};
use super::plane::PlaneState;
use super::proxies::Proxies;
use super::router::Table;
use super::tls::CertificateStore;

/// Connections that the system holds until they are taken.
const BACKLOG: u32 = 1_024;
/// Pause after the system had no file descriptor left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long cut connections get to go away.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// What the connections of a port share.
pub(crate) struct Port {
    pub(crate) plane: Arc<PlaneState>,
    pub(crate) limits: HttpLimits,
    pub(crate) proxies: Proxies,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) tls: Option<Tls>,
    pub(crate) clock: Clock,
    pub(crate) in_flight: AtomicUsize,
    /// Requests that ended uncut, ever.
    pub(crate) finished: AtomicUsize,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    last_connection: AtomicU64,
    closing: AtomicBool,
    stop: Notify,
    /// Fails when the listening socket is closed; nothing is ever sent.
    listening: tokio::sync::watch::Receiver<()>,
    empty: Notify,
}

/// TLS of a port.
pub(crate) struct Tls {
    certificates: Arc<CertificateStore>,
    pub(crate) acceptor: tokio_rustls::TlsAcceptor,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Port").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Port {
    fn connected(&self) -> Vec<Arc<Connection>> {
        self.connections.lock().values().cloned().collect()
    }

    /// Cuts the connections on which a module answers; returns how many of its requests that ends.
    pub(crate) fn cut_module(&self, module: u32) -> usize {
        let mut cut = 0;
        for connection in self.connected() {
            let count = connection.in_flight_on(module);
            if count > 0 {
                connection.cut();
                cut += count;
            }
        }
        cut
    }

    /// Cuts everything.
    pub(crate) fn abort(&self) {
        self.closing.store(true, Ordering::Release);
        self.stop.notify_one();
        for connection in self.connected() {
            connection.cut();
        }
    }

    async fn close(&self, deadline: Duration) -> Drained {
        self.closing.store(true, Ordering::Release);
        self.stop.notify_one();
        // Nobody connects to a port that was closed.
        let _ = self.listening.clone().changed().await;
        let before = self.finished.load(Ordering::Acquire);
        for connection in self.connected() {
            connection.close();
        }
        let mut cut = 0;
        if tokio::time::timeout(deadline, self.gone()).await.is_err() {
            let left = self.connected();
            cut = left.iter().map(|connection| connection.in_flight()).sum();
            for connection in &left {
                connection.cut();
            }
            let _ = tokio::time::timeout(CUT_GRACE, self.gone()).await;
        }
        Drained { finished: self.finished.load(Ordering::Acquire).saturating_sub(before), cut }
    }

    async fn gone(&self) {
        loop {
            let mut notified = std::pin::pin!(self.empty.notified());
            notified.as_mut().enable();
            if self.connections.lock().is_empty() {
                return;
            }
            notified.await;
        }
    }

    /// Shortest of the times that are watched, in parts fine enough to keep them.
    fn watch_pause(&self) -> Duration {
        let limits = &self.limits;
        let shortest = limits.header_timeout_ms.min(limits.body_idle_timeout_ms).min(limits.keep_alive_timeout_ms);
        Duration::from_millis((shortest / 4).clamp(5, 250))
    }
}

/// Looks after slow connections until the port is closed and empty. One timer for all of them.
async fn watch(port: Arc<Port>) {
    let pause = port.watch_pause();
    loop {
        tokio::time::sleep(pause).await;
        let now = port.clock.set();
        let connected = port.connected();
        if connected.is_empty() && port.closing.load(Ordering::Acquire) {
            return;
        }
        for connection in connected {
            connection.check(now);
        }
    }
}

/// A connection in its port's list.
struct Listed {
    port: Arc<Port>,
    id: u64,
    _place: OwnedSemaphorePermit,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut connections = self.port.connections.lock();
        let gone = connections.remove(&self.id);
        let empty = connections.is_empty();
        drop(connections);
        drop(gone);
        self.port.plane.stats.connections.fetch_sub(1, Ordering::Relaxed);
        if empty {
            self.port.empty.notify_waiters();
        }
    }
}

async fn accept(port: Arc<Port>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(port.limits.max_connections));
    loop {
        let next = async {
            // Beyond the limit connections wait in the system's queue.
            let place = places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
            let (stream, remote) = listener.accept().await?;
            Ok::<_, std::io::Error>((place, stream, remote))
        };
        let accepted = match select(pin!(next), pin!(port.stop.notified())).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => return,
        };
        if port.closing.load(Ordering::Acquire) {
            return;
        }
        let Ok((place, stream, remote)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // One that has gone already is not served.
        let Ok(local) = stream.local_addr() else { continue };
        let connection = Arc::new(Connection::new(port.clone(), remote, local));
        let id = port.last_connection.fetch_add(1, Ordering::Relaxed);
        port.connections.lock().insert(id, connection.clone());
        port.plane.stats.connections.fetch_add(1, Ordering::Relaxed);
        let listed = Listed { port: port.clone(), id, _place: place };
        tokio::spawn(async move {
            let _listed = listed;
            connection.run(stream).await;
        });
    }
}

/// Handle of an open port. Dropping it closes the port and cuts what is under way.
pub struct Listener {
    address: SocketAddr,
    pub(crate) port: Arc<Port>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listener {
    /// Must be called within the plane's runtime.
    pub(crate) fn open(plane: Arc<PlaneState>, options: &ListenOptions) -> Result<Self> {
        options.limits.check()?;
        let proxies = Proxies::new(&options.trusted_proxies)?;
        let address = SocketAddr::new(options.address()?, options.port);
        let tls = (!options.tls.is_empty()).then(|| Tls::new(&options.tls)).transpose()?;
        let refused = |error: std::io::Error| {
            EngineError::new(ErrorCode::ListenFailed, format!("{address} cannot be listened on: {error}"))
                .with("host", options.host.as_str())
                .with("port", options.port)
                .with("reason", error.to_string())
        };
        let listener = bind(address, options.reuse_port).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (open, listening) = tokio::sync::watch::channel(());
        let port = Arc::new(Port {
            plane,
            limits: options.limits.clone(),
            proxies,
            table: ArcSwap::default(),
            tls,
            clock: Clock::default(),
            in_flight: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            connections: Mutex::default(),
            last_connection: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            stop: Notify::new(),
            listening,
            empty: Notify::new(),
        });
        let accepting = accept(port.clone(), listener);
        tokio::spawn(async move {
            accepting.await;
            drop(open);
        });
        tokio::spawn(watch(port.clone()));
        Ok(Self { address, port })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Replaces all routes in one step; requests that are under way keep theirs.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`; then the old ones stay.
    pub fn set_routes(&self, routes: &[Route]) -> Result<()> {
        let table = Table::new(routes, &self.port.limits, &self.port.table.load())?;
        self.port.table.store(Arc::new(table));
        Ok(())
    }

    /// Replaces all certificates in one step; open connections keep theirs.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, also for a port without TLS; then the old ones stay.
    pub fn set_certificates(&self, certificates: &[Certificate]) -> Result<()> {
        match &self.port.tls {
            Some(tls) => tls.certificates.replace(certificates),
            None => Err(EngineError::argument("tls", "a listener that was opened with certificates")),
        }
    }

    /// Takes no more connections, lets requests end, cuts what is left at the deadline.
    pub fn close(self: &Arc<Self>, deadline: Duration) -> BoxFuture<'static, Drained> {
        let port = self.port.clone();
        Box::pin(async move { port.close(deadline).await })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.port.abort();
    }
}

impl Tls {
    fn new(certificates: &[Certificate]) -> Result<Self> {
        let certificates = CertificateStore::new(certificates)?;
        let acceptor = certificates.acceptor()?;
        Ok(Self { certificates, acceptor })
    }
}

fn bind(address: SocketAddr, reuse_port: bool) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    // Otherwise a port that was just closed could not be opened again for a minute.
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    if reuse_port {
        socket.set_reuseport(true)?;
    }
    #[cfg(not(unix))]
    if reuse_port {
        return Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "this system has no SO_REUSEPORT"));
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
