//! The process-global runtime: engines, threads, gauges. Made once, shared by all Node environments, never dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::{Config, Engine, PoolingAllocationConfig};

use crate::calls::control::CallRegistry;
use crate::calls::warm::{Permit, make_room};
use crate::compile::child::CompileChildren;
use crate::engines::{MAX_WASM_STACK_BYTES, Pool, base_config, concurrent, metered, probe_pool};
use crate::error::{EngineError, ErrorCode, Result};
use crate::module::LoadedModule;
use crate::policy::{RuntimeOptions, TrapMode};
use crate::process::{self, Standing};
use crate::shared::machine::Machine;
use crate::shared::memory_budget::MemoryBudget;
use crate::shared::short_lane::ShortLane;
use crate::shared::ticker::{TICK_MS, Ticker};

pub(crate) const WORKER_STACK_BYTES: usize = 4 * 1024 * 1024;
/// Blocking file calls of WASI at once.
pub(crate) const MAX_BLOCKING_THREADS: usize = 16;
const LOAD_THREADS: usize = 2;
/// Time between two looks at idle instances.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
static RUNTIME: OnceLock<Result<Runtime>> = OnceLock::new();

/// See the module's description.
pub struct Runtime {
    pub(crate) options: RuntimeOptions,
    pool: Pool,
    pool_limited_by: &'static str,
    on_demand: OnceLock<Result<Engine>>,
    metered: OnceLock<Result<Engine>>,
    concurrent: OnceLock<Result<Engine>>,
    concurrent_metered: OnceLock<Result<Engine>>,
    /// Timers, sockets and small tasks; no guest runs here.
    pub(crate) tokio: tokio::runtime::Runtime,
    /// Threads on which calls begin.
    pub(crate) short_lane: ShortLane,
    /// Threads of lower priority for calls that compute on; see `lanes`.
    pub(crate) long_lane: Handle,
    _long_threads: tokio::runtime::Runtime,
    pub(crate) load_pool: rayon::ThreadPool,
    pub(crate) compile_pool: rayon::ThreadPool,
    worker_threads: usize,
    compile_threads: usize,
    pub(crate) ticker: Ticker,
    instance_slots: usize,
    /// One permit per live instance.
    pub(crate) instance_permits: Semaphore,
    /// Calls that wait for one.
    places_wanted: AtomicUsize,
    pub(crate) pending: AtomicUsize,
    pub(crate) calls: CallRegistry,
    modules: Mutex<HashMap<u32, Weak<LoadedModule>>>,
    next_id: AtomicU32,
    pub(crate) counters: RuntimeCounters,
    sweeping: AtomicBool,
    pub(crate) compilers: CompileChildren,
    janitor: Mutex<mpsc::Sender<Box<dyn std::any::Any + Send>>>,
}

