//! JavaScript functions that satisfy a module's imports: calls go to the environment that owns them, answers come back by number.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use hotswap_engine::{
    EngineError, ErrorCode, HostCall, HostFunctions as Offered, HostSignature, Result, Value, parse_options,
};
use napi::bindgen_prelude::{FnArgs, Function, ToNapiValue, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::oneshot;

use crate::failure::{refused, throw};
use crate::from_js::read_answer;
use crate::js::{Js, JsResult, Raw};
use crate::js_function::{HeldFunction, Thrown};
use crate::process::raw;
use crate::to_js::{host_args, host_message};

/// Events handed over in one turn of the event loop.
const BATCH: usize = 256;
/// Entries of one event in the flat batch.
const STRIDE: u32 = 4;
/// What one function may answer.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

type Waker = ThreadsafeFunction<(), (), FnArgs<(Events,)>, Status, false, true>;

/// An array of events, on its way to the callback.
pub struct Events(Raw);

impl ToNapiValue for Events {
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.0.0)
    }
}

enum Event {
    Call { request: u32, function: Arc<HostSignature>, args: Vec<Value> },
    Drop(u32),
}

struct Waiting {
    function: Arc<HostSignature>,
    answer: oneshot::Sender<Result<Vec<Value>>>,
}

thread_local! {
    /// The functions that live on this thread, for guests that run on its stack.
    static HERE: RefCell<HashMap<u32, HeldFunction>> = RefCell::default();
}

static NEXT_KEY: AtomicU32 = AtomicU32::new(1);

struct Shared {
    key: u32,
    reads_messages: bool,
    names: HashMap<(String, String), u32>,
    signatures: Mutex<HashMap<u32, Arc<HostSignature>>>,
    events: Mutex<VecDeque<Event>>,
    waiting: Mutex<HashMap<u32, Waiting>>,
    next: AtomicU32,
    scheduled: AtomicBool,
    closed: AtomicBool,
    waker: OnceLock<Waker>,
}

impl Shared {
    fn args(&self, js: Js, function: &HostSignature, args: &[Value]) -> JsResult<Raw> {
        if self.reads_messages && function.packs_params {
            return host_message(js, function, args);
        }
        host_args(js, function, args)
    }

    fn push(&self, event: Event) {
        self.events.lock().push_back(event);
        self.schedule();
    }

    fn schedule(&self) {
        if let Some(waker) = self.waker.get()
            && !self.scheduled.swap(true, Ordering::AcqRel)
        {
            // Fails only when the environment has ended; `close` has answered everybody then.
            waker.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn drain(&self, js: Js) -> JsResult<Raw> {
        self.scheduled.store(false, Ordering::Release);
        let (events, left) = {
            let mut queue = self.events.lock();
            let count = queue.len().min(BATCH);
            (queue.drain(..count).collect::<Vec<_>>(), !queue.is_empty())
        };
        if left {
            self.schedule();
        }
        let batch = js.new_array(events.len() * STRIDE as usize)?;
        for (index, event) in events.into_iter().enumerate() {
            let at = index as u32 * STRIDE;
            match event {
                // Nobody waits any more: the guest was cancelled or ran out of time.
                Event::Call { request, .. } if !self.waiting.lock().contains_key(&request) => {}
                Event::Call { request, function, args } => {
                    js.set_element(batch, at, js.new_u32(request)?)?;
                    js.set_element(batch, at + 1, js.new_u32(function.index)?)?;
                    js.set_element(batch, at + 2, self.args(js, &function, &args)?)?;
                }
                Event::Drop(resource) => js.set_element(batch, at + 3, js.new_u32(resource)?)?,
            }
        }
        Ok(batch)
    }

    /// Whoever waits hears that nobody answers.
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.waiting.lock().clear();
        self.events.lock().clear();
        // The thread's table is gone when the thread is.
        let _ = HERE.try_with(|here| here.borrow_mut().remove(&self.key));
    }
}

fn answered_wrongly(function: &HostSignature, error: &EngineError) -> EngineError {
    EngineError::new(error.code(), format!("The host function {} answered wrongly: {}", function.name, error.message()))
}

fn threw(function: &HostSignature, thrown: &Thrown) -> EngineError {
    if thrown.code.as_deref() == Some(ErrorCode::NotSynchronous.as_str()) {
        return not_here(&format!("the host function {} wants to be awaited", function.name));
    }
    EngineError::new(ErrorCode::Trap, format!("The host function {} failed: {}", function.name, thrown.message))
}

fn not_here(reason: &str) -> EngineError {
    EngineError::new(ErrorCode::NotSynchronous, format!("callSync is not possible: {reason}; use call"))
        .with("reason", reason)
}

impl Offered for Shared {
    fn find(&self, interface: &str, name: &str) -> Option<u32> {
        self.names.get(&(interface.to_owned(), name.to_owned())).copied()
    }

    fn link(&self, function: &Arc<HostSignature>) {
        self.signatures.lock().insert(function.index, function.clone());
    }

