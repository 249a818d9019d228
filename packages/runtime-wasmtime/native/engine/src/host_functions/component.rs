//! Imports of components.

use std::sync::Arc;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{self, ResourceDynamic, ResourceType, Val};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::engines::is_concurrent;
use crate::error::{EngineError, ErrorCode, Result};
use crate::functions::resource_names;
use crate::store::StoreData;
use crate::values::convert::{OutputMeter, each_resource, lift, lower};
use crate::values::host_values::{HostArguments, HostResults};
use crate::values::lift::MAX_FLAT_RESULTS;
use crate::values::lower::MAX_FLAT_PARAMS;
use crate::values::message::slots;
use crate::values::type_text::signature_text;
use crate::values::value::{ResourceKey, ResourceNames, TypeBudget, Value, ValueType, kind_of};

use super::{Answering, HostFunctions, HostSignature, ask, failed, find, give_up};

/// Where functions are that a world imports without an interface.
const ROOT: &str = "$root";

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
    let (names, concurrent) = (resource_names(&ty, engine), is_concurrent(engine));
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
        let mut to = OutputMeter::new(u64::MAX);
        let lift = |(value, (_, ty)): (&Val, &(String, ValueType))| lift(value.clone(), ty, &mut to);
        params.iter().zip(&function.params).map(lift).collect::<Result<Vec<_>>>().map_err(failed)
    };
    let lowered = |answer: Vec<Value>, function: &HostSignature, results: &mut [Val]| {
        for ((value, ty), result) in answer.iter().zip(&function.results).zip(results) {
            *result = lower(value, ty).map_err(failed)?;
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
    let outcome = handed_to(store, &mut answer, function, host);
    if outcome.is_err() {
        give_up(host, function, &mut answer);
    }
    outcome.map(|()| answer)
}

fn handed_to(
    store: &mut StoreContextMut<'_, StoreData>,
    answer: &mut [Value],
    function: &HostSignature,
    host: &Arc<dyn HostFunctions>,
) -> wasmtime::Result<()> {
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
    Ok(())
}
