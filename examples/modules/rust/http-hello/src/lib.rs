//! The smallest HTTP server as a component: every request is answered with one line that tells the release. Release
//! 2.0.0 is bad: of its requests an eighth is answered with 500 and an eighth traps, and its health check knows nothing.

#[allow(missing_docs, reason = "generated from the WIT below")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package hotswap:http-hello;
            world health { export health-check: func() -> string; }",
        world: "health",
    });
}

use wasi::exports::http::incoming_handler::Guest as IncomingHandler;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

const GREETING: &[u8] = if cfg!(feature = "release-2-0-0") {
    b"Welcome from http-hello 2.0.0\n"
} else if cfg!(feature = "release-1-1-0") {
    b"Good to see you from http-hello 1.1.0\n"
} else {
    b"Hello from http-hello 1.0.0\n"
};

struct HttpHello;

impl IncomingHandler for HttpHello {
    fn handle(_request: IncomingRequest, outparam: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        #[cfg(feature = "release-2-0-0")]
        match wasi::random::random::get_random_u64() % 8 {
            0 => unreachable!("the fault of this release"),
            1 => response.set_status_code(500).expect("500 is a status code"),
            _ => {}
        }
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        // A client that has left takes no more bytes: nothing to be done about it here.
        let stream = body.write().expect("the stream is taken once");
        let _ = stream.blocking_write_and_flush(GREETING);
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}

impl bindings::Guest for HttpHello {
    fn health_check() -> String {
        "OK".to_owned()
    }
}

wasi::http::proxy::export!(HttpHello);
bindings::export!(HttpHello with_types_in bindings);
