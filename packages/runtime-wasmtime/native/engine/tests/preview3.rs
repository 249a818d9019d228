//! WASI 0.3 and asynchronous functions, behind their option: calls that wait, for several things at once, and their ends.
#![cfg(feature = "wasi03")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hotswap_engine::{
    CallSettings, EngineError, ErrorCode, HostCall, HostFunctions, HostSignature, LoadedModule, Outcome, RunOptions,
    Value, parse_options,
};
use support::http::{guest, load};
use support::{Awaited, call_sync, code, eventually, options, values, wasm};

const ON: &str = r#"{"experimental":["preview3"]}"#;

/// An asynchronous function without any WASI: answers, then ends.
const PURE: &str = r#"(component
    (core module $code
        (import "" "answer" (func $answer (param i32)))
        (func (export "double") (param i32) (result i32)
            (call $answer (i32.mul (local.get 0) (i32.const 2)))
            (i32.const 0))
        (func (export "resumed") (param i32 i32 i32) (result i32) unreachable))
    (core func $answer (canon task.return (result u32)))
    (core instance $instance (instantiate $code (with "" (instance (export "answer" (func $answer))))))
    (func (export "double") async (param "n" u32) (result u32)
        (canon lift (core func $instance "double") async (callback (core func $instance "resumed")))))"#;

/// Asks the embedder twice, by a function that is itself asynchronous.
const ASKS: &str = r#"(component
    (import "later" (func $later async (param "n" u32) (result u32)))
    (core func $later (canon lower (func $later)))
    (core module $code
        (import "" "answer" (func $answer (param i32)))
        (import "" "later" (func $later (param i32) (result i32)))
        (func (export "ask") (param i32) (result i32)
            (call $answer (call $later (call $later (local.get 0))))
            (i32.const 0))
        (func (export "resumed") (param i32 i32 i32) (result i32) unreachable))
    (core func $answer (canon task.return (result u32)))
    (core instance $instance (instantiate $code
        (with "" (instance (export "answer" (func $answer)) (export "later" (func $later))))))
    (func (export "ask") async (param "n" u32) (result u32)
        (canon lift (core func $instance "ask") async (callback (core func $instance "resumed")))))"#;

/// Answers a moment later with one more than it was asked for; 100 is too many.
struct Later;

impl HostFunctions for Later {
    fn find(&self, interface: &str, name: &str) -> Option<u32> {
        ((interface, name) == ("$root", "later")).then_some(7)
    }

    fn link(&self, function: &Arc<HostSignature>) {
        assert!(function.is_async && function.index == 7, "{function:?}");
    }

    fn call(&self, call: HostCall) {
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            let [Value::U32(n)] = call.args[..] else { panic!("a number: {:?}", call.args) };
            let answer = if n < 100 {
                Ok(vec![Value::U32(n + 1)])
            } else {
                Err(EngineError::new(ErrorCode::GuestError, "too many"))
            };
            let _ = call.answer.send(answer);
        });
    }

    fn call_here(&self, _: &Arc<HostSignature>, _: Vec<Value>) -> Result<Vec<Value>, EngineError> {
        unreachable!("no call of such a guest is synchronous")
    }

    fn drop_resource(&self, _: u32) {}
}

#[test]
fn asynchronous_imports_are_satisfied_by_the_embedder() {
    let mut node = Awaited::new();
    let id = node.id();
    node.client.load_with(id, Some(wasm(ASKS).into()), options(ON), Some(Arc::new(Later))).expect("admitted");
    let Ok(Outcome::Module(module)) = node.wait(id).outcome else { panic!("loads") };
    assert_eq!(node.call(&module, "ask", vec![Value::U32(1)]).expect("answers"), [Value::U32(3)]);
    let calls: Vec<_> = (0..20).map(|n| node.start(&module, "ask", vec![Value::U32(n)])).collect();
    for (n, call) in (0..20).zip(calls) {
        assert_eq!(values(node.wait(call)).expect("answers"), [Value::U32(n + 2)]);
    }
    let error = node.call(&module, "ask", vec![Value::U32(100)]).expect_err("the host says no");
    assert_eq!((error.code(), error.detail("trap")), (ErrorCode::Trap, Some(&"host".into())));
}

