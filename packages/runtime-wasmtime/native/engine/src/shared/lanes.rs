//! Two lanes for calls: most begin and end among the short ones; one that computes on moves over to threads of lower priority.
//!
//! A thread that runs a guest cannot run another one until the next tick. With one lane, each endless loop would make every other call
//! wait for its ticks; with two, it waits for nobody but its like.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::process::thread_cpu_time;
use crate::shared::cpu_share::CpuShare;

/// Age at which a sample is taken anew.
const SAMPLE_AGE: Duration = Duration::from_millis(1);
/// Time on the processor from which one turn of a guest is that of a long call.
const LONG_TURN: Duration = Duration::from_millis(1);

thread_local! {
    /// The guest that this thread polls has computed through more ticks than a short call does.
    static COMPUTES_ON: Cell<bool> = const { Cell::new(false) };
    /// Both clocks of a thread of the short lane, read shortly before the guest that it polls.
    static SAMPLE: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
    /// Since when the guest that this thread polls has computed, by the clock of its lane; `None` outside of both.
    static SINCE: Cell<Option<Clock>> = const { Cell::new(None) };
}

/// The short lane reads the clock on the wall, which costs next to nothing; the long one its thread's own, because threads of low priority
/// are set aside for others.
#[derive(Clone, Copy)]
enum Clock {
    Wall(Instant),
    Cpu(Duration),
}

impl Clock {
    /// Starts over and says how long it was.
    fn lap(self) -> (Self, Duration) {
        match self {
            Self::Wall(since) => {
                let now = Instant::now();
                (Self::Wall(now), now.saturating_duration_since(since))
            }
            Self::Cpu(since) => {
                let now = thread_cpu_time();
                (Self::Cpu(now), now.saturating_sub(since))
            }
        }
    }
}

/// Called from a guest's tick: asks to be moved to the long lane.
pub(crate) fn ask_to_move() {
    COMPUTES_ON.set(true);
}

/// What a tick in a guest stands for.
pub(crate) struct TickCost {
    /// What to charge for it. Most short calls meet no tick, so the few that do in the short lane pay a whole one; a bulk operation that
    /// nothing could interrupt pays for all of them.
    pub(crate) charge: Duration,
    /// How long the guest has really computed without a pause.
    pub(crate) computed: Duration,
}

/// Called from a guest's tick.
pub(crate) fn tick_cost(tick: Duration) -> TickCost {
    let Some(since) = SINCE.get() else { return TickCost { charge: tick, computed: Duration::ZERO } };
    let (now, computed) = since.lap();
    SINCE.set(Some(now));
    match (since, SAMPLE.get()) {
        // The wall's clock also runs while a busy machine sets the thread aside: what the thread itself did since the last sample is more than
        // the guest did, by no more than the time between the sample and the guest's turn.
        (Clock::Wall(turn), Some((wall, cpu))) => {
            let others = turn.saturating_duration_since(wall);
            let own = thread_cpu_time().saturating_sub(cpu).saturating_sub(others);
            TickCost { charge: computed.max(tick), computed: computed.min(own) }
        }
        (Clock::Wall(_), None) => TickCost { charge: computed.max(tick), computed: Duration::ZERO },
        (Clock::Cpu(_), _) => TickCost { charge: computed.max(Duration::from_micros(100)), computed },
    }
}

/// The time of a guest's turn in the short lane. The thread's own clock costs a call of the system, which most turns can do without.
fn turn() -> Instant {
    let now = Instant::now();
    if SAMPLE.get().is_none_or(|(wall, _)| now.saturating_duration_since(wall) > SAMPLE_AGE) {
        SAMPLE.set(Some((now, thread_cpu_time())));
    }
    now
}

/// The time now, from inside of a guest's work that has just got its turn: the short lane has read the clock for it.
pub(crate) fn turn_began() -> Instant {
    match SINCE.get() {
        Some(Clock::Wall(since)) => since,
        Some(Clock::Cpu(_)) | None => Instant::now(),
    }
}

/// How long a turn has held its thread, if that was long, be it with the work of the host and the kernel, which no tick sees.
fn held_for_long(turn: Instant) -> Option<Duration> {
    if turn.elapsed() < LONG_TURN {
        return None;
    }
    let (wall, cpu) = SAMPLE.get()?;
    let others = turn.saturating_duration_since(wall);
    let held = thread_cpu_time().saturating_sub(cpu).saturating_sub(others);
    (held >= LONG_TURN).then_some(held)
}

/// A call that begins in the short lane and moves when it has to.
pub(crate) enum Moving<F: Future + ?Sized> {
    Short(Pin<Box<F>>, &'static Handle, Option<Arc<CpuShare>>),
    Long(Task<F::Output>),
    Moved,
}

impl<F> Moving<F>
where
    F: Future + Send + ?Sized + 'static,
    F::Output: Send + 'static,
{
    /// Begins in the short lane, or in the long one if the module is known for it; its meter remembers what it turns out to be.
    pub(crate) fn new(work: Pin<Box<F>>, long: &'static Handle, module: Option<Arc<CpuShare>>) -> Self {
        if module.as_ref().is_some_and(|module| module.heavy()) {
            Self::Long(Task(long.spawn(Measured(work))))
        } else {
            Self::Short(work, long, module)
        }
    }

    /// Goes on in the long lane from now on.
    pub(crate) fn among_long(self) -> Self {
        match self {
            Self::Short(work, long, _) => Self::Long(Task(long.spawn(Measured(work)))),
            moved => moved,
        }
    }
}

impl<F> Future for Moving<F>
where
    F: Future + Send + ?Sized + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Self::Short(work, _, module) = &mut *self {
            COMPUTES_ON.set(false);
            let turn = turn();
            SINCE.set(Some(Clock::Wall(turn)));
            let polled = work.as_mut().poll(context);
            SINCE.set(None);
            if let Some(module) = module
                && let Some(held) = held_for_long(turn)
            {
                module.record_long(Instant::now(), held);
            }
            if polled.is_ready() || !COMPUTES_ON.get() {
                return polled;
            }
            if let Self::Short(work, long, _) = std::mem::replace(&mut *self, Self::Moved) {
                *self = Self::Long(Task(long.spawn(Measured(work))));
            }
        }
        match &mut *self {
            Self::Long(task) => Pin::new(&mut task.0).poll(context).map(|ended| match ended {
                Ok(output) => output,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // Nobody aborts these tasks and the runtime is never shut down.
                    Err(_) => unreachable!("a call's task ended without its call"),
                },
            }),
            _ => unreachable!("a call was polled after its end"),
        }
    }
}

/// Work in the long lane; it ends with the call that waits for it.
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Polls with this thread's clock running.
struct Measured<F: ?Sized>(Pin<Box<F>>);

impl<F: Future + ?Sized> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        SINCE.set(Some(Clock::Cpu(thread_cpu_time())));
        let polled = self.0.as_mut().poll(context);
        SINCE.set(None);
        polled
    }
}
