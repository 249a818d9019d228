//! Calls on instances that are kept between calls; see `warm.rs` for how they are kept.

use std::time::Instant;

use futures_util::FutureExt;

use crate::calls::enter::{CallFailure, call_on_fiber, call_on_stack, start_on_fiber, start_on_stack};
use crate::calls::invoke::{explained, native_stack_suffices, prepare, read_meters, rearm, unwrap_result};
use crate::calls::warm::{IdlePool, Loan};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::functions::{FunctionEntry, Live};
use crate::module::LoadedModule;
use crate::runtime::Runtime;
use crate::stats::CallMeter;
use crate::values::value::Results;
use crate::values::value::Value;
use crate::wasi::output::Output;

/// As a fresh call, on an instance that was kept, or on a new one that will be.
pub(crate) fn warm_sync(
    runtime: &'static Runtime,
    module: &LoadedModule,
    pool: &IdlePool,
    function: &FunctionEntry,
    args: &[Value],
    limit_ms: u64,
    meter: &mut CallMeter,
) -> Result<Results> {
    let started = Instant::now();
    let time_limit = ("timeoutMs", limit_ms);
    let on_stack = native_stack_suffices();
    // Never yields without a deadline, so one poll finishes it.
    let at_once = || CallFailure::Engine(wasmtime::Error::msg("call did not finish at once"));
    // The call has a place of its own.
    let mut loan = if let Some((mut loan, _)) = pool.take::<Live>(started) {
        rearm(module, &mut loan.store, limit_ms, None);
        meter.reused = true;
        loan
    } else {
        let mut store = prepare(module, limit_ms, None, None)?;
        let live = if on_stack {
            start_on_stack(module, &mut store)
        } else {
            let start = start_on_fiber(module, &mut store).now_or_never();
            start.unwrap_or_else(|| Err(wasmtime::Error::msg("start did not finish at once")))
        };
        let live = live.map_err(|error| explained(&error, module, store.data(), started, time_limit, true))?;
        Loan::new(store, live)
    };
    let begun = Instant::now();
    meter.instantiate = begun - started;
    let Loan { store, way: live, .. } = &mut loan;
    let (limit, live) = (module.limits().max_output_bytes, *live);
    let outcome = if on_stack {
        call_on_stack(store, live, function, args, &mut None, limit)
    } else {
        let call = call_on_fiber(store, live, function, args, &mut None, limit).now_or_never();
        call.unwrap_or_else(|| Err(at_once()))
    };
    meter.invoke = begun.elapsed();
    read_meters(meter, module, store);
    keep_or_drop(runtime, module, pool, loan, outcome, started, time_limit)
}

/// Puts a guest back after a call that ended well; any error ends it.
fn keep_or_drop(
    runtime: &'static Runtime,
    module: &LoadedModule,
    pool: &IdlePool,
    loan: Loan<Live>,
    outcome: Result<Results, CallFailure>,
    started: Instant,
    time_limit: (&'static str, u64),
) -> Result<Results> {
    match outcome {
        Ok(results) => {
            // Idle instances only take places that nobody waits for.
            if let Ok(permit) = runtime.instance_permits.try_acquire() {
                pool.put_back(runtime, loan, permit, Instant::now());
            }
            Ok(results)
        }
        Err(CallFailure::Named(error)) => Err(error),
        Err(CallFailure::Engine(error)) => {
            Err(explained(&error, module, loan.store.data(), started, time_limit, false))
        }
    }
}

/// As a fresh call, on an instance that was kept, or on a new one that will be. A call that is dropped half-way takes its guest with it.
pub(crate) async fn warm_async(
    module: &LoadedModule,
    pool: &IdlePool,
    function: &FunctionEntry,
    args: &[Value],
    deadline: Deadline,
    meter: &mut CallMeter,
    output: &mut Output,
) -> Result<Results> {
    let (started, runtime) = (Instant::now(), Runtime::get()?);
    let cpu_ms = module.limits().cpu_ms.unwrap_or(module.limits().timeout_ms);
    let time_limit = ("cpuMs", cpu_ms);
    let mut loan = if let Some((mut loan, _)) = pool.take::<Live>(started) {
        rearm(module, &mut loan.store, cpu_ms, Some(deadline));
        meter.reused = true;
        loan
    } else {
        let mut store = prepare(module, cpu_ms, Some(deadline), None)?;
        let live = start_on_fiber(module, &mut store).await;
        let live = live.map_err(|error| explained(&error, module, store.data(), started, time_limit, true))?;
        Loan::new(store, live)
    };
    let begun = Instant::now();
    meter.instantiate = begun - started;
    let Loan { store, way: live, .. } = &mut loan;
    let outcome = call_on_fiber(store, *live, function, args, &mut None, module.limits().max_output_bytes).await;
    meter.invoke = begun.elapsed();
    read_meters(meter, module, store);
    *output = store.data().take_output();
    let results = keep_or_drop(runtime, module, pool, loan, outcome, started, time_limit)?;
    unwrap_result(function, results)
}
