//! Calls in flight, so that each can be found and ended: by its caller, by a drain, by the end of a Node environment.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::future::AbortHandle;
use parking_lot::Mutex;

use crate::error::{EngineError, ErrorCode};
use crate::wasi::output::Streams;

const SHARDS: usize = 16;

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelledBy {
    /// The one who made it.
    Caller = 1,
    /// The end of a drain's deadline.
    Drain = 2,
    /// The end of its environment or instance.
    Shutdown = 3,
}

/// The switch of one call.
#[derive(Debug)]
pub(crate) struct CallControl {
    handle: AbortHandle,
    cancelled_by: AtomicU8,
    module: u32,
    /// Where the resources among its arguments are, if there are any.
    arguments: AtomicU8,
    /// Where its guest writes to. A call that is cut short leaves what it has said there.
    streams: Mutex<Option<Streams>>,
}

tokio::task_local! {
    static CURRENT: Arc<CallControl>;
}

/// Resources among the arguments of a call: there are none, the caller has them, the guest has or had them.
const NONE: u8 = 0;
const OUTSIDE: u8 = 1;
const INSIDE: u8 = 2;

/// The guest of the current call has the resources among its arguments.
pub(crate) fn mark_handed_in() {
    // Without a current call nobody has to be told: the caller waits on this thread.
    let _ = CURRENT.try_with(|control| control.arguments.store(INSIDE, Ordering::Release));
}

/// Remembers the output of the instance that the current call has made. Elsewhere nothing happens.
pub(crate) fn watch_output(streams: &Streams) {
    // Without a current call nobody asks for it later.
    let _ = CURRENT.try_with(|control| control.watch(streams));
}

impl CallControl {
    pub(crate) fn new(handle: AbortHandle, module: u32) -> Arc<Self> {
        Arc::new(Self {
            handle,
            cancelled_by: AtomicU8::new(0),
            module,
            arguments: AtomicU8::new(NONE),
            streams: Mutex::new(None),
        })
    }

    /// Makes this the current call of everything that `work` does.
    pub(crate) fn scope<F: Future>(self: &Arc<Self>, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), work)
    }

    /// There are resources among the arguments: how the call fails says who has them then.
    pub(crate) fn hands_in(&self) {
        self.arguments.store(OUTSIDE, Ordering::Release);
    }

    /// Says of a failure that the caller has kept the resources among its arguments.
    pub(crate) fn with_arguments(&self, error: EngineError) -> EngineError {
        if self.arguments.load(Ordering::Acquire) == OUTSIDE { error.with("argumentsReturned", true) } else { error }
    }

    pub(crate) fn watch(&self, streams: &Streams) {
        *self.streams.lock() = Some(streams.clone());
    }

    /// The output of a call that did not get to hand it over.
    pub(crate) fn left_behind(&self) -> Option<Streams> {
        self.streams.lock().take()
    }

    pub(crate) fn cancel(&self, by: CancelledBy) {
        // The first reason stays.
        let _ = self.cancelled_by.compare_exchange(0, by as u8, Ordering::AcqRel, Ordering::Acquire);
        self.handle.abort();
    }

    pub(crate) fn error(&self) -> EngineError {
        let by = match self.cancelled_by.load(Ordering::Acquire) {
            2 => "drain",
            3 => "shutdown",
            _ => "caller",
        };
        EngineError::new(ErrorCode::Cancelled, format!("The call was cancelled by the {by}")).with("by", by)
    }
}

/// Client and call id to the call's switch.
type Shard = Mutex<HashMap<(u32, u32), Arc<CallControl>>>;

/// All calls in flight, by client and call id.
#[derive(Debug, Default)]
pub(crate) struct CallRegistry {
    shards: [Shard; SHARDS],
}

impl CallRegistry {
    fn shard(&self, call: u32) -> &Shard {
        &self.shards[call as usize % SHARDS]
    }

    pub(crate) fn add(&self, client: u32, call: u32, control: Arc<CallControl>) {
        self.shard(call).lock().insert((client, call), control);
    }

    pub(crate) fn remove(&self, client: u32, call: u32) {
        self.shard(call).lock().remove(&(client, call));
    }

    pub(crate) fn cancel(&self, client: u32, call: u32) -> bool {
        let control = self.shard(call).lock().get(&(client, call)).cloned();
        control.inspect(|control| control.cancel(CancelledBy::Caller)).is_some()
    }

    pub(crate) fn cancel_client(&self, client: u32) {
        self.cancel_where(CancelledBy::Shutdown, |(owner, _), _| *owner == client);
    }

    /// Cancels what still runs on a module; returns how many.
    pub(crate) fn cancel_module(&self, module: u32) -> usize {
        self.cancel_where(CancelledBy::Drain, |_, control| control.module == module)
    }

    fn cancel_where(&self, by: CancelledBy, chosen: impl Fn(&(u32, u32), &CallControl) -> bool) -> usize {
        let mut count = 0;
        for shard in &self.shards {
            let controls: Vec<_> = shard
                .lock()
                .iter()
                .filter(|(key, control)| chosen(key, control))
                .map(|(_, control)| control.clone())
                .collect();
            // Waking runs foreign code: never under the lock.
            for control in controls {
                control.cancel(by);
                count += 1;
            }
        }
        count
    }
}
