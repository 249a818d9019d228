//! The whole of one owner's HTTP: its listeners, its slots, its counters.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::{EngineError, ErrorCode, Result};
use crate::slots::SlotTable;

use super::handlers::Handlers;
use super::options::{Certificate, Drained, ListenOptions, Route};

/// See the module's description.
pub struct Plane {
    _slots: Arc<SlotTable>,
    _handlers: Arc<dyn Handlers>,
}

/// One open port.
pub struct Listener {
    port: u16,
}

impl Plane {
    /// A plane without listeners.
    ///
    /// # Errors
    /// `INTERNAL` when the runtime cannot start.
    pub fn new(slots: Arc<SlotTable>, handlers: Arc<dyn Handlers>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { _slots: slots, _handlers: handlers }))
    }

    /// Opens a port.
    ///
    /// # Errors
    /// `LISTEN_FAILED`, `INVALID_ARGUMENT`, `CLOSED`.
    pub fn listen(self: &Arc<Self>, options: &ListenOptions) -> Result<Arc<Listener>> {
        options.limits.check()?;
        options.address()?;
        Err(EngineError::new(ErrorCode::ListenFailed, "not yet"))
    }

    /// Where work of the plane's owner may be spawned.
    pub fn handle(&self) -> Result<tokio::runtime::Handle> {
        Ok(crate::runtime::Runtime::get()?.tokio.handle().clone())
    }

    /// JSON of `HttpPlaneStats`.
    pub fn stats_json(&self) -> String {
        String::new()
    }

    /// Closes every listener; none can be opened any more.
    pub fn close(self: &Arc<Self>, _deadline: Duration) -> BoxFuture<'static, Drained> {
        Box::pin(std::future::ready(Drained::default()))
    }

    /// Cuts everything at once.
    pub fn abort(&self) {}
}

impl Listener {
    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Replaces all routes in one step.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn set_routes(&self, _routes: Vec<Route>) -> Result<()> {
        Ok(())
    }

    /// Replaces all certificates in one step.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub fn set_certificates(&self, _certificates: &[Certificate]) -> Result<()> {
        Ok(())
    }

    /// Takes no more connections, lets requests end, cuts what is left at the deadline.
    pub fn close(self: &Arc<Self>, _deadline: Duration) -> BoxFuture<'static, Drained> {
        Box::pin(std::future::ready(Drained::default()))
    }
}
