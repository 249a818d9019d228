//! The loop: one request, one answer.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::capture::{Output, Stdio};
use crate::describe::{Description, check_features, describe};
use crate::engine::{Engine, Usage};
use crate::frame::{read_frame, write_frame};
use crate::left_behind::LeftBehind;
use crate::message::{Asked, Failure, Policy, Request, Reuse, Value, Wasi};
use crate::standard_streams::{Connection, has_input_within};

/// Names in a failure are there to help, not to list a library of thousands.
const MAX_NAMED_IMPORTS: usize = 20;

/// Says why this child cannot serve at all; the parent reads it in place of a greeting.
///
/// # Errors
/// When nobody reads any more.
pub fn refuse(connection: &mut Connection, failure: &Failure) -> io::Result<()> {
    write_frame(&mut connection.output, json!({ "failure": failure }).to_string().as_bytes(), &[])
}

/// Greets, then answers requests until the other side closes the stream.
///
/// # Errors
/// When the stream breaks or carries what is no request: the parent starts a fresh child.
pub fn serve<E: Engine>(mut connection: Connection, engine: E) -> io::Result<()> {
    connection.end_with_parent();
    let hello = serde_json::to_vec(&engine.hello())?;
    write_frame(&mut connection.output, &hello, &[])?;
    let left_behind = connection.left_behind;
    let server = Server { engine, modules: HashMap::new(), open: None, left_behind };
    server.listen(&mut connection.input, &mut connection.output)
}

struct Answer {
    outcome: Result<Json, Failure>,
    usage: Usage,
    output: Output,
}

impl Answer {
    fn new(outcome: Result<Json, Failure>, usage: Usage, stdio: &Stdio) -> Self {
        let output = stdio.take();
        let output = if outcome.is_ok() { output } else { output.heads() };
        Self { outcome, usage, output }
    }

    fn send(self, id: u64, to: &mut impl Write) -> io::Result<()> {
        let Self { outcome, usage, output } = self;
        let mut body = match outcome {
            Ok(ok) => json!({ "id": id, "ok": ok, "usage": usage }),
            Err(failure) => json!({ "id": id, "failure": failure, "usage": usage }),
        };
        if output.was_written() {
            body["output"] = json!({
                "stdoutBytes": output.stdout.len(),
                "stdoutDroppedBytes": output.stdout_dropped,
                "stderrDroppedBytes": output.stderr_dropped,
            });
        }
        write_frame(to, body.to_string().as_bytes(), &[&output.stdout, &output.stderr])
    }
}

impl From<Result<Json, Failure>> for Answer {
    fn from(outcome: Result<Json, Failure>) -> Self {
        Self { outcome, usage: Usage::default(), output: Output::default() }
    }
}

/// An instance that waits for its next call.
struct Kept<I> {
    instance: I,
    stdio: Stdio,
    calls: u64,
    until: Instant,
}

struct Loaded<E: Engine> {
    code: E::Module,
    description: Description,
    kept: Option<Kept<E::Instance>>,
}

/// The instance that is called again and again.
struct Open<I> {
    module: u32,
    instance: I,
    stdio: Stdio,
}

struct Server<E: Engine> {
    engine: E,
    modules: HashMap<u32, Loaded<E>>,
    open: Option<Open<E::Instance>>,
    left_behind: Option<LeftBehind>,
}

impl<E: Engine> Server<E> {
    fn listen(mut self, input: &mut File, output: &mut impl Write) -> io::Result<()> {
        loop {
            self.wait_for_request(input)?;
            let Some((text, attached)) = read_frame(input)? else { return Ok(()) };
            let Asked { id, request } = serde_json::from_slice(&text)?;
            let answer = self.answer(request, attached);
            // Before the answer: the next request must not find the words of this one.
            if let Some(page) = self.left_behind {
                page.clear();
            }
            answer.send(id, output)?;
        }
    }

    /// Waits until there is something to read; an instance whose idle time ends before that is dropped when it does.
    fn wait_for_request(&mut self, input: &File) -> io::Result<()> {
        while let Some(until) = self.modules.values().filter_map(|loaded| Some(loaded.kept.as_ref()?.until)).min() {
            if has_input_within(input, until.saturating_duration_since(Instant::now()))? {
                break;
            }
            self.drop_idle();
        }
        Ok(())
    }

