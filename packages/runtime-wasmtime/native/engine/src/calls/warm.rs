//! Instances kept between calls and HTTP requests, for modules that opt in: the one used last is used next, so that a quiet module shrinks
//! to one. Calls and requests enter an instance by different doors, so each kind uses its own again; their bounds hold for both together.
//!
//! Guest memory is not wiped in between: an instance never leaves its module version, and is dropped after any error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::SemaphorePermit;
use wasmtime::Store;

use crate::functions::Live;
use crate::http::Server;
use crate::module::LoadedModule;
use crate::policy::ReusePolicy;
use crate::runtime::Runtime;
use crate::shared::memory_budget::MemoryBudget;
use crate::store::StoreData;

/// Part of what all guests may hold that idle ones may.
const IDLE_SHARE: usize = 4;
/// One that has been idle for less is as good as the one that would take its memory.
const MIN_REST: Duration = Duration::from_millis(250);

/// Linear memory of all idle instances of the process; each has a byte at least.
static IDLE_BYTES: AtomicUsize = AtomicUsize::new(0);

fn max_idle_bytes() -> usize {
    MemoryBudget::get().limit() / IDLE_SHARE
}

/// What an instance is entered by.
pub(crate) enum Door {
    Functions(Live),
    Requests(Server),
}

/// One of them.
pub(crate) trait Entered: Sized {
    fn is(door: &Door) -> bool;
    fn of(door: Door) -> Option<Self>;
    fn into_door(self) -> Door;
}

macro_rules! entered_by {
    ($way:ty, $door:ident) => {
        impl Entered for $way {
            fn is(door: &Door) -> bool {
                matches!(door, Door::$door(_))
            }

            fn of(door: Door) -> Option<Self> {
                if let Door::$door(way) = door { Some(way) } else { None }
            }

            fn into_door(self) -> Door {
                Door::$door(self)
            }
        }
    };
}

entered_by!(Live, Functions);
entered_by!(Server, Requests);

/// An instance on loan, and how often it has been.
pub(crate) struct Loan<W> {
    pub(crate) store: Store<StoreData>,
    pub(crate) way: W,
    calls: u64,
}

impl<W> Loan<W> {
    /// One that has just been made.
    pub(crate) fn new(store: Store<StoreData>, way: W) -> Self {
        Self { store, way, calls: 0 }
    }
}

/// Place of an instance in the engine's pool.
pub(crate) type Permit = SemaphorePermit<'static>;

/// Idle instances of one module version, in the order in which they came.
pub(crate) struct IdlePool {
    policy: ReusePolicy,
    idle: Mutex<Vec<Idle>>,
}

pub(crate) struct Idle {
    store: Store<StoreData>,
    door: Door,
    calls: u64,
    since: Instant,
    bytes: IdleBytes,
    /// Last, as fields are dropped in order: whoever gets the place finds it empty.
    permit: Permit,
}

/// Counted while an instance is idle.
struct IdleBytes(usize);

impl IdleBytes {
    fn take(bytes: usize) -> Option<Self> {
        let taken = Self(bytes);
        let before = IDLE_BYTES.fetch_add(bytes, Ordering::SeqCst);
        (before.saturating_add(bytes) <= max_idle_bytes()).then_some(taken)
    }
}

impl Drop for IdleBytes {
    fn drop(&mut self) {
        IDLE_BYTES.fetch_sub(self.0, Ordering::SeqCst);
    }
}

impl IdlePool {
    pub(crate) fn new(policy: ReusePolicy) -> Self {
        Self { policy, idle: Mutex::new(Vec::new()) }
    }

    /// The instance that was used last and is entered like that, with its place, if one is idle and has not been for too long.
    pub(crate) fn take<W: Entered>(&self, now: Instant) -> Option<(Loan<W>, Permit)> {
        let idle = {
            let mut all = self.idle.lock();
            let at = all.iter().rposition(|idle| W::is(&idle.door))?;
            all.remove(at)
        };
        // The newest is too old: so are all others, which the next sweep drops.
        if now.saturating_duration_since(idle.since) >= self.max_idle() {
            return None;
        }
        let Idle { store, door, calls, permit, .. } = idle;
        Some((Loan { store, way: W::of(door)?, calls }, permit))
    }

