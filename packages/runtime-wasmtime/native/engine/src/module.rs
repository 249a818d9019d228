//! A loaded module: linked code, its functions with their conversion plans, its limits and counters.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use wasmtime::{Engine, ExternType, ModuleExport};

use crate::cache::Code;
use crate::calls::warm::IdlePool;
use crate::engines::is_concurrent;
use crate::error::{EngineError, ErrorCode, Result};
use crate::functions::{FunctionEntry, Target, component_functions, core_functions};
use crate::http::{ALLOC, HANDLE, MEMORY, ServerPre};
use crate::policy::{Limits, ModulePolicy};
use crate::runtime::Runtime;
use crate::shared::cpu_share::CpuShare;
use crate::state::Resident;
use crate::stats::ModuleStats;
use crate::store::StoreData;
use crate::wasi::{Grants, WasiLevel};

/// Linked code, ready to be instantiated.
pub(crate) enum Linked {
    Core(wasmtime::InstancePre<StoreData>),
    Component(wasmtime::component::InstancePre<StoreData>),
}

/// How a module answers HTTP requests.
pub(crate) enum HttpEntry {
    /// It does not.
    None,
    /// It exports `wasi:http/incoming-handler`, or `wasi:http/handler`.
    Component(ServerPre),
    /// A command, run as a CGI program.
    Command,
    /// A core module with the ABI of `http/handler.rs`.
    Handler,
}

impl HttpEntry {
    fn find(code: &Code, linked: &Linked, functions: &[FunctionEntry], command: bool) -> Self {
        if let Linked::Component(pre) = linked
            && let Some(pre) = ServerPre::find(pre, functions)
        {
            return Self::Component(pre);
        }
        let exports = |name: &str| functions.iter().any(|entry| entry.name == name);
        if let Code::Core(module) = code
            && exports(HANDLE)
            && exports(ALLOC)
            && matches!(module.get_export(MEMORY), Some(ExternType::Memory(_)))
        {
            return Self::Handler;
        }
        if command { Self::Command } else { Self::None }
    }
}

/// What loading did, as `LoadReport` of `binding.d.ts`.
pub(crate) type LoadReport = serde_json::Value;

/// See the module's description. Shared by handles, slots, instances and calls; the code goes when the last of them lets go.
pub struct LoadedModule {
    id: u32,
    pub(crate) linked: Option<Linked>,
    /// The same code, with host functions that answer on the caller's own stack.
    pub(crate) linked_here: Option<Linked>,
    /// Calls functions of the embedder.
    pub(crate) calls_host: bool,
    pub(crate) engine: Engine,
    functions: Vec<FunctionEntry>,
    by_name: HashMap<String, usize>,
    pub(crate) policy: ModulePolicy,
    pub(crate) grants: Grants,
    pub(crate) wasi: WasiLevel,
    pub(crate) initialize: Option<ModuleExport>,
    pub(crate) command: Option<Target>,
    pub(crate) http: HttpEntry,
    is_component: bool,
    /// On the engine for WASI 0.3.
    concurrent: bool,
    description: String,
    digest: String,
    report: String,
    pub(crate) stats: ModuleStats,
    /// Instances kept between calls and requests, if its policy wants that.
    pub(crate) warm: Option<IdlePool>,
    /// What its instances may compute, all together.
    pub(crate) share: Arc<CpuShare>,
    /// One permit per call that has an instance: one module never holds the whole pool.
    pub(crate) permits: Semaphore,
    /// The living instance of a stateful module.
    pub(crate) resident: Resident,
    in_flight: AtomicUsize,
    idle: Notify,
    /// Someone has ever waited for the module to be idle. Telling nobody would cost each call a lock.
    awaited: AtomicBool,
}

impl std::fmt::Debug for LoadedModule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LoadedModule").field("id", &self.id).finish_non_exhaustive()
    }
}

impl LoadedModule {
    pub(crate) fn new(
        runtime: &Runtime,
        code: &Code,
        linked: Linked,
        policy: ModulePolicy,
        grants: Grants,
        wasi: WasiLevel,
        (digest, description): (String, String),
    ) -> Result<Self> {
        let engine = match code {
            Code::Core(module) => module.engine(),
            Code::Component(component) => component.engine(),
        };
        let functions = match code {
            Code::Core(module) => core_functions(module),
            Code::Component(component) => component_functions(component)?,
        };
        let (initialize, command) = match code {
            Code::Core(module) => (niladic(module, "_initialize"), niladic(module, "_start").map(Target::Core)),
            Code::Component(_) => {
                let run = functions
                    .iter()
                    .find(|entry| entry.name.starts_with("wasi:cli/run@") && entry.name.ends_with("#run"));
                (None, run.map(|entry| entry.target))
            }
        };
        let warm = policy.runtime.reuse.map(IdlePool::new);
        let share = Arc::new(CpuShare::new(policy.limits.max_cpu_percent));
        let by_name = functions.iter().enumerate().map(|(index, entry)| (entry.name.clone(), index)).collect();
        let http = HttpEntry::find(code, &linked, &functions, command.is_some());
        Ok(Self {
            id: runtime.next_id(),
            linked: Some(linked),
            linked_here: None,
            calls_host: false,
            engine: engine.clone(),
            functions,
            by_name,
            policy,
            grants,
            wasi,
            initialize,
            command,
            http,
            is_component: matches!(code, Code::Component(_)),
            concurrent: is_concurrent(engine),
            description,
            digest,
            report: String::new(),
            stats: ModuleStats::default(),
            warm,
            share,
            permits: Semaphore::new(runtime.instances_per_module()),
            resident: Resident::new(),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            awaited: AtomicBool::new(false),
        })
    }

