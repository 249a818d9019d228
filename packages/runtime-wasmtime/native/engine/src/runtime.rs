//! The process-global runtime: engines, threads, gauges. Made once, shared by all Node environments, never dropped.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmparser::WasmFeatures;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::calls::control::CallRegistry;
use crate::compile::child::CompileChildren;
use crate::error::{EngineError, ErrorCode, Result};
use crate::module::LoadedModule;
use crate::policy::{RuntimeOptions, TrapMode};
use crate::process;
use crate::shared::machine::Machine;
use crate::shared::memory_budget::MemoryBudget;
use crate::shared::short_lane::ShortLane;
use crate::shared::ticker::{TICK_MS, Ticker};

/// Stack a guest may use. Node's main thread and the fibers have more than this to spare; see `process::stack_headroom`.
pub(crate) const MAX_WASM_STACK_BYTES: usize = 512 * 1024;
const FIBER_STACK_BYTES: usize = 2 * 1024 * 1024;
pub(crate) const WORKER_STACK_BYTES: usize = 4 * 1024 * 1024;
/// Blocking file calls of WASI at once.
pub(crate) const MAX_BLOCKING_THREADS: usize = 16;
const LOAD_THREADS: usize = 2;
/// Time between two looks at idle instances.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
/// Priority of the long lane: a quarter of a busy core at least, all of an idle one.
const LONG_LANE_NICE: i32 = 5;
/// Memory a free slot keeps, so that the next instance does not fault it in again (measured: half of the throughput without).
const KEEP_RESIDENT_MEMORY_BYTES: usize = 1024 * 1024;
/// The same where the kernel says which pages were written: only those are kept. A guest with a JavaScript engine inside writes several MiB.
const KEEP_WRITTEN_MEMORY_BYTES: usize = 16 * 1024 * 1024;
const KEEP_RESIDENT_TABLE_BYTES: usize = 64 * 1024;

static RUNTIME: OnceLock<Result<Runtime>> = OnceLock::new();

