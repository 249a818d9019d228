//! One Node environment's (or test's) way in: admission, deadlines, cancellation, and completions in batches.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable};
use parking_lot::Mutex;

use crate::calls::admission::{timed_out, wait_for_share, within};
use crate::calls::command::run_command;
use crate::calls::completions::{CallInfo, Completion, CompletionQueue, Origin, Outcome};
use crate::calls::control::CallControl;
use crate::calls::drain::drain;
use crate::calls::instance::{OpenInstance, open};
use crate::calls::invoke::{self, check_callable, check_input, check_input_size, effective_timeout};
use crate::calls::ticket::Ticket;
use crate::deadline::Deadline;
use crate::error::{EngineError, ErrorCode, Result, panic_error};
use crate::host_functions::HostFunctions;
use crate::inspect::inspect;
use crate::load::load_with;
use crate::module::LoadedModule;
use crate::policy::{LoadOptions, RunOptions};
use crate::runtime::Runtime;
use crate::shared::lanes::Moving;
use crate::state;
use crate::stats::CallMeter;
use crate::values::value::{ResourceKey, Value};

/// See the module's description.
pub struct Client {
    id: u32,
    runtime: &'static Runtime,
    completions: Arc<CompletionQueue>,
    pending: Arc<AtomicUsize>,
    closed: AtomicBool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How a call is made, apart from what it calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallSettings {
    /// 0: the policy's.
    pub timeout_ms: u64,
    /// Hand over a [`CallInfo`].
    pub wants_info: bool,
    /// Hand it over where the guest wrote something.
    pub wants_output: bool,
    /// The version was chosen by a slot.
    pub through_slot: bool,
}

/// What a task hands to its completion.
type Ended = (std::result::Result<Outcome, (EngineError, Option<Origin>)>, Option<CallInfo>);

impl Client {
    /// A client whose completions are announced by `wake`, from any thread.
    ///
    /// # Errors
    /// `INTERNAL` when the runtime cannot start.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Result<Self> {
        let runtime = Runtime::get()?;
        Ok(Self {
            id: runtime.next_id(),
            runtime,
            completions: Arc::new(CompletionQueue {
                queue: Mutex::default(),
                scheduled: AtomicBool::new(false),
                wake: Box::new(wake),
            }),
            pending: Arc::new(AtomicUsize::new(0)),
            closed: AtomicBool::new(false),
        })
    }

