//! Living instances: own memory, calls one after another, ended by the first trap.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking_lot::Mutex as SyncMutex;
use tokio::sync::{Mutex, OwnedMutexGuard};
use wasmtime::Store;

use crate::calls::control::{CallControl, CancelledBy};
use crate::calls::enter::{CallFailure, call_on_fiber, call_on_stack, start_on_fiber};
use crate::calls::invoke::{
    check_callable, check_input, check_synchronous, effective_timeout, explain_failure, native_stack_suffices, prepare,
    queue_full, read_meters, rearm, unwrap_result,
};
use crate::calls::warm::Permit;
use crate::deadline::Deadline;
use crate::error::{EngineError, ErrorCode, Result};
use crate::functions::FunctionEntry;
use crate::functions::Live;
use crate::module::LoadedModule;
use crate::runtime::{Runtime, stale};
use crate::stats::CallMeter;
use crate::store::StoreData;
use crate::values::convert::ResourceSlots;
use crate::values::value::Results;
use crate::values::value::{ResourceKey, Value};
use crate::wasi::output::Output;

/// Calls that may wait for one instance.
const MAX_WAITING: usize = 1_000;

struct Guest {
    store: Store<StoreData>,
    live: Live,
    resources: ResourceSlots,
}

/// See the module's description.
pub struct OpenInstance {
    id: u32,
    module: Arc<LoadedModule>,
    guest: Arc<Mutex<Option<Guest>>>,
    alive: AtomicBool,
    waiting: AtomicUsize,
    /// The asynchronous call that has the guest.
    running: SyncMutex<Option<Arc<CallControl>>>,
    _permit: Permit,
}

impl std::fmt::Debug for OpenInstance {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OpenInstance").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes a living instance.
///
/// # Errors
/// `QUEUE_FULL` when the pool is full; what the start of a guest can fail with.
pub async fn open(module: Arc<LoadedModule>) -> Result<Arc<OpenInstance>> {
    let runtime = Runtime::get()?;
    runtime.check_signals()?;
    let permit = runtime.try_place().ok_or_else(|| queue_full("pool", runtime.instance_slots()))?;
    let id = runtime.next_id();
    let limit_ms = module.limits().timeout_ms;
    let started = Instant::now();
    let _running = runtime.ticker.running();
    let deadline = Deadline::after(started, limit_ms);
    let mut store = prepare(&module, limit_ms, Some(deadline), None)?;
    let live = match tokio::time::timeout_at(deadline.at.into(), start_on_fiber(&module, &mut store)).await {
        Ok(Ok(live)) => live,
        Ok(Err(error)) => {
            let failure = CallFailure::Engine(error);
            return Err(explain_failure(failure, &module, &store, started, ("timeoutMs", limit_ms)).0);
        }
        Err(_) => return Err(crate::trap::timeout("timeoutMs", limit_ms, limit_ms as f64)),
    };
    runtime.counters.open_instances.fetch_add(1, Ordering::Relaxed);
    Ok(Arc::new(OpenInstance {
        id,
        module,
        guest: Arc::new(Mutex::new(Some(Guest { store, live, resources: ResourceSlots::new(id) }))),
        alive: AtomicBool::new(true),
        waiting: AtomicUsize::new(0),
        running: SyncMutex::new(None),
        _permit: permit,
    }))
}

impl OpenInstance {
    /// Unique in this process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its module.
    pub fn module(&self) -> &Arc<LoadedModule> {
        &self.module
    }

    /// Neither closed nor ended by a trap, timeout or cancellation.
    pub fn alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    fn check_alive(&self) -> Result<()> {
        if self.alive() { Ok(()) } else { Err(stale("instance", self.id)) }
    }

    /// Frees the guest; a call that runs is cancelled. Idempotent.
    pub fn close(&self) {
        self.alive.store(false, Ordering::Release);
        if let Some(control) = &*self.running.lock() {
            control.cancel(CancelledBy::Shutdown);
        }
        if let Ok(mut guest) = self.guest.try_lock() {
            self.bury(guest.take());
        }
    }

