//! One connection and the request that is on its way.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use crate::response::{self, Answer};

const READ_BYTES: usize = 16_384;

/// Why no whole answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server closed or reset the connection before the answer was complete.
    Cut,
    /// Bytes that are no answer.
    Malformed,
}

/// A connection that is kept between requests.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    body: Vec<u8>,
    unsent: usize,
    /// When the request that is on its way was due; `None`: the connection is free.
    pub due: Option<Instant>,
    /// Whether that request counts.
    pub counted: bool,
}

impl Connection {
    /// Connects, waiting for it.
    pub fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; READ_BYTES],
            filled: 0,
            body: Vec::new(),
            unsent: 0,
            due: None,
            counted: false,
        })
    }

    /// Puts a request on its way.
    pub fn send(&mut self, request: &[u8], due: Instant, counted: bool) -> Result<(), Failure> {
        (self.due, self.counted, self.unsent) = (Some(due), counted, request.len());
        self.flush(request)
    }

    /// Sends what the kernel did not take before.
    pub fn flush(&mut self, request: &[u8]) -> Result<(), Failure> {
        while self.unsent > 0 {
            match self.stream.write(&request[request.len() - self.unsent..]) {
                Ok(sent) => self.unsent -= sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Cut),
            }
        }
        Ok(())
    }

    /// Whether a part of the request waits for room.
    pub fn is_sending(&self) -> bool {
        self.unsent > 0
    }

    /// Reads what is there and hands over the answer once it is complete. Whether the server closes comes back.
    pub fn receive(&mut self, take: impl FnOnce(&Answer<'_>, &[u8])) -> Result<Option<bool>, Failure> {
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let room = self.buffer.len() - self.filled;
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err(Failure::Cut),
                Ok(read) => {
                    self.filled += read;
                    if read < room {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Cut),
            }
        }
        let Ok(answer) = response::next_answer(&self.buffer[..self.filled], &mut self.body) else {
            return Err(Failure::Malformed);
        };
        let Some(answer) = answer else { return Ok(None) };
        // One request is on its way at a time: more bytes than its answer belong to nothing.
        if answer.length != self.filled || self.due.is_none() {
            return Err(Failure::Malformed);
        }
        take(&answer, &self.body);
        let closes = answer.closes;
        (self.filled, self.due) = (0, None);
        Ok(Some(closes))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
