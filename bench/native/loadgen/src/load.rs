//! The loop that keeps the connections busy.

use std::collections::BTreeMap;
use std::error::Error;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use serde::Serialize;

use crate::Options;
use crate::connection::{Connection, Failure, Known, Received};
use crate::histogram::Histogram;
use crate::response::{self, Answer};

/// How often requests are looked at that take too long.
const LOOK: Duration = Duration::from_millis(50);
/// How long requests may take that are on their way when the run ends.
const DRAIN: Duration = Duration::from_secs(10);

/// What came of a run. Times are in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    requests: u64,
    seconds: f64,
    per_second: f64,
    mean_ms: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    failed: u64,
    failures: Failures,
    counted: BTreeMap<String, u64>,
    connections_opened: u64,
    /// The part of the time in which there was nothing to do. Near 0: what was measured is the load, not the server.
    idle_share: f64,
}

/// Requests that had no good answer, those of the warm-up included.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failures {
    status: u64,
    body: u64,
    cut: u64,
    malformed: u64,
    timeout: u64,
    first: Option<String>,
}

impl Failures {
    fn total(&self) -> u64 {
        self.status + self.body + self.cut + self.malformed + self.timeout
    }
}

struct Run<'a> {
    options: &'a Options,
    request: Vec<u8>,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    free: Vec<usize>,
    begin: Instant,
    end: Instant,
    /// Requests sent that count, and due times handed out since the start.
    sent: u64,
    due: u64,
    started: Instant,
    finished: Option<Instant>,
    latencies: Histogram,
    failures: Failures,
    known: Known,
    /// How many answers had which value in the header that is counted; the first: none.
    counted: Vec<(Vec<u8>, u64)>,
    opened: u64,
    idle: Duration,
}

/// Runs the load and tells what came of it.
pub fn run(options: &Options) -> Result<Report, Box<dyn Error>> {
    let started = Instant::now();
    let begin = started + Duration::from_secs_f64(options.warmup_seconds);
    let mut run = Run {
        options,
        request: options.request(),
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        connections: Vec::new(),
        free: Vec::new(),
        begin,
        end: begin + Duration::from_secs_f64(options.seconds),
        sent: 0,
        due: 0,
        started,
        finished: None,
        latencies: Histogram::new(),
        failures: Failures::default(),
        known: Known::default(),
        counted: vec![(Vec::new(), 0)],
        opened: 0,
        idle: Duration::ZERO,
    };
    for index in 0..options.connections {
        let connection = run.open(index)?;
        run.connections.push(connection);
        run.free.push(index);
    }
    run.drive()?;
    Ok(run.report())
}