    fn drop_idle(&mut self) {
        let now = Instant::now();
        for loaded in self.modules.values_mut() {
            loaded.kept.take_if(|kept| kept.until <= now);
        }
    }

    fn answer(&mut self, request: Request, attached: Vec<u8>) -> Answer {
        self.drop_idle();
        match request {
            Request::Inspect => describe(&attached).map(|description| json!(description)).into(),
            Request::Load { module, policy } => self.load(module, &policy, &attached).into(),
            Request::Start { module, wasi } => self.start(module, &wasi).into(),
            Request::Unload { module } => {
                self.modules.remove(&module);
                Ok(Json::Null).into()
            }
            Request::Call { module, export, args, wasi, reuse } => self.call(module, &export, &args, &wasi, reuse),
            Request::Run { module, wasi } => self.run(module, &wasi, attached),
            Request::Open { module, wasi } => self.open(module, &wasi).into(),
            Request::CallInstance { export, args, max_output_bytes } => {
                self.call_open(&export, &args, max_output_bytes)
            }
        }
    }

    fn load(&mut self, module: u32, policy: &Policy, bytes: &[u8]) -> Result<Json, Failure> {
        let description = describe(bytes)?;
        check_features(bytes, policy.simd)?;
        if description.initial_table_elements > policy.max_table_elements {
            return Err(Failure::new("TABLE_LIMIT")
                .with("requestedElements", description.initial_table_elements)
                .with("limitElements", policy.max_table_elements));
        }
        if description.initial_memory_bytes > policy.max_memory_bytes {
            return Err(Failure::new("MEMORY_LIMIT").with("limitBytes", policy.max_memory_bytes));
        }
        if !description.foreign_imports.is_empty() {
            let mut imports = description.foreign_imports;
            imports.truncate(MAX_NAMED_IMPORTS);
            return Err(Failure::new("LINK_FAILED").with("imports", imports));
        }
        let code = self.engine.compile(bytes, &description, policy)?;
        let loaded = Loaded { code, description, kept: None };
        let answer = json!(loaded.description);
        self.modules.insert(module, loaded);
        Ok(answer)
    }

    fn start(&mut self, module: u32, wasi: &Wasi) -> Result<Json, Failure> {
        let loaded = self.modules.get(&module).ok_or_else(unknown_module)?;
        fresh(&mut self.engine, loaded, wasi, &Stdio::new(Vec::new(), 0))?;
        Ok(Json::Null)
    }

    fn call(&mut self, module: u32, export: &str, args: &[Value], wasi: &Wasi, reuse: Option<Reuse>) -> Answer {
        let Self { engine, modules, left_behind, .. } = self;
        let Some(loaded) = modules.get_mut(&module) else { return Err(unknown_module()).into() };
        let kept = loaded.kept.take().filter(|kept| reuse.is_some_and(|reuse| kept.calls < reuse.max_calls));
        let (mut instance, stdio, calls) = match kept {
            Some(Kept { instance, stdio, calls, .. }) => {
                stdio.allow(wasi.max_output_bytes);
                (instance, stdio, calls)
            }
            None => {
                let stdio = Stdio::shared(Vec::new(), wasi.max_output_bytes, *left_behind);
                match fresh(engine, loaded, wasi, &stdio) {
                    Ok(instance) => (instance, stdio, 0),
                    Err(failure) => return Answer::new(Err(failure), Usage::default(), &stdio),
                }
            }
        };
        let outcome = call_export(engine, loaded, &mut instance, export, args);
        let usage = engine.usage(&mut instance);
        let answer = Answer::new(outcome, usage, &stdio);
        if let (Some(reuse), true) = (reuse, answer.outcome.is_ok()) {
            let until = Instant::now() + Duration::from_millis(reuse.max_idle_ms);
            loaded.kept = Some(Kept { instance, stdio, calls: calls + 1, until });
        }
        answer
    }

    fn run(&mut self, module: u32, wasi: &Wasi, stdin: Vec<u8>) -> Answer {
        let Self { engine, modules, left_behind, .. } = self;
        let Some(loaded) = modules.get_mut(&module) else { return Err(unknown_module()).into() };
        // A module has one instance at a time: its engine may count the memory of all of them against one limit.
        loaded.kept = None;
        let stdio = Stdio::shared(stdin, wasi.max_output_bytes, *left_behind);
        let mut instance = match fresh(engine, loaded, wasi, &stdio) {
            Ok(instance) => instance,
            Err(failure) => return Answer::new(Err(failure), Usage::default(), &stdio),
        };
        let exit_code = match call_export(engine, loaded, &mut instance, "_start", &[]) {
            Ok(_) => Ok(0),
            Err(failure) => failure.exit_code().ok_or(failure),
        };
        let usage = engine.usage(&mut instance);
        Answer::new(exit_code.map(|exit_code| json!({ "exitCode": exit_code })), usage, &stdio)
    }