    fn bury(&self, guest: Option<Guest>) {
        self.alive.store(false, Ordering::Release);
        if let (Some(guest), Ok(runtime)) = (guest, Runtime::get()) {
            runtime.bury(Box::new((guest.store, guest.resources)));
        }
    }

    /// Refuses what cannot be admitted, before anything waits.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Waiting> {
        self.check_alive()?;
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(queue_full("instance", MAX_WAITING));
        }
        let mut place: Pin<Box<dyn Future<Output = Guard> + Send>> = Box::pin(self.guest.clone().lock_owned());
        // The first poll takes the place in the queue; whoever awaits it later is woken by its own task.
        let place = match place.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(guard) => Place::First(guard),
            Poll::Pending => Place::Behind(place),
        };
        Ok(Waiting { instance: self.clone(), place })
    }

    /// Calls on this thread.
    ///
    /// # Errors
    /// As [`crate::calls::invoke::call_sync`], `BUSY`, `STALE_HANDLE`.
    pub fn call_sync(&self, index: usize, args: &[Value], timeout_ms: u64) -> Result<Results> {
        let runtime = Runtime::get()?;
        runtime.check_signals()?;
        self.check_alive()?;
        check_synchronous(&self.module)?;
        if self.module.calls_host {
            let reason = "an open instance waits for its host functions";
            return Err(EngineError::new(
                ErrorCode::NotSynchronous,
                format!("callSync is not possible: {reason}; use call"),
            )
            .with("reason", reason));
        }
        let function = self.module.function(index)?;
        check_callable(function, true)?;
        check_input(args, &self.module)?;
        let mut guard = self.guest.try_lock().map_err(|_| {
            EngineError::new(ErrorCode::Busy, "The instance is in another call; wait for it, or use call")
        })?;
        let guest = guard.as_mut().ok_or_else(|| stale("instance", self.id))?;
        let limit_ms = effective_timeout(timeout_ms, self.module.limits().sync_timeout_ms);
        rearm(&self.module, &mut guest.store, limit_ms, None);
        let _running = runtime.ticker.running();
        let limit = self.module.limits().max_output_bytes;
        let started = Instant::now();
        let outcome = if native_stack_suffices() {
            call_on_stack(&mut guest.store, guest.live, function, args, &mut Some(&mut guest.resources), limit)
        } else {
            let mut resources = Some(&mut guest.resources);
            let call = call_on_fiber(&mut guest.store, guest.live, function, args, &mut resources, limit);
            futures_util::FutureExt::now_or_never(call)
                .unwrap_or_else(|| Err(CallFailure::Engine(wasmtime::Error::msg("call did not finish at once"))))
        };
        let mut meter = CallMeter { invoke: started.elapsed(), ..CallMeter::default() };
        let (outcome, _) = self.settle(&mut guard, function, outcome, started, ("timeoutMs", limit_ms), &mut meter);
        outcome
    }

    /// Ends one call: explains its failure, frees a guest that may not be used again, counts.
    fn settle(
        &self,
        guard: &mut Option<Guest>,
        function: &FunctionEntry,
        outcome: std::result::Result<Results, CallFailure>,
        started: Instant,
        time_limit: (&'static str, u64),
        meter: &mut CallMeter,
    ) -> (Result<Results>, Output) {
        let Some(guest) = guard.as_ref() else {
            return (Err(stale("instance", self.id)), Output::default());
        };
        read_meters(meter, &self.module, &guest.store);
        let output = guest.store.data().take_output();
        let outcome = match outcome {
            Ok(results) => unwrap_result(function, results),
            Err(failure) => {
                let (error, fatal) = explain_failure(failure, &self.module, &guest.store, started, time_limit);
                if fatal {
                    self.bury(guard.take());
                }
                Err(error)
            }
        };
        if !self.alive() {
            self.bury(guard.take());
        }
        self.module.stats.record(meter, outcome.as_ref().err());
        (outcome, output)
    }
}

impl Drop for OpenInstance {
    fn drop(&mut self) {
        if let Ok(runtime) = Runtime::get() {
            runtime.counters.open_instances.fetch_sub(1, Ordering::Relaxed);
        }
        if let Ok(mut guest) = self.guest.try_lock() {
            self.bury(guest.take());
        }
    }
}

