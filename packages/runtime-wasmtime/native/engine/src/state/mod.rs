//! Stateful modules: one living instance per module, calls one after another, and its way into the next version.
//!
//! A component exports `hotswap:module/state`; a core module exports `hotswap_state_save() -> i64` (address in the upper half, length in
//! the lower), `hotswap_state_load(address: i32, length: i32) -> i32` (0: taken over) and `hotswap_alloc(length: i32) -> i32`.

pub(crate) mod transfer;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout_at;
use wasmtime::Store;

use crate::calls::completions::CallInfo;
use crate::calls::control::CallControl;
use crate::calls::enter::{CallFailure, call_on_fiber, start_on_fiber};
use crate::calls::invoke::{
    check_callable, explain_failure, explained, prepare, queue_full, read_meters, rearm, unwrap_result,
};
use crate::calls::warm::Permit;
use crate::deadline::Deadline;
use crate::error::{EngineError, ErrorCode, Result};
use crate::functions::Live;
use crate::module::LoadedModule;
use crate::runtime::{Runtime, stale};
use crate::state::transfer::{load, save};
use crate::store::StoreData;
use crate::trap::timeout;
use crate::values::value::Results;
use crate::values::value::Value;

/// Versions that a waiting call follows a state through.
const MAX_MOVES: usize = 16;

/// Where a stateful module's instance is.
pub(crate) enum Home {
    /// Nobody has called yet, or the last call ended it.
    Empty,
    Here(Box<Guest>),
    /// Its state went to another version, and calls follow it. The instance stays as it was, for the case that they must come back.
    Moved(Weak<LoadedModule>, Option<Box<Guest>>),
}

impl Home {
    /// Of an instance that a version still has, if it has one.
    fn of(guest: Option<Box<Guest>>) -> Self {
        guest.map_or(Self::Empty, Self::Here)
    }

    /// The version that calls follow, if it is still there.
    fn next(&self) -> Option<Arc<LoadedModule>> {
        match self {
            Self::Moved(next, _) => next.upgrade(),
            _ => None,
        }
    }

    /// Takes the instance out; one whose state went to a version that is gone counts again.
    fn take(&mut self) -> Option<Box<Guest>> {
        match std::mem::replace(self, Self::Empty) {
            Self::Empty => None,
            Self::Here(guest) => Some(guest),
            Self::Moved(_, guest) => guest,
        }
    }
}

/// The living instance.
pub(crate) struct Guest {
    pub(crate) store: Store<StoreData>,
    pub(crate) live: Live,
    _permit: Permit,
}

type Held = OwnedMutexGuard<Home>;

/// The place of a module's instance. Who holds the lock has the instance.
pub(crate) struct Resident {
    home: Arc<Mutex<Home>>,
    /// Instances that an error ended, and their state with them.
    lost: AtomicU64,
    handed_over: AtomicU64,
}

impl Resident {
    pub(crate) fn new() -> Self {
        Self { home: Arc::new(Mutex::new(Home::Empty)), lost: AtomicU64::new(0), handed_over: AtomicU64::new(0) }
    }

    /// Takes a place in the queue now: calls run in the order in which they were admitted.
    pub(crate) fn queue(&self) -> Turn {
        let mut place: Pin<Box<dyn Future<Output = Held> + Send>> = Box::pin(self.home.clone().lock_owned());
        match place.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(held) => Turn::Now(held),
            Poll::Pending => Turn::Later(place),
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "lost": self.lost.load(Ordering::Relaxed),
            "handedOver": self.handed_over.load(Ordering::Relaxed),
        })
    }
}

/// A place in the queue of one instance.
pub(crate) enum Turn {
    Now(Held),
    Later(Pin<Box<dyn Future<Output = Held> + Send>>),
}

impl Turn {
    async fn wait(self) -> Held {
        match self {
            Self::Now(held) => held,
            Self::Later(place) => place.await,
        }
    }
}

/// What a call on a living instance ended in, and the function whose types say how to read it.
pub(crate) type Called = (Result<Results>, Arc<LoadedModule>, usize);

/// Calls a function on the living instance of a module, or of the version that its state has gone to.
pub(crate) async fn call(
    (mut module, mut index): (Arc<LoadedModule>, usize),
    args: &[Value],
    turn: Turn,
    control: &Arc<CallControl>,
    deadline: Deadline,
    admitted: Instant,
    info: &mut CallInfo,
) -> Called {
    let mut held = turn.wait().await;
    for _ in 0..MAX_MOVES {
        let Some(next) = held.next() else { break };
        drop(held);
        match same_function(&module, index, &next) {
            Ok(found) => index = found,
            Err(error) => return (Err(error), module, index),
        }
        held = next.resident.home.clone().lock_owned().await;
        module = next;
    }
    if held.next().is_some() {
        return (Err(stale("module", module.id())), module, index);
    }
    info.module = module.id();
    info.meter.queue = admitted.elapsed();
    let outcome = call_held(&module, index, args, &mut held, control, deadline, info).await;
    (outcome, module, index)
}

