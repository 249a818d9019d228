//! HTTP served by modules, without a thread of Node in between.
//!
//! | to change | open |
//! |---|---|
//! | options, limits, routes as data | `options.rs` |
//! | what the owner is asked | `handlers.rs`, `authorize.rs`, `access.rs`, `output.rs` |
//! | listeners, closing, slow clients | `plane.rs`, `listener.rs`, `connection.rs`, `socket.rs`, `clock.rs`, `tls.rs` |
//! | what a request may be | `request_head.rs`, `path.rs` |
//! | which module answers | `router.rs`, `affinity.rs`, `proxies.rs`, `service.rs` |
//! | how a component answers | `component.rs`, `preview3.rs`, `guest.rs`, `request_body.rs`, `answer.rs` |
//! | how commands and core modules answer | `buffered.rs`, `cgi.rs`, `handler.rs`, `message.rs` |
//! | what the plane answers itself | `problem.rs` |
//! | what is counted | `flight.rs`, `stats.rs` |

mod access;
mod affinity;
mod answer;
mod authorize;
mod buffered;
mod cgi;
mod clock;
mod component;
mod connection;
mod flight;
mod guest;
mod handler;
mod handlers;
mod listener;
mod message;
mod options;
mod output;
mod path;
mod plane;
#[cfg(feature = "wasi03")]
mod preview3;
mod problem;
mod proxies;
mod request_body;
mod request_head;
mod router;
mod service;
mod socket;
mod stats;
mod tls;

pub(crate) use component::{Server, ServerPre};
pub(crate) use handler::{ALLOC, HANDLE, MEMORY};
pub use handlers::{AccessRecord, FallbackBody, FallbackRequest, Handlers, OutputRecord, RequestHead, Wants};
pub use listener::Listener;
pub use options::{Access, Affinity, Certificate, Drained, HttpLimits, ListenOptions, Route, RouteLimits};
pub use plane::Plane;
pub(crate) use plane::cut_module;
pub use request_body::{BodyError, RequestBody};
pub(crate) use stats::VersionStats;
