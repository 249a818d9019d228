//! Two lanes for calls: most begin and end among the short ones; one that computes on moves over to threads of lower priority.
//!
//! A thread that runs a guest cannot run another one until the next tick. With one lane, each endless loop would make every other call
//! wait for its ticks; with two, it waits for nobody but its like.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::process::thread_cpu_time;

thread_local! {
    /// The guest that this thread polls has computed through more ticks than a short call does.
    static COMPUTES_ON: Cell<bool> = const { Cell::new(false) };
    /// This thread's own time on the processor when it was last asked for; `None` on threads of the short lane.
    static LAST_CPU: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Called from a guest's tick: asks to be moved to the long lane.
pub(crate) fn ask_to_move() {
    COMPUTES_ON.set(true);
}

/// Time on the processor since the last tick: measured in the long lane, where a thread may be set aside for others; else one tick.
pub(crate) fn tick_cost(tick: Duration) -> Duration {
    match LAST_CPU.get() {
        None => tick,
        Some(last) => {
            let now = thread_cpu_time();
            LAST_CPU.set(Some(now));
            now.saturating_sub(last).max(Duration::from_micros(100))
        }
    }
}

/// A call that begins in the short lane and moves when it has to.
pub(crate) enum Moving<F: Future> {
    Short(Pin<Box<F>>, Handle),
    Long(Task<F::Output>),
    Moved,
}

impl<F> Moving<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Begins in the short lane, or in the long one if the module is known for it.
    pub(crate) fn new(work: F, long: &Handle, heavy: bool) -> Self {
        if heavy { Self::Long(Task(long.spawn(Measured(Box::pin(work))))) } else { Self::Short(Box::pin(work), long.clone()) }
    }
}

impl<F> Future for Moving<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Self::Short(work, _) = &mut *self {
            COMPUTES_ON.set(false);
            let polled = work.as_mut().poll(context);
            if polled.is_ready() || !COMPUTES_ON.get() {
                return polled;
            }
            if let Self::Short(work, long) = std::mem::replace(&mut *self, Self::Moved) {
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
struct Measured<F>(Pin<Box<F>>);

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        LAST_CPU.set(Some(thread_cpu_time()));
        self.0.as_mut().poll(context)
    }
}