impl Run<'_> {
    fn open(&mut self, index: usize) -> Result<Connection, Box<dyn Error>> {
        let connection = Connection::open(self.options.address)?;
        self.opened += 1;
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &connection, data, epoll::EventFlags::IN)?;
        Ok(connection)
    }

    fn drive(&mut self) -> Result<(), Box<dyn Error>> {
        let mut events = Vec::with_capacity(self.options.connections);
        let mut next_look = Instant::now() + LOOK;
        loop {
            let mut now = Instant::now();
            self.start_requests(now)?;
            if self.is_over(now) {
                return Ok(());
            }
            let until = self.next_due(now).map_or(next_look, |due| due.min(next_look));
            let pause = if self.options.spin { Duration::ZERO } else { until.saturating_duration_since(now) };
            let timeout = Timespec::try_from(pause)?;
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let before = std::mem::replace(&mut now, Instant::now());
            if events.is_empty() || !self.options.spin {
                self.idle += now - before;
            }
            for event in &events {
                self.step(event.data.u64() as usize, event.flags)?;
            }
            if now >= next_look {
                self.look_for_timeouts(now)?;
                next_look = now + LOOK;
            }
        }
    }

    fn is_over(&mut self, now: Instant) -> bool {
        let all_sent = now >= self.end || (self.options.requests > 0 && self.sent >= self.options.requests);
        if all_sent {
            self.finished.get_or_insert(now);
        }
        let none_left = self.free.len() == self.connections.len();
        self.finished.is_some_and(|at| none_left || now >= at + DRAIN)
    }

    fn next_due(&self, now: Instant) -> Option<Instant> {
        let none = self.options.rate == 0 || self.finished.is_some() || self.free.is_empty();
        (!none).then(|| self.due_time().max(now))
    }

    fn due_time(&self) -> Instant {
        self.started
            + Duration::from_nanos((u128::from(self.due) * 1_000_000_000 / u128::from(self.options.rate)) as u64)
    }

    fn start_requests(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        while self.finished.is_none() && now < self.end {
            let due = if self.options.rate == 0 { now } else { self.due_time() };
            let enough = self.options.requests > 0 && self.sent >= self.options.requests;
            if due > now || enough {
                return Ok(());
            }
            let Some(index) = self.free.pop() else { return Ok(()) };
            self.due += 1;
            self.start(index, due)?;
        }
        Ok(())
    }

    fn start(&mut self, index: usize, due: Instant) -> Result<(), Box<dyn Error>> {
        let counted = due >= self.begin;
        self.sent += u64::from(counted);
        match self.connections[index].send(&self.request, due, counted) {
            Ok(()) if self.connections[index].is_sending() => {
                self.watch(index, epoll::EventFlags::IN | epoll::EventFlags::OUT)
            }
            Ok(()) => Ok(()),
            Err(failure) => self.fail(index, failure),
        }
    }

    fn watch(&self, index: usize, flags: epoll::EventFlags) -> Result<(), Box<dyn Error>> {
        epoll::modify(&self.epoll, &self.connections[index], epoll::EventData::new_u64(index as u64), flags)?;
        Ok(())
    }

    fn step(&mut self, index: usize, flags: epoll::EventFlags) -> Result<(), Box<dyn Error>> {
        let connection = &mut self.connections[index];
        if flags.contains(epoll::EventFlags::OUT) && connection.is_sending() {
            if let Err(failure) = connection.flush(&self.request) {
                return self.fail(index, failure);
            }
            if !connection.is_sending() {
                self.watch(index, epoll::EventFlags::IN)?;
            }
        }
        if !flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            return Ok(());
        }
        let connection = &mut self.connections[index];
        let (due, counted) = (connection.due, connection.counted);
        let (options, failures, versions) = (self.options, &mut self.failures, &mut self.counted);
        let end = connection.receive(&mut self.known, |answer, body| check(options, failures, versions, answer, body));
        match end {
            Ok(Received::Part) => Ok(()),
            Ok(Received::Known(version)) => {
                self.counted[version].1 += 1;
                self.answered(index, due.filter(|_| counted))
            }
            Ok(Received::Answer(closes)) => {
                if closes {
                    self.connections[index] = self.open(index)?;
                }
                self.answered(index, due.filter(|_| counted))
            }
            // A server may close a connection that is not in use.
            Err(Failure::Cut) if due.is_none() => {
                self.connections[index] = self.open(index)?;
                Ok(())
            }
            Err(failure) => self.fail(index, failure),
        }
    }

    fn answered(&mut self, index: usize, due: Option<Instant>) -> Result<(), Box<dyn Error>> {
        let now = Instant::now();
        if let Some(due) = due {
            self.latencies.record(now.duration_since(due).as_nanos() as u64);
        }
        self.free.push(index);
        // At full speed the next request goes out at once, without another turn of the loop.
        if self.options.rate == 0 { self.start_requests(now) } else { Ok(()) }
    }

    fn fail(&mut self, index: usize, failure: Failure) -> Result<(), Box<dyn Error>> {
        match failure {
            Failure::Cut => self.failures.cut += 1,
            Failure::Malformed => self.failures.malformed += 1,
        }
        self.failures.first.get_or_insert_with(|| format!("{failure:?}"));
        self.replace(index)
    }

    fn replace(&mut self, index: usize) -> Result<(), Box<dyn Error>> {
        self.connections[index] = self.open(index)?;
        self.free.push(index);
        Ok(())
    }

    fn look_for_timeouts(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        for index in 0..self.connections.len() {
            let late = |due: Instant| now.saturating_duration_since(due) > self.options.timeout();
            if self.connections[index].due.is_some_and(late) {
                self.failures.timeout += 1;
                self.failures.first.get_or_insert_with(|| "no answer in time".into());
                self.replace(index)?;
            }
        }
        Ok(())
    }

    fn report(self) -> Report {
        let ms = |ns: u64| ns as f64 / 1e6;
        let finished = self.finished.unwrap_or(self.end);
        let seconds = finished.saturating_duration_since(self.begin).as_secs_f64();
        let requests = self.latencies.count();
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        Report {
            requests,
            seconds,
            per_second: requests as f64 / seconds,
            mean_ms: ms(self.latencies.mean()),
            p50_ms: ms(self.latencies.percentile(0.5)),
            p90_ms: ms(self.latencies.percentile(0.9)),
            p99_ms: ms(self.latencies.percentile(0.99)),
            p999_ms: ms(self.latencies.percentile(0.999)),
            max_ms: ms(self.latencies.max()),
            failed: self.failures.total(),
            failures: self.failures,
            counted: self.counted.into_iter().skip(1).map(|(value, count)| (text(value), count)).collect(),
            connections_opened: self.opened,
            idle_share: self.idle.as_secs_f64() / self.started.elapsed().as_secs_f64(),
        }
    }
}

/// The place of an answer's version in what is counted; `None`: the answer is wrong.
fn check(
    options: &Options,
    failures: &mut Failures,
    counted: &mut Vec<(Vec<u8>, u64)>,
    answer: &Answer<'_>,
    body: &[u8],
) -> Option<usize> {
    let value = response::header(answer.head, &options.count_header).unwrap_or_default();
    let version = counted.iter().position(|(known, _)| known == value).unwrap_or_else(|| {
        counted.push((value.to_vec(), 0));
        counted.len() - 1
    });
    counted[version].1 += 1;
    let wrong_status = answer.status != options.status;
    let wrong_body = !options.bodies.is_empty() && !options.bodies.iter().any(|wanted| wanted.as_bytes() == body);
    if !wrong_status && !wrong_body {
        return Some(version);
    }
    let count = if wrong_status { &mut failures.status } else { &mut failures.body };
    *count += 1;
    failures.first.get_or_insert_with(|| {
        let shown = &body[..body.len().min(200)];
        format!("{} {}", answer.status, String::from_utf8_lossy(shown))
    });
    None
}