    fn call(&self, call: HostCall) {
        let HostCall { function, args, answer } = call;
        let request = self.next.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock();
        // Those who were cancelled have hung up.
        if waiting.len() >= BATCH {
            waiting.retain(|_, waiting| !waiting.answer.is_closed());
        }
        if !self.closed.load(Ordering::Acquire) {
            waiting.insert(request, Waiting { function: function.clone(), answer });
            drop(waiting);
            self.push(Event::Call { request, function, args });
        }
    }

    fn call_here(&self, function: &Arc<HostSignature>, args: Vec<Value>) -> Result<Vec<Value>> {
        HERE.with(|here| {
            // The function may load or drop modules, which changes the table: it is not borrowed meanwhile.
            let held = here.borrow_mut().remove(&self.key);
            let Some(held) = held else {
                return Err(not_here("its host functions live on another thread, or are in a call already"));
            };
            let outcome = held.call(
                |js| Ok([js.new_u32(function.index)?, self.args(js, function, &args)?]),
                |js, answer| read_answer(js, answer, function, MAX_ANSWER_BYTES),
            );
            if let Ok(Err(_)) = outcome {
                // What it throws has no reader: the answer has failed already.
                let _ = held.call(|js| Ok([js.new_u32(function.index)?, js.null()?]), |_, _| ());
            }
            if !self.closed.load(Ordering::Acquire) {
                here.borrow_mut().insert(self.key, held);
            }
            match outcome {
                Ok(read) => read.map_err(|error| answered_wrongly(function, &error)),
                Err(thrown) => Err(threw(function, &thrown)),
            }
        })
    }

    fn drop_resource(&self, resource: u32) {
        if !self.closed.load(Ordering::Acquire) {
            self.push(Event::Drop(resource));
        }
    }
}

/// See `binding.d.ts`.
#[napi]
pub struct HostFunctions {
    shared: Arc<Shared>,
}

#[napi]
impl HostFunctions {
    /// See `binding.d.ts`.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: &Env,
        names_json: String,
        on_events: Function<'_, FnArgs<(Events,)>, ()>,
        call_here: Unknown<'_>,
        reads_messages: bool,
    ) -> napi::Result<Self> {
        let names =
            parse_options::<Vec<(String, String)>>("names", &names_json).map_err(|error| throw(env, &error, None))?;
        let shared = Arc::new(Shared {
            key: NEXT_KEY.fetch_add(1, Ordering::Relaxed),
            reads_messages,
            names: names.into_iter().enumerate().map(|(index, name)| (name, index as u32)).collect(),
            signatures: Mutex::default(),
            events: Mutex::default(),
            waiting: Mutex::default(),
            next: AtomicU32::new(1),
            scheduled: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            waker: OnceLock::new(),
        });
        let owner: Weak<Shared> = Arc::downgrade(&shared);
        let waker: Waker =
            on_events.build_threadsafe_function::<()>().weak::<true>().build_callback(move |context| {
                let js = Js::new(context.env.raw());
                let events = owner.upgrade().map_or_else(|| js.new_array(0), |shared| shared.drain(js));
                events.map(|events| FnArgs::from((Events(events),))).map_err(|_| refused(&context.env))
            })?;
        // The lock is new: setting it cannot fail.
        let _ = shared.waker.set(waker);
        let held = HeldFunction::new(Js::new(env.raw()), raw(&call_here)).map_err(|_| refused(env))?;
        HERE.with(|here| here.borrow_mut().insert(shared.key, held));
        env.add_env_cleanup_hook(Arc::downgrade(&shared), |shared| {
            if let Some(shared) = shared.upgrade() {
                shared.close();
            }
        })?;
        Ok(Self { shared })
    }

    pub(crate) fn offered(&self) -> Arc<dyn Offered> {
        self.shared.clone()
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn signature_json(&self, index: u32) -> Option<String> {
        let function = self.shared.signatures.lock().get(&index).cloned()?;
        let params: Vec<_> = function.params.iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect();
        let signature = json!({
            "name": function.name,
            "params": params,
            "results": function.results,
            "packsParams": function.packs_params,
            "packsResults": function.packs_results,
        });
        Some(signature.to_string())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn answer(&self, env: &Env, request_id: u32, results: Unknown<'_>) -> bool {
        let waiting = self.shared.waiting.lock().remove(&request_id);
        let Some(Waiting { function, answer }) = waiting else { return false };
        let read = read_answer(Js::new(env.raw()), raw(&results), &function, MAX_ANSWER_BYTES);
        let fits = read.is_ok();
        // Fails when the guest was cancelled meanwhile.
        let sent = answer.send(read.map_err(|error| answered_wrongly(&function, &error)));
        fits && sent.is_ok()
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn fail(&self, request_id: u32, message: String) {
        let waiting = self.shared.waiting.lock().remove(&request_id);
        if let Some(Waiting { function, answer }) = waiting {
            // As above.
            let _ = answer.send(Err(threw(&function, &Thrown { code: None, message })));
        }
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.shared.close();
    }
}
