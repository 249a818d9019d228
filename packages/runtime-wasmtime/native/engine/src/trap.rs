//! Engine errors to stable codes: which limit, which trap, where in the guest.

use serde_json::{Map, Value as Json, json};
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::deadline::{CpuExceeded, WallExceeded};
use crate::error::{EngineError, ErrorCode, bounded};
use crate::limits::Limiter;
use crate::policy::Limits;
use crate::shared::memory_budget::MemoryBudget;

/// Frames in a backtrace.
pub(crate) const MAX_FRAMES: usize = 20;
/// Bytes of a name that a guest chose.
const MAX_NAME_BYTES: usize = 200;

/// A host function did not give the guest what it should have.
#[derive(Debug)]
pub(crate) struct HostFailure(pub(crate) EngineError);

impl std::fmt::Display for HostFailure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.message())
    }
}

impl std::error::Error for HostFailure {}

/// Every trap kind; the position is the counter's index in the statistics.
pub(crate) const TRAP_KINDS: [&str; 20] = [
    "unreachable",
    "stack-overflow",
    "memory-out-of-bounds",
    "heap-misaligned",
    "table-out-of-bounds",
    "indirect-call-to-null",
    "bad-signature",
    "integer-overflow",
    "integer-division-by-zero",
    "bad-conversion-to-integer",
    "interrupt",
    "out-of-fuel",
    "cannot-enter-component",
    "null-reference",
    "array-out-of-bounds",
    "allocation-too-large",
    "cast-failure",
    "uncaught-exception",
    "host",
    "other",
];

pub(crate) fn trap_name(trap: Trap) -> &'static str {
    match trap {
        Trap::UnreachableCodeReached => "unreachable",
        Trap::StackOverflow => "stack-overflow",
        Trap::MemoryOutOfBounds => "memory-out-of-bounds",
        Trap::HeapMisaligned => "heap-misaligned",
        Trap::TableOutOfBounds => "table-out-of-bounds",
        Trap::IndirectCallToNull => "indirect-call-to-null",
        Trap::BadSignature => "bad-signature",
        Trap::IntegerOverflow => "integer-overflow",
        Trap::IntegerDivisionByZero => "integer-division-by-zero",
        Trap::BadConversionToInteger => "bad-conversion-to-integer",
        Trap::Interrupt => "interrupt",
        Trap::OutOfFuel => "out-of-fuel",
        Trap::CannotEnterComponent => "cannot-enter-component",
        Trap::NullReference => "null-reference",
        Trap::ArrayOutOfBounds => "array-out-of-bounds",
        Trap::AllocationTooLarge => "allocation-too-large",
        Trap::CastFailure => "cast-failure",
        _ => "other",
    }
}

/// What was going on when the error arose.
pub(crate) struct Circumstances<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) limiter: &'a Limiter,
    /// Of the call, since it was admitted.
    pub(crate) elapsed_ms: f64,
    /// The limit an epoch interruption enforces here.
    pub(crate) time_limit: (&'static str, u64),
    /// Fuel of the call, where it is metered.
    pub(crate) fuel: Option<u64>,
    /// Instantiating, not calling.
    pub(crate) starting: bool,
}

/// Names an engine error.
pub(crate) fn explain(error: &wasmtime::Error, at: &Circumstances<'_>) -> EngineError {
    if let Some(WallExceeded(deadline)) = error.downcast_ref::<WallExceeded>() {
        return timeout("timeoutMs", deadline.limit_ms, at.elapsed_ms);
    }
    if error.is::<CpuExceeded>() || matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt)) {
        return timeout(at.time_limit.0, at.time_limit.1, at.elapsed_ms);
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        let message = format!("The guest exited with status {}", exit.0);
        return if at.starting {
            EngineError::new(ErrorCode::StartFailed, message.clone()).with("reason", message).with("exitCode", exit.0)
        } else {
            trap_error("host", &message, error, at).with("exitCode", exit.0)
        };
    }
    if let Some(busy) = error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>() {
        return EngineError::new(ErrorCode::QueueFull, format!("The instance pool is full: {busy}"))
            .with("scope", "pool");
    }
    if let Some(HostFailure(failure)) = error.downcast_ref::<HostFailure>() {
        return match failure.code() {
            ErrorCode::NotSynchronous | ErrorCode::InputLimit | ErrorCode::StaleHandle => failure.clone(),
            _ => trap_error("host", failure.message(), error, at).with("hostError", failure.code().as_str()),
        };
    }
    let text = bounded(&format!("{error:#}"), 1_000);
    if text.contains("fuel allocated for hostcalls") {
        return output_limit(at.limits.max_output_bytes, None);
    }
    if let (Some(Trap::OutOfFuel), Some(fuel)) = (error.downcast_ref::<Trap>(), at.fuel) {
        return EngineError::new(ErrorCode::FuelExhausted, format!("The call used up its {fuel} units of fuel"))
            .with("limitFuel", fuel)
            .with("frames", frames(error))
            .with("starting", at.starting);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trapped(*trap, error, at);
    }
    if (at.starting || error.downcast_ref::<WasmBacktrace>().is_none())
        && let Some(limit) = limit_at_start(&text, at)
    {
        return limit;
    }
    if error.downcast_ref::<wasmtime::ThrownException>().is_some() {
        return trap_error("uncaught-exception", "The guest threw an exception that nothing caught", error, at);
    }
    if error.is::<wasmtime::WasmtimeBug>() {
        return EngineError::internal(text);
    }
    if at.starting && error.downcast_ref::<WasmBacktrace>().is_none() {
        return EngineError::new(ErrorCode::StartFailed, format!("The module cannot be instantiated: {text}"))
            .with("reason", text);
    }
    // A host function, or the canonical ABI at the border: text that is not UTF-8, pointers out of bounds, unknown cases.
    trap_error("host", &format!("The host refused what the guest did: {}", causes(error)), error, at)
}

