//! The compiling child: takes modules on its standard input, answers with code, and dies by the limits it has set for itself.

use std::collections::HashMap;
use std::io::{Error, Write};

use wasmtime::Engine;

use crate::compile::frames::{Answer, Hello, Job, answer_mac, read_frame, write_frame};
use crate::engines::compiling_engine;
use crate::error::bounded;
use crate::process;

/// Stacks of the compiling threads.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Answers jobs until the parent closes its end. For a process of its own, which does nothing else.
///
/// # Errors
/// Broken pipes; the parent sees the end of the process.
pub fn compile_worker() -> std::io::Result<()> {
    process::Standing::LONG.take();
    process::no_core_dump();
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let Some((hello, _)) = read_frame::<Hello>(&mut input)? else { return Ok(()) };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(hello.threads).stack_size(STACK_BYTES).build();
    let threads = threads.map_err(Error::other)?;
    let mut engines = HashMap::new();
    while let Some((job, module)) = read_frame::<Job>(&mut input)? {
        let code = compile(&hello, &threads, &mut engines, &job, &module);
        let (refused, code) = match code {
            Ok(code) => (None, code),
            Err(reason) => (Some(reason), Vec::new()),
        };
        let mac = answer_mac(&hello.key, &job, &module, &code).to_hex().to_string();
        write_frame(&mut output, &Answer { id: job.id, refused, mac }, &code)?;
    }
    output.flush()
}

fn compile(
    hello: &Hello,
    threads: &rayon::ThreadPool,
    engines: &mut HashMap<String, Engine>,
    job: &Job,
    module: &[u8],
) -> Result<Vec<u8>, String> {
    let engine = if let Some(engine) = engines.get(&job.profile) {
        engine.clone()
    } else {
        // An engine with a pool reserves address space, which is not what the limit is about.
        process::limit_memory(None);
        let engine = compiling_engine(&hello.options, &job.profile).map_err(|error| error.to_string())?;
        engines.insert(job.profile.clone(), engine.clone());
        engine
    };
    process::limit_memory(Some(hello.memory_bytes));
    process::limit_cpu_from_now(hello.cpu_ms);
    threads
        .install(
            || {
                if job.is_component { engine.precompile_component(module) } else { engine.precompile_module(module) }
            },
        )
        .map_err(|error| bounded(&format!("{error:#}"), 1_000))
}
