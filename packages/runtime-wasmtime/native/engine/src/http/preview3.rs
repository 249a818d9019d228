//! `wasi:http/handler` of WASI 0.3: a function that waits for the request's body and gives back a response whose body it goes on writing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http::header::HOST;
use http::uri::Authority;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode as GuestErrorCode, Scheme};
use wasmtime_wasi_http::p3::Request as GuestRequest;
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{Error as HttpError, WasiBody, WasiHttpView};

use crate::error::bounded;
use crate::store::StoreData;

use super::component::Head;

/// Bytes of an error's name that a guest chose.
const MAX_REASON_BYTES: usize = 200;

/// Calls the guest, and lets it go on until the body of its answer has ended or nobody wants the rest.
pub(crate) async fn answer<B>(
    service: &Service,
    store: &mut Store<StoreData>,
    request: Request<B>,
    scheme: &Scheme,
    head: oneshot::Sender<Head>,
) -> wasmtime::Result<()>
where
    B: Body<Data = Bytes, Error: Into<HttpError>> + Send + 'static,
{
    // Among the headers it is forbidden; the guest hears of it by its own function.
    let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let (mut request, transmitted) = GuestRequest::from_http(store.data_mut().http().hooks, request);
    request.scheme =
        Some(if matches!(scheme, Scheme::Https) { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP });
    request.authority = request.authority.or(host);
    store
        .run_concurrent(async |accessor| {
            let response = match service.handle(accessor, request).await? {
                Ok(response) => response,
                Err(code) => {
                    let reason = bounded(&format!("{code:?}"), MAX_REASON_BYTES);
                    // Nobody waits any more: then nobody misses it.
                    drop(head.send(Err(GuestErrorCode::InternalError(Some(reason)))));
                    return Ok(());
                }
            };
            let response = accessor.with(|store| response.into_http(store, transmitted))?;
            let (ended, end) = oneshot::channel();
            let watched = |body: WasiBody| Watched { body, ended: Some(ended) }.boxed_unsync();
            if head.send(Ok(response.map(watched))).is_ok() {
                // Nothing is ever sent: the other end goes with the body.
                let _: Result<(), _> = end.await;
            }
            Ok(())
        })
        .await?
}

/// Tells when nobody waits for more of a body.
struct Watched {
    body: WasiBody,
    ended: Option<oneshot::Sender<()>>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.ended = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
