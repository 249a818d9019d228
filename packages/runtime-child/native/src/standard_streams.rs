//! Standard input and output belong to the protocol, and a guest, or a library that prints, must not reach them.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::time::Duration;

use crate::left_behind::LeftBehind;

/// The two ends of the protocol.
#[derive(Debug)]
pub struct Connection {
    /// Requests.
    pub input: File,
    /// Answers.
    pub output: File,
    /// Where a guest's output is kept for the case that this process cannot answer, if the other side wants it.
    pub left_behind: Option<LeftBehind>,
}

impl Connection {
    /// Moves the protocol to descriptors of its own, which programs started from here do not inherit, and puts
    /// `/dev/null` where it was. The second argument of the program is the descriptor of the page for what guests write.
    ///
    /// # Errors
    /// When the process was started without standard input or output.
    pub fn take_over() -> io::Result<Self> {
        let input = private_copy(0)?;
        let output = private_copy(1)?;
        let descriptor = std::env::args().nth(2).and_then(|text| text.parse().ok());
        // Without it only the output of calls that are cut short is lost.
        let left_behind = descriptor.and_then(|descriptor| LeftBehind::open(descriptor).ok());
        let null = File::options().read(true).write(true).open("/dev/null")?;
        redirect(&null, 0)?;
        redirect(&null, 1)?;
        Ok(Self { input, output, left_behind })
    }

    /// Ends this process when the other side is gone, even in the middle of a guest that never returns.
    pub(crate) fn end_with_parent(&self) {
        let mut watched = libc::pollfd { fd: self.input.as_raw_fd(), events: 0, revents: 0 };
        std::thread::spawn(move || {
            loop {
                // SAFETY: one structure, owned by this thread. Without events, only the end of the stream wakes it.
                let ready = unsafe { libc::poll(&raw mut watched, 1, -1) };
                if ready > 0 && watched.revents != 0 {
                    // SAFETY: nothing has to be written out any more; destructors of a running guest must not run.
                    unsafe { libc::_exit(0) };
                }
            }
        });
    }
}

/// Waits at most so long until there is something to read, or the stream has ended. It may return too early, without either.
///
/// # Errors
/// When the stream cannot be waited for.
pub(crate) fn has_input_within(input: &File, wait: Duration) -> io::Result<bool> {
    let mut watched = libc::pollfd { fd: input.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // Rounded up: who waits for the rest of a millisecond would not wait at all.
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX).saturating_add(1);
    // SAFETY: one structure, which outlives the call.
    if unsafe { libc::poll(&raw mut watched, 1, wait_ms) } < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(false) } else { Err(error) };
    }
    Ok(watched.revents != 0)
}

fn private_copy(descriptor: RawFd) -> io::Result<File> {
    // SAFETY: the call takes no pointers; a bad descriptor is an error value.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the copy was just made and nobody else has it.
    Ok(unsafe { File::from_raw_fd(copy) })
}

fn redirect(file: &File, descriptor: RawFd) -> io::Result<()> {
    // SAFETY: both descriptors are open; the call takes no pointers.
    if unsafe { libc::dup2(file.as_raw_fd(), descriptor) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Bounds the writable memory of this process, guests and compiler together, so that neither can take the machine down.
/// An allocation beyond it ends the process, which its parent notices.
pub fn limit_memory(max_bytes: u64) {
    #[cfg(target_os = "linux")]
    {
        let limit = libc::rlimit { rlim_cur: max_bytes, rlim_max: max_bytes };
        // SAFETY: the structure outlives the call. A refusal leaves the process as it was.
        unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = max_bytes;
}
