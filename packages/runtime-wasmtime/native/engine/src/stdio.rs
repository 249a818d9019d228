//! Standard streams in memory: output keeps its head and counts the rest, and never makes the guest wait or trap.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// What a guest may write between two looks at the stream.
const PERMIT_BYTES: usize = 64 * 1024;

/// One captured output stream. Clones share the buffer.
#[derive(Clone, Debug)]
pub(crate) struct CapturedOutput {
    shared: Arc<Mutex<Captured>>,
}

#[derive(Debug)]
struct Captured {
    head: Vec<u8>,
    max_bytes: usize,
    dropped_bytes: u64,
}

impl CapturedOutput {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { shared: Arc::new(Mutex::new(Captured { head: Vec::new(), max_bytes, dropped_bytes: 0 })) }
    }

    /// Takes what was captured so far and how much was dropped.
    pub(crate) fn take(&self) -> (Vec<u8>, u64) {
        let mut captured = self.shared.lock();
        (std::mem::take(&mut captured.head), std::mem::take(&mut captured.dropped_bytes))
    }

    fn append(&self, bytes: &[u8]) {
        let mut captured = self.shared.lock();
        let room = captured.max_bytes.saturating_sub(captured.head.len()).min(bytes.len());
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
    use super::*;

    #[test]
    fn output_keeps_its_head_and_counts_the_rest() {
        let output = CapturedOutput::new(4);
        output.append(b"abc");
        output.append(b"defg");
        assert_eq!(output.take(), (b"abcd".to_vec(), 3));
    }
}