/// One place in an instance's queue, taken at admission: calls run in the order in which they were made.
pub(crate) struct Waiting {
    instance: Arc<OpenInstance>,
    place: Place,
}

type Guard = OwnedMutexGuard<Option<Guest>>;

enum Place {
    First(Guard),
    Behind(Pin<Box<dyn Future<Output = Guard> + Send>>),
    Left,
}

impl Waiting {
    pub(crate) fn module(&self) -> &Arc<LoadedModule> {
        &self.instance.module
    }

    async fn turn(&mut self) -> Result<Turn> {
        let guard = match std::mem::replace(&mut self.place, Place::Left) {
            Place::First(guard) => guard,
            Place::Behind(place) => place.await,
            Place::Left => return Err(stale("instance", self.instance.id)),
        };
        if !self.instance.alive() || guard.is_none() {
            return Err(stale("instance", self.instance.id));
        }
        Ok(Turn { instance: self.instance.clone(), guard, finished: false })
    }

    /// Calls on a fiber, after the calls before it. Dropping the future once the guest runs ends the instance.
    pub(crate) async fn call(
        &mut self,
        function: &FunctionEntry,
        args: &[Value],
        control: &Arc<CallControl>,
        admitted: Instant,
        deadline: Deadline,
    ) -> (Result<Results>, CallMeter, Output) {
        let turn = self.turn().await;
        let mut meter = CallMeter { queue: admitted.elapsed(), ..CallMeter::default() };
        let (mut turn, instance) = match turn {
            Ok(turn) => (turn, &self.instance),
            Err(error) => return (Err(error), meter, Output::default()),
        };
        let Some(guest) = turn.guard.as_mut() else {
            return (Err(stale("instance", instance.id)), meter, Output::default());
        };
        *instance.running.lock() = Some(control.clone());
        if let Some(streams) = guest.store.data().streams() {
            control.watch(streams);
        }
        let limits = instance.module.limits();
        let cpu_ms = limits.cpu_ms.unwrap_or(limits.timeout_ms);
        rearm(&instance.module, &mut guest.store, cpu_ms, Some(deadline));
        let started = Instant::now();
        let mut resources = Some(&mut guest.resources);
        let outcome =
            call_on_fiber(&mut guest.store, guest.live, function, args, &mut resources, limits.max_output_bytes).await;
        turn.finished = true;
        meter.invoke = started.elapsed();
        *instance.running.lock() = None;
        let (outcome, output) =
            instance.settle(&mut turn.guard, function, outcome, started, ("cpuMs", cpu_ms), &mut meter);
        (outcome, meter, output)
    }

    /// Drops one resource.
    pub(crate) async fn drop_resource(&mut self, key: ResourceKey) -> Result<()> {
        let mut turn = self.turn().await?;
        let instance = &self.instance;
        let guest = turn.guard.as_mut().ok_or_else(|| stale("instance", instance.id))?;
        let resource = match guest.resources.take(key) {
            Ok(resource) => resource,
            Err(error) => {
                turn.finished = true;
                return Err(error);
            }
        };
        let limit_ms = instance.module.limits().timeout_ms;
        let started = Instant::now();
        rearm(&instance.module, &mut guest.store, limit_ms, Some(Deadline::after(started, limit_ms)));
        let dropped = resource.resource_drop_async(&mut guest.store).await;
        turn.finished = true;
        let Err(error) = dropped else { return Ok(()) };
        let failure = CallFailure::Engine(error);
        let (error, _) = explain_failure(failure, &instance.module, &guest.store, started, ("timeoutMs", limit_ms));
        instance.bury(turn.guard.take());
        Err(error)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.instance.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A call that is dropped half-way leaves a guest that cannot be entered again.
struct Turn {
    instance: Arc<OpenInstance>,
    guard: Guard,
    finished: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.finished {
            *self.instance.running.lock() = None;
            self.instance.bury(self.guard.take());
        }
    }
}
