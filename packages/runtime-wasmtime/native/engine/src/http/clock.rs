//! A coarse clock: read without asking the system, set by whoever watches connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// See the module's description. Times are milliseconds from one on, so that zero can mean never.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    now: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now(), now: AtomicU64::new(1) }
    }
}

impl Clock {
    pub(crate) fn now_ms(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self) -> u64 {
        let now = self.start.elapsed().as_millis() as u64 + 1;
        self.now.store(now, Ordering::Relaxed);
        now
    }
}
