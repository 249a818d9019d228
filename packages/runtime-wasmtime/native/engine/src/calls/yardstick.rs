//! Bare loops in Rust: what `bench/` measures the binding against.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;

use crate::calls::enter::{CallFailure, call_on_stack, start_on_stack};
use crate::calls::invoke::{check_callable, check_synchronous, explain_failure, explained, fill_up};
use crate::error::Result;
use crate::module::LoadedModule;
use crate::runtime::Runtime;
use crate::store::{Host, StoreData, new_store};
use crate::values::value::Value;

/// Nanoseconds per fresh isolated call of a bare loop: store, instance, call, drop. The yardstick of `bench/`.
///
/// # Errors
/// As [`call_sync`].
pub fn bench_fresh(module: &Arc<LoadedModule>, index: usize, args: &[Value], iterations: u32) -> Result<f64> {
    let runtime = Runtime::get()?;
    check_synchronous(module)?;
    let function = module.function(index)?;
    check_callable(function, false)?;
    let _running = runtime.ticker.running();
    let started = Instant::now();
    for _ in 0..iterations {
        let mut store = Store::new(&module.engine, StoreData::new(module.limits(), Host::None));
        fill_up(module, &mut store);
        store.set_epoch_deadline(1_000_000);
        let outcome = match start_on_stack(module, &mut store) {
            Ok(live) => call_on_stack(&mut store, live, function, args, &mut None, u64::MAX),
            Err(error) => Err(CallFailure::Engine(error)),
        };
        if let Err(failure) = outcome {
            return Err(explain_failure(failure, module, &store, started, ("timeoutMs", 0)).0);
        }
    }
    Ok(started.elapsed().as_nanos() as f64 / f64::from(iterations.max(1)))
}

/// Nanoseconds per call on one warm instance of a bare loop. The yardstick of `bench/`.
///
/// # Errors
/// As [`call_sync`].
pub fn bench_warm(module: &Arc<LoadedModule>, index: usize, args: &[Value], iterations: u32) -> Result<f64> {
    let runtime = Runtime::get()?;
    check_synchronous(module)?;
    let function = module.function(index)?;
    check_callable(function, false)?;
    let _running = runtime.ticker.running();
    let mut store = new_store(&module.engine, module.limits(), Host::None);
    fill_up(module, &mut store);
    store.set_epoch_deadline(1_000_000);
    let begun = Instant::now();
    let live = start_on_stack(module, &mut store)
        .map_err(|error| explained(&error, module, store.data(), begun, ("timeoutMs", 0), true))?;
    let started = Instant::now();
    for _ in 0..iterations {
        fill_up(module, &mut store);
        if let Err(failure) = call_on_stack(&mut store, live, function, args, &mut None, u64::MAX) {
            return Err(explain_failure(failure, module, &store, started, ("timeoutMs", 0)).0);
        }
    }
    Ok(started.elapsed().as_nanos() as f64 / f64::from(iterations.max(1)))
}
