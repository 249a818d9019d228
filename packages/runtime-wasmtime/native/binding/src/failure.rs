//! Engine errors as JavaScript sees them: thrown, or inside a completion.

use hotswap_engine::{EngineError, ErrorCode, FunctionEntry};
use napi::{Env, Status};

use crate::js::{Js, JsResult, Raw};
use crate::to_js::error_payload;

/// Adds `detailsJson` and `payload` where there are any.
fn decorate(js: Js, object: Raw, error: &EngineError, function: Option<&FunctionEntry>) -> JsResult<()> {
    if let Some(details) = error.details_json() {
        js.set(object, "detailsJson", js.new_string(&details)?)?;
    }
    if error.code() == ErrorCode::GuestError
        && let Some(function) = function
    {
        js.set(object, "payload", error_payload(js, function, error.payload())?)?;
    }
    Ok(())
}

/// A `NativeFailure`.
pub(crate) fn failure(js: Js, error: &EngineError, function: Option<&FunctionEntry>) -> JsResult<Raw> {
    let object = js.new_object()?;
    js.set(object, "code", js.new_string(error.code().as_str())?)?;
    js.set(object, "message", js.new_string(error.message())?)?;
    decorate(js, object, error, function)?;
    Ok(object)
}

/// Throws, and returns the error that tells napi so.
pub(crate) fn throw(env: &Env, error: &EngineError, function: Option<&FunctionEntry>) -> napi::Error {
    let thrown = throw_now(Js::new(env.raw()), error, function);
    let status = if thrown.is_ok() { Status::PendingException } else { Status::GenericFailure };
    napi::Error::new(status, error.to_string())
}

/// Leaves the error pending, unless there is one already.
pub(crate) fn throw_now(js: Js, error: &EngineError, function: Option<&FunctionEntry>) -> JsResult<()> {
    if js.exception_pending() {
        return Ok(());
    }
    let object = js.new_error(error.code().as_str(), error.message())?;
    decorate(js, object, error, function)?;
    js.throw(object)
}

/// A call into JavaScript failed; nothing of ours is wrong unless it says so.
pub(crate) fn refused(env: &Env) -> napi::Error {
    throw(env, &EngineError::internal("a value could not be handed to JavaScript"), None)
}
