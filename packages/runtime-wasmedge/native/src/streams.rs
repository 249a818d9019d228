//! Standard streams of a guest. The library gives guests the descriptors 0, 1 and 2 of this process, so these are put in
//! place while a guest runs, and only then.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Seek, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hotswap_runtime_child::{Capture, Stdio};

/// A file without a name.
pub(crate) fn anonymous_file() -> io::Result<File> {
    let mut path = std::env::temp_dir();
    path.push(format!("hotswap-wasmedge-{}-{:?}", std::process::id(), std::time::Instant::now()).replace(' ', ""));
    let file = File::options().read(true).append(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn put(file: RawFd, at: RawFd) -> io::Result<()> {
    // SAFETY: both descriptors are open; no pointers.
    if unsafe { libc::dup2(file, at) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set_flags(file: RawFd, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open; no pointers.
    if unsafe { libc::fcntl(file, libc::F_SETFL, flags) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The streams of one instance.
pub(crate) struct Streams {
    /// Absent: the guest has nothing to read.
    input: Option<File>,
    outputs: [Capture; 2],
}

impl Streams {
    pub(crate) fn new(stdio: &Stdio) -> io::Result<Self> {
        let input = if stdio.stdin.is_empty() { None } else { Some(file_with(&stdio.stdin)?) };
        Ok(Self { input, outputs: [stdio.stdout.clone(), stdio.stderr.clone()] })
    }
}

fn file_with(bytes: &[u8]) -> io::Result<File> {
    let mut file = anonymous_file()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// The reading end of a pipe that guests write to, one after the other.
struct Pump {
    /// Outside of the lock, to wait for.
    descriptor: RawFd,
    reading: Mutex<(PipeReader, Option<Capture>)>,
}

impl Pump {
    fn new() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = pipe()?;
        let descriptor = reader.as_raw_fd();
        set_flags(descriptor, libc::O_NONBLOCK)?;
        Ok((Self { descriptor, reading: Mutex::new((reader, None)) }, writer))
    }

    /// What is read from now on goes there.
    fn listen(&self, to: Option<Capture>) {
        self.lock().1 = to;
    }

    /// Reads until nothing is left.
    fn empty(&self) {
        let mut reading = self.lock();
        let (from, to) = &mut *reading;
        let mut buffer = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if let Some(to) = to {
                // A capture takes whatever it is given.
                let _ = to.write_all(&buffer[..read]);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, (PipeReader, Option<Capture>)> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Empties the pipes while a guest fills them: it would wait for ever once one is full.
fn keep_empty(pumps: &[Pump; 2]) {
    let mut watched =
        pumps.each_ref().map(|pump| libc::pollfd { fd: pump.descriptor, events: libc::POLLIN, revents: 0 });
    loop {
        // SAFETY: two structures, owned by this thread; the pumps keep their descriptors open.
        let ready = unsafe { libc::poll(watched.as_mut_ptr(), 2, -1) };
        if ready < 1 {
            continue;
        }
        for (pump, place) in pumps.iter().zip(&watched) {
            if place.revents != 0 {
                pump.empty();
            }
        }
    }
}

/// The descriptors 0, 1 and 2: those of a guest while one runs, and what they are otherwise.
pub(crate) struct Descriptors {
    null: File,
    /// Standard error of this process, as it was at its start.
    stderr: OwnedFd,
    pumps: Arc<[Pump; 2]>,
    writers: [PipeWriter; 2],
}

impl Descriptors {
    pub(crate) fn new() -> io::Result<Self> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        // SAFETY: descriptor 2 is open for the whole life of the process, and nobody closes it meanwhile.
        let stderr = unsafe { std::os::fd::BorrowedFd::borrow_raw(2) }.try_clone_to_owned()?;
        let ((stdout_pump, stdout_writer), (stderr_pump, stderr_writer)) = (Pump::new()?, Pump::new()?);
        let pumps = Arc::new([stdout_pump, stderr_pump]);
        let kept = Arc::clone(&pumps);
        std::thread::Builder::new().spawn(move || keep_empty(&kept))?;
        Ok(Self { null, stderr, pumps, writers: [stdout_writer, stderr_writer] })
    }

    /// Gives the descriptors to a guest, until [`Descriptors::rest`].
    pub(crate) fn lend(&self, streams: &Streams) -> io::Result<()> {
        for (pump, to) in self.pumps.iter().zip(&streams.outputs) {
            pump.listen(Some(to.clone()));
        }
        put(streams.input.as_ref().unwrap_or(&self.null).as_raw_fd(), 0)?;
        for (writer, at) in self.writers.iter().zip(1..) {
            // Whatever the guest before has made of them.
            set_flags(writer.as_raw_fd(), 0)?;
            put(writer.as_raw_fd(), at)?;
        }
        Ok(())
    }

    /// Takes the descriptors back, when everything that the guest wrote has been read; what is printed to standard output
    /// goes to `sink`.
    pub(crate) fn rest(&self, sink: Option<&File>) {
        // Nothing can be done about a failure here, and nothing of a guest runs until they are lent again.
        let _ = put(self.null.as_raw_fd(), 0);
        let _ = put(sink.unwrap_or(&self.null).as_raw_fd(), 1);
        let _ = put(self.stderr.as_raw_fd(), 2);
        for pump in self.pumps.iter() {
            pump.empty();
            pump.listen(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_has_been_read_when_the_pipe_is_given_to_the_next() {
        let ((pump, mut writer), (other, _writer)) = (Pump::new().unwrap(), Pump::new().unwrap());
        let pumps = Arc::new([pump, other]);
        let kept = Arc::clone(&pumps);
        std::thread::spawn(move || keep_empty(&kept));
        for n in 0..200_usize {
            let capture = Capture::new(100_000);
            pumps[0].listen(Some(capture.clone()));
            // More than a pipe holds, now and then.
            let said = vec![n as u8; if n % 50 == 0 { 90_000 } else { n }];
            writer.write_all(&said).unwrap();
            pumps[0].empty();
            pumps[0].listen(None);
            assert_eq!(capture.take(), (said, 0));
        }
    }
}
