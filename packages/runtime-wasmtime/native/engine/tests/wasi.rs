//! WASI as a guest meets it: output that survives failures, rates, exit codes, and a network that is closed.

mod support;

use hotswap_engine::{CallSettings, ErrorCode, Outcome, RunOptions, parse_options};
use support::{Awaited, eventually, values};

/// Writes a line to standard output, then does what its second function says.
const SPEAKER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "said \1b[31mthis\n")
  (func $say (param $stream i32)
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 15))
    (drop (call $write (local.get $stream) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "say") (call $say (i32.const 1)))
  (func (export "loop") (call $say (i32.const 1)) (loop br 0))
  (func (export "trap") (call $say (i32.const 2)) unreachable)
  (func (export "_start") (call $say (i32.const 1)) (call $exit (i32.const 42))))"#;

#[test]
fn what_a_call_wrote_before_it_failed_is_in_its_failure() {
    let mut node = Awaited::new();
    let module = node.load_with(SPEAKER, r#"{"policy":{"limits":{"timeoutMs":100}}}"#).expect("loads");
    let line = "said \\u{1b}[31mthis\n";

    let id = node.start(&module, "loop", vec![]);
    let completion = node.wait(id);
    assert_eq!(completion.info.as_ref().map(|info| info.output.stdout.len()), Some(15));
    let error = values(completion).expect_err("out of time");
    assert_eq!((error.code(), error.detail("stdout")), (ErrorCode::Timeout, Some(&line.into())));

    let error = node.call(&module, "trap", vec![]).expect_err("traps");
    assert_eq!((error.code(), error.detail("stderr")), (ErrorCode::Trap, Some(&line.into())));
    assert_eq!(error.detail("stdout"), None);
}

#[test]
fn a_cancelled_call_leaves_its_output_behind() {
    let mut node = Awaited::new();
    let module = node
        .load_with(SPEAKER, r#"{"policy":{"limits":{"timeoutMs":20000,"maxLogBytesPerSecond":10}}}"#)
        .expect("loads");
    let id = node.start(&module, "loop", vec![]);
    eventually("it has written", || module.stats_json().contains(r#""logDroppedBytes":5"#));
    assert!(node.client.cancel(id));
    let error = values(node.wait(id)).expect_err("cancelled");
    assert_eq!(error.code(), ErrorCode::Cancelled);
    assert_eq!(error.detail("stdout"), Some(&"said \\u{1b}[31m".into()));
}

#[test]
fn the_log_of_calls_is_rate_capped_and_the_output_of_commands_is_not() {
    let mut node = Awaited::new();
    let module = node.load_with(SPEAKER, r#"{"policy":{"limits":{"maxLogBytesPerSecond":20}}}"#).expect("loads");
    let mut kept = 0;
    for _ in 0..10 {
        let id = node.start(&module, "say", vec![]);
        kept += node.wait(id).info.expect("facts").output.stdout.len();
    }
    assert!((15..100).contains(&kept), "{kept} of 150 bytes");
    let stats: serde_json::Value = serde_json::from_str(&module.stats_json()).expect("JSON");
    assert_eq!(stats["logDroppedBytes"], 150 - kept);

    for _ in 0..3 {
        let id = node.id();
        node.client
            .run(id, &module, bytes::Bytes::new(), RunOptions::default(), CallSettings::default())
            .expect("admitted");
        let Ok(Outcome::Command(exit_code, output)) = node.wait(id).outcome else { panic!("a command") };
        assert_eq!((exit_code, output.stdout.len()), (42, 15));
    }
}

#[test]
fn patterns_that_are_none_fail_the_load() {
    let mut node = Awaited::new();
    for (policy, path) in [
        (r#"{"allowedHosts":["*com"]}"#, "policy.network.allowedHosts[0]"),
        (r#"{"allowedHosts":["a.example","b.example/path"]}"#, "policy.network.allowedHosts[1]"),
        (r#"{"sockets":{"tcp":["example.org:80"]}}"#, "policy.network.sockets.tcp[0]"),
        (r#"{"maxConcurrentRequests":0}"#, "policy.network.maxConcurrentRequests"),
        (r#"{"requestTimeoutMs":0}"#, "policy.network.requestTimeoutMs"),
    ] {
        let error = node.load_with("(module)", &format!(r#"{{"policy":{{"network":{policy}}}}}"#)).expect_err(policy);
        assert_eq!((error.code(), error.detail("path")), (ErrorCode::InvalidArgument, Some(&path.into())));
    }
    let misspelt = parse_options::<hotswap_engine::LoadOptions>("o", r#"{"policy":{"network":{"allowedHost":[]}}}"#);
    assert_eq!(misspelt.expect_err("refused").code(), ErrorCode::InvalidArgument);
}

/// Says through `wasi:logging` that ink runs low, in two lines.
const LOGGER: &str = r#"(component
  (import "wasi:logging/logging@0.1.0-draft" (instance $logging
    (type $level-names (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $level-names)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))
  (core module $texts (memory (export "memory") 1) (data (i32.const 0) "ordersink runs low\0aand paper"))
  (core instance $texts (instantiate $texts))
  (alias core export $texts "memory" (core memory $memory))
  (core func $log (canon lower (func $logging "log") (memory $memory)))
  (core module $code
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (func (export "warn") (call $log (i32.const 3) (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 22)))
    (func (export "stray") (call $log (i32.const 3) (i32.const 0) (i32.const 6) (i32.const 65530) (i32.const 22)))
    (func (export "wild") (call $log (i32.const 9) (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 22))))
  (core instance $code (instantiate $code (with "host" (instance (export "log" (func $log))))))
  (func (export "warn") (canon lift (core func $code "warn")))
  (func (export "stray") (canon lift (core func $code "stray")))
  (func (export "wild") (canon lift (core func $code "wild"))))"#;

#[test]
fn what_a_component_logs_is_on_its_standard_error_with_its_level() {
    let mut node = Awaited::new();
    let module = node.load_with(LOGGER, "{}").expect("loads");
    let id = node.start(&module, "warn", vec![]);
    let output = node.wait(id).info.expect("facts").output;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "WARN orders: ink runs low\nWARN orders: and paper\n");
    for name in ["stray", "wild"] {
        assert_eq!(node.call(&module, name, vec![]).expect_err("traps").code(), ErrorCode::Trap, "{name}");
    }
}
