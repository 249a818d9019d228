//! The library tells only its log that a memory was not allowed to grow. From 0.17.1 on it calls back; before, it prints to
//! standard output, which is read where no guest writes to it.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::api::{Api, LogMessage};
use crate::streams::anonymous_file;

const REFUSAL: &str = "Memory grow page failed";

static REFUSALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_message(message: *const LogMessage) {
    // SAFETY: the library passes a message that is valid during the call.
    let text = unsafe { &(*message).message };
    // SAFETY: start and length are the library's own.
    let bytes = unsafe { std::slice::from_raw_parts(text.start.cast::<u8>(), text.length as usize) };
    if String::from_utf8_lossy(bytes).contains(REFUSAL) {
        REFUSALS.fetch_add(1, Relaxed);
    }
}

/// Counts refusals of memory.
pub(crate) struct RefusalLog {
    /// What the library prints, where it cannot call back.
    printed: Option<File>,
}

impl RefusalLog {
    pub(crate) fn new(api: &Api) -> io::Result<Self> {
        // SAFETY: the callback is a function of this program and stays.
        unsafe {
            (api.log_set_error_level)();
            if let Some(set_callback) = api.log_set_callback {
                set_callback(on_message);
                return Ok(Self { printed: None });
            }
        }
        Ok(Self { printed: Some(anonymous_file()?) })
    }

    /// Where standard output of a guest without WASI goes.
    pub(crate) fn sink(&self) -> Option<&File> {
        self.printed.as_ref()
    }

    /// A guest that writes to standard output itself must not find the library's lines there.
    pub(crate) fn hush(&self, api: &Api, quiet: bool) {
        if self.printed.is_none() {
            return;
        }
        // SAFETY: no arguments.
        unsafe { if quiet { (api.log_off)() } else { (api.log_set_error_level)() } }
    }

    /// Refusals since the last time.
    pub(crate) fn take(&mut self) -> u64 {
        let Some(file) = &mut self.printed else { return REFUSALS.swap(0, Relaxed) };
        let mut text = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut text)).and_then(|_| {
            file.rewind()?;
            file.set_len(0)
        });
        if read.is_err() {
            return 0;
        }
        String::from_utf8_lossy(&text).matches(REFUSAL).count() as u64
    }
}
