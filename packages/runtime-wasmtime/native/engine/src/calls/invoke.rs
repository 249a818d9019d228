//! Calls: a fresh store and instance, the call, and everything dropped; or one more call on a living instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use wasmtime::{AsContextMut, Store};

use crate::calls::enter::{CallFailure, call_on_fiber, call_on_stack, start_on_fiber, start_on_stack};
use crate::calls::warm_call::{warm_async, warm_sync};
use crate::deadline::Deadline;
use crate::engines::MAX_WASM_STACK_BYTES;
use crate::error::{EngineError, ErrorCode, Result};
use crate::functions::FunctionEntry;
use crate::module::LoadedModule;
use crate::policy::RunOptions;
use crate::process;
use crate::runtime::Runtime;
use crate::shared::ticker::TICK_MS;
use crate::stats::CallMeter;
use crate::store::{Host, StoreData, meter_cpu, new_store};
use crate::trap::{Circumstances, explain, timeout};
use crate::values::value::Results;
use crate::values::value::{Value, ValueType};
use crate::wasi::new_host;
use crate::wasi::output::Output;

/// Native stack that must be left beyond what a guest may use before it may run on it.
const STACK_MARGIN_BYTES: usize = 512 * 1024;

fn ticks(limit_ms: u64) -> u64 {
    // The current tick may be about to end: one more makes the limit a lower bound, and two ticks the upper one.
    limit_ms.div_ceil(TICK_MS) + 1
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Makes one error of everything that can go wrong in a guest.
pub(crate) fn explained(
    error: &wasmtime::Error,
    module: &LoadedModule,
    data: &StoreData,
    started: Instant,
    time_limit: (&'static str, u64),
    starting: bool,
) -> EngineError {
    explain(
        error,
        &Circumstances {
            limits: module.limits(),
            limiter: &data.limiter,
            elapsed_ms: millis(started.elapsed()),
            time_limit,
            fuel: module.policy.runtime.fuel,
            starting,
        },
    )
}

/// Refuses what no call can carry.
pub(crate) fn check_callable(function: &FunctionEntry, on_instance: bool) -> Result<()> {
    if let Some(feature) = function.unsupported {
        return Err(EngineError::new(
            ErrorCode::Unsupported,
            format!("{:?} cannot be called: {feature} are not supported", function.name),
        )
        .with("feature", feature));
    }
    if function.needs_instance && !on_instance {
        return Err(EngineError::new(
            ErrorCode::Unsupported,
            format!("{:?} uses resources, which live in an instance: open the module and call it there", function.name),
        )
        .with("feature", "resources on a fresh instance"));
    }
    Ok(())
}

/// Refuses oversized arguments before anything is allocated for them in the guest.
pub(crate) fn check_input(args: &[Value], module: &LoadedModule) -> Result<()> {
    let size: usize = args.iter().map(Value::size_bytes).sum();
    check_input_size(size, module)
}

pub(crate) fn check_input_size(size: usize, module: &LoadedModule) -> Result<()> {
    let limit = module.limits().max_input_bytes;
    if size as u64 > limit {
        return Err(EngineError::new(
            ErrorCode::InputLimit,
            format!("The input has {size} bytes; {limit} are allowed"),
        )
        .with("limitBytes", limit)
        .with("sizeBytes", size));
    }
    Ok(())
}

/// Turns the top-level `result` of a component function into the two outcomes JavaScript has.
pub(crate) fn unwrap_result(function: &FunctionEntry, mut results: Results) -> Result<Results> {
    let ([ValueType::Result { .. }], [Value::Case(case, payload)]) =
        (function.results.as_slice(), results.as_mut_slice())
    else {
        return Ok(results);
    };
    let payload = payload.take().map(|value| *value);
    if *case == 0 {
        return Ok(payload.into_iter().collect());
    }
    Err(EngineError::new(ErrorCode::GuestError, format!("{:?} returned an error", function.name)).with_payload(payload))
}

/// Whether a guest may run on what is left of this thread's stack.
pub(crate) fn native_stack_suffices() -> bool {
    let left = process::stack_headroom();
    left == 0 || left > MAX_WASM_STACK_BYTES + STACK_MARGIN_BYTES
}

/// Refuses `callSync` where it cannot be.
pub(crate) fn check_synchronous(module: &LoadedModule) -> Result<()> {
    let reason = if module.policy.runtime.stateful {
        "the module has one living instance, which another call may hold"
    } else if module.concurrent() {
        "the module has asynchronous functions or uses WASI 0.3, whose calls may wait"
    } else if !module.pure() {
        "the module uses WASI, whose host calls may wait"
    } else if module.calls_host && module.warm.is_some() {
        "the module calls host functions, and its instances are kept for calls that may wait"
    } else if module.calls_host && !native_stack_suffices() {
        "the module calls host functions, for which this thread has too little stack left"
    } else {
        return Ok(());
    };
    Err(EngineError::new(ErrorCode::NotSynchronous, format!("callSync is not possible: {reason}; use call"))
        .with("reason", reason))
}

/// The smaller of what was asked for and what the policy allows.
pub(crate) fn effective_timeout(asked_ms: u64, policy_ms: u64) -> u64 {
    if asked_ms == 0 { policy_ms } else { asked_ms.min(policy_ms) }
}

/// Calls a pure module on this thread, on a fresh instance.
///
/// # Errors
/// Everything a call can fail with; see `binding.d.ts`.
pub fn call_sync(module: &Arc<LoadedModule>, index: usize, args: &[Value], timeout_ms: u64) -> Result<Results> {
    let runtime = Runtime::get()?;
    runtime.check_signals()?;
    check_synchronous(module)?;
    let function = module.function(index)?;
    check_callable(function, false)?;
    check_input(args, module)?;
    let limit_ms = effective_timeout(timeout_ms, module.limits().sync_timeout_ms);
    let in_flight = module.enter_here();
    let mut meter = CallMeter::default();
    let Some(_permit) = runtime.try_place() else {
        module.stats.record_queue_full();
        return Err(queue_full("pool", runtime.instance_slots()));
    };
    let outcome = {
        let _running = runtime.ticker.running();
        if let Some(pool) = &module.warm {
            warm_sync(runtime, module, pool, function, args, limit_ms, &mut meter)
        } else if native_stack_suffices() {
            fresh_on_stack(module, function, args, limit_ms, &mut meter)
        } else {
            // Never yields, so one poll finishes it.
            fresh_on_fiber(module, function, args, limit_ms, None, &mut meter)
                .now_or_never()
                .unwrap_or_else(|| Err(EngineError::internal("a synchronous call did not finish at once")))
        }
    };
    let outcome = outcome.and_then(|results| unwrap_result(function, results));
    module.stats.record(&meter, outcome.as_ref().err());
    drop(in_flight);
    outcome
}

fn fresh_on_stack(
    module: &LoadedModule,
    function: &FunctionEntry,
    args: &[Value],
    limit_ms: u64,
    meter: &mut CallMeter,
) -> Result<Results> {
    let started = Instant::now();
    let mut store = new_store(&module.engine, module.limits(), Host::None);
    fill_up(module, &mut store);
    store.set_epoch_deadline(ticks(limit_ms));
    let time_limit = ("timeoutMs", limit_ms);
    let live = start_on_stack(module, &mut store);
    let begun = Instant::now();
    meter.instantiate = begun - started;
    let outcome = match live {
        Err(error) => Err(explained(&error, module, store.data(), started, time_limit, true)),
        Ok(live) => {
            match call_on_stack(&mut store, live, function, args, &mut None, module.limits().max_output_bytes) {
                Ok(results) => Ok(results),
                Err(CallFailure::Named(error)) => Err(error),
                Err(CallFailure::Engine(error)) => {
                    Err(explained(&error, module, store.data(), started, time_limit, false))
                }
            }
        }
    };
    meter.invoke = begun.elapsed();
    read_meters(meter, module, &store);
    outcome
}

async fn fresh_on_fiber(
    module: &LoadedModule,
    function: &FunctionEntry,
    args: &[Value],
    cpu_ms: u64,
    deadline: Option<Deadline>,
    meter: &mut CallMeter,
) -> Result<Results> {
    let started = Instant::now();
    let yields = deadline.is_some();
    let mut store = prepare(module, cpu_ms, deadline, None)?;
    let time_limit = (if yields { "cpuMs" } else { "timeoutMs" }, cpu_ms);
    let live = start_on_fiber(module, &mut store).await;
    let begun = Instant::now();
    meter.instantiate = begun - started;
    let outcome = match live {
        Err(error) => Err(explained(&error, module, store.data(), started, time_limit, true)),
        Ok(live) => {
            let limit = module.limits().max_output_bytes;
            match call_on_fiber(&mut store, live, function, args, &mut None, limit).await {
                Ok(results) => Ok(results),
                Err(CallFailure::Named(error)) => Err(error),
                Err(CallFailure::Engine(error)) => {
                    Err(explained(&error, module, store.data(), started, time_limit, false))
                }
            }
        }
    };
    meter.invoke = begun.elapsed();
    read_meters(meter, module, &store);
    outcome
}

/// What the store knows of the call that has just ended in it.
pub(crate) fn read_meters(meter: &mut CallMeter, module: &LoadedModule, store: &Store<StoreData>) {
    let data = store.data();
    meter.throttled = data.throttled;
    meter.at_memory_limit = data.limiter.at_memory_limit();
    if let Some(fuel) = module.policy.runtime.fuel {
        meter.fuel_used = store.get_fuel().ok().map(|left| fuel.saturating_sub(left));
    }
    meter.memory_peak_bytes = data.limiter.peak_memory_bytes;
    meter.refused_growths = data.limiter.refused_growths;
}

/// A store for one instance, with its CPU meter running. With a deadline it yields at each tick, without it ends at its CPU limit.
pub(crate) fn prepare(
    module: &LoadedModule,
    cpu_ms: u64,
    deadline: Option<Deadline>,
    run: Option<(&RunOptions, Bytes)>,
) -> Result<Store<StoreData>> {
    let host = new_host(module.wasi, &module.policy, &module.grants, run)?;
    let mut store = new_store(&module.engine, module.limits(), host);
    if module.concurrent() {
        // What it waits for lives in the host, and so do its tasks.
        let most = module.limits().max_host_resources as usize;
        store.set_max_component_handles(most);
        if let Some(tasks) = store.concurrent_resource_table() {
            tasks.set_max_capacity(most);
        }
    }
    let yields = deadline.is_some();
    fill_up(module, &mut store);
    store.data_mut().charge_to(&module.share);
    store.data_mut().start_call(ticks(cpu_ms), yields, deadline);
    store.set_epoch_deadline(if yields { 1 } else { ticks(cpu_ms) });
    meter_cpu(&mut store);
    Ok(store)
}

/// Fuel of one call, for modules that are metered. Their engine meters, so that this cannot be refused.
pub(crate) fn fill_up(module: &LoadedModule, store: &mut Store<StoreData>) {
    if let Some(fuel) = module.policy.runtime.fuel {
        let filled = store.set_fuel(fuel);
        debug_assert!(filled.is_ok(), "a metered module on an engine without fuel");
    }
}

/// One fresh call off the caller's thread; the caller bounds its wall clock.
pub(crate) async fn call_async(
    module: &LoadedModule,
    function: &FunctionEntry,
    args: &[Value],
    deadline: Deadline,
    meter: &mut CallMeter,
    output: &mut Output,
) -> Result<Results> {
    let cpu_ms = module.limits().cpu_ms.unwrap_or(module.limits().timeout_ms);
    if let Some(pool) = &module.warm {
        return warm_async(module, pool, function, args, deadline, meter, output).await;
    }
    if module.pure() {
        let results = fresh_on_fiber(module, function, args, cpu_ms, Some(deadline), meter).await?;
        return unwrap_result(function, results);
    }
    let started = Instant::now();
    let mut store = prepare(module, cpu_ms, Some(deadline), None)?;
    let live = start_on_fiber(module, &mut store).await;
    let begun = Instant::now();
    meter.instantiate = begun - started;
    let limit = module.limits().max_output_bytes;
    let outcome = match live {
        Err(error) => Err(explained(&error, module, store.data(), started, ("cpuMs", cpu_ms), true)),
        Ok(live) => match call_on_fiber(&mut store, live, function, args, &mut None, limit).await {
            Ok(results) => unwrap_result(function, results),
            Err(CallFailure::Named(error)) => Err(error),
            Err(CallFailure::Engine(error)) => {
                Err(explained(&error, module, store.data(), started, ("cpuMs", cpu_ms), false))
            }
        },
    };
    meter.invoke = begun.elapsed();
    read_meters(meter, module, &store);
    *output = store.data().take_output();
    outcome
}

/// Instantiates once and throws the instance away.
pub(crate) async fn probe(module: &LoadedModule) -> Result<()> {
    let started = Instant::now();
    let limit_ms = module.limits().timeout_ms;
    let deadline = Deadline::after(started, limit_ms);
    let runtime = Runtime::get()?;
    let permit = tokio::time::timeout_at(deadline.at.into(), runtime.place()).await;
    let _permit = permit.map_err(|_| queue_full("pool", runtime.instance_slots()))??;
    let _running = runtime.ticker.running();
    let mut store = prepare(module, limit_ms, Some(deadline), None)?;
    match tokio::time::timeout_at(deadline.at.into(), start_on_fiber(module, &mut store)).await {
        Err(_) => Err(timeout("timeoutMs", limit_ms, millis(started.elapsed()))),
        Ok(Err(error)) => Err(explained(&error, module, store.data(), started, ("timeoutMs", limit_ms), true)),
        Ok(Ok(_)) => Ok(()),
    }
}

/// One call on a living instance, on this thread or a fiber.
pub(crate) fn explain_failure(
    failure: CallFailure,
    module: &LoadedModule,
    store: &Store<StoreData>,
    started: Instant,
    time_limit: (&'static str, u64),
) -> (EngineError, bool) {
    match failure {
        // The guest may have run already when its result turned out too large; its state is still sound.
        CallFailure::Named(error) => (error, false),
        CallFailure::Engine(error) => (explained(&error, module, store.data(), started, time_limit, false), true),
    }
}

/// Sets the meter of a living instance for its next call.
pub(crate) fn rearm(module: &LoadedModule, store: &mut Store<StoreData>, limit_ms: u64, deadline: Option<Deadline>) {
    let (wait, yields) = (ticks(limit_ms), deadline.is_some());
    fill_up(module, store);
    store.set_hostcall_fuel(module.limits().hostcall_fuel());
    store.data_mut().start_call(wait, yields, deadline);
    store.as_context_mut().set_epoch_deadline(if yields { 1 } else { wait });
}

/// `QUEUE_FULL`.
pub(crate) fn queue_full(scope: &'static str, limit: usize) -> EngineError {
    EngineError::new(ErrorCode::QueueFull, format!("Too many calls are waiting ({scope}); try again later"))
        .with("scope", scope)
        .with("limit", limit)
}
