//! What a guest writes, up to a limit.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped: u64,
}

/// Keeps the head of a stream and counts the rest. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct Capture {
    limit: usize,
    kept: Arc<Mutex<Kept>>,
}

impl Capture {
    /// Keeps at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Arc::default() }
    }

    /// What was kept, and how many bytes were dropped.
    #[must_use]
    pub fn take(&self) -> (Vec<u8>, u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { bytes, dropped } = std::mem::take(&mut *kept);
        (bytes, dropped)
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.limit.saturating_sub(kept.bytes.len()).min(bytes.len());
        kept.bytes.extend_from_slice(&bytes[..room]);
        kept.dropped += (bytes.len() - room) as u64;
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
}
