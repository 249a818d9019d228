//! One environment's HTTP plane: listeners of the engine, and what they ask of JavaScript.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hotswap_engine::http::{
    AccessRecord, Certificate, Drained, FallbackBody, FallbackRequest, Handlers, ListenOptions, Listener, OutputRecord,
    Plane, RequestHead, Route, Wants,
};
use hotswap_engine::{EngineError, ErrorCode, parse_options};
use http::Response;
use http_body_util::BodyExt;
use napi::bindgen_prelude::{FnArgs, Function, ToNapiValue, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use crate::failure::{refused, throw};
use crate::from_js::read_bytes;
use crate::handles::milliseconds;
use crate::http_events::{Event, Events, hand_over};
use crate::http_head::{answer_head, head_texts};
use crate::http_requests::Requests;
use crate::js::{Js, Raw};
use crate::process::raw;
use crate::slot_table::SlotTable;

/// Longest deadline of a close.
const MAX_DEADLINE_MS: u64 = 86_400_000;

type Waker = ThreadsafeFunction<(), (), FnArgs<(HttpBatch,)>, Status, false, true>;

/// A finished array of events, on its way to the callback.
pub struct HttpBatch(Raw);

impl ToNapiValue for HttpBatch {
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.0.0)
    }
}

/// `HttpPlaneOptions` of `binding.d.ts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "as the engine's `Wants`")]
struct PlaneOptions {
    fallback: bool,
    authorize: bool,
    access: bool,
    output: bool,
}

/// What the engine's threads and the environment's own share.
struct Shared {
    wants: Wants,
    events: Arc<Events>,
    requests: Arc<Requests>,
    asked: Mutex<HashMap<u32, oneshot::Sender<Option<SystemTime>>>>,
    last_ask: AtomicU32,
    listeners: Mutex<HashMap<u32, Arc<Listener>>>,
    last_listener: AtomicU32,
    /// Asynchronous methods whose end has not been handed over.
    pending: AtomicUsize,
}

impl Shared {
    /// Something of the plane is open or under way, so that the event loop has to live.
    fn busy(&self) -> bool {
        self.pending.load(Ordering::Acquire) > 0 || !self.listeners.lock().is_empty()
    }

    fn complete(&self, call: u32, outcome: Result<String, EngineError>) {
        self.events.push(Event::Completed { call, outcome });
    }

    fn let_go(&self) {
        self.events.close();
        self.requests.close();
        self.asked.lock().clear();
        self.listeners.lock().clear();
        self.pending.store(0, Ordering::Release);
    }
}

impl Handlers for Shared {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn fallback(&self, request: FallbackRequest) -> BoxFuture<'static, Option<Response<FallbackBody>>> {
        let FallbackRequest { head, body } = request;
        let answer = self.requests.ask(head_texts(&head), body);
        async move {
            let answer = answer.await?;
            let mut response = Response::new(answer.body.map_err(Into::into).boxed_unsync());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Some(response)
        }
        .boxed()
    }

    fn authorize(&self, head: RequestHead) -> BoxFuture<'static, Option<SystemTime>> {
        let id = self.last_ask.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.asked.lock().insert(id, sender);
        self.events.push(Event::Authorize { id, head: head_texts(&head) });
        async move { receiver.await.ok().flatten() }.boxed()
    }

    fn access(&self, records: Vec<AccessRecord>) {
        if let Ok(json) = serde_json::to_string(&records) {
            self.events.push(Event::Access { json });
        }
    }

    fn output(&self, records: Vec<OutputRecord>) {
        if let Ok(json) = serde_json::to_string(&records) {
            self.events.push(Event::Output { json });
        }
    }
}

/// Whether the event loop is kept alive. Read and written on the environment's thread only.
#[derive(Default)]
struct Held(Cell<bool>);

// SAFETY: the cell is touched by native methods and the batch callback, which both run on the environment's own thread; other threads
// only move the `Arc` around.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Held {
    fn follow(&self, js: Js, waker: &Waker, shared: &Shared) {
        let alive = shared.busy();
        if self.0.replace(alive) != alive {
            js.hold(waker.raw(), alive);
        }
    }
}

/// See `binding.d.ts`.
#[napi]
pub struct HttpPlane {
    plane: Arc<Plane>,
    shared: Arc<Shared>,
    waker: Arc<Waker>,
    held: Arc<Held>,
}

