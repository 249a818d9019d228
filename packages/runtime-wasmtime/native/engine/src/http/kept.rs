//! Instances that live on after a request, for modules that ask for it. Each keeps its place in the pool while it waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::SemaphorePermit;
use wasmtime::Store;

use crate::module::LoadedModule;
use crate::policy::ReusePolicy;
use crate::runtime::Runtime;
use crate::store::StoreData;

use super::component::Server;

const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// One of them.
pub(crate) struct KeptInstance {
    pub(crate) store: Store<StoreData>,
    pub(crate) server: Server,
    calls: u64,
    _permit: SemaphorePermit<'static>,
    /// When its last request ended.
    pub(crate) since: Instant,
}

impl KeptInstance {
    pub(crate) fn new(
        store: Store<StoreData>,
        server: Server,
        permit: SemaphorePermit<'static>,
        since: Instant,
    ) -> Self {
        Self { store, server, calls: 0, _permit: permit, since }
    }
}

/// Those of one module that are idle, the last used on top.
#[derive(Default)]
pub(crate) struct KeptInstances {
    idle: Mutex<Vec<KeptInstance>>,
    listed: AtomicBool,
}

/// Modules that keep instances.
static KEEPING: Mutex<Vec<Weak<LoadedModule>>> = Mutex::new(Vec::new());

impl KeptInstances {
    pub(crate) fn take(&self) -> Option<KeptInstance> {
        self.idle.lock().pop()
    }

    /// Keeps an instance that has answered, or drops it when the policy says so.
    pub(crate) fn put(module: &Arc<LoadedModule>, mut instance: KeptInstance, policy: ReusePolicy) {
        instance.calls += 1;
        if instance.calls >= policy.max_calls {
            return;
        }
        let own = &module.kept;
        if !own.listed.swap(true, Ordering::AcqRel) {
            KEEPING.lock().push(Arc::downgrade(module));
        }
        let mut idle = own.idle.lock();
        if idle.len() < policy.max_instances as usize {
            idle.push(instance);
        }
    }

    fn drop_older_than(&self, age: Duration) -> Vec<KeptInstance> {
        let mut idle = self.idle.lock();
        // In the order in which they came to rest.
        let stale = idle.iter().take_while(|instance| instance.since.elapsed() >= age).count();
        idle.drain(..stale).collect()
    }

    /// Drops all that are idle.
    pub(crate) fn clear(&self) {
        bury(self.drop_older_than(Duration::ZERO));
    }
}

fn bury(instances: Vec<KeptInstance>) {
    if !instances.is_empty()
        && let Ok(runtime) = Runtime::get()
    {
        runtime.bury(Box::new(instances));
    }
}

fn keeping() -> Vec<Arc<LoadedModule>> {
    let mut keeping = KEEPING.lock();
    keeping.retain(|module| module.strong_count() > 0);
    keeping.iter().filter_map(Weak::upgrade).collect()
}

/// Drops the idle instances of all modules at once: someone needs their places. Returns whether there were any.
pub(crate) fn make_room() -> bool {
    let mut any = false;
    for module in keeping() {
        // Not buried: the place is wanted now.
        any |= !module.kept.drop_older_than(Duration::ZERO).is_empty();
    }
    any
}

/// Starts dropping instances that were idle for too long; once for the process.
pub(crate) fn sweep_on(handle: &Handle) {
    static SWEEPING: OnceLock<()> = OnceLock::new();
    SWEEPING.get_or_init(|| {
        handle.spawn(async {
            loop {
                tokio::time::sleep(SWEEP_PAUSE).await;
                for module in keeping() {
                    let max_idle = module.policy.runtime.reuse.map_or(0, |reuse| reuse.max_idle_ms);
                    bury(module.kept.drop_older_than(Duration::from_millis(max_idle)));
                }
            }
        });
    });
}
