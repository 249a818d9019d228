//! WasmEdge's codes in the project's words. The execution codes are the same in all supported versions.

use hotswap_runtime_child::Failure;

use crate::api::{Api, Outcome};

const TERMINATED: u32 = 0x0001;
const COST_LIMIT_EXCEEDED: u32 = 0x0003;

/// Whether the guest ended itself by `proc_exit`.
pub(crate) fn is_exit(outcome: Outcome) -> bool {
    code_of(outcome) == TERMINATED
}

/// Whether the guest used up its fuel.
pub(crate) fn is_out_of_fuel(outcome: Outcome) -> bool {
    code_of(outcome) == COST_LIMIT_EXCEEDED
}

/// Names what ended a call.
pub(crate) fn failure_of(api: &Api, outcome: Outcome) -> Failure {
    let trap = match code_of(outcome) {
        0x0403 | 0x040D => "bad-signature",
        0x0404 => "integer-division-by-zero",
        0x0405 => "integer-overflow",
        0x0406 => "bad-conversion-to-integer",
        0x0407 | 0x040C => "table-out-of-bounds",
        0x0408 => "memory-out-of-bounds",
        0x0409 => "array-out-of-bounds",
        0x040A => "unreachable",
        0x040B => "indirect-call-to-null",
        0x040E => "host",
        _ => "other",
    };
    Failure::trap(trap).with("reason", api.message(outcome))
}

fn code_of(outcome: Outcome) -> u32 {
    outcome.code & 0x00FF_FFFF
}
