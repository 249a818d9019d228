//! Standard streams in memory: output keeps its head and counts the rest, and never makes the guest wait or trap.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// What a guest may write between two looks at the stream.
pub(crate) const PERMIT_BYTES: usize = 64 * 1024;

/// Bytes of a stream that go into the details of a failure.
pub(crate) const MAX_SHOWN_BYTES: usize = 2_000;

/// A guest's output as text that does nothing to whoever shows it: control characters, terminal escapes and marks that turn the
/// direction of writing become visible.
pub(crate) fn shown(bytes: &[u8], max_bytes: usize) -> String {
    let cut = &bytes[..bytes.len().min(max_bytes)];
    let mut text = String::with_capacity(cut.len());
    for char in String::from_utf8_lossy(cut).chars() {
        let harmless = matches!(char, '\n' | '\t') || !(char.is_control() || turns_direction(char));
        if harmless { text.push(char) } else { text.extend(char.escape_unicode()) }
    }
    if cut.len() < bytes.len() {
        text.push('…');
    }
    text
}

fn turns_direction(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How much all instances of a module may log in a second; what is beyond is dropped and counted.
#[derive(Debug)]
pub(crate) struct LogRate {
    bytes_per_second: u64,
    left: Mutex<(Instant, u64)>,
    dropped_bytes: AtomicU64,
}

impl LogRate {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            left: Mutex::new((Instant::now(), bytes_per_second)),
            dropped_bytes: AtomicU64::new(0),
        }
    }

    /// Bytes dropped so far.
    pub(crate) fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes.load(Ordering::Relaxed)
    }

    /// How many of so many bytes may be kept.
    pub(crate) fn take(&self, asked: usize, now: Instant) -> usize {
        let granted = {
            let mut left = self.left.lock();
            let gained =
                now.saturating_duration_since(left.0).as_millis().min(1_000) as u64 * self.bytes_per_second / 1_000;
            // Steps too short to gain a byte must not use up the time.
            if gained > 0 {
                *left = (now, left.1.saturating_add(gained).min(self.bytes_per_second));
            }
            let granted = left.1.min(asked as u64);
            left.1 -= granted;
            granted
        };
        self.dropped_bytes.fetch_add(asked as u64 - granted, Ordering::Relaxed);
        granted as usize
    }
}

/// One captured output stream. Clones share the buffer.
#[derive(Clone, Debug)]
pub(crate) struct CapturedOutput {
    shared: Arc<Mutex<Captured>>,
    rate: Option<Arc<LogRate>>,
}

#[derive(Debug)]
struct Captured {
    head: Vec<u8>,
    max_bytes: usize,
    dropped_bytes: u64,
}

impl CapturedOutput {
    /// With a rate it is a log, which all instances of a module fill together; without, the result of a command.
    pub(crate) fn new(max_bytes: usize, rate: Option<Arc<LogRate>>) -> Self {
        Self { shared: Arc::new(Mutex::new(Captured { head: Vec::new(), max_bytes, dropped_bytes: 0 })), rate }
    }

    /// Takes what was captured so far and how much was dropped.
    pub(crate) fn take(&self) -> (Vec<u8>, u64) {
        let mut captured = self.shared.lock();
        (std::mem::take(&mut captured.head), std::mem::take(&mut captured.dropped_bytes))
    }

    pub(crate) fn append(&self, bytes: &[u8]) {
        let mut captured = self.shared.lock();
        let mut room = captured.max_bytes.saturating_sub(captured.head.len()).min(bytes.len());
        if let Some(rate) = &self.rate {
            room = rate.take(room, Instant::now());
        }
        captured.head.extend_from_slice(&bytes[..room]);
        captured.dropped_bytes += (bytes.len() - room) as u64;
    }
}

impl IsTerminal for CapturedOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for CapturedOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for CapturedOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for CapturedOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

impl AsyncWrite for CapturedOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn shown_output_does_nothing_to_a_terminal() {
        let text = shown("ok\n\u{1b}[2J\u{7}\u{9b}31m\u{202e}evil\r".as_bytes(), 100);
        assert_eq!(text, "ok\n\\u{1b}[2J\\u{7}\\u{9b}31m\\u{202e}evil\\u{d}");
        assert_eq!(shown(&[0xff, b'a'], 100), "\u{fffd}a");
        assert_eq!(shown(b"abcdef", 3), "abc…");
    }

    #[test]
    fn a_log_rate_grants_a_second_at_once_and_refills_over_time() {
        let (rate, start) = (LogRate::new(1_000), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(rate.take(600, at(0)), 600);
        assert_eq!(rate.take(600, at(0)), 400);
        assert_eq!(rate.take(600, at(100)), 100);
        assert_eq!(rate.take(5_000, at(60_000)), 1_000);
        assert_eq!(rate.dropped_bytes(), 200 + 500 + 4_000);
    }

    #[test]
    fn instances_of_a_module_share_its_log_rate() {
        let rate = Arc::new(LogRate::new(4));
        let (one, two) = (CapturedOutput::new(100, Some(rate.clone())), CapturedOutput::new(100, Some(rate)));
        one.append(b"abc");
        two.append(b"def");
        assert_eq!((one.take(), two.take()), ((b"abc".to_vec(), 0), (b"d".to_vec(), 2)));
    }

    #[test]
    fn output_keeps_its_head_and_counts_the_rest() {
        let output = CapturedOutput::new(4, None);
        output.append(b"abc");
        output.append(b"defg");
        assert_eq!(output.take(), (b"abcd".to_vec(), 3));
    }
}
