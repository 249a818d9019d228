//! Counters of the plane and of each version: written by requests, read as JSON on demand.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Ratio between the bounds of neighbouring buckets, as in `latency-sketch.ts`: both sides merge the same sketches.
const GROWTH: f64 = 1.1;
/// 1 µs to an hour.
const BUCKETS: usize = 232;

/// How a request ended, beyond its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The answer went out whole.
    Whole,
    /// By its time limit.
    Timeout,
    /// By the guest's trap, or another failure of it.
    Failed,
    /// The client left.
    Left,
    /// A drain or the end of a listener cut it.
    Cut,
}

/// Requests of one version of a slot.
#[derive(Debug)]
pub(crate) struct VersionStats {
    pub(crate) in_flight: AtomicUsize,
    requests: AtomicU64,
    classes: [AtomicU64; 4],
    timeouts: AtomicU64,
    traps: AtomicU64,
    cut: AtomicU64,
    sum_us: AtomicU64,
    /// In thousandths of square milliseconds: square microseconds would overflow within days.
    sum_squares: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

impl Default for VersionStats {
    fn default() -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            classes: Default::default(),
            timeouts: AtomicU64::new(0),
            traps: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
            sum_squares: AtomicU64::new(0),
            latency: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

fn bucket(micros: u64) -> usize {
    if micros <= 1 {
        return 0;
    }
    (((micros as f64).ln() / GROWTH.ln()).ceil() as usize).min(BUCKETS - 1)
}

impl VersionStats {
    /// Counts one request that has ended. `broken`: its answer broke off after its head.
    pub(crate) fn record(&self, status: u16, ending: Ending, broken: bool, took: Duration) {
        let add = |counter: &AtomicU64, by: u64| {
            counter.fetch_add(by, Ordering::Relaxed);
        };
        add(&self.requests, 1);
        if let Some(class) = self.classes.get((status / 100).wrapping_sub(2) as usize) {
            add(class, 1);
        }
        match ending {
            Ending::Timeout => add(&self.timeouts, 1),
            Ending::Failed => add(&self.traps, 1),
            Ending::Whole | Ending::Left | Ending::Cut => {}
        }
        if ending == Ending::Cut || broken {
            add(&self.cut, 1);
        }
        let micros = took.as_micros() as u64;
        add(&self.sum_us, micros);
        add(&self.sum_squares, micros.saturating_mul(micros) / 1_000);
        add(&self.latency[bucket(micros)], 1);
    }

    pub(crate) fn to_json(&self, slot: &str, version: &str) -> Value {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let latency: Map<_, _> = self
            .latency
            .iter()
            .map(load)
            .enumerate()
            .filter(|(_, count)| *count > 0)
            .map(|(index, count)| (index.to_string(), json!(count)))
            .collect();
        json!({
            "slot": slot,
            "version": version,
            "requests": load(&self.requests),
            "inFlight": self.in_flight.load(Ordering::Relaxed),
            "status2xx": load(&self.classes[0]),
            "status3xx": load(&self.classes[1]),
            "status4xx": load(&self.classes[2]),
            "status5xx": load(&self.classes[3]),
            "timeouts": load(&self.timeouts),
            "traps": load(&self.traps),
            "cut": load(&self.cut),
            "latency": latency,
            "latencySumMs": load(&self.sum_us) as f64 / 1e3,
            "latencySumSquaresMs2": load(&self.sum_squares) as f64 / 1e3,
        })
    }
}

/// Requests of a whole plane.
#[derive(Debug, Default)]
pub(crate) struct PlaneStats {
    pub(crate) connections: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) access_dropped: AtomicU64,
}

impl PlaneStats {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn to_json(&self, versions: &[Value]) -> Value {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "connections": self.connections.load(Ordering::Relaxed),
            "inFlight": self.in_flight.load(Ordering::Relaxed),
            "requests": load(&self.requests),
            "refused": load(&self.refused),
            "timeouts": load(&self.timeouts),
            "cut": load(&self.cut),
            "accessDropped": load(&self.access_dropped),
            "versions": versions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_sketch() {
        // latencyBucket(0.001), (0.0011), (1), (5), (60_000) of latency-sketch.ts
        for (micros, expected) in [(0, 0), (1, 0), (2, 8), (1_000, 73), (5_000, 90), (60_000_000, 188)] {
            assert_eq!(bucket(micros), expected, "{micros} µs");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