/// Sums over the whole process.
#[derive(Debug, Default)]
pub(crate) struct RuntimeCounters {
    pub(crate) queue_full: AtomicU64,
    pub(crate) cache_hits: AtomicU64,
    pub(crate) cache_misses: AtomicU64,
    pub(crate) cache_rejected: AtomicU64,
    pub(crate) open_instances: AtomicUsize,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Runtime").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Runtime {
    /// The runtime, started with defaults if nobody started it.
    ///
    /// # Errors
    /// `INTERNAL` when engines or threads cannot be made; the answer is the same ever after.
    pub fn get() -> Result<&'static Runtime> {
        Self::start(RuntimeOptions::default()).map(|(runtime, _)| runtime)
    }

    /// Starts the runtime, or returns the one that runs; then the options are ignored and the flag is false.
    ///
    /// # Errors
    /// As [`Runtime::get`].
    pub fn start(options: RuntimeOptions) -> Result<(&'static Runtime, bool)> {
        let mut started = false;
        let runtime = RUNTIME.get_or_init(|| {
            started = true;
            Self::build(options)
        });
        runtime.as_ref().map(|runtime| (runtime, started)).map_err(Clone::clone)
    }

    fn build(options: RuntimeOptions) -> Result<Self> {
        let machine = Machine::look();
        let cores = machine.cores;
        let (fitting, pool_limited_by) = machine.pool_slots();
        let asked_slots = options.pool_slots.unwrap_or(fitting);
        MemoryBudget::get().set_limit(options.max_guest_memory_bytes, machine.memory_bytes);
        // Two at least: until its first tick a guest that computes on has a thread for itself.
        let worker_threads = options.worker_threads.unwrap_or(cores.saturating_sub(1).max(2)).clamp(1, 256);
        let compile_threads = options.compile_threads.unwrap_or(cores / 2).clamp(1, 64);
        process::pin_image();
        let pool = probe_pool(&options, &machine, asked_slots)?;
        process::remember_handler();
        let ticker = Ticker::start().map_err(EngineError::internal)?;
        if let Some(engine) = &pool.engine {
            ticker.add(engine.weak());
        }
        let tokio = host_threads("hotswap-io", worker_threads.div_ceil(4), None)?;
        let short_lane = ShortLane::start(worker_threads, cores.saturating_sub(1), WORKER_STACK_BYTES, tokio.handle());
        let short_lane = short_lane.map_err(EngineError::internal)?;
        // As many as there are cores: what computes on may use all that the others leave.
        let long_threads = host_threads("hotswap-long", cores, Some(Standing::LONG))?;
        let threads_of = |name: &'static str, threads, standing: Standing| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(move |index| format!("{name}-{index}"))
                .stack_size(WORKER_STACK_BYTES)
                .start_handler(move |_| {
                    standing.take();
                    Engine::tls_eager_initialize();
                })
                .build()
                .map_err(EngineError::internal)
        };
        let instance_slots = if pool.engine.is_some() { pool.slots } else { asked_slots.max(100) } as usize;
        Ok(Self {
            pool,
            pool_limited_by: if options.pool_slots.is_some() { "option" } else { pool_limited_by },
            on_demand: OnceLock::new(),
            metered: OnceLock::new(),
            concurrent: OnceLock::new(),
            concurrent_metered: OnceLock::new(),
            tokio,
            short_lane,
            long_lane: long_threads.handle().clone(),
            _long_threads: long_threads,
            instance_slots,
            load_pool: threads_of("hotswap-load", LOAD_THREADS, Standing::LOADS)?,
            compile_pool: threads_of("hotswap-compile", compile_threads, Standing::LONG)?,
            worker_threads,
            compile_threads,
            ticker,
            instance_permits: Semaphore::new(instance_slots),
            places_wanted: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            calls: CallRegistry::default(),
            modules: Mutex::new(HashMap::new()),
            next_id: AtomicU32::new(1),
            counters: RuntimeCounters::default(),
            sweeping: AtomicBool::new(false),
            compilers: CompileChildren::default(),
            janitor: Mutex::new(start_janitor()?),
            options,
        })
    }

    /// The engine with the pool, if there is one.
    pub(crate) fn pooled(&self) -> Option<&Engine> {
        self.pool.engine.as_ref()
    }

    /// The engine that allocates instances one by one, for modules whose shape does not fit the pool.
    pub(crate) fn on_demand(&self) -> Result<&Engine> {
        self.lazily(&self.on_demand, || base_config(&self.options))
    }

    /// The engine whose code counts fuel: slower, and without a pool, for modules that ask for it.
    pub(crate) fn metered(&self) -> Result<&Engine> {
        self.lazily(&self.metered, || metered(base_config(&self.options)))
    }

    /// The engine whose guests wait for several things at once, for components that need that; see [`concurrent`].
    pub(crate) fn concurrent(&self) -> Result<&Engine> {
        self.lazily(&self.concurrent, || concurrent(base_config(&self.options)))
    }

    /// The same, counting fuel.
    pub(crate) fn concurrent_metered(&self) -> Result<&Engine> {
        self.lazily(&self.concurrent_metered, || metered(concurrent(base_config(&self.options))))
    }

    fn lazily<'a>(&self, cell: &'a OnceLock<Result<Engine>>, config: impl FnOnce() -> Config) -> Result<&'a Engine> {
        let engine = cell.get_or_init(|| {
            let engine = Engine::new(&config()).map_err(EngineError::internal)?;
            process::remember_handler();
            self.ticker.add(engine.weak());
            Ok(engine)
        });
        engine.as_ref().map_err(Clone::clone)
    }

    /// Threads that compile.
    pub(crate) fn compile_threads(&self) -> usize {
        self.compile_threads
    }

    /// Instances that may be alive at once.
    pub(crate) fn instance_slots(&self) -> usize {
        self.instance_slots
    }

    /// Calls of one module that may have an instance at once: a module that never ends its calls leaves room for others.
    pub(crate) fn instances_per_module(&self) -> usize {
        (self.instance_slots - self.instance_slots / 4).max(1)
    }

    /// A number no other module, instance, table or client of this process has.
    pub(crate) fn next_id(&self) -> u32 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn register(&self, module: &Arc<LoadedModule>) {
        self.modules.lock().insert(module.id(), Arc::downgrade(module));
    }

    pub(crate) fn forget(&self, id: u32) {
        self.modules.lock().remove(&id);
    }

    /// A module by its id.
    ///
    /// # Errors
    /// `STALE_HANDLE` when nobody holds it any more.
    pub fn module(&self, id: u32) -> Result<Arc<LoadedModule>> {
        self.modules.lock().get(&id).and_then(Weak::upgrade).ok_or_else(|| stale("module", id))
    }

    pub(crate) fn live_modules(&self) -> Vec<Arc<LoadedModule>> {
        self.modules.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Sees to it that instances that are idle now do not stay for ever.
    pub(crate) fn sweep_soon(&'static self) {
        // What has just become idle is seen by the sweeper that lowers the flag after this, or its lowered flag is seen here: both look at
        // the idle instances under their lock in between.
        if self.sweeping.load(Ordering::Acquire) || self.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
        self.tokio.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                if self.live_modules().iter().map(|module| module.sweep_idle(self)).sum::<usize>() > 0 {
                    continue;
                }
                self.sweeping.store(false, Ordering::Release);
                // One that became idle before the flag was down has nobody else to look after it.
                let idle = self.live_modules().iter().any(|module| module.sweep_idle(self) > 0);
                if !idle || self.sweeping.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }

    /// A place for an instance, if need be that of an idle one. `None`: all are taken by instances that work.
    pub(crate) fn try_place(&'static self) -> Option<Permit> {
        loop {
            if let Ok(permit) = self.instance_permits.try_acquire() {
                return Some(permit);
            }
            if !make_room(self) {
                return None;
            }
        }
    }

    /// A place for an instance as soon as there is one.
    pub(crate) async fn place(&'static self) -> Result<Permit> {
        if let Ok(permit) = self.instance_permits.try_acquire() {
            return Ok(permit);
        }
        // From here on nothing becomes idle.
        let _wanted = Wanted::count(&self.places_wanted);
        if let Some(permit) = self.try_place() {
            return Ok(permit);
        }
        self.instance_permits.acquire().await.map_err(EngineError::internal)
    }

    /// Somebody waits for a place.
    pub(crate) fn places_wanted(&self) -> bool {
        self.places_wanted.load(Ordering::SeqCst) > 0
    }

    /// Frees something large away from the calling thread: unmapping code takes up to milliseconds.
    pub(crate) fn bury(&self, remains: Box<dyn std::any::Any + Send>) {
        // A failed send hands the value back, which frees it here: late, but freed.
        drop(self.janitor.lock().send(remains));
    }

    /// Refuses calls while someone else holds the fault handler: a trap would never end.
    pub(crate) fn check_signals(&self) -> Result<()> {
        if self.options.trap_mode == TrapMode::Explicit || process::handler_intact() || process::check_handler() {
            return Ok(());
        }
        Err(signal_error())
    }

    /// Asks the operating system now.
    ///
    /// # Errors
    /// `SIGNAL_HANDLER_REPLACED`.
    pub fn health(&self) -> Result<()> {
        if self.options.trap_mode == TrapMode::Explicit || process::check_handler() {
            Ok(())
        } else {
            Err(signal_error())
        }
    }

    /// `RuntimeInfo` of `binding.d.ts`, without the fields only the addon knows.
    pub fn info_json(&self) -> serde_json::Value {
        let mut pool = json!({
            "enabled": self.pool.engine.is_some(),
            "slots": self.pool.slots,
            "keptBytesPerSlot": self.pool.kept_bytes,
            "pagemapScan": PoolingAllocationConfig::is_pagemap_scan_available(),
            "limitedBy": self.pool_limited_by,
        });
        if let Some(reason) = &self.pool.note {
            pool["reason"] = json!(reason);
        }
        json!({
            "wasmtimeVersion": env!("HOTSWAP_WASMTIME_VERSION"),
            "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            "trapMode": if self.options.trap_mode == TrapMode::Signals { "signals" } else { "explicit" },
            "pool": pool,
            "workerThreads": self.worker_threads,
            "compileThreads": self.compile_threads,
            "maxPendingCalls": self.options.max_pending_calls,
            "maxGuestMemoryBytes": MemoryBudget::get().limit(),
            "epochTickMs": TICK_MS,
            "maxWasmStackBytes": MAX_WASM_STACK_BYTES,
            "wasi": { "preview1": true, "preview2": true, "preview3": cfg!(feature = "wasi03") },
        })
    }

    /// `RuntimeStats` of `binding.d.ts`.
    pub fn stats_json(&self) -> serde_json::Value {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut stats = json!({
            "pendingCalls": self.pending.load(Ordering::Relaxed),
            "runningCalls": self.ticker.active(),
            "queueFull": load(&self.counters.queue_full),
            "loadedModules": self.modules.lock().len(),
            "guestMemoryBytes": MemoryBudget::get().held(),
            "guestMemoryRefusals": MemoryBudget::get().refused(),
            "openInstances": self.counters.open_instances.load(Ordering::Relaxed),
            "cacheHits": load(&self.counters.cache_hits),
            "cacheMisses": load(&self.counters.cache_misses),
            "cacheRejected": load(&self.counters.cache_rejected),
        });
        if let Some(metrics) = self.pool.engine.as_ref().and_then(Engine::pooling_allocator_metrics) {
            stats["pool"] = json!({
                "coreInstances": metrics.core_instances(),
                "componentInstances": metrics.component_instances(),
                "memories": metrics.memories(),
                "tables": metrics.tables(),
                "stacks": metrics.stacks(),
                "unusedWarmMemories": metrics.unused_warm_memories(),
                "unusedMemoryBytesResident": metrics.unused_memory_bytes_resident(),
            });
        }
        stats
    }
}

