//! One request: checked, routed, admitted, and given to whoever answers it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
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
use super::output::OutputTo;
use super::problem::Problem;
use super::request_body::{self, BodyError, RequestBody};
use super::request_head::{authority, check};
use super::router::RouteEntry;
use super::stats::PlaneStats;

/// Names the version that answered; on authorized routes, and from trusted proxies, the one that shall.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("x-hotswap-version");

type Answer = Response<AnswerBody>;

/// Answers one request of a connection. What is rare is boxed: the future of each request is moved as a whole, whichever way it goes.
pub(crate) async fn serve(connection: Arc<Connection>, mut request: Request<Incoming>) -> ServeResult<Answer> {
    if request.version() == Version::HTTP_10 {
        connection.note_old();
    }
    let mut flight = match Flight::begin(&connection, request.method() == Method::HEAD) {
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
    if let Err(problem) = check(&mut request, &connection.port.limits, connection.local) {
        return Ok(refuse(flight, &problem, &request));
    }
    let route = connection.port.table.load().find(authority(&request), request.uri().path()).map(Option::<&_>::cloned);
    let Ok(route) = route else { return Ok(refuse(flight, &Problem::ambiguous_path(), &request)) };
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
fn refuse<B>(flight: Flight, problem: &Problem, request: &Request<B>) -> Answer {
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        PlaneStats::count(&flight.connection.port.plane.stats.refused);
    }
    let mut answer = problem.answer(request.headers());
    if request.method() == Method::CONNECT {
        // What follows may be meant for the tunnel, not for this server.
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    finish(flight, answer)
}

/// The answer as its client gets it: HEAD, 204 and 304 have no content, and 204 no length either (RFC 9110, sections 6.4.1 and 8.6).
fn finish(mut flight: Flight, mut answer: Answer) -> Answer {
    let status = answer.status();
    if status == StatusCode::NO_CONTENT {
        answer.headers_mut().remove(CONTENT_LENGTH);
    }
    if flight.head(status) || !flight.connection.is_multiplexed() {
        return answer.map(|body| body.with_flight(flight));
    }
    let bytes = answer.body().size_hint().exact().filter(|bytes| flight.is_head() && *bytes > 0);
    if let Some(bytes) = bytes.filter(|_| status != StatusCode::NO_CONTENT) {
        answer.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| bytes.into());
    }
    answer.map(|body| body.unasked().with_flight(flight))
}

fn head_of<B>(connection: &Connection, request: &Request<B>) -> RequestHead {
    let authority = authority(request);
    let mut headers = request.headers().clone();
    if let (Some(_), Ok(host)) = (request.uri().authority(), HeaderValue::from_str(authority)) {
        // What the address says, whatever the header does.
        headers.insert(HOST, host);
    }
    RequestHead {
        method: request.method().clone(),
        url: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        authority: authority.to_owned(),
        scheme: connection.scheme(),
        headers,
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
        Verdict::Unknown(hash) => Doorkeeper::ask(plane, hash, head_of(connection, request)).await,
    };
    if admitted { Ok(()) } else { Err(Problem::unauthorized()) }
}

fn announced_bytes<B: Body>(request: &Request<B>) -> Option<u64> {
    request.body().size_hint().exact()
}

/// The plane's owner answers.
async fn fall_back(flight: Flight, request: Request<Incoming>, max_body_bytes: u64) -> ServeResult<Answer> {
    let connection = flight.connection.clone();
    let plane = &connection.port.plane;
    if !plane.wants.fallback {
        return Ok(refuse(flight, &Problem::no_route(), &request));
    }
    if announced_bytes(&request).is_some_and(|size| size > max_body_bytes) {
        return Ok(refuse(flight, &Problem::body_too_large(max_body_bytes), &request));
    }
    let head = head_of(&connection, &request);
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
    let mut answer = response.map(AnswerBody::of_owner);
    let has_content = !flight.is_head() && answer.status() != StatusCode::NOT_MODIFIED;
    let bytes = answer.body().size_hint().exact().filter(|_| has_content);
    correct_framing(answer.headers_mut(), bytes);
    Ok(finish(flight, answer))
}

/// Where an answer ends is the plane's to say: the next one on its connection begins there.
fn correct_framing(headers: &mut HeaderMap, bytes: Option<u64>) {
    headers.remove(TRANSFER_ENCODING);
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let announced = lengths.next().map(|length| length.to_str().ok().and_then(|length| length.parse::<u64>().ok()));
    let fits = |length: u64| bytes.is_none_or(|bytes| bytes == length);
    if announced.is_some_and(|length| !length.is_some_and(fits)) || lengths.next().is_some() {
        headers.remove(CONTENT_LENGTH);
    }
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
    let asked = matches!(entry, HttpEntry::Command | HttpEntry::Handler)
        .then(|| (authority(&request).to_owned(), route.hidden_prefix(request.uri().path()).to_owned()));
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
    flight: Flight,
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
    Ok(finish(flight, response.map(AnswerBody::whole)))
}

/// Drives the guest until it has sent its head.
async fn hear(
    flight: Flight,
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
    if response.status().is_informational() {
        return Ok(fail(flight, &guest::no_answer(), body.as_ref()));
    }
    if let Some(problem) = body.as_ref().and_then(|(verdict, max_bytes)| of_body(verdict, *max_bytes)) {
        // The guest has seen it as an error of its own, and may have said anything.
        return Ok(refuse(flight, &problem, &Request::new(())));
    }
    let (mut parts, content) = response.into_parts();
    if let Some(version) = flight.version() {
        parts.headers.insert(VERSION, version.label_header.clone());
    }
    let content = if let Some(returned) = returned {
        AnswerBody::of_returned_guest(content, returned)
    } else {
        flight.set_deadline(Some(deadline.at));
        AnswerBody::of_running_guest(content, guest, lost, deadline.at)
    };
    Ok(finish(flight, Response::from_parts(parts, content)))
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
