//! Instances kept between calls: only where asked for, within bounds, and never after an error.

mod support;

use hotswap_engine::{ErrorCode, Runtime, Value};
use support::{Awaited, call_sync, code, eventually, values};

const COUNTER: &str = r#"(module
    (memory (export "m") 1)
    (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "trap") unreachable)
    (func (export "spin") (loop br 0)))"#;

fn next(node: &mut Awaited, module: &std::sync::Arc<hotswap_engine::LoadedModule>) -> Value {
    node.call(module, "next", vec![]).expect("answers").remove(0)
}

fn figure(module: &hotswap_engine::LoadedModule, name: &str) -> u64 {
    let stats: serde_json::Value = serde_json::from_str(&module.stats_json()).expect("JSON");
    stats[name].as_u64().unwrap_or_else(|| panic!("{name} in {stats}"))
}

#[test]
fn instances_are_kept_only_where_the_policy_says_so() {
    let mut node = Awaited::new();
    let fresh = node.load(COUNTER);
    assert_eq!((next(&mut node, &fresh), next(&mut node, &fresh)), (Value::I32(1), Value::I32(1)));
    let warm = node.load_with(COUNTER, r#"{"policy":{"runtime":{"reuse":{}}}}"#).expect("loads");
    assert_eq!((next(&mut node, &warm), next(&mut node, &warm)), (Value::I32(1), Value::I32(2)));
    // Calls on this thread share them.
    assert_eq!(call_sync(&warm, "next", &[]).expect("answers"), [Value::I32(3)]);
    assert_eq!(next(&mut node, &warm), Value::I32(4));
    assert_eq!((figure(&warm, "reusedInstances"), figure(&warm, "idleInstances")), (3, 1));
    // Another load of the same bytes is another module.
    let other = node.load_with(COUNTER, r#"{"policy":{"runtime":{"reuse":{}}}}"#).expect("loads");
    assert_eq!(next(&mut node, &other), Value::I32(1));
}

#[test]
fn an_instance_ends_with_its_first_error() {
    let mut node = Awaited::new();
    let policy = r#"{"policy":{"limits":{"timeoutMs":300,"syncTimeoutMs":30},"runtime":{"reuse":{}}}}"#;
    let warm = node.load_with(COUNTER, policy).expect("loads");
    for export in ["trap", "spin"] {
        assert_eq!((next(&mut node, &warm), next(&mut node, &warm)), (Value::I32(1), Value::I32(2)), "{export}");
        node.call(&warm, export, vec![]).expect_err("fails");
        assert_eq!(next(&mut node, &warm), Value::I32(1), "after {export}");
        assert_eq!(
            code(call_sync(&warm, export, &[])),
            if export == "trap" { ErrorCode::Trap } else { ErrorCode::Timeout }
        );
    }
    // A call that its caller gives up takes its guest with it.
    assert_eq!((next(&mut node, &warm), next(&mut node, &warm)), (Value::I32(1), Value::I32(2)));
    let call = node.start(&warm, "spin", vec![]);
    eventually("the call has the guest", || figure(&warm, "idleInstances") == 0);
    node.client.cancel(call);
    assert_eq!(code(values(node.wait(call))), ErrorCode::Cancelled);
    assert_eq!(next(&mut node, &warm), Value::I32(1));
}

#[test]
fn calls_idle_time_and_number_are_bounded() {
    let mut node = Awaited::new();
    let policy = r#"{"policy":{"runtime":{"reuse":{"maxCalls":3,"maxInstances":2,"maxIdleMs":100}}}}"#;
    let warm = node.load_with(COUNTER, policy).expect("loads");
    let seen: Vec<_> = (0..7).map(|_| next(&mut node, &warm)).collect();
    assert_eq!(seen, [1, 2, 3, 1, 2, 3, 1].map(Value::I32));
    let many: Vec<_> = (0..50).map(|_| node.start(&warm, "next", vec![])).collect();
    for call in many {
        values(node.wait(call)).expect("answers");
    }
    assert!(figure(&warm, "idleInstances") <= 2);
    eventually("idle instances are dropped", || figure(&warm, "idleInstances") == 0);
}

#[test]
fn limits_are_armed_anew_for_each_call() {
    let mut node = Awaited::new();
    let policy = r#"{"policy":{"limits":{"maxMemoryBytes":196608,"timeoutMs":400,"cpuMs":200},
        "runtime":{"fuel":5000,"reuse":{"maxCalls":100000}}}}"#;
    let warm = node.load_with(COUNTER, policy).expect("loads");
    for round in 1..=2_000 {
        assert_eq!(next(&mut node, &warm), Value::I32(round), "fuel and time of one call are enough for each");
    }
    // Memory adds up over calls, and its limit holds over all of them.
    let grown: Vec<_> = (0..3).map(|_| node.call(&warm, "grow", vec![]).expect("answers").remove(0)).collect();
    assert_eq!(grown, [1, 2, -1].map(Value::I32));
    assert_eq!(code(node.call(&warm, "spin", vec![])), ErrorCode::FuelExhausted);
}

#[test]
fn idle_instances_go_with_their_module() {
    let before = Runtime::get().expect("runs").stats_json()["guestMemoryBytes"].as_u64();
    let mut node = Awaited::new();
    let warm =
        node.load_with("(module (memory 700) (func (export \"next\")))", r#"{"policy":{"runtime":{"reuse":{}}}}"#);
    let warm = warm.expect("loads");
    node.call(&warm, "next", vec![]).expect("answers");
    assert_eq!(figure(&warm, "idleInstances"), 1);
    let held = || Runtime::get().expect("runs").stats_json()["guestMemoryBytes"].as_u64();
    assert!(held() >= Some(700 * 65_536));
    drop(warm);
    eventually("their memory is given back", || held() <= before.map(|bytes| bytes + 40 * 65_536));
}
