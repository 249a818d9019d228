//! HotSwap's WebAssembly engine over Wasmtime: load, call, limit, swap, drain. Knows nothing of Node; `binding` puts it there.
//!
//! | to change | open |
//! |---|---|
//! | error codes | `error.rs`, `trap.rs` |
//! | settings of the engines, the pool | `engines.rs` |
//! | threads, gauges, the life of it all | `runtime.rs` |
//! | what a module may do | `policy.rs`, `limits.rs`, `wasi/`, `egress/` (outgoing HTTP) |
//! | loading, linking, the cache | `load.rs`, `link.rs`, `cache.rs`, `inspect/` |
//! | what a loaded module is, and which functions it has | `module.rs`, `functions.rs` |
//! | compiling in a child process | `compile/` |
//! | what all guests share: processors, memory, threads, time | `shared/` |
//! | value types and their conversion | `values/` |
//! | calls, fresh or on a living instance; admission, deadlines, cancellation, completions | `calls/` |
//! | swapping versions, and state on its way between them | `slots.rs`, `state/` |
//! | HTTP requests to modules | `http/` |
//! | what modules report | `guest_module.rs`, `stats.rs` |
//! | functions of the embedder that guests call | `host_functions/` |

#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "deserialising compiled code is unsafe by nature; the module says why it is sound")]
mod cache;
mod calls;
mod compile;
mod deadline;
mod egress;
mod engines;
mod error;
mod functions;
mod guest_module;
mod host_functions;
pub mod http;
mod inspect;
mod limits;
mod link;
mod load;
mod module;
mod module_bytes;
mod policy;
#[expect(unsafe_code, reason = "queries of the operating system about this process")]
mod process;
mod runtime;
mod shared;
mod slots;
mod state;
mod stats;
mod store;
mod trap;
mod values;
mod wasi;

pub use cache::bench_map;
pub use calls::client::{CallSettings, Client};
pub use calls::completions::{CallInfo, Completion, Origin, Outcome};
pub use calls::control::CancelledBy;
pub use calls::instance::{OpenInstance, open};
pub use calls::invoke::call_sync;
pub use calls::yardstick::{bench_fresh, bench_warm};
pub use compile::worker::compile_worker;
pub use error::{EngineError, ErrorCode, Result, panic_error};
pub use functions::FunctionEntry;
pub use host_functions::{HostCall, HostFunctions, HostSignature};
pub use inspect::{ModuleDescription, inspect, module_too_large};
pub use load::{load, load_with};
pub use module::LoadedModule;
pub use policy::{
    CacheOptions, CompilerOptions, DEFAULT_MAX_MODULE_BYTES, Experiment, Limits, LoadOptions, ModulePolicy,
    NetworkPolicy, Preopen, ReusePolicy, RunOptions, RuntimeOptions, RuntimePolicy, SocketPolicy, Stdio, TrapMode,
    WasiPolicy, parse_options,
};
pub use process::pin_image;
pub use runtime::Runtime;
pub use slots::{Assignment, SlotTable, Split};
pub use stats::CallMeter;
pub use values::buffers::copy as copy_bytes;
pub use values::message::MessagePlan;
pub use values::pack::{pack, unpack};
pub use values::value::{
    CaseType, FieldType, FlagName, NumberKind, ResourceKey, Results, Value, ValueType, camel_case,
};
pub use wasi::WasiLevel;
pub use wasi::output::Output;
