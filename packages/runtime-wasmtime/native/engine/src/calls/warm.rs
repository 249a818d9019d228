//! Instances kept between calls, for modules that opt in: the one used last is used next, so that a quiet module shrinks to one.
//!
//! Guest memory is not wiped in between: an instance never leaves its module version, and is dropped after any error.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use crate::functions::Live;
use crate::policy::ReusePolicy;
use crate::runtime::Runtime;
use crate::shared::memory_budget::MemoryBudget;
use crate::store::StoreData;

/// Part of what all guests may hold that idle ones may.
const IDLE_SHARE: usize = 4;

/// Linear memory of all idle instances of the process.
static IDLE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// An instance that calls of functions use again.
pub(crate) struct WarmGuest {
    pub(crate) store: Store<StoreData>,
    pub(crate) live: Live,
}

/// Idle instances of one module version.
pub(crate) struct IdlePool<T> {
    policy: ReusePolicy,
    idle: Mutex<Vec<Idle<T>>>,
}

struct Idle<T> {
    value: T,
    calls: u64,
    since: Instant,
    _bytes: IdleBytes,
    _permit: OwnedSemaphorePermit,
}

/// Counted while an instance is idle.
struct IdleBytes(usize);

impl IdleBytes {
    fn take(bytes: usize) -> Option<Self> {
        let taken = Self(bytes);
        let before = IDLE_BYTES.fetch_add(bytes, Ordering::Relaxed);
        (before.saturating_add(bytes) <= MemoryBudget::get().limit() / IDLE_SHARE).then_some(taken)
    }
}

impl Drop for IdleBytes {
    fn drop(&mut self) {
        IDLE_BYTES.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// An instance on loan, and how often it has been.
pub(crate) struct Loan<T> {
    pub(crate) value: T,
    pub(crate) calls: u64,
}

impl<T> Loan<T> {
    /// One that has just been made.
    pub(crate) fn new(value: T) -> Self {
        Self { value, calls: 0 }
    }
}

impl<T> IdlePool<T> {
    pub(crate) fn new(policy: ReusePolicy) -> Self {
        Self { policy, idle: Mutex::new(Vec::new()) }
    }

    /// The instance that was used last, if one is idle and has not been for too long.
    pub(crate) fn take(&self) -> Option<Loan<T>> {
        let idle = self.idle.lock().pop()?;
        // The newest is too old: so are all others, which the next sweep drops.
        (idle.since.elapsed() < self.max_idle()).then_some(Loan { value: idle.value, calls: idle.calls })
    }

    /// Keeps an instance whose call ended well. What comes back is not wanted: it has served its time, or there is no room.
    pub(crate) fn put_back(&self, runtime: &'static Runtime, loan: Loan<T>, memory_bytes: usize) -> Option<T> {
        let Loan { value, calls } = loan;
        let calls = calls + 1;
        if calls >= self.policy.max_calls {
            return Some(value);
        }
        // Idle instances only take places that nobody waits for.
        let Ok(permit) = runtime.instance_permits.clone().try_acquire_owned() else { return Some(value) };
        let Some(bytes) = IdleBytes::take(memory_bytes) else { return Some(value) };
        let mut idle = self.idle.lock();
        if idle.len() >= self.policy.max_instances as usize {
            return Some(value);
        }
        idle.push(Idle { value, calls, since: Instant::now(), _bytes: bytes, _permit: permit });
        drop(idle);
        runtime.sweep_soon();
        None
    }

    /// Drops what has been idle for too long; returns how many are left.
    pub(crate) fn sweep(&self) -> usize {
        let max_idle = self.max_idle();
        let (old, left) = {
            let mut idle = self.idle.lock();
            // Newest last: everything before the first one that is young enough is too old.
            let young = idle.iter().position(|idle| idle.since.elapsed() < max_idle).unwrap_or(idle.len());
            let old: Vec<_> = idle.drain(..young).collect();
            (old, idle.len())
        };
        drop(old);
        left
    }

    /// Drops all.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.idle.lock());
        drop(all);
    }

    pub(crate) fn len(&self) -> usize {
        self.idle.lock().len()
    }

    fn max_idle(&self) -> Duration {
        Duration::from_millis(self.policy.max_idle_ms)
    }
}
