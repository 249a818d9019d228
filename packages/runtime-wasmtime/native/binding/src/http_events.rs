//! What the HTTP plane tells JavaScript: a queue that any thread fills, handed over in batches on the environment's own thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hotswap_engine::EngineError;
use parking_lot::Mutex;

use crate::failure::failure;
use crate::js::{Js, JsResult, Raw};
use crate::typed_arrays::Element;

/// Events handed over in one turn of the event loop.
const BATCH: usize = 256;
/// Entries of one event in the flat batch.
const STRIDE: usize = 4;

/// `HttpEventKinds` of `binding.d.ts`.
pub(crate) enum Event {
    Completed { call: u32, outcome: Result<String, EngineError> },
    Request { id: u32, head: Vec<String>, has_body: bool },
    BodyChunk { id: u32, bytes: Bytes },
    BodyEnd { id: u32, reason: Option<String> },
    Writable { id: u32 },
    Over { id: u32, aborted: bool },
    Authorize { id: u32, head: Vec<String> },
    Access { json: String },
    Output { json: String },
}

/// See the module's description.
pub(crate) struct Events {
    queue: Mutex<VecDeque<Event>>,
    scheduled: AtomicBool,
    /// The environment has ended: nobody reads any more.
    closed: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Events {
    /// `wake` is called when the first event arrives, not again until a drain has emptied the queue.
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            queue: Mutex::default(),
            scheduled: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            wake: Box::new(wake),
        }
    }

    pub(crate) fn push(&self, event: Event) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        self.queue.lock().push_back(event);
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
    }

    /// Takes what fits into one turn. If more is left, `wake` is called again: other work gets its turn in between.
    pub(crate) fn drain(&self) -> Vec<Event> {
        // Cleared first: what arrives from here on schedules itself.
        self.scheduled.store(false, Ordering::Release);
        let (batch, left) = {
            let mut queue = self.queue.lock();
            let count = queue.len().min(BATCH);
            (queue.drain(..count).collect::<Vec<_>>(), !queue.is_empty())
        };
        if left && !self.scheduled.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
        batch
    }

    /// Nothing is kept from here on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.queue.lock().clear();
    }
}

/// The flat batch of `binding.d.ts`.
pub(crate) fn hand_over(js: Js, events: &[Event]) -> JsResult<Raw> {
    let batch = js.new_array(events.len() * STRIDE)?;
    let undefined = js.undefined()?;
    for (index, event) in events.iter().enumerate() {
        let (kind, id, first, second) = match event {
            Event::Completed { call, outcome: Ok(json) } => (0, *call, undefined, js.new_string(json)?),
            Event::Completed { call, outcome: Err(error) } => (0, *call, failure(js, error, None)?, undefined),
            Event::Request { id, head, has_body } => (1, *id, texts(js, head)?, js.new_boolean(*has_body)?),
            Event::BodyChunk { id, bytes } => (2, *id, js.new_typed_array(Element::U8, bytes)?, undefined),
            Event::BodyEnd { id, reason } => {
                (3, *id, reason.as_deref().map_or(Ok(undefined), |reason| js.new_string(reason))?, undefined)
            }
            Event::Writable { id } => (4, *id, undefined, undefined),
            Event::Over { id, aborted } => (5, *id, js.new_boolean(*aborted)?, undefined),
            Event::Authorize { id, head } => (6, *id, texts(js, head)?, undefined),
            Event::Access { json } => (7, 0, js.new_string(json)?, undefined),
            Event::Output { json } => (8, 0, js.new_string(json)?, undefined),
        };
        let at = (index * STRIDE) as u32;
        js.set_element(batch, at, js.new_u32(kind)?)?;
        js.set_element(batch, at + 1, js.new_u32(id)?)?;
        js.set_element(batch, at + 2, first)?;
        js.set_element(batch, at + 3, second)?;
    }
    Ok(batch)
}

fn texts(js: Js, texts: &[String]) -> JsResult<Raw> {
    let array = js.new_array(texts.len())?;
    for (index, text) in texts.iter().enumerate() {
        js.set_element(array, index as u32, js.new_string(text)?)?;
    }
    Ok(array)
}
