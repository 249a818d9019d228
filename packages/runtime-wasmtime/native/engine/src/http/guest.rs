//! One guest that answers one request: instantiated, called, metered, and kept or dropped. One future from begin to end, so that whoever
//! drops it drops the guest whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::Error as HttpError;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode as GuestErrorCode, Scheme};

use crate::calls::invoke::{explained, prepare, read_meters, rearm};
use crate::calls::warm::{Loan, Permit};
use crate::deadline::Deadline;
use crate::error::{EngineError, ErrorCode, Result, bounded};
use crate::module::{HttpEntry, LoadedModule};
use crate::runtime::Runtime;
use crate::shared::lanes::{Moving, turn_began};
use crate::stats::CallMeter;
use crate::store::StoreData;

use super::component::{Head, Server, ServerPre};
use super::output::{OutputTo, Watched};

/// The life of a guest. Ends after the guest has returned. One that computes on moves away from the threads of the plane.
pub(crate) type GuestFuture = Moving<dyn Future<Output = Result<Returned>> + Send>;

/// A guest that has returned.
pub(crate) struct Returned {
    loan: Loan<Server>,
    permit: Permit,
    /// When it returned.
    since: Instant,
    share: ModuleShare,
}

impl Returned {
    /// Its answer is whole: the instance may serve again, if the module wants that.
    pub(crate) fn release(self) {
        if let (Some(pool), Ok(runtime)) = (&self.share.0.warm, Runtime::get()) {
            // What it wrote belongs to this request, not to the next.
            drop(self.loan.store.data().take_output());
            pool.put_back(runtime, self.loan, self.permit, self.since);
        }
    }
}

/// Whether a guest's store went while the guest had not returned. Then whatever it was writing ends as if it were whole, and this says that
/// it is not. A guest on another thread can fail between two looks at it and at its body.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreLost(Arc<AtomicBool>);

impl StoreLost {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Belongs behind the instance in a scope, so that it is dropped before it.
struct Unreturned {
    lost: StoreLost,
    returned: bool,
}

impl Drop for Unreturned {
    fn drop(&mut self) {
        if !self.returned {
            self.lost.0.store(true, Ordering::Release);
        }
    }
}

/// What a guest answers through.
pub(crate) struct Answering {
    pub(crate) head: oneshot::Sender<Head>,
    pub(crate) lost: StoreLost,
    /// Where its output goes, if anybody wants it.
    pub(crate) output: Option<OutputTo>,
}

/// A place for a guest, with the instance in it if one was kept.
pub(crate) struct Place {
    kept: Option<Loan<Server>>,
    permit: Permit,
    share: ModuleShare,
}

/// A module's part of the pool; no module gets all of it.
struct ModuleShare(Arc<LoadedModule>);

impl ModuleShare {
    fn take(module: &Arc<LoadedModule>) -> Option<Self> {
        // Given back by the drop of what is returned.
        module.permits.try_acquire().ok()?.forget();
        Some(Self(module.clone()))
    }
}

impl Drop for ModuleShare {
    fn drop(&mut self) {
        self.0.permits.add_permits(1);
    }
}

impl Place {
    pub(crate) fn module(&self) -> &Arc<LoadedModule> {
        &self.share.0
    }

    /// Whether an instance has to be made that will be kept.
    fn starts(&self) -> bool {
        self.kept.is_none() && self.module().warm.is_some()
    }

