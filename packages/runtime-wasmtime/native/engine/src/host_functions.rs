//! Functions of the embedder that guests call: a plugin's imports, satisfied by the host's own code.
//!
//! A guest on a fiber waits for the answer while its thread does other work; a guest on the native stack is answered on the same thread.
//! Whatever the answer is, the guest's limits hold: the wall clock runs on, and a call that is cancelled does not wait for anybody.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::oneshot;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{self, ResourceDynamic, ResourceType, Val};
use wasmtime::{AsContextMut, FuncType, StoreContextMut};

use crate::engines::is_concurrent;
use crate::error::{EngineError, ErrorCode, Result};
use crate::store::StoreData;
use crate::values::convert::{Lifting, OutputMeter, each_resource, lift, lift_core, lower, lower_core};
use crate::values::host_values::{HostArguments, HostResults};
use crate::values::lift::MAX_FLAT_RESULTS;
use crate::values::lower::MAX_FLAT_PARAMS;
use crate::values::message::{host_message, slots};
use crate::values::type_text::signature_text;
use crate::values::value::{ResourceKey, ResourceNames, TypeBudget, Value, ValueType, camel_case};

/// Where functions are that a world imports without an interface.
const ROOT: &str = "$root";

/// What the embedder offers.
pub trait HostFunctions: Send + Sync {
    /// Position of a function, by the names that the embedder gave.
    fn find(&self, interface: &str, name: &str) -> Option<u32>;

    /// Learns how a guest sees a function it imports, before any call of it.
    fn link(&self, function: &Arc<HostSignature>);

    /// Calls from any thread. An answer that never comes, because `answer` was dropped, fails the guest's call.
    fn call(&self, call: HostCall);

    /// Calls on this thread.
    ///
    /// # Errors
    /// `NOT_SYNCHRONOUS` when the function lives on another thread or wants to be awaited; what the function threw.
    fn call_here(&self, function: &Arc<HostSignature>, args: Vec<Value>) -> Result<Vec<Value>>;

    /// A guest has given up a resource that a function handed to it.
    fn drop_resource(&self, resource: u32);
}

/// One imported function.
#[derive(Debug)]
pub struct HostSignature {
    /// What [`HostFunctions::find`] said.
    pub index: u32,
    /// `ns:pkg/iface@1.2.0#function`, or `module::function` for core modules.
    pub name: String,
    /// Parameter names (empty for core modules) and types.
    pub params: Vec<(String, ValueType)>,
    /// Result types.
    pub results: Vec<ValueType>,
    /// Declared as `async func`: the guest may go on with other things while it waits.
    pub is_async: bool,
    /// A message carries the arguments.
    pub packs_params: bool,
    /// A message may carry the results.
    pub packs_results: bool,
}

impl HostSignature {
    fn new(index: u32, name: String, params: Vec<(String, ValueType)>, results: Vec<ValueType>) -> Self {
        let packs_params = host_message(params.iter().map(|(_, ty)| ty));
        let packs_results = host_message(results.iter());
        Self { index, name, params, results, is_async: false, packs_params, packs_results }
    }
}

/// A guest waits for this.
#[derive(Debug)]
pub struct HostCall {
    /// What it calls.
    pub function: Arc<HostSignature>,
    /// With what.
    pub args: Vec<Value>,
    /// Where the results go.
    pub answer: oneshot::Sender<Result<Vec<Value>>>,
}

impl ResourceKey {
    /// Stands in the place of an instance for resources of the embedder.
    pub const HOST: u32 = u32::MAX;
}

/// A host function did not give the guest what it should have.
#[derive(Debug)]
pub(crate) struct HostFailure(pub(crate) EngineError);

impl std::fmt::Display for HostFailure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.message())
    }
}

impl std::error::Error for HostFailure {}

fn failed(error: EngineError) -> wasmtime::Error {
    wasmtime::Error::new(HostFailure(error))
}

/// Resources of the embedder that one store holds; what is left when the store goes is given up then.
#[derive(Default)]
pub(crate) struct HeldResources {
    host: Option<Arc<dyn HostFunctions>>,
    held: HashSet<u32>,
}

