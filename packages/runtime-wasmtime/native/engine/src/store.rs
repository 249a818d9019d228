//! What every store carries: the limiter, the CPU meter, and the WASI context if the module has one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::sockets::WasiSocketsView;
use wasmtime_wasi::{ResourceTable, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::deadline::{CpuExceeded, Deadline, WallExceeded};
use crate::egress::EgressHooks;
use crate::host_functions::HeldResources;
use crate::limits::Limiter;
use crate::policy::Limits;
use crate::shared::cpu_share::CpuShare;
use crate::shared::lanes::{TickCost, ask_to_move, tick_cost};
use crate::shared::ticker::TICK_MS;
use crate::wasi::WasiContext;
use crate::wasi::names::Names;
use crate::wasi::output::{Output, Streams};

const TICK: Duration = Duration::from_millis(TICK_MS);
/// A call that has computed for so long goes on among the long ones. One tick falls into the shortest call by chance.
const LONG_CALL: Duration = Duration::from_millis(1);
/// And from so long on its module's next calls begin there.
const LONG_MODULE: Duration = Duration::from_millis(2);
/// The same where the call also makes an instance for a thousand others.
const LONG_START: Duration = Duration::from_millis(20);

/// Data of one store. Small, because a fresh one is made for each call.
pub(crate) struct StoreData {
    pub(crate) limiter: Limiter,
    /// Time this call has computed, as far as ticks saw it.
    cpu: Duration,
    /// The part of it that was surely spent on a processor.
    computed: Duration,
    /// When it is out of CPU time.
    max_cpu: Duration,
    /// The module's share of a core, where it has one.
    share: Option<Arc<CpuShare>>,
    /// Time this call was held back because the module was over its share.
    pub(crate) throttled: Duration,
    /// The call's wall clock. The runtime's timers come late when guests keep its threads busy; this does not.
    deadline: Option<Deadline>,
    /// Runs on a fiber and hands its thread back at each tick; otherwise the first tick past the deadline ends it.
    pub(crate) yields: bool,
    /// Makes an instance that is to be kept: how long that takes says little of the calls that follow.
    pub(crate) starts: bool,
    host: Host,
    pub(crate) resources: HeldResources,
}

/// The part of a store that only some modules need.
pub(crate) enum Host {
    None,
    Preview1 { context: Box<WasiP1Ctx>, streams: Streams },
    Component { context: Box<ComponentContext>, streams: Streams },
}

/// What the `wasi:*` imports of a component work on, those of 0.2 and those of 0.3.
pub(crate) struct ComponentContext {
    /// First, so that it is dropped first: bodies that a guest was writing must know that they were not finished.
    pub(crate) egress: EgressHooks,
    pub(crate) wasi: WasiContext,
    pub(crate) table: ResourceTable,
    pub(crate) http: WasiHttpCtx,
}

impl StoreData {
    pub(crate) fn new(limits: &Limits, host: Host) -> Self {
        Self {
            limiter: Limiter::new(limits),
            cpu: Duration::ZERO,
            computed: Duration::ZERO,
            max_cpu: Duration::MAX,
            share: None,
            throttled: Duration::ZERO,
            deadline: None,
            yields: false,
            starts: false,
            host,
            resources: HeldResources::default(),
        }
    }

    pub(crate) fn streams(&self) -> Option<&Streams> {
        match &self.host {
            Host::None => None,
            Host::Preview1 { streams, .. } | Host::Component { streams, .. } => Some(streams),
        }
    }

    /// Takes what the guest wrote so far.
    pub(crate) fn take_output(&self) -> Output {
        self.streams().map_or_else(Output::default, Streams::take)
    }

    /// Starts the meter of one call.
    pub(crate) fn start_call(&mut self, max_ticks: u64, yields: bool, deadline: Option<Deadline>) {
        self.deadline = deadline;
        self.cpu = Duration::ZERO;
        self.computed = Duration::ZERO;
        self.max_cpu = TICK.saturating_mul(u32::try_from(max_ticks).unwrap_or(u32::MAX));
        self.throttled = Duration::ZERO;
        self.yields = yields;
        self.starts = false;
        self.limiter.start_call();
    }

    /// Charges what this store's guest computes to its module's share.
    pub(crate) fn charge_to(&mut self, share: &Arc<CpuShare>) {
        self.share = Some(share.clone());
    }

    fn on_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let now = Instant::now();
        if let Some(deadline) = self.deadline.filter(|deadline| now >= deadline.at) {
            return Err(wasmtime::Error::new(WallExceeded(deadline)));
        }
        if !self.yields {
            return Err(wasmtime::Error::new(CpuExceeded));
        }
        let TickCost { charge: cost, computed } = tick_cost(TICK);
        self.cpu += cost;
        self.computed += computed;
        let wait = self.share.as_ref().and_then(|share| share.charge(now, cost));
        if self.cpu > self.max_cpu {
            return Err(wasmtime::Error::new(CpuExceeded));
        }
        if self.computed >= LONG_CALL {
            ask_to_move();
        }
        let long = if self.starts { LONG_START } else { LONG_MODULE };
        if let Some(share) = self.share.as_ref().filter(|_| self.computed >= long) {
            share.record_long(now, computed);
        }
        let Some(wait) = wait else { return Ok(UpdateDeadline::Yield(1)) };
        self.throttled += wait;
        if let Some(share) = &self.share {
            share.record_throttled(wait);
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::time::sleep(wait))))
    }

    /// What `wasi:io` works on: the table alone, so that reading and writing make no context.
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        match &mut self.host {
            Host::Component { context, .. } => &mut context.table,
            // Linked only into components with WASI; see `link::link_component`.
            _ => unreachable!("store without a table"),
        }
    }

    /// What names are looked up with.
    pub(crate) fn names(&mut self) -> Names<'_> {
        let lookups = match &self.host {
            Host::Component { context, .. } => context.wasi.lookups(),
            Host::Preview1 { .. } | Host::None => None,
        };
        Names { sockets: self.sockets(), lookups }
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
            Host::Component { context, streams } => {
                let ComponentContext { wasi, table, .. } = &mut **context;
                WasiCtxView { ctx: wasi.get(streams), table }
            }
            Host::Preview1 { context, .. } => context.ctx(),
            Host::None => unreachable!("store without a WASI context"),
        }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        match &mut self.host {
            Host::Component { context, .. } => {
                let ComponentContext { table, http, egress, .. } = &mut **context;
                WasiHttpCtxView { hooks: egress, table, ctx: http }
            }
            // Linked only together with the rest of WASI; see `load::link_component`.
            _ => unreachable!("store without an HTTP context"),
        }
    }
}

/// Makes a store whose limits hold from the first instruction. The caller sets the epoch deadline.
pub(crate) fn new_store(engine: &wasmtime::Engine, limits: &Limits, host: Host) -> Store<StoreData> {
    let component_host = matches!(host, Host::Component { .. });
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
