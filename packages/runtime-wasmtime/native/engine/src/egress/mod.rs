//! Outgoing HTTP of guests. Denied unless the policy names the host; then checked again by address on every connection.

pub(crate) mod address;
pub(crate) mod connect;
mod counters;
pub(crate) mod hosts;
pub(crate) mod pool;
mod request_body;
mod response_body;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{HOST, HeaderValue};
use http::uri::Scheme;
use http::{HeaderName, Method, Request, Response, Uri, Version};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use crate::egress::connect::Connector;
use crate::egress::counters::Counters;
use crate::egress::hosts::{Host, HostRules, Target, default_port};
use crate::egress::pool::{Connection, Lease, Pool};
use crate::egress::request_body::{RequestBody, StoreAlive};
use crate::egress::response_body::{BodyTimes, ResponseBody};
use crate::error::Result as EngineResult;
use crate::policy::NetworkPolicy;
use crate::shared::lookups::Lookups;

/// Wait for a connection, unless guest or policy say less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A guest may say "no time at all"; timers may not.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// Connections from the pool that may turn out closed before a new one is opened.
const MAX_STALE: usize = 3;

type SendOutcome = Result<(Response<WasiBody>, IoFuture), Error>;
type IoFuture = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// One module's way out: rules, limits, and connections that no other module uses.
pub(crate) struct Egress {
    rules: HostRules,
    connector: Connector,
    pool: Arc<Pool>,
    places: Arc<Semaphore>,
    max_request_bytes: u64,
    max_response_bytes: u64,
    max_timeout: Duration,
    pub(crate) counters: Arc<Counters>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Egress").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// How long each phase of one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Timeouts {
    /// End of the whole request, its answer's body included.
    deadline: Instant,
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl From<Timeouts> for BodyTimes {
    fn from(timeouts: Timeouts) -> Self {
        Self { between_bytes: timeouts.between_bytes, deadline: timeouts.deadline }
    }
}

impl Egress {
    /// `None` when the policy names no host: then nothing needs to be kept.
    pub(crate) fn new(
        policy: &NetworkPolicy,
        call_timeout_ms: u64,
        lookups: Arc<Lookups>,
    ) -> EngineResult<Option<Arc<Self>>> {
        let rules = HostRules::parse(&policy.allowed_hosts)?;
        if policy.allowed_hosts.is_empty() {
            return Ok(None);
        }
        let connector = Connector::new(lookups, policy.allow_private_addresses, &policy.extra_roots_pem)?;
        Ok(Some(Arc::new(Self {
            rules,
            connector,
            pool: Arc::default(),
            places: Arc::new(Semaphore::new(policy.max_concurrent_requests as usize)),
            max_request_bytes: policy.max_request_bytes,
            max_response_bytes: policy.max_response_bytes,
            max_timeout: Duration::from_millis(policy.request_timeout_ms.unwrap_or(call_timeout_ms)),
            counters: Arc::default(),
        })))
    }

    #[cfg(test)]
    pub(crate) fn idle_connections(&self) -> usize {
        self.pool.idle_count()
    }

    fn timeouts(&self, options: Option<RequestOptions>) -> Timeouts {
        let options = options.unwrap_or_default();
        let clamp = |asked: Option<Duration>, default: Duration| {
            asked.unwrap_or(default).min(self.max_timeout).max(MIN_TIMEOUT)
        };
        Timeouts {
            deadline: Instant::now() + self.max_timeout,
            connect: clamp(options.connect_timeout, CONNECT_TIMEOUT),
            first_byte: clamp(options.first_byte_timeout, self.max_timeout),
            between_bytes: clamp(options.between_bytes_timeout, self.max_timeout),
        }
    }

    async fn send(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        store_ended: Arc<AtomicBool>,
    ) -> Result<Response<WasiBody>, Error> {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let outcome = self.send_checked(request, options, store_ended).await;
        let counter = match &outcome {
            Ok(_) => return outcome,
            Err(Error::HttpRequestDenied | Error::DestinationIpProhibited) => &self.counters.denied,
            Err(_) => &self.counters.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome
    }

    async fn send_checked(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        store_ended: Arc<AtomicBool>,
    ) -> Result<Response<WasiBody>, Error> {
        let target = target(request.uri())?;
        // A tunnel would reach hosts that no rule has seen.
        if !self.rules.allow(&target) || request.method() == Method::CONNECT {
            return Err(Error::HttpRequestDenied);
        }
        let timeouts = self.timeouts(options);
        let places = self.places.clone();
        let place = timeout(timeouts.connect, places.acquire_owned())
            .await
            .map_err(|_| Error::ConnectionLimitReached)?
            .map_err(|_| Error::ConnectionLimitReached)?;
        let limit = self.max_request_bytes;
        let request = request.map(|body| RequestBody::new(body, limit, store_ended, self.counters.clone()));
        let (response, connection) = timeout_at(timeouts.deadline, self.exchange(&target, request, timeouts))
            .await
            .map_err(|_| Error::HttpResponseTimeout)??;
        self.answer(response, target, connection, place, timeouts)
    }

    /// Sends on a connection of the pool, or on a new one where those turn out to be closed.
    async fn exchange(
        &self,
        target: &Target,
        mut request: Request<RequestBody>,
        timeouts: Timeouts,
    ) -> Result<(Response<hyper::body::Incoming>, Connection), Error> {
        let uri = request.uri().clone();
        for attempt in 0.. {
            let pooled = if attempt < MAX_STALE { self.pool.take(target) } else { None };
            let fresh = pooled.is_none();
            let mut connection = if let Some(mut connection) = pooled {
                if !connection.settle().await {
                    continue;
                }
                connection
            } else {
                self.counters.connections.fetch_add(1, Ordering::Relaxed);
                self.connector.connect(target, timeouts.connect).await?
            };
            address_request(&mut request, &uri, target, connection.is_http2())?;
            let sent = timeout(timeouts.first_byte, connection.send(request)).await;
            match sent.map_err(|_| Error::ConnectionReadTimeout)? {
                Ok(response) => return Ok((response, connection)),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(send_error(failed.error())),
                },
            }
        }
        Err(Error::ConnectionTerminated)
    }

