//! What calls end in, and the queue in which that waits for its thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::calls::instance::OpenInstance;
use crate::error::EngineError;
use crate::module::LoadedModule;
use crate::stats::CallMeter;
use crate::values::value::Results;
use crate::wasi::output::Output;

/// The export whose types say how to convert what came out of it.
pub type Origin = (Arc<LoadedModule>, usize);

/// What a call ended in.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing to hand over.
    Nothing,
    /// A JSON text.
    Json(String),
    /// Results of an export, to be converted by that function's types.
    Values(Arc<LoadedModule>, usize, Results),
    /// A loaded module.
    Module(Arc<LoadedModule>),
    /// A living instance.
    Instance(Arc<OpenInstance>),
    /// A finished command: exit status and output.
    Command(i32, Output),
    /// Calls that finished during a drain, and calls that were cut.
    Drained {
        /// Ended by themselves.
        finished: usize,
        /// Cancelled at the deadline.
        cut: usize,
    },
}

/// Where time went and what was written.
#[derive(Debug, Default)]
pub struct CallInfo {
    /// Version that answered.
    pub module: u32,
    /// Durations and memory.
    pub meter: CallMeter,
    /// Captured output, for calls; a command's is in its outcome.
    pub output: Output,
}

/// The end of one call.
#[derive(Debug)]
pub struct Completion {
    /// Chosen by the caller.
    pub call: u32,
    /// What it ended in. A guest's error value is converted by the same function's types.
    pub outcome: std::result::Result<Outcome, (EngineError, Option<Origin>)>,
    /// Facts about the call, where there was one.
    pub info: Option<CallInfo>,
    /// The caller asked for the facts.
    pub wants_info: bool,
    /// The call went through a slot, so the answering version is news to the caller.
    pub through_slot: bool,
}

/// Completions waiting for their thread. `wake` is called when the first arrives, not again until a drain has emptied it.
pub(crate) struct CompletionQueue {
    pub(crate) queue: Mutex<VecDeque<Completion>>,
    pub(crate) scheduled: AtomicBool,
    pub(crate) wake: Box<dyn Fn() + Send + Sync>,
}

impl CompletionQueue {
    pub(crate) fn push(&self, completion: Completion) {
        self.queue.lock().push_back(completion);
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
    }
}
