//! Handles to modules and instances. They belong to one environment; what they point to is shared by id.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hotswap_engine::{
    EngineError, ErrorCode, FunctionEntry, LoadedModule, OpenInstance, Results, Runtime, Value, bench_fresh,
    bench_warm, call_sync,
};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::bound_call::{BoundCall, Callable, Held};
use crate::failure::{refused, throw};
use crate::from_js::read_args;
use crate::js::Js;
use crate::messages::BoundMessages;
use crate::process::{raw, unknown};
use crate::to_js::results;

pub(crate) fn released(kind: &str) -> EngineError {
    EngineError::new(ErrorCode::StaleHandle, format!("This {kind} handle was disposed of"))
        .with("kind", kind)
        .with("reason", "disposed")
}

/// Milliseconds from JavaScript.
pub(crate) fn milliseconds(value: f64, name: &str) -> hotswap_engine::Result<u64> {
    if value.is_finite() && value >= 0.0 {
        return Ok(value.ceil() as u64);
    }
    Err(EngineError::argument(name, "a number of milliseconds, 0 or more"))
}

/// A function that calls one export.
fn bind<'env, T: Callable>(env: &'env Env, held: &Held<T>, index: u32) -> napi::Result<Unknown<'env>> {
    let bound = BoundCall { held: held.clone(), index: index as usize };
    Js::new(env.raw()).new_function(bound).map(|function| unknown(env, function)).map_err(|_| refused(env))
}

/// A function that calls one export with messages.
fn bind_messages<'env, T: Callable>(env: &'env Env, held: &Held<T>, index: u32) -> napi::Result<Unknown<'env>> {
    let bound = BoundMessages { held: held.clone(), index: index as usize };
    Js::new(env.raw()).new_function(bound).map(|function| unknown(env, function)).map_err(|_| refused(env))
}

fn hand_over<'env>(
    env: &'env Env,
    function: Option<&FunctionEntry>,
    outcome: hotswap_engine::Result<Results>,
) -> napi::Result<Unknown<'env>> {
    let values = outcome.map_err(|error| throw(env, &error, function))?;
    let value = match function {
        Some(function) => results(Js::new(env.raw()), function, &values),
        None => Js::new(env.raw()).undefined(),
    };
    value.map(|value| unknown(env, value)).map_err(|_| refused(env))
}

/// See `binding.d.ts`.
#[napi]
pub struct ModuleHandle {
    module: Held<LoadedModule>,
}

impl ModuleHandle {
    pub(crate) fn new(module: Arc<LoadedModule>) -> Self {
        Self { module: Rc::new(RefCell::new(Some(module))) }
    }

    pub(crate) fn module(&self) -> hotswap_engine::Result<Arc<LoadedModule>> {
        self.module.borrow().clone().ok_or_else(|| released("module"))
    }

    fn get(&self, env: &Env) -> napi::Result<Arc<LoadedModule>> {
        self.module().map_err(|error| throw(env, &error, None))
    }

    fn read(&self, env: &Env, index: u32, args: &Unknown<'_>) -> napi::Result<(Arc<LoadedModule>, Vec<Value>)> {
        let module = self.get(env)?;
        let args = module
            .function(index as usize)
            .and_then(|function| read_args(Js::new(env.raw()), raw(args), function, module.limits().max_input_bytes))
            .map_err(|error| throw(env, &error, None))?;
        Ok((module, args))
    }
}

#[napi]
impl ModuleHandle {
    /// See `binding.d.ts`.
    #[napi(factory, catch_unwind)]
    pub fn attach(env: &Env, module_id: u32) -> napi::Result<Self> {
        let module = Runtime::get().and_then(|runtime| runtime.module(module_id));
        module.map(Self::new).map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(getter, catch_unwind)]
    pub fn id(&self, env: &Env) -> napi::Result<u32> {
        Ok(self.get(env)?.id())
    }

