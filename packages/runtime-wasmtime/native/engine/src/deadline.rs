//! When calls have to end, and what is said of those that have not.

use std::time::{Duration, Instant};

/// When a call must have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) limit_ms: u64,
}

impl Deadline {
    pub(crate) fn after(start: Instant, limit_ms: u64) -> Self {
        Self { at: start + Duration::from_millis(limit_ms), limit_ms }
    }
}

/// The guest was still computing when its wall clock ran out.
#[derive(Debug)]
pub(crate) struct WallExceeded(pub(crate) Deadline);

impl std::fmt::Display for WallExceeded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "not finished within {} ms", self.0.limit_ms)
    }
}

impl std::error::Error for WallExceeded {}

/// The guest used up its CPU time.
#[derive(Debug)]
pub(crate) struct CpuExceeded;

impl std::fmt::Display for CpuExceeded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CPU time used up")
    }
}

impl std::error::Error for CpuExceeded {}
