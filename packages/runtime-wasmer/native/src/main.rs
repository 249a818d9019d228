//! Wasmer behind HotSwap's child protocol: one request after the other on standard input, answers on standard output.

mod engine;
mod limits;
mod read_only;
mod traps;
mod wasi;

use std::process::ExitCode;

use hotswap_runtime_child::{Connection, limit_memory, serve};

fn main() -> ExitCode {
    if let Some(max_bytes) = std::env::args().nth(1).and_then(|text| text.parse().ok()) {
        limit_memory(max_bytes);
    }
    match Connection::take_over().and_then(|connection| serve(connection, engine::Wasmer)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hotswap-runtime-wasmer: {error}");
            ExitCode::FAILURE
        }
    }
}
