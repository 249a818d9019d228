//! Bytes from anywhere: always an answer, never a panic.

mod support;

use std::fmt::Write;

use hotswap_engine::{ErrorCode, inspect};
use support::{Awaited, wasm};

const SAMPLE: &str = r#"(component
    (import "acme:demo/log@1.2.0" (instance (export "write" (func (param "text" string)))))
    (core module $m (memory (export "memory") 1) (func (export "run") (param i32) (result i32) local.get 0))
    (core instance $i (instantiate $m))
    (func $run (param "x-axis" u32) (result u32) (canon lift (core func $i "run")))
    (instance $api (export "run" (func $run)))
    (export "acme:demo/api@1.2.0" (instance $api)))"#;

/// Exports a core module: valid, but no WIT document can express it.
const WITHOUT_WIT: &str = r#"(component
    (import "wasi:cli/environment@0.2.0" (instance))
    (core module $m (func (export "run") (param i32) (result i32) local.get 0))
    (export "inner" (core module $m)))"#;

#[test]
fn every_prefix_and_every_flipped_byte_is_answered() {
    let bytes = wasm(SAMPLE);
    for end in 0..bytes.len() {
        // A prefix may be a smaller valid component.
        if let Err(error) = inspect(&bytes[..end], 1_000_000) {
            assert_eq!(error.code(), ErrorCode::InvalidModule);
        }
    }
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            if let Err(error) = inspect(&bytes, 1_000_000) {
                assert!(matches!(error.code(), ErrorCode::InvalidModule | ErrorCode::Unsupported), "{error}");
            }
        }
    }
}

#[test]
fn size_is_checked_before_parsing() {
    assert_eq!(inspect(&[0; 11], 10).expect_err("refused").code(), ErrorCode::ModuleTooLarge);
    let options = r#"{"maxModuleBytes":4}"#;
    let error = Awaited::new().load_with("(module)", options).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::ModuleTooLarge);
}

#[test]
fn description_has_structure_and_text() {
    let description = serde_json::to_value(inspect(&wasm(SAMPLE), 1_000_000).expect("valid")).expect("JSON");
    assert_eq!(description["kind"], "component");
    assert_eq!(description["wasi"], "none");
    assert_eq!(description["imports"][0]["name"], "acme:demo/log@1.2.0");
    assert_eq!(description["imports"][1]["name"], "acme:demo/log@1.2.0#write");
    assert!(description["wit"].as_str().expect("text").contains("x-axis: u32"), "{description}");
    assert_eq!(description["exports"][1]["name"], "acme:demo/api@1.2.0#run");
}

#[test]
fn component_without_a_wit_document_still_shows_its_names() {
    let description = serde_json::to_value(inspect(&wasm(WITHOUT_WIT), 1_000_000).expect("valid")).expect("JSON");
    assert_eq!(description["wasi"], "preview2", "{description}");
    assert_eq!(description["exports"][0]["name"], "inner");
    assert!(description["wit"].is_null());
}

