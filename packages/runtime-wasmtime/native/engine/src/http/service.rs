//! One request: checked, routed, admitted, and given to whoever answers it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body;
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::task::unconstrained;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use crate::calls::admission::wait_for_share;
use crate::deadline::Deadline;
use crate::error::{EngineError, Result};
use crate::module::HttpEntry;
use crate::slots::{AskedVersion, NotChosen, SlotVersion};
use crate::trap::timeout;

use super::access::Draft;
use super::affinity::sticky_key;
use super::answer::{AnswerBody, ending_of};
use super::authorize::{Doorkeeper, Verdict};
use super::buffered::{self, Whole};
use super::component::Head;
use super::connection::{Connection, Cut, ServeResult};
use super::flight::Flight;
use super::guest::{self, Answering, GuestFuture, Place, Returned, StoreLost};
use super::handlers::{FallbackRequest, RequestHead};
use super::options::HttpLimits;
use super::output::OutputTo;
use super::problem::Problem;
use super::request_body::{self, BodyError, RequestBody};
use super::router::RouteEntry;
use super::stats::PlaneStats;

/// Names the version that answered; on authorized routes, and from trusted proxies, the one that shall.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("x-hotswap-version");

/// How HTTP/1.1 itself counts a header: name, colon, space, value, line end.
const HEADER_OVERHEAD_BYTES: usize = 4;

type Answer = Response<AnswerBody>;

/// Answers one request of a connection. What is rare is boxed: the future of each request is moved as a whole, whichever way it goes.
pub(crate) async fn serve(connection: Arc<Connection>, request: Request<Incoming>) -> ServeResult<Answer> {
    let mut flight = match Flight::begin(&connection) {
        Ok(flight) => flight,
        Err(flight) => return Ok(refuse(flight, &Problem::overloaded(), &request)),
    };
    let plane = &connection.port.plane;
    if plane.wants.access && plane.access.wants_next() {
        flight.sample(Draft {
            at: SystemTime::now(),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
        });
    }
    if let Err(problem) = check(&request, &connection.port.limits) {
        return Ok(refuse(flight, &problem, &request));
    }
    let route = {
        let table = connection.port.table.load();
        match authority(&request) {
            Err(problem) => return Ok(refuse(flight, &problem, &request)),
            Ok(authority) => table.find(authority, request.uri().path()).cloned(),
        }
    };
    let Some(route) = route else {
        return Box::pin(fall_back(flight, request, connection.port.limits.max_body_bytes)).await;
    };
    if !flight.enter_route(&route) {
        return Ok(refuse(flight, &Problem::overloaded(), &request));
    }
    if route.authorized
        && let Err(problem) = Box::pin(let_in(&connection, &request)).await
    {
        return Ok(refuse(flight, &problem, &request));
    }
    let Some(slot) = &route.slot else { return Box::pin(fall_back(flight, request, route.max_body_bytes)).await };
    let key = || Some(sticky_key(&route.affinity, request.headers(), connection.remote));
    let asked = asked_version(&connection, &route, &request);
    let version = match plane.slots.choose_version(slot, asked, key) {
        Ok(version) => version,
        Err(NotChosen::Pinned) => return Ok(refuse(flight, &Problem::version_not_here(), &request)),
        Err(NotChosen::Nothing) => return Ok(refuse(flight, &Problem::no_route(), &request)),
    };
    ask_version(flight, request, &route, version).await
}

/// The version that a request has to get, or shall get where it can. Whoever may not choose is not listened to.
fn asked_version<'r>(
    connection: &Connection,
    route: &RouteEntry,
    request: &'r Request<Incoming>,
) -> Option<AskedVersion<'r>> {
    let name = request.headers().get(VERSION)?.as_bytes();
    if route.authorized {
        Some(AskedVersion::Pinned(name))
    } else {
        connection.port.proxies.include(connection.remote.ip()).then_some(AskedVersion::Preferred(name))
    }
}

/// The plane itself answers.
fn refuse<B>(mut flight: Flight, problem: &Problem, request: &Request<B>) -> Answer {
    if problem.status == http::StatusCode::SERVICE_UNAVAILABLE {
        PlaneStats::count(&flight.connection.port.plane.stats.refused);
    }
    flight.head(problem.status.as_u16());
    problem.answer(request.headers()).map(|body| body.with_flight(flight))
}