impl HeldResources {
    /// The embedder has it again.
    pub(crate) fn let_go(&mut self, resource: u32) {
        self.held.remove(&resource);
    }
}

impl Drop for HeldResources {
    fn drop(&mut self) {
        if let Some(host) = &self.host {
            self.held.iter().for_each(|resource| host.drop_resource(*resource));
        }
    }
}

/// How a linker's functions answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    /// Guests run on fibers and wait.
    Later,
    /// Guests run on the native stack of the thread that the functions live on.
    Here,
}

async fn ask(
    host: &Arc<dyn HostFunctions>,
    function: &Arc<HostSignature>,
    args: Vec<Value>,
) -> wasmtime::Result<Vec<Value>> {
    let (answer, answered) = oneshot::channel();
    host.call(HostCall { function: function.clone(), args, answer });
    let gone = || {
        EngineError::new(ErrorCode::Closed, format!("The host function {} is gone: its owner has ended", function.name))
    };
    answered.await.unwrap_or_else(|_| Err(gone())).map_err(failed)
}

// --------------------------------------------------------------------------------------------------------------- components

/// Defines what the embedder offers of a component's imports; returns what it does not, with the signature each should have.
pub(crate) fn link_component(
    linker: &mut component::Linker<StoreData>,
    component: &component::Component,
    host: &Arc<dyn HostFunctions>,
    answering: Answering,
    taken: impl Fn(&str) -> bool,
) -> Result<Vec<String>> {
    let engine = component.engine();
    let ty = component.component_type();
    let (names, concurrent) = (crate::module::resource_names(&ty, engine), is_concurrent(engine));
    let mut missing = Vec::new();
    for (import, item) in ty.imports(engine).filter(|(import, _)| !taken(import)) {
        match item.ty {
            ComponentItem::ComponentFunc(function) => {
                let signature = signature(ROOT, import, import.to_owned(), &function, host, &names)?;
                define(&mut linker.root(), import, signature, host, answering, concurrent, &mut missing)?;
            }
            ComponentItem::ComponentInstance(interface) => {
                let mut instance = linker.instance(import).map_err(EngineError::internal)?;
                for (name, item) in interface.exports(engine) {
                    match item.ty {
                        ComponentItem::ComponentFunc(function) => {
                            let full = format!("{import}#{name}");
                            let signature = signature(import, name, full, &function, host, &names)?;
                            define(&mut instance, name, signature, host, answering, concurrent, &mut missing)?;
                        }
                        ComponentItem::Resource(_) => {
                            define_resource(&mut instance, name, host)?;
                        }
                        _ => {}
                    }
                }
            }
            ComponentItem::Resource(_) => {
                define_resource(&mut linker.root(), import, host)?;
            }
            _ => {}
        }
    }
    Ok(missing)
}

fn find(host: &Arc<dyn HostFunctions>, interface: &str, name: &str) -> Option<u32> {
    let unversioned = interface.split('@').next().unwrap_or(interface);
    let camel = camel_case(name);
    [interface, unversioned]
        .iter()
        .flat_map(|interface| [name, camel.as_str()].map(|name| host.find(interface, name)))
        .find_map(|found| found)
}

/// The signature of an import, with the position of the function that satisfies it if there is one.
fn signature(
    interface: &str,
    name: &str,
    full: String,
    function: &component::types::ComponentFunc,
    host: &Arc<dyn HostFunctions>,
    names: &ResourceNames,
) -> Result<(Option<u32>, HostSignature)> {
    let budget = &mut TypeBudget::default();
    let mut params = Vec::new();
    for (param, ty) in function.params() {
        params.push((param.to_owned(), ValueType::from_component(&ty, budget, names)?));
    }
    let results =
        function.results().map(|ty| ValueType::from_component(&ty, budget, names)).collect::<Result<Vec<_>>>()?;
    let found = find(host, interface, name);
    let signature = HostSignature::new(found.unwrap_or_default(), full, params, results);
    Ok((found, HostSignature { is_async: function.async_(), ..signature }))
}

