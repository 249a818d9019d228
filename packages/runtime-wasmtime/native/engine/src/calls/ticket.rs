//! Admission of a client's call to the queues of the runtime and of its module.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::calls::invoke::queue_full;
use crate::error::Result;
use crate::module::{InFlight, LoadedModule};
use crate::runtime::Runtime;

/// One admitted call: its places in the queues, given back when it is dropped.
pub(crate) struct Ticket {
    runtime: &'static Runtime,
    client: u32,
    pub(crate) call: u32,
    pub(crate) module: Option<InFlight>,
}

impl Ticket {
    /// # Errors
    /// `QUEUE_FULL`.
    pub(crate) fn admit(
        runtime: &'static Runtime,
        client: u32,
        call: u32,
        module: Option<&Arc<LoadedModule>>,
    ) -> Result<Self> {
        let limit = runtime.options.max_pending_calls as usize;
        if runtime.pending.fetch_add(1, Ordering::AcqRel) >= limit {
            runtime.pending.fetch_sub(1, Ordering::AcqRel);
            runtime.counters.queue_full.fetch_add(1, Ordering::Relaxed);
            if let Some(module) = module {
                module.stats.record_queue_full();
            }
            return Err(queue_full("runtime", limit));
        }
        let mut ticket = Self { runtime, client, call, module: None };
        if let Some(module) = module {
            let limit = module.limits().max_pending_calls as usize;
            if module.in_flight() >= limit {
                module.stats.record_queue_full();
                return Err(queue_full("module", limit));
            }
            ticket.module = Some(module.enter());
        }
        Ok(ticket)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.runtime.pending.fetch_sub(1, Ordering::AcqRel);
        self.runtime.calls.remove(self.client, self.call);
    }
}
