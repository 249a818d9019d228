//! What guests write to their standard streams, on its way to the plane's owner: bounded, and never waited for.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::calls::control::CallControl;
use crate::slots::SlotVersion;
use crate::wasi::output::{Output, Streams};
use crate::wasi::stdio::{MAX_SHOWN_BYTES, shown};

use super::access::unix_ms;
use super::handlers::OutputRecord;
use super::plane::PlaneState;

const BATCH_PAUSE: Duration = Duration::from_millis(250);
/// Text that waits for the owner at most; what comes on top is counted.
const MAX_WAITING_BYTES: usize = 1024 * 1024;
/// Of one stream of one request, its head.
const MAX_RECORD_BYTES: usize = 64 * 1024;
/// And its first lines, of which both streams of a request have room among what waits.
const MAX_RECORD_LINES: usize = 4_000;
/// What a record weighs beside its text.
const RECORD_BYTES: usize = 128;
/// And each of its lines, so that a batch of empty ones stays one that the owner's thread can take.
const LINE_BYTES: usize = 100;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct OutputLog(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<OutputRecord>,
    bytes: usize,
}

impl OutputLog {
    fn push(&self, record: OutputRecord) {
        let text = record.lines.iter().map(|line| line.len() + LINE_BYTES).sum::<usize>();
        let mut waiting = self.0.lock();
        if waiting.bytes + text + RECORD_BYTES <= MAX_WAITING_BYTES {
            waiting.bytes += text + RECORD_BYTES;
            waiting.records.push_back(record);
            return;
        }
        let lost = record.dropped_bytes + record.lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
        let same = |other: &&mut OutputRecord| {
            (&other.slot, &other.version, other.stream) == (&record.slot, &record.version, record.stream)
        };
        match waiting.records.iter_mut().rev().find(same) {
            Some(other) => other.dropped_bytes += lost,
            // One for each stream of each version at most.
            None => waiting.records.push_back(OutputRecord { lines: Vec::new(), dropped_bytes: lost, ..record }),
        }
    }

    fn take(&self) -> Vec<OutputRecord> {
        std::mem::take(&mut *self.0.lock()).records.into()
    }
}

/// Hands records over in batches for as long as the plane lives.
pub(crate) async fn hand_over(plane: Weak<PlaneState>) {
    loop {
        tokio::time::sleep(BATCH_PAUSE).await;
        let Some(plane) = plane.upgrade() else { return };
        hand_over_now(&plane);
    }
}

/// Hands over what waits.
pub(crate) fn hand_over_now(plane: &PlaneState) {
    let _turn = plane.handing_over.lock();
    let records = plane.output.take();
    if !records.is_empty() {
        plane.handlers.output(records);
    }
}

/// Where the output of one guest goes.
#[derive(Clone)]
pub(crate) struct OutputTo {
    plane: Arc<PlaneState>,
    version: Arc<SlotVersion>,
}

impl OutputTo {
    /// `None`: nobody wants it.
    pub(crate) fn find(plane: &Arc<PlaneState>, version: Option<&Arc<SlotVersion>>) -> Option<Self> {
        let version = version.filter(|_| plane.wants.output)?;
        Some(Self { plane: plane.clone(), version: version.clone() })
    }

    fn write(&self, stream: &'static str, bytes: &[u8], dropped_bytes: u64) {
        if bytes.is_empty() && dropped_bytes == 0 {
            return;
        }
        let (lines, kept) = lines_of(&bytes[..bytes.len().min(MAX_RECORD_BYTES)]);
        let dropped_bytes = dropped_bytes + (bytes.len() - kept) as u64;
        self.plane.output.push(OutputRecord {
            at: unix_ms(SystemTime::now()),
            slot: self.version.slot.to_string(),
            version: self.version.label.to_string(),
            stream,
            lines,
            dropped_bytes,
        });
    }
}

/// The first lines of a stream, and how many bytes they are made of.
fn lines_of(head: &[u8]) -> (Vec<String>, usize) {
    let (mut lines, mut from) = (Vec::new(), 0);
    while from < head.len() && lines.len() < MAX_RECORD_LINES {
        let end = head[from..].iter().position(|byte| *byte == b'\n').map_or(head.len(), |at| from + at);
        let line = &head[from..end];
        lines.push(shown(line.strip_suffix(b"\r").unwrap_or(line), MAX_SHOWN_BYTES));
        from = end + 1;
    }
    (lines, from.min(head.len()))
}