fn define(
    linker: &mut component::LinkerInstance<'_, StoreData>,
    name: &str,
    (found, signature): (Option<u32>, HostSignature),
    host: &Arc<dyn HostFunctions>,
    answering: Answering,
    concurrent: bool,
    missing: &mut Vec<String>,
) -> Result<()> {
    if found.is_none() {
        missing.push(format!("{}: {}", signature.name, signature_text(&signature.params, &signature.results)));
        return Ok(());
    }
    if let Some(feature) = types(&signature).find_map(|ty| ty.obstacles().unsupported) {
        return Err(EngineError::new(
            ErrorCode::Unsupported,
            format!("The import {} uses {feature}, which no host function can take", signature.name),
        )
        .with("feature", feature));
    }
    let (host, function) = (host.clone(), Arc::new(signature));
    host.link(&function);
    // How values travel to and from guests that may wait is the engine's own affair.
    let dynamic = concurrent || types(&function).any(|ty| ty.obstacles().dynamic);
    let defined = if dynamic {
        define_dynamic(linker, name, host, function, answering)
    } else {
        define_typed(linker, name, host, function, answering)
    };
    defined.map_err(EngineError::internal)
}

fn types(function: &HostSignature) -> impl Iterator<Item = &ValueType> {
    function.params.iter().map(|(_, ty)| ty).chain(&function.results)
}

/// By the engine's own dynamic values, for types that nothing else carries.
fn define_dynamic(
    linker: &mut component::LinkerInstance<'_, StoreData>,
    name: &str,
    host: Arc<dyn HostFunctions>,
    function: Arc<HostSignature>,
    answering: Answering,
) -> wasmtime::Result<()> {
    let lifted = |params: &[Val], function: &HostSignature| {
        // The transfer allowance of the store has bounded these already.
        let mut to = Lifting { meter: OutputMeter::new(u64::MAX), resources: None };
        let lift = |(value, (_, ty)): (&Val, &(String, ValueType))| lift(value.clone(), ty, &mut to);
        params.iter().zip(&function.params).map(lift).collect::<Result<Vec<_>>>().map_err(failed)
    };
    let lowered = |answer: Vec<Value>, function: &HostSignature, results: &mut [Val]| {
        for ((value, ty), result) in answer.iter().zip(&function.results).zip(results) {
            *result = lower(value, ty, &mut None).map_err(failed)?;
        }
        Ok(())
    };
    match answering {
        // Only the engine for WASI 0.3 lets such an import in.
        _ if function.is_async => linker.func_new_concurrent(name, move |guest, _, params, results| {
            let (host, function) = (host.clone(), function.clone());
            Box::pin(async move {
                let args = guest
                    .with(|mut store| taken_in(&mut store.as_context_mut(), lifted(params, &function)?, &function))?;
                let answer = ask(&host, &function, args).await?;
                guest.with(|mut store| {
                    lowered(handed_out(&mut store.as_context_mut(), answer, &function, &host)?, &function, results)
                })
            })
        }),
        Answering::Later => linker.func_new_async(name, move |mut store, _, params, results| {
            let (host, function) = (host.clone(), function.clone());
            Box::new(async move {
                let args = taken_in(&mut store, lifted(params, &function)?, &function)?;
                let answer = ask(&host, &function, args).await?;
                lowered(handed_out(&mut store, answer, &function, &host)?, &function, results)
            })
        }),
        Answering::Here => linker.func_new(name, move |mut store, _, params, results| {
            let args = taken_in(&mut store, lifted(params, &function)?, &function)?;
            let answer = host.call_here(&function, args).map_err(failed)?;
            lowered(handed_out(&mut store, answer, &function, &host)?, &function, results)
        }),
    }
}