fn with_limits(limits: &str) -> String {
    format!(r#"{{"experimental":["preview3"],"policy":{{"limits":{limits}}}}}"#)
}

fn lab(node: &mut Awaited, json: &str) -> Arc<LoadedModule> {
    load(node, guest("async-lab-1.0.0"), json)
}

fn report(module: &LoadedModule, name: &str) -> String {
    let report: serde_json::Value = serde_json::from_str(module.report_json()).expect("JSON");
    report[name].as_str().expect("text").to_owned()
}

fn person(name: &str, age: u32) -> Value {
    Value::Fields(vec![Value::String(name.into()), Value::U32(age)])
}

#[test]
fn what_needs_it_is_refused_by_name_without_the_option() {
    let mut node = Awaited::new();
    let id = node.id();
    node.client.load(id, Some(guest("async-lab-1.0.0").into()), options("")).expect("admitted");
    let Err((error, _)) = node.wait(id).outcome else { panic!("refused") };
    let pure = node.load_with(PURE, "").expect_err("refused");
    for error in [error, pure] {
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.message().contains("`experimental: ['preview3']`"), "{error}");
    }
    let misspelt = parse_options::<hotswap_engine::LoadOptions>("o", r#"{"experimental":["preview4"]}"#);
    assert_eq!(misspelt.expect_err("refused").code(), ErrorCode::InvalidArgument);
}

#[test]
fn it_is_described_whether_or_not_it_may_run() {
    let description = hotswap_engine::inspect(&guest("async-lab-1.0.0"), 1_000_000).expect("described");
    assert_eq!((description.wasi, description.role), ("preview3", "command"));
    let text = serde_json::to_string(&description).expect("JSON");
    assert!(text.contains(r#""name":"wait-for-all","params":[{"name":"milliseconds""#), "{text}");
    assert!(description.wit.expect("a world").contains("export add: async func(a: u32, b: u32) -> u32;"));
}

#[test]
fn asynchronous_functions_are_called_as_others_are() {
    let mut node = Awaited::new();
    let module = lab(&mut node, ON);
    assert_eq!(report(&module, "profile"), "concurrent");
    let add = vec![Value::U32(2), Value::U32(40)];
    assert_eq!(node.call(&module, "add", add.clone()).expect("answers"), [Value::U32(42)]);
    assert_eq!(node.call(&module, "add-now", add).expect("answers"), [Value::U32(42)]);
    let people = vec![person("Ada", 36), person("Linus", 20)];
    assert_eq!(
        node.call(&module, "grow-older", vec![Value::List(people), Value::U32(1)]).expect("answers"),
        [Value::List(vec![person("Ada", 37), person("Linus", 21)])]
    );
    assert_eq!(node.call(&module, "divide", vec![Value::U32(6), Value::U32(3)]).expect("answers"), [Value::U32(2)]);
    let error = node.call(&module, "divide", vec![Value::U32(6), Value::U32(0)]).expect_err("the guest's own error");
    assert_eq!(error.code(), ErrorCode::GuestError);
    assert_eq!(error.payload(), Some(&Value::String("6 cannot be divided by 0".into())));

    let pure = node.load_with(PURE, ON).expect("loads");
    assert_eq!(node.call(&pure, "double", vec![Value::U32(21)]).expect("answers"), [Value::U32(42)]);
    assert!(pure.functions_json().contains(r#""async":true"#), "{}", pure.functions_json());
}

#[test]
fn each_call_has_an_instance_of_its_own_and_an_open_one_keeps_its_state() {
    let mut node = Awaited::new();
    let module = lab(&mut node, ON);
    for _ in 0..2 {
        assert_eq!(node.call(&module, "count", vec![]).expect("answers"), [Value::U32(1)]);
    }
    let id = node.id();
    node.client.open(id, &module).expect("admitted");
    let Ok(Outcome::Instance(instance)) = node.wait(id).outcome else { panic!("opens") };
    let index = module.function_named("count").expect("exported");
    for count in 1..=3 {
        let id = node.id();
        node.client.call_instance(id, &instance, index, vec![], CallSettings::default()).expect("admitted");
        assert_eq!(values(node.wait(id)).expect("answers"), [Value::U32(count)]);
    }
    let kept = lab(&mut node, r#"{"experimental":["preview3"],"policy":{"runtime":{"reuse":{"maxInstances":1}}}}"#);
    for count in 1..=3 {
        assert_eq!(node.call(&kept, "count", vec![]).expect("answers"), [Value::U32(count)]);
    }
}

#[test]
fn a_guest_waits_for_several_things_at_once() {
    let mut node = Awaited::new();
    let module = lab(&mut node, ON);
    let waits = Value::List(vec![Value::U32(200); 20]);
    let answer = node.call(&module, "wait-for-all", vec![waits]).expect("answers");
    let [Value::U32(took)] = answer[..] else { panic!("a number: {answer:?}") };
    // One after the other they would take 4 s.
    assert!((200..3_000).contains(&took), "{took} ms");
}

#[test]
fn what_cannot_cross_the_public_boundary_is_refused_before_it_runs() {
    let mut node = Awaited::new();
    let module = lab(&mut node, ON);
    let id = node.id();
    let index = module.function_named("numbers").expect("exported");
    let error =
        node.client.call(id, &module, index, vec![Value::U32(3)], CallSettings::default()).expect_err("refused");
    assert_eq!((error.code(), error.detail("feature")), (ErrorCode::Unsupported, Some(&"stream".into())));
    let error = call_sync(&module, "add", &[Value::U32(1), Value::U32(1)]).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::NotSynchronous);
    let pure = node.load_with(PURE, ON).expect("loads");
    assert_eq!(code(call_sync(&pure, "double", &[Value::U32(1)])), ErrorCode::NotSynchronous);
}

fn misbehave(node: &mut Awaited, module: &Arc<LoadedModule>, how: &str) -> hotswap_engine::EngineError {
    node.call(module, "misbehave", vec![Value::String(how.into()), Value::U32(5)]).expect_err("ends badly")
}

#[test]
fn limits_hold_after_a_wait_too() {
    let mut node = Awaited::new();
    let module = lab(&mut node, &with_limits(r#"{"timeoutMs":10000,"cpuMs":50,"maxMemoryBytes":8388608}"#));
    let error = misbehave(&mut node, &module, "spin");
    assert_eq!((error.code(), error.detail("limit")), (ErrorCode::Timeout, Some(&"cpuMs".into())));
    let error = misbehave(&mut node, &module, "grow");
    assert_eq!((error.code(), error.detail("limitBytes")), (ErrorCode::MemoryLimit, Some(&8_388_608.into())));
    let error = misbehave(&mut node, &module, "trap");
    assert_eq!((error.code(), error.detail("trap")), (ErrorCode::Trap, Some(&"unreachable".into())));
    assert_eq!(node.call(&module, "count", vec![]).expect("the next call is well"), [Value::U32(1)]);
}

#[test]
fn the_wall_clock_ends_calls_that_wait_and_calls_that_compute() {
    let mut node = Awaited::new();
    let module = lab(&mut node, &with_limits(r#"{"timeoutMs":100}"#));
    for (function, args) in [("wait", vec![Value::U32(3_600_000)]), ("never", vec![])] {
        let begun = Instant::now();
        let error = node.call(&module, function, args).expect_err("out of time");
        assert_eq!((error.code(), error.detail("limit")), (ErrorCode::Timeout, Some(&"timeoutMs".into())), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(misbehave(&mut node, &module, "spin").code(), ErrorCode::Timeout);
    eventually("nothing is left behind", || module.in_flight() == 0);
}

#[test]
fn fuel_is_counted_on_an_engine_of_its_own() {
    let mut node = Awaited::new();
    let module = lab(
        &mut node,
        r#"{"experimental":["preview3"],"policy":{"runtime":{"fuel":2000000},"limits":{"cpuMs":5000}}}"#,
    );
    assert_eq!(report(&module, "profile"), "concurrent-metered");
    assert_eq!(node.call(&module, "count", vec![]).expect("answers"), [Value::U32(1)]);
    assert_eq!(misbehave(&mut node, &module, "spin").code(), ErrorCode::FuelExhausted);
}

#[test]
fn a_call_that_waits_is_cancelled_by_its_caller_and_by_a_drain() {
    let mut node = Awaited::new();
    let module = lab(&mut node, &with_limits(r#"{"timeoutMs":600000}"#));
    let call = node.start(&module, "wait", vec![Value::U32(3_600_000)]);
    assert!(node.client.cancel(call));
    assert_eq!(values(node.wait(call)).expect_err("cancelled").detail("by"), Some(&"caller".into()));

    let (quick, slow) = (node.start(&module, "wait", vec![Value::U32(100)]), node.start(&module, "never", vec![]));
    let drain = node.id();
    node.client.drain_module(drain, &module, Duration::from_secs(2)).expect("admitted");
    let Ok(Outcome::Drained { finished, cut }) = node.wait(drain).outcome else { panic!("drains") };
    assert_eq!((finished, cut), (1, 1));
    assert!(values(node.wait(quick)).is_ok());
    assert_eq!(values(node.wait(slow)).expect_err("cut").detail("by"), Some(&"drain".into()));
}

fn run(node: &mut Awaited, module: &Arc<LoadedModule>, stdin: &[u8], json: &str) -> (i32, String, String) {
    let options: RunOptions = parse_options("run", json).expect("the test's own options");
    let id = node.id();
    node.client.run(id, module, Bytes::copy_from_slice(stdin), options, CallSettings::default()).expect("admitted");
    match node.wait(id).outcome {
        Ok(Outcome::Command(status, output)) => {
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
            (status, text(output.stdout), text(output.stderr))
        }
        other => panic!("not a command: {other:?}"),
    }
}

#[test]
fn commands_have_arguments_environment_streams_and_a_status() {
    let mut node = Awaited::new();
    let module = lab(&mut node, ON);
    let (status, stdout, stderr) = run(&mut node, &module, b"shout it", r#"{"args":["one","two"]}"#);
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (0, "SHOUT IT", "module one two"));
    let (status, stdout, _) = run(&mut node, &module, b"and out", r#"{"env":{"STATUS":"42"}}"#);
    assert_eq!((status, stdout.as_str()), (42, "AND OUT"));
    let long = "0123456789abcdef".repeat(2_000);
    let (status, stdout, _) = run(&mut node, &module, long.as_bytes(), "");
    assert_eq!((status, stdout == long.to_uppercase()), (0, true));
}

#[test]
fn compiled_code_of_the_two_engines_is_never_mixed() {
    let folder = tempfile::tempdir().expect("a folder");
    let cached = |on: bool, digest: &str| {
        let cache = format!(
            r#""digest":"{digest}","cache":{{"directory":{:?},"keyHex":"{}"}}"#,
            folder.path().join("cache"),
            "07".repeat(32)
        );
        if on { format!(r#"{{"experimental":["preview3"],{cache}}}"#) } else { format!("{{{cache}}}") }
    };
    let plain = r#"(component (core module $m (func (export "run") (result i32) i32.const 42))
        (core instance $i (instantiate $m)) (func (export "run") (result s32) (canon lift (core func $i "run"))))"#;
    let mut node = Awaited::new();
    for (on, state) in [(true, "miss"), (true, "hit"), (false, "hit")] {
        let module = node.load_with(plain, &cached(on, "sha256:plain")).expect("loads");
        assert_eq!(
            (report(&module, "cache").as_str(), report(&module, "profile").starts_with("concurrent")),
            (state, false)
        );
        assert_eq!(call_sync(&module, "run", &[]).expect("answers"), [Value::I32(42)]);
    }
    for state in ["miss", "hit"] {
        let module = node.load_with(PURE, &cached(true, "sha256:pure")).expect("loads");
        assert_eq!((report(&module, "cache").as_str(), report(&module, "profile").as_str()), (state, "concurrent"));
        assert_eq!(node.call(&module, "double", vec![Value::U32(4)]).expect("answers"), [Value::U32(8)]);
    }
    // Switched off again, the code that is there is not used.
    assert_eq!(
        node.load_with(PURE, &cached(false, "sha256:pure")).expect_err("refused").code(),
        ErrorCode::Unsupported
    );
    assert!(Path::new(&folder.path().join("cache")).is_dir());
}
