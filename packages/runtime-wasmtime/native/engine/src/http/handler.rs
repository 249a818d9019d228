//! Core modules that handle HTTP themselves, without WASI. The ABI:
//!
//! - `hotswap_alloc(length: i32) -> i32`: room for that many bytes in the exported memory `memory`; 0 when there is none.
//! - `hotswap_http_handle(address: i32, length: i32) -> i64`: takes a request, returns an answer, its address in the upper 32 bits and its
//!   length in the lower.
//!
//! Both are messages of HTTP/1.1 as text: a first line (`GET /path?query HTTP/1.1`, `HTTP/1.1 200 OK`), headers, an empty line, the body.
//! Lines of a request end with CR LF; of an answer LF is enough. A request has a `host` and, if it has a body, a `content-length`; bodies are
//! whole and have no transfer coding. Every request gets a fresh instance; the module's `_initialize`, if it has one, ran before.

use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use wasmtime::{Instance, Memory, Store};

use crate::calls::enter::start_on_fiber;
use crate::calls::invoke::{explained, prepare, read_meters};
use crate::deadline::Deadline;
use crate::error::{EngineError, ErrorCode, Result};
use crate::functions::Live;
use crate::module::LoadedModule;
use crate::stats::CallMeter;
use crate::store::StoreData;
use crate::trap::output_limit;

pub(crate) const HANDLE: &str = "hotswap_http_handle";
pub(crate) const ALLOC: &str = "hotswap_alloc";
pub(crate) const MEMORY: &str = "memory";

/// The request as its handler reads it.
pub(crate) fn message(request: &Parts, authority: &str, body: &[u8]) -> Vec<u8> {
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut out = Vec::with_capacity(256 + body.len());
    out.extend_from_slice(format!("{} {path} HTTP/1.1\r\nhost: {authority}\r\n", request.method).as_bytes());
    for (name, value) in &request.headers {
        if !matches!(name.as_str(), "host" | "connection" | "content-length" | "transfer-encoding" | "te" | "upgrade") {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    if !body.is_empty() {
        out.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// Hands the message to a fresh instance and takes its answer.
pub(crate) async fn handle(
    module: &LoadedModule,
    message: &[u8],
    deadline: Deadline,
    meter: &mut CallMeter,
) -> Result<Bytes> {
    let cpu_ms = module.limits().cpu_ms.unwrap_or(module.limits().timeout_ms);
    let started = Instant::now();
    let mut store = prepare(module, cpu_ms, Some(deadline), None)?;
    let live = start_on_fiber(module, &mut store).await;
    let begun = Instant::now();
    meter.instantiate = begun - started;
    let (outcome, starting) = match live {
        Err(error) => (Err(error), true),
        Ok(Live::Core(instance)) => {
            (exchange(&mut store, instance, message, module.limits().max_output_bytes).await, false)
        }
        Ok(Live::Component(_)) => (Err(missing(HANDLE)), false),
    };
    meter.invoke = begun.elapsed();
    read_meters(meter, module, &store);
    match outcome {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error),
        Err(error) => Err(explained(&error, module, store.data(), started, ("cpuMs", cpu_ms), starting)),
    }
}

fn missing(export: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the module does not export {export} as the ABI has it"))
}

async fn exchange(
    store: &mut Store<StoreData>,
    instance: Instance,
    message: &[u8],
    max_bytes: u64,
) -> wasmtime::Result<Result<Bytes>> {
    let alloc = instance.get_typed_func::<i32, i32>(&mut *store, ALLOC)?;
    let handle = instance.get_typed_func::<(i32, i32), i64>(&mut *store, HANDLE)?;
    let memory: Memory = instance.get_memory(&mut *store, MEMORY).ok_or_else(|| missing(MEMORY))?;
    let Ok(length) = i32::try_from(message.len()) else { return Ok(Err(no_room(message.len()))) };
    let address = alloc.call_async(&mut *store, length).await?;
    if address == 0 || memory.write(&mut *store, address as u32 as usize, message).is_err() {
        return Ok(Err(no_room(message.len())));
    }
    let answer = handle.call_async(&mut *store, (address, length)).await? as u64;
    let (address, length) = ((answer >> 32) as usize, answer as u32 as usize);
    if length as u64 > max_bytes {
        return Ok(Err(output_limit(max_bytes, Some(length))));
    }
    let bytes = memory.data(&*store).get(address..address.saturating_add(length));
    Ok(bytes.map(Bytes::copy_from_slice).ok_or_else(|| no_message("it lies outside of the memory")))
}

fn no_room(size: usize) -> EngineError {
    EngineError::new(ErrorCode::MemoryLimit, format!("{ALLOC} found no room for a request of {size} bytes"))
        .with("requestedBytes", size)
}

/// What came back is no answer.
pub(crate) fn no_message(why: &str) -> EngineError {
    EngineError::new(ErrorCode::Trap, format!("What the module answered is no HTTP message: {why}"))
        .with("trap", "host")
}
