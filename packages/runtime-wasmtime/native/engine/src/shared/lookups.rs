//! Names of hosts looked up for guests: for outgoing HTTP and for `wasi:sockets` alike.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::runtime::MAX_BLOCKING_THREADS;

/// Lookups that may hold threads of a runtime's blocking pool: file calls need the others.
static PLACES: Semaphore = Semaphore::const_new(MAX_LOOKUPS);
const MAX_LOOKUPS: usize = MAX_BLOCKING_THREADS - MAX_BLOCKING_THREADS / 4;
/// Of one module: names that are never answered are no reason for others to wait.
const MAX_OWN_LOOKUPS: usize = 4;

/// Answers of a resolver.
pub(crate) type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Turns names into addresses; tests bring their own.
pub(crate) trait Resolver: Send + Sync {
    /// All addresses of a name, in order of preference.
    fn resolve(&self, name: &str) -> Lookup;
}

/// The operating system's resolver.
struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Lookup {
        let name = name.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// One module's lookups, whatever they are for.
pub(crate) struct Lookups {
    resolver: Arc<dyn Resolver>,
    own: Arc<Semaphore>,
    places: &'static Semaphore,
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lookups").field("free", &self.own.available_permits()).finish_non_exhaustive()
    }
}

impl Lookups {
    /// By the operating system's resolver.
    pub(crate) fn of_system() -> Arc<Self> {
        Self::by(Arc::new(SystemResolver))
    }

    pub(crate) fn by(resolver: Arc<dyn Resolver>) -> Arc<Self> {
        Self::within(&PLACES, resolver)
    }

    fn within(places: &'static Semaphore, resolver: Arc<dyn Resolver>) -> Arc<Self> {
        Arc::new(Self { resolver, own: Arc::new(Semaphore::new(MAX_OWN_LOOKUPS)), places })
    }

    /// Waits for a place, and for the answer. The system's resolver cannot be broken off: its place is free when it has ended, not when
    /// nobody waits for it any more. Who leaves before a lookup has begun leaves nothing behind.
    pub(crate) async fn find(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let own = self.own.clone().acquire_owned().await.map_err(io::Error::other)?;
        let place = self.places.acquire().await.map_err(io::Error::other)?;
        let lookup = self.resolver.resolve(name);
        let looking = tokio::spawn(async move {
            let _places = (own, place);
            lookup.await
        });
        looking.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Takes its time, whoever waits for it, and knows how many it looks for.
    pub(crate) struct Slow {
        takes: Duration,
        active: Arc<AtomicUsize>,
        begun: AtomicUsize,
        most: AtomicUsize,
    }

    impl Slow {
        pub(crate) fn new(takes: Duration) -> Arc<Self> {
            Arc::new(Self { takes, active: Arc::default(), begun: AtomicUsize::new(0), most: AtomicUsize::new(0) })
        }

        /// Lookups under way.
        pub(crate) fn active(&self) -> usize {
            self.active.load(Ordering::SeqCst)
        }

        /// Lookups that were ever under way.
        pub(crate) fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }

        /// Most at any time.
        pub(crate) fn most(&self) -> usize {
            self.most.load(Ordering::SeqCst)
        }
    }

    impl Resolver for Slow {
        fn resolve(&self, _: &str) -> Lookup {
            let (active, takes) = (self.active.clone(), self.takes);
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.most.fetch_max(active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let looking = tokio::spawn(async move {
                tokio::time::sleep(takes).await;
                active.fetch_sub(1, Ordering::SeqCst);
            });
            Box::pin(async move {
                looking.await.map_err(io::Error::other)?;
                Ok(vec![IpAddr::from([127, 0, 0, 1])])
            })
        }
    }

    #[tokio::test]
    async fn modules_together_leave_threads_to_others() {
        // Other tests need the process's own.
        static PLACES: Semaphore = Semaphore::const_new(MAX_LOOKUPS);
        let names = Slow::new(Duration::from_millis(50));
        let modules: Vec<_> = (0..MAX_BLOCKING_THREADS).map(|_| Lookups::within(&PLACES, names.clone())).collect();
        let all = modules.iter().flat_map(|module| (0..8).map(move |_| module.find("slow.test")));
        let found = futures_util::future::join_all(all).await;
        assert!(found.iter().all(Result::is_ok) && names.begun() == found.len());
        assert!(names.most() == MAX_LOOKUPS && MAX_LOOKUPS < MAX_BLOCKING_THREADS, "{}", names.most());
    }
}