/// Without the call stack, which the details have as `frames`.
fn causes(error: &wasmtime::Error) -> String {
    let stack = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
    let told = error.chain().map(ToString::to_string).filter(|cause| Some(cause) != stack.as_ref());
    bounded(&told.collect::<Vec<_>>().join(": "), 1_000)
}

fn limit_at_start(text: &str, at: &Circumstances<'_>) -> Option<EngineError> {
    if let Some(requested) = at.limiter.refused_memory {
        return Some(memory_limit(requested, at));
    }
    if let Some(requested) = at.limiter.refused_table {
        let limit = at.limits.max_table_elements;
        return Some(
            EngineError::new(
                ErrorCode::TableLimit,
                format!("The guest needs {requested} table elements; {limit} are allowed"),
            )
            .with("limitElements", limit)
            .with("requestedElements", requested),
        );
    }
    text.contains("count too high").then(|| {
        EngineError::new(ErrorCode::InstanceLimit, format!("The guest needs too many parts: {text}"))
            .with("limit", at.limits.max_instances)
    })
}

fn trapped(trap: Trap, error: &wasmtime::Error, at: &Circumstances<'_>) -> EngineError {
    // Most languages abort by `unreachable` when memory runs out; the refusal is what the reader needs to know.
    if trap == Trap::UnreachableCodeReached
        && let Some(requested) = at.limiter.refused_memory
    {
        return memory_limit(requested, at).with("trap", "unreachable").with("frames", frames(error));
    }
    trap_error(trap_name(trap), &format!("The guest trapped: {}", describe(trap)), error, at)
}

fn describe(trap: Trap) -> String {
    trap.to_string().trim_start_matches("wasm trap: ").to_owned()
}

fn trap_error(kind: &'static str, message: &str, error: &wasmtime::Error, at: &Circumstances<'_>) -> EngineError {
    EngineError::new(ErrorCode::Trap, message)
        .with("trap", kind)
        .with("frames", frames(error))
        .with("elapsedMs", at.elapsed_ms)
        .with("starting", at.starting)
}

fn memory_limit(requested: usize, at: &Circumstances<'_>) -> EngineError {
    if at.limiter.refused_by_process {
        let limit = MemoryBudget::get().limit();
        let message =
            "The guest needs memory, and all guests together hold what this process grants them; try again later";
        return EngineError::new(ErrorCode::MemoryLimit, message)
            .with("scope", "runtime")
            .with("limitBytes", limit)
            .with("requestedBytes", requested)
            .with("peakBytes", at.limiter.peak_memory_bytes);
    }
    let limit = at.limits.max_memory_bytes;
    EngineError::new(
        ErrorCode::MemoryLimit,
        format!("The guest needs {requested} bytes of memory; {limit} are allowed"),
    )
    .with("limitBytes", limit)
    .with("requestedBytes", requested)
    .with("peakBytes", at.limiter.peak_memory_bytes)
}

/// `TIMEOUT`.
pub(crate) fn timeout(limit: &'static str, limit_ms: u64, elapsed_ms: f64) -> EngineError {
    EngineError::new(ErrorCode::Timeout, format!("The call did not finish within {limit_ms} ms ({limit})"))
        .with("limit", limit)
        .with("limitMs", limit_ms)
        .with("elapsedMs", elapsed_ms)
}

/// `OUTPUT_LIMIT`.
pub(crate) fn output_limit(limit: u64, size: Option<usize>) -> EngineError {
    let error = EngineError::new(ErrorCode::OutputLimit, format!("The result is larger than {limit} bytes"))
        .with("limitBytes", limit);
    match size {
        Some(size) => error.with("sizeBytes", size),
        None => error,
    }
}

fn frames(error: &wasmtime::Error) -> Json {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return json!([]);
    };
    let frame = |frame: &wasmtime::FrameInfo| {
        let mut out = Map::new();
        out.insert("functionIndex".to_owned(), json!(frame.func_index()));
        if let Some(name) = frame.func_name() {
            out.insert("functionName".to_owned(), json!(bounded(name, MAX_NAME_BYTES)));
        }
        if let Some(name) = frame.module().name() {
            out.insert("moduleName".to_owned(), json!(bounded(name, MAX_NAME_BYTES)));
        }
        if let Some(offset) = frame.module_offset() {
            out.insert("moduleOffset".to_owned(), json!(offset));
        }
        if let Some((file, line)) = frame.symbols().first().and_then(|symbol| Some((symbol.file()?, symbol.line()?))) {
            out.insert("source".to_owned(), json!(format!("{}:{line}", bounded(file, MAX_NAME_BYTES))));
        }
        Json::Object(out)
    };
    backtrace.frames().iter().take(MAX_FRAMES).map(frame).collect()
}
