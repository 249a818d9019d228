//! Functions of the embedder that guests call: a plugin's imports, satisfied by the host's own code.
//!
//! A guest on a fiber waits for the answer while its thread does other work; a guest on the native stack is answered on the same thread.
//! Whatever the answer is, the guest's limits hold: the wall clock runs on, and a call that is cancelled does not wait for anybody.

mod component;
mod core;

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::{EngineError, ErrorCode, Result};
use crate::trap::HostFailure;
use crate::values::message::host_message;
use crate::values::value::{Value, ValueType, camel_case};

pub(crate) use self::component::link_component;
pub(crate) use self::core::link_core;

/// What the embedder offers.
pub trait HostFunctions: Send + Sync {
    /// Position of a function, by the names that the embedder gave.
    fn find(&self, interface: &str, name: &str) -> Option<u32>;

    /// Learns how a guest sees a function it imports, before any call of it.
    fn link(&self, function: &Arc<HostSignature>);

    /// Calls from any thread. An answer that never comes, because `answer` was dropped, fails the guest's call.
    fn call(&self, call: HostCall);

    /// Calls on this thread.
    ///
    /// # Errors
    /// `NOT_SYNCHRONOUS` when the function lives on another thread or wants to be awaited; what the function threw.
    fn call_here(&self, function: &Arc<HostSignature>, args: Vec<Value>) -> Result<Vec<Value>>;

    /// A guest has given up a resource that a function handed to it.
    fn drop_resource(&self, resource: u32);
}

/// One imported function.
#[derive(Debug)]
pub struct HostSignature {
    /// What [`HostFunctions::find`] said.
    pub index: u32,
    /// `ns:pkg/iface@1.2.0#function`, or `module::function` for core modules.
    pub name: String,
    /// Parameter names (empty for core modules) and types.
    pub params: Vec<(String, ValueType)>,
    /// Result types.
    pub results: Vec<ValueType>,
    /// Declared as `async func`: the guest may go on with other things while it waits.
    pub is_async: bool,
    /// A message carries the arguments.
    pub packs_params: bool,
    /// A message may carry the results.
    pub packs_results: bool,
}

impl HostSignature {
    fn new(index: u32, name: String, params: Vec<(String, ValueType)>, results: Vec<ValueType>) -> Self {
        let packs_params = host_message(params.iter().map(|(_, ty)| ty));
        let packs_results = host_message(results.iter());
        Self { index, name, params, results, is_async: false, packs_params, packs_results }
    }
}

/// A guest waits for this.
#[derive(Debug)]
pub struct HostCall {
    /// What it calls.
    pub function: Arc<HostSignature>,
    /// With what.
    pub args: Vec<Value>,
    /// Where the results go.
    pub answer: oneshot::Sender<Result<Vec<Value>>>,
}

fn failed(error: EngineError) -> wasmtime::Error {
    wasmtime::Error::new(HostFailure(error))
}

/// Resources of the embedder that one store holds; what is left when the store goes is given up then.
#[derive(Default)]
pub(crate) struct HeldResources {
    host: Option<Arc<dyn HostFunctions>>,
    held: HashSet<u32>,
}

impl HeldResources {
    /// The embedder has it again.
    pub(crate) fn let_go(&mut self, resource: u32) {
        self.held.remove(&resource);
    }
}

impl Drop for HeldResources {
    fn drop(&mut self) {
        if let Some(host) = &self.host {
            self.held.iter().for_each(|resource| host.drop_resource(*resource));
        }
    }
}

/// How a linker's functions answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    /// Guests run on fibers and wait.
    Later,
    /// Guests run on the native stack of the thread that the functions live on.
    Here,
}

async fn ask(
    host: &Arc<dyn HostFunctions>,
    function: &Arc<HostSignature>,
    args: Vec<Value>,
) -> wasmtime::Result<Vec<Value>> {
    let (answer, answered) = oneshot::channel();
    host.call(HostCall { function: function.clone(), args, answer });
    let gone = || {
        EngineError::new(ErrorCode::Closed, format!("The host function {} is gone: its owner has ended", function.name))
    };
    answered.await.unwrap_or_else(|_| Err(gone())).map_err(failed)
}

fn find(host: &Arc<dyn HostFunctions>, interface: &str, name: &str) -> Option<u32> {
    let unversioned = interface.split('@').next().unwrap_or(interface);
    let camel = camel_case(name);
    [interface, unversioned]
        .iter()
        .flat_map(|interface| [name, camel.as_str()].map(|name| host.find(interface, name)))
        .find_map(|found| found)
}