    fn open(&mut self, module: u32, wasi: &Wasi) -> Result<Json, Failure> {
        let loaded = self.modules.get(&module).ok_or_else(unknown_module)?;
        // What it writes while it is opened is told with its first call.
        let stdio = Stdio::shared(Vec::new(), wasi.max_output_bytes, self.left_behind);
        let instance = fresh(&mut self.engine, loaded, wasi, &stdio)?;
        self.open = Some(Open { module, instance, stdio });
        Ok(Json::Null)
    }

    fn call_open(&mut self, export: &str, args: &[Value], max_output_bytes: usize) -> Answer {
        let Self { engine, modules, open, .. } = self;
        let Some((loaded, Open { instance, stdio, .. })) =
            open.as_mut().and_then(|open| Some((modules.get(&open.module)?, open)))
        else {
            return Err(unknown_module()).into();
        };
        stdio.allow(max_output_bytes);
        let outcome = call_export(engine, loaded, instance, export, args);
        let usage = engine.usage(instance);
        Answer::new(outcome, usage, stdio)
    }
}

fn unknown_module() -> Failure {
    Failure::new("INTERNAL").with("reason", "the child was asked for a module that it does not hold")
}

fn fresh<E: Engine>(engine: &mut E, loaded: &Loaded<E>, wasi: &Wasi, stdio: &Stdio) -> Result<E::Instance, Failure> {
    let mut instance = engine.instantiate(&loaded.code, wasi, stdio).map_err(at_start)?;
    if loaded.description.callable.get("_initialize").is_some_and(|(params, _)| params.is_empty()) {
        engine.refuel(&mut instance);
        engine.call(&mut instance, "_initialize", &[], &[]).map_err(at_start)?;
    }
    Ok(instance)
}

/// A guest that exits before anything was asked of it cannot be used.
fn at_start(failure: Failure) -> Failure {
    match failure.exit_code() {
        None => failure,
        Some(code) => Failure::new("START_FAILED")
            .with("reason", format!("it exited with status {code} while it was started"))
            .with("exitCode", code),
    }
}

