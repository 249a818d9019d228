//! A module's share of one core over a sliding period: who is over it waits until the period has moved on, neighbours do not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Length of the sliding period.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// Parts of the period; use is forgotten part by part.
const PARTS: usize = 50;
const PART_NS: u64 = PERIOD.as_nanos() as u64 / PARTS as u64;
/// A module whose long turns took more than one in so many parts of the time holds up others,
const LONG_ONE_IN: u64 = 10;
/// if it was more than this at once: a guest that collects its garbage now and then is none that computes on.
const LONG_AT_ONCE: Duration = Duration::from_millis(20);
/// How long such a module is expected to go on like that.
const HEAVY_FOR: Duration = Duration::from_secs(10);

/// Meter of one module version, shared by all its instances.
#[derive(Debug)]
pub(crate) struct CpuShare {
    epoch: Instant,
    /// Nanoseconds of one period that may be spent; `None`: as many as there are.
    allowed_ns: Option<u64>,
    used: Mutex<Window>,
    throttled_ns: AtomicU64,
    cpu_ns: AtomicU64,
    /// Nanoseconds since `epoch` when its long turns so far will have been no more than their part of the time.
    long_paid_ns: AtomicU64,
    /// Nanoseconds since `epoch` until which calls begin among the long ones.
    heavy_until_ns: AtomicU64,
}

/// Time spent in each part of the last period.
#[derive(Debug)]
struct Window {
    parts: [u64; PARTS],
    sum: u64,
    /// Number of the newest part since the epoch.
    newest: u64,
    /// When all use so far is paid for at the allowed rate: many calls at once can use more in one part than a whole period allows.
    paid_ns: u64,
}

impl Window {
    fn advance(&mut self, part: u64) {
        let steps = part.saturating_sub(self.newest);
        for step in 1..=steps.min(PARTS as u64) {
            let index = ((self.newest + step) % PARTS as u64) as usize;
            self.sum -= std::mem::take(&mut self.parts[index]);
        }
        self.newest = self.newest.max(part);
    }

    /// Parts that must go by until less than `allowed` is left of what was used.
    fn parts_until(&self, allowed: u64) -> u64 {
        let mut sum = self.sum;
        for step in 1..=PARTS as u64 {
            if sum < allowed {
                return step - 1;
            }
            sum -= self.parts[((self.newest + step) % PARTS as u64) as usize];
        }
        PARTS as u64
    }
}

impl CpuShare {
    /// `percent` of one core; `None` or 100 and more: no limit.
    pub(crate) fn new(percent: Option<u32>) -> Self {
        let allowed = |percent: u32| PERIOD.as_nanos() as u64 / 100 * u64::from(percent);
        Self {
            epoch: Instant::now(),
            allowed_ns: percent.filter(|percent| *percent < 100).map(allowed),
            used: Mutex::new(Window { parts: [0; PARTS], sum: 0, newest: 0, paid_ns: 0 }),
            throttled_ns: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
            long_paid_ns: AtomicU64::new(0),
            heavy_until_ns: AtomicU64::new(0),
        }
    }

    /// Whether there is anything to wait for, ever.
    pub(crate) fn is_limited(&self) -> bool {
        self.allowed_ns.is_some()
    }

    fn since_epoch(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_nanos() as u64
    }

    /// Adds time on the processor; what comes back must go by before the guest computes on.
    pub(crate) fn charge(&self, now: Instant, cost: Duration) -> Option<Duration> {
        let cost = cost.as_nanos() as u64;
        self.cpu_ns.fetch_add(cost, Ordering::Relaxed);
        let allowed = self.allowed_ns?;
        let at = self.since_epoch(now);
        let mut used = self.used.lock();
        used.advance(at / PART_NS);
        let newest = (used.newest % PARTS as u64) as usize;
        used.parts[newest] += cost;
        used.sum += cost;
        let price = u128::from(cost) * PERIOD.as_nanos() / u128::from(allowed.max(1));
        used.paid_ns = used.paid_ns.max(at) + price as u64;
        wait_of(&used, at, allowed)
    }

