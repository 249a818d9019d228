//! The standard streams of this process, for commands that stand in for a program of it.
//!
//! Node may have made them streams that do not block, whoever else shares them: what cannot be read or written at once is tried again.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use wasmtime_wasi::cli::{AsyncStdinStream, IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::wasi::stdio::PERMIT_BYTES;

/// Wait before a stream that would block is tried again.
const AGAIN: Duration = Duration::from_millis(1);
const CHUNK_BYTES: usize = 64 * 1024;

#[cfg(unix)]
fn duplicate(stream: impl std::os::fd::AsFd) -> std::io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn duplicate(stream: impl std::os::windows::io::AsHandle) -> std::io::Result<File> {
    stream.as_handle().try_clone_to_owned().map(File::from)
}

/// An output stream of this process. Written through at once: nothing here flushes when the process ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ProcessOutput {
    Stdout,
    Stderr,
}

impl ProcessOutput {
    fn file(self) -> std::io::Result<&'static File> {
        static STDOUT: OnceLock<std::io::Result<File>> = OnceLock::new();
        static STDERR: OnceLock<std::io::Result<File>> = OnceLock::new();
        let file = match self {
            Self::Stdout => STDOUT.get_or_init(|| duplicate(std::io::stdout())),
            Self::Stderr => STDERR.get_or_init(|| duplicate(std::io::stderr())),
        };
        file.as_ref().map_err(|error| error.kind().into())
    }

    fn write_all(self, mut bytes: &[u8]) -> std::io::Result<()> {
        let mut file = self.file()?;
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) => again(error)?,
            }
        }
        Ok(())
    }
}

fn again(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock => {
            std::thread::sleep(AGAIN);
            Ok(())
        }
        ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

impl IsTerminal for ProcessOutput {
    fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout => std::io::IsTerminal::is_terminal(&std::io::stdout()),
            Self::Stderr => std::io::IsTerminal::is_terminal(&std::io::stderr()),
        }
    }
}

impl StdoutStream for ProcessOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(*self)
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(*self)
    }
}

#[async_trait::async_trait]
impl Pollable for ProcessOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for ProcessOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write_all(&bytes).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => StreamError::Closed,
            _ => StreamError::LastOperationFailed(error.into()),
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

impl AsyncWrite for ProcessOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.write_all(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

type Chunk = std::io::Result<Bytes>;

/// What a thread of its own reads ahead, one chunk at a time, from the first time a guest asks.
#[derive(Default)]
struct ProcessInput {
    chunks: Option<mpsc::Receiver<Chunk>>,
    rest: Bytes,
}

/// A thread cannot be called back from a read: the next guest takes over the channel of the last one.
static LEFT: Mutex<Option<mpsc::Receiver<Chunk>>> = Mutex::new(None);

impl Drop for ProcessInput {
    fn drop(&mut self) {
        if let Some(chunks) = self.chunks.take() {
            *LEFT.lock() = Some(chunks);
        }
    }
}

/// The standard input of this process as a guest's.
pub(crate) struct ProcessStdin(AsyncStdinStream);

impl ProcessStdin {
    pub(crate) fn new() -> Self {
        Self(AsyncStdinStream::new(ProcessInput::default()))
    }
}

impl IsTerminal for ProcessStdin {
    fn is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&std::io::stdin())
    }
}

impl StdinStream for ProcessStdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        self.0.async_stream()
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        self.0.p2_stream()
    }
}

fn open_chunks() -> mpsc::Receiver<Chunk> {
    if let Some(chunks) = LEFT.lock().take() {
        return chunks;
    }
    let (sender, chunks) = mpsc::channel(1);
    // Without a thread the channel is closed, which reads as the end.
    drop(std::thread::Builder::new().name("hotswap-stdin".to_owned()).spawn(move || read_ahead(&sender)));
    chunks
}

fn read_ahead(sender: &mpsc::Sender<Chunk>) {
    let mut file = match duplicate(std::io::stdin()) {
        Ok(file) => file,
        Err(error) => return drop(sender.blocking_send(Err(error))),
    };
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let chunk = match file.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(Bytes::copy_from_slice(&buffer[..count])),
            Err(error) => match again(error) {
                Ok(()) => continue,
                Err(error) => Err(error),
            },
        };
        let failed = chunk.is_err();
        if sender.blocking_send(chunk).is_err() || failed {
            return;
        }
    }
}

impl AsyncRead for ProcessInput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.rest.is_empty() {
            match ready!(self.chunks.get_or_insert_with(open_chunks).poll_recv(context)) {
                None => return Poll::Ready(Ok(())),
                Some(chunk) => self.rest = chunk?,
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..count]);
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}
