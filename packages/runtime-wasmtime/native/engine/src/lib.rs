//! HotSwap's WebAssembly engine over Wasmtime: load, call, limit, swap, drain. Knows nothing of Node; `binding` puts it there.
//!
//! | to change | open |
//! |---|---|
//! | error codes | `error.rs` |
//! | engine settings, pool, threads | `runtime.rs` |
//! | what a module may do | `policy.rs`, `wasi.rs`, `limits.rs` |
//! | loading, linking, the cache | `load.rs`, `cache.rs`, `inspect.rs` |
//! | compiling in a child process | `compile_child.rs`, `compile_worker.rs`, `compile_frames.rs` |
//! | what all guests share: processors, memory, threads | `cpu_share.rs`, `memory_budget.rs`, `lanes.rs`, `machine.rs` |
//! | value types and their conversion | `value.rs`, `lower.rs`, `lift.rs`, `convert.rs` |
//! | calls, fresh or on a living instance | `enter.rs`, `direct.rs`, `invoke.rs`, `instance.rs`, `warm.rs`, `command.rs` |
//! | admission, deadlines, cancellation, completions | `client.rs`, `completions.rs`, `calls.rs`, `ticker.rs` |
//! | swapping versions, and state on its way between them | `slots.rs`, `state.rs` |
//! | outgoing HTTP and sockets | `egress*.rs`, `sockets.rs` |
//! | what modules report | `guest_module.rs` |
//! | functions of the embedder that guests call | `host_functions.rs` |

#![deny(unsafe_code)]

mod buffers;
#[expect(unsafe_code, reason = "deserialising compiled code is unsafe by nature; the module says why it is sound")]
mod cache;
mod calls;
mod client;
mod command;
mod compile_child;
mod compile_frames;
mod compile_worker;
mod completions;
mod convert;
mod cpu_share;
#[expect(unsafe_code, reason = "calls that this crate has checked itself; the module says how")]
mod direct;
mod egress;
mod egress_address;
mod egress_body;
mod egress_connect;
mod egress_hosts;
mod egress_pool;
#[cfg(test)]
mod egress_tests;
mod enter;
mod error;
mod guest_module;
mod host_functions;
pub mod http;
mod inspect;
mod inspect_wit;
mod instance;
mod invoke;
mod lanes;
#[expect(
    unsafe_code,
    reason = "the engine's conversion traits are unsafe to implement; the module says why it is sound"
)]
mod lift;
mod limits;
mod load;
#[expect(unsafe_code, reason = "as in `lift`")]
mod lower;
mod machine;
mod memory_budget;
mod module;
mod policy;
#[expect(unsafe_code, reason = "queries of the operating system about this process")]
mod process;
mod process_stdio;
mod runtime;
mod slots;
mod sockets;
mod state;
mod state_transfer;
mod stats;
mod stdio;
mod store;
mod ticker;
mod trap;
mod type_text;
mod value;
mod warm;
mod warm_call;
mod wasi;
mod yardstick;

pub use buffers::copy as copy_bytes;
pub use cache::bench_map;
pub use calls::CancelledBy;
pub use client::{CallSettings, Client};
pub use compile_child::CompilerOptions;
pub use compile_worker::compile_worker;
pub use completions::{CallInfo, Completion, Origin, Outcome};
pub use enter::Results;
pub use error::{EngineError, ErrorCode, Result, panic_error};
pub use host_functions::{HostCall, HostFunctions, HostSignature};
pub use inspect::{ModuleDescription, inspect};
pub use instance::{OpenInstance, open};
pub use invoke::{Output, call_sync};
pub use load::{load, load_with};
pub use module::{FunctionEntry, LoadedModule};
pub use policy::{
    CacheOptions, DEFAULT_MAX_MODULE_BYTES, Limits, LoadOptions, ModulePolicy, NetworkPolicy, Preopen, ReusePolicy,
    RunOptions, RuntimeOptions, RuntimePolicy, SocketPolicy, Stdio, TrapMode, WasiPolicy, parse_options,
};
pub use process::pin_image;
pub use runtime::Runtime;
pub use slots::{Assignment, SlotTable, Split};
pub use stats::CallMeter;
pub use value::{CaseType, FieldType, FlagName, NumberKind, ResourceKey, Value, ValueType, camel_case};
pub use wasi::WasiLevel;
pub use yardstick::{bench_fresh, bench_warm};
