//! Stateful modules: one living instance, its state on the way into the next version, and what modules report.

mod support;

use std::sync::Arc;
use std::time::Duration;

use hotswap_engine::{Assignment, EngineError, ErrorCode, LoadedModule, Outcome, SlotTable, Value};
use support::{Awaited, values};

const STATEFUL: &str = r#"{"policy":{"runtime":{"stateful":true},"limits":{"timeoutMs":300,"maxStateBytes":1000}}}"#;

/// Keeps a sum; `step` is what the version adds to each number, `save` and `load` are bodies of the two functions.
fn core(step: i32, save: &str, load: &str) -> String {
    format!(
        r#"(module
  (memory (export "memory") 2)
  (global $sum (mut i32) (i32.const 0))
  (func (export "add") (param i32) (result i32)
    (global.set $sum (i32.add (global.get $sum) (i32.add (local.get 0) (i32.const {step}))))
    (global.get $sum))
  (func (export "trap") unreachable)
  (func (export "spin") (loop br 0))
  (func (export "hotswap_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "hotswap_state_save") (result i64) {save})
  (func (export "hotswap_state_load") (param i32 i32) (result i32) {load}))"#
    )
}

const SAVE: &str = "(i32.store (i32.const 16) (global.get $sum)) (i64.const 0x1000000004)";
const LOAD: &str = "(if (i32.ne (local.get 1) (i32.const 4)) (then (return (i32.const 7)))) \
                    (global.set $sum (i32.load (local.get 0))) (i32.const 0)";

fn version(node: &mut Awaited, step: i32, save: &str, load: &str) -> Arc<LoadedModule> {
    node.load_with(&core(step, save, load), STATEFUL).expect("loads")
}

fn add(node: &mut Awaited, module: &Arc<LoadedModule>, number: i32) -> i32 {
    match node.call(module, "add", vec![Value::I32(number)]).expect("adds").as_slice() {
        [Value::I32(sum)] => *sum,
        other => panic!("not a sum: {other:?}"),
    }
}

fn hand_over(node: &mut Awaited, from: &Arc<LoadedModule>, to: &Arc<LoadedModule>) -> Result<(), EngineError> {
    let id = node.id();
    node.client.hand_over(id, from, to, Duration::from_secs(5)).expect("admitted");
    match node.wait(id).outcome {
        Ok(Outcome::Nothing) => Ok(()),
        Ok(other) => panic!("not an end: {other:?}"),
        Err((error, _)) => Err(error),
    }
}

fn stats(module: &LoadedModule) -> serde_json::Value {
    serde_json::from_str(&module.stats_json()).expect("JSON")
}

#[test]
fn a_stateful_module_keeps_its_instance_until_it_traps() {
    let mut node = Awaited::new();
    let module = version(&mut node, 0, SAVE, LOAD);
    assert_eq!((add(&mut node, &module, 1), add(&mut node, &module, 2)), (1, 3));
    assert_eq!(node.call(&module, "trap", vec![]).expect_err("traps").code(), ErrorCode::Trap);
    assert_eq!(add(&mut node, &module, 5), 5);
    assert_eq!(node.call(&module, "spin", vec![]).expect_err("endless").code(), ErrorCode::Timeout);
    assert_eq!(add(&mut node, &module, 5), 5);
    assert_eq!(stats(&module)["state"]["lost"], 2);
    let error = support::call_sync(&module, "add", &[Value::I32(1)]).expect_err("cannot wait");
    assert_eq!(error.code(), ErrorCode::NotSynchronous);
}

#[test]
fn state_moves_to_the_next_version_and_back() {
    let mut node = Awaited::new();
    let (one, two) = (version(&mut node, 0, SAVE, LOAD), version(&mut node, 100, SAVE, LOAD));
    add(&mut node, &one, 5);
    hand_over(&mut node, &one, &two).expect("moves");
    assert_eq!(add(&mut node, &two, 1), 106);
    assert_eq!(add(&mut node, &one, 1), 207, "calls follow the state");
    let error = hand_over(&mut node, &one, &two).expect_err("it is not here");
    assert_eq!((error.code(), error.detail("stage")), (ErrorCode::StateRefused, Some(&"check".into())));
    hand_over(&mut node, &two, &one).expect("moves back");
    assert_eq!((add(&mut node, &one, 1), add(&mut node, &two, 1)), (208, 209));
    assert_eq!(stats(&one)["state"]["handedOver"], 1);
}

#[test]
fn a_version_without_calls_so_far_hands_over_nothing() {
    let mut node = Awaited::new();
    let (one, two) = (version(&mut node, 0, SAVE, LOAD), version(&mut node, 0, SAVE, "unreachable"));
    hand_over(&mut node, &one, &two).expect("nothing to move");
    assert_eq!(add(&mut node, &two, 2), 2);
}

#[test]
fn a_refused_hand_over_leaves_the_old_version_as_it_was() {
    let mut node = Awaited::new();
    let one = version(&mut node, 0, SAVE, LOAD);
    let mut sum = add(&mut node, &one, 5);
    for (load, stage, reason) in [
        ("(i32.const 3)", "load", "answered 3"),
        ("unreachable", "load", "unreachable"),
        ("(loop br 0) (i32.const 0)", "load", "did not finish"),
    ] {
        let two = version(&mut node, 0, SAVE, load);
        let error = hand_over(&mut node, &one, &two).expect_err(load);
        assert_eq!((error.code(), error.detail("stage")), (ErrorCode::StateRefused, Some(&stage.into())), "{error}");
        assert!(error.message().contains(reason), "{error}");
        sum += 1;
        assert_eq!(add(&mut node, &one, 1), sum, "after {load}");
        assert_eq!(add(&mut node, &two, 1), 1, "the other version has its own state");
    }
    let plain = node.load(&core(0, SAVE, LOAD));
    let silent = node.load_with(r#"(module (memory (export "memory") 1))"#, STATEFUL).expect("loads");
    let starts_badly = node
        .load_with(
            &core(0, SAVE, LOAD).replace("(memory", "(start 0) (func unreachable) (memory"),
            &STATEFUL.replace(r#"{"policy""#, r#"{"probe":false,"policy""#),
        )
        .expect("loads without a probe");
    for (other, stage) in [(&plain, "check"), (&silent, "check"), (&starts_badly, "start"), (&one.clone(), "check")] {
        let error = hand_over(&mut node, &one, other).expect_err("refused");
        assert_eq!((error.code(), error.detail("stage")), (ErrorCode::StateRefused, Some(&stage.into())), "{error}");
    }
    assert_eq!(add(&mut node, &one, 1), sum + 1);
    assert_eq!(stats(&one)["state"], serde_json::json!({ "lost": 0, "handedOver": 0 }));
}

#[test]
fn a_state_that_is_too_large_or_nowhere_stays_where_it_is() {
    let mut node = Awaited::new();
    let two = version(&mut node, 0, SAVE, LOAD);
    for (save, stage) in [("(i64.const 0x00000010000003e9)", "size"), ("(i64.const 0x00100000000000ff)", "save")] {
        let one = version(&mut node, 0, save, LOAD);
        add(&mut node, &one, 5);
        let error = hand_over(&mut node, &one, &two).expect_err(save);
        assert_eq!((error.code(), error.detail("stage")), (ErrorCode::StateRefused, Some(&stage.into())), "{error}");
        assert_eq!(add(&mut node, &one, 1), 6);
    }
}

#[test]
fn a_save_that_traps_loses_the_instance_like_any_trap_and_says_so() {
    let mut node = Awaited::new();
    let (one, two) = (version(&mut node, 0, "unreachable", LOAD), version(&mut node, 0, SAVE, LOAD));
    add(&mut node, &one, 5);
    let error = hand_over(&mut node, &one, &two).expect_err("traps");
    assert_eq!((error.code(), error.detail("stateLost")), (ErrorCode::StateRefused, Some(&true.into())));
    assert_eq!((add(&mut node, &one, 1), stats(&one)["state"]["lost"].as_u64()), (1, Some(1)));
}

#[test]
fn no_call_is_lost_or_counted_twice_while_the_state_moves() {
    let mut node = Awaited::new();
    let versions: Vec<_> = (0..4).map(|_| version(&mut node, 0, SAVE, LOAD)).collect();
    let slots = SlotTable::create().expect("starts");
    let only = |module: &LoadedModule| -> Assignment {
        serde_json::from_str(&format!(r#"{{"current":{}}}"#, module.id())).expect("an assignment")
    };
    slots.set("app", &only(&versions[0])).expect("set");
    let mut calls = Vec::new();
    for round in 1..=20 {
        for _ in 0..50 {
            let module = slots.choose("app", None, None).expect("chosen");
            calls.push(node.start(&module, "add", vec![Value::I32(1)]));
        }
        let (from, to) = (&versions[(round - 1) % 4], &versions[round % 4]);
        hand_over(&mut node, from, to).expect("moves");
        slots.set("app", &only(to)).expect("set");
    }
    let mut sums: Vec<_> = calls
        .into_iter()
        .map(|call| match values(node.wait(call)).expect("answers").as_slice() {
            [Value::I32(sum)] => *sum,
            other => panic!("not a sum: {other:?}"),
        })
        .collect();
    sums.sort_unstable();
    assert!(sums.into_iter().eq(1..=1_000));
}

#[test]
fn modules_with_a_living_instance_are_released() {
    let mut node = Awaited::new();
    let (one, two) = (version(&mut node, 0, SAVE, LOAD), version(&mut node, 0, SAVE, LOAD));
    add(&mut node, &one, 1);
    hand_over(&mut node, &one, &two).expect("moves");
    let gone = [Arc::downgrade(&one), Arc::downgrade(&two)];
    drop((one, two));
    support::eventually("both are gone", || gone.iter().all(|weak| weak.upgrade().is_none()));
}

#[test]
fn calls_can_go_back_to_a_version_that_the_next_one_refuses_to_serve() {
    let mut node = Awaited::new();
    for (save, lost) in [("(i64.const 0x00100000000000ff)", None), ("unreachable", Some(&true.into()))] {
        let (one, two) = (version(&mut node, 0, SAVE, LOAD), version(&mut node, 100, save, LOAD));
        add(&mut node, &one, 5);
        hand_over(&mut node, &one, &two).expect("moves");
        assert_eq!(add(&mut node, &one, 1), 106);
        let error = hand_over(&mut node, &two, &one).expect_err("cannot save");
        assert_eq!((error.code(), error.detail("stateLost")), (ErrorCode::StateRefused, lost));
        assert_eq!(add(&mut node, &one, 1), 6, "with what it had when calls left it");
    }
}

/// The same in a component, which also reports how often it added.
fn component(step: i32, refuse: bool) -> String {
    let status = i32::from(refuse);
    format!(
        r#"(component
  (import "hotswap:module/metrics@0.1.0" (instance $metrics
    (export "counter" (func (param "name" string) (param "value" u64) (param "labels" (list (tuple string string)))))
    (export "gauge" (func (param "name" string) (param "value" f64) (param "labels" (list (tuple string string)))))))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 512) "addskindtestold")
    (data (i32.const 600) "\04\02\00\00\04\00\00\00\08\02\00\00\04\00\00\00"))
  (core instance $memory (instantiate $memory))
  (core func $counter (canon lower (func $metrics "counter") (memory (core memory $memory "memory"))))
  (core module $main
    (import "host" "counter" (func $counter (param i32 i32 i64 i32 i32)))
    (import "memory" "memory" (memory 1))
    (global $sum (mut i32) (i32.const 0))
    (func (export "add") (param i32) (result i32)
      (call $counter (i32.const 512) (i32.const 4) (i64.const 1) (i32.const 600) (i32.const 1))
      (global.set $sum (i32.add (global.get $sum) (i32.add (local.get 0) (i32.const {step}))))
      (global.get $sum))
    (func (export "save") (result i32)
      (i32.store (i32.const 16) (global.get $sum))
      (i32.store (i32.const 32) (i32.const 0))
      (i32.store (i32.const 36) (i32.const 16))
      (i32.store (i32.const 40) (i32.const 4))
      (i32.const 32))
    (func (export "load") (param i32 i32) (result i32)
      (global.set $sum (i32.load (local.get 0)))
      (i32.store (i32.const 32) (i32.const {status}))
      (i32.store (i32.const 36) (i32.const 524))
      (i32.store (i32.const 40) (i32.const 3))
      (i32.const 32))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $main (instantiate $main
    (with "host" (instance (export "counter" (func $counter))))
    (with "memory" (instance $memory))))
  (func $save (result (result (list u8) (error string)))
    (canon lift (core func $main "save") (memory (core memory $memory "memory"))))
  (func $load (param "bytes" (list u8)) (result (result (error string)))
    (canon lift (core func $main "load") (memory (core memory $memory "memory")) (realloc (core func $main "realloc"))))
  (instance $state (export "save" (func $save)) (export "load" (func $load)))
  (export "hotswap:module/state@0.1.0" (instance $state))
  (func (export "add") (param "number" s32) (result s32) (canon lift (core func $main "add"))))"#
    )
}

#[test]
fn components_hand_their_state_over_and_report_metrics() {
    let mut node = Awaited::new();
    let mut load = |step, refuse| node.load_with(&component(step, refuse), STATEFUL).expect("loads");
    let (one, two, three) = (load(0, false), load(100, false), load(0, true));
    let add =
        |node: &mut Awaited, module: &Arc<LoadedModule>| node.call(module, "add", vec![Value::I32(1)]).expect("adds");
    add(&mut node, &one);
    hand_over(&mut node, &one, &two).expect("moves");
    assert_eq!(add(&mut node, &two), [Value::I32(102)]);
    let error = hand_over(&mut node, &two, &three).expect_err("refused");
    assert!(error.message().ends_with("old"), "{error}");
    assert_eq!(add(&mut node, &two), [Value::I32(203)]);
    assert_eq!(stats(&two)["metrics"], serde_json::json!({ r#"adds{kind="test"}"#: 2 }));
}

#[test]
fn core_modules_report_metrics_from_fresh_instances_and_synchronously() {
    let mut node = Awaited::new();
    let module = node.load(
        r#"(module
  (import "hotswap:module/metrics" "counter" (func $counter (param i32 i32 i64)))
  (import "hotswap:module/metrics" "gauge" (func $gauge (param i32 i32 f64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "callslast")
  (func (export "report") (param f64)
    (call $counter (i32.const 0) (i32.const 5) (i64.const 1))
    (call $gauge (i32.const 5) (i32.const 4) (local.get 0)))
  (func (export "outside") (call $counter (i32.const -1) (i32.const 5) (i64.const 1))))"#,
    );
    support::call_sync(&module, "report", &[Value::F64(1.5)]).expect("reports");
    node.call(&module, "report", vec![Value::F64(2.5)]).expect("reports");
    node.call(&module, "report", vec![Value::F64(f64::NAN)]).expect("reports");
    assert_eq!(node.call(&module, "outside", vec![]).expect_err("outside of memory").code(), ErrorCode::Trap);
    assert_eq!(stats(&module)["metrics"], serde_json::json!({ "calls": 3, "last": 2.5 }));
    assert_eq!(stats(&module)["metricsDropped"], 1);
}