    /// See `binding.d.ts`.
    #[napi(getter, catch_unwind)]
    pub fn kind(&self, env: &Env) -> napi::Result<&'static str> {
        Ok(if self.get(env)?.is_component() { "component" } else { "core" })
    }

    /// See `binding.d.ts`.
    #[napi(getter, catch_unwind)]
    pub fn pure(&self, env: &Env) -> napi::Result<bool> {
        Ok(self.get(env)?.pure())
    }

    /// See `binding.d.ts`.
    #[napi(getter, catch_unwind)]
    pub fn in_flight(&self, env: &Env) -> napi::Result<u32> {
        Ok(self.get(env)?.in_flight() as u32)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn description_json(&self, env: &Env) -> napi::Result<String> {
        Ok(self.get(env)?.description_json().to_owned())
    }

    /// See `binding.d.ts`.
    #[napi(getter, catch_unwind)]
    pub fn digest(&self, env: &Env) -> napi::Result<String> {
        Ok(self.get(env)?.digest().to_owned())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn report_json(&self, env: &Env) -> napi::Result<String> {
        Ok(self.get(env)?.report_json().to_owned())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn functions_json(&self, env: &Env) -> napi::Result<String> {
        Ok(self.get(env)?.functions_json())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn stats_json(&self, env: &Env) -> napi::Result<String> {
        Ok(self.get(env)?.stats_json())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn export_index(&self, env: &Env, name: String) -> napi::Result<i32> {
        Ok(self.get(env)?.export_index(&name).map_or(-1, |index| index as i32))
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn call_sync<'env>(
        &self,
        env: &'env Env,
        export_index: u32,
        args: Unknown<'_>,
        timeout_ms: Option<f64>,
    ) -> napi::Result<Unknown<'env>> {
        let (module, args) = self.read(env, export_index, &args)?;
        let timeout = milliseconds(timeout_ms.unwrap_or(0.0), "timeoutMs").map_err(|error| throw(env, &error, None))?;
        let outcome = call_sync(&module, export_index as usize, &args, timeout);
        hand_over(env, module.function(export_index as usize).ok(), outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn bind_sync<'env>(&self, env: &'env Env, export_index: u32) -> napi::Result<Unknown<'env>> {
        bind(env, &self.module, export_index)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn bind_messages<'env>(&self, env: &'env Env, export_index: u32) -> napi::Result<Unknown<'env>> {
        bind_messages(env, &self.module, export_index)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn bench_fresh(&self, env: &Env, export_index: u32, args: Unknown<'_>, iterations: u32) -> napi::Result<f64> {
        let (module, args) = self.read(env, export_index, &args)?;
        bench_fresh(&module, export_index as usize, &args, iterations).map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn bench_warm(&self, env: &Env, export_index: u32, args: Unknown<'_>, iterations: u32) -> napi::Result<f64> {
        let (module, args) = self.read(env, export_index, &args)?;
        bench_warm(&module, export_index as usize, &args, iterations).map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.module.borrow_mut().take();
    }
}

/// See `binding.d.ts`.
#[napi]
pub struct InstanceHandle {
    id: u32,
    module_id: u32,
    synchronous: bool,
    instance: Held<OpenInstance>,
}

impl InstanceHandle {
    pub(crate) fn new(instance: Arc<OpenInstance>) -> Self {
        Self {
            id: instance.id(),
            module_id: instance.module().id(),
            synchronous: instance.module().pure(),
            instance: Rc::new(RefCell::new(Some(instance))),
        }
    }

    pub(crate) fn instance(&self) -> hotswap_engine::Result<Arc<OpenInstance>> {
        self.instance.borrow().clone().ok_or_else(|| released("instance"))
    }
}

#[napi]
impl InstanceHandle {
    /// See `binding.d.ts`.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// See `binding.d.ts`.
    #[napi(getter)]
    pub fn module_id(&self) -> u32 {
        self.module_id
    }

    /// See `binding.d.ts`.
    #[napi(getter)]
    pub fn synchronous(&self) -> bool {
        self.synchronous
    }

    /// See `binding.d.ts`.
    #[napi(getter, catch_unwind)]
    pub fn alive(&self) -> bool {
        self.instance.borrow().as_ref().is_some_and(|instance| instance.alive())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn call_sync<'env>(
        &self,
        env: &'env Env,
        export_index: u32,
        args: Unknown<'_>,
        timeout_ms: Option<f64>,
    ) -> napi::Result<Unknown<'env>> {
        let index = export_index as usize;
        let instance = self.instance().map_err(|error| throw(env, &error, None))?;
        let module = instance.module();
        let prepared = module.function(index).and_then(|function| {
            let args = read_args(Js::new(env.raw()), raw(&args), function, module.limits().max_input_bytes)?;
            Ok((args, milliseconds(timeout_ms.unwrap_or(0.0), "timeoutMs")?))
        });
        let (args, timeout) = prepared.map_err(|error| throw(env, &error, None))?;
        let outcome = instance.call_sync(index, &args, timeout);
        hand_over(env, module.function(index).ok(), outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn bind_sync<'env>(&self, env: &'env Env, export_index: u32) -> napi::Result<Unknown<'env>> {
        bind(env, &self.instance, export_index)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn bind_messages<'env>(&self, env: &'env Env, export_index: u32) -> napi::Result<Unknown<'env>> {
        bind_messages(env, &self.instance, export_index)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        if let Some(instance) = self.instance.borrow_mut().take() {
            instance.close();
        }
    }
}