/// Straight from and to the guest's memory. The number of slots is part of the type that the engine wants to know.
fn define_typed(
    linker: &mut component::LinkerInstance<'_, StoreData>,
    name: &str,
    host: Arc<dyn HostFunctions>,
    function: Arc<HostSignature>,
    answering: Answering,
) -> wasmtime::Result<()> {
    let count = |types: &mut dyn Iterator<Item = &ValueType>, most: usize| match types.map(slots).sum::<usize>() {
        count if count <= most => count,
        _ => 0,
    };
    let params = count(&mut function.params.iter().map(|(_, ty)| ty), MAX_FLAT_PARAMS);
    let results = count(&mut function.results.iter(), MAX_FLAT_RESULTS);
    macro_rules! with_slots {
        ($($params:literal)*) => {
            match (params, results) {
                $(
                    ($params, 0) => define_slots::<$params, 0>(linker, name, host, function, answering),
                    ($params, _) => define_slots::<$params, 1>(linker, name, host, function, answering),
                )*
                _ => define_slots::<0, 0>(linker, name, host, function, answering),
            }
        };
    }
    with_slots!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

fn define_slots<const PARAMS: usize, const RESULTS: usize>(
    linker: &mut component::LinkerInstance<'_, StoreData>,
    name: &str,
    host: Arc<dyn HostFunctions>,
    function: Arc<HostSignature>,
    answering: Answering,
) -> wasmtime::Result<()> {
    match answering {
        Answering::Later => linker.func_wrap_async(
            name,
            move |mut store: StoreContextMut<'_, StoreData>, args: HostArguments<PARAMS>| {
                let (host, function) = (host.clone(), function.clone());
                Box::new(async move {
                    let args = taken_in(&mut store, args.0, &function)?;
                    let answer = ask(&host, &function, args).await?;
                    handed_out(&mut store, answer, &function, &host).map(HostResults::<RESULTS>)
                })
            },
        ),
        Answering::Here => {
            linker.func_wrap(name, move |mut store: StoreContextMut<'_, StoreData>, args: HostArguments<PARAMS>| {
                let args = taken_in(&mut store, args.0, &function)?;
                let answer = host.call_here(&function, args).map_err(failed)?;
                handed_out(&mut store, answer, &function, &host).map(HostResults::<RESULTS>)
            })
        }
    }
}

/// Tells the embedder's kinds of resources apart by their names. Two of one name are one kind: to the guest they are two types anyway.
pub(crate) fn kind_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn define_resource(
    linker: &mut component::LinkerInstance<'_, StoreData>,
    name: &str,
    host: &Arc<dyn HostFunctions>,
) -> Result<()> {
    let host = host.clone();
    let dropped = move |mut store: StoreContextMut<'_, StoreData>, resource: u32| {
        store.data_mut().resources.held.remove(&resource);
        host.drop_resource(resource);
        Ok(())
    };
    linker.resource(name, ResourceType::host_dynamic(kind_of(name)), dropped).map_err(EngineError::internal)
}

/// What a guest passes, as the embedder sees it. Owned resources leave the store with it.
fn taken_in(
    store: &mut StoreContextMut<'_, StoreData>,
    mut args: Vec<Value>,
    function: &HostSignature,
) -> wasmtime::Result<Vec<Value>> {
    for (value, (_, ty)) in args.iter_mut().zip(&function.params) {
        each_resource(value, ty, &mut |value, ty| {
            let Value::Handle(resource) = *value else { return Ok(()) };
            let resource = resource.try_into_resource_dynamic(store.as_context_mut()).map_err(EngineError::internal)?;
            if matches!(ty, ValueType::Own { .. }) {
                store.data_mut().resources.held.remove(&resource.rep());
            }
            *value = Value::Resource(ResourceKey { instance: ResourceKey::HOST, index: resource.rep(), generation: 0 });
            Ok(())
        })
        .map_err(failed)?;
    }
    Ok(args)
}

