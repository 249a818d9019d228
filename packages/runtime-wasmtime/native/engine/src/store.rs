//! What every store carries: the limiter, the CPU meter, and the WASI context if the module has one.

use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::egress::EgressHooks;
use crate::limits::Limiter;
use crate::policy::Limits;
use crate::stdio::CapturedOutput;

/// Data of one store. Small, because a fresh one is made for each call.
pub(crate) struct StoreData {
    pub(crate) limiter: Limiter,
    /// Epoch ticks this call has computed through.
    ticks: u64,
    /// Ticks after which it is out of CPU time.
    max_ticks: u64,
    /// The call's wall clock. The runtime's timers come late when guests keep its threads busy; this does not.
    deadline: Option<Deadline>,
    /// Runs on a fiber and hands its thread back at each tick; otherwise the first tick past the deadline ends it.
    pub(crate) yields: bool,
    host: Host,
}

/// The part of a store that only some modules need.
pub(crate) enum Host {
    None,
    Preview1 { context: Box<WasiP1Ctx>, streams: Streams },
    Preview2 { context: Box<ComponentContext>, streams: Streams },
}

/// What the `wasi:*@0.2` imports of a component work on.
pub(crate) struct ComponentContext {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: WasiHttpCtx,
    pub(crate) egress: EgressHooks,
}

/// Captured output of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) stdout: CapturedOutput,
    pub(crate) stderr: CapturedOutput,
}

/// When a call must have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) limit_ms: u64,
}

impl Deadline {
    pub(crate) fn after(start: Instant, limit_ms: u64) -> Self {
        Self { at: start + Duration::from_millis(limit_ms), limit_ms }
    }
}

/// The guest was still computing when its wall clock ran out.
#[derive(Debug)]
pub(crate) struct WallExceeded(pub(crate) Deadline);

impl std::fmt::Display for WallExceeded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "not finished within {} ms", self.0.limit_ms)
    }
}

impl std::error::Error for WallExceeded {}

/// The guest used up its CPU time.
#[derive(Debug)]
pub(crate) struct CpuExceeded;

impl std::fmt::Display for CpuExceeded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CPU time used up")
    }
}

impl std::error::Error for CpuExceeded {}

impl StoreData {
    pub(crate) fn new(limits: &Limits, host: Host) -> Self {
        Self { limiter: Limiter::new(limits), ticks: 0, max_ticks: u64::MAX, deadline: None, yields: false, host }
    }

    pub(crate) fn streams(&self) -> Option<&Streams> {
        match &self.host {
            Host::None => None,
            Host::Preview1 { streams, .. } | Host::Preview2 { streams, .. } => Some(streams),
        }
    }

    /// Starts the meter of one call.
    pub(crate) fn start_call(&mut self, max_ticks: u64, yields: bool, deadline: Option<Deadline>) {
        self.deadline = deadline;
        self.ticks = 0;
        self.max_ticks = max_ticks;
        self.yields = yields;
        self.limiter.start_call();
    }

    fn on_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.ticks += 1;
        if let Some(deadline) = self.deadline.filter(|deadline| Instant::now() >= deadline.at) {
            return Err(wasmtime::Error::new(WallExceeded(deadline)));
        }
        if !self.yields || self.ticks > self.max_ticks {
            return Err(wasmtime::Error::new(CpuExceeded));
        }
        Ok(UpdateDeadline::Yield(1))
    }

    /// The context of a module linked against preview 1.
    pub(crate) fn preview1(&mut self) -> &mut WasiP1Ctx {
        match &mut self.host {
            Host::Preview1 { context, .. } => context,
            // The linker that calls this is only ever used for modules whose stores carry the context; see `load::link`.
            _ => unreachable!("store without a preview 1 context"),
        }
    }
}

impl WasiView for StoreData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        match &mut self.host {
            Host::Preview2 { context, .. } => WasiCtxView { ctx: &mut context.wasi, table: &mut context.table },
            Host::Preview1 { context, .. } => context.ctx(),
            Host::None => unreachable!("store without a WASI context"),
        }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        match &mut self.host {
            Host::Preview2 { context, .. } => {
                let ComponentContext { table, http, egress, .. } = &mut **context;
                WasiHttpCtxView { hooks: egress, table, ctx: http }
            }
            // Linked only together with preview 2; see `load::link_component`.
            _ => unreachable!("store without an HTTP context"),
        }
    }
}

/// Makes a store whose limits hold from the first instruction. The caller sets the epoch deadline.
pub(crate) fn new_store(engine: &wasmtime::Engine, limits: &Limits, host: Host) -> Store<StoreData> {
    let component_host = matches!(host, Host::Preview2 { .. });
    let mut store = Store::new(engine, StoreData::new(limits, host));
    store.limiter(|data| &mut data.limiter);
    store.set_hostcall_fuel(limits.hostcall_fuel());
    if component_host {
        store.set_max_component_handles(limits.max_host_resources as usize);
    }
    store
}

/// Lets the store yield at each tick and end when its CPU time is used up.
pub(crate) fn meter_cpu(store: &mut Store<StoreData>) {
    store.epoch_deadline_callback(|mut context| context.data_mut().on_tick());
}
