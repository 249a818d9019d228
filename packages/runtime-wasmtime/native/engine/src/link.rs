//! Imports against what the host offers and the policy grants. This is where "does it fit" is decided, once.

use std::borrow::Cow;
use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::component::{self, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::cache::Code;
use crate::error::{EngineError, ErrorCode, Result, bounded};
use crate::guest_module;
use crate::host_functions::{self, Answering, HostFunctions};
use crate::inspect::wasi_level;
use crate::module::Linked;
use crate::store::StoreData;
use crate::wasi::{Grants, WasiLevel, logging, names, preview3};

/// The embedder's functions, and how they answer.
type Host<'a> = Option<(&'a Arc<dyn HostFunctions>, Answering)>;

/// Checks every import against what the host offers.
pub(crate) fn link(code: &Code, grants: &Grants, host: Host<'_>) -> Result<(Linked, WasiLevel)> {
    match code {
        Code::Core(module) => link_core(module, grants, host),
        Code::Component(component) => link_component(component, grants, host),
    }
}

fn link_core(module: &wasmtime::Module, grants: &Grants, host: Host<'_>) -> Result<(Linked, WasiLevel)> {
    let mut linker = wasmtime::Linker::<StoreData>::new(module.engine());
    let wasi = module.imports().any(|import| import.module() == PREVIEW1);
    if wasi {
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, StoreData::preview1).map_err(EngineError::internal)?;
    }
    let own_abort = host.is_none_or(|(host, _)| host.find("env", "abort").is_none());
    if own_abort && module.imports().any(|import| (import.module(), import.name()) == ("env", "abort")) {
        link_abort(&mut linker)?;
    }
    guest_module::link_core(&mut linker, module, &grants.metrics)?;
    if let Some((host, answering)) = host {
        let taken = |from: &str, name: &str| {
            from == PREVIEW1 || from == guest_module::INTERFACE || (own_abort && (from, name) == ("env", "abort"))
        };
        refuse_missing(host_functions::link_core(&mut linker, module, host, answering, taken)?)?;
    }
    let pre = linker.instantiate_pre(module).map_err(|error| {
        let offered = |import: &wasmtime::ImportType<'_>| {
            linker.iter_names().any(|(module, name)| module == import.module() && name == import.name())
        };
        let imports = module
            .imports()
            .filter(|import| !offered(import))
            .map(|import| format!("{}::{}", import.module(), import.name()))
            .collect();
        link_failed(imports, &error)
    })?;
    Ok((Linked::Core(pre), if wasi { WasiLevel::Preview1 } else { WasiLevel::None }))
}

const PREVIEW1: &str = "wasi_snapshot_preview1";

/// `AssemblyScript` imports this to say where it failed. It grants nothing: it only ends the call.
fn link_abort(linker: &mut wasmtime::Linker<StoreData>) -> Result<()> {
    linker
        .func_wrap("env", "abort", |_: i32, _: i32, line: i32, column: i32| -> wasmtime::Result<()> {
            Err(wasmtime::Error::msg(format!("the guest called abort at {line}:{column} of its source")))
        })
        .map(drop)
        .map_err(EngineError::internal)
}

fn link_component(component: &component::Component, grants: &Grants, host: Host<'_>) -> Result<(Linked, WasiLevel)> {
    let engine = component.engine();
    let ty = component.component_type();
    let names: Vec<String> = ty.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let wasi = wasi_level(names.iter().map(String::as_str));
    let mut linker = component::Linker::<StoreData>::new(engine);
    // The libraries of languages still import 0.2 where their users import 0.3.
    if matches!(wasi, WasiLevel::Preview2 | WasiLevel::Preview3) {
        let mut options = wasmtime_wasi::p2::bindings::LinkOptions::default();
        options.network_error_code(true);
        wasmtime_wasi::p2::add_to_linker_with_options_async(&mut linker, &options).map_err(EngineError::internal)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(EngineError::internal)?;
        link_own(&mut linker).map_err(EngineError::internal)?;
    }
    if wasi == WasiLevel::Preview3 {
        preview3::link(&mut linker)?;
    }
    guest_module::link_component(&mut linker, &names, &grants.metrics)?;
    // An embedder may keep logs of its own.
    let given = |name: &str| host.is_some_and(|(host, _)| host.find(name, "log").is_some());
    logging::link(&mut linker, &names, given)?;
    if let Some((host, answering)) = host {
        let taken = |name: &str| OFFERED.iter().any(|prefix| name.starts_with(prefix)) && !given(name);
        refuse_missing(host_functions::link_component(&mut linker, component, host, answering, taken)?)?;
    }
    let pre = linker.instantiate_pre(component).map_err(|error| {
        let foreign = names.iter().filter(|name| !OFFERED.iter().any(|prefix| name.starts_with(prefix)));
        link_failed(foreign.cloned().collect(), &error)
    })?;
    // Type imports alone need no host.
    Ok((Linked::Component(pre), wasi))
}

struct Table;

impl component::HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// Puts our own in place of upstream's: a `wasi:io` that works without the rest of WASI, and lookups of names that are bounded.
fn link_own(linker: &mut component::Linker<StoreData>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    io::error::add_to_linker::<_, Table>(linker, StoreData::table)?;
    io::poll::add_to_linker::<_, Table>(linker, StoreData::table)?;
    io::streams::add_to_linker::<_, Table>(linker, StoreData::table)?;
    names::link(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

const OFFERED: [&str; 9] = [
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:filesystem/",
    "wasi:sockets/",
    "wasi:cli/",
    "wasi:http/",
    logging::INTERFACE,
    "hotswap:module/metrics",
];

/// Says what the embedder's functions lack.
fn refuse_missing(missing: Vec<String>) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let reason = "no function of that name was given for these imports";
    Err(EngineError::new(ErrorCode::LinkFailed, format!("{reason}: {}", missing.join("; ")))
        .with("imports", missing)
        .with("reason", reason))
}

fn link_failed(imports: Vec<String>, error: &wasmtime::Error) -> EngineError {
    let reason = bounded(&format!("{error:#}"), 1_000);
    let what = if imports.is_empty() { Cow::from("an import has another type") } else { imports.join(", ").into() };
    EngineError::new(ErrorCode::LinkFailed, format!("The host does not offer what the module imports: {what}"))
        .with("imports", imports)
        .with("reason", reason)
}

/// The names a linker offers; only wanted for an error message.
trait OfferedNames {
    fn iter_names(&self) -> impl Iterator<Item = (String, String)>;
}

impl OfferedNames for wasmtime::Linker<StoreData> {
    fn iter_names(&self) -> impl Iterator<Item = (String, String)> {
        let store = Mutex::new(wasmtime::Store::new(
            self.engine(),
            StoreData::new(&crate::policy::Limits::default(), crate::store::Host::None),
        ));
        let mut store = store.lock();
        self.iter(&mut *store)
            .map(|(module, name, _)| (module.to_owned(), name.to_owned()))
            .collect::<Vec<_>>()
            .into_iter()
    }
}
