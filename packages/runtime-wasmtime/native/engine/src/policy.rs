//! What a module may do and use: plain data from JSON, everything denied or bounded by default.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{EngineError, ErrorCode, Result};

const MIB: u64 = 1024 * 1024;

/// Policy of one module. Unknown keys are refused: a misspelt limit must not silently be no limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ModulePolicy {
    /// Bounds on memory, time and sizes.
    pub limits: Limits,
    /// What WASI grants.
    pub wasi: WasiPolicy,
    /// How instances live and what the code may be.
    pub runtime: RuntimePolicy,
    /// Which parts of the network are open.
    pub network: NetworkPolicy,
}

/// Which parts of the network a module may reach. Nothing by default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct NetworkPolicy {
    /// Hosts of outgoing HTTP; see `egress_hosts.rs` for the patterns.
    pub allowed_hosts: Vec<String>,
    /// Names and addresses may lead into private networks and to this machine.
    pub allow_private_addresses: bool,
    /// Certificates in PEM that are trusted besides the public ones.
    pub extra_roots_pem: Vec<String>,
    /// Outgoing requests whose answers have not been read.
    pub max_concurrent_requests: u32,
    /// Bytes of one request's body.
    pub max_request_bytes: u64,
    /// Bytes of one answer's body.
    pub max_response_bytes: u64,
    /// Time of one request, body included. `None`: that of a call.
    pub request_timeout_ms: Option<u64>,
    /// Sockets beside HTTP.
    pub sockets: SocketPolicy,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allow_private_addresses: false,
            extra_roots_pem: Vec::new(),
            max_concurrent_requests: 64,
            max_request_bytes: 64 * MIB,
            max_response_bytes: 64 * MIB,
            request_timeout_ms: None,
            sockets: SocketPolicy::default(),
        }
    }
}

impl NetworkPolicy {
    pub(crate) fn check(&self) -> Result<()> {
        let bounds = [
            ("maxConcurrentRequests", u64::from(self.max_concurrent_requests), 1, 10_000),
            ("maxRequestBytes", self.max_request_bytes, 0, 1024 * 1024 * MIB),
            ("maxResponseBytes", self.max_response_bytes, 0, 1024 * 1024 * MIB),
            ("requestTimeoutMs", self.request_timeout_ms.unwrap_or(1), 1, 24 * 3_600_000),
        ];
        for (name, value, min, max) in bounds {
            if value < min || value > max {
                return Err(EngineError::argument(format!("policy.network.{name}"), format!("{min} to {max}")));
            }
        }
        Ok(())
    }
}

/// Sockets of `wasi:sockets`. None by default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SocketPolicy {
    /// `address:port` or `address/prefix:port` that may be connected to.
    pub tcp: Vec<String>,
    /// The same for datagrams.
    pub udp: Vec<String>,
    /// Names may be looked up.
    pub name_lookup: bool,
}

/// How a module's instances live and what its code may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct RuntimePolicy {
    /// `None`: a fresh instance per call. Otherwise instances are kept and used again; their memory is not wiped.
    pub reuse: Option<ReusePolicy>,
    /// Fuel of one call. `None`: not metered.
    pub fuel: Option<u64>,
    /// Vector instructions. Off: a module that has any is refused at load.
    pub simd: bool,
    /// Compiled code is kept on disk, if the load names a cache.
    pub aot_cache: bool,
    /// One living instance that keeps its state, which moves to the next version.
    pub stateful: bool,
}

impl Default for RuntimePolicy {
    fn default() -> Self {
        Self { reuse: None, fuel: None, simd: true, aot_cache: true, stateful: false }
    }
}

impl RuntimePolicy {
    pub(crate) fn check(&self) -> Result<()> {
        let mut bounds = vec![("fuel", self.fuel.unwrap_or(1), 1, i64::MAX as u64)];
        if let Some(reuse) = &self.reuse {
            bounds.push(("reuse.maxInstances", u64::from(reuse.max_instances), 1, 10_000));
            bounds.push(("reuse.maxCalls", reuse.max_calls, 1, u64::MAX));
            bounds.push(("reuse.maxIdleMs", reuse.max_idle_ms, 1, 7 * 24 * 3_600_000));
        }
        for (name, value, min, max) in bounds {
            if value < min || value > max {
                return Err(EngineError::argument(format!("policy.runtime.{name}"), format!("{min} to {max}")));
            }
        }
        Ok(())
    }
}