/// What the embedder answers, as the guest gets it.
fn handed_out(
    store: &mut StoreContextMut<'_, StoreData>,
    mut answer: Vec<Value>,
    function: &HostSignature,
    host: &Arc<dyn HostFunctions>,
) -> wasmtime::Result<Vec<Value>> {
    if answer.len() != function.results.len() {
        return Err(failed(EngineError::internal("a host function answered with another number of results")));
    }
    for (value, ty) in answer.iter_mut().zip(&function.results) {
        each_resource(value, ty, &mut |value, ty| {
            let (
                ValueType::Own { resource: name, .. },
                Value::Resource(ResourceKey { instance: ResourceKey::HOST, index, .. }),
            ) = (ty, &*value)
            else {
                return Err(EngineError::argument(&function.name, "an object of the host where a resource is due"));
            };
            let index = *index;
            let resource = ResourceDynamic::new_own(index, kind_of(name));
            let any = resource.try_into_resource_any(store.as_context_mut()).map_err(EngineError::internal)?;
            let held = &mut store.data_mut().resources;
            held.host.get_or_insert_with(|| host.clone());
            held.held.insert(index);
            *value = Value::Handle(any);
            Ok(())
        })
        .map_err(failed)?;
    }
    Ok(answer)
}

// -------------------------------------------------------------------------------------------------------------- core modules

/// Defines what the embedder offers of a core module's imports; returns what it does not, with the signature each should have.
/// A function may be imported any number of times; as one of two signatures it is what was asked for first, and nothing else.
pub(crate) fn link_core(
    linker: &mut wasmtime::Linker<StoreData>,
    module: &wasmtime::Module,
    host: &Arc<dyn HostFunctions>,
    answering: Answering,
    taken: impl Fn(&str, &str) -> bool,
) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    let mut met = HashMap::new();
    for import in module.imports() {
        let wasmtime::ExternType::Func(ty) = import.ty() else { continue };
        if taken(import.module(), import.name()) {
            continue;
        }
        let types = |types: &mut dyn Iterator<Item = wasmtime::ValType>| -> Vec<ValueType> {
            types.map(|ty| ValueType::from_core(&ty)).collect()
        };
        let (params, results) = (types(&mut ty.params()), types(&mut ty.results()));
        let name = format!("{}::{}", import.module(), import.name());
        let params: Vec<_> = params.into_iter().map(|ty| (String::new(), ty)).collect();
        let asked = signature_text(&params, &results);
        match met.entry((import.module(), import.name())) {
            Entry::Occupied(first) => {
                if *first.get() != asked {
                    missing.push(format!("{name}: {asked} besides {}", first.get()));
                }
                continue;
            }
            Entry::Vacant(first) => first.insert(asked.clone()),
        };
        let found = find(host, import.module(), import.name());
        let references = params.iter().map(|(_, ty)| ty).chain(&results).any(|ty| ty.obstacles().unsupported.is_some());
        if found.is_none() || references {
            missing.push(format!("{name}: {asked}"));
            continue;
        }
        let function = Arc::new(HostSignature::new(found.unwrap_or_default(), name, params, results));
        host.link(&function);
        define_core(linker, import.module(), import.name(), ty, function, host.clone(), answering)?;
    }
    Ok(missing)
}

fn define_core(
    linker: &mut wasmtime::Linker<StoreData>,
    module: &str,
    name: &str,
    ty: FuncType,
    function: Arc<HostSignature>,
    host: Arc<dyn HostFunctions>,
    answering: Answering,
) -> Result<()> {
    let arguments = |params: &[wasmtime::Val]| params.iter().map(lift_core).collect::<Result<Vec<_>>>().map_err(failed);
    let defined = match answering {
        Answering::Later => linker.func_new_async(module, name, ty, move |_, params, results| {
            let (host, function) = (host.clone(), function.clone());
            Box::new(async move {
                let answer = ask(&host, &function, arguments(params)?).await?;
                give_back_core(&answer, &function, results)
            })
        }),
        Answering::Here => linker.func_new(module, name, ty, move |_, params, results| {
            let answer = host.call_here(&function, arguments(params)?).map_err(failed)?;
            give_back_core(&answer, &function, results)
        }),
    };
    defined.map(drop).map_err(EngineError::internal)
}

fn give_back_core(answer: &[Value], function: &HostSignature, results: &mut [wasmtime::Val]) -> wasmtime::Result<()> {
    if answer.len() != results.len() {
        return Err(failed(EngineError::internal("a host function answered with another number of results")));
    }
    for ((value, ty), result) in answer.iter().zip(&function.results).zip(results) {
        *result = lower_core(value, ty).map_err(failed)?;
    }
    Ok(())
}
