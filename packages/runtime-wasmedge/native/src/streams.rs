//! Standard streams of a guest. The library gives guests the descriptors 0, 1 and 2 of this process, so these are put in
//! place while a guest runs, and only then.

use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::thread::JoinHandle;

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

/// The streams of one instance.
pub(crate) struct Streams {
    input: File,
    outputs: Option<[OwnedFd; 2]>,
    pumps: Vec<JoinHandle<()>>,
}

impl Streams {
    pub(crate) fn new(stdio: &Stdio) -> io::Result<Self> {
        let mut input = anonymous_file()?;
        input.write_all(&stdio.stdin)?;
        input.rewind()?;
        let (out_reader, out) = pipe()?;
        let (err_reader, err) = pipe()?;
        let pumps = vec![pump(out_reader, stdio.stdout.clone()), pump(err_reader, stdio.stderr.clone())];
        Ok(Self { input, outputs: Some([out.into(), err.into()]), pumps })
    }

    /// Puts them where the guest finds them, until [`Resting::restore`].
    pub(crate) fn activate(&self) -> io::Result<()> {
        let Some([out, err]) = &self.outputs else { return Ok(()) };
        put(self.input.as_raw_fd(), 0)?;
        put(out.as_raw_fd(), 1)?;
        put(err.as_raw_fd(), 2)
    }
}

impl Drop for Streams {
    /// Waits until everything that was written has been read.
    fn drop(&mut self) {
        self.outputs = None;
        for pump in self.pumps.drain(..) {
            // A reader that failed has nothing more to give.
            let _ = pump.join();
        }
    }
}

fn pump(mut from: PipeReader, mut to: Capture) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    })
}

/// What the descriptors are while no guest runs: standard error of this process was kept at its start.
pub(crate) struct Resting {
    null: File,
    stderr: OwnedFd,
}

impl Resting {
    pub(crate) fn new() -> io::Result<Self> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        // SAFETY: descriptor 2 is open for the whole life of the process, and nobody closes it meanwhile.
        let stderr = unsafe { std::os::fd::BorrowedFd::borrow_raw(2) }.try_clone_to_owned()?;
        Ok(Self { null, stderr })
    }

    /// Takes the streams from a guest; what is printed to standard output goes to `sink`.
    pub(crate) fn restore(&self, sink: Option<&File>) {
        // Nothing can be done about a failure here, and nothing of a guest runs until the next activation.
        let _ = put(self.null.as_raw_fd(), 0);
        let _ = put(sink.unwrap_or(&self.null).as_raw_fd(), 1);
        let _ = put(self.stderr.as_raw_fd(), 2);
    }
}
