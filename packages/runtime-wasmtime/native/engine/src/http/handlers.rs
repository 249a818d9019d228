//! What a plane asks its owner: to answer requests that no slot answers, to let someone in, to take note of what was answered.

use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Response};
use http_body_util::combinators::UnsyncBoxBody;
use serde::Serialize;

use super::request_body::RequestBody;

/// A request without its body.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub url: String,
    /// Host and port it was sent to.
    pub authority: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Headers as they were sent.
    pub headers: HeaderMap,
    /// The other end of the connection.
    pub remote: SocketAddr,
}

/// A request for the owner.
#[derive(Debug)]
pub struct FallbackRequest {
    /// Everything but the body.
    pub head: RequestHead,
    /// Read with back-pressure.
    pub body: RequestBody,
}

/// Body of an owner's answer. An error in it cuts the connection.
pub type FallbackBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What an owner wants to be asked.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may be asked for")]
pub struct Wants {
    /// Requests without a slot; otherwise they are answered 404.
    pub fallback: bool,
    /// Unknown credentials; otherwise `authorized` routes are answered 401.
    pub authorize: bool,
    /// Records of answered requests.
    pub access: bool,
    /// What guests write to their standard streams.
    pub output: bool,
}

/// One answered request, as `HttpAccessRecord` of `@hotswap/core`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRecord {
    /// Unix milliseconds of its admission.
    pub at: u64,
    /// Method.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Status of the answer.
    pub status: u16,
    /// From admission to the last byte handed to the connection.
    pub duration_ms: f64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Absent: no slot answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Label of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What one guest has written to one of its streams while it answered one request, as `HttpOutputRecord` of `@hotswap/core`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputRecord {
    /// Unix milliseconds of the guest's end.
    pub at: u64,
    /// Slot that answered.
    pub slot: String,
    /// Label of the version.
    pub version: String,
    /// `stdout` or `stderr`.
    pub stream: &'static str,
    /// Without line ends, each cut to 2,000 bytes, with whatever a terminal would obey made visible.
    pub lines: Vec<String>,
    /// Beyond a limit, and not here.
    pub dropped_bytes: u64,
}

/// The owner of a plane. Its methods are called on the plane's threads and must not block them.
pub trait Handlers: Send + Sync + 'static {
    /// What to ask. Read once, when the plane is made.
    fn wants(&self) -> Wants;

    /// Answers a request. `None`: it cannot, the client gets 503. Dropping the future, or the body of the answer before its end, means that
    /// the client has left.
    fn fallback(&self, request: FallbackRequest) -> BoxFuture<'static, Option<Response<FallbackBody>>>;

    /// Whether the sender of a request is let in, and how long that may be remembered for its `authorization` value.
    fn authorize(&self, head: RequestHead) -> BoxFuture<'static, Option<SystemTime>>;

    /// Takes note.
    fn access(&self, records: Vec<AccessRecord>);

    /// Takes note of what guests wrote.
    fn output(&self, records: Vec<OutputRecord>);
}
