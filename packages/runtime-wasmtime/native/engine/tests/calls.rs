//! Calls of core modules and components, WASI commands, cancellation, living instances.

mod support;

use std::time::Duration;

use bytes::Bytes;
use hotswap_engine::{CallSettings, Client, ErrorCode, Outcome, RunOptions, Value, parse_options};
use support::{Awaited, call_sync, code, eventually, values};

const STATE: &str = r#"(module (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
    (func (export "boom") unreachable)
    (func (export "spin") (loop br 0)))"#;

/// A command that writes its arguments' count of bytes of stdin back and exits with 7.
const COMMAND: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 100))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 7))))"#;

const SLEEPER: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))))"#;

const REVERSE: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next) (global.set $next (i32.add (global.get $next) (local.get 3))))
        (func (export "echo") (param i32 i32) (result i32)
            (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8))
        (func (export "bad") (result i32)
            (i32.store (i32.const 8) (i32.const 0)) (i32.store (i32.const 12) (i32.const 2))
            (i32.store8 (i32.const 0) (i32.const 255)) (i32.const 8))
        (func (export "div") (param i32 i32) (result i32)
            (if (i32.eqz (local.get 1)) (then (i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const 99)) (return (i32.const 16))))
            (i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.div_u (local.get 0) (local.get 1)))
            (i32.const 16)))
    (core instance $i (instantiate $m))
    (alias core export $i "memory" (core memory $mem))
    (alias core export $i "realloc" (core func $realloc))
    (func (export "echo") (param "text" string) (result string)
        (canon lift (core func $i "echo") (memory $mem) (realloc $realloc)))
    (func (export "echo-bytes") (param "bytes" (list u8)) (result (list u8))
        (canon lift (core func $i "echo") (memory $mem) (realloc $realloc)))
    (func (export "echo-numbers") (param "numbers" (list u32)) (result (list u32))
        (canon lift (core func $i "echo") (memory $mem) (realloc $realloc)))
    (func (export "bad-text") (result string) (canon lift (core func $i "bad") (memory $mem)))
    (func (export "div") (param "a" u32) (param "b" u32) (result (result u32 (error u32)))
        (canon lift (core func $i "div") (memory $mem))))"#;

#[test]
fn fresh_calls_share_no_state_and_living_instances_do() {
    let mut node = Awaited::new();
    let module = node.load(STATE);
    for _ in 0..3 {
        assert_eq!(node.call(&module, "next", vec![]).expect("answers"), [Value::I32(1)]);
        assert_eq!(call_sync(&module, "next", &[]).expect("answers"), [Value::I32(1)]);
    }
    let id = node.id();
    node.client.open(id, &module).expect("admitted");
    let Ok(Outcome::Instance(instance)) = node.wait(id).outcome else { panic!("opens") };
    let next = module.function_named("next").expect("exported");
    assert_eq!(instance.call_sync(next, &[], 0).expect("answers"), [Value::I32(1)]);
    let ids: Vec<_> = (0..10)
        .map(|_| {
            let id = node.id();
            node.client.call_instance(id, &instance, next, vec![], CallSettings::default()).expect("admitted");
            id
        })
        .collect();
    // In the order in which they were made.
    for (id, expected) in ids.into_iter().zip(2..) {
        assert_eq!(values(node.wait(id)).expect("answers"), [Value::I32(expected)]);
    }

    let boom = module.function_named("boom").expect("exported");
    assert_eq!(code(instance.call_sync(boom, &[], 0)), ErrorCode::Trap);
    assert_eq!(code(instance.call_sync(next, &[], 0)), ErrorCode::StaleHandle);
}

#[test]
fn cancelled_call_on_an_instance_ends_it() {
    let mut node = Awaited::new();
    let module = node.load(STATE);
    let id = node.id();
    node.client.open(id, &module).expect("admitted");
    let Ok(Outcome::Instance(instance)) = node.wait(id).outcome else { panic!("opens") };
    let spin = module.function_named("spin").expect("exported");
    let id = node.id();
    node.client.call_instance(id, &instance, spin, vec![], CallSettings::default()).expect("admitted");
    // Only a guest that has begun is spoilt by the cancellation.
    std::thread::sleep(Duration::from_millis(100));
    assert!(node.client.cancel(id));
    assert_eq!(code(values(node.wait(id))), ErrorCode::Cancelled);
    let next = module.function_named("next").expect("exported");
    eventually("the instance is stale", || !instance.alive());
    assert_eq!(code(instance.call_sync(next, &[], 0)), ErrorCode::StaleHandle);
}

#[test]
fn command_reads_and_writes_its_streams_and_exits() {
    let mut node = Awaited::new();
    let module = node.load(COMMAND);
    let id = node.id();
    let options = RunOptions::default();
    node.client.run(id, &module, Bytes::from_static(b"hello"), options, CallSettings::default()).expect("admitted");
    let Ok(Outcome::Command(status, output)) = node.wait(id).outcome else { panic!("runs") };
    assert_eq!((status, output.stdout.as_slice()), (7, b"hello".as_slice()));
    assert_eq!(code(call_sync(&module, "_start", &[])), ErrorCode::NotSynchronous);
}