/// What no request may be, whoever answers it.
fn check(request: &Request<Incoming>, limits: &HttpLimits) -> std::result::Result<(), Problem> {
    if request.method() == Method::CONNECT {
        return Err(Problem::bad_request("This is no proxy: CONNECT is not served."));
    }
    let uri_bytes = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if uri_bytes > limits.max_uri_bytes {
        return Err(Problem::uri_too_long(limits.max_uri_bytes));
    }
    let headers = request.headers().iter();
    let header_bytes: usize =
        headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD_BYTES).sum();
    if header_bytes > limits.max_header_bytes {
        return Err(Problem::headers_too_large(limits.max_header_bytes));
    }
    Ok(())
}

/// Where a request was sent to: what its address says, else its one header `host`. Guests are told the same.
fn authority(request: &Request<Incoming>) -> std::result::Result<&str, Problem> {
    const MISSING: Problem = Problem::bad_request("The request names no host: send the header host.");
    const INVALID: Problem = Problem::bad_request("The header host is not one valid host name.");
    if let Some(authority) = request.uri().authority() {
        return Ok(authority.as_str());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().ok_or(MISSING)?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+,;=".contains(byte);
    match host.to_str() {
        Ok(host) if !host.is_empty() && hosts.next().is_none() && host.as_bytes().iter().all(fits) => Ok(host),
        _ => Err(INVALID),
    }
}

fn head_of<B>(connection: &Connection, request: &Request<B>, authority: &str) -> RequestHead {
    RequestHead {
        method: request.method().clone(),
        url: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        authority: authority.to_owned(),
        scheme: connection.scheme(),
        headers: request.headers().clone(),
        remote: connection.remote,
    }
}

async fn let_in(connection: &Connection, request: &Request<Incoming>) -> std::result::Result<(), Problem> {
    let plane = &connection.port.plane;
    if !plane.wants.authorize {
        return Err(Problem::unauthorized());
    }
    let admitted = match plane.doorkeeper.look(request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes)) {
        Verdict::Admitted => true,
        Verdict::Refused => false,
        Verdict::Busy => return Err(Problem::overloaded()),
        Verdict::Unknown(hash) => {
            let head = head_of(connection, request, authority(request)?);
            Doorkeeper::ask(plane, hash, head).await
        }
    };
    if admitted { Ok(()) } else { Err(Problem::unauthorized()) }
}

fn announced_bytes<B: Body>(request: &Request<B>) -> Option<u64> {
    request.body().size_hint().exact()
}

/// The plane's owner answers.
async fn fall_back(mut flight: Flight, request: Request<Incoming>, max_body_bytes: u64) -> ServeResult<Answer> {
    let connection = flight.connection.clone();
    let plane = &connection.port.plane;
    if !plane.wants.fallback {
        return Ok(refuse(flight, &Problem::no_route(), &request));
    }
    if announced_bytes(&request).is_some_and(|size| size > max_body_bytes) {
        return Ok(refuse(flight, &Problem::body_too_large(max_body_bytes), &request));
    }
    let head = match authority(&request) {
        Ok(authority) => head_of(&connection, &request, authority),
        Err(problem) => return Ok(refuse(flight, &problem, &request)),
    };
    let (parts, body) = request.into_parts();
    let verdict = Arc::default();
    let idle = Duration::from_millis(connection.port.limits.body_idle_timeout_ms);
    let body = RequestBody::new(body, max_body_bytes, idle, Arc::clone(&verdict));
    let answered = plane.handlers.fallback(FallbackRequest { head, body }).await;
    if connection.is_cut() {
        return Err(Cut);
    }
    let request = Request::from_parts(parts, ());
    if let Some(problem) = of_body(&verdict, max_body_bytes) {
        return Ok(refuse(flight, &problem, &request));
    }
    let Some(response) = answered else { return Ok(refuse(flight, &Problem::overloaded(), &request)) };
    flight.head(response.status().as_u16());
    Ok(response.map(|body| AnswerBody::of_owner(body).with_flight(flight)))
}

