//! Slots: atomic swaps, pinned and sticky versions, drain, and nothing left behind.

mod support;

use std::sync::Arc;
use std::time::Duration;

use hotswap_engine::{Assignment, CallSettings, ErrorCode, LoadedModule, Outcome, SlotTable, Value};
use support::{Awaited, call_sync, eventually};

fn version(node: &mut Awaited, number: i32) -> Arc<LoadedModule> {
    node.load(&format!(
        r#"(module (func (export "version") (result i32) i32.const {number}) (func (export "spin") (loop br 0)))"#
    ))
}

fn assignment(json: &str) -> Assignment {
    serde_json::from_str(json).expect("the test's own assignment")
}

fn only(module: &LoadedModule) -> Assignment {
    assignment(&format!(r#"{{"current":{}}}"#, module.id()))
}

#[test]
fn swaps_are_seen_by_the_next_choice_and_old_versions_answer_when_pinned() {
    let mut node = Awaited::new();
    let (one, two) = (version(&mut node, 1), version(&mut node, 2));
    let slots = SlotTable::create().expect("starts");
    slots.set("app", &only(&one)).expect("set");
    assert_eq!(slots.choose("app", None, None).expect("chosen").id(), one.id());
    slots.set("app", &assignment(&format!(r#"{{"current":{},"keep":[{}]}}"#, two.id(), one.id()))).expect("set");
    assert_eq!(slots.choose("app", None, None).expect("chosen").id(), two.id());
    assert_eq!(slots.choose("app", None, Some(one.id())).expect("pinned").id(), one.id());
    slots.set("app", &only(&two)).expect("set");
    assert_eq!(slots.choose("app", None, Some(one.id())).expect_err("gone").code(), ErrorCode::UnknownVersion);
    assert_eq!(slots.choose("other", None, None).expect_err("unknown").code(), ErrorCode::UnknownSlot);
    assert!(SlotTable::attach(slots.id()).is_ok());
}

#[test]
fn sticky_keys_stay_with_a_growing_share() {
    let mut node = Awaited::new();
    let (one, two) = (version(&mut node, 1), version(&mut node, 2));
    let slots = SlotTable::create().expect("starts");
    let share = |percent: f64| {
        let json =
            format!(r#"{{"current":{},"splits":[{{"moduleId":{},"weightPercent":{percent}}}]}}"#, one.id(), two.id());
        slots.set("app", &assignment(&json)).expect("set");
        let on_two =
            |key: &i32| slots.choose("app", Some(&format!("user-{key}")), None).expect("chosen").id() == two.id();
        (0..2_000).filter(on_two).collect::<Vec<_>>()
    };
    let mut before = share(0.0);
    assert!(before.is_empty());
    for percent in [5.0, 25.0, 50.0, 99.0, 100.0] {
        let now = share(percent);
        assert!(before.iter().all(|key| now.contains(key)), "a key left the growing version at {percent} %");
        let expected = percent * 20.0;
        assert!((now.len() as f64 - expected).abs() <= 120.0, "{} of 2,000 at {percent} %", now.len());
        before = now;
    }
    assert_eq!(before.len(), 2_000);
    let heavy = format!(r#"{{"current":{},"splits":[{{"moduleId":{},"weightPercent":101}}]}}"#, one.id(), two.id());
    assert_eq!(slots.set("app", &assignment(&heavy)).expect_err("refused").code(), ErrorCode::InvalidArgument);
}

#[test]
fn no_call_fails_or_sees_two_versions_while_versions_swap() {
    let mut node = Awaited::new();
    let versions: Vec<_> = (0..4).map(|number| version(&mut node, number)).collect();
    let slots = SlotTable::create().expect("starts");
    slots.set("app", &only(&versions[0])).expect("set");
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let slots = slots.clone();
            std::thread::spawn(move || {
                for _ in 0..20_000 {
                    let module = slots.choose("app", None, None).expect("chosen");
                    assert_eq!(call_sync(&module, "version", &[]).expect("answers").len(), 1);
                }
            })
        })
        .collect();
    for round in 0..5_000 {
        slots.set("app", &only(&versions[round % versions.len()])).expect("set");
    }
    for caller in callers {
        caller.join().expect("no call failed");
    }
}

#[test]
fn drain_waits_for_what_finishes_and_cuts_what_does_not() {
    let mut node = Awaited::new();
    let module = version(&mut node, 1);
    let spinning = node.start(&module, "spin", vec![]);
    let quick: Vec<_> = (0..5).map(|_| node.start(&module, "version", vec![])).collect();
    let id = node.id();
    node.client.drain_module(id, &module, Duration::from_millis(200)).expect("admitted");
    let Ok(Outcome::Drained { cut, .. }) = node.wait(id).outcome else { panic!("drains") };
    assert_eq!(cut, 1);
    for call in quick {
        assert_eq!(support::values(node.wait(call)).expect("finishes"), [Value::I32(1)]);
    }
    let error = support::values(node.wait(spinning)).expect_err("cut");
    assert_eq!((error.code(), error.detail("by")), (ErrorCode::Cancelled, Some(&"drain".into())));

    let id = node.id();
    node.client.drain_module(id, &module, Duration::from_millis(200)).expect("admitted");
    assert!(matches!(node.wait(id).outcome, Ok(Outcome::Drained { finished: 0, cut: 0 })));
}

#[test]
fn versions_are_released_after_swaps() {
    let mut node = Awaited::new();
    let slots = SlotTable::create().expect("starts");
    let mut old = Vec::new();
    for number in 0..50 {
        let module = version(&mut node, number);
        slots.set("app", &only(&module)).expect("set");
        node.call(&module, "version", vec![]).expect("answers");
        let id = node.id();
        node.client.call(id, &module, 0, vec![], CallSettings::default()).expect("admitted");
        node.wait(id);
        old.push(Arc::downgrade(&module));
    }
    eventually("all but the current version are gone", || {
        old.iter().filter(|weak| weak.upgrade().is_some()).count() == 1
    });
    assert!(slots.remove("app"));
    eventually("the last one is gone", || old.iter().all(|weak| weak.upgrade().is_none()));
}