/// Bounds of the instances that are kept between calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ReusePolicy {
    /// Kept idle at once.
    pub max_instances: u32,
    /// Calls after which an instance is dropped.
    pub max_calls: u64,
    /// Idle time after which it is dropped.
    pub max_idle_ms: u64,
}

impl Default for ReusePolicy {
    fn default() -> Self {
        Self { max_instances: 8, max_calls: 1_000, max_idle_ms: 300_000 }
    }
}

/// Bounds of one instance or call. Units are in the names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "described in binding.d.ts, where users of the fields read it")]
pub struct Limits {
    pub max_memory_bytes: u64,
    pub max_table_elements: u64,
    pub max_instances: u32,
    pub timeout_ms: u64,
    pub cpu_ms: Option<u64>,
    pub max_cpu_percent: Option<u32>,
    pub sync_timeout_ms: u64,
    pub max_input_bytes: u64,
    pub max_output_bytes: u64,
    pub max_stdio_bytes: u64,
    pub max_log_bytes_per_second: u64,
    pub max_state_bytes: u64,
    pub max_host_resources: u32,
    pub max_pending_calls: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_memory_bytes: 64 * MIB,
            max_table_elements: 100_000,
            max_instances: 64,
            timeout_ms: 5_000,
            cpu_ms: None,
            max_cpu_percent: None,
            sync_timeout_ms: 100,
            max_input_bytes: 16 * MIB,
            max_output_bytes: 16 * MIB,
            max_stdio_bytes: 64 * 1024,
            max_log_bytes_per_second: MIB,
            max_state_bytes: 64 * MIB,
            max_host_resources: 10_000,
            max_pending_calls: 1_000,
        }
    }
}

impl Limits {
    /// Refuses values that mean nothing or could freeze the process.
    pub(crate) fn check(&self) -> Result<()> {
        let bounds = [
            ("timeoutMs", self.timeout_ms, 1, 24 * 3_600_000),
            ("cpuMs", self.cpu_ms.unwrap_or(1), 1, 24 * 3_600_000),
            ("maxCpuPercent", u64::from(self.max_cpu_percent.unwrap_or(1)), 1, 100),
            ("syncTimeoutMs", self.sync_timeout_ms, 1, 1_000),
            ("maxMemoryBytes", self.max_memory_bytes, 0, 4096 * MIB),
            ("maxInstances", u64::from(self.max_instances), 1, 10_000),
            ("maxOutputBytes", self.max_output_bytes, 1, 1024 * MIB),
            ("maxStdioBytes", self.max_stdio_bytes, 0, 64 * MIB),
            ("maxStateBytes", self.max_state_bytes, 0, 1024 * MIB),
            ("maxLogBytesPerSecond", self.max_log_bytes_per_second, 0, 1024 * MIB),
            ("maxPendingCalls", u64::from(self.max_pending_calls), 1, 1_000_000),
        ];
        for (name, value, min, max) in bounds {
            if value < min || value > max {
                return Err(EngineError::argument(format!("policy.limits.{name}"), format!("{min} to {max}")));
            }
        }
        Ok(())
    }

    /// What a guest may move to the host in one transfer. Lifted lists of compound values take up to 40 bytes a node.
    pub(crate) fn hostcall_fuel(&self) -> usize {
        usize::try_from(self.max_output_bytes.saturating_mul(8).max(MIB)).unwrap_or(usize::MAX)
    }
}

/// What WASI grants. Nothing by default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct WasiPolicy {
    /// Arguments after the program name.
    pub args: Vec<String>,
    /// `argv[0]`.
    pub program_name: String,
    /// Environment variables, all of them.
    pub env: BTreeMap<String, String>,
    /// Folders.
    pub preopens: Vec<Preopen>,
}

impl Default for WasiPolicy {
    fn default() -> Self {
        Self { args: Vec::new(), program_name: "module".to_owned(), env: BTreeMap::new(), preopens: Vec::new() }
    }
}

/// One folder of the host shown to the guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Preopen {
    /// Folder on this machine.
    pub host_path: PathBuf,
    /// Its name in the guest.
    pub guest_path: String,
    /// No writes, renames or removals. Default true.
    #[serde(default = "yes")]
    pub read_only: bool,
}

