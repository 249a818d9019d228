//! Every limit holds, is named, and leaves the neighbour alone.

mod support;

use std::time::{Duration, Instant};

use hotswap_engine::{ErrorCode, Value};
use support::{Awaited, call_sync, code, eventually};

const LOOP: &str = r#"(module (func (export "run") (loop br 0)) (func (export "one") (result i32) i32.const 1))"#;

#[test]
fn endless_loop_ends_at_the_wall_clock_and_the_neighbour_answers() {
    let mut node = Awaited::new();
    let spinner = node.load_with(LOOP, r#"{"policy":{"limits":{"timeoutMs":200,"syncTimeoutMs":50}}}"#).expect("loads");
    let started = Instant::now();
    let spinning = node.start(&spinner, "run", vec![]);
    let neighbour = node.start(&spinner, "one", vec![]);
    assert_eq!(support::values(node.wait(neighbour)).expect("answers"), [Value::I32(1)]);
    let error = support::values(node.wait(spinning)).expect_err("ends");
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert!(started.elapsed() >= Duration::from_millis(199));
    assert_eq!(code(call_sync(&spinner, "run", &[])), ErrorCode::Timeout);
}

#[test]
fn cpu_limit_ends_a_computing_guest_before_the_wall_clock() {
    let mut node = Awaited::new();
    let spinner = node.load_with(LOOP, r#"{"policy":{"limits":{"timeoutMs":60000,"cpuMs":50}}}"#).expect("loads");
    let error = node.call(&spinner, "run", vec![]).expect_err("ends");
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert_eq!(error.detail("limit"), Some(&"cpuMs".into()));
}

#[test]
fn memory_is_summed_over_all_memories() {
    let text = r#"(module (memory $a (export "a") 1) (memory $b 1)
        (func (export "grow") (param i32) (result i32) (memory.grow $b (local.get 0)))
        (func (export "bomb") (if (i32.eq (memory.grow $a (i32.const 100)) (i32.const -1)) (then unreachable))))"#;
    let mut node = Awaited::new();
    // Eight pages for both together.
    let module = node.load_with(text, r#"{"policy":{"limits":{"maxMemoryBytes":524288}}}"#).expect("loads");
    assert_eq!(node.call(&module, "grow", vec![Value::I32(6)]).expect("fits"), [Value::I32(1)]);
    assert_eq!(node.call(&module, "grow", vec![Value::I32(7)]).expect("refused"), [Value::I32(-1)]);
    let error = node.call(&module, "bomb", vec![]).expect_err("aborts");
    assert_eq!(error.code(), ErrorCode::MemoryLimit);
    assert_eq!(error.detail("limitBytes"), Some(&524_288.into()));
}

#[test]
fn memory_table_and_instances_beyond_the_limit_fail_the_load_by_name() {
    let mut node = Awaited::new();
    let limits = r#"{"policy":{"limits":{"maxMemoryBytes":65536,"maxTableElements":10}}}"#;
    let memory = node.load_with("(module (memory 2))", limits).expect_err("refused");
    assert_eq!(memory.code(), ErrorCode::MemoryLimit);
    let table = node.load_with("(module (table 11 funcref))", limits).expect_err("refused");
    assert_eq!(table.code(), ErrorCode::TableLimit);
    let huge = node.load_with("(module (table 4000000000 funcref))", "").expect_err("refused");
    assert_eq!(huge.code(), ErrorCode::TableLimit);
}

#[test]
fn deep_recursion_is_a_trap_on_every_path() {
    let text = r#"(module (func $run (export "run") (call $run) (call $run)))"#;
    let mut node = Awaited::new();
    let module = node.load(text);
    for error in [call_sync(&module, "run", &[]), node.call(&module, "run", vec![])] {
        let error = error.expect_err("overflows");
        assert_eq!(error.code(), ErrorCode::Trap);
        assert_eq!(error.detail("trap"), Some(&"stack-overflow".into()));
    }
    // A thread with hardly any stack: the guest must run elsewhere.
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let ended = small.spawn(move || call_sync(&module, "run", &[])).expect("starts").join().expect("no crash");
    assert_eq!(code(ended), ErrorCode::Trap);
}

#[test]
fn trap_in_start_fails_the_load() {
    let error = Awaited::new().load_with("(module (func $s unreachable) (start $s))", "").expect_err("refused");
    assert_eq!(error.code(), ErrorCode::Trap);
    assert_eq!(error.detail("starting"), Some(&true.into()));
}

#[test]
fn endless_start_fails_the_load_in_time() {
    let limits = r#"{"policy":{"limits":{"timeoutMs":100}}}"#;
    let error = Awaited::new().load_with("(module (func $s (loop br 0)) (start $s))", limits).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::Timeout);
}

#[test]
fn queue_of_a_module_is_bounded() {
    let mut node = Awaited::new();
    let limits = r#"{"policy":{"limits":{"timeoutMs":200,"maxPendingCalls":2}}}"#;
    let spinner = node.load_with(LOOP, limits).expect("loads");
    let first = node.start(&spinner, "run", vec![]);
    let second = node.start(&spinner, "run", vec![]);
    let id = node.id();
    let refused = node.client.call(id, &spinner, 0, vec![], hotswap_engine::CallSettings::default());
    assert_eq!(refused.expect_err("full").code(), ErrorCode::QueueFull);
    node.wait(first);
    node.wait(second);
    eventually("the queue is free again", || spinner.in_flight() == 0);
    assert_eq!(node.call(&spinner, "one", vec![]).expect("admitted"), [Value::I32(1)]);
}

#[test]
fn shared_memory_and_wide_memory_are_refused_at_validation() {
    let mut node = Awaited::new();
    for text in ["(module (memory 1 2 shared))", "(module (memory i64 1))"] {
        assert_eq!(node.load_with(text, "").expect_err("refused").code(), ErrorCode::InvalidModule);
    }
}

#[test]
fn misspelt_limits_are_refused() {
    let error = hotswap_engine::parse_options::<hotswap_engine::LoadOptions>(
        "options",
        r#"{"policy":{"limits":{"maxMemory":1}}}"#,
    );
    assert_eq!(error.expect_err("refused").code(), ErrorCode::InvalidArgument);
}