/// The same function in a later version: a call that waited was checked and converted for the earlier one.
fn same_function(from: &LoadedModule, index: usize, to: &LoadedModule) -> Result<usize> {
    let before = from.function(index)?;
    let found = to.function_named(&before.name)?;
    let after = to.function(found)?;
    let alike = before.params.len() == after.params.len()
        && before.params.iter().zip(&after.params).all(|((_, before), (_, after))| before == after);
    if !alike {
        return Err(EngineError::argument("args", "the parameters of the version that has the state now"));
    }
    check_callable(after, false)?;
    Ok(found)
}

async fn call_held(
    module: &LoadedModule,
    index: usize,
    args: &[Value],
    held: &mut Held,
    control: &CallControl,
    deadline: Deadline,
    info: &mut CallInfo,
) -> Result<Results> {
    let function = module.function(index)?;
    // Taken out while it runs: a call that is cut short takes the instance with it.
    let mut guest = match held.take() {
        Some(guest) => guest,
        None => Box::new(start(module, deadline).await?),
    };
    let lost = Lost(&module.resident.lost);
    if let Some(streams) = guest.store.data().streams() {
        control.watch(streams);
    }
    let limits = module.limits();
    let cpu_ms = limits.cpu_ms.unwrap_or(limits.timeout_ms);
    rearm(module, &mut guest.store, cpu_ms, Some(deadline));
    let started = Instant::now();
    let outcome = call_on_fiber(&mut guest.store, guest.live, function, args, &mut None, limits.max_output_bytes).await;
    info.meter.invoke = started.elapsed();
    read_meters(&mut info.meter, module, &guest.store);
    info.output = guest.store.data().take_output();
    let (outcome, ended) = match outcome {
        Ok(results) => (unwrap_result(function, results), false),
        Err(failure) => {
            let (error, fatal) = explain_failure(failure, module, &guest.store, started, ("cpuMs", cpu_ms));
            (Err(error), fatal)
        }
    };
    if ended {
        bury(Some(guest));
    } else {
        lost.kept();
        **held = Home::Here(guest);
    }
    outcome
}

/// Counts an instance as lost unless it is kept, however its call ends.
struct Lost<'a>(&'a AtomicU64);

impl Lost<'_> {
    fn kept(self) {
        std::mem::forget(self);
    }
}

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn bury(guest: Option<Box<Guest>>) {
    if let (Some(guest), Ok(runtime)) = (guest, Runtime::get()) {
        runtime.bury(guest);
    }
}

/// A fresh instance that will stay.
async fn start(module: &LoadedModule, deadline: Deadline) -> Result<Guest> {
    let runtime = Runtime::get()?;
    let permit = timeout_at(deadline.at.into(), runtime.place())
        .await
        .map_err(|_| queue_full("pool", runtime.instance_slots()))??;
    let limit_ms = module.limits().timeout_ms;
    let started = Instant::now();
    let deadline = Deadline::after(started, limit_ms);
    let mut store = prepare(module, limit_ms, Some(deadline), None)?;
    match timeout_at(deadline.at.into(), start_on_fiber(module, &mut store)).await {
        Err(_) => Err(timeout("timeoutMs", limit_ms, limit_ms as f64)),
        Ok(Err(error)) => Err(explained(&error, module, store.data(), started, ("timeoutMs", limit_ms), true)),
        Ok(Ok(live)) => Ok(Guest { store, live, _permit: permit }),
    }
}

