//! Calls whose arguments JavaScript has written into memory, and whose results it reads there: one crossing instead of one for each field.
//! `values/message.rs` of the engine has the layout.

use std::sync::Arc;

use bytes::Bytes;
use hotswap_engine::{EngineError, ErrorCode, Result, Value};

use crate::bound_call::{Callable, Held, fail};
use crate::handles::released;
use crate::js::{Callee, Js, JsResult, Raw};
use crate::to_js::results;
use crate::typed_arrays::Element;

/// The head of a buffer that JavaScript wrote a message into.
///
/// # Errors
/// `INVALID_ARGUMENT`, `INPUT_LIMIT`.
pub(crate) fn read_message(js: Js, buffer: Raw, length: f64, max_bytes: u64) -> Result<Bytes> {
    let wrong = || EngineError::argument("message", "a Uint8Array and how much of it is the message");
    if !(length >= 0.0 && length.fract() == 0.0) {
        return Err(wrong());
    }
    if length > max_bytes as f64 {
        return Err(EngineError::new(
            ErrorCode::InputLimit,
            format!("The arguments are larger than {max_bytes} bytes"),
        )
        .with("limitBytes", max_bytes)
        .with("sizeBytes", length as u64));
    }
    js.head_of(buffer, length as usize).ok().flatten().ok_or_else(wrong)
}

/// One function of one module or instance, called with a buffer and the length of the message in it. Answers with the length of the
/// result's message in the same buffer, with a buffer of its own where it does not fit, or with a value that needs no message.
pub(crate) struct BoundMessages<T> {
    pub(crate) held: Held<T>,
    pub(crate) index: usize,
}

impl<T: Callable> Callee for BoundMessages<T> {
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
        let [buffer, length] = *args else {
            return fail(js, &EngineError::argument("args", "a buffer and a length"), None);
        };
        let outcome = read_message(js, buffer, js.number(length).unwrap_or(-1.0), module.limits().max_input_bytes)
            .and_then(|message| call(&target, self.index, message));
        let answer = match outcome {
            Ok(values) => match values.as_slice() {
                [Value::Message(message)] => hand_back(js, buffer, message),
                values => results(js, function, values),
            },
            Err(error) => return fail(js, &error, Some(function)),
        };
        answer.ok().or_else(|| fail(js, &EngineError::internal("a value could not be handed to JavaScript"), None))
    }

    fn panicked(js: Js, panic: &(dyn std::any::Any + Send)) {
        fail(js, &hotswap_engine::panic_error(panic), None);
    }
}

fn call<T: Callable>(target: &Arc<T>, index: usize, message: Bytes) -> Result<hotswap_engine::Results> {
    target.call_here(index, &[Value::Message(message)])
}

fn hand_back(js: Js, buffer: Raw, message: &Bytes) -> JsResult<Raw> {
    if js.overwrite(buffer, message)? {
        return js.new_number(message.len() as f64);
    }
    js.share_typed_array(Element::U8, message)
}
