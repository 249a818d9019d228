//! What all guests of the process may hold together, so that many modules within their own limits cannot take the machine's memory.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Part of the machine's (or the container's) memory that guests may hold.
const SHARE_PERCENT: u64 = 80;

static BUDGET: MemoryBudget =
    MemoryBudget { limit: AtomicUsize::new(usize::MAX), held: AtomicUsize::new(0), refused: AtomicU64::new(0) };

/// Sum over all stores of the process.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: AtomicUsize,
    held: AtomicUsize,
    refused: AtomicU64,
}

impl MemoryBudget {
    /// The process's own.
    pub(crate) fn get() -> &'static Self {
        &BUDGET
    }

    /// Sets the limit: what was asked for, else a share of what the machine has.
    pub(crate) fn set_limit(&self, asked: Option<u64>, machine_bytes: Option<u64>) {
        let share = machine_bytes.map(|bytes| bytes / 100 * SHARE_PERCENT);
        let limit = asked.or(share).unwrap_or(u64::MAX);
        self.limit.store(usize::try_from(limit).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes bytes if they are left.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.limit() {
            return true;
        }
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
        false
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_refused_at_the_limit_and_come_back() {
        let budget =
            MemoryBudget { limit: AtomicUsize::new(usize::MAX), held: AtomicUsize::new(0), refused: AtomicU64::new(0) };
        budget.set_limit(None, Some(1_000));
        assert_eq!(budget.limit(), 800);
        assert!(budget.take(500) && budget.take(300));
        assert!(!budget.take(1));
        budget.give_back(300);
        assert!(budget.take(300));
        assert_eq!((budget.held(), budget.refused()), (800, 1));
        budget.set_limit(Some(5), Some(1_000));
        assert_eq!(budget.limit(), 5);
    }
}
