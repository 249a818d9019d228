//! Resources that are arguments of calls: with the guest once it is entered, with the caller before that.

mod support;

use std::sync::Arc;

use hotswap_engine::{CallSettings, EngineError, ErrorCode, OpenInstance, Outcome, Value};
use support::{Awaited, values};

const THINGS: &str = r#"(component
    (type $own (resource (rep i32)))
    (core func $new (canon resource.new $own))
    (core module $code
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "read") (param i32) (result i32) (local.get 0))
        (func (export "both") (param i32 i32) (result i32) (i32.const 2))
        (func (export "spin") (loop br 0)))
    (core instance $code (instantiate $code (with "" (instance (export "new" (func $new))))))
    (export $thing "thing" (type $own))
    (func (export "make") (param "n" u32) (result (own $thing)) (canon lift (core func $code "make")))
    (func (export "read") (param "it" (borrow $thing)) (result u32) (canon lift (core func $code "read")))
    (func (export "both") (param "a" (own $thing)) (param "b" (own $thing)) (result u32)
        (canon lift (core func $code "both")))
    (func (export "spin") (canon lift (core func $code "spin"))))"#;

struct Guest {
    node: Awaited,
    instance: Arc<OpenInstance>,
}

impl Guest {
    fn new() -> Self {
        let mut node = Awaited::new();
        let module = node.load(THINGS);
        let id = node.id();
        node.client.open(id, &module).expect("admitted");
        let Ok(Outcome::Instance(instance)) = node.wait(id).outcome else { panic!("opens") };
        Self { node, instance }
    }

    fn start(&mut self, export: &str, args: &[&Value], timeout_ms: u64) -> u32 {
        let id = self.node.id();
        let index = self.instance.module().function_named(export).expect("exported");
        let (args, settings) =
            (args.iter().copied().cloned().collect(), CallSettings { timeout_ms, ..CallSettings::default() });
        self.node.client.call_instance(id, &self.instance, index, args, settings).expect("admitted");
        id
    }

    fn call(&mut self, export: &str, args: &[&Value]) -> Result<Value, EngineError> {
        let id = self.start(export, args, 0);
        values(self.node.wait(id)).map(|mut values| values.remove(0))
    }

    fn make(&mut self, n: u32) -> Value {
        self.call("make", &[&Value::U32(n)]).expect("makes one")
    }
}

#[test]
fn what_was_given_away_is_gone_and_what_was_not_taken_stays() {
    let mut guest = Guest::new();
    let (a, b, c) = (guest.make(1), guest.make(2), guest.make(3));
    assert_eq!(guest.call("both", &[&a, &b]).expect("takes them"), Value::U32(2));
    assert_eq!(guest.call("read", &[&a]).expect_err("given away").code(), ErrorCode::StaleHandle);
    for second in [&a, &c] {
        let error = guest.call("both", &[&c, second]).expect_err("the second is none");
        assert_eq!((error.code(), error.detail("argumentsReturned")), (ErrorCode::StaleHandle, Some(&true.into())));
        assert_eq!(guest.call("read", &[&c]).expect("is still the caller's"), Value::U32(3));
    }
    // Its slot is no other's in the meantime, and is free when it is given away at last.
    let d = guest.make(4);
    assert_eq!(guest.call("read", &[&c]).expect("is still there"), Value::U32(3));
    assert_eq!(guest.call("read", &[&d]).expect("is there too"), Value::U32(4));
    assert_eq!(guest.call("both", &[&c, &d]).expect("takes them"), Value::U32(2));
    assert_eq!(guest.call("read", &[&c]).expect_err("given away").code(), ErrorCode::StaleHandle);
}

#[test]
fn a_call_that_never_gets_its_turn_says_that_its_arguments_stay() {
    let mut guest = Guest::new();
    let (a, b) = (guest.make(1), guest.make(2));
    let spin = guest.start("spin", &[], 10_000);
    let (late, cancelled) = (guest.start("both", &[&a, &b], 30), guest.start("both", &[&a, &b], 10_000));
    let without = guest.start("make", &[&Value::U32(1)], 30);
    let error = values(guest.node.wait(late)).expect_err("out of time");
    assert_eq!((error.code(), error.detail("argumentsReturned")), (ErrorCode::Timeout, Some(&true.into())));
    guest.node.client.cancel(cancelled);
    let error = values(guest.node.wait(cancelled)).expect_err("cancelled");
    assert_eq!((error.code(), error.detail("argumentsReturned")), (ErrorCode::Cancelled, Some(&true.into())));
    let error = values(guest.node.wait(without)).expect_err("out of time");
    assert_eq!(error.detail("argumentsReturned"), None, "there is nothing to return");
    guest.node.client.cancel(spin);
    let error = values(guest.node.wait(spin)).expect_err("cancelled");
    assert_eq!((error.code(), error.detail("argumentsReturned")), (ErrorCode::Cancelled, None));
}