    pub(crate) fn set_report(&mut self, report: &LoadReport) {
        self.report = report.to_string();
    }

    /// Unique in this process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// A component rather than a core module.
    pub fn is_component(&self) -> bool {
        self.is_component
    }

    /// Calls nothing of the host: may run on the caller's thread.
    pub fn pure(&self) -> bool {
        self.wasi == WasiLevel::None && !self.concurrent
    }

    /// Its calls may wait for several things at once.
    pub(crate) fn concurrent(&self) -> bool {
        self.concurrent
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.policy.limits
    }

    /// JSON of `ModuleDescription`.
    pub fn description_json(&self) -> &str {
        &self.description
    }

    /// What it was loaded by: `sha256:<hex>` of its bytes where they were hashed here or its loader said so.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// JSON of `LoadReport`.
    pub fn report_json(&self) -> &str {
        &self.report
    }

    /// JSON of `ModuleStats`.
    pub fn stats_json(&self) -> String {
        let mut stats = self.stats.to_json(self.in_flight(), &self.share);
        let (metrics, dropped) = self.grants.metrics.to_json();
        stats["metrics"] = metrics;
        stats["metricsDropped"] = json!(dropped);
        if self.policy.runtime.stateful {
            stats["state"] = self.resident.to_json();
        }
        stats["logDroppedBytes"] = json!(self.grants.log_rate.as_ref().map_or(0, |rate| rate.dropped_bytes()));
        if let Some(egress) = &self.grants.egress {
            stats["outgoing"] = egress.counters.to_json();
        }
        stats["idleInstances"] = json!(self.warm.as_ref().map_or(0, IdlePool::len));
        stats.to_string()
    }

    /// Its callable exports.
    pub(crate) fn functions(&self) -> &[FunctionEntry] {
        &self.functions
    }

    /// JSON of `CallableDescription[]`.
    pub fn functions_json(&self) -> String {
        let immediate = self.pure() && !self.policy.runtime.stateful;
        self.functions.iter().map(|entry| entry.describe(immediate)).collect::<serde_json::Value>().to_string()
    }

    /// Position of an export.
    pub fn export_index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// An export by position.
    ///
    /// # Errors
    /// `UNKNOWN_EXPORT`.
    pub fn function(&self, index: usize) -> Result<&FunctionEntry> {
        self.functions.get(index).ok_or_else(|| self.unknown_export(&index.to_string()))
    }

    /// An export by name.
    ///
    /// # Errors
    /// `UNKNOWN_EXPORT` with the names that there are.
    pub fn function_named(&self, name: &str) -> Result<usize> {
        self.export_index(name).ok_or_else(|| self.unknown_export(name))
    }

    fn unknown_export(&self, export: &str) -> EngineError {
        let available: Vec<_> = self.functions.iter().take(50).map(|entry| entry.name.as_str()).collect();
        EngineError::new(
            ErrorCode::UnknownExport,
            format!("The module exports no function {export:?}; it has: {}", available.join(", ")),
        )
        .with("export", export)
        .with("available", available)
    }

    /// Drops instances that were idle for too long; returns how many are left.
    pub(crate) fn sweep_idle(&self, runtime: &Runtime) -> usize {
        self.warm.as_ref().map_or(0, |warm| warm.sweep(runtime))
    }

    /// Drops all idle instances.
    pub(crate) fn drop_idle(&self, runtime: &Runtime) {
        if let Some(warm) = &self.warm {
            warm.clear(runtime);
        }
    }

    /// Calls admitted and not finished.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight { module: self.clone() }
    }

    /// As [`Self::enter`], for a call that does not outlive its caller's hold on the module.
    pub(crate) fn enter_here(&self) -> InFlightHere<'_> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlightHere(self)
    }

    fn leave(&self) {
        // In one order with `until_idle`: either this sees that somebody waits, or they see that nothing is in flight.
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 && self.awaited.load(Ordering::SeqCst) {
            self.idle.notify_waiters();
        }
    }

    /// Waits until no call is admitted and not finished.
    pub(crate) async fn until_idle(&self) {
        self.awaited.store(true, Ordering::SeqCst);
        loop {
            let notified = self.idle.notified();
            if self.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for LoadedModule {
    fn drop(&mut self) {
        if let Ok(runtime) = Runtime::get() {
            runtime.forget(self.id);
            let http = std::mem::replace(&mut self.http, HttpEntry::None);
            if let Some(warm) = self.warm.take() {
                runtime.bury(Box::new(warm));
            }
            if let Some(linked) = self.linked.take() {
                runtime.bury(Box::new((http, linked, self.linked_here.take())));
            }
        }
    }
}

/// Counts one call on a module and keeps the module loaded until it ends.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) module: Arc<LoadedModule>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.module.leave();
    }
}

/// The same for the length of a borrow.
pub(crate) struct InFlightHere<'a>(&'a LoadedModule);

impl Drop for InFlightHere<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn niladic(module: &wasmtime::Module, name: &str) -> Option<ModuleExport> {
    match module.get_export(name) {
        Some(ExternType::Func(ty)) if ty.params().len() == 0 && ty.results().len() == 0 => {
            module.get_export_index(name)
        }
        _ => None,
    }
}