    /// How long a call that begins now has to wait first.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        let allowed = self.allowed_ns?;
        let at = self.since_epoch(now);
        let mut used = self.used.lock();
        used.advance(at / PART_NS);
        wait_of(&used, at, allowed)
    }

    /// Counts time that a call was held back.
    pub(crate) fn record_throttled(&self, waited: Duration) {
        self.throttled_ns.fetch_add(waited.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Milliseconds that calls were held back, all together.
    pub(crate) fn throttled_ms(&self) -> u64 {
        self.throttled_ns.load(Ordering::Relaxed) / 1_000_000
    }

    /// Nanoseconds on the processor as far as ticks saw them.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }

    /// A call of this module has held its thread for long.
    pub(crate) fn record_long(&self, now: Instant, held: Duration) {
        let at = self.since_epoch(now);
        let at_once = LONG_AT_ONCE.as_nanos() as u64 * LONG_ONE_IN;
        let paid = |before: u64| (before.max(at) + held.as_nanos() as u64 * LONG_ONE_IN).min(at + 2 * at_once);
        let before = self.long_paid_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| Some(paid(before)));
        let (Ok(before) | Err(before)) = before;
        if paid(before) > at + at_once {
            self.heavy_until_ns.fetch_max(self.since_epoch(now + HEAVY_FOR), Ordering::Relaxed);
        }
    }

    /// Whether calls of this module are to begin among the long ones.
    pub(crate) fn heavy(&self) -> bool {
        self.heavy_until_ns.load(Ordering::Relaxed) > 0 && self.heavy_at(Instant::now())
    }

    fn heavy_at(&self, now: Instant) -> bool {
        self.since_epoch(now) < self.heavy_until_ns.load(Ordering::Relaxed)
    }
}

fn wait_of(used: &Window, at: u64, allowed: u64) -> Option<Duration> {
    let sliding = match used.parts_until(allowed) {
        0 => 0,
        parts => ((used.newest + parts) * PART_NS).saturating_sub(at),
    };
    let debt = used.paid_ns.saturating_sub(at + PERIOD.as_nanos() as u64);
    Some(sliding.max(debt)).filter(|wait| *wait > 0).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    #[test]
    fn a_module_below_its_share_never_waits() {
        let share = CpuShare::new(Some(50));
        let start = Instant::now();
        for tick in 0..1_000_u32 {
            // 10 ms on, 10 ms off, with a little to spare.
            assert_eq!(share.charge(start + TICK * 2 * tick, Duration::from_micros(9_500)), None, "tick {tick}");
        }
    }

    #[test]
    fn a_module_over_its_share_gets_exactly_its_share() {
        for percent in [1, 10, 50, 99] {
            let share = CpuShare::new(Some(percent));
            let start = Instant::now();
            let (mut now, mut used) = (start, Duration::ZERO);
            let end = start + Duration::from_secs(100);
            while now < end {
                used += TICK;
                now += TICK;
                if let Some(wait) = share.charge(now, TICK) {
                    assert!(wait <= PERIOD, "waits {wait:?}");
                    now += wait;
                }
            }
            let got = used.as_secs_f64();
            let want = f64::from(percent);
            // One tick a period at most: the smallest amount that can be given is one tick.
            assert!((want * 0.95..=want * 1.05 + 1.1).contains(&got), "{percent} %: {got} s of 100 s");
        }
    }

    #[test]
    fn a_full_share_is_no_limit() {
        for share in [CpuShare::new(None), CpuShare::new(Some(100))] {
            let now = Instant::now();
            assert!((0..10_000).all(|_| share.charge(now, TICK).is_none()));
            assert_eq!(share.cpu_ns(), 10_000 * TICK.as_nanos() as u64);
        }
    }

    #[test]
    fn a_module_that_computes_on_is_heavy_and_one_that_does_so_now_and_then_is_not() {
        let (share, start) = (CpuShare::new(None), Instant::now());
        for turn in 0..1_000 {
            let now = start + Duration::from_millis(50) * turn;
            share.record_long(now, Duration::from_millis(4));
            assert!(!share.heavy_at(now), "turn {turn} of 4 ms in 50");
        }
        let (share, turn) = (CpuShare::new(None), Duration::from_millis(2));
        let heavy = (1..100).find(|count| {
            share.record_long(start + turn * *count, turn);
            share.heavy_at(start + turn * *count)
        });
        assert_eq!(heavy, Some(12), "24 ms of 24");
        assert!(share.heavy_at(start + HEAVY_FOR) && !share.heavy_at(start + HEAVY_FOR * 2));
    }

    #[test]
    fn what_was_used_a_period_ago_is_forgotten() {
        let share = CpuShare::new(Some(20));
        let now = Instant::now();
        assert!(share.charge(now, Duration::from_millis(200)).is_some());
        assert!(share.wait(now + PERIOD / 2).is_some());
        assert_eq!(share.wait(now + PERIOD + TICK * 3), None);
    }

    #[test]
    fn what_many_calls_used_at_once_is_paid_for_in_full() {
        let share = CpuShare::new(Some(50));
        let now = Instant::now();
        let wait = (0..1_000).filter_map(|_| share.charge(now, TICK)).max();
        assert_eq!(wait.map(|wait| wait.as_secs()), Some(19), "10 s of work at half a core");
    }
}