fn of_body(verdict: &request_body::Verdict, max_body_bytes: u64) -> Option<Problem> {
    if verdict.too_large() {
        Some(Problem::body_too_large(max_body_bytes))
    } else if verdict.idle() {
        Some(Problem::body_idle())
    } else {
        None
    }
}

/// A version of the slot answers.
async fn ask_version(
    mut flight: Flight,
    mut request: Request<Incoming>,
    route: &RouteEntry,
    version: Arc<SlotVersion>,
) -> ServeResult<Answer> {
    let connection = flight.connection.clone();
    let runtime = connection.port.plane.runtime;
    let module = version.module.clone();
    let limits = module.limits();
    if matches!(module.http, HttpEntry::None) {
        return Ok(refuse(flight, &Problem::not_http(), &request));
    }
    if announced_bytes(&request).is_some_and(|size| size > route.max_body_bytes) {
        return Ok(refuse(flight, &Problem::body_too_large(route.max_body_bytes), &request));
    }
    let limit_ms = route.timeout_ms.map_or(limits.timeout_ms, |ms| ms.min(limits.timeout_ms));
    let deadline = Deadline::after(flight.started, limit_ms);
    let admitted = flight.enter_version(version);
    // A module over its share of a core waits before it holds a place that its neighbours could use.
    let place = if admitted && wait_for_share(&module, deadline).await.is_ok() {
        Place::find(runtime, &module, flight.started)
    } else {
        None
    };
    let Some(place) = place else {
        module.stats.record_queue_full();
        return Ok(refuse(flight, &Problem::overloaded(), &request));
    };
    if let Err(error) = runtime.check_signals() {
        return Ok(refuse(flight, &Problem::of_guest(&error), &request));
    }
    request.headers_mut().remove(VERSION);
    if route.authorized {
        // The key is for this node, not for its guests.
        request.headers_mut().remove(AUTHORIZATION);
    }
    let entry = &module.http;
    let asked = matches!(entry, HttpEntry::Command | HttpEntry::Handler).then(|| {
        let authority = authority(&request).unwrap_or_default().to_owned();
        (authority, route.hidden_prefix(request.uri().path()).to_owned())
    });
    if let Some(uri) = route.stripped(request.uri()) {
        *request.uri_mut() = uri;
    }
    if let Some((authority, script_name)) = asked {
        let context = (authority, script_name, route.max_body_bytes);
        return Box::pin(ask_whole(flight, request, context, place, deadline)).await;
    }
    let scheme = if connection.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    let (head, receiver) = oneshot::channel();
    let lost = StoreLost::default();
    let output = OutputTo::find(&connection.port.plane, flight.version());
    let answering = Answering { head, lost: lost.clone(), output };
    if request.body().is_end_stream() {
        let request = request.map(|_| Empty::new());
        let guest = guest::answer(runtime, place, request, scheme, answering, deadline);
        return hear(flight, (guest, lost), receiver, deadline, None).await;
    }
    let verdict: Arc<request_body::Verdict> = Arc::default();
    let idle = Duration::from_millis(connection.port.limits.body_idle_timeout_ms);
    let max_bytes = route.max_body_bytes;
    let request = request.map(|body| RequestBody::new(body, max_bytes, idle, verdict.clone()));
    let guest = guest::answer(runtime, place, request, scheme, answering, deadline);
    hear(flight, (guest, lost), receiver, deadline, Some((verdict, max_bytes))).await
}