fn call_export<E: Engine>(
    engine: &mut E,
    loaded: &Loaded<E>,
    instance: &mut E::Instance,
    export: &str,
    args: &[Value],
) -> Result<Json, Failure> {
    let Some((params, results)) = loaded.description.callable.get(export) else {
        return Err(Failure::new("UNKNOWN_EXPORT").with("export", export));
    };
    if !args.iter().map(|value| value.ty).eq(params.iter().copied()) {
        return Err(Failure::new("INVALID_ARGUMENT").with("path", "args").with("expected", format!("{params:?}")));
    }
    engine.refuel(instance);
    let values = engine.call(instance, export, args, results)?;
    Ok(json!({ "results": values }))
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, pipe};
    use std::os::fd::OwnedFd;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::message::{Hello, PROTOCOL_VERSION, ValueType};

    /// An engine whose instances count their calls, and tell the count when they are dropped.
    struct Counting {
        dropped: Sender<u64>,
    }

    struct Counter {
        calls: u64,
        dropped: Sender<u64>,
    }

    impl Drop for Counter {
        fn drop(&mut self) {
            let _ = self.dropped.send(self.calls);
        }
    }

    impl Engine for Counting {
        type Module = ();
        type Instance = Counter;

        fn hello(&self) -> Hello {
            let (engine, version) = ("counting".to_owned(), "1".to_owned());
            Hello { protocol: PROTOCOL_VERSION, engine, version, capabilities: json!({}) }
        }

        fn compile(&mut self, _: &[u8], _: &Description, _: &Policy) -> Result<(), Failure> {
            Ok(())
        }

        fn instantiate(&mut self, _: &(), _: &Wasi, _: &Stdio) -> Result<Counter, Failure> {
            Ok(Counter { calls: 0, dropped: self.dropped.clone() })
        }

        fn refuel(&mut self, _: &mut Counter) {}

        fn call(
            &mut self,
            counter: &mut Counter,
            _: &str,
            _: &[Value],
            _: &[ValueType],
        ) -> Result<Vec<Value>, Failure> {
            counter.calls += 1;
            Ok(vec![Value { ty: ValueType::I64, bits: counter.calls }])
        }

        fn usage(&mut self, _: &mut Counter) -> Usage {
            Usage::default()
        }
    }

    /// `(module (func (export "count") (result i64) (i64.const 0)))`
    const MODULE: &[u8] =
        b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7e\x03\x02\x01\0\x07\x09\x01\x05count\0\0\x0a\x06\x01\x04\0\x42\0\x0b";

    /// A server at work, asked and answering through pipes.
    struct Rig {
        requests: PipeWriter,
        answers: File,
        dropped: Receiver<u64>,
        asked: u64,
    }

    fn rig() -> Rig {
        let (tell, dropped) = channel();
        let (input, requests) = pipe().unwrap();
        let (answers, output) = pipe().unwrap();
        let (mut input, mut output) = (File::from(OwnedFd::from(input)), output);
        std::thread::spawn(move || {
            let engine = Counting { dropped: tell };
            Server { engine, modules: HashMap::new(), open: None, left_behind: None }.listen(&mut input, &mut output)
        });
        Rig { requests, answers: File::from(OwnedFd::from(answers)), dropped, asked: 0 }
    }

    impl Rig {
        fn ask(&mut self, mut request: Json, attached: &[u8]) -> Json {
            self.asked += 1;
            request["id"] = json!(self.asked);
            write_frame(&mut self.requests, request.to_string().as_bytes(), &[attached]).unwrap();
            let (text, _) = read_frame(&mut self.answers).unwrap().unwrap();
            let answer: Json = serde_json::from_slice(&text).unwrap();
            assert_eq!(answer["id"], request["id"]);
            answer
        }

        fn load(&mut self) {
            let policy = json!({ "maxMemoryBytes": 65_536, "maxTableElements": 1, "fuel": null, "simd": true });
            self.ask(json!({ "do": "load", "module": 1, "policy": policy }), MODULE);
        }

        fn call(&mut self, export: &str, reuse: Json) -> Json {
            let wasi = json!({ "args": [], "env": [], "dirs": [], "maxOutputBytes": 10 });
            let call = json!({ "do": "call", "module": 1, "export": export, "args": [], "wasi": wasi, "reuse": reuse });
            self.ask(call, &[])
        }
    }

    #[test]
    fn every_answer_carries_the_number_of_its_request() {
        let mut rig = rig();
        rig.load();
        rig.asked = 9_007_199_254_740_990;
        assert_eq!(rig.call("count", Json::Null)["ok"]["results"], json!([["i64", "1"]]));
        assert_eq!(rig.call("nothing", Json::Null)["failure"]["code"], "UNKNOWN_EXPORT");
    }

    #[test]
    fn a_request_without_a_number_ends_the_child() {
        let mut rig = rig();
        write_frame(&mut rig.requests, br#"{"do":"inspect"}"#, &[MODULE]).unwrap();
        assert_eq!(read_frame(&mut rig.answers).unwrap(), None);
    }

    #[test]
    fn an_instance_that_waits_for_a_call_is_dropped_before_its_module_is_run() {
        let mut rig = rig();
        rig.load();
        rig.call("count", json!({ "maxCalls": 10, "maxIdleMs": 600_000 }));
        let wasi = json!({ "args": [], "env": [], "dirs": [], "maxOutputBytes": 10 });
        rig.ask(json!({ "do": "run", "module": 1, "wasi": wasi }), &[]);
        assert_eq!(rig.dropped.try_iter().collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn an_instance_is_dropped_when_its_idle_time_is_over_though_nobody_asks_for_anything() {
        let mut rig = rig();
        rig.load();
        let patient = json!({ "maxCalls": 10, "maxIdleMs": 600_000 });
        rig.call("count", patient.clone());
        rig.call("count", patient);
        assert!(rig.dropped.try_recv().is_err());
        rig.call("count", json!({ "maxCalls": 10, "maxIdleMs": 50 }));
        assert_eq!(rig.dropped.recv_timeout(Duration::from_secs(60)), Ok(3));
        assert_eq!(rig.call("count", Json::Null)["ok"]["results"], json!([["i64", "1"]]));
    }
}
