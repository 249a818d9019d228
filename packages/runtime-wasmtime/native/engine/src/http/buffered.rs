//! Core modules and commands that answer HTTP: the whole request goes in, the whole answer comes out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::AbortHandle;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;

use crate::calls::command::run_command;
use crate::calls::control::CallControl;
use crate::deadline::Deadline;
use crate::error::{EngineError, ErrorCode, Result};
use crate::module::{HttpEntry, LoadedModule};
use crate::policy::RunOptions;
use crate::runtime::Runtime;
use crate::shared::lanes::Moving;
use crate::stats::CallMeter;
use crate::trap::{output_limit, timeout};
use crate::wasi::output::Output;

use super::cgi::environment;
use super::connection::Connection;
use super::guest::Place;
use super::handler;
use super::message::{read_cgi, read_http};
use super::output::{OutputTo, WatchedErrors};
use super::request_body::{BodyError, RequestBody};

/// A request whose body has arrived.
pub(crate) struct Whole {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    pub(crate) script_name: String,
    pub(crate) authority: String,
    pub(crate) connection: Arc<Connection>,
    /// Where it may say what is no part of its answer.
    pub(crate) output: Option<OutputTo>,
}

/// Waits for the rest of a request.
pub(crate) async fn gather(
    request: Request<RequestBody>,
    deadline: Deadline,
) -> std::result::Result<(Parts, Bytes), Option<BodyError>> {
    let (head, body) = request.into_parts();
    match tokio::time::timeout_at(deadline.at.into(), body.collect()).await {
        Ok(Ok(body)) => Ok((head, body.to_bytes())),
        Ok(Err(error)) => Err(Some(error)),
        Err(_) => Err(None),
    }
}

/// Lets the module answer, within its limits.
pub(crate) async fn answer(
    runtime: &'static Runtime,
    place: Place,
    mut request: Whole,
    deadline: Deadline,
) -> Result<Response<Bytes>> {
    let share = Some(place.module().share.clone());
    // Knows what the guest has written when it is cut short.
    let control = CallControl::new(AbortHandle::new_pair().0, place.module().id());
    let errors = WatchedErrors::new(request.output.take(), control.clone());
    let work = Box::pin(control.scope(async move {
        let _running = runtime.ticker.running();
        let module = place.module();
        let mut meter = CallMeter::default();
        let outcome = run(module, request, &errors, deadline, &mut meter).await;
        module.stats.record(&meter, outcome.as_ref().err());
        outcome
    }));
    let late = |_| Err(timeout("timeoutMs", deadline.limit_ms, deadline.limit_ms as f64));
    tokio::time::timeout_at(deadline.at.into(), Moving::new(work, &runtime.long_lane, share)).await.unwrap_or_else(late)
}

async fn run(
    module: &LoadedModule,
    request: Whole,
    errors: &WatchedErrors,
    deadline: Deadline,
    meter: &mut CallMeter,
) -> Result<Response<Bytes>> {
    let Whole { head, body, script_name, authority, connection, .. } = request;
    match &module.http {
        HttpEntry::Handler => {
            let message = handler::message(&head, &authority, &body);
            let answer = handler::handle(module, &message, deadline, meter).await?;
            read_http(&answer).map_err(handler::no_message)
        }
        HttpEntry::Command => {
            let scheme = connection.scheme();
            let env = environment(&head, &script_name, &authority, scheme, connection.remote, body.len());
            let max_bytes = module.limits().max_output_bytes;
            let options = RunOptions { env, max_stdio_bytes: Some(max_bytes), ..RunOptions::default() };
            let mut output = Output::default();
            let status = run_command(module, &options, body, deadline, meter, &mut output).await;
            errors.write(&output.stderr, output.stderr_dropped);
            let status = status?;
            if status != 0 {
                let message = format!("The command ended with status {status}");
                return Err(EngineError::new(ErrorCode::Trap, message).with("trap", "host").with("exitCode", status));
            }
            if output.stdout_dropped > 0 {
                return Err(output_limit(max_bytes, None));
            }
            read_cgi(&output.stdout.into()).map_err(handler::no_message)
        }
        HttpEntry::None | HttpEntry::Component(_) => {
            Err(EngineError::new(ErrorCode::UnknownExport, "The module answers no HTTP requests"))
        }
    }
}
