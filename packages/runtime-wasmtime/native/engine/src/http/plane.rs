//! The whole of one owner's HTTP: its listeners, its slots, its counters.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use wasmtime::Engine;

use crate::error::{EngineError, ErrorCode, Result};
use crate::runtime::{MAX_BLOCKING_THREADS, Runtime, WORKER_STACK_BYTES};
use crate::slots::SlotTable;

use super::access::AccessLog;
use super::authorize::Doorkeeper;
use super::handlers::{Handlers, Wants};
use super::listener::{Listener, Port};
use super::options::{Drained, ListenOptions};
use super::output::OutputLog;
use super::stats::PlaneStats;

/// Tasks that a thread polls before it looks for new requests and timers: a guest that computes takes a tick for each.
const EVENT_INTERVAL: u32 = 31;

/// What everything of a plane shares.
pub(crate) struct PlaneState {
    pub(crate) runtime: &'static Runtime,
    pub(crate) slots: Arc<SlotTable>,
    pub(crate) handlers: Arc<dyn Handlers>,
    pub(crate) wants: Wants,
    pub(crate) stats: PlaneStats,
    pub(crate) doorkeeper: Doorkeeper,
    pub(crate) access: AccessLog,
    pub(crate) output: OutputLog,
    /// Records go to the owner one batch after the other: who closes the plane waits for the one that is on its way.
    pub(crate) handing_over: Mutex<()>,
}

/// See the module's description. Dropping it cuts everything.
pub struct Plane {
    state: Arc<PlaneState>,
    listeners: Mutex<Vec<Weak<Listener>>>,
    closed: AtomicBool,
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Plane").field("listeners", &self.listeners.lock().len()).finish_non_exhaustive()
    }
}

/// Ports of all planes of this process, for the drain of a module.
static PORTS: Mutex<Vec<Weak<Port>>> = Mutex::new(Vec::new());

/// Cuts what a module still answers by HTTP; returns how many requests that are.
pub(crate) fn cut_module(module: u32) -> usize {
    let ports: Vec<_> = PORTS.lock().iter().filter_map(Weak::upgrade).collect();
    ports.iter().map(|port| port.cut_module(module)).sum()
}

/// Threads of their own: calls that compute for long must not hold up requests. As many as cores, because guests run on them.
fn threads() -> Result<&'static Handle> {
    static THREADS: OnceLock<Result<tokio::runtime::Runtime>> = OnceLock::new();
    let threads = THREADS.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
            .max_blocking_threads(MAX_BLOCKING_THREADS)
            .thread_name("hotswap-http")
            .thread_stack_size(WORKER_STACK_BYTES)
            .on_thread_start(Engine::tls_eager_initialize)
            .event_interval(EVENT_INTERVAL)
            .enable_all()
            .build()
            .map_err(EngineError::internal)
    });
    threads.as_ref().map(tokio::runtime::Runtime::handle).map_err(Clone::clone)
}

impl Plane {
    /// A plane without listeners.
    ///
    /// # Errors
    /// `INTERNAL` when the runtime cannot start.
    pub fn new(slots: Arc<SlotTable>, handlers: Arc<dyn Handlers>) -> Result<Arc<Self>> {
        let wants = handlers.wants();
        let state = Arc::new(PlaneState {
            runtime: Runtime::get()?,
            slots,
            handlers,
            wants,
            stats: PlaneStats::default(),
            doorkeeper: Doorkeeper::default(),
            access: AccessLog::default(),
            output: OutputLog::default(),
            handing_over: Mutex::default(),
        });
        let handle = threads()?;
        if wants.access {
            handle.spawn(super::access::hand_over(Arc::downgrade(&state)));
        }
        if wants.output {
            handle.spawn(super::output::hand_over(Arc::downgrade(&state)));
        }
        Ok(Arc::new(Self { state, listeners: Mutex::default(), closed: AtomicBool::new(false) }))
    }

    /// Opens a port.
    ///
    /// # Errors
    /// `LISTEN_FAILED`, `INVALID_ARGUMENT`, `CLOSED`, `SIGNAL_HANDLER_REPLACED`.
    pub fn listen(self: &Arc<Self>, options: &ListenOptions) -> Result<Arc<Listener>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(EngineError::new(ErrorCode::Closed, "The HTTP plane was closed"));
        }
        self.state.runtime.check_signals()?;
        let _entered = threads()?.enter();
        let listener = Arc::new(Listener::open(self.state.clone(), options)?);
        let mut ports = PORTS.lock();
        ports.retain(|port| port.strong_count() > 0);
        ports.push(Arc::downgrade(&listener.port));
        drop(ports);
        let mut listeners = self.listeners.lock();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&listener));
        Ok(listener)
    }

    /// Where work of the plane's owner may be spawned.
    ///
    /// # Errors
    /// `INTERNAL` when the threads could not be made.
    pub fn handle(&self) -> Result<Handle> {
        threads().cloned()
    }

    /// JSON of `HttpPlaneStats`.
    pub fn stats_json(&self) -> String {
        let versions = self.state.slots.versions();
        let versions: Vec<_> =
            versions.iter().map(|version| version.http.to_json(&version.slot, &version.label)).collect();
        self.state.stats.to_json(&versions).to_string()
    }

    fn open_listeners(&self) -> Vec<Arc<Listener>> {
        self.listeners.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Closes every listener; none can be opened any more. The owner has got all records by the end of it.
    pub fn close(self: &Arc<Self>, deadline: Duration) -> BoxFuture<'static, Drained> {
        self.closed.store(true, Ordering::Release);
        let closing: Vec<_> = self.open_listeners().iter().map(|listener| listener.close(deadline)).collect();
        let state = self.state.clone();
        Box::pin(async move {
            let drained = join_all(closing).await;
            while super::access::hand_over_now(&state) {}
            super::output::hand_over_now(&state);
            drained.into_iter().fold(Drained::default(), |sum, part| Drained {
                finished: sum.finished + part.finished,
                cut: sum.cut + part.cut,
            })
        })
    }

    /// Cuts everything at once.
    pub fn abort(&self) {
        self.closed.store(true, Ordering::Release);
        for listener in self.open_listeners() {
            listener.port.abort();
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.abort();
    }
}
