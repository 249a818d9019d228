//! Synchronous calls as JavaScript functions of their own. Node finds neither a receiver to check nor an array to read, which together cost
//! as much as the call of a small guest.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hotswap_engine::{
    EngineError, FunctionEntry, LoadedModule, OpenInstance, Result, Results, Value, call_sync, panic_error,
};

use crate::failure::throw_now;
use crate::from_js::read_passed;
use crate::handles::released;
use crate::js::{Callee, Js, Raw};
use crate::to_js::results;

/// Shared by a handle and the functions bound to it, so that disposing of the handle lets go at once.
pub(crate) type Held<T> = Rc<RefCell<Option<Arc<T>>>>;

/// Something that runs functions of one module on this thread.
pub(crate) trait Callable: 'static {
    /// For messages.
    const KIND: &'static str;
    fn module(&self) -> &LoadedModule;
    fn call_here(self: &Arc<Self>, index: usize, args: &[Value]) -> Result<Results>;
}

impl Callable for LoadedModule {
    const KIND: &'static str = "module";

    fn module(&self) -> &LoadedModule {
        self
    }

    fn call_here(self: &Arc<Self>, index: usize, args: &[Value]) -> Result<Results> {
        call_sync(self, index, args, 0)
    }
}

impl Callable for OpenInstance {
    const KIND: &'static str = "instance";

    fn module(&self) -> &LoadedModule {
        OpenInstance::module(self)
    }

    fn call_here(self: &Arc<Self>, index: usize, args: &[Value]) -> Result<Results> {
        self.call_sync(index, args, 0)
    }
}

/// One function of one module or instance.
pub(crate) struct BoundCall<T> {
    pub(crate) held: Held<T>,
    pub(crate) index: usize,
}

impl<T: Callable> Callee for BoundCall<T> {
    fn call(&self, js: Js, args: &[Raw]) -> Option<Raw> {
        let held = self.held.borrow().clone();
        let Some(target) = held else {
            return fail(js, &released(T::KIND), None);
        };
        let module = target.module();
        let function = match module.function(self.index) {
            Ok(function) => function,
            Err(error) => return fail(js, &error, None),
        };
        let outcome = read_passed(js, args, function, module.limits().max_input_bytes)
            .and_then(|args| target.call_here(self.index, &args));
        match outcome {
            Ok(values) => results(js, function, &values)
                .ok()
                .or_else(|| fail(js, &EngineError::internal("a value could not be handed to JavaScript"), None)),
            Err(error) => fail(js, &error, Some(function)),
        }
    }

    fn panicked(js: Js, panic: &(dyn std::any::Any + Send)) {
        fail(js, &panic_error(panic), None);
    }
}

pub(crate) fn fail(js: Js, error: &EngineError, function: Option<&FunctionEntry>) -> Option<Raw> {
    // When even that fails, the environment is ending and nobody hears it.
    let _ = throw_now(js, error, function);
    None
}
