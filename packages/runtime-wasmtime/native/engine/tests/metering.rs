//! Fuel, shares of a core and switched-off instructions: counted per call and per module, refused by name.

mod support;

use std::time::{Duration, Instant};

use hotswap_engine::{CallSettings, ErrorCode, Outcome, Value};
use support::{Awaited, call_sync, code, eventually, values};

const COUNT: &str = r#"(module
    (func (export "count") (param $left i32)
        (loop (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
    (func (export "spin") (loop br 0)))"#;

fn figure(module: &hotswap_engine::LoadedModule, name: &str) -> u64 {
    let stats: serde_json::Value = serde_json::from_str(&module.stats_json()).expect("JSON");
    stats[name].as_u64().unwrap_or_else(|| panic!("{name} in {stats}"))
}

#[test]
fn fuel_is_counted_per_call_and_its_end_has_a_code() {
    let mut node = Awaited::new();
    let module = node.load_with(COUNT, r#"{"policy":{"runtime":{"fuel":10000}}}"#).expect("loads");
    assert!(module.report_json().contains(r#""profile":"metered""#), "{}", module.report_json());
    let used = |node: &mut Awaited, left: i32| {
        let id = node.id();
        let index = module.function_named("count").expect("exported");
        let settings = CallSettings { wants_info: true, ..CallSettings::default() };
        node.client.call(id, &module, index, vec![Value::I32(left)], settings).expect("admitted");
        let completion = node.wait(id);
        assert!(matches!(completion.outcome, Ok(Outcome::Values(..))), "{:?}", completion.outcome);
        completion.info.expect("asked for").meter.fuel_used.expect("metered")
    };
    let (ten, twenty) = (used(&mut node, 10), used(&mut node, 20));
    assert!(ten >= 10 && twenty > ten, "{ten} and {twenty}");
    assert_eq!(used(&mut node, 20), twenty, "the same work costs the same");
    assert_eq!(figure(&module, "fuelUsed"), ten + 2 * twenty);

    let error = node.call(&module, "spin", vec![]).expect_err("ends");
    assert_eq!(error.code(), ErrorCode::FuelExhausted);
    assert_eq!(error.detail("limitFuel"), Some(&10_000.into()));
    assert_eq!(code(call_sync(&module, "spin", &[])), ErrorCode::FuelExhausted);
    assert_eq!(figure(&module, "limitRefusals"), 2);
    call_sync(&module, "count", &[Value::I32(3)]).expect("the next call has fuel again");
}

#[test]
fn fuel_in_start_fails_the_load() {
    let error = Awaited::new()
        .load_with("(module (func $s (loop br 0)) (start $s))", r#"{"policy":{"runtime":{"fuel":1000}}}"#)
        .expect_err("refused");
    assert_eq!(error.code(), ErrorCode::FuelExhausted);
}

#[test]
fn vector_instructions_are_refused_where_they_are_switched_off() {
    let text = r#"(module (func (export "f") (result i32) (i32x4.extract_lane 0 (v128.const i32x4 7 0 0 0))))"#;
    let mut node = Awaited::new();
    let error = node.load_with(text, r#"{"policy":{"runtime":{"simd":false}}}"#).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert_eq!(error.detail("feature"), Some(&"simd".into()));
    let module = node.load(text);
    assert_eq!(node.call(&module, "f", vec![]).expect("answers"), [Value::I32(7)]);
    node.load_with(COUNT, r#"{"policy":{"runtime":{"simd":false}}}"#).expect("has none");
}

#[test]
fn code_with_vector_instructions_in_the_cache_is_refused_all_the_same() {
    let text = r#"(module (func (export "f") (drop (v128.const i32x4 7 0 0 0))))"#;
    let folder = tempfile::tempdir().expect("temporary folder");
    let cached = |simd: bool, aot: bool| {
        format!(
            r#"{{"policy":{{"runtime":{{"simd":{simd},"aotCache":{aot}}}}},"cache":{{"directory":{:?},"keyHex":"{}"}}}}"#,
            folder.path().join("aot"),
            "ab".repeat(32)
        )
    };
    let mut node = Awaited::new();
    let uncached = node.load_with(text, &cached(true, false)).expect("loads");
    assert!(uncached.report_json().contains(r#""cache":"off""#), "{}", uncached.report_json());
    assert!(!folder.path().join("aot").exists(), "nothing is kept");
    node.load_with(text, &cached(true, true)).expect("loads");
    let again = node.load_with(text, &cached(true, true)).expect("loads");
    assert!(again.report_json().contains(r#""cache":"hit""#), "{}", again.report_json());
    let error = node.load_with(text, &cached(false, true)).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::Unsupported);
}

#[test]
fn a_module_over_its_share_is_held_back_and_refused_when_it_cannot_catch_up() {
    let mut node = Awaited::new();
    let policy = r#"{"policy":{"limits":{"maxCpuPercent":3,"timeoutMs":600,"cpuMs":60000}}}"#;
    let module = node.load_with(COUNT, policy).expect("loads");
    let neighbour = node.load(COUNT);
    let started = Instant::now();
    let spinning: Vec<_> = (0..20).map(|_| node.start(&module, "spin", vec![])).collect();
    eventually("the module is over its share", || figure(&module, "throttledMs") > 0);
    // Its own calls are refused: the period in which the others have used up their share is longer than this one can wait.
    eventually("calls are refused", || {
        let mut node = Awaited::new();
        node.call(&module, "count", vec![Value::I32(1)]).is_err_and(|error| {
            error.code() == ErrorCode::QueueFull
                && error.detail("scope") == Some(&"cpu".into())
                && error.detail("retryAfterMs").is_some()
        })
    });
    // Nobody else is.
    node.call(&neighbour, "count", vec![Value::I32(1_000)]).expect("answers");
    // Those that began are ended by their wall clock, those that could not begin in time were told so.
    let ends: Vec<_> = spinning.into_iter().map(|call| code(values(node.wait(call)))).collect();
    assert!(ends.contains(&ErrorCode::Timeout), "{ends:?}");
    assert!(ends.iter().all(|end| matches!(end, ErrorCode::Timeout | ErrorCode::QueueFull)), "{ends:?}");
    let (cpu_ms, wall) = (figure(&module, "cpuMs"), started.elapsed());
    // 20 calls of at least one tick each may run before the first of them is charged.
    assert!(cpu_ms <= 30 + 20 * 20 + wall.as_millis() as u64 * 3 / 100, "{cpu_ms} ms on the processor in {wall:?}");
}

#[test]
fn a_module_that_had_to_wait_goes_on() {
    let mut node = Awaited::new();
    let policy = r#"{"policy":{"limits":{"maxCpuPercent":5,"timeoutMs":60000,"cpuMs":200}}}"#;
    let module = node.load_with(COUNT, policy).expect("loads");
    let started = Instant::now();
    let error = node.call(&module, "spin", vec![]).expect_err("its own budget ends it");
    assert_eq!(error.detail("limit"), Some(&"cpuMs".into()), "{error}");
    // 200 ms at a twentieth of a core, the first 50 ms of it at once; a busy machine gives any guest more than that.
    let wall = started.elapsed();
    assert!(wall > Duration::from_secs(2), "took {wall:?}");
    // However long it waited for the machine besides, it had no more than its share, give or take a tick, and was held back for it.
    let (cpu_ms, throttled_ms) = (figure(&module, "cpuMs"), figure(&module, "throttledMs"));
    assert!(cpu_ms <= 50 + 20 + wall.as_millis() as u64 / 20, "{cpu_ms} ms on the processor in {wall:?}");
    assert!((1..wall.as_millis() as u64).contains(&throttled_ms), "held back for {throttled_ms} ms of {wall:?}");
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let mut node = Awaited::new();
    for policy in [
        r#"{"limits":{"maxCpuPercent":0}}"#,
        r#"{"limits":{"maxCpuPercent":101}}"#,
        r#"{"runtime":{"fuel":0}}"#,
        r#"{"runtime":{"reuse":{"maxInstances":0}}}"#,
        r#"{"runtime":{"reuse":{"maxCalls":0}}}"#,
        r#"{"runtime":{"reuse":{"maxIdleMs":0}}}"#,
    ] {
        let error = node.load_with("(module)", &format!(r#"{{"policy":{policy}}}"#)).expect_err(policy);
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{policy}");
    }
}