/// See the module's description.
pub struct Runtime {
    pub(crate) options: RuntimeOptions,
    pooled: Option<Engine>,
    pool_note: Option<String>,
    pool_slots: u32,
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
    pub(crate) instance_permits: Arc<Semaphore>,
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
        let (pooled, pool_note, pool_slots) = probe_pool(&options, asked_slots)?;
        process::remember_handler();
        let ticker = Ticker::start().map_err(EngineError::internal)?;
        if let Some(engine) = &pooled {
            ticker.add(engine.weak());
        }
        let tokio = host_threads("hotswap-io", worker_threads.div_ceil(4), 0)?;
        let short_lane = ShortLane::start(worker_threads, cores.saturating_sub(1), WORKER_STACK_BYTES, tokio.handle());
        let short_lane = short_lane.map_err(EngineError::internal)?;
        // As many as there are cores: what computes on may use all that the others leave.
        let long_threads = host_threads("hotswap-long", cores, LONG_LANE_NICE)?;
        let pool = |name: &'static str, threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(move |index| format!("{name}-{index}"))
                .stack_size(WORKER_STACK_BYTES)
                .build()
                .map_err(EngineError::internal)
        };
        let instance_slots = if pooled.is_some() { pool_slots } else { asked_slots.max(100) } as usize;
        Ok(Self {
            pooled,
            pool_note,
            pool_slots,
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
            load_pool: pool("hotswap-load", LOAD_THREADS)?,
            compile_pool: pool("hotswap-compile", compile_threads)?,
            worker_threads,
            compile_threads,
            ticker,
            instance_permits: Arc::new(Semaphore::new(instance_slots)),
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
        self.pooled.as_ref()
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

    fn live_modules(&self) -> Vec<Arc<LoadedModule>> {
        self.modules.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Sees to it that instances that are idle now do not stay for ever.
    pub(crate) fn sweep_soon(&'static self) {
        if self.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
        self.tokio.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                if self.live_modules().iter().map(|module| module.sweep_idle()).sum::<usize>() > 0 {
                    continue;
                }
                self.sweeping.store(false, Ordering::Release);
                // One that became idle before the flag was down has nobody else to look after it.
                let idle = self.live_modules().iter().any(|module| module.sweep_idle() > 0);
                if !idle || self.sweeping.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }

    /// Frees the places of idle instances when calls wait for one.
    pub(crate) fn make_room(&self) {
        if self.instance_permits.available_permits() == 0 {
            self.live_modules().iter().for_each(|module| module.drop_idle());
        }
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
            "enabled": self.pooled.is_some(),
            "slots": if self.pooled.is_some() { self.pool_slots } else { 0 },
            "pagemapScan": PoolingAllocationConfig::is_pagemap_scan_available(),
            "limitedBy": self.pool_limited_by,
        });
        if let Some(reason) = &self.pool_note {
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
        if let Some(metrics) = self.pooled.as_ref().and_then(Engine::pooling_allocator_metrics) {
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

fn base_config(options: &RuntimeOptions) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Plain fibers: 1.2 to 1.5 times faster. What needs more than that has an engine of its own; see `concurrent`.
        .concurrency_support(false)
        .wasm_component_model_async(false)
        // Unbounded copies and unlimited memories respectively; `ResourceLimiter` is not asked for shared ones.
        .wasm_memory64(false)
        .wasm_threads(false)
        .max_wasm_stack(MAX_WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(crate::trap::MAX_FRAMES))
        .signals_based_traps(options.trap_mode == TrapMode::Signals);
    if cfg!(not(windows)) {
        config.native_unwind_info(false);
    }
    config
}

fn metered(mut config: Config) -> Config {
    config.consume_fuel(true);
    config
}

/// For components with asynchronous functions, which are those of WASI 0.3.
fn concurrent(mut config: Config) -> Config {
    config.concurrency_support(true).wasm_component_model_async(true);
    config
}

/// Whether an engine's guests may wait for several things at once.
pub(crate) fn is_concurrent(engine: &Engine) -> bool {
    engine.get_wasm_features().contains(WasmFeatures::CM_ASYNC)
}

/// An engine whose code the engine of that profile runs in another process that was started with the same options.
pub(crate) fn compiling_engine(options: &RuntimeOptions, profile: &str) -> Result<Engine> {
    let config = match profile {
        "pooled" => pooled_config(options, 1),
        "metered" => metered(base_config(options)),
        "concurrent" => concurrent(base_config(options)),
        "concurrent-metered" => metered(concurrent(base_config(options))),
        _ => base_config(options),
    };
    Engine::new(&config).map_err(EngineError::internal)
}

fn host_threads(name: &str, threads: usize, nice: i32) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_name(name)
        .thread_stack_size(WORKER_STACK_BYTES)
        .on_thread_start(move || {
            Engine::tls_eager_initialize();
            if nice > 0 {
                process::lower_priority(nice);
            }
        })
        // Timers are looked at between this many polls; a computing guest takes a tick of 10 ms for each.
        .event_interval(7)
        .enable_all()
        .build()
        .map_err(EngineError::internal)
}

fn pooled_config(options: &RuntimeOptions, slots: u32) -> Config {
    let mut pool = PoolingAllocationConfig::default();
    let knows_written = PoolingAllocationConfig::is_pagemap_scan_available();
    let keep_memory = if knows_written { KEEP_WRITTEN_MEMORY_BYTES } else { KEEP_RESIDENT_MEMORY_BYTES };
    // A component is several core instances; core instances and tables cost little, memories reserve 4 GiB of address space each.
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(8))
        .total_memories(slots)
        .total_tables(slots.saturating_mul(4))
        .total_stacks(slots)
        .total_gc_heaps(slots.min(100))
        .max_memories_per_module(2)
        .max_tables_per_module(4)
        .max_core_instance_size(8 * 1024 * 1024)
        .max_component_instance_size(8 * 1024 * 1024)
        .table_elements(50_000)
        .linear_memory_keep_resident(keep_memory)
        .table_keep_resident(KEEP_RESIDENT_TABLE_BYTES)
        .async_stack_keep_resident(16 * 1024)
        .pagemap_scan(Enabled::Auto);
    let mut config = base_config(options);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Tries the pool as asked, then smaller ones: containers and small devices may not have the address space.
fn probe_pool(options: &RuntimeOptions, asked: u32) -> Result<(Option<Engine>, Option<String>, u32)> {
    let mut note = None;
    for slots in [asked, asked / 4, asked / 16] {
        if slots == 0 {
            continue;
        }
        match Engine::new(&pooled_config(options, slots)) {
            Ok(engine) => return Ok((Some(engine), note, slots)),
            Err(error) => note = Some(format!("{asked} slots do not fit: {error:#}")),
        }
    }
    if note.is_none() {
        note = Some("switched off".to_owned());
    }
    // Proves that an engine can be made at all, so that the first load does not have to find out.
    Engine::new(&base_config(options)).map_err(EngineError::internal)?;
    Ok((None, note, 0))
}
