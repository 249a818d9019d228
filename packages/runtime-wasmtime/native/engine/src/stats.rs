//! Counters of one module: atomics written by calls, read as JSON on demand.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, json};

use crate::error::{EngineError, ErrorCode};
use crate::shared::cpu_share::CpuShare;
use crate::trap::TRAP_KINDS;

const BUCKETS: usize = 24;

#[derive(Debug, Default)]
pub(crate) struct ModuleStats {
    calls: AtomicU64,
    errors: AtomicU64,
    guest_errors: AtomicU64,
    traps: [AtomicU64; TRAP_KINDS.len()],
    timeouts: AtomicU64,
    cancelled: AtomicU64,
    limit_refusals: AtomicU64,
    queue_full: AtomicU64,
    refused_growths: AtomicU64,
    memory_at_limit: AtomicU64,
    fuel_used: AtomicU64,
    reused: AtomicU64,
    memory_peak_bytes: AtomicUsize,
    queue_ns: AtomicU64,
    instantiate_ns: AtomicU64,
    invoke_ns: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

/// Where the time of one call went, and what it held.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallMeter {
    /// From admission to the start of work.
    pub queue: Duration,
    /// Making the store and the instance.
    pub instantiate: Duration,
    /// The call itself.
    pub invoke: Duration,
    /// Most linear memory held.
    pub memory_peak_bytes: usize,
    /// Fuel the call used; `None` where it is not metered.
    pub fuel_used: Option<u64>,
    /// Time it was held back because its module was over its share.
    pub throttled: Duration,
    pub(crate) refused_growths: u32,
    pub(crate) at_memory_limit: bool,
    pub(crate) reused: bool,
}

impl ModuleStats {
    pub(crate) fn record(&self, meter: &CallMeter, error: Option<&EngineError>) {
        let add = |counter: &AtomicU64, by: u64| {
            counter.fetch_add(by, Ordering::Relaxed);
        };
        add(&self.calls, 1);
        let (queue, start, invoke) = (meter.queue.as_nanos(), meter.instantiate.as_nanos(), meter.invoke.as_nanos());
        if queue > 0 {
            add(&self.queue_ns, queue as u64);
        }
        add(&self.instantiate_ns, start as u64);
        add(&self.invoke_ns, invoke as u64);
        let micros = ((queue + start + invoke) / 1_000) as u64;
        let bucket = (64 - micros.leading_zeros() as usize).min(BUCKETS - 1);
        add(&self.latency[bucket], 1);
        if meter.memory_peak_bytes > self.memory_peak_bytes.load(Ordering::Relaxed) {
            self.memory_peak_bytes.fetch_max(meter.memory_peak_bytes, Ordering::Relaxed);
        }
        if meter.refused_growths > 0 {
            add(&self.refused_growths, u64::from(meter.refused_growths));
        }
        if meter.at_memory_limit {
            add(&self.memory_at_limit, 1);
        }
        if meter.reused {
            add(&self.reused, 1);
        }
        if let Some(fuel) = meter.fuel_used {
            add(&self.fuel_used, fuel);
        }
        if let Some(error) = error {
            self.record_error(error);
        }
    }

    fn record_error(&self, error: &EngineError) {
        let bump = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        if error.code() == ErrorCode::GuestError {
            bump(&self.guest_errors);
            return;
        }
        bump(&self.errors);
        match error.code() {
            ErrorCode::Timeout => bump(&self.timeouts),
            ErrorCode::Cancelled => bump(&self.cancelled),
            ErrorCode::MemoryLimit
            | ErrorCode::TableLimit
            | ErrorCode::InstanceLimit
            | ErrorCode::InputLimit
            | ErrorCode::FuelExhausted
            | ErrorCode::OutputLimit => bump(&self.limit_refusals),
            ErrorCode::Trap => {
                let kind = error.detail("trap").and_then(|kind| kind.as_str()).unwrap_or("other");
                let index = TRAP_KINDS.iter().position(|known| *known == kind).unwrap_or(TRAP_KINDS.len() - 1);
                bump(&self.traps[index]);
            }
            _ => {}
        }
    }

    pub(crate) fn record_queue_full(&self) {
        self.queue_full.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn to_json(&self, in_flight: usize, share: &CpuShare) -> serde_json::Value {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let traps: Map<_, _> = TRAP_KINDS
            .iter()
            .zip(&self.traps)
            .filter(|(_, count)| load(count) > 0)
            .map(|(kind, count)| ((*kind).to_owned(), json!(load(count))))
            .collect();
        json!({
            "calls": load(&self.calls),
            "errors": load(&self.errors),
            "guestErrors": load(&self.guest_errors),
            "traps": traps,
            "timeouts": load(&self.timeouts),
            "cancelled": load(&self.cancelled),
            "limitRefusals": load(&self.limit_refusals),
            "queueFull": load(&self.queue_full),
            "inFlight": in_flight,
            "refusedGrowths": load(&self.refused_growths),
            "memoryAtLimit": load(&self.memory_at_limit),
            "fuelUsed": load(&self.fuel_used),
            "reusedInstances": load(&self.reused),
            "throttledMs": share.throttled_ms(),
            "cpuMs": share.cpu_ns() / 1_000_000,
            "memoryPeakBytes": self.memory_peak_bytes.load(Ordering::Relaxed),
            "queueNs": load(&self.queue_ns),
            "instantiateNs": load(&self.instantiate_ns),
            "invokeNs": load(&self.invoke_ns),
            "latencyHistogram": self.latency.iter().map(load).collect::<Vec<_>>(),
        })
    }
}