/// How to load one module.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct LoadOptions {
    /// Names the cache entry: `sha256:<hex>` where the bytes are hashed here, else what the caller has verified. Absent: the bytes' own.
    pub digest: Option<String>,
    /// Hash the bytes and refuse others than those of `digest`.
    pub verify: bool,
    /// Where the bytes are, if they are needed and were not given.
    pub path: Option<PathBuf>,
    /// What the module may do and use.
    pub policy: ModulePolicy,
    /// Larger binaries are refused before parsing.
    pub max_module_bytes: u64,
    /// Compiled code on disk.
    pub cache: Option<CacheOptions>,
    /// Compile in a child process, within bounds. `None`: in this process.
    pub compiler: Option<CompilerOptions>,
    /// Instantiate once before answering.
    pub probe: bool,
    /// What may be used although it is not finished.
    pub experimental: Vec<Experiment>,
}

/// What works but may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Experiment {
    /// Asynchronous functions of components, and WASI 0.3.
    Preview3,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            digest: None,
            verify: false,
            path: None,
            policy: ModulePolicy::default(),
            max_module_bytes: DEFAULT_MAX_MODULE_BYTES,
            cache: None,
            compiler: None,
            probe: true,
            experimental: Vec::new(),
        }
    }
}

/// 50 MiB.
pub const DEFAULT_MAX_MODULE_BYTES: u64 = 50 * MIB;

/// Where compiled code is kept and what authenticates it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CacheOptions {
    /// Private folder.
    pub directory: PathBuf,
    /// 32 bytes in hex.
    pub key_hex: String,
}

/// What `run` takes over the module's policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct RunOptions {
    /// Replaces the policy's arguments.
    pub args: Option<Vec<String>>,
    /// Added to the policy's environment.
    pub env: BTreeMap<String, String>,
    /// At most the policy's.
    pub timeout_ms: Option<u64>,
    /// Whose standard streams it has.
    pub stdio: Stdio,
    /// Output that is kept, over the policy's; for callers in this crate.
    #[serde(skip)]
    pub(crate) max_stdio_bytes: Option<u64>,
}

/// Standard streams of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stdio {
    /// Input is given, output is kept and handed over at the end.
    #[default]
    Capture,
    /// Those of this process, as a program of its own would have them.
    Inherit,
}

/// How to start the process-global runtime.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct RuntimeOptions {
    /// Live instances at most; 0 switches the pool off. `None`: what the machine is good for.
    pub pool_slots: Option<u32>,
    /// Linear memory of all guests together. `None`: 80 % of what the machine or its container has.
    pub max_guest_memory_bytes: Option<u64>,
    /// Threads for asynchronous calls.
    pub worker_threads: Option<usize>,
    /// Threads that compile.
    pub compile_threads: Option<usize>,
    /// Calls admitted and not finished.
    pub max_pending_calls: u32,
    /// How traps are found.
    pub trap_mode: TrapMode,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            pool_slots: None,
            max_guest_memory_bytes: None,
            worker_threads: None,
            compile_threads: None,
            max_pending_calls: 10_000,
            trap_mode: TrapMode::Signals,
        }
    }
}

/// How traps are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TrapMode {
    /// Guard pages and signal handlers.
    Signals,
    /// Checks in the code, no handlers.
    Explicit,
}

fn yes() -> bool {
    true
}

/// Parses options from JSON; an empty text means all defaults.
///
/// # Errors
/// `INVALID_ARGUMENT` with the parser's own position.
pub fn parse_options<T: DeserializeOwned + Default>(what: &str, text: &str) -> Result<T> {
    if text.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_str(text).map_err(|error| {
        EngineError::new(ErrorCode::InvalidArgument, format!("{what}: {error}"))
            .with("path", what)
            .with("expected", error.to_string())
    })
}

/// How to start a compiling child, and what it may use for one module.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CompilerOptions {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Processor time of all its threads together, rounded up to seconds.
    #[serde(default = "ten_seconds")]
    pub cpu_ms: u64,
    /// Memory.
    #[serde(default = "one_gibibyte")]
    pub memory_bytes: u64,
    /// Wall clock, for machines too busy to give it its processor time.
    #[serde(default = "one_minute")]
    pub wall_ms: u64,
}

fn ten_seconds() -> u64 {
    10_000
}

fn one_gibibyte() -> u64 {
    1024 * 1024 * 1024
}

fn one_minute() -> u64 {
    60_000
}
