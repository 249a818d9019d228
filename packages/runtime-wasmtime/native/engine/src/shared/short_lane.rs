//! The threads on which calls begin: as few of them awake as there are processors for, and one more when those are held up.
//!
//! Measured on two otherwise idle cores, from a call in JavaScript to its answer: 50 us on a multi-thread runtime of Tokio, most of it the
//! way of two cores out of their sleep, and more the more threads it has, because each that finds work there wakes another one to look for
//! more. Timers, sockets and what else a host call waits for stay with that runtime, which the threads of this lane have entered.

use std::collections::VecDeque;
use std::future::Future;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use async_task::Runnable;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use wasmtime::Engine;

use crate::process::{Standing, current_core};

/// How long a thread without work looks for some before it sleeps, where the last call came as quickly and from another core: a sleeping core
/// takes about as long to wake up. Where both share a core, because others keep the rest busy, looking only keeps the caller off it.
const LOOK_FOR: Duration = Duration::from_micros(50);
/// Looks between two at the clock, about half a microsecond.
const LOOKS: u32 = 32;
/// How long waiting calls may go without one of them being taken until another thread helps out. Most calls take less.
const HELD_UP_AFTER: Duration = Duration::from_micros(100);

/// See the module's description. Lives as long as the process.
#[derive(Clone, Copy)]
pub(crate) struct ShortLane(&'static Shared);

struct Shared {
    queue: Mutex<Queue>,
    /// Length of the queue, for the thread that looks at it without the lock.
    ready: AtomicUsize,
    /// The last call came within [`LOOK_FOR`] after the lane had become idle.
    calls_come_quickly: AtomicBool,
    /// Core from which the last call came.
    caller_core: AtomicI32,
    /// Threads that run at once while none of them is held up.
    wanted: usize,
}

struct Queue {
    tasks: VecDeque<Runnable>,
    /// Threads that take tasks or work on one.
    running: usize,
    /// Those that run in place of one that is held up.
    helping: usize,
    /// Tasks that were taken, ever.
    taken: u64,
    /// When the last one was, or when a thread was last woken to take one.
    moved: Instant,
    /// Times that the lane was found to be held up, ever.
    held_up: u64,
    /// One of those that run looks for work; it takes the first that comes.
    looking: bool,
    /// A thread that does not run watches whether tasks are taken.
    watched: bool,
    /// Those that sleep, the last one on top: its caches are the warmest.
    asleep: Vec<Sleeper>,
}

struct Sleeper {
    thread: Thread,
    duty: Arc<AtomicU8>,
    idle_since: Instant,
}

/// What a thread is woken for.
const NOTHING: u8 = 0;
const WORK: u8 = 1;
const WATCH: u8 = 2;

impl ShortLane {
    /// Starts the threads, of which no more than `wanted` run at once while none of them is held up.
    pub(crate) fn start(threads: usize, wanted: usize, stack_bytes: usize, host: &Handle) -> std::io::Result<Self> {
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            queue: Mutex::new(Queue {
                tasks: VecDeque::new(),
                running: threads,
                helping: 0,
                taken: 0,
                moved: Instant::now(),
                held_up: 0,
                looking: false,
                watched: false,
                asleep: Vec::with_capacity(threads),
            }),
            ready: AtomicUsize::new(0),
            calls_come_quickly: AtomicBool::new(false),
            caller_core: AtomicI32::new(-1),
            wanted: wanted.clamp(1, threads),
        }));
        for index in 0..threads {
            let host = host.clone();
            let work = move || {
                let _entered = host.enter();
                Standing::CALLS.take();
                Engine::tls_eager_initialize();
                Worker { shared, duty: Arc::new(AtomicU8::new(NOTHING)), held_up: 0 }.run();
            };
            std::thread::Builder::new().name(format!("hotswap-call-{index}")).stack_size(stack_bytes).spawn(work)?;
        }
        Ok(Self(shared))
    }

    /// Runs work to its end, whether or not anybody waits for it.
    pub(crate) fn spawn(self, work: impl Future<Output = ()> + Send + 'static) {
        let (task, handle) = async_task::spawn(work, move |task| self.0.push(task));
        handle.detach();
        task.schedule();
    }
}