    fn answer(
        &self,
        response: Response<hyper::body::Incoming>,
        target: Target,
        connection: Connection,
        place: OwnedSemaphorePermit,
        timeouts: Timeouts,
    ) -> Result<Response<WasiBody>, Error> {
        let (parts, incoming) = response.into_parts();
        let limit = self.max_response_bytes;
        if http_body::Body::size_hint(&incoming).lower() > limit {
            return Err(Error::HttpResponseBodySize(Some(limit)));
        }
        let lease = Lease::new(&self.pool, target, connection);
        let body = ResponseBody::new(incoming, limit, timeouts.into(), lease, place, self.counters.clone());
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }
}

/// Where a request goes. A user in the authority is refused: it is sent nowhere, and it hides the host from readers.
fn target(uri: &Uri) -> Result<Target, Error> {
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
    if authority.as_str().contains('@') {
        return Err(Error::HttpRequestUriInvalid);
    }
    let tls = uri.scheme() == Some(&Scheme::HTTPS);
    if !tls && uri.scheme() != Some(&Scheme::HTTP) {
        return Err(Error::HttpRequestUriInvalid);
    }
    let host = Host::parse(authority.host()).ok_or(Error::HttpRequestUriInvalid)?;
    let port = match authority.port() {
        Some(port) => Some(port.as_u16()).filter(|port| *port != 0).ok_or(Error::HttpRequestUriInvalid)?,
        // `host:` and `host:99999` have no port that can be read, but a colon.
        None if authority.as_str().len() != authority.host().len() => return Err(Error::HttpRequestUriInvalid),
        None => default_port(tls),
    };
    Ok(Target { tls, host, port })
}

/// Writes the target into the head in the way of the protocol: both ends must read the same host as the rules did.
fn address_request(request: &mut Request<RequestBody>, uri: &Uri, target: &Target, http2: bool) -> Result<(), Error> {
    let authority = if target.port == default_port(target.tls) {
        target.host.to_string()
    } else {
        format!("{}:{}", target.host, target.port)
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.is_empty() { "/" } else { path };
    let mut parts = Uri::builder().path_and_query(path);
    if http2 {
        parts = parts.scheme(if target.tls { "https" } else { "http" }).authority(authority.as_str());
        request.headers_mut().remove(HOST);
        *request.version_mut() = Version::HTTP_2;
    } else {
        let host = HeaderValue::try_from(&authority).map_err(|_| Error::HttpRequestUriInvalid)?;
        request.headers_mut().insert(HOST, host);
        *request.version_mut() = Version::HTTP_11;
    }
    *request.uri_mut() = parts.build().map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(())
}

/// The reason of a request that got no answer, without anything the server said.
fn send_error(error: &hyper::Error) -> Error {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        match inner.downcast_ref::<Error>() {
            Some(Error::HttpRequestBodySize(limit)) => return Error::HttpRequestBodySize(*limit),
            Some(_) => return Error::ConnectionTerminated,
            None => cause = inner.source(),
        }
    }
    if error.is_parse_too_large() {
        return Error::HttpResponseHeaderSectionSize(None);
    }
    if error.is_parse() {
        return Error::HttpProtocolError;
    }
    Error::ConnectionTerminated
}

/// What a store hands its guest's requests to.
#[derive(Debug, Default)]
pub(crate) struct EgressHooks {
    egress: Option<Arc<Egress>>,
    alive: StoreAlive,
}

impl EgressHooks {
    /// Without `egress` every request is denied.
    pub(crate) fn new(egress: Option<Arc<Egress>>) -> Self {
        Self { egress, alive: StoreAlive::default() }
    }
}

impl WasiHttpHooks for EgressHooks {
    // Asked for every header of every request: the default makes a closure each time.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    /// The head is addressed in `address_request`.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = SendOutcome> + Send> {
        let Some(egress) = self.egress.clone() else {
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        };
        let ended = self.alive.ended();
        Box::new(async move {
            let response = egress.send(request, options, ended).await?;
            let done: IoFuture = Box::new(std::future::ready(Ok(())));
            Ok((response, done))
        })
    }
}

/// Headers that belong to the connection or to proxies, not to guests.
fn is_forbidden(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name) || name.as_str().starts_with("proxy-")
}
