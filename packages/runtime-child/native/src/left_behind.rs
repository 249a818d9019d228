//! What a guest has written so far, in a page of memory that the other side shares. A child that computes is ended by a signal
//! and one that crashes ends by itself: neither can answer, and this is what they leave behind.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed, Ordering::Release};

/// Bytes of a stream that are shared: those that a failure shows, and one that says that there were more.
pub(crate) const MAX_HEAD_BYTES: usize = 2_001;

/// Bytes of the file behind it.
const PAGE_BYTES: usize = 4_096;

/// An output stream of a guest.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Its layout, with lengths in little-endian order, is known to `packages/runtime-child/src/left-behind-file.ts`.
#[repr(C)]
#[derive(Debug)]
struct Page {
    lengths: [AtomicU32; 2],
    heads: [[AtomicU8; MAX_HEAD_BYTES]; 2],
}

const _: () = assert!(size_of::<Page>() <= PAGE_BYTES);

/// The page. Between two requests it is empty, so that what is found in it is of the request that was being served.
#[derive(Debug, Clone, Copy)]
pub struct LeftBehind(&'static Page);

impl LeftBehind {
    /// Maps the page from a descriptor that was inherited, and closes that.
    ///
    /// # Errors
    /// When nothing of that size is there.
    pub(crate) fn open(descriptor: RawFd) -> io::Result<Self> {
        // SAFETY: the other side names the descriptor as one that is this program's own to use.
        let file = unsafe { File::from_raw_fd(descriptor) };
        if file.metadata()?.len() < PAGE_BYTES as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the page is too short"));
        }
        // SAFETY: a new mapping of a file that is long enough; nobody else has its address.
        let page = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(ptr::null_mut(), PAGE_BYTES, access, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: mapped for as long as the process lives, page-aligned, and every bit pattern of it is valid.
        Ok(Self(unsafe { &*page.cast::<Page>() }))
    }

    /// Adds to a stream while there is room.
    pub(crate) fn append(self, stream: Stream, bytes: &[u8]) {
        let (length, head) = (&self.0.lengths[stream as usize], &self.0.heads[stream as usize]);
        let from = (u32::from_le(length.load(Relaxed)) as usize).min(MAX_HEAD_BYTES);
        let room = &head[from..];
        for (place, byte) in room.iter().zip(bytes) {
            place.store(*byte, Relaxed);
        }
        let to = from + room.len().min(bytes.len());
        // Last: a reader never finds a length beyond what is there.
        length.store((to as u32).to_le(), Release);
    }

    /// Forgets what was written.
    pub(crate) fn clear(self) {
        for length in &self.0.lengths {
            length.store(0, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd;
    use std::os::unix::fs::FileExt;

    use super::*;

    fn page_of(size_bytes: u64) -> (File, RawFd) {
        let path = std::env::temp_dir().join(format!("hotswap-left-behind-{}-{size_bytes}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.set_len(size_bytes).unwrap();
        let descriptor = file.try_clone().unwrap().into_raw_fd();
        (file, descriptor)
    }

    fn lengths(file: &File) -> (u32, u32) {
        let mut head = [0; 8];
        file.read_exact_at(&mut head, 0).unwrap();
        let [a, b, c, d, e, f, g, h] = head;
        (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
    }

    #[test]
    fn the_file_has_what_was_written_and_no_more_than_there_is_room_for() {
        let (file, descriptor) = page_of(PAGE_BYTES as u64);
        let page = LeftBehind::open(descriptor).unwrap();
        page.append(Stream::Stdout, b"one ");
        page.append(Stream::Stdout, b"two");
        page.append(Stream::Stderr, &[b'x'; 3_000]);
        page.append(Stream::Stderr, b"y");
        assert_eq!(lengths(&file), (7, MAX_HEAD_BYTES as u32));
        let mut text = [0; 7];
        file.read_exact_at(&mut text, 8).unwrap();
        assert_eq!(&text, b"one two");
        let mut last = [0; 1];
        file.read_exact_at(&mut last, 8 + 2 * MAX_HEAD_BYTES as u64 - 1).unwrap();
        assert_eq!(&last, b"x");
        page.clear();
        assert_eq!(lengths(&file), (0, 0));
    }

    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let (_file, descriptor) = page_of(100);
        assert!(LeftBehind::open(descriptor).is_err());
    }
}