/// Hands over what a guest has written when it ends, however it ends.
pub(crate) struct Watched {
    to: OutputTo,
    streams: Streams,
}

impl Watched {
    pub(crate) fn new(to: &OutputTo, streams: Option<&Streams>) -> Option<Self> {
        Some(Self { to: to.clone(), streams: streams?.clone() })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Output { stdout, stderr, stdout_dropped, stderr_dropped } = self.streams.take();
        self.to.write("stdout", &stdout, stdout_dropped);
        self.to.write("stderr", &stderr, stderr_dropped);
    }
}

/// The same for a command whose standard output is its answer: what it says beside it counts against its module's log rate here.
pub(crate) struct WatchedErrors {
    to: Option<OutputTo>,
    control: Arc<CallControl>,
}

impl WatchedErrors {
    /// Of the command that runs in the scope of `control`.
    pub(crate) fn new(to: Option<OutputTo>, control: Arc<CallControl>) -> Self {
        Self { to, control }
    }

    /// What the command handed over itself.
    pub(crate) fn write(&self, stderr: &[u8], dropped_bytes: u64) {
        let Some(to) = &self.to else { return };
        let rate = to.version.module.grants.log_rate.as_ref();
        let kept = rate.map_or(stderr.len(), |rate| rate.take(stderr.len(), Instant::now()));
        to.write("stderr", &stderr[..kept], dropped_bytes + (stderr.len() - kept) as u64);
    }
}

impl Drop for WatchedErrors {
    fn drop(&mut self) {
        if let Some(streams) = self.control.left_behind() {
            let left = streams.take();
            self.write(&left.stderr, left.stderr_dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(version: &str, text: &str) -> OutputRecord {
        OutputRecord {
            at: 0,
            slot: "slot".to_owned(),
            version: version.to_owned(),
            stream: "stderr",
            lines: vec![text.to_owned()],
            dropped_bytes: 0,
        }
    }

    #[test]
    fn what_waits_is_bounded_and_the_rest_is_counted_where_it_belongs() {
        let log = OutputLog::default();
        let quarter = "x".repeat(MAX_WAITING_BYTES / 4 - RECORD_BYTES - LINE_BYTES);
        for _ in 0..5 {
            log.push(record("1", &quarter));
        }
        log.push(record("2", "lost"));
        log.push(record("2", "lost too"));
        let taken = log.take();
        assert_eq!(taken.len(), 5, "four that fit, one that counts");
        assert_eq!(taken[3].dropped_bytes, quarter.len() as u64 + 1);
        assert_eq!((taken[4].lines.len(), taken[4].dropped_bytes, taken[4].version.as_str()), (0, 14, "2"));
        assert!(log.take().is_empty());
        log.push(record("2", "there is room again"));
        assert_eq!(log.take()[0].lines.len(), 1);
    }

    #[test]
    fn lines_are_cut_bounded_and_counted() {
        let strings = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        for (text, lines) in [
            ("", &[][..]),
            ("one", &["one"]),
            ("one\n", &["one"]),
            ("one\r\ntwo\n\nfour", &["one", "two", "", "four"]),
            ("\n", &[""]),
        ] {
            assert_eq!(lines_of(text.as_bytes()), (strings(lines), text.len()), "{text:?}");
        }
        assert_eq!(lines_of(&[0x61, 0xff, 0x0a, 0x62]).0, ["a\u{fffd}", "b"]);
        let (lines, kept) = lines_of(&b"x\n".repeat(10_000));
        assert_eq!((lines.len(), kept), (MAX_RECORD_LINES, 2 * MAX_RECORD_LINES));
    }

    #[test]
    fn empty_lines_weigh_too() {
        let log = OutputLog::default();
        let flood = OutputRecord { lines: vec![String::new(); 1_000], ..record("1", "") };
        for _ in 0..100 {
            log.push(flood.clone());
        }
        let lines = log.take().iter().map(|record| record.lines.len()).sum::<usize>();
        assert!((9_000..=10_500).contains(&lines), "{lines}");
    }
}
