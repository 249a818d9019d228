//! Instances that wait for their next call or request: one bound for both, and always second to those that work.

mod support;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hotswap_engine::{LoadedModule, Outcome, Runtime, RuntimeOptions, Value};
use support::http::Server;
use support::{Awaited, call_sync, eventually};

const MIB: u64 = 1024 * 1024;

/// An engine with six places and 16 MiB for idle instances, for one test at a time.
fn small_engine() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let options =
        RuntimeOptions { pool_slots: Some(6), max_guest_memory_bytes: Some(64 * MIB), ..RuntimeOptions::default() };
    let (runtime, _) = Runtime::start(options).expect("starts");
    eventually("the test before has left nothing", || runtime.stats_json()["guestMemoryBytes"] == 0);
    guard
}

fn figure(module: &LoadedModule, name: &str) -> u64 {
    let stats: serde_json::Value = serde_json::from_str(&module.stats_json()).expect("JSON");
    stats[name].as_u64().unwrap_or_else(|| panic!("{name} in {stats}"))
}

fn idle(module: &LoadedModule) -> u64 {
    figure(module, "idleInstances")
}

const REUSE: &str = r#"{"runtime":{"reuse":{"maxIdleMs":60000}}}"#;

/// A server whose guest has answered and waits.
fn served(policy: &str) -> (Server, Arc<LoadedModule>) {
    let mut server = Server::new();
    let module = server.load("http-lab-1.0.0", policy);
    server.serve(&module);
    eventually("it answers", || server.get("/state").text().trim() == "1");
    eventually("it is kept", || idle(&module) == 1);
    (server, module)
}

/// A guest of so many pages.
fn large(node: &mut Awaited, pages: u32) -> Arc<LoadedModule> {
    let text = format!(r#"(module (memory {pages}) (func (export "run") (result i32) i32.const 7))"#);
    node.load_with(&text, &format!(r#"{{"policy":{REUSE}}}"#)).expect("loads")
}

fn run(node: &mut Awaited, module: &Arc<LoadedModule>) {
    assert_eq!(node.call(module, "run", vec![]).expect("answers"), [Value::I32(7)]);
}

#[test]
fn no_further_request_is_needed_for_an_instance_to_go() {
    let _engine = small_engine();
    let (server, module) = served(r#"{"runtime":{"reuse":{"maxIdleMs":100}}}"#);
    eventually("its time is over", || idle(&module) == 0);
    assert_eq!(server.get("/state").text().trim(), "1", "a fresh one answers");
    assert_eq!(figure(&module, "reusedInstances"), 0);
}

#[test]
fn instances_that_answered_requests_give_way_to_calls_that_want_their_places() {
    let _engine = small_engine();
    let kept: Vec<_> = (0..6).map(|_| served(REUSE)).collect();
    let mut node = Awaited::new();
    let module = node.load(r#"(module (func (export "run") (result i32) i32.const 7))"#);
    run(&mut node, &module);
    let left = || kept.iter().map(|(_, module)| idle(module)).collect::<Vec<_>>();
    assert_eq!(left(), [0, 1, 1, 1, 1, 1], "the one that was idle for longest");
    assert_eq!(call_sync(&module, "run", &[]).expect("answers"), [Value::I32(7)]);
    // An open instance keeps its place, so that the next one needs another.
    let mut open = || {
        let id = node.id();
        node.client.open(id, &module).expect("admitted");
        let Ok(Outcome::Instance(instance)) = node.wait(id).outcome else { panic!("opens") };
        instance
    };
    let opened = (open(), open());
    assert_eq!(left(), [0, 0, 1, 1, 1, 1]);
    drop(opened);
}

#[test]
fn idle_instances_of_calls_and_requests_share_one_bound_of_memory() {
    let _engine = small_engine();
    let (server, http) = served(REUSE);
    let mut node = Awaited::new();
    let guests: Vec<_> = (0..3).map(|_| large(&mut node, 80)).collect();
    std::thread::sleep(Duration::from_millis(300));
    // 5 MiB each: with that of the server they are more than 16.
    for guest in &guests {
        run(&mut node, guest);
    }
    let left = || guests.iter().map(|guest| idle(guest)).collect::<Vec<_>>();
    assert_eq!((idle(&http), left()), (0, vec![1, 1, 1]));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.get("/state").text().trim(), "1");
    eventually("the one that was idle for longest makes room", || (idle(&http), left()) == (1, vec![0, 1, 1]));
    // What alone is more than all of them may hold drives nobody out.
    let huge = large(&mut node, 300);
    run(&mut node, &huge);
    assert_eq!((idle(&huge), idle(&http), left()), (0, 1, vec![0, 1, 1]));
}

#[test]
fn a_drain_leaves_no_instance_behind() {
    let _engine = small_engine();
    let (_server, module) = served(REUSE);
    let mut node = Awaited::new();
    let call = node.id();
    node.client.drain_module(call, &module, Duration::from_secs(1)).expect("admitted");
    assert!(matches!(node.wait(call).outcome, Ok(Outcome::Drained { finished: 0, cut: 0 })));
    assert_eq!(idle(&module), 0);
}