    /// Keeps an instance whose call ended well, at `since`. Drops it where it is not wanted: it has served its time, somebody waits for its
    /// place, or there is no room.
    pub(crate) fn put_back<W: Entered>(
        &self,
        runtime: &'static Runtime,
        loan: Loan<W>,
        permit: Permit,
        since: Instant,
    ) {
        let Loan { store, way, calls } = loan;
        let calls = calls + 1;
        if calls >= self.policy.max_calls {
            return;
        }
        let size = store.data().limiter.memory_bytes().max(1);
        let Some(bytes) = IdleBytes::take(size).or_else(|| make_memory(runtime, size, since)) else { return };
        let idle = Idle { store, door: way.into_door(), calls, since, bytes, permit };
        if self.keep::<W>(runtime, idle) {
            runtime.sweep_soon();
        }
    }

    fn keep<W: Entered>(&self, runtime: &Runtime, idle: Idle) -> bool {
        let mut all = self.idle.lock();
        // Under the lock, and after it was counted as idle: those who begin to wait look in the other order, and one of the two sees the other.
        if runtime.places_wanted() {
            return false;
        }
        let mut given_up = None;
        if all.len() >= self.policy.max_instances as usize {
            let alike = all.iter().filter(|idle| W::is(&idle.door)).count();
            // The kind that has more gives one up.
            let other = (all.len() - alike > alike).then(|| all.iter().position(|idle| !W::is(&idle.door))).flatten();
            let Some(other) = other else { return false };
            given_up = Some(all.remove(other));
        }
        all.push(idle);
        drop(all);
        if let Some(given_up) = given_up {
            given_up.bury(runtime);
        }
        true
    }

    /// Drops what has been idle for too long; returns how many are left.
    pub(crate) fn sweep(&self, runtime: &Runtime) -> usize {
        let (max_idle, now) = (self.max_idle(), Instant::now());
        let mut all = self.idle.lock();
        // An answer may leave long after its guest returned, so that times are not in order.
        let old: Vec<_> = all.extract_if(.., |idle| now.saturating_duration_since(idle.since) >= max_idle).collect();
        let left = all.len();
        drop(all);
        for idle in old {
            idle.bury(runtime);
        }
        left
    }

    /// Drops all.
    pub(crate) fn clear(&self, runtime: &Runtime) {
        let all = std::mem::take(&mut *self.idle.lock());
        for idle in all {
            idle.bury(runtime);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.idle.lock().len()
    }

    fn oldest(&self) -> Option<Instant> {
        self.idle.lock().iter().map(|idle| idle.since).min()
    }

    fn take_oldest(&self) -> Option<Idle> {
        let mut all = self.idle.lock();
        let at = all.iter().enumerate().min_by_key(|(_, idle)| idle.since)?.0;
        Some(all.remove(at))
    }

    fn max_idle(&self) -> Duration {
        Duration::from_millis(self.policy.max_idle_ms)
    }
}

impl Idle {
    /// Frees it away from this thread. Its place is free when it is gone, its share of idle memory at once.
    fn bury(self, runtime: &Runtime) {
        let Self { store, door, bytes, permit, .. } = self;
        drop(bytes);
        runtime.bury(Box::new((store, door, permit)));
    }
}

/// Takes the instance that has been idle for longest, of whatever module, if it came before that.
fn take_oldest(modules: &[Arc<LoadedModule>], before: Option<Instant>) -> Option<Idle> {
    loop {
        let pools = modules.iter().filter_map(|module| module.warm.as_ref());
        let (since, pool) = pools.filter_map(|pool| Some((pool.oldest()?, pool))).min_by_key(|(since, _)| *since)?;
        if before.is_some_and(|before| since > before) {
            return None;
        }
        // Somebody may have taken it meanwhile.
        if let Some(idle) = pool.take_oldest() {
            return Some(idle);
        }
    }
}

/// Drops an idle instance because somebody needs its place. False: there is none.
pub(crate) fn make_room(runtime: &Runtime) -> bool {
    // Not buried: the place is wanted now.
    IDLE_BYTES.load(Ordering::SeqCst) > 0 && take_oldest(&runtime.live_modules(), None).map(drop).is_some()
}

/// Room for so much idle memory, at the cost of instances that have been idle for longer.
fn make_memory(runtime: &Runtime, bytes: usize, now: Instant) -> Option<IdleBytes> {
    if bytes > max_idle_bytes() {
        return None;
    }
    let before = now.checked_sub(MIN_REST)?;
    let modules = runtime.live_modules();
    loop {
        take_oldest(&modules, Some(before))?.bury(runtime);
        if let Some(taken) = IdleBytes::take(bytes) {
            return Some(taken);
        }
    }
}
