//! The epoch: one thread that ticks every 2 ms while guests run and sleeps when none do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wasmtime::EngineWeak;

use crate::process::{self, Standing};

/// Length of one tick: about as long does a guest that computes on keep a thread of normal priority. Spin's is 10 ms, that of `wasmtime serve`
/// 50; a tick costs a yield of each guest that computes, some microseconds.
pub const TICK_MS: u64 = 2;
/// Idle ticks before the thread sleeps, so that steady light load never pays for waking it.
const IDLE_TICKS: u32 = 100;
/// Ticks between two looks at the signal handler.
const HANDLER_CHECK_TICKS: u32 = 500;

#[derive(Debug, Default)]
struct Shared {
    active: AtomicUsize,
    /// Calls begun since the start; changes tell the thread that someone was here between two looks.
    begun: AtomicU64,
    parked: AtomicBool,
}

/// Handle of the ticking thread.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    engines: Arc<Mutex<Vec<EngineHandle>>>,
}

struct EngineHandle(EngineWeak);

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EngineHandle")
    }
}

impl Ticker {
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let engines = Arc::new(Mutex::new(Vec::new()));
        let (state, list) = (shared.clone(), engines.clone());
        let handle =
            std::thread::Builder::new().name("hotswap-epoch".to_owned()).stack_size(64 * 1024).spawn(move || {
                Standing::TICKS.take();
                run(&state, &list);
            })?;
        Ok(Self { shared, thread: handle.thread().clone(), engines })
    }

    pub(crate) fn add(&self, engine: EngineWeak) {
        self.engines.lock().push(EngineHandle(engine));
    }

    /// Keeps the epoch moving while the guard lives.
    pub(crate) fn running(&self) -> RunningGuard<'_> {
        self.shared.active.fetch_add(1, Ordering::SeqCst);
        self.shared.begun.fetch_add(1, Ordering::Relaxed);
        if self.shared.parked.load(Ordering::SeqCst) {
            process::check_handler();
            self.thread.unpark();
        }
        RunningGuard { shared: &self.shared }
    }

    /// Guests that run now.
    pub(crate) fn active(&self) -> usize {
        self.shared.active.load(Ordering::Relaxed)
    }
}

/// See [`Ticker::running`].
#[derive(Debug)]
pub(crate) struct RunningGuard<'a> {
    shared: &'a Shared,
}

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.shared.active.fetch_sub(1, Ordering::SeqCst);
    }
}

fn run(shared: &Shared, engines: &Mutex<Vec<EngineHandle>>) {
    let (mut idle, mut seen, mut until_check) = (0_u32, 0_u64, HANDLER_CHECK_TICKS);
    let (mut since, mut done) = (Instant::now(), 0_u64);
    loop {
        std::thread::sleep(Duration::from_millis(TICK_MS));
        // On a busy machine this thread wakes late: the epoch must keep up with the clock all the same, it is what limits mean.
        let due = (since.elapsed().as_millis() as u64 / TICK_MS).max(done + 1);
        for engine in engines.lock().iter() {
            if let Some(engine) = engine.0.upgrade() {
                (done..due).for_each(|_| engine.increment_epoch());
            }
        }
        done = due;
        until_check -= 1;
        if until_check == 0 {
            process::check_handler();
            until_check = HANDLER_CHECK_TICKS;
        }
        let begun = shared.begun.load(Ordering::Relaxed);
        idle = if begun == seen && shared.active.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
        seen = begun;
        if idle >= IDLE_TICKS {
            shared.parked.store(true, Ordering::SeqCst);
            // A call that began before it could see the flag is seen here; one that begins after it unparks us.
            if shared.active.load(Ordering::SeqCst) == 0 {
                std::thread::park();
            }
            shared.parked.store(false, Ordering::SeqCst);
            (idle, since, done) = (0, Instant::now(), 0);
        }
    }
}
