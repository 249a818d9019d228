//! What guests write, by instance and by call.

use crate::error::EngineError;

use super::stdio::{CapturedOutput, MAX_SHOWN_BYTES, shown};

/// Captured output of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) stdout: CapturedOutput,
    pub(crate) stderr: CapturedOutput,
}

impl Streams {
    /// Takes what was written so far.
    pub(crate) fn take(&self) -> Output {
        let (stdout, stdout_dropped) = self.stdout.take();
        let (stderr, stderr_dropped) = self.stderr.take();
        Output { stdout, stderr, stdout_dropped, stderr_dropped }
    }
}

/// Captured output of a call, if the guest wrote any.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Head of standard output.
    pub stdout: Vec<u8>,
    /// Head of standard error.
    pub stderr: Vec<u8>,
    /// Bytes of standard output that were not kept.
    pub stdout_dropped: u64,
    /// Bytes of standard error that were not kept.
    pub stderr_dropped: u64,
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }

    /// Whether the guest wrote anything, kept or not.
    pub(crate) fn was_written(&self) -> bool {
        !self.is_empty() || self.stdout_dropped > 0 || self.stderr_dropped > 0
    }

    /// Adds the head of each stream to a failure, as text that can be shown anywhere.
    pub(crate) fn attach(&self, mut error: EngineError) -> EngineError {
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !bytes.is_empty() {
                error = error.with(name, shown(bytes, MAX_SHOWN_BYTES));
            }
        }
        error
    }
}
