//! Outgoing HTTP of guests. Everything is denied.

use http::{HeaderName, Request, Response};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks};

type Finished = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending = Box<dyn Future<Output = Result<(Response<WasiBody>, Finished), Error>> + Send>;

/// What the `wasi:http` imports of one store ask about.
#[derive(Debug, Default)]
pub(crate) struct EgressHooks {}

impl WasiHttpHooks for EgressHooks {
    // Asked for every header of every request: the default makes a closure each time.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _finished: Finished,
    ) -> Sending {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
