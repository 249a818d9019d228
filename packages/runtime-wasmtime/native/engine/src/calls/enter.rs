//! Entering a guest: instantiating it and calling its functions, on the native stack or on a fiber.

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::calls::control::mark_handed_in;
use crate::calls::direct::{by_message, call_scalar, typed, with_message};
use crate::error::{EngineError, Result};
use crate::functions::{FunctionEntry, Live, Target};
use crate::module::{Linked, LoadedModule};
use crate::store::StoreData;
use crate::values::convert::{
    OutputMeter, ResourceSlots, check_output, hand_in, lift, lift_core, lower, lower_core, take_back, take_out,
};
use crate::values::lift::Answer;
use crate::values::lower::Arguments;
use crate::values::message_lower::MessageArguments;
use crate::values::value::{Results, Value, ValueType};

/// Runs the same steps on the native stack or, through fibers, as a future. One text for both keeps them alike.
macro_rules! call_steps {
    ($mode:ident, $store:ident, $live:ident, $function:ident, $args:ident, $resources:ident, $limit:expr, [$($await:tt)*]) => {{
        match ($live, &$function.target) {
            (Live::Core(instance), Target::Core(export)) => {
                let function = instance
                    .get_module_export(&mut *$store, export)
                    .and_then(wasmtime::Extern::into_func)
                    .ok_or_else(missing)?;
                if call_steps!(@on_stack $mode) && $function.direct {
                    return call_scalar(&function, $store, $args, $function);
                }
                let lower = |(value, (_, ty)): (&Value, &(String, ValueType))| lower_core(value, ty);
                let params = $args.iter().zip(&$function.params).map(lower).collect::<Result<Vec<_>>>()?;
                let mut results = vec![wasmtime::Val::I32(0); $function.results.len()];
                call_steps!(@call $mode, function, $store, &params, &mut results)$($await)*?;
                Ok(results.iter().map(lift_core).collect::<Result<_>>()?)
            }
            (Live::Component(instance), Target::Component(export)) if let ([Value::Message(bytes)], Some(plan)) = ($args, $function.message) => {
                let function = instance.get_func(&mut *$store, export).ok_or_else(missing)?;
                let arguments = MessageArguments(bytes);
                let results = if plan.result {
                    call_steps!(@typed $mode, (by_message(function)), $store, arguments)$($await)*?.0
                } else {
                    call_steps!(@typed $mode, (with_message(function)), $store, arguments)$($await)*?.0
                };
                check_output(&results, $limit)?;
                Ok(results)
            }
            (Live::Component(instance), Target::Component(export)) if $function.direct => {
                let function = typed(instance.get_func(&mut *$store, export).ok_or_else(missing)?);
                let handed = handed_in(&mut *$store, $args, $function, $resources)?;
                let args = handed.as_ref().map_or($args, |(args, _)| args.as_slice());
                let Answer(mut results) = call_steps!(@typed $mode, function, $store, Arguments(args))$($await)*?;
                if let Some((_, lent)) = handed {
                    take_back(&mut *$store, lent)?;
                }
                check_output(&results, $limit)?;
                taken_out(&mut *$store, &mut results, $function, $resources)?;
                Ok(results)
            }
            (Live::Component(instance), Target::Component(export)) => {
                let function = instance.get_func(&mut *$store, export).ok_or_else(missing)?;
                let handed = handed_in(&mut *$store, $args, $function, $resources)?;
                let args = handed.as_ref().map_or($args, |(args, _)| args.as_slice());
                let lower = |(value, (_, ty)): (&Value, &(String, ValueType))| lower(value, ty);
                let params = args.iter().zip(&$function.params).map(lower).collect::<Result<Vec<_>>>()?;
                let mut results = vec![wasmtime::component::Val::Bool(false); $function.results.len()];
                call_steps!(@call $mode, function, $store, &params, &mut results)$($await)*?;
                if let Some((_, lent)) = handed {
                    take_back(&mut *$store, lent)?;
                }
                let mut to = OutputMeter::new($limit);
                let lift = |(value, ty)| lift(value, ty, &mut to);
                let lifted = results.into_iter().zip(&$function.results).map(lift).collect::<Result<Results>>();
                let mut results = lifted?;
                taken_out(&mut *$store, &mut results, $function, $resources)?;
                Ok(results)
            }
            _ => Err(missing().into()),
        }
    }};
    (@on_stack sync) => { true };
    (@on_stack async) => { false };
    (@call sync, $function:ident, $store:ident, $params:expr, $results:expr) => { $function.call(&mut *$store, $params, $results) };
    (@call async, $function:ident, $store:ident, $params:expr, $results:expr) => { $function.call_async(&mut *$store, $params, $results) };
    (@typed sync, $function:tt, $store:ident, $params:expr) => { $function.call(&mut *$store, $params) };
    (@typed async, $function:tt, $store:ident, $params:expr) => { $function.call_async(&mut *$store, $params) };
}