#[test]
fn a_host_function_that_refuses_says_why_and_leaves_the_stack_to_the_details() {
    let mut node = Awaited::new();
    let module = node.load(&COMMAND.replace("(i32.const 7)", "(i32.const 255)"));
    let id = node.id();
    node.client.run(id, &module, Bytes::new(), RunOptions::default(), CallSettings::default()).expect("admitted");
    let (error, _) = node.wait(id).outcome.expect_err("refused");
    assert!(error.message().ends_with("what the guest did: exit with invalid exit status outside of [0..126)"));
    assert!(error.detail("frames").is_some_and(|frames| !frames.as_array().expect("a list").is_empty()));
}

#[test]
fn a_guest_that_sleeps_in_the_host_is_ended_by_timeout_and_by_cancel() {
    let mut node = Awaited::new();
    let module = node.load(SLEEPER);
    let run = |node: &mut Awaited, json: &str| {
        let id = node.id();
        let options = parse_options("options", json).expect("valid");
        node.client.run(id, &module, Bytes::new(), options, CallSettings::default()).expect("admitted");
        id
    };
    let id = run(&mut node, r#"{"timeoutMs":100}"#);
    assert_eq!(node.wait(id).outcome.expect_err("ends").0.code(), ErrorCode::Timeout);
    let id = run(&mut node, "");
    std::thread::sleep(Duration::from_millis(20));
    assert!(node.client.cancel(id));
    assert_eq!(node.wait(id).outcome.expect_err("ends").0.code(), ErrorCode::Cancelled);
    assert!(!node.client.cancel(id));
    eventually("nothing is in flight", || module.in_flight() == 0);
}

#[test]
fn component_values_cross_both_ways() {
    let mut node = Awaited::new();
    let module = node.load(REVERSE);
    assert!(module.pure() && module.is_component());
    let text = Value::String("grüße ✓".to_owned());
    let echoed = node.call(&module, "echo", vec![text.clone()]).expect("answers");
    assert_eq!(echoed, std::slice::from_ref(&text));
    assert_eq!(call_sync(&module, "echo", std::slice::from_ref(&text)).expect("answers"), [text]);
    let bytes = Value::Bytes(Bytes::from(vec![0, 255, 7]));
    assert_eq!(node.call(&module, "echo-bytes", vec![bytes.clone()]).expect("answers"), [bytes]);
    let numbers =
        Value::Numbers(hotswap_engine::NumberKind::U32, [1, 2, u32::MAX].map(u32::to_le_bytes).concat().into());
    // The guest echoes the element count, its memory the elements.
    assert_eq!(node.call(&module, "echo-numbers", vec![numbers.clone()]).expect("answers"), [numbers]);
    assert_eq!(node.call(&module, "div", vec![Value::U32(9), Value::U32(3)]).expect("ok"), [Value::U32(3)]);
    let error = node.call(&module, "div", vec![Value::U32(9), Value::U32(0)]).expect_err("err");
    assert_eq!((error.code(), error.payload()), (ErrorCode::GuestError, Some(&Value::U32(99))));
    let error = node.call(&module, "bad-text", vec![]).expect_err("refused");
    assert_eq!(error.detail("trap"), Some(&"host".into()));
}

#[test]
fn oversized_input_and_output_are_refused() {
    let mut node = Awaited::new();
    let limits = r#"{"policy":{"limits":{"maxInputBytes":1000,"maxOutputBytes":500}}}"#;
    let module = node.load_with(REVERSE, limits).expect("loads");
    let text = |length: usize| vec![Value::String("x".repeat(length))];
    assert_eq!(code(call_sync(&module, "echo", &text(2_000))), ErrorCode::InputLimit);
    assert_eq!(code(node.call(&module, "echo", text(800))), ErrorCode::OutputLimit);
    assert!(node.call(&module, "echo", text(400)).is_ok());
}

#[test]
fn missing_imports_are_named() {
    let error = Awaited::new().load_with(r#"(module (import "env" "nope" (func)))"#, "").expect_err("refused");
    assert_eq!(error.code(), ErrorCode::LinkFailed);
    assert_eq!(error.detail("imports"), Some(&serde_json::json!(["env::nope"])));
}

#[test]
fn closed_client_cancels_its_calls_and_refuses_more() {
    let mut node = Awaited::new();
    let module = node.load(STATE);
    let spinning = node.start(&module, "spin", vec![]);
    node.client.close();
    assert_eq!(code(values(node.wait(spinning))), ErrorCode::Cancelled);
    let id = node.id();
    let refused = node.client.call(id, &module, 0, vec![], CallSettings::default());
    assert_eq!(refused.expect_err("closed").code(), ErrorCode::Closed);
}

#[test]
fn a_client_dropped_with_calls_in_flight_leaves_nothing_behind() {
    let mut node = Awaited::new();
    let module = node.load(STATE);
    for _ in 0..50 {
        let client = Client::new(|| {}).expect("starts");
        for call in 0..20 {
            client.call(call, &module, 2, vec![], CallSettings::default()).expect("admitted");
        }
        drop(client);
    }
    eventually("no call is left", || module.in_flight() == 0);
}

#[test]
fn backtraces_name_the_guests_functions() {
    let text = r#"(module $guest (func $inner unreachable) (func $outer (export "run") (call $inner)))"#;
    let mut node = Awaited::new();
    let module = node.load(text);
    let error = node.call(&module, "run", vec![]).expect_err("traps");
    let frames = error.detail("frames").and_then(|frames| frames.as_array()).expect("frames");
    let names: Vec<_> = frames.iter().map(|frame| frame["functionName"].as_str().expect("named")).collect();
    assert_eq!(names, ["inner", "outer"]);
}
