//! What the integration tests share: modules from text, and a client whose completions can be awaited.

#![allow(dead_code, missing_docs, reason = "each test file uses its own part")]

pub mod http;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use hotswap_engine::{
    CallSettings, Client, Completion, EngineError, ErrorCode, LoadOptions, LoadedModule, Outcome, Value, parse_options,
};

pub fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's own text")
}

pub fn options(json: &str) -> LoadOptions {
    parse_options("options", json).expect("the test's own options")
}

/// A client whose completions are waited for by call id.
pub struct Awaited {
    pub client: Arc<Client>,
    woken: Receiver<()>,
    done: HashMap<u32, Completion>,
    next: u32,
}

impl Awaited {
    pub fn new() -> Self {
        let (sender, woken) = channel();
        let sender = Mutex::new(sender);
        let wake = move || {
            let _ = sender.lock().expect("unpoisoned").send(());
        };
        let client = Client::new(wake).expect("starts");
        Self { client: Arc::new(client), woken, done: HashMap::new(), next: 1 }
    }

    pub fn id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub fn wait(&mut self, call: u32) -> Completion {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            for completion in self.client.drain(256) {
                self.done.insert(completion.call, completion);
            }
            if let Some(completion) = self.done.remove(&call) {
                return completion;
            }
            let left = until.checked_duration_since(Instant::now()).expect("a completion within a minute");
            let _ = self.woken.recv_timeout(left);
        }
    }

    pub fn load_with(&mut self, text: &str, json: &str) -> Result<Arc<LoadedModule>, EngineError> {
        let id = self.id();
        self.client.load(id, Some(wasm(text).into()), options(json))?;
        match self.wait(id).outcome {
            Ok(Outcome::Module(module)) => Ok(module),
            Ok(other) => panic!("not a module: {other:?}"),
            Err((error, _)) => Err(error),
        }
    }

    pub fn load(&mut self, text: &str) -> Arc<LoadedModule> {
        self.load_with(text, "").expect("loads")
    }

    pub fn start(&mut self, module: &Arc<LoadedModule>, export: &str, args: Vec<Value>) -> u32 {
        let id = self.id();
        let index = module.function_named(export).expect("exported");
        self.client.call(id, module, index, args, CallSettings::default()).expect("admitted");
        id
    }

    pub fn call(
        &mut self,
        module: &Arc<LoadedModule>,
        export: &str,
        args: Vec<Value>,
    ) -> Result<Vec<Value>, EngineError> {
        let id = self.start(module, export, args);
        values(self.wait(id))
    }
}

pub fn values(completion: Completion) -> Result<Vec<Value>, EngineError> {
    match completion.outcome {
        Ok(Outcome::Values(_, _, values)) => Ok(values),
        Ok(other) => panic!("not values: {other:?}"),
        Err((error, _)) => Err(error),
    }
}

pub fn call_sync(module: &Arc<LoadedModule>, export: &str, args: &[Value]) -> Result<Vec<Value>, EngineError> {
    hotswap_engine::call_sync(module, module.function_named(export).expect("exported"), args, 0)
}

pub fn code(outcome: Result<Vec<Value>, EngineError>) -> ErrorCode {
    outcome.expect_err("fails").code()
}

/// Waits until something holds; for what happens on another thread.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let pair = (Mutex::new(()), Condvar::new());
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "never happened: {what}");
        let guard = pair.0.lock().expect("unpoisoned");
        drop(pair.1.wait_timeout(guard, Duration::from_millis(2)).expect("unpoisoned"));
    }
}
