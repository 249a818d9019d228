//! Functions about the process: start, health, gauges, the table of codes.

use hotswap_engine::{
    EngineError, ErrorCode, LoadOptions, Runtime, RuntimeOptions, bench_map as map_entry,
    compile_worker as compile_until_the_end, parse_options,
};
use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue};
use napi_derive::napi;
use serde_json::json;

use crate::failure::{refused, throw};
use crate::js::{Js, Raw};

pub(crate) fn unknown<'env>(env: &Env, value: Raw) -> Unknown<'env> {
    // SAFETY: the value was made in this environment and scope, by `Js`.
    unsafe { Unknown::from_raw_unchecked(env.raw(), value.0) }
}

pub(crate) fn raw(value: &Unknown<'_>) -> Raw {
    Raw(value.raw())
}

fn as_value<'env>(env: &'env Env, json: &serde_json::Value) -> napi::Result<Unknown<'env>> {
    Js::new(env.raw()).json(json).map(|value| unknown(env, value)).map_err(|_| refused(env))
}

/// See `binding.d.ts`.
#[napi(catch_unwind)]
pub fn initialize(env: &Env, options_json: Option<String>) -> napi::Result<Unknown<'_>> {
    let options = parse_options::<RuntimeOptions>("options", options_json.as_deref().unwrap_or(""));
    let (runtime, started) = options.and_then(Runtime::start).map_err(|error| throw(env, &error, None))?;
    let mut info = runtime.info_json();
    info["addonVersion"] = json!(env!("CARGO_PKG_VERSION"));
    info["started"] = json!(started);
    as_value(env, &info)
}

/// See `binding.d.ts`.
#[napi(catch_unwind)]
pub fn health(env: &Env) -> napi::Result<Unknown<'_>> {
    let answer = match Runtime::get().and_then(Runtime::health) {
        Ok(()) => json!({ "ok": true }),
        Err(error) => json!({ "ok": false, "code": error.code().as_str(), "message": error.message() }),
    };
    as_value(env, &answer)
}

/// See `binding.d.ts`.
#[napi(catch_unwind)]
pub fn runtime_stats(env: &Env) -> napi::Result<Unknown<'_>> {
    let runtime = Runtime::get().map_err(|error| throw(env, &error, None))?;
    as_value(env, &runtime.stats_json())
}

/// See `binding.d.ts`.
#[napi(catch_unwind)]
pub fn error_codes(env: &Env) -> napi::Result<Unknown<'_>> {
    let codes: Vec<_> =
        ErrorCode::ALL.iter().map(|code| json!({ "code": code.as_str(), "summary": code.summary() })).collect();
    as_value(env, &json!(codes))
}

/// See `binding.d.ts`.
#[napi(catch_unwind)]
pub fn compile_worker(env: &Env) -> napi::Result<()> {
    compile_until_the_end().map_err(|error| throw(env, &EngineError::internal(error), None))
}

/// See `binding.d.ts`.
#[napi(catch_unwind)]
pub fn bench_map(env: &Env, options_json: String, iterations: u32) -> napi::Result<Vec<f64>> {
    let measured = parse_options::<LoadOptions>("options", &options_json).and_then(|options| {
        let (Some(cache), Some(digest)) = (&options.cache, &options.digest) else {
            return Err(EngineError::argument("options", "a cache and a digest"));
        };
        map_entry(cache, digest, iterations)
    });
    measured.map_err(|error| throw(env, &error, None))
}
