//! Records of answered requests on their way to the plane's owner: a sample as large as it can take, never more.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::handlers::AccessRecord;
use super::plane::PlaneState;

const BATCH_PAUSE: Duration = Duration::from_millis(250);
/// Records that the owner gets in one batch at most.
const BATCH: usize = 500;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct AccessLog {
    /// One of so many requests is recorded.
    every: AtomicU64,
    seen: AtomicU64,
    /// Not in the sample, or one too many.
    lost: AtomicU64,
    waiting: Mutex<VecDeque<AccessRecord>>,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { every: AtomicU64::new(1), seen: AtomicU64::new(0), lost: AtomicU64::new(0), waiting: Mutex::default() }
    }
}

/// What is noted at the beginning of a request that will be recorded.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) at: SystemTime,
    pub(crate) method: String,
    pub(crate) path: String,
}

thread_local! {
    static COUNTER: Cell<u64> = const { Cell::new(0) };
}

impl AccessLog {
    /// Whether the next request is in the sample.
    pub(crate) fn wants_next(&self) -> bool {
        let every = self.every.load(Ordering::Relaxed);
        COUNTER.with(|counter| {
            let next = counter.get() + 1;
            if next < every {
                counter.set(next);
                return false;
            }
            counter.set(0);
            // All that were passed over are counted here, so that they cost nothing themselves.
            self.seen.fetch_add(next, Ordering::Relaxed);
            if next > 1 {
                self.lost.fetch_add(next - 1, Ordering::Relaxed);
            }
            true
        })
    }

    pub(crate) fn push(&self, record: AccessRecord) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < 2 * BATCH {
            waiting.push_back(record);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes what waits, fits the sample to the load, and says how many requests were not recorded.
    fn take(&self) -> (Vec<AccessRecord>, u64) {
        let seen = self.seen.swap(0, Ordering::Relaxed);
        self.every.store(seen.div_ceil(BATCH as u64).max(1), Ordering::Relaxed);
        let records: Vec<_> = {
            let mut waiting = self.waiting.lock();
            let count = waiting.len().min(BATCH);
            waiting.drain(..count).collect()
        };
        (records, self.lost.swap(0, Ordering::Relaxed))
    }
}

/// Hands records over in batches for as long as the plane lives.
pub(crate) async fn hand_over(plane: Weak<PlaneState>) {
    loop {
        tokio::time::sleep(BATCH_PAUSE).await;
        let Some(plane) = plane.upgrade() else { return };
        hand_over_now(&plane);
    }
}

/// Hands over one batch of what waits. False: nothing did.
pub(crate) fn hand_over_now(plane: &PlaneState) -> bool {
    let _turn = plane.handing_over.lock();
    let (records, lost) = plane.access.take();
    if lost > 0 {
        plane.stats.access_dropped.fetch_add(lost, Ordering::Relaxed);
    }
    let any = !records.is_empty();
    if any {
        plane.handlers.access(records);
    }
    any
}

/// As Unix milliseconds.
pub(crate) fn unix_ms(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_gets_counts_as_lost() {
        let log = AccessLog::default();
        let ask = |count: usize| {
            for _ in 0..count {
                if log.wants_next() {
                    log.push(AccessRecord {
                        at: 0,
                        method: "GET".to_owned(),
                        path: "/".to_owned(),
                        status: 200,
                        duration_ms: 1.0,
                        response_bytes: 0,
                        slot: None,
                        version: None,
                    });
                }
            }
        };
        let took = |(records, lost): (Vec<AccessRecord>, u64)| (records.len(), lost);
        ask(BATCH + 200);
        assert_eq!(took(log.take()), (BATCH, 0), "the rest waits for the next batch");
        // One of two is recorded now.
        ask(10);
        assert_eq!(took(log.take()), (205, 5));
        ask(2 * BATCH + 3);
        assert_eq!(took(log.take()), (BATCH, 3), "no more can wait");
        assert_eq!(took(log.take()), (BATCH, 0));
        assert_eq!(took(log.take()), (0, 0));
    }
}
