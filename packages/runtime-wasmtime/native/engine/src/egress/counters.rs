//! What one module's way out has counted.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

/// Sums over all requests of one module.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) denied: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) connections: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn add_sent(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_received(&self, bytes: u64) {
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "requests": load(&self.requests),
            "denied": load(&self.denied),
            "failed": load(&self.failed),
            "connections": load(&self.connections),
            "sentBytes": load(&self.sent_bytes),
            "receivedBytes": load(&self.received_bytes),
        })
    }
}