/// Counts one who waits, as long as it does.
struct Wanted<'a>(&'a AtomicUsize);

impl<'a> Wanted<'a> {
    fn count(wanted: &'a AtomicUsize) -> Self {
        wanted.fetch_add(1, Ordering::SeqCst);
        Self(wanted)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn signal_error() -> EngineError {
    EngineError::new(
        ErrorCode::SignalHandlerReplaced,
        "Another part of this process replaced the SIGSEGV handler; guests cannot run safely. Load that addon before this one, remove \
         `process.on('SIGSEGV')`, or start with trapMode 'explicit'",
    )
    .with("signal", "SIGSEGV")
}

/// `STALE_HANDLE` for a thing that nobody holds any more.
pub(crate) fn stale(kind: &str, id: u32) -> EngineError {
    EngineError::new(ErrorCode::StaleHandle, format!("This {kind} is gone; nobody holds it any more"))
        .with("kind", kind)
        .with("id", id)
        .with("reason", "released")
}

fn start_janitor() -> Result<mpsc::Sender<Box<dyn std::any::Any + Send>>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new()
        .name("hotswap-janitor".to_owned())
        .spawn(move || {
            for remains in receiver {
                drop(remains);
            }
        })
        .map_err(EngineError::internal)?;
    Ok(sender)
}

fn host_threads(name: &str, threads: usize, standing: Option<Standing>) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_name(name)
        .thread_stack_size(WORKER_STACK_BYTES)
        .on_thread_start(move || {
            Engine::tls_eager_initialize();
            if let Some(standing) = standing {
                standing.take();
            }
        })
        // Timers are looked at between this many polls; a computing guest takes a tick for each.
        .event_interval(7)
        .enable_all()
        .build()
        .map_err(EngineError::internal)
}
