//! Answers of the plane itself, as problem documents (RFC 9457). They tell a stranger nothing about the guest.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::error::{EngineError, ErrorCode};

use super::answer::AnswerBody;
use super::options::HttpLimits;

const TYPE_BASE: &str = "https://hotswap.dev/errors/";
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
const MAX_REQUEST_ID_BYTES: usize = 128;

/// One refusal.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    retryable: bool,
}

impl Problem {
    const fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self { status, code, detail: Cow::Borrowed(detail), retryable: false }
    }

    const fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    pub(crate) const fn bad_request(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "HS_HTTP_BAD_REQUEST", detail)
    }

    pub(crate) const fn ambiguous_path() -> Self {
        let detail =
            "The path leads elsewhere once its percent-encodings, slashes and dots are resolved; send it resolved.";
        Self::bad_request(detail)
    }

    pub(crate) const fn unknown_coding() -> Self {
        let detail = "The body has another transfer coding than chunked.";
        Self::new(StatusCode::NOT_IMPLEMENTED, "HS_HTTP_BAD_REQUEST", detail)
    }

    pub(crate) const fn unauthorized() -> Self {
        let detail = "This path needs a valid key in the header authorization.";
        Self::new(StatusCode::UNAUTHORIZED, "HS_HTTP_UNAUTHORIZED", detail)
    }

    pub(crate) const fn no_route() -> Self {
        let detail = "No module serves this host and path here; check the module's `http` field and whether it is deployed to this node.";
        Self::new(StatusCode::NOT_FOUND, "HS_HTTP_NO_ROUTE", detail)
    }

    pub(crate) const fn version_not_here() -> Self {
        let detail = "The version that x-hotswap-version asks for is not on this node; leave the header out, or ask another node.";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "HS_HTTP_VERSION_NOT_HERE", detail)
    }

    pub(crate) const fn not_http() -> Self {
        let detail = "The module at this path answers no HTTP requests.";
        Self::new(StatusCode::NOT_FOUND, "HS_HTTP_NO_ROUTE", detail)
    }

    pub(crate) fn body_too_large(limit: u64) -> Self {
        let detail = format!("The body is larger than the {limit} bytes that are allowed here.");
        Self { detail: detail.into(), ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, "HS_HTTP_BODY_TOO_LARGE", "") }
    }

    pub(crate) fn body_idle() -> Self {
        let detail = "The body did not arrive in time.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "HS_HTTP_BAD_REQUEST", detail).retryable()
    }

    pub(crate) fn uri_too_long(limit: usize) -> Self {
        let detail = format!("Path and query are longer than the {limit} bytes that are allowed here.");
        Self { detail: detail.into(), ..Self::new(StatusCode::URI_TOO_LONG, "HS_HTTP_URI_TOO_LONG", "") }
    }

    pub(crate) fn headers_too_large(limit: usize) -> Self {
        let detail = format!("The headers are larger than the {limit} bytes that are allowed here.");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self { detail: detail.into(), ..Self::new(status, "HS_HTTP_HEADERS_TOO_LARGE", "") }
    }

    /// What the parser refused before there was a request. It counts headers, and how large they are, as one.
    pub(crate) fn unreadable(status: u16, limits: &HttpLimits) -> Option<Self> {
        Some(match status {
            400 => Self::bad_request("The request is no valid HTTP message."),
            414 => Self::uri_too_long(limits.max_uri_bytes),
            431 => {
                let bytes = limits.max_header_bytes;
                let detail = format!(
                    "There are more than 100 headers, or more than the {bytes} bytes of them that are allowed here."
                );
                Self { detail: detail.into(), ..Self::headers_too_large(bytes) }
            }
            _ => return None,
        })
    }

    pub(crate) const fn overloaded() -> Self {
        let detail = "Too many requests are under way here; try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "HS_HTTP_OVERLOADED", detail).retryable()
    }

    /// What a guest's failure is called outside. The text is the plane's own: a guest's messages stay inside.
    pub(crate) fn of_guest(error: &EngineError) -> Self {
        let (status, code, detail) = match error.code() {
            ErrorCode::Timeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "HS_RUNTIME_TIMEOUT",
                "The module did not answer within its time limit; try again, or raise the limit.",
            ),
            ErrorCode::QueueFull => return Self::overloaded(),
            ErrorCode::MemoryLimit => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "HS_RUNTIME_MEMORY_LIMIT",
                "The module needed more memory than its limit.",
            ),
            ErrorCode::FuelExhausted => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "HS_RUNTIME_FUEL_EXHAUSTED",
                "The module used up the fuel of one call.",
            ),
            ErrorCode::TableLimit | ErrorCode::InstanceLimit | ErrorCode::OutputLimit => {
                (StatusCode::INTERNAL_SERVER_ERROR, "HS_RUNTIME_OUTPUT_LIMIT", "The module ran into one of its limits.")
            }
            ErrorCode::GuestError => {
                (StatusCode::BAD_GATEWAY, "HS_RUNTIME_GUEST_ERROR", "The module answered with an error of its own.")
            }
            ErrorCode::SignalHandlerReplaced => (
                StatusCode::SERVICE_UNAVAILABLE,
                "HS_RUNTIME_SIGNAL_HANDLER_REPLACED",
                "This node cannot run modules safely; ask another one.",
            ),
            ErrorCode::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "HS_RUNTIME_INTERNAL", "The runtime failed; its log says why.")
            }
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "HS_RUNTIME_TRAP",
                "The module failed before it answered; its log says why.",
            ),
        };
        Self::new(status, code, detail)
    }

    /// `None`: a number is made up.
    pub(crate) fn document(&self, request_id: Option<&str>) -> String {
        let request_id = request_id.map_or_else(|| format!("{:016x}", crate::slots::random()), str::to_owned);
        let mut document = json!({
            "type": format!("{TYPE_BASE}{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
            "requestId": request_id,
        });
        if self.retryable {
            document["retryable"] = json!(true);
        }
        document.to_string()
    }

    /// The whole answer.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response<AnswerBody> {
        let request_id = request
            .get("x-request-id")
            .and_then(|value| value.to_str().ok())
            .filter(|id| !id.is_empty() && id.len() <= MAX_REQUEST_ID_BYTES);
        let mut response = Response::new(AnswerBody::whole(Bytes::from(self.document(request_id))));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
