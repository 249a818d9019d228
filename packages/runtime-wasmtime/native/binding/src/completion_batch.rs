//! Completions of calls as JavaScript gets them: one flat array for all that ended since the last turn of the event loop.

use hotswap_engine::{CallInfo, Completion, Outcome, Output};
use napi::bindgen_prelude::ToNapiValue;

use crate::failure::failure;
use crate::handles::{InstanceHandle, ModuleHandle};
use crate::js::{Js, JsResult, Raw, Refused};
use crate::to_js::results;
use crate::typed_arrays::Element;

/// Entries of one completion in the flat batch.
const STRIDE: u32 = 4;

/// Completions as `CompletionBatch` of `binding.d.ts`.
pub(crate) fn batch_of(js: Js, completions: &[Completion]) -> JsResult<Raw> {
    let batch = js.new_array(completions.len() * STRIDE as usize)?;
    let undefined = js.undefined()?;
    for (index, completion) in completions.iter().enumerate() {
        let at = index as u32 * STRIDE;
        js.set_element(batch, at, js.new_u32(completion.call)?)?;
        let (failed, value) = match &completion.outcome {
            Ok(outcome) => {
                if let Ok(value) = value_of(js, outcome) {
                    (undefined, value)
                } else {
                    // One unrepresentable result must not lose the others of the batch.
                    let error = hotswap_engine::EngineError::internal("the result could not be handed to JavaScript");
                    (failure(js, &error, None)?, undefined)
                }
            }
            Err((error, origin)) => {
                let function = origin.as_ref().and_then(|(module, index)| module.function(*index).ok());
                (failure(js, error, function)?, undefined)
            }
        };
        js.set_element(batch, at + 1, failed)?;
        js.set_element(batch, at + 2, value)?;
        let info = match &completion.info {
            Some(info) if completion.wants_info => info_object(js, info)?,
            Some(info) if completion.through_slot => js.new_u32(info.module)?,
            _ => undefined,
        };
        js.set_element(batch, at + 3, info)?;
    }
    Ok(batch)
}

fn value_of(js: Js, outcome: &Outcome) -> JsResult<Raw> {
    match outcome {
        Outcome::Nothing => js.undefined(),
        Outcome::Json(text) => js.new_string(text),
        Outcome::Values(module, index, values) => match module.function(*index) {
            Ok(function) => results(js, function, values),
            Err(_) => Err(Refused),
        },
        Outcome::Module(module) => instance_of(js, ModuleHandle::new(module.clone())),
        Outcome::Instance(instance) => instance_of(js, InstanceHandle::new(instance.clone())),
        Outcome::Command(status, output) => {
            let object = js.new_object()?;
            js.set(object, "exitCode", js.new_i32(*status)?)?;
            js.set(object, "stdout", js.new_typed_array(Element::U8, &output.stdout)?)?;
            js.set(object, "stderr", js.new_typed_array(Element::U8, &output.stderr)?)?;
            js.set(object, "stdoutDroppedBytes", js.new_number(output.stdout_dropped as f64)?)?;
            js.set(object, "stderrDroppedBytes", js.new_number(output.stderr_dropped as f64)?)?;
            Ok(object)
        }
        Outcome::Drained { finished, cut } => {
            let object = js.new_object()?;
            js.set(object, "finished", js.new_number(*finished as f64)?)?;
            js.set(object, "cut", js.new_number(*cut as f64)?)?;
            Ok(object)
        }
    }
}

/// Wraps a native object in its class.
fn instance_of<T: ToNapiValue>(js: Js, object: T) -> JsResult<Raw> {
    // SAFETY: the environment is the one of this scope.
    unsafe { T::to_napi_value(js.env(), object) }.map(Raw).map_err(|_| Refused)
}

fn info_object(js: Js, info: &CallInfo) -> JsResult<Raw> {
    let object = js.new_object()?;
    js.set(object, "moduleId", js.new_u32(info.module)?)?;
    js.set(object, "queueNs", js.new_number(info.meter.queue.as_nanos() as f64)?)?;
    js.set(object, "instantiateNs", js.new_number(info.meter.instantiate.as_nanos() as f64)?)?;
    js.set(object, "invokeNs", js.new_number(info.meter.invoke.as_nanos() as f64)?)?;
    js.set(object, "memoryPeakBytes", js.new_number(info.meter.memory_peak_bytes as f64)?)?;
    if let Some(fuel) = info.meter.fuel_used {
        js.set(object, "fuelUsed", js.new_number(fuel as f64)?)?;
    }
    if !info.meter.throttled.is_zero() {
        js.set(object, "throttledNs", js.new_number(info.meter.throttled.as_nanos() as f64)?)?;
    }
    let Output { stdout, stderr, stdout_dropped, stderr_dropped } = &info.output;
    for (name, dropped_name, bytes, dropped) in [
        ("stdout", "stdoutDroppedBytes", stdout, stdout_dropped),
        ("stderr", "stderrDroppedBytes", stderr, stderr_dropped),
    ] {
        if !bytes.is_empty() || *dropped > 0 {
            js.set(object, name, js.new_typed_array(Element::U8, bytes)?)?;
            js.set(object, dropped_name, js.new_number(*dropped as f64)?)?;
        }
    }
    Ok(object)
}
