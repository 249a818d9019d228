//! HTTP served by modules, without a thread of Node in between.

mod handlers;
mod options;
mod plane;
mod request_body;

pub use handlers::{AccessRecord, FallbackBody, FallbackRequest, Handlers, RequestHead, Wants};
pub use options::{Access, Affinity, Certificate, Drained, HttpLimits, ListenOptions, Route, RouteLimits};
pub use plane::{Listener, Plane};
pub use request_body::{BodyError, RequestBody};
