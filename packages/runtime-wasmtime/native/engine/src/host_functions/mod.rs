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
use crate::values::convert::each_resource;
use crate::values::message::host_message;
use crate::values::value::{ResourceKey, Value, ValueType, camel_case};

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
    /// Where the results go. Sending fails when the guest has gone: then the resources among them are the embedder's to give up. What
    /// was sent and never read is given up by [`HostFunctions::drop_resource`].
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

/// An answer on its way to a guest that may go before it comes.
struct Awaited<'a> {
    answer: oneshot::Receiver<Result<Vec<Value>>>,
    host: &'a Arc<dyn HostFunctions>,
    function: &'a HostSignature,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        // From here on it cannot be sent any more; what was sent before is in here, and nobody will read it.
        self.answer.close();
        if let Ok(Ok(mut values)) = self.answer.try_recv() {
            give_up(self.host, self.function, &mut values);
        }
    }
}

/// Gives up what no guest has come to hold of an answer.
fn give_up(host: &Arc<dyn HostFunctions>, function: &HostSignature, answer: &mut [Value]) {
    for (value, ty) in answer.iter_mut().zip(&function.results) {
        // Nothing here fails.
        let _ = each_resource(value, ty, &mut |value, _| {
            if let Value::Resource(ResourceKey { instance: ResourceKey::HOST, index, .. }) = value {
                host.drop_resource(*index);
            }
            Ok(())
        });
    }
}

async fn ask(
    host: &Arc<dyn HostFunctions>,
    function: &Arc<HostSignature>,
    args: Vec<Value>,
) -> wasmtime::Result<Vec<Value>> {
    let (answer, answered) = oneshot::channel();
    let mut awaited = Awaited { answer: answered, host, function };
    host.call(HostCall { function: function.clone(), args, answer });
    let gone = || {
        EngineError::new(ErrorCode::Closed, format!("The host function {} is gone: its owner has ended", function.name))
    };
    (&mut awaited.answer).await.unwrap_or_else(|_| Err(gone())).map_err(failed)
}

fn find(host: &Arc<dyn HostFunctions>, interface: &str, name: &str) -> Option<u32> {
    let unversioned = interface.split('@').next().unwrap_or(interface);
    let camel = camel_case(name);
    [interface, unversioned]
        .iter()
        .flat_map(|interface| [name, camel.as_str()].map(|name| host.find(interface, name)))
        .find_map(|found| found)
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// Notes what is given up, and answers nothing.
    #[derive(Default)]
    struct Shop {
        given_up: Mutex<Vec<u32>>,
    }

    impl HostFunctions for Shop {
        fn find(&self, _: &str, _: &str) -> Option<u32> {
            None
        }

        fn link(&self, _: &Arc<HostSignature>) {}

        fn call(&self, _: HostCall) {}

        fn call_here(&self, _: &Arc<HostSignature>, _: Vec<Value>) -> Result<Vec<Value>> {
            Ok(Vec::new())
        }

        fn drop_resource(&self, resource: u32) {
            self.given_up.lock().push(resource);
        }
    }

    fn thing(index: u32) -> Value {
        Value::Resource(ResourceKey { instance: ResourceKey::HOST, index, generation: 0 })
    }

    #[test]
    fn an_answer_that_was_sent_and_is_never_read_gives_up_its_resources() {
        let shop = Arc::new(Shop::default());
        let host: Arc<dyn HostFunctions> = shop.clone();
        let own = || ValueType::Own { resource: "thing".to_owned(), host: true };
        let result =
            ValueType::Result { ok: Some(Box::new(ValueType::Tuple { items: vec![own(), own()] })), err: None };
        let function = HostSignature::new(0, "shop#things".to_owned(), Vec::new(), vec![result]);
        let answer = || vec![Value::Case(0, Some(Box::new(Value::Fields(vec![thing(3), thing(4)]))))];

        let (sender, answer_of) = oneshot::channel();
        let awaited = Awaited { answer: answer_of, host: &host, function: &function };
        sender.send(Ok(answer())).expect("the guest waits");
        drop(awaited);
        assert_eq!(*shop.given_up.lock(), [3, 4]);

        let (sender, answer_of) = oneshot::channel();
        drop(Awaited { answer: answer_of, host: &host, function: &function });
        assert!(sender.send(Ok(answer())).is_err(), "whoever sends it too late has it still");

        let (sender, answer_of) = oneshot::channel();
        let mut awaited = Awaited { answer: answer_of, host: &host, function: &function };
        sender.send(Ok(answer())).expect("the guest waits");
        assert!(awaited.answer.try_recv().is_ok(), "it is read");
        drop(awaited);
        assert_eq!(*shop.given_up.lock(), [3, 4]);
    }
}
