//! What HotSwap's HTTP is measured against where the `wasmtime` command is not installed: its own `serve` and `compile`
//! commands, out of the crate that the command is made from, with the same options.

use clap::Parser;
use wasmtime_cli::commands::{CompileCommand, ServeCommand};

#[derive(Parser)]
enum Baseline {
    /// Serves requests from a wasi-http component.
    Serve(ServeCommand),
    /// Compiles a component ahead of time.
    Compile(CompileCommand),
}

fn main() -> Result<(), impl std::fmt::Debug> {
    match Baseline::parse() {
        Baseline::Serve(command) => command.execute(),
        Baseline::Compile(command) => command.execute(),
    }
}