impl Shared {
    fn push(&self, task: Runnable) {
        self.caller_core.store(current_core(), Ordering::Relaxed);
        let mut queue = self.queue.lock();
        queue.tasks.push_back(task);
        let ready = queue.tasks.len();
        self.ready.store(ready, Ordering::Release);
        let enough = queue.running >= self.wanted + queue.helping;
        if queue.looking && ready == 1 {
            return;
        }
        let held_up = enough && queue.moved.elapsed() >= HELD_UP_AFTER;
        if enough && queue.watched && !held_up {
            return;
        }
        let Some(Sleeper { thread, duty, idle_since }) = queue.asleep.pop() else { return };
        let from_idle = queue.running == 0;
        if held_up {
            queue.help();
        } else if enough {
            queue.watched = true;
        } else {
            queue.running += 1;
            queue.moved = Instant::now();
        }
        drop(queue);
        let enough = enough && !held_up;
        if from_idle {
            self.calls_come_quickly.store(idle_since.elapsed() < LOOK_FOR, Ordering::Relaxed);
        }
        duty.store(if enough { WATCH } else { WORK }, Ordering::Release);
        thread.unpark();
    }

    fn looking_pays(&self) -> bool {
        self.calls_come_quickly.load(Ordering::Relaxed) && self.caller_core.load(Ordering::Relaxed) != current_core()
    }

    fn look(&self, since: Instant) {
        while since.elapsed() < LOOK_FOR {
            for _ in 0..LOOKS {
                if self.ready.load(Ordering::Acquire) > 0 {
                    return;
                }
                spin_loop();
            }
            // The caller may have come to this core meanwhile.
            std::thread::yield_now();
        }
    }
}

impl Queue {
    /// Those that run are held up: one more runs.
    fn help(&mut self) {
        self.held_up += 1;
        self.helping += 1;
        self.running += 1;
        self.moved = Instant::now();
    }
}

/// One of the threads.
struct Worker {
    shared: &'static Shared,
    duty: Arc<AtomicU8>,
    /// `Queue::held_up` when this thread took its task.
    held_up: u64,
}

impl Worker {
    fn run(mut self) -> ! {
        loop {
            let task = self.next();
            // A task of this lane ends in an error of its own; whatever still gets here must not take the thread along.
            drop(catch_unwind(AssertUnwindSafe(|| task.run())));
        }
    }

    /// Waits for a task.
    fn next(&mut self) -> Runnable {
        let shared = self.shared;
        let mut queue = shared.queue.lock();
        if queue.held_up != self.held_up {
            // Perhaps by this thread's task; whoever helped out goes on in its place.
            queue.helping = queue.helping.saturating_sub(1);
        }
        loop {
            let idle_since = Instant::now();
            if queue.running <= shared.wanted + queue.helping {
                if let Some(task) = self.take(&mut queue) {
                    return task;
                }
                if !queue.looking && shared.looking_pays() {
                    queue.looking = true;
                    MutexGuard::unlocked(&mut queue, || shared.look(idle_since));
                    queue.looking = false;
                    if let Some(task) = self.take(&mut queue) {
                        return task;
                    }
                }
            }
            queue.running -= 1;
            loop {
                let (thread, duty) = (std::thread::current(), self.duty.clone());
                queue.asleep.push(Sleeper { thread, duty, idle_since });
                let duty = MutexGuard::unlocked(&mut queue, || self.sleep());
                if duty == WORK || watch(&mut queue) {
                    break;
                }
            }
        }
    }

    fn take(&mut self, queue: &mut Queue) -> Option<Runnable> {
        let task = queue.tasks.pop_front()?;
        queue.taken += 1;
        queue.moved = Instant::now();
        self.shared.ready.store(queue.tasks.len(), Ordering::Release);
        self.held_up = queue.held_up;
        Some(task)
    }

    fn sleep(&self) -> u8 {
        loop {
            std::thread::park();
            let duty = self.duty.swap(NOTHING, Ordering::AcqRel);
            if duty != NOTHING {
                return duty;
            }
        }
    }
}

/// Watches that tasks are taken, until none waits. True: those that run are held up, and this thread is one of them now.
fn watch(queue: &mut MutexGuard<'_, Queue>) -> bool {
    loop {
        let taken = queue.taken;
        MutexGuard::unlocked(queue, || std::thread::park_timeout(HELD_UP_AFTER));
        let (waiting, held_up) = (!queue.tasks.is_empty(), queue.taken == taken);
        if !waiting || held_up {
            queue.watched = false;
        }
        if waiting && held_up {
            queue.help();
        }
        if !waiting || held_up {
            return waiting;
        }
    }
}
