//! Imports of core modules.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use wasmtime::FuncType;

use crate::error::{EngineError, Result};
use crate::store::StoreData;
use crate::values::convert::{lift_core, lower_core};
use crate::values::type_text::signature_text;
use crate::values::value::{Value, ValueType};

use super::{Answering, HostFunctions, HostSignature, ask, failed, find};

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