    /// Calls whose completion has not been drained.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Acquire)
    }

    /// Takes up to `max` completions. If more are left, `wake` is called again: other work gets its turn in between.
    pub fn drain(&self, max: usize) -> Vec<Completion> {
        // Cleared first: what arrives from here on schedules itself.
        self.completions.scheduled.store(false, Ordering::Release);
        let (batch, left) = {
            let mut queue = self.completions.queue.lock();
            let count = queue.len().min(max);
            (queue.drain(..count).collect::<Vec<_>>(), !queue.is_empty())
        };
        self.pending.fetch_sub(batch.len(), Ordering::AcqRel);
        if left && !self.completions.scheduled.swap(true, Ordering::AcqRel) {
            (self.completions.wake)();
        }
        batch
    }

    /// Cancels one call; true if it was in flight.
    pub fn cancel(&self, call: u32) -> bool {
        self.runtime.calls.cancel(self.id, call)
    }

    /// Cancels everything and refuses more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.runtime.calls.cancel_client(self.id);
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(EngineError::new(ErrorCode::Closed, "The dispatcher was closed"));
        }
        Ok(())
    }

    fn admit(&self, call: u32, module: Option<&Arc<LoadedModule>>) -> Result<Ticket> {
        self.check_open()?;
        Ticket::admit(self.runtime, self.id, call, module)
    }

    /// Spawns the work of one admitted call and sees to it that exactly one completion follows.
    fn spawn<F>(
        &self,
        ticket: Ticket,
        settings: CallSettings,
        work: impl FnOnce(Arc<CallControl>) -> F + Send + 'static,
    ) where
        F: Future<Output = Ended> + Send + 'static,
    {
        let (handle, registration) = AbortHandle::new_pair();
        let module = ticket.module.as_ref().map_or(0, |in_flight| in_flight.module.id());
        let control = CallControl::new(handle, module);
        self.runtime.calls.add(self.id, ticket.call, control.clone());
        self.pending.fetch_add(1, Ordering::AcqRel);
        let completions = self.completions.clone();
        let share = ticket.module.as_ref().map(|in_flight| in_flight.module.share.clone());
        let runtime = self.runtime;
        self.runtime.short_lane.spawn(async move {
            let call = ticket.call;
            let work = Abortable::new(control.scope(work(control.clone())), registration);
            let work = AssertUnwindSafe(Moving::new(Box::pin(work), &runtime.long_lane, share)).catch_unwind();
            let cut_short = |error: EngineError, ticket: &Ticket| {
                if let Some(in_flight) = &ticket.module {
                    in_flight.module.stats.record(&CallMeter::default(), Some(&error));
                }
                let info = ticket
                    .module
                    .as_ref()
                    .map(|in_flight| CallInfo { module: in_flight.module.id(), ..CallInfo::default() });
                (Err((error, None)), info)
            };
            let (outcome, mut info) = match work.await {
                Ok(Ok(ended)) => ended,
                Ok(Err(_aborted)) => cut_short(control.error(), &ticket),
                Err(panic) => cut_short(panic_error(&*panic), &ticket),
            };
            let outcome = outcome
                .map_err(|(error, origin)| (control.with_arguments(with_output(error, &mut info, &control)), origin));
            // Places are free again before the caller can know.
            drop(ticket);
            let wrote = || info.as_ref().is_some_and(|info| info.output.was_written());
            let wants_info = settings.wants_info || (settings.wants_output && wrote());
            let through_slot = settings.through_slot;
            completions.push(Completion { call, outcome, info, wants_info, through_slot });
        });
    }

    /// Describes a binary.
    ///
    /// # Errors
    /// `QUEUE_FULL`, `CLOSED` at once; the rest in the completion.
    pub fn inspect(&self, call: u32, bytes: Bytes, max_bytes: u64) -> Result<()> {
        let ticket = self.admit(call, None)?;
        let runtime = self.runtime;
        self.spawn(ticket, CallSettings::default(), move |_| async move {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            runtime.load_pool.spawn(move || {
                let described = std::panic::catch_unwind(|| {
                    let description = inspect(&bytes, max_bytes)?;
                    serde_json::to_string(&description).map_err(EngineError::internal)
                });
                drop(sender.send(described.unwrap_or_else(|panic| Err(panic_error(&*panic)))));
            });
            let described =
                receiver.await.unwrap_or_else(|_| Err(EngineError::internal("the inspecting thread ended")));
            (described.map(Outcome::Json).map_err(|error| (error, None)), None)
        });
        Ok(())
    }

    /// Loads a module.
    ///
    /// # Errors
    /// As [`Client::inspect`].
    pub fn load(&self, call: u32, bytes: Option<Bytes>, options: LoadOptions) -> Result<()> {
        self.load_with(call, bytes, options, None)
    }

    /// As [`Client::load`], for a module whose imports the embedder satisfies.
    ///
    /// # Errors
    /// As [`Client::inspect`].
    pub fn load_with(
        &self,
        call: u32,
        bytes: Option<Bytes>,
        options: LoadOptions,
        host: Option<Arc<dyn HostFunctions>>,
    ) -> Result<()> {
        let ticket = self.admit(call, None)?;
        self.spawn(ticket, CallSettings::default(), move |_| async move {
            (load_with(bytes, options, host).await.map(Outcome::Module).map_err(|error| (error, None)), None)
        });
        Ok(())
    }

    /// Calls an export on a fresh instance.
    ///
    /// # Errors
    /// What can be known at once: unknown or unsupported export, sizes, full queues, signal handler. The rest in the completion.
    pub fn call(
        &self,
        call: u32,
        module: &Arc<LoadedModule>,
        index: usize,
        args: Vec<Value>,
        settings: CallSettings,
    ) -> Result<()> {
        self.runtime.check_signals()?;
        check_callable(module.function(index)?, false)?;
        check_input(&args, module)?;
        let ticket = self.admit(call, Some(module))?;
        if module.policy.runtime.stateful {
            self.call_resident(ticket, (module.clone(), index), args, settings);
            return Ok(());
        }
        let (module, runtime, admitted) = (module.clone(), self.runtime, Instant::now());
        self.spawn(ticket, settings, move |_| async move {
            let limit_ms = effective_timeout(settings.timeout_ms, module.limits().timeout_ms);
            let mut info = CallInfo { module: module.id(), ..CallInfo::default() };
            let outcome =
                within(runtime, &module, limit_ms, admitted, &mut info, async |deadline, info: &mut CallInfo| {
                    let function = module.function(index)?;
                    invoke::call_async(&module, function, &args, deadline, &mut info.meter, &mut info.output).await
                })
                .await;
            module.stats.record(&info.meter, outcome.as_ref().err());
            let outcome = match outcome {
                Ok(results) => Ok(Outcome::Values(module, index, results)),
                Err(error) => Err((error, Some((module, index)))),
            };
            (outcome, Some(info))
        });
        Ok(())
    }

    /// Calls an export on the one living instance of a stateful module.
    fn call_resident(
        &self,
        ticket: Ticket,
        (module, index): (Arc<LoadedModule>, usize),
        args: Vec<Value>,
        settings: CallSettings,
    ) {
        let (runtime, admitted, turn) = (self.runtime, Instant::now(), module.resident.queue());
        self.spawn(ticket, settings, move |control| async move {
            let limit_ms = effective_timeout(settings.timeout_ms, module.limits().timeout_ms);
            let deadline = Deadline::after(admitted, limit_ms);
            let _running = runtime.ticker.running();
            let mut info = CallInfo { module: module.id(), ..CallInfo::default() };
            let target = (module.clone(), index);
            let called = async {
                wait_for_share(&module, deadline).await?;
                Ok(state::call(target, &args, turn, &control, deadline, admitted, &mut info).await)
            };
            let (outcome, module, index) = match tokio::time::timeout_at(deadline.at.into(), called).await {
                Ok(Ok(called)) => called,
                Ok(Err(error)) => (Err(error), module, index),
                Err(_) => (Err(timed_out(limit_ms, admitted, info.meter.queue)), module, index),
            };
            module.stats.record(&info.meter, outcome.as_ref().err());
            let outcome = match outcome {
                Ok(results) => Ok(Outcome::Values(module, index, results)),
                Err(error) => Err((error, Some((module, index)))),
            };
            (outcome, Some(info))
        });
    }

    /// Moves the state of a stateful module's living instance to another version.
    ///
    /// # Errors
    /// As [`Client::inspect`]; `STATE_REFUSED` in the completion.
    pub fn hand_over(
        &self,
        call: u32,
        from: &Arc<LoadedModule>,
        to: &Arc<LoadedModule>,
        patience: Duration,
    ) -> Result<()> {
        let ticket = self.admit(call, None)?;
        let (from, to, runtime) = (from.clone(), to.clone(), self.runtime);
        self.spawn(ticket, CallSettings::default(), move |_| async move {
            // A task of its own: a caller that goes away must not end an instance half-way.
            let (sender, moved) = tokio::sync::oneshot::channel();
            runtime.short_lane.spawn(async move {
                let _running = runtime.ticker.running();
                drop(sender.send(state::hand_over(from, to, patience).await));
            });
            let moved = moved.await.unwrap_or_else(|error| Err(EngineError::internal(error)));
            (moved.map(|()| Outcome::Nothing).map_err(|error| (error, None)), None)
        });
        Ok(())
    }

    /// Runs a command once.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn run(
        &self,
        call: u32,
        module: &Arc<LoadedModule>,
        stdin: Bytes,
        options: RunOptions,
        settings: CallSettings,
    ) -> Result<()> {
        self.runtime.check_signals()?;
        let given = options.args.iter().flatten().map(String::len).sum::<usize>()
            + options.env.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        check_input_size(stdin.len() + given, module)?;
        let ticket = self.admit(call, Some(module))?;
        let (module, runtime, admitted) = (module.clone(), self.runtime, Instant::now());
        self.spawn(ticket, settings, move |_| async move {
            let limit_ms = effective_timeout(options.timeout_ms.unwrap_or(0), module.limits().timeout_ms);
            let mut info = CallInfo { module: module.id(), ..CallInfo::default() };
            let outcome =
                within(runtime, &module, limit_ms, admitted, &mut info, async |deadline, info: &mut CallInfo| {
                    run_command(&module, &options, stdin, deadline, &mut info.meter, &mut info.output).await
                })
                .await;
            module.stats.record(&info.meter, outcome.as_ref().err());
            match outcome {
                Ok(status) => {
                    let output = std::mem::take(&mut info.output);
                    (Ok(Outcome::Command(status, output)), Some(info))
                }
                Err(error) => (Err((error, None)), Some(info)),
            }
        });
        Ok(())
    }

    /// Opens a living instance.
    ///
    /// # Errors
    /// As [`Client::inspect`].
    pub fn open(&self, call: u32, module: &Arc<LoadedModule>) -> Result<()> {
        let ticket = self.admit(call, Some(module))?;
        let module = module.clone();
        self.spawn(ticket, CallSettings::default(), move |_| async move {
            (open(module).await.map(Outcome::Instance).map_err(|error| (error, None)), None)
        });
        Ok(())
    }

    /// Calls an export of a living instance.
    ///
    /// # Errors
    /// As [`Client::call`], `STALE_HANDLE`.
    pub fn call_instance(
        &self,
        call: u32,
        instance: &Arc<OpenInstance>,
        index: usize,
        args: Vec<Value>,
        settings: CallSettings,
    ) -> Result<()> {
        self.runtime.check_signals()?;
        let module = instance.module().clone();
        let function = module.function(index)?;
        check_callable(function, true)?;
        check_input(&args, &module)?;
        let hands_in = function.needs_instance && function.params.iter().any(|(_, ty)| ty.obstacles().resources);
        let mut waiting = instance.admit()?;
        let ticket = self.admit(call, Some(&module))?;
        let (runtime, admitted) = (self.runtime, Instant::now());
        let instance_call = move |control: Arc<CallControl>| async move {
            let limit_ms = effective_timeout(settings.timeout_ms, module.limits().timeout_ms);
            let deadline = Deadline::after(admitted, limit_ms);
            let _running = runtime.ticker.running();
            let mut info = CallInfo { module: module.id(), ..CallInfo::default() };
            let outcome = match module.function(index) {
                Err(error) => Err(error),
                Ok(function) => {
                    let called = waiting.call(function, &args, &control, admitted, deadline);
                    if let Ok((outcome, meter, output)) = tokio::time::timeout_at(deadline.at.into(), called).await {
                        (info.meter, info.output) = (meter, output);
                        outcome
                    } else {
                        let error = timed_out(limit_ms, admitted, info.meter.queue);
                        module.stats.record(&info.meter, Some(&error));
                        Err(error)
                    }
                }
            };
            drop(waiting);
            let outcome = match outcome {
                Ok(results) => Ok(Outcome::Values(module, index, results)),
                Err(error) => Err((error, Some((module, index)))),
            };
            (outcome, Some(info))
        };
        self.spawn(ticket, settings, move |control| {
            if hands_in {
                control.hands_in();
            }
            instance_call(control)
        });
        Ok(())
    }

    /// Drops a resource of a living instance.
    ///
    /// # Errors
    /// As [`Client::inspect`], `STALE_HANDLE`.
    pub fn drop_resource(&self, call: u32, instance: &Arc<OpenInstance>, key: ResourceKey) -> Result<()> {
        let mut waiting = instance.admit()?;
        let ticket = self.admit(call, Some(instance.module()))?;
        let runtime = self.runtime;
        self.spawn(ticket, CallSettings::default(), move |_| async move {
            let _running = runtime.ticker.running();
            let limit_ms = waiting.module().limits().timeout_ms;
            let dropped = tokio::time::timeout(Duration::from_millis(limit_ms), waiting.drop_resource(key)).await;
            let dropped = dropped.unwrap_or_else(|_| Err(timed_out(limit_ms, Instant::now(), Duration::ZERO)));
            (dropped.map(|()| Outcome::Nothing).map_err(|error| (error, None)), None)
        });
        Ok(())
    }

    /// Waits until a module has no calls, then cancels what is left.
    ///
    /// # Errors
    /// As [`Client::inspect`].
    pub fn drain_module(&self, call: u32, module: &Arc<LoadedModule>, deadline: Duration) -> Result<()> {
        let ticket = self.admit(call, None)?;
        let (module, runtime) = (module.clone(), self.runtime);
        self.spawn(ticket, CallSettings::default(), move |_| async move {
            let (finished, cut) = drain(runtime, &module, deadline).await;
            (Ok(Outcome::Drained { finished, cut }), None)
        });
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a failed call had written goes with its failure: the head in the details, all of it in the info.
fn with_output(error: EngineError, info: &mut Option<CallInfo>, control: &CallControl) -> EngineError {
    let (Some(info), Some(streams)) = (info, control.left_behind()) else { return error };
    if info.output.is_empty() {
        info.output = streams.take();
    }
    // The answer of a guest that says "no" is complete without its log.
    if error.code() == ErrorCode::GuestError { error } else { info.output.attach(error) }
}