/// A guest answers that takes the request as a whole.
async fn ask_whole(
    mut flight: Flight,
    request: Request<Incoming>,
    (authority, script_name, max_body_bytes): (String, String, u64),
    place: Place,
    deadline: Deadline,
) -> ServeResult<Answer> {
    let connection = flight.connection.clone();
    let idle = Duration::from_millis(connection.port.limits.body_idle_timeout_ms);
    let verdict: Arc<request_body::Verdict> = Arc::default();
    let request = request.map(|body| RequestBody::new(body, max_body_bytes, idle, verdict.clone()));
    let verdict = (verdict, max_body_bytes);
    let late = || timeout("timeoutMs", deadline.limit_ms, deadline.limit_ms as f64);
    let (head, body) = match buffered::gather(request, deadline).await {
        Ok(whole) => whole,
        Err(Some(BodyError::Connection(_))) => return Err(Cut),
        Err(_) => return Ok(fail(flight, &late(), Some(&verdict))),
    };
    let runtime = connection.port.plane.runtime;
    let output = OutputTo::find(&connection.port.plane, flight.version());
    let whole = Whole { head, body, script_name, authority, connection, output };
    let mut response = match buffered::answer(runtime, place, whole, deadline).await {
        Ok(response) => response,
        Err(error) => return Ok(fail(flight, &error, None)),
    };
    if let Some(version) = flight.version() {
        response.headers_mut().insert(VERSION, version.label_header.clone());
    }
    flight.head(response.status().as_u16());
    Ok(response.map(|bytes| AnswerBody::whole(bytes).with_flight(flight)))
}

/// Drives the guest until it has sent its head.
async fn hear(
    mut flight: Flight,
    (mut guest, lost): (GuestFuture, StoreLost),
    mut answered: oneshot::Receiver<Head>,
    deadline: Deadline,
    body: Option<(Arc<request_body::Verdict>, u64)>,
) -> ServeResult<Answer> {
    let mut returned: Option<Result<Returned>> = None;
    let (mut sleep, mut gave_up) = (None, false);
    let head = std::future::poll_fn(|context| {
        if returned.is_none()
            && let Poll::Ready(end) = Pin::new(&mut guest).poll(context)
        {
            returned = Some(end);
        }
        // Tokio takes turns between tasks by letting what is there look as if it were not: a head that was sent must not be missed.
        if !gave_up && let Poll::Ready(head) = Pin::new(&mut unconstrained(&mut answered)).poll(context) {
            if let Ok(head) = head {
                return Poll::Ready(Some(head));
            }
            // It can no longer answer; how it ends says why.
            gave_up = true;
        }
        if returned.is_some() {
            return Poll::Ready(None);
        }
        // Only a guest that has to be waited for costs a timer.
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.at.into())));
        sleep.as_mut().poll(context).map(|()| None)
    })
    .await;
    let late = || timeout("timeoutMs", deadline.limit_ms, flight.started.elapsed().as_secs_f64() * 1e3);
    let (response, returned) = match (head, returned) {
        (Some(Ok(response)), None) => (response, None),
        (Some(Ok(response)), Some(Ok(returned))) => (response, Some(returned)),
        (_, Some(Err(error))) => return Ok(fail(flight, &error, body.as_ref())),
        (Some(Err(code)), _) => return Ok(fail(flight, &guest::guest_error(&code), body.as_ref())),
        (None, Some(Ok(_))) => return Ok(fail(flight, &guest::no_answer(), body.as_ref())),
        (None, None) => {
            let error = late();
            drop(guest);
            return Ok(fail(flight, &error, body.as_ref()));
        }
    };
    if let Some(problem) = body.as_ref().and_then(|(verdict, max_bytes)| of_body(verdict, *max_bytes)) {
        // The guest has seen it as an error of its own, and may have said anything.
        return Ok(refuse(flight, &problem, &Request::new(())));
    }
    let (mut parts, content) = response.into_parts();
    if let Some(version) = flight.version() {
        parts.headers.insert(VERSION, version.label_header.clone());
    }
    flight.head(parts.status.as_u16());
    let content = if let Some(returned) = returned {
        AnswerBody::of_returned_guest(content, returned)
    } else {
        flight.set_deadline(Some(deadline.at));
        AnswerBody::of_running_guest(content, guest, lost, deadline.at)
    };
    Ok(Response::from_parts(parts, content.with_flight(flight)))
}

/// The guest has failed before its head.
fn fail(mut flight: Flight, error: &EngineError, body: Option<&(Arc<request_body::Verdict>, u64)>) -> Answer {
    let of_body = body.and_then(|(verdict, max_bytes)| of_body(verdict, *max_bytes));
    let problem = of_body.unwrap_or_else(|| {
        flight.end(ending_of(error));
        Problem::of_guest(error)
    });
    refuse(flight, &problem, &Request::new(()))
}
