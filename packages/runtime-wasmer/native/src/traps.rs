//! Wasmer's errors in the project's words.

use std::fmt;

use hotswap_runtime_child::Failure;
use serde_json::{Value as Json, json};
use wasmer::RuntimeError;
use wasmer_types::TrapCode;

/// Frames in a backtrace.
const MAX_FRAMES: usize = 20;
/// Characters of a name that a guest chose.
const MAX_NAME_CHARS: usize = 200;

/// What a host function ends a guest with.
#[derive(Debug)]
pub(crate) enum HostEnd {
    /// `proc_exit`.
    Exit(i32),
    /// The guest did something that the host cannot answer.
    Refused(String),
}

impl fmt::Display for HostEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(formatter, "exited with status {code}"),
            Self::Refused(why) => formatter.write_str(why),
        }
    }
}

impl std::error::Error for HostEnd {}

impl From<HostEnd> for RuntimeError {
    fn from(end: HostEnd) -> Self {
        Self::user(Box::new(end))
    }
}

/// Names what ended a call.
pub(crate) fn failure_of(error: &RuntimeError, spent_fuel: Option<u64>) -> Failure {
    if let Some(fuel) = spent_fuel {
        return Failure::new("FUEL_EXHAUSTED").with("limitFuel", fuel);
    }
    let failure = match error.downcast_ref::<HostEnd>() {
        Some(HostEnd::Exit(code)) => return Failure::exit(*code),
        Some(HostEnd::Refused(why)) => Failure::trap("host").with("reason", why.as_str()),
        None => match error.clone().to_trap() {
            Some(code) => Failure::trap(name_of(code)),
            None => Failure::trap("other").with("reason", bounded(&error.message())),
        },
    };
    failure.with("frames", frames_of(error))
}

fn name_of(code: TrapCode) -> &'static str {
    match code {
        TrapCode::StackOverflow => "stack-overflow",
        TrapCode::HeapAccessOutOfBounds => "memory-out-of-bounds",
        TrapCode::HeapMisaligned | TrapCode::UnalignedAtomic => "heap-misaligned",
        TrapCode::TableAccessOutOfBounds => "table-out-of-bounds",
        TrapCode::IndirectCallToNull => "indirect-call-to-null",
        TrapCode::BadSignature => "bad-signature",
        TrapCode::IntegerOverflow => "integer-overflow",
        TrapCode::IntegerDivisionByZero => "integer-division-by-zero",
        TrapCode::BadConversionToInteger => "bad-conversion-to-integer",
        TrapCode::UnreachableCodeReached => "unreachable",
        TrapCode::UncaughtException => "uncaught-exception",
        TrapCode::HostInterrupt => "interrupt",
        _ => "other",
    }
}

fn frames_of(error: &RuntimeError) -> Json {
    error
        .trace()
        .iter()
        .take(MAX_FRAMES)
        .map(|frame| {
            let mut out = json!({ "functionIndex": frame.func_index(), "moduleOffset": frame.module_offset() });
            if let Some(name) = frame.function_name() {
                out["functionName"] = bounded(name).into();
            }
            out
        })
        .collect()
}

pub(crate) fn bounded(text: &str) -> String {
    text.chars().take(MAX_NAME_CHARS).collect()
}
