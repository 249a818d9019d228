//! What this crate must ask of the process itself: staying mapped, keeping the fault handler, and how much stack is left.
//!
//! One of the two modules with `unsafe` code: each call below is a plain query of the operating system.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Address of the SIGSEGV handler that Wasmtime installed; 0 before the first engine and where there is none.
static EXPECTED_HANDLER: AtomicUsize = AtomicUsize::new(0);
static HANDLER_INTACT: AtomicBool = AtomicBool::new(true);

/// Keeps the shared object that holds this code mapped for the life of the process.
///
/// Node unmaps an addon when the last environment that loaded it ends. Wasmtime's signal handler would then point into nothing, and the
/// next fault of anyone in the process, V8's own WebAssembly included, would kill it. Call before the first engine exists.
#[cfg(unix)]
pub fn pin_image() {
    let anchor = pin_image as *const libc::c_void;
    // SAFETY: `dladdr` writes into the zeroed struct we own; the name it returns lives as long as the object is loaded, which is now.
    // `dlopen` of an object that is already loaded only raises its reference count and sets the flag.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(anchor, &raw mut info) != 0 && !info.dli_fname.is_null() {
            libc::dlopen(info.dli_fname, libc::RTLD_NOW | libc::RTLD_NODELETE);
        }
    }
}

/// Windows keeps vectored handlers by module reference of its own.
#[cfg(not(unix))]
pub fn pin_image() {}

#[cfg(unix)]
fn current_handler() -> usize {
    // SAFETY: a null new action makes `sigaction` a query into the zeroed struct we own.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGSEGV, std::ptr::null(), &raw mut action) == 0 { action.sa_sigaction } else { 0 }
    }
}

#[cfg(not(unix))]
fn current_handler() -> usize {
    0
}

/// Remembers the handler that is installed now as the one that must stay. Call right after the first engine was made.
pub(crate) fn remember_handler() {
    EXPECTED_HANDLER.store(current_handler(), Ordering::Release);
}

/// Asks the operating system whether the handler is still ours, and remembers the answer for [`handler_intact`].
pub fn check_handler() -> bool {
    let expected = EXPECTED_HANDLER.load(Ordering::Acquire);
    let intact = expected == 0 || current_handler() == expected;
    HANDLER_INTACT.store(intact, Ordering::Release);
    intact
}

/// The last answer of [`check_handler`], without a system call.
pub(crate) fn handler_intact() -> bool {
    HANDLER_INTACT.load(Ordering::Acquire)
}

#[cfg(target_os = "linux")]
fn stack_floor() -> usize {
    // SAFETY: the attribute object is initialised by `pthread_getattr_np`, read once and destroyed; all pointers are to locals.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return 0;
        }
        let mut floor: *mut libc::c_void = std::ptr::null_mut();
        let mut size = 0;
        let known = libc::pthread_attr_getstack(&raw const attributes, &raw mut floor, &raw mut size) == 0;
        libc::pthread_attr_destroy(&raw mut attributes);
        if known { floor as usize } else { 0 }
    }
}

#[cfg(target_os = "macos")]
fn stack_floor() -> usize {
    // SAFETY: both calls only read the calling thread's own attributes.
    unsafe {
        let thread = libc::pthread_self();
        (libc::pthread_get_stackaddr_np(thread) as usize).saturating_sub(libc::pthread_get_stacksize_np(thread))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn stack_floor() -> usize {
    0
}

/// Bytes of stack left on this thread, 0 when unknown.
///
/// Node's Workers have 4 MiB with little beyond V8's own limit, so a guest must not run on the native stack there when JavaScript is deep.
pub(crate) fn stack_headroom() -> usize {
    thread_local! {
        static FLOOR: usize = stack_floor();
    }
    let here = 0_u8;
    FLOOR.with(|floor| if *floor == 0 { 0 } else { (&raw const here as usize).saturating_sub(*floor) })
}

/// Time this thread has been on a processor; zero where nobody can say.
#[cfg(unix)]
pub(crate) fn thread_cpu_time() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes into the struct we own.
    let known = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } == 0;
    if known { std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32) } else { std::time::Duration::ZERO }
}

/// As above: wall time stands in for it.
#[cfg(not(unix))]
pub(crate) fn thread_cpu_time() -> std::time::Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// Number of the core that this thread is on; -1 where nobody says.
#[cfg(target_os = "linux")]
pub(crate) fn current_core() -> i32 {
    // SAFETY: takes nothing and returns a number.
    unsafe { libc::sched_getcpu() }
}

/// Nobody does elsewhere.
#[cfg(not(target_os = "linux"))]
pub(crate) fn current_core() -> i32 {
    -1
}

