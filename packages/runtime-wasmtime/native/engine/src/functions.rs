//! Which functions a module exports, and how calls reach them.

use serde_json::json;
use wasmtime::component::{ComponentExportIndex, types::ComponentItem};
use wasmtime::{Engine, ExternType, ModuleExport};

use crate::engines::is_concurrent;
use crate::error::Result;
use crate::values::message::MessagePlan;
use crate::values::value::{ResourceNames, TypeBudget, ValueType};

/// Core signatures of at most this many numbers each way are called without dynamic values.
pub(crate) const MAX_SCALARS: usize = 8;

/// An instance of either kind.
#[derive(Clone, Copy)]
pub(crate) enum Live {
    Core(wasmtime::Instance),
    Component(wasmtime::component::Instance),
}

/// Where a function is found in an instance without looking up its name.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Core(ModuleExport),
    Component(ComponentExportIndex),
}

/// One callable export.
pub struct FunctionEntry {
    /// `ns:pkg/iface@1.2.0#function`, or the bare name.
    pub name: String,
    /// Parameter names (empty for core) and types.
    pub params: Vec<(String, ValueType)>,
    /// Result types.
    pub results: Vec<ValueType>,
    /// Declared as `async func`.
    pub is_async: bool,
    /// Why no call can reach it.
    pub unsupported: Option<&'static str>,
    /// Resources in its types.
    pub needs_instance: bool,
    /// Converted straight to and from the guest's memory; otherwise through the engine's dynamic values.
    pub(crate) direct: bool,
    /// How messages carry its arguments and result, where they gain something.
    pub message: Option<MessagePlan>,
    pub(crate) target: Target,
}

impl FunctionEntry {
    fn new(
        name: String,
        params: Vec<(String, ValueType)>,
        results: Vec<ValueType>,
        is_async: bool,
        target: Target,
        concurrent: bool,
    ) -> Self {
        // How values travel to functions that wait is the engine's own affair.
        let (mut unsupported, mut needs_instance, mut dynamic) = (None, false, concurrent);
        for ty in params.iter().map(|(_, ty)| ty).chain(&results) {
            let obstacles = ty.obstacles();
            unsupported = unsupported.or(obstacles.unsupported);
            needs_instance |= obstacles.resources;
            dynamic |= obstacles.dynamic;
        }
        let scalar = |ty: &ValueType| matches!(ty, ValueType::I32 | ValueType::I64 | ValueType::F32 | ValueType::F64);
        let direct = match target {
            Target::Core(_) => {
                params.len().max(results.len()) <= MAX_SCALARS
                    && params.iter().map(|(_, ty)| ty).chain(&results).all(scalar)
            }
            Target::Component(_) => !dynamic,
        };
        let message = match target {
            Target::Component(_) if direct && !needs_instance && unsupported.is_none() => {
                MessagePlan::of(&params, &results)
            }
            _ => None,
        };
        Self { name, params, results, is_async, unsupported, needs_instance, direct, message, target }
    }

    /// As `CallableDescription` of `binding.d.ts`. `immediate`: calls of the module need not leave the caller's thread.
    pub(crate) fn describe(&self, immediate: bool) -> serde_json::Value {
        json!({
            "name": self.name,
            "params": self.params.iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect::<Vec<_>>(),
            "results": self.results,
            "async": self.is_async,
            "synchronous": immediate && self.unsupported.is_none(),
            "unsupported": self.unsupported,
            "needsInstance": self.needs_instance,
            "message": self.message.map(|plan| if plan.result { "both" } else { "arguments" }),
        })
    }
}

/// Those of a core module.
pub(crate) fn core_functions(module: &wasmtime::Module) -> Vec<FunctionEntry> {
    let mut out = Vec::new();
    for export in module.exports() {
        let (ExternType::Func(ty), Some(target)) = (export.ty(), module.get_export_index(export.name())) else {
            continue;
        };
        let params = ty.params().map(|ty| (String::new(), ValueType::from_core(&ty))).collect();
        let results = ty.results().map(|ty| ValueType::from_core(&ty)).collect();
        out.push(FunctionEntry::new(export.name().to_owned(), params, results, false, Target::Core(target), false));
    }
    out
}

/// Those of a component, and of the interfaces that it exports.
pub(crate) fn component_functions(component: &wasmtime::component::Component) -> Result<Vec<FunctionEntry>> {
    let engine = component.engine();
    let mut out = Vec::new();
    let ty = component.component_type();
    let (names, concurrent) = (resource_names(&ty, engine), is_concurrent(engine));
    for (name, export) in ty.exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(function) => {
                if let Some(target) = component.get_export_index(None, name) {
                    out.push(component_function(name.to_owned(), &function, target, &names, concurrent)?);
                }
            }
            ComponentItem::ComponentInstance(interface) => {
                let Some(parent) = component.get_export_index(None, name) else { continue };
                for (item, export) in interface.exports(engine) {
                    let ComponentItem::ComponentFunc(function) = export.ty else { continue };
                    if let Some(target) = component.get_export_index(Some(&parent), item) {
                        out.push(component_function(format!("{name}#{item}"), &function, target, &names, concurrent)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(out)
}

/// Resources of a component by their names; those that hosts hand in among them.
pub(crate) fn resource_names(ty: &wasmtime::component::types::Component, engine: &Engine) -> ResourceNames {
    let mut names = ResourceNames::default();
    let exports = ty.exports(engine).map(|export| (export, false));
    let imports = ty.imports(engine).map(|(name, item)| ((name, item), !name.starts_with("wasi:")));
    for ((name, item), host) in exports.chain(imports) {
        match item.ty {
            ComponentItem::Resource(resource) => names.add(resource, name, host),
            ComponentItem::ComponentInstance(interface) => {
                for (name, item) in interface.exports(engine) {
                    if let ComponentItem::Resource(resource) = item.ty {
                        names.add(resource, name, host);
                    }
                }
            }
            _ => {}
        }
    }
    names
}

fn component_function(
    name: String,
    function: &wasmtime::component::types::ComponentFunc,
    target: ComponentExportIndex,
    names: &ResourceNames,
    concurrent: bool,
) -> Result<FunctionEntry> {
    let budget = &mut TypeBudget::default();
    let mut params = Vec::new();
    for (param, ty) in function.params() {
        params.push((param.to_owned(), ValueType::from_component(&ty, budget, names)?));
    }
    let results = function.results().map(|ty| ValueType::from_component(&ty, budget, names)).collect::<Result<_>>()?;
    Ok(FunctionEntry::new(name, params, results, function.async_(), Target::Component(target), concurrent))
}
