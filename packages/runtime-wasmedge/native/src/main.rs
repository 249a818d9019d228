//! WasmEdge behind HotSwap's child protocol: one request after the other on standard input, answers on standard output.

mod api;
mod engine;
mod find_library;
mod handles;
mod log;
mod streams;
mod traps;

use std::io;
use std::process::ExitCode;

use hotswap_runtime_child::{Connection, limit_memory, refuse, serve};

fn main() -> ExitCode {
    if let Some(max_bytes) = std::env::args().nth(1).and_then(|text| text.parse().ok()) {
        limit_memory(max_bytes);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hotswap-runtime-wasmedge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut connection = Connection::take_over()?;
    match find_library::open() {
        Ok((api, version)) => serve(connection, engine::WasmEdge::new(api, version)?),
        Err(failure) => refuse(&mut connection, &failure),
    }
}
