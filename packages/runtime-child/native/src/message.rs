//! What travels in frames. The other side is `packages/runtime-child/src/child-messages.ts`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Raised with every change that an older other side would misread.
pub const PROTOCOL_VERSION: u32 = 3;

/// The child's first frame.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u32,
    /// Name of the engine.
    pub engine: String,
    /// Version of the engine itself.
    pub version: String,
    /// What the engine can do: `RuntimeCapabilities` of `@hotswap/core`.
    pub capabilities: Json,
}

/// Types of values that cross the border of a core module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "WebAssembly's own names")]
pub enum ValueType {
    I32,
    I64,
    F32,
    F64,
}

/// A value by its bits, written as a decimal number: JSON has neither NaN nor 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// Its type.
    pub ty: ValueType,
    /// Its bits; of 32-bit types the lower half.
    pub bits: u64,
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.ty, self.bits.to_string()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (ty, text) = <(ValueType, String)>::deserialize(deserializer)?;
        let bits = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self { ty, bits })
    }
}

/// Limits that hold for every instance of a module.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// All linear memories of an instance together.
    pub max_memory_bytes: u64,
    /// All tables of an instance together.
    pub max_table_elements: u64,
    /// Fuel of one call; absent: not metered.
    pub fuel: Option<u64>,
    /// Whether SIMD instructions are allowed.
    pub simd: bool,
}

/// A folder that a guest may use.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Folder {
    /// Where it is on this machine.
    pub host_path: String,
    /// Where the guest finds it.
    pub guest_path: String,
    /// Whether nothing below may be changed.
    pub read_only: bool,
}

/// What a guest may touch; everything else is denied.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wasi {
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// Folders.
    pub dirs: Vec<Folder>,
    /// Bytes that a request keeps of each output stream.
    pub max_output_bytes: usize,
}

/// Instances that are used for several calls.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reuse {
    pub(crate) max_calls: u64,
    pub(crate) max_idle_ms: u64,
}

/// A request with the number that its answer carries: no answer can be taken for that of another request.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// What the parent asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Request {
    /// Describes the attached binary.
    Inspect,
    /// Compiles the attached binary.
    Load { module: u32, policy: Policy },
    /// Links and starts a module once, so that what cannot run is refused before any request comes to it.
    Start { module: u32, wasi: Wasi },
    /// Forgets a module.
    Unload { module: u32 },
    /// Calls an export in a fresh instance, or in one that is kept.
    Call { module: u32, export: String, args: Vec<Value>, wasi: Wasi, reuse: Option<Reuse> },
    /// Runs `_start`; the attached bytes are standard input.
    Run { module: u32, wasi: Wasi },
    /// Opens the one instance that a child can keep for `CallInstance`.
    Open { module: u32, wasi: Wasi },
    /// Calls an export of the open instance.
    CallInstance { export: String, args: Vec<Value>, max_output_bytes: usize },
}

/// Why something failed. `code` is the part of `HS_RUNTIME_…` after the prefix.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The code.
    pub code: &'static str,
    /// What the places in the code's message are filled with.
    pub details: Map<String, Json>,
}

impl Failure {
    /// A failure without details.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self { code, details: Map::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// A guest that trapped. `trap` is one of the names in the documentation of `HS_RUNTIME_TRAP`.
    #[must_use]
    pub fn trap(trap: &str) -> Self {
        Self::new("TRAP").with("trap", trap)
    }

    /// A guest that ended itself by `proc_exit`: an outcome for a command, a trap for a call.
    #[must_use]
    pub fn exit(code: i32) -> Self {
        Self::trap("host").with("exitCode", code)
    }

    /// The exit code when this is [`Failure::exit`].
    #[must_use]
    pub fn exit_code(&self) -> Option<i64> {
        self.details.get("exitCode").and_then(Json::as_i64)
    }
}
