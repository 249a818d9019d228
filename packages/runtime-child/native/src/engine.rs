//! What an engine has to do; everything else is the same for all of them.

use serde::Serialize;

use crate::capture::Stdio;
use crate::describe::Description;
use crate::message::{Failure, Hello, Policy, Value, ValueType, Wasi};

/// What an instance has used.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Fuel since the last call of [`Engine::refuel`]; absent when the module is not metered.
    pub fuel_used: Option<u64>,
    /// Most bytes that its memories had together.
    pub peak_memory_bytes: u64,
    /// How often it was refused more.
    pub memory_refusals: u64,
}

/// An engine. One request at a time: nothing here is called concurrently.
pub trait Engine {
    /// Compiled code.
    type Module;
    /// A running module.
    type Instance;

    /// Who this is.
    fn hello(&self) -> Hello;

    /// Compiles a core module that is known to be valid, to fit the limits and to import nothing but preview 1.
    ///
    /// # Errors
    /// `COMPILE_FAILED`, `UNSUPPORTED`
    fn compile(&mut self, bytes: &[u8], description: &Description, policy: &Policy) -> Result<Self::Module, Failure>;

    /// Links and instantiates, start function included. The streams are those of the instance as long as it lives; what a
    /// guest wrote is in them when this or a call returns, whatever it returns.
    ///
    /// # Errors
    /// `LINK_FAILED`, `MEMORY_LIMIT`, `TABLE_LIMIT`, `START_FAILED`, `TRAP`
    fn instantiate(&mut self, module: &Self::Module, wasi: &Wasi, stdio: &Stdio) -> Result<Self::Instance, Failure>;

    /// Gives an instance the fuel of one call.
    fn refuel(&mut self, instance: &mut Self::Instance);

    /// Calls an export whose type is known to fit.
    ///
    /// # Errors
    /// `TRAP`
    fn call(
        &mut self,
        instance: &mut Self::Instance,
        export: &str,
        args: &[Value],
        results: &[ValueType],
    ) -> Result<Vec<Value>, Failure>;

    /// What the instance has used so far.
    fn usage(&mut self, instance: &mut Self::Instance) -> Usage;
}