/// How a thread of ours shares a core with others. A thread that wakes up goes before one that runs if its slices are shorter; how much of
/// the core each gets is a matter of priority alone.
///
/// Priority does not do the former: what computes keeps its core until the scheduler's next interrupt, up to 4 ms where that comes 250 times
/// a second. Slices of a thread's own choice exist since Linux 6.12; the usual one is some milliseconds there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// 0: as others.
    pub(crate) nice: i32,
    pub(crate) slice_us: u64,
}

impl Standing {
    /// For the clock of all guests, which must not wait for one of them.
    pub(crate) const TICKS: Self = Self { nice: 0, slice_us: 100 };
    /// For whoever begins calls: short ones, as a rule.
    pub(crate) const CALLS: Self = Self { nice: 0, slice_us: 500 };
    /// For what takes milliseconds and is waited for.
    pub(crate) const LOADS: Self = Self { nice: 0, slice_us: 5_000 };
    /// For what may take for ever: a quarter of a busy core at least, all of an idle one, and the longest slices that there are.
    pub(crate) const LONG: Self = Self { nice: 5, slice_us: 100_000 };

    /// Gives it to the calling thread, and to those that it starts from now on.
    #[cfg(target_os = "linux")]
    pub(crate) fn take(self) {
        /// `struct sched_attr` of the kernel, as it was first.
        #[repr(C)]
        struct Attributes {
            size: u32,
            policy: u32,
            flags: u64,
            nice: i32,
            priority: u32,
            runtime_ns: u64,
            deadline_ns: u64,
            period_ns: u64,
        }
        // SAFETY: both only read what the kernel knows of the calling thread.
        let (policy, own) = unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) };
        // Whoever started the process as a batch or an idle one, or with a lower priority, meant all of its threads.
        if policy != libc::SCHED_OTHER {
            return;
        }
        let nice = self.nice.max(own);
        let attributes = Attributes {
            size: size_of::<Attributes>() as u32,
            policy: libc::SCHED_OTHER as u32,
            flags: 0,
            nice,
            priority: 0,
            runtime_ns: self.slice_us * 1_000,
            deadline_ns: 0,
            period_ns: 0,
        };
        // SAFETY: numbers, and a pointer to the struct we own; 0 is the calling thread. Linux counts both values per thread. A refusal leaves
        // it as it is.
        unsafe {
            if libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) != 0 && nice > own {
                libc::setpriority(libc::PRIO_PROCESS, 0, nice);
            }
        }
    }

    /// Other systems count priorities per process: left alone.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn take(self) {}
}

/// Limit of the process's address space, if it has one.
#[cfg(unix)]
pub(crate) fn address_space_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call only writes into the struct we own.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    (known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// No such limit elsewhere.
#[cfg(not(unix))]
pub(crate) fn address_space_limit() -> Option<u64> {
    None
}

/// Ends this process when it has used that much more processor time, rounded up to seconds.
#[cfg(unix)]
pub(crate) fn limit_cpu_from_now(cpu_ms: u64) {
    // SAFETY: both calls only read and write the structs we own.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) == 0
            && libc::getrlimit(libc::RLIMIT_CPU, &raw mut limit) == 0
        {
            let used = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
            limit.rlim_cur = (used as libc::rlim_t + 1 + cpu_ms.div_ceil(1_000)).min(limit.rlim_max);
            libc::setrlimit(libc::RLIMIT_CPU, &raw const limit);
        }
    }
}

/// No such limit elsewhere; the parent's clock ends the process.
#[cfg(not(unix))]
pub(crate) fn limit_cpu_from_now(_: u64) {}

/// Lets this process map that much more address space; `None`: as much as it likes.
#[cfg(target_os = "linux")]
pub(crate) fn limit_memory(more_bytes: Option<u64>) {
    // What threads and allocators reserve without using it comes on top; what is used is watched by the parent.
    const RESERVED_BYTES: u64 = 512 * 1024 * 1024;
    let mapped = std::fs::read_to_string("/proc/self/statm").ok();
    let mapped = mapped.and_then(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok());
    // SAFETY: both calls only read and write the struct we own.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) != 0 {
            return;
        }
        limit.rlim_cur = match (more_bytes, mapped) {
            (Some(more), Some(pages)) => (pages * 4096 + more + RESERVED_BYTES).min(limit.rlim_max),
            _ => limit.rlim_max,
        };
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
    }
}

/// Elsewhere the parent watches alone.
#[cfg(not(target_os = "linux"))]
pub(crate) fn limit_memory(_: Option<u64>) {}

/// A process that dies by a limit leaves no image behind.
#[cfg(unix)]
pub(crate) fn no_core_dump() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: only reads the struct we own.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
    }
}

/// None there.
#[cfg(not(unix))]
pub(crate) fn no_core_dump() {}