/// Moves the state of one module's living instance into a fresh one of another. Calls that are waiting go on there.
///
/// # Errors
/// `STATE_REFUSED`, with the stage at which it ended. The instance goes on with its state, unless `save` itself trapped or took too long:
/// then `stateLost` is true, as after any call that ends like that.
pub(crate) async fn hand_over(from: Arc<LoadedModule>, to: Arc<LoadedModule>, patience: Duration) -> Result<()> {
    for (module, which) in [(&from, "this version"), (&to, "the next version")] {
        if !module.policy.runtime.stateful {
            return Err(refused("check", &format!("{which} is not stateful")));
        }
    }
    if from.id() == to.id() {
        return Err(refused("check", "both are the same version"));
    }
    let waiting = Instant::now() + patience;
    let (mut old, mut new) =
        timeout_at(waiting.into(), both(&from, &to)).await.map_err(|_| refused("wait", "calls did not end in time"))?;
    // A state that lives elsewhere cannot be given away from here.
    if old.next().is_some() {
        return Err(refused("check", "the state has already moved to another version"));
    }
    let returns = new.next().is_some_and(|next| next.id() == from.id());
    let mut guest = old.take();
    let outcome = transfer(&from, guest.as_mut(), &to).await;
    if outcome.as_ref().is_err_and(|error| error.detail("stateLost").is_some()) {
        bury(guest.take());
    }
    match outcome {
        Ok(next) => {
            bury(new.take());
            *new = Home::of(next);
            *old = Home::Moved(Arc::downgrade(&to), guest);
            from.resident.handed_over.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => {
            *old = Home::of(guest);
            // Calls must be able to go back to where they came from: then that version goes on with what it had when they left.
            if returns {
                let before = new.take();
                *new = Home::of(before);
            }
            Err(error)
        }
    }
}

/// The instance of the next version, with the state of this one. Nothing was kept before the first call: then the next version begins as
/// the first one did.
async fn transfer(
    from: &LoadedModule,
    guest: Option<&mut Box<Guest>>,
    to: &LoadedModule,
) -> Result<Option<Box<Guest>>> {
    let Some(guest) = guest else { return Ok(None) };
    let bytes = save(from, guest).await.map_err(|(error, fatal)| {
        if !fatal {
            return error;
        }
        from.resident.lost.fetch_add(1, Ordering::Relaxed);
        error.with("stateLost", true)
    })?;
    receive(to, &bytes).await.map(|next| Some(Box::new(next)))
}

/// Both instances, taken in the same order by everybody.
async fn both(from: &LoadedModule, to: &LoadedModule) -> (Held, Held) {
    let lock = |module: &LoadedModule| module.resident.home.clone().lock_owned();
    if from.id() < to.id() {
        let old = lock(from).await;
        (old, lock(to).await)
    } else {
        let new = lock(to).await;
        (lock(from).await, new)
    }
}

async fn receive(to: &LoadedModule, bytes: &[u8]) -> Result<Guest> {
    let deadline = Deadline::after(Instant::now(), to.limits().timeout_ms);
    let mut guest = start(to, deadline).await.map_err(|error| refused_by("start", &error))?;
    load(to, &mut guest, bytes).await?;
    Ok(guest)
}

/// `STATE_REFUSED`.
pub(crate) fn refused(stage: &'static str, reason: &str) -> EngineError {
    EngineError::new(ErrorCode::StateRefused, format!("The state was not handed over ({stage}): {reason}"))
        .with("stage", stage)
        .with("reason", reason)
}

/// `STATE_REFUSED` because of an error with a name of its own.
pub(crate) fn refused_by(stage: &'static str, error: &EngineError) -> EngineError {
    refused(stage, error.message()).with("cause", error.code().as_str())
}

/// A guest's step of a hand-over: what it did, or why not and whether the instance is lost.
pub(crate) type Step<T> = std::result::Result<T, (EngineError, bool)>;

/// Runs one step under the module's own limits.
pub(crate) async fn step<T>(
    stage: &'static str,
    module: &LoadedModule,
    guest: &mut Guest,
    work: impl AsyncFnOnce(&mut Store<StoreData>, Live) -> Result<T, CallFailure>,
) -> Step<T> {
    let limits = module.limits();
    let started = Instant::now();
    let deadline = Deadline::after(started, limits.timeout_ms);
    let cpu_ms = limits.cpu_ms.unwrap_or(limits.timeout_ms);
    rearm(module, &mut guest.store, cpu_ms, Some(deadline));
    // All of a guest's memory may pass: what is too much is found afterwards, when saying so harms nobody.
    guest
        .store
        .set_hostcall_fuel(usize::try_from(limits.max_memory_bytes).unwrap_or(usize::MAX).saturating_add(1 << 20));
    let Ok(outcome) = timeout_at(deadline.at.into(), work(&mut guest.store, guest.live)).await else {
        let error = timeout("timeoutMs", limits.timeout_ms, limits.timeout_ms as f64);
        return Err((refused_by(stage, &error), true));
    };
    outcome.map_err(|failure| {
        let (error, fatal) = explain_failure(failure, module, &guest.store, started, ("cpuMs", cpu_ms));
        (if error.code() == ErrorCode::StateRefused { error } else { refused_by(stage, &error) }, fatal)
    })
}
