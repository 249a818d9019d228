//! Settings of the engines: what all have in common, and what each has of its own.

use std::num::NonZeroUsize;

use wasmparser::WasmFeatures;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::{EngineError, Result};
use crate::policy::{RuntimeOptions, TrapMode};
use crate::shared::machine::Machine;

/// Stack a guest may use. Node's main thread and the fibers have more than this to spare; see `process::stack_headroom`.
pub(crate) const MAX_WASM_STACK_BYTES: usize = 512 * 1024;
const FIBER_STACK_BYTES: usize = 2 * 1024 * 1024;
const KEEP_RESIDENT_TABLE_BYTES: usize = 64 * 1024;

pub(crate) fn base_config(options: &RuntimeOptions) -> Config {
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

pub(crate) fn metered(mut config: Config) -> Config {
    config.consume_fuel(true);
    config
}

/// For components with asynchronous functions, which are those of WASI 0.3.
pub(crate) fn concurrent(mut config: Config) -> Config {
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
        "pooled" => pooled_config(options, 1, 0),
        "metered" => metered(base_config(options)),
        "concurrent" => concurrent(base_config(options)),
        "concurrent-metered" => metered(concurrent(base_config(options))),
        _ => base_config(options),
    };
    Engine::new(&config).map_err(EngineError::internal)
}

fn pooled_config(options: &RuntimeOptions, slots: u32, keep_memory: usize) -> Config {
    let mut pool = PoolingAllocationConfig::default();
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

/// An engine with a pool, if there is one.
#[derive(Default)]
pub(crate) struct Pool {
    pub(crate) engine: Option<Engine>,
    /// Why there is none, or why it is smaller than asked.
    pub(crate) note: Option<String>,
    pub(crate) slots: u32,
    /// Memory that a free slot keeps at most.
    pub(crate) kept_bytes: usize,
}

/// Tries the pool as asked, then smaller ones: containers and small devices may not have the address space.
pub(crate) fn probe_pool(options: &RuntimeOptions, machine: &Machine, asked: u32) -> Result<Pool> {
    let knows_written = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut note = None;
    for slots in [asked, asked / 4, asked / 16] {
        if slots == 0 {
            continue;
        }
        let kept_bytes = machine.kept_bytes(slots, knows_written);
        match Engine::new(&pooled_config(options, slots, kept_bytes)) {
            Ok(engine) => return Ok(Pool { engine: Some(engine), note, slots, kept_bytes }),
            Err(error) => note = Some(format!("{asked} slots do not fit: {error:#}")),
        }
    }
    if note.is_none() {
        note = Some("switched off".to_owned());
    }
    // Proves that an engine can be made at all, so that the first load does not have to find out.
    Engine::new(&base_config(options)).map_err(EngineError::internal)?;
    Ok(Pool { note, ..Pool::default() })
}
