//! What a guest writes, up to a limit.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::left_behind::{LeftBehind, MAX_HEAD_BYTES, Stream};

#[derive(Debug, Default)]
struct Kept {
    limit: usize,
    bytes: Vec<u8>,
    dropped: u64,
}

/// Keeps the head of a stream and counts the rest. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct Capture {
    kept: Arc<Mutex<Kept>>,
    left_behind: Option<(LeftBehind, Stream)>,
}

impl Capture {
    /// Keeps at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let kept = Kept { limit, ..Kept::default() };
        Self { kept: Arc::new(Mutex::new(kept)), left_behind: None }
    }

    /// What was kept, and how many bytes were dropped. What is written from now on begins anew.
    #[must_use]
    pub fn take(&self) -> (Vec<u8>, u64) {
        let mut kept = self.lock();
        (std::mem::take(&mut kept.bytes), std::mem::take(&mut kept.dropped))
    }

    fn allow(&self, limit: usize) {
        self.lock().limit = limit;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.lock();
        let room = kept.limit.saturating_sub(kept.bytes.len()).min(bytes.len());
        kept.bytes.extend_from_slice(&bytes[..room]);
        kept.dropped += (bytes.len() - room) as u64;
        if let Some((left_behind, stream)) = self.left_behind {
            left_behind.append(stream, &bytes[..room]);
        }
        // A guest that writes too much goes on: only what is beyond the limit is lost.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The three streams of an instance.
#[derive(Debug, Clone)]
pub struct Stdio {
    /// Everything that standard input holds.
    pub stdin: Vec<u8>,
    /// Standard output.
    pub stdout: Capture,
    /// Standard error.
    pub stderr: Capture,
}

impl Stdio {
    /// Streams whose outputs keep `limit` bytes each.
    #[must_use]
    pub fn new(stdin: Vec<u8>, limit: usize) -> Self {
        Self { stdin, stdout: Capture::new(limit), stderr: Capture::new(limit) }
    }

    /// The same, whose heads the other side can read when this process has ended.
    pub(crate) fn shared(stdin: Vec<u8>, limit: usize, left_behind: Option<LeftBehind>) -> Self {
        let mut stdio = Self::new(stdin, limit);
        stdio.stdout.left_behind = left_behind.map(|page| (page, Stream::Stdout));
        stdio.stderr.left_behind = left_behind.map(|page| (page, Stream::Stderr));
        stdio
    }

    /// Lets the next call of a living instance write so much.
    pub(crate) fn allow(&self, limit: usize) {
        self.stdout.allow(limit);
        self.stderr.allow(limit);
    }

    /// What was written since the last time.
    pub(crate) fn take(&self) -> Output {
        let (stdout, stdout_dropped) = self.stdout.take();
        let (stderr, stderr_dropped) = self.stderr.take();
        Output { stdout, stderr, stdout_dropped, stderr_dropped }
    }
}

/// What one request wrote.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) stdout_dropped: u64,
    pub(crate) stderr_dropped: u64,
}

impl Output {
    /// Whether anything was written, kept or not.
    pub(crate) fn was_written(&self) -> bool {
        !(self.stdout.is_empty() && self.stderr.is_empty()) || self.stdout_dropped > 0 || self.stderr_dropped > 0
    }

    /// As much as a failure shows.
    pub(crate) fn heads(mut self) -> Self {
        for (bytes, dropped) in
            [(&mut self.stdout, &mut self.stdout_dropped), (&mut self.stderr, &mut self.stderr_dropped)]
        {
            *dropped += bytes.len().saturating_sub(MAX_HEAD_BYTES) as u64;
            bytes.truncate(MAX_HEAD_BYTES);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_head_and_counts_the_rest() {
        let mut capture = Capture::new(5);
        capture.write_all(b"abc").unwrap();
        capture.write_all(b"defg").unwrap();
        assert_eq!(capture.take(), (b"abcde".to_vec(), 2));
        assert_eq!(capture.take(), (Vec::new(), 0));
    }

    #[test]
    fn begins_anew_with_every_call_and_under_its_limit() {
        let stdio = Stdio::new(Vec::new(), 5);
        stdio.stdout.clone().write_all(b"first").unwrap();
        assert_eq!(stdio.take().stdout, b"first");
        stdio.allow(3);
        stdio.stdout.clone().write_all(b"second").unwrap();
        let output = stdio.take();
        assert_eq!((output.stdout.as_slice(), output.stdout_dropped), (b"sec".as_slice(), 3));
        assert!(!stdio.take().was_written());
    }

    #[test]
    fn of_a_failure_no_more_is_sent_than_it_shows() {
        let stdio = Stdio::new(Vec::new(), 10_000);
        stdio.stderr.clone().write_all(&[b'x'; 12_000]).unwrap();
        let output = stdio.take().heads();
        assert_eq!((output.stderr.len(), output.stderr_dropped), (MAX_HEAD_BYTES, 12_000 - MAX_HEAD_BYTES as u64));
    }
}