#[test]
fn precompiled_code_is_no_module() {
    let mut node = Awaited::new();
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("cache");
    let options =
        format!(r#"{{"cache":{{"directory":{:?},"keyHex":"{}"}}}}"#, directory.display().to_string(), "01".repeat(32));
    node.load_with("(module)", &options).expect("loads");
    let files = std::fs::read_dir(&directory).expect("readable");
    let code = files
        .map(|file| file.expect("readable").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .expect("stored");
    let error = inspect(&std::fs::read(code).expect("readable"), 1_000_000).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::InvalidModule);
}

#[test]
fn exponential_types_are_refused_not_unfolded() {
    let mut text = String::from(
        r#"(component (core module $m (memory (export "memory") 1) (func (export "run") (param i32))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m)) (alias core export $i "memory" (core memory $memory))
        (alias core export $i "realloc" (core func $realloc)) (type $t0 (tuple u32 u32))"#,
    );
    for level in 1..16 {
        let inner = level - 1;
        write!(text, "(type $t{level} (tuple $t{inner} $t{inner}))").expect("strings grow");
    }
    text.push_str(
        r#"(func (export "run") (param "x" $t15) (canon lift (core func $i "run") (memory $memory) (realloc $realloc))))"#,
    );
    assert_eq!(inspect(&wasm(&text), 1_000_000).expect_err("refused").code(), ErrorCode::Unsupported);
    assert_eq!(Awaited::new().load_with(&text, "").expect_err("refused").code(), ErrorCode::Unsupported);
}

#[test]
fn nesting_of_components_has_an_end() {
    let nested = |depth: usize| {
        const HEADER: [u8; 8] = *b"\0asm\x0d\0\x01\0";
        let mut bytes = HEADER.to_vec();
        for _ in 0..depth {
            let mut outer = HEADER.to_vec();
            // A component section, and its size spelled in five bytes.
            outer.push(4);
            let size = bytes.len() as u32;
            outer.extend((0..5).map(|part| (size >> (7 * part)) as u8 & 0x7f | if part < 4 { 0x80 } else { 0 }));
            outer.extend(bytes);
            bytes = outer;
        }
        inspect(&bytes, 100_000_000)
    };
    nested(90).expect("described");
    assert_eq!(nested(101).expect_err("refused").code(), ErrorCode::Unsupported);
    assert_eq!(nested(5_000).expect_err("refused").code(), ErrorCode::Unsupported);
}

/// RUSTSEC-2026-0353 and -0358: functions lifted with the async ABI, and a start that yields, made the host panic. Both need what is off
/// unless a host asks for it; where one does, they end as a guest's own failure.
#[test]
#[cfg(feature = "wasi03")]
fn the_async_abi_is_refused_unless_asked_for_and_then_makes_nothing_panic() {
    let lifted = r#"(component
        (core module $m (func (export "run")) (func (export "callback") (param i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "run") async (canon lift (core func $i "run") async)))"#;
    let with_callback = lifted.replace(
        r#"(core func $i "run") async"#,
        r#"(core func $i "callback-run") async (callback (core func $i "callback"))"#,
    );
    let with_callback =
        with_callback.replace(r#"(func (export "run"))"#, r#"(func (export "callback-run") (result i32) i32.const 0)"#);
    let yields_in_start = r#"(component
        (core func $yield (canon thread.yield))
        (core module $m (import "" "yield" (func $yield (result i32)))
            (func $start (drop (call $yield))) (start $start))
        (core instance (instantiate $m (with "" (instance (export "yield" (func $yield)))))))"#;
    let mut node = Awaited::new();
    for (text, code) in [
        // On a stack of its own, which is another proposal.
        (lifted, ErrorCode::InvalidModule),
        (with_callback.as_str(), ErrorCode::Unsupported),
        (yields_in_start, ErrorCode::Unsupported),
    ] {
        let refused = node.load_with(text, "").expect_err("refused");
        assert_eq!(refused.code(), code, "{refused}");
    }
    let on = r#"{"experimental":["preview3"]}"#;
    // Ends without an answer, which an asynchronous function owes.
    let module = node.load_with(&with_callback, on).expect("loads");
    assert_eq!(node.call(&module, "run", vec![]).expect_err("no answer").code(), ErrorCode::Trap);
    node.load_with(yields_in_start, on).expect("a start may let others go first");
}

/// Streams and waiting sets live in the host: a guest that collects them gets so many and no more.
#[test]
#[cfg(feature = "wasi03")]
fn what_a_guest_makes_to_wait_for_has_a_limit() {
    for (built, canon, results) in [
        ("stream.new", "(canon stream.new $bytes)", "i64"),
        ("future.new", "(canon future.new $later)", "i64"),
        ("waitable-set.new", "(canon waitable-set.new)", "i32"),
    ] {
        let text = format!(
            r#"(component
            (type $bytes (stream u8))
            (type $later (future u8))
            (core func $new {canon})
            (core module $m (import "" "new" (func $new (result {results})))
                (func (export "run") (result i32) (loop (drop (call $new)) (br 0)) unreachable)
                (func (export "resumed") (param i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
            (func (export "run") async (canon lift (core func $i "run") async (callback (core func $i "resumed")))))"#
        );
        let mut node = Awaited::new();
        let json = r#"{"experimental":["preview3"],"policy":{"limits":{"timeoutMs":60000,"maxHostResources":1000}}}"#;
        let module = node.load_with(&text, json).unwrap_or_else(|error| panic!("{built}: {error}"));
        let error = node.call(&module, "run", vec![]).expect_err(built);
        assert_eq!(error.code(), ErrorCode::Trap, "{built}: {error}");
    }
}