    /// `None`: every place of the pool is taken, or all that the module may have.
    pub(crate) fn find(runtime: &'static Runtime, module: &Arc<LoadedModule>, now: Instant) -> Option<Self> {
        let share = ModuleShare::take(module)?;
        if let Some(pool) = &module.warm
            && let Some((loan, permit)) = pool.take(now)
        {
            return Some(Self { kept: Some(loan), permit, share });
        }
        Some(Self { kept: None, permit: runtime.try_place()?, share })
    }
}

/// Lets a component answer. Nothing runs before the future is polled.
pub(crate) fn answer<B>(
    runtime: &'static Runtime,
    place: Place,
    request: Request<B>,
    scheme: Scheme,
    answering: Answering,
    deadline: Deadline,
) -> GuestFuture
where
    B: Body<Data = Bytes, Error: Into<HttpError>> + Send + 'static,
{
    // A long turn is remembered of the module, unless it made an instance for others: see `StoreData::starts`.
    let module = place.module();
    let meter = if place.starts() && !module.share.heavy() { None } else { Some(module.share.clone()) };
    let work = Box::pin(async move {
        let _running = runtime.ticker.running();
        let Place { kept, permit, share } = place;
        let module = &share.0;
        let mut meter = CallMeter::default();
        let outcome = run(module, kept, request, scheme, answering, deadline, &mut meter).await;
        module.stats.record(&meter, outcome.as_ref().err());
        outcome.map(|(loan, since)| Returned { loan, permit, since, share })
    });
    Moving::new(work, &runtime.long_lane, meter)
}

async fn run<B>(
    module: &Arc<LoadedModule>,
    kept: Option<Loan<Server>>,
    request: Request<B>,
    scheme: Scheme,
    answering: Answering,
    deadline: Deadline,
    meter: &mut CallMeter,
) -> Result<(Loan<Server>, Instant)>
where
    B: Body<Data = Bytes, Error: Into<HttpError>> + Send + 'static,
{
    let limits = module.limits();
    let cpu_ms = limits.cpu_ms.unwrap_or(limits.timeout_ms);
    let started = turn_began();
    let failed = |error: &wasmtime::Error, data: &StoreData, starting| {
        explained(error, module, data, started, ("cpuMs", cpu_ms), starting)
    };
    let Answering { head, lost, output } = answering;
    let watch = |store: &Store<StoreData>| output.and_then(|to| Watched::new(&to, store.data().streams()));
    let watched;
    let (mut loan, begun) = if let Some(mut loan) = kept {
        rearm(module, &mut loan.store, cpu_ms, Some(deadline));
        watched = watch(&loan.store);
        meter.reused = true;
        (loan, started)
    } else {
        let mut store = prepare(module, cpu_ms, Some(deadline), None)?;
        store.data_mut().starts = module.warm.is_some();
        watched = watch(&store);
        match component(module)?.instantiate(&mut store).await {
            Ok(server) => (Loan::new(store, server), Instant::now()),
            Err(error) => return Err(failed(&error, store.data(), true)),
        }
    };
    let mut unreturned = Unreturned { lost, returned: false };
    meter.instantiate = begun - started;
    let called = loan.way.answer(&mut loan.store, request, scheme, head).await;
    let ended = Instant::now();
    meter.invoke = ended - begun;
    read_meters(meter, module, &loan.store);
    if let Err(error) = called {
        return Err(failed(&error, loan.store.data(), false));
    }
    unreturned.returned = true;
    drop(watched);
    Ok((loan, ended))
}

fn component(module: &LoadedModule) -> Result<&ServerPre> {
    match &module.http {
        HttpEntry::Component(pre) => Ok(pre),
        HttpEntry::None | HttpEntry::Command | HttpEntry::Handler => Err(EngineError::new(
            ErrorCode::UnknownExport,
            "The component exports neither wasi:http/incoming-handler nor wasi:http/handler",
        )
        .with("export", "wasi:http/incoming-handler")),
    }
}

/// The error that a guest gave as its answer.
pub(crate) fn guest_error(code: &GuestErrorCode) -> EngineError {
    let reason = bounded(&format!("{code:?}"), 200);
    EngineError::new(ErrorCode::GuestError, format!("The guest answered with an error: {reason}"))
        .with("reason", reason)
}

/// The guest returned without an answer, or said no more than that one would follow (1xx).
pub(crate) fn no_answer() -> EngineError {
    EngineError::new(ErrorCode::Trap, "The guest returned without an answer").with("trap", "other")
}
