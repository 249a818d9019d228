//! The two functions of `hotswap:module/state` and their core-module forms.

use wasmtime::Store;
use wasmtime::component::ComponentExportIndex;

use crate::calls::enter::CallFailure;
use crate::error::{Result, bounded};
use crate::functions::Live;
use crate::functions::Target;
use crate::module::LoadedModule;
use crate::state::{Guest, Step, refused, step};
use crate::store::StoreData;
use crate::wasi::stdio::shown;

const SAVE: &str = "hotswap_state_save";
const LOAD: &str = "hotswap_state_load";
const ALLOCATE: &str = "hotswap_alloc";
const INTERFACE: &str = "hotswap:module/state@0.1.";
/// Bytes of a guest's own words in an error.
const MAX_REASON_BYTES: usize = 500;

/// Asks an instance for its state. It stays as it is.
pub(crate) async fn save(module: &LoadedModule, guest: &mut Guest) -> Step<Vec<u8>> {
    let limit = module.limits().max_state_bytes;
    let export = export(module, "save").map_err(|error| (error, false))?;
    let saved = step("save", module, guest, async |store, live| match (live, export) {
        (Live::Component(instance), Some(export)) => save_component(store, &instance, &export).await,
        (Live::Core(instance), None) => save_core(store, &instance, limit).await,
        _ => Err(missing("save")),
    })
    .await?;
    within(saved.len() as u64, limit).map_err(|error| (error, false))?;
    Ok(saved)
}

/// Gives a fresh instance the state of another.
pub(crate) async fn load(module: &LoadedModule, guest: &mut Guest, bytes: &[u8]) -> Result<()> {
    within(bytes.len() as u64, module.limits().max_state_bytes)?;
    let export = export(module, "load")?;
    let loaded = step("load", module, guest, async |store, live| match (live, export) {
        (Live::Component(instance), Some(export)) => load_component(store, &instance, &export, bytes).await,
        (Live::Core(instance), None) => load_core(store, &instance, bytes).await,
        _ => Err(missing("load")),
    });
    loaded.await.map_err(|(error, _)| error)
}

fn within(size: u64, limit: u64) -> Result<()> {
    if size <= limit {
        return Ok(());
    }
    Err(refused("size", &format!("the state has {size} bytes, {limit} are allowed"))
        .with("sizeBytes", size)
        .with("limitBytes", limit))
}

/// The function of a component; core modules are asked when they run.
fn export(module: &LoadedModule, name: &str) -> Result<Option<ComponentExportIndex>> {
    if !module.is_component() {
        return Ok(None);
    }
    let wanted =
        |entry: &str| entry.starts_with(INTERFACE) && entry.split_once('#').is_some_and(|(_, last)| last == name);
    match module.functions().iter().find(|entry| wanted(&entry.name)).map(|entry| entry.target) {
        Some(Target::Component(export)) => Ok(Some(export)),
        _ => Err(refused("check", &format!("a version does not export {name} of hotswap:module/state"))),
    }
}

fn missing(name: &str) -> CallFailure {
    CallFailure::Named(refused("check", &format!("a version does not export what {name} needs")))
}

fn said(stage: &'static str, words: &str) -> CallFailure {
    let words = shown(bounded(words, MAX_REASON_BYTES).as_bytes(), MAX_REASON_BYTES);
    CallFailure::Named(refused(stage, &words))
}

fn engine(error: wasmtime::Error) -> CallFailure {
    CallFailure::Engine(error)
}

async fn save_component(
    store: &mut Store<StoreData>,
    instance: &wasmtime::component::Instance,
    export: &ComponentExportIndex,
) -> Result<Vec<u8>, CallFailure> {
    let function = instance.get_func(&mut *store, export).ok_or_else(|| missing("save"))?;
    let typed = function
        .typed::<(), (Result<Vec<u8>, String>,)>(&*store)
        .map_err(|_| CallFailure::Named(refused("check", "save has another type than hotswap:module/state says")))?;
    let (saved,) = typed.call_async(&mut *store, ()).await.map_err(engine)?;
    saved.map_err(|words| said("save", &words))
}

async fn load_component(
    store: &mut Store<StoreData>,
    instance: &wasmtime::component::Instance,
    export: &ComponentExportIndex,
    bytes: &[u8],
) -> Result<(), CallFailure> {
    let function = instance.get_func(&mut *store, export).ok_or_else(|| missing("load"))?;
    let typed = function
        .typed::<(&[u8],), (Result<(), String>,)>(&*store)
        .map_err(|_| CallFailure::Named(refused("check", "load has another type than hotswap:module/state says")))?;
    let (loaded,) = typed.call_async(&mut *store, (bytes,)).await.map_err(engine)?;
    loaded.map_err(|words| said("load", &words))
}

fn core_memory(store: &mut Store<StoreData>, instance: &wasmtime::Instance) -> Result<wasmtime::Memory, CallFailure> {
    instance.get_memory(&mut *store, "memory").ok_or_else(|| missing("the hand-over of memory"))
}

async fn save_core(
    store: &mut Store<StoreData>,
    instance: &wasmtime::Instance,
    limit: u64,
) -> Result<Vec<u8>, CallFailure> {
    let save = instance.get_typed_func::<(), u64>(&mut *store, SAVE).map_err(|_| missing("save"))?;
    let memory = core_memory(store, instance)?;
    let packed = save.call_async(&mut *store, ()).await.map_err(engine)?;
    let (at, length) = ((packed >> 32) as usize, (packed & 0xffff_ffff) as usize);
    within(length as u64, limit).map_err(CallFailure::Named)?;
    let bytes = memory.data(&*store).get(at..at.saturating_add(length));
    bytes.map(<[u8]>::to_vec).ok_or_else(|| said("save", "the state lies outside of the memory"))
}

async fn load_core(
    store: &mut Store<StoreData>,
    instance: &wasmtime::Instance,
    bytes: &[u8],
) -> Result<(), CallFailure> {
    let allocate = instance.get_typed_func::<u32, u32>(&mut *store, ALLOCATE).map_err(|_| missing("load"))?;
    let load = instance.get_typed_func::<(u32, u32), i32>(&mut *store, LOAD).map_err(|_| missing("load"))?;
    let memory = core_memory(store, instance)?;
    let length = u32::try_from(bytes.len()).map_err(|_| said("size", "the state does not fit into a memory"))?;
    let at = allocate.call_async(&mut *store, length).await.map_err(engine)?;
    memory
        .data_mut(&mut *store)
        .get_mut(at as usize..(at as usize).saturating_add(bytes.len()))
        .ok_or_else(|| said("load", "the allocator gave a place outside of the memory"))?
        .copy_from_slice(bytes);
    match load.call_async(&mut *store, (at, length)).await.map_err(engine)? {
        0 => Ok(()),
        status => Err(said("load", &format!("the version answered {status}"))),
    }
}