#[napi]
impl HttpPlane {
    /// See `binding.d.ts`.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: &Env,
        slots: &SlotTable,
        options_json: String,
        on_batch: Function<'_, FnArgs<(HttpBatch,)>, ()>,
    ) -> napi::Result<Self> {
        let options = serde_json::from_str::<PlaneOptions>(&options_json)
            .map_err(|error| throw(env, &EngineError::argument("options", error.to_string()), None))?;
        let parts: Arc<OnceLock<(Weak<Shared>, Weak<Waker>)>> = Arc::default();
        let held = Arc::new(Held::default());
        let waker = Arc::new(build_waker(&on_batch, parts.clone(), held.clone())?);
        let wake = waker.clone();
        let events = Arc::new(Events::new(move || {
            // Fails only when the environment has ended; its events have no reader then.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }));
        let shared = Arc::new(Shared {
            wants: Wants {
                fallback: options.fallback,
                authorize: options.authorize,
                access: options.access,
                output: options.output,
            },
            requests: Requests::new(events.clone()),
            events,
            asked: Mutex::default(),
            last_ask: AtomicU32::new(0),
            listeners: Mutex::default(),
            last_listener: AtomicU32::new(0),
            pending: AtomicUsize::new(0),
        });
        // The lock is new: setting it cannot fail.
        let _ = parts.set((Arc::downgrade(&shared), Arc::downgrade(&waker)));
        let plane = Plane::new(slots.table.clone(), shared.clone()).map_err(|error| throw(env, &error, None))?;
        let ending = (Arc::downgrade(&plane), Arc::downgrade(&shared));
        env.add_env_cleanup_hook(ending, |(plane, shared)| {
            if let Some(plane) = plane.upgrade() {
                plane.abort();
            }
            if let Some(shared) = shared.upgrade() {
                shared.let_go();
            }
        })?;
        Ok(Self { plane, shared, waker, held })
    }

    fn follow(&self, env: &Env) {
        self.held.follow(Js::new(env.raw()), &self.waker, &self.shared);
    }

    fn listener(&self, env: &Env, id: u32) -> napi::Result<Arc<Listener>> {
        self.shared.listeners.lock().get(&id).cloned().ok_or_else(|| throw(env, &closed_listener(id), None))
    }

    /// Runs one asynchronous method on the engine's threads.
    fn run(
        &self,
        env: &Env,
        call: u32,
        work: impl Future<Output = Result<String, EngineError>> + Send + 'static,
    ) -> napi::Result<()> {
        let handle = self.plane.handle().map_err(|error| throw(env, &error, None))?;
        self.shared.pending.fetch_add(1, Ordering::AcqRel);
        self.follow(env);
        let shared = self.shared.clone();
        drop(handle.spawn(async move {
            let outcome = std::panic::AssertUnwindSafe(work).catch_unwind().await;
            shared.complete(call, outcome.unwrap_or_else(|panic| Err(hotswap_engine::panic_error(&*panic))));
        }));
        Ok(())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn listen(&self, env: &Env, call_id: u32, options_json: String) -> napi::Result<()> {
        let options =
            parse_options::<ListenOptions>("options", &options_json).map_err(|error| throw(env, &error, None))?;
        let (plane, shared) = (self.plane.clone(), self.shared.clone());
        self.run(env, call_id, async move {
            let listener = plane.listen(&options)?;
            let id = shared.last_listener.fetch_add(1, Ordering::Relaxed);
            let opened = json!({ "listenerId": id, "port": listener.port() });
            shared.listeners.lock().insert(id, listener);
            Ok(opened.to_string())
        })
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn set_routes(&self, env: &Env, listener_id: u32, routes_json: String) -> napi::Result<()> {
        let listener = self.listener(env, listener_id)?;
        serde_json::from_str::<Vec<Route>>(&routes_json)
            .map_err(|error| EngineError::argument("routes", error.to_string()))
            .and_then(|routes| listener.set_routes(&routes))
            .map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn set_certificates(&self, env: &Env, listener_id: u32, certificates_json: String) -> napi::Result<()> {
        let listener = self.listener(env, listener_id)?;
        serde_json::from_str::<Vec<Certificate>>(&certificates_json)
            .map_err(|error| EngineError::argument("tls", error.to_string()))
            .and_then(|certificates| listener.set_certificates(&certificates))
            .map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn close_listener(&self, env: &Env, call_id: u32, listener_id: u32, deadline_ms: f64) -> napi::Result<()> {
        let deadline = deadline(env, deadline_ms)?;
        let listener = self.listener(env, listener_id)?;
        self.shared.listeners.lock().remove(&listener_id);
        self.run(env, call_id, async move { Ok(drained(listener.close(deadline).await)) })
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn close(&self, env: &Env, call_id: u32, deadline_ms: f64) -> napi::Result<()> {
        let deadline = deadline(env, deadline_ms)?;
        let (plane, shared) = (self.plane.clone(), self.shared.clone());
        self.run(env, call_id, async move {
            let outcome = plane.close(deadline).await;
            shared.listeners.lock().clear();
            Ok(drained(outcome))
        })
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn stats_json(&self) -> String {
        self.plane.stats_json()
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn dispose(&self, env: &Env) {
        self.plane.abort();
        self.shared.let_go();
        self.follow(env);
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn respond(
        &self,
        env: &Env,
        request_id: u32,
        status: u32,
        headers: Vec<String>,
        body: Unknown<'_>,
    ) -> napi::Result<bool> {
        let (status, headers) = answer_head(status, &headers).map_err(|error| throw(env, &error, None))?;
        let requests = &self.shared.requests;
        match read_body(env, &body)? {
            None => Ok(requests.answer_streamed(request_id, status, headers)),
            Some(bytes) => Ok(requests.answer_whole(request_id, status, headers, bytes)),
        }
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn write(&self, env: &Env, request_id: u32, chunk: Unknown<'_>) -> napi::Result<bool> {
        let bytes = read_bytes(Js::new(env.raw()), raw(&chunk), "chunk").map_err(|error| throw(env, &error, None))?;
        Ok(self.shared.requests.write(request_id, bytes.unwrap_or_default()))
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn end(&self, request_id: u32) {
        self.shared.requests.end(request_id);
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn abort(&self, request_id: u32) {
        self.shared.requests.abort(request_id);
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn read_more(&self, request_id: u32, size_bytes: u32) {
        self.shared.requests.read_more(request_id, size_bytes as usize);
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn discard_body(&self, request_id: u32) {
        self.shared.requests.discard_body(request_id);
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn authorized(&self, ask_id: u32, valid_until_ms: f64) {
        let Some(asked) = self.shared.asked.lock().remove(&ask_id) else { return };
        let valid = valid_until_ms.is_finite() && valid_until_ms >= 0.0;
        let until = valid.then(|| SystemTime::UNIX_EPOCH + Duration::from_millis(valid_until_ms as u64));
        // Nobody waits any more when the client has left.
        let _ = asked.send(until);
    }
}

fn build_waker(
    on_batch: &Function<'_, FnArgs<(HttpBatch,)>, ()>,
    parts: Arc<OnceLock<(Weak<Shared>, Weak<Waker>)>>,
    held: Arc<Held>,
) -> napi::Result<Waker> {
    on_batch.build_threadsafe_function::<()>().weak::<true>().build_callback(move |context| {
        let js = Js::new(context.env.raw());
        let alive = parts.get().and_then(|(shared, waker)| Some((shared.upgrade()?, waker.upgrade()?)));
        let batch = match alive {
            None => js.new_array(0),
            Some((shared, waker)) => {
                let events = shared.events.drain();
                let completed = events.iter().filter(|event| matches!(event, Event::Completed { .. })).count();
                if completed > 0 {
                    // Saturating: letting go of the plane has set it to nothing.
                    let less = |now: usize| Some(now.saturating_sub(completed));
                    let _ = shared.pending.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
                    held.follow(js, &waker, &shared);
                }
                hand_over(js, &events)
            }
        };
        batch.map(|batch| FnArgs::from((HttpBatch(batch),))).map_err(|_| refused(&context.env))
    })
}

/// A body of an answer; `None` for one that is streamed.
fn read_body(env: &Env, body: &Unknown<'_>) -> napi::Result<Option<Bytes>> {
    let js = Js::new(env.raw());
    if js.kind(raw(body)) == sys::ValueType::napi_string {
        return js
            .string(raw(body), usize::MAX)
            .map(|text| Some(text.unwrap_or_default().into_bytes().into()))
            .map_err(|_| refused(env));
    }
    read_bytes(js, raw(body), "body").map_err(|error| throw(env, &error, None))
}

fn deadline(env: &Env, deadline_ms: f64) -> napi::Result<Duration> {
    milliseconds(deadline_ms, "deadlineMs")
        .map(|ms| Duration::from_millis(ms.min(MAX_DEADLINE_MS)))
        .map_err(|error| throw(env, &error, None))
}

fn drained(outcome: Drained) -> String {
    json!({ "finished": outcome.finished, "cut": outcome.cut }).to_string()
}

fn closed_listener(id: u32) -> EngineError {
    EngineError::new(ErrorCode::StaleHandle, format!("Listener {id} is closed"))
        .with("kind", "listener")
        .with("reason", "closed")
}
