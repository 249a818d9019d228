//! Waits by WASI 0.3: for clocks, for several at once, for input; and misbehaves while it does.

#[allow(missing_docs, reason = "generated from the WIT, which carries the documentation")]
mod bindings {
    wit_bindgen::generate!({ world: "async-lab", path: "wit", generate_all });
}

use std::cell::Cell;

use bindings::exports::wasi::cli::run::Guest as Run;
use bindings::wasi::cli::{environment, exit, stderr, stdin, stdout};
use bindings::wasi::clocks::monotonic_clock::{now, wait_for};
use bindings::{Guest, Person, wit_stream};
use futures::future::join_all;
use wit_bindgen::{StreamReader, StreamResult, spawn_local};

const MILLISECOND: u64 = 1_000_000;
const PAGE_BYTES: usize = 64 * 1024;

struct AsyncLab;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

async fn pause(milliseconds: u32) {
    wait_for(u64::from(milliseconds) * MILLISECOND).await;
}

fn since(start: u64) -> u32 {
    u32::try_from((now() - start) / MILLISECOND).unwrap_or(u32::MAX)
}

impl Guest for AsyncLab {
    async fn add(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    fn add_now(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    async fn grow_older(people: Vec<Person>, years: u32) -> Vec<Person> {
        pause(1).await;
        people.into_iter().map(|Person { name, age }| Person { name, age: age + years }).collect()
    }

    async fn divide(a: u32, b: u32) -> Result<u32, String> {
        pause(1).await;
        a.checked_div(b).ok_or_else(|| format!("{a} cannot be divided by 0"))
    }

    async fn wait(milliseconds: u32) -> u32 {
        let start = now();
        pause(milliseconds).await;
        since(start)
    }

    async fn wait_for_all(milliseconds: Vec<u32>) -> u32 {
        let start = now();
        join_all(milliseconds.into_iter().map(pause)).await;
        since(start)
    }

    async fn misbehave(how: String, after_milliseconds: u32) -> u32 {
        pause(after_milliseconds).await;
        match how.as_str() {
            "trap" => core::arch::wasm32::unreachable(),
            "spin" => loop {
                core::hint::black_box(0);
            },
            "grow" => {
                let mut pages = 0;
                while core::arch::wasm32::memory_grow::<0>(1) != usize::MAX {
                    pages += 1;
                }
                // What cannot be had is asked for once more, as an allocator would.
                let more = vec![1_u8; 16 * PAGE_BYTES];
                pages + u32::from(more[0])
            }
            _ => 0,
        }
    }

    async fn never() {
        loop {
            pause(1).await;
        }
    }

    async fn count() -> u32 {
        pause(1).await;
        CALLS.set(CALLS.get() + 1);
        CALLS.get()
    }

    async fn numbers(up_to: u32) -> StreamReader<u32> {
        let (mut writer, reader) = wit_stream::new();
        spawn_local(async move {
            writer.write_all((0..up_to).collect()).await;
        });
        reader
    }

    async fn health_check() -> String {
        pause(1).await;
        "OK".to_owned()
    }
}

impl Run for AsyncLab {
    async fn run() -> Result<(), ()> {
        let (mut output, to_stdout) = wit_stream::new();
        let (mut complaints, to_stderr) = wit_stream::new();
        let copying = async move {
            let (mut input, ended) = stdin::read_via_stream();
            let mut buffer = Vec::with_capacity(4_096);
            loop {
                let (state, bytes) = input.read(buffer).await;
                let capitals = bytes.iter().map(u8::to_ascii_uppercase).collect();
                if !output.write_all(capitals).await.is_empty() || matches!(state, StreamResult::Dropped) {
                    break;
                }
                buffer = bytes;
                buffer.clear();
            }
            drop(output);
            drop(input);
            ended.await
        };
        let complaining = async move {
            let text = environment::get_arguments().join(" ");
            let rest = complaints.write_all(text.into_bytes()).await;
            drop(complaints);
            rest.is_empty()
        };
        let (copied, complained, written, shown) = futures::join!(
            copying,
            complaining,
            stdout::write_via_stream(to_stdout).into_future(),
            stderr::write_via_stream(to_stderr).into_future(),
        );
        let variables = environment::get_environment();
        let status = variables.iter().find(|(name, _)| name == "STATUS").and_then(|(_, value)| value.parse().ok());
        if let Some(status) = status {
            exit::exit_with_code(status);
        }
        if copied.is_ok() && complained && written.is_ok() && shown.is_ok() { Ok(()) } else { Err(()) }
    }
}

bindings::export!(AsyncLab with_types_in bindings);
