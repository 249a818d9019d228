//! Names that guests look up by `wasi:sockets/ip-name-lookup`: only where the policy lets them, and as they would elsewhere.

mod support;

use hotswap_engine::Value;
use support::Awaited;

const ALLOWED: &str = r#""policy":{"network":{"sockets":{"nameLookup":true}}}"#;

/// Looks its argument up: the first byte of the first address, or 1,000 and what went wrong.
const PREVIEW2: &str = r#"(component
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:sockets/network@0.2.0" (instance $network
        (export "network" (type $net (sub resource)))
        (type $errors (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
            "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
            "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
            "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
            "permanent-resolver-failure"))
        (export "error-code" (type $error-code (eq $errors)))
        (type $v4 (tuple u8 u8 u8 u8))
        (export "ipv4-address" (type $ipv4 (eq $v4)))
        (type $v6 (tuple u16 u16 u16 u16 u16 u16 u16 u16))
        (export "ipv6-address" (type $ipv6 (eq $v6)))
        (type $address (variant (case "ipv4" $ipv4) (case "ipv6" $ipv6)))
        (export "ip-address" (type $ip-address (eq $address)))))
    (alias export $network "network" (type $net))
    (alias export $network "error-code" (type $error-code))
    (alias export $network "ip-address" (type $ip-address))
    (import "wasi:sockets/instance-network@0.2.0" (instance $own
        (alias outer 1 $net (type $outer))
        (export "network" (type $net (eq $outer)))
        (export "instance-network" (func (result (own $net))))))
    (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
        (alias outer 1 $pollable (type $outer-pollable))
        (export "pollable" (type $pollable (eq $outer-pollable)))
        (alias outer 1 $net (type $outer-net))
        (export "network" (type $net (eq $outer-net)))
        (alias outer 1 $error-code (type $outer-error-code))
        (export "error-code" (type $error-code (eq $outer-error-code)))
        (alias outer 1 $ip-address (type $outer-ip-address))
        (export "ip-address" (type $ip-address (eq $outer-ip-address)))
        (export "resolve-address-stream" (type $stream (sub resource)))
        (export "resolve-addresses" (func (param "network" (borrow $net)) (param "name" string)
            (result (result (own $stream) (error $error-code)))))
        (export "[method]resolve-address-stream.resolve-next-address" (func (param "self" (borrow $stream))
            (result (result (option $ip-address) (error $error-code)))))
        (export "[method]resolve-address-stream.subscribe" (func (param "self" (borrow $stream))
            (result (own $pollable))))))
    (alias export $lookup "resolve-address-stream" (type $stream))
    (core module $memory (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
    (core instance $memory (instantiate $memory))
    (alias core export $memory "memory" (core memory $mem))
    (alias core export $memory "realloc" (core func $realloc))
    (core func $own (canon lower (func $own "instance-network")))
    (core func $resolve (canon lower (func $lookup "resolve-addresses") (memory $mem)))
    (core func $next (canon lower (func $lookup "[method]resolve-address-stream.resolve-next-address")
        (memory $mem)))
    (core func $subscribe (canon lower (func $lookup "[method]resolve-address-stream.subscribe")))
    (core func $block (canon lower (func $poll "[method]pollable.block")))
    (core func $drop-stream (canon resource.drop $stream))
    (core func $drop-pollable (canon resource.drop $pollable))
    (core module $code
        (import "" "memory" (memory 1))
        (import "" "own" (func $own (result i32)))
        (import "" "resolve" (func $resolve (param i32 i32 i32 i32)))
        (import "" "next" (func $next (param i32 i32)))
        (import "" "subscribe" (func $subscribe (param i32) (result i32)))
        (import "" "block" (func $block (param i32)))
        (import "" "drop-stream" (func $drop-stream (param i32)))
        (import "" "drop-pollable" (func $drop-pollable (param i32)))
        (func (export "look-up") (param $name i32) (param $size i32) (result i32)
            (local $stream i32) (local $pollable i32)
            (call $resolve (call $own) (local.get $name) (local.get $size) (i32.const 0))
            (if (i32.load8_u (i32.const 0))
                (then (return (i32.add (i32.const 1000) (i32.load8_u (i32.const 4))))))
            (local.set $stream (i32.load (i32.const 4)))
            (local.set $pollable (call $subscribe (local.get $stream)))
            (call $block (local.get $pollable))
            (call $drop-pollable (local.get $pollable))
            (call $next (local.get $stream) (i32.const 0))
            (call $drop-stream (local.get $stream))
            (if (i32.load8_u (i32.const 0))
                (then (return (i32.add (i32.const 1000) (i32.load8_u (i32.const 2))))))
            (if (i32.load8_u (i32.const 4)) (then (return (i32.load8_u (i32.const 20)))))
            (i32.load8_u (i32.const 6))))
    (core instance $code (instantiate $code (with "" (instance
        (export "memory" (memory $mem)) (export "own" (func $own)) (export "resolve" (func $resolve))
        (export "next" (func $next)) (export "subscribe" (func $subscribe)) (export "block" (func $block))
        (export "drop-stream" (func $drop-stream)) (export "drop-pollable" (func $drop-pollable))))))
    (func (export "look-up") (param "name" string) (result u32)
        (canon lift (core func $code "look-up") (memory $mem) (realloc $realloc))))"#;

/// The same by WASI 0.3.
#[cfg(feature = "wasi03")]
const PREVIEW3: &str = r#"(component
    (import "wasi:sockets/types@0.3.0" (instance $types
        (type $v4 (tuple u8 u8 u8 u8))
        (export "ipv4-address" (type $ipv4 (eq $v4)))
        (type $v6 (tuple u16 u16 u16 u16 u16 u16 u16 u16))
        (export "ipv6-address" (type $ipv6 (eq $v6)))
        (type $address (variant (case "ipv4" $ipv4) (case "ipv6" $ipv6)))
        (export "ip-address" (type $ip-address (eq $address)))))
    (alias export $types "ip-address" (type $ip-address))
    (import "wasi:sockets/ip-name-lookup@0.3.0" (instance $lookup
        (alias outer 1 $ip-address (type $outer))
        (export "ip-address" (type $ip-address (eq $outer)))
        (type $errors (variant (case "access-denied") (case "invalid-argument") (case "name-unresolvable")
            (case "temporary-resolver-failure") (case "permanent-resolver-failure") (case "other" (option string))))
        (export "error-code" (type $error-code (eq $errors)))
        (export "resolve-addresses" (func async (param "name" string)
            (result (result (list $ip-address) (error $error-code)))))))
    (core module $memory (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
    (core instance $memory (instantiate $memory))
    (alias core export $memory "memory" (core memory $mem))
    (alias core export $memory "realloc" (core func $realloc))
    (core func $resolve (canon lower (func $lookup "resolve-addresses") (memory $mem)
        (realloc $realloc)))
    (core func $answer (canon task.return (result u32)))
    (core module $code
        (import "" "memory" (memory 1))
        (import "" "resolve" (func $resolve (param i32 i32 i32)))
        (import "" "answer" (func $answer (param i32)))
        (func $look-up (param $name i32) (param $size i32) (result i32)
            (call $resolve (local.get $name) (local.get $size) (i32.const 0))
            (if (i32.load8_u (i32.const 0))
                (then (return (i32.add (i32.const 1000) (i32.load8_u (i32.const 4))))))
            (if (i32.load8_u (i32.load (i32.const 4))) (then (return (i32.load8_u offset=16 (i32.load (i32.const 4))))))
            (i32.load8_u offset=2 (i32.load (i32.const 4))))
        (func (export "look-up") (param i32 i32) (result i32)
            (call $answer (call $look-up (local.get 0) (local.get 1)))
            (i32.const 0))
        (func (export "resumed") (param i32 i32 i32) (result i32) unreachable))
    (core instance $code (instantiate $code (with "" (instance
        (export "memory" (memory $mem)) (export "resolve" (func $resolve))
        (export "answer" (func $answer))))))
    (func (export "look-up") async (param "name" string) (result u32)
        (canon lift (core func $code "look-up") async (memory $mem) (realloc $realloc)
            (callback (core func $code "resumed")))))"#;

fn look_up(node: &mut Awaited, guest: &str, options: &str, name: &str) -> u32 {
    let module = node.load_with(guest, options).expect("loads");
    let answer = node.call(&module, "look-up", vec![Value::String(name.into())]).expect("answers");
    let [Value::U32(answer)] = answer[..] else { panic!("a number: {answer:?}") };
    answer
}

#[test]
fn names_are_looked_up_where_the_policy_lets_guests() {
    let mut node = Awaited::new();
    let allowed = format!("{{{ALLOWED}}}");
    let local = look_up(&mut node, PREVIEW2, &allowed, "localhost");
    assert!([127, 1].contains(&local), "this machine: {local}");
    assert_eq!(look_up(&mut node, PREVIEW2, &allowed, "192.0.2.7"), 192);
    assert_eq!(look_up(&mut node, PREVIEW2, &allowed, "not a name"), 1_003);
    assert_eq!(look_up(&mut node, PREVIEW2, "{}", "localhost"), 1_020);
}

#[cfg(feature = "wasi03")]
#[test]
fn names_are_looked_up_by_guests_of_wasi_03_alike() {
    let mut node = Awaited::new();
    let allowed = format!(r#"{{"experimental":["preview3"],{ALLOWED}}}"#);
    let local = look_up(&mut node, PREVIEW3, &allowed, "localhost");
    assert!([127, 1].contains(&local), "this machine: {local}");
    assert_eq!(look_up(&mut node, PREVIEW3, &allowed, "192.0.2.7"), 192);
    assert_eq!(look_up(&mut node, PREVIEW3, &allowed, "not a name"), 1_001);
    assert_eq!(look_up(&mut node, PREVIEW3, r#"{"experimental":["preview3"]}"#, "localhost"), 1_004);
}
