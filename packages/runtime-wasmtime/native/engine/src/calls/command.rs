//! Commands: run once, end with a status.

use std::time::Instant;

use bytes::Bytes;
use wasmtime::Store;

use crate::calls::enter::start_on_fiber;
use crate::calls::invoke::{explained, prepare, read_meters};
use crate::deadline::Deadline;
use crate::error::{EngineError, ErrorCode, Result};
use crate::functions::Live;
use crate::functions::Target;
use crate::module::LoadedModule;
use crate::policy::RunOptions;
use crate::stats::CallMeter;
use crate::store::StoreData;
use crate::wasi::output::Output;

/// Runs the command of a module once and returns its exit status.
pub(crate) async fn run_command(
    module: &LoadedModule,
    options: &RunOptions,
    stdin: Bytes,
    deadline: Deadline,
    meter: &mut CallMeter,
    output: &mut Output,
) -> Result<i32> {
    let target = module.command.ok_or_else(|| {
        EngineError::new(
            ErrorCode::UnknownExport,
            "The module is no WASI command: it exports neither _start nor wasi:cli/run",
        )
        .with("export", "_start")
        .with("available", Vec::<String>::new())
    })?;
    let cpu_ms = module.limits().cpu_ms.unwrap_or(module.limits().timeout_ms);
    let started = Instant::now();
    let mut store = prepare(module, cpu_ms, Some(deadline), Some((options, stdin)))?;
    let live = start_on_fiber(module, &mut store).await;
    let begun = Instant::now();
    meter.instantiate = begun - started;
    let (outcome, starting) = match live {
        Err(error) => (Err(error), true),
        Ok(live) => (enter_command(&mut store, live, target).await, false),
    };
    meter.invoke = begun.elapsed();
    read_meters(meter, module, &store);
    *output = store.data().take_output();
    match outcome {
        Ok(status) => Ok(status),
        Err(error) => match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(explained(&error, module, store.data(), started, ("cpuMs", cpu_ms), starting)),
        },
    }
}

async fn enter_command(store: &mut Store<StoreData>, live: Live, target: Target) -> wasmtime::Result<i32> {
    let missing = || wasmtime::Error::msg("the command's entry is missing from the instance");
    match (live, target) {
        (Live::Core(instance), Target::Core(export)) => {
            let function = instance
                .get_module_export(&mut *store, &export)
                .and_then(wasmtime::Extern::into_func)
                .ok_or_else(missing)?;
            function.call_async(&mut *store, &[], &mut []).await?;
            Ok(0)
        }
        (Live::Component(instance), Target::Component(export)) => {
            let function = instance.get_func(&mut *store, export).ok_or_else(missing)?;
            let mut results = [wasmtime::component::Val::Bool(false)];
            function.call_async(&mut *store, &[], &mut results).await?;
            Ok(i32::from(matches!(results[0], wasmtime::component::Val::Result(Err(_)))))
        }
        _ => Err(missing()),
    }
}
