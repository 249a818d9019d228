//! One connection and the request that is on its way.
//!
//! The load must cost far less than what it measures. Most answers of a run are the same bytes, the date included, for a second at a time: one
//! that equals the last good one is good without being read again.

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

/// The last good answer, of any connection.
#[derive(Default)]
pub struct Known {
    bytes: Vec<u8>,
    /// What its reader made of it.
    verdict: usize,
}

/// What has arrived.
pub enum Received {
    /// Not all of an answer.
    Part,
    /// The last good answer once more, with what was made of it.
    Known(usize),
    /// An answer that was read. Whether the server closes.
    Answer(bool),
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

    /// Reads what is there and hands over the answer once it is complete. `take` says what it makes of a good one; `None`: it is not good.
    pub fn receive(
        &mut self,
        known: &mut Known,
        take: impl FnOnce(&Answer<'_>, &[u8]) -> Option<usize>,
    ) -> Result<Received, Failure> {
        self.read()?;
        if self.due.is_none() {
            return if self.filled == 0 { Ok(Received::Part) } else { Err(Failure::Malformed) };
        }
        if self.filled > 0 && self.buffer[..self.filled] == known.bytes {
            (self.filled, self.due) = (0, None);
            return Ok(Received::Known(known.verdict));
        }
        let Ok(answer) = response::next_answer(&self.buffer[..self.filled], &mut self.body) else {
            return Err(Failure::Malformed);
        };
        let Some(answer) = answer else { return Ok(Received::Part) };
        // One request is on its way at a time: more bytes than its answer belong to nothing.
        if answer.length != self.filled {
            return Err(Failure::Malformed);
        }
        let (good, closes) = (take(&answer, &self.body), answer.closes);
        if let Some(verdict) = good.filter(|_| !closes) {
            known.bytes.clear();
            known.bytes.extend_from_slice(&self.buffer[..self.filled]);
            known.verdict = verdict;
        }
        (self.filled, self.due) = (0, None);
        Ok(Received::Answer(closes))
    }

    fn read(&mut self) -> Result<(), Failure> {
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
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Cut),
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
