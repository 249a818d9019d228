//! One request from its admission to the end of its answer: what it holds, and what is counted when it ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::StatusCode;

use crate::module::InFlight;
use crate::slots::SlotVersion;

use super::access::{Draft, unix_ms};
use super::connection::Connection;
use super::handlers::AccessRecord;
use super::router::RouteEntry;
use super::stats::{Ending, PlaneStats};

/// See the module's description. Its end is its drop, wherever that happens.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) connection: Arc<Connection>,
    pub(crate) started: Instant,
    id: u64,
    /// The client wants no content.
    is_head: bool,
    status: u16,
    bytes: u64,
    ending: Option<Ending>,
    broken: bool,
    route: Option<Arc<RouteEntry>>,
    version: Option<Arc<SlotVersion>>,
    /// Keeps the module loaded, and its drain waiting.
    pin: Option<InFlight>,
    draft: Option<Box<Draft>>,
}

impl Flight {
    /// Admits a request to the port. `Err`: too many are under way.
    pub(crate) fn begin(connection: &Arc<Connection>, is_head: bool) -> Result<Self, Self> {
        let port = &connection.port;
        let full = port.in_flight.fetch_add(1, Ordering::Relaxed) >= port.limits.max_in_flight;
        port.plane.stats.in_flight.fetch_add(1, Ordering::Relaxed);
        PlaneStats::count(&port.plane.stats.requests);
        let flight = Self {
            connection: connection.clone(),
            started: Instant::now(),
            id: connection.enter(),
            is_head,
            status: 0,
            bytes: 0,
            ending: None,
            broken: false,
            route: None,
            version: None,
            pin: None,
            draft: None,
        };
        if full { Err(flight) } else { Ok(flight) }
    }

    pub(crate) fn sample(&mut self, draft: Draft) {
        self.draft = Some(Box::new(draft));
    }

    /// Admits it to a route. False: too many are under way there.
    pub(crate) fn enter_route(&mut self, route: &Arc<RouteEntry>) -> bool {
        let Some(limit) = route.max_in_flight else { return true };
        self.route = Some(route.clone());
        route.in_flight.fetch_add(1, Ordering::Relaxed) < limit
    }

    /// Admits it to a version. False: too many are under way there.
    pub(crate) fn enter_version(&mut self, version: Arc<SlotVersion>) -> bool {
        let pin = version.module.enter();
        let fits = version.module.in_flight() <= version.module.limits().max_pending_calls as usize;
        self.connection.enter_module(self.id, version.module.id());
        version.http.in_flight.fetch_add(1, Ordering::Relaxed);
        self.pin = Some(pin);
        self.version = Some(version);
        fits
    }

    pub(crate) fn version(&self) -> Option<&Arc<SlotVersion>> {
        self.version.as_ref()
    }

    /// The client is told a status. False: no content may follow it.
    pub(crate) fn head(&mut self, status: StatusCode) -> bool {
        self.status = status.as_u16();
        let has_content = !self.is_head && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !has_content {
            self.end(Ending::Whole);
        }
        has_content
    }

    pub(crate) fn is_head(&self) -> bool {
        self.is_head
    }

    pub(crate) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// How it ended. The first reason stays.
    pub(crate) fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// The answer broke off after its head.
    pub(crate) fn break_off(&mut self, ending: Ending) {
        self.broken = true;
        self.connection.note_broken();
        self.end(ending);
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// When its connection is to be cut if nothing else has ended it.
    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        self.connection.set_deadline(self.id, deadline);
    }

    /// A piece of the answer waits for the client, or does so no more.
    pub(crate) fn set_untaken(&self, untaken: bool) {
        self.connection.set_untaken(self.id, untaken);
    }

    /// Gives away what keeps the module's drain waiting; for a guest that outlives its answer.
    pub(crate) fn take_pin(&mut self) -> Option<InFlight> {
        self.pin.take()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // First: who sees no request under way any more sees none of the module either.
        drop(self.pin.take());
        let port = &self.connection.port;
        let plane = &port.plane;
        let ending = self.ending.unwrap_or(if self.connection.is_cut() { Ending::Cut } else { Ending::Left });
        let took = self.started.elapsed();
        match ending {
            Ending::Timeout => PlaneStats::count(&plane.stats.timeouts),
            Ending::Whole | Ending::Failed | Ending::Left | Ending::Cut => {}
        }
        if self.broken || ending == Ending::Cut {
            PlaneStats::count(&plane.stats.cut);
        }
        if let Some(version) = &self.version {
            version.http.record(self.status, ending, self.broken, took);
            version.http.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(draft) = self.draft.take() {
            plane.access.push(AccessRecord {
                at: unix_ms(draft.at),
                method: draft.method,
                path: draft.path,
                status: self.status,
                duration_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
                response_bytes: self.bytes,
                slot: self.version.as_ref().map(|version| version.slot.to_string()),
                version: self.version.as_ref().map(|version| version.label.to_string()),
            });
        }
        if let Some(route) = &self.route {
            route.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        if ending != Ending::Cut {
            port.finished.fetch_add(1, Ordering::AcqRel);
        }
        plane.stats.in_flight.fetch_sub(1, Ordering::Relaxed);
        port.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.connection.leave(self.id);
    }
}
