//! WASI 0.3: experimental, because the engine's own part of it is. Components that need it run on an engine of their own.

use wasmtime::component::Linker;

use crate::error::{EngineError, ErrorCode, Result};
use crate::policy::Experiment;
use crate::store::StoreData;

/// Refuses what was not switched on, or not built in.
pub(crate) fn check(experimental: &[Experiment]) -> Result<()> {
    let refused = |way: &str| {
        let feature = format!("WASI 0.3 or asynchronous functions (experimental; {way})");
        Err(EngineError::new(ErrorCode::Unsupported, format!("The component needs {feature}")).with("feature", feature))
    };
    if !cfg!(feature = "wasi03") {
        return refused("in builds with the feature `wasi03`, which this is not");
    }
    if !experimental.contains(&Experiment::Preview3) {
        return refused("switched on by the option `experimental: ['preview3']`");
    }
    Ok(())
}

/// Offers all of it, with the same grants as 0.2: both work on one context.
#[cfg(feature = "wasi03")]
pub(crate) fn link(linker: &mut Linker<StoreData>) -> Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker).map_err(EngineError::internal)?;
    wasmtime_wasi_http::p3::add_to_linker(linker).map_err(EngineError::internal)?;
    linker.allow_shadowing(true);
    let names = super::names::link_preview3(linker).map_err(EngineError::internal);
    linker.allow_shadowing(false);
    names
}

/// Nobody comes here; see [`check`].
#[cfg(not(feature = "wasi03"))]
pub(crate) fn link(_: &mut Linker<StoreData>) -> Result<()> {
    check(&[])
}