/// See [`hand_in`]. `None`: there is nothing among the arguments that has to be.
fn handed_in(
    store: &mut Store<StoreData>,
    args: &[Value],
    function: &FunctionEntry,
    resources: &mut Option<&mut ResourceSlots>,
) -> Result<Option<(Vec<Value>, Vec<ResourceAny>)>> {
    let (true, Some(slots)) = (function.needs_instance, resources) else { return Ok(None) };
    let handed = hand_in(store, args, function.params.iter().map(|(_, ty)| ty), slots)?;
    mark_handed_in();
    Ok(Some(handed))
}

fn taken_out(
    store: &mut Store<StoreData>,
    results: &mut [Value],
    function: &FunctionEntry,
    resources: &mut Option<&mut ResourceSlots>,
) -> Result<()> {
    let (true, Some(slots)) = (function.needs_instance, resources) else { return Ok(()) };
    take_out(store, results, &function.results, slots)
}

fn missing() -> wasmtime::Error {
    wasmtime::Error::msg("export is missing from the instance")
}

/// Either the engine's own error, to be explained, or one that has its name already.
pub(crate) enum CallFailure {
    Engine(wasmtime::Error),
    Named(EngineError),
}

impl From<wasmtime::Error> for CallFailure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<EngineError> for CallFailure {
    fn from(error: EngineError) -> Self {
        Self::Named(error)
    }
}

pub(crate) fn call_on_stack(
    store: &mut Store<StoreData>,
    live: Live,
    function: &FunctionEntry,
    args: &[Value],
    resources: &mut Option<&mut ResourceSlots>,
    output_limit: u64,
) -> Result<Results, CallFailure> {
    call_steps!(sync, store, live, function, args, resources, output_limit, [])
}

pub(crate) async fn call_on_fiber(
    store: &mut Store<StoreData>,
    live: Live,
    function: &FunctionEntry,
    args: &[Value],
    resources: &mut Option<&mut ResourceSlots>,
    output_limit: u64,
) -> Result<Results, CallFailure> {
    call_steps!(async, store, live, function, args, resources, output_limit, [.await])
}

pub(crate) fn start_on_stack(module: &LoadedModule, store: &mut Store<StoreData>) -> wasmtime::Result<Live> {
    match module.linked_here.as_ref().or(module.linked.as_ref()) {
        Some(Linked::Core(pre)) => {
            let instance = pre.instantiate(&mut *store)?;
            if let Some(export) = &module.initialize
                && let Some(function) =
                    instance.get_module_export(&mut *store, export).and_then(wasmtime::Extern::into_func)
            {
                function.call(&mut *store, &[], &mut [])?;
            }
            Ok(Live::Core(instance))
        }
        Some(Linked::Component(pre)) => pre.instantiate(store).map(Live::Component),
        None => Err(wasmtime::Error::msg("module was released")),
    }
}

pub(crate) async fn start_on_fiber(module: &LoadedModule, store: &mut Store<StoreData>) -> wasmtime::Result<Live> {
    match module.linked.as_ref() {
        Some(Linked::Core(pre)) => {
            let instance = pre.instantiate_async(&mut *store).await?;
            if let Some(export) = &module.initialize
                && let Some(function) =
                    instance.get_module_export(&mut *store, export).and_then(wasmtime::Extern::into_func)
            {
                function.call_async(&mut *store, &[], &mut []).await?;
            }
            Ok(Live::Core(instance))
        }
        Some(Linked::Component(pre)) => pre.instantiate_async(store).await.map(Live::Component),
        None => Err(wasmtime::Error::msg("module was released")),
    }
}
