//! Wasmer as an engine of the protocol.

use std::sync::Arc;

use hotswap_runtime_child::{
    Description, Engine, Failure, Hello, PROTOCOL_VERSION, Policy, Stdio, Usage, Value, ValueType, Wasi,
};
use serde_json::json;
use wasmer::sys::{CompilerConfig, Cranelift, EngineBuilder, NativeEngineExt};
use wasmer::{ExternType, FunctionEnv, Instance, InstantiationError, Module, Store};
use wasmer_middlewares::Metering;
use wasmer_middlewares::metering::{MeteringPoints, get_remaining_points, set_remaining_points};

use crate::limits::{Budget, Limits, MEMORY_REFUSED};
use crate::traps::{bounded, failure_of};
use crate::wasi::{self, Guest};

/// Fuel while an instance is started, before the first call gives it its own.
const START_FUEL_LIMIT: u64 = u64::MAX;

/// Names in a failure are there to help, not to list a library of thousands.
const MAX_NAMED_IMPORTS: usize = 20;

/// Compiled code with the engine that it was compiled by: limits and metering belong to an engine.
pub(crate) struct WasmerModule {
    engine: wasmer::Engine,
    module: Module,
    budget: Arc<Budget>,
    fuel: Option<u64>,
}

/// A running module.
pub(crate) struct WasmerInstance {
    store: Store,
    instance: Instance,
    budget: Arc<Budget>,
    fuel: Option<u64>,
}

/// The engine.
pub(crate) struct Wasmer;

impl Engine for Wasmer {
    type Module = WasmerModule;
    type Instance = WasmerInstance;

    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            engine: "wasmer".to_owned(),
            version: wasmer_types::VERSION.to_owned(),
            capabilities: json!({ "fuel": true, "backtraces": true, "wasi": ["preview1"] }),
        }
    }

    fn compile(&mut self, bytes: &[u8], _description: &Description, policy: &Policy) -> Result<WasmerModule, Failure> {
        let mut compiler = Cranelift::default();
        if policy.fuel.is_some() {
            // One per instruction, as the other engines count.
            compiler.push_middleware(Arc::new(Metering::new(START_FUEL_LIMIT, |_| 1)));
        }
        let budget = Arc::new(Budget::new(policy.max_memory_bytes, policy.max_table_elements));
        let mut engine: wasmer::Engine = EngineBuilder::new(compiler).engine().into();
        engine.set_tunables(Limits::new(Arc::clone(&budget)));
        let module = Module::new(&engine, bytes)
            .map_err(|error| Failure::new("COMPILE_FAILED").with("reason", bounded(&error.to_string())))?;
        Ok(WasmerModule { engine, module, budget, fuel: policy.fuel })
    }

    fn instantiate(&mut self, module: &WasmerModule, wasi: &Wasi, stdio: &Stdio) -> Result<WasmerInstance, Failure> {
        let WasmerModule { engine, module, budget, fuel } = module;
        budget.reset();
        let mut store = Store::new(engine.clone());
        let env = FunctionEnv::new(&mut store, Guest::new(wasi, stdio)?);
        let imports = wasi::imports(&mut store, &env);
        check_links(module, &imports, &store)?;
        let instance = Instance::new(&mut store, module, &imports).map_err(|error| start_failure(&error, budget))?;
        env.as_mut(&mut store).memory = instance.exports.get_memory("memory").ok().cloned();
        Ok(WasmerInstance { store, instance, budget: Arc::clone(budget), fuel: *fuel })
    }

    fn refuel(&mut self, instance: &mut WasmerInstance) {
        if let Some(fuel) = instance.fuel {
            set_remaining_points(&mut instance.store, &instance.instance, fuel);
        }
    }

    fn call(
        &mut self,
        instance: &mut WasmerInstance,
        export: &str,
        args: &[Value],
        _results: &[ValueType],
    ) -> Result<Vec<Value>, Failure> {
        let function = instance
            .instance
            .exports
            .get_function(export)
            .map_err(|_| Failure::new("UNKNOWN_EXPORT").with("export", export))?
            .clone();
        let args: Vec<wasmer::Value> = args.iter().map(to_wasmer).collect();
        let results = function.call(&mut instance.store, &args).map_err(|error| {
            let spent = instance.fuel.filter(|_| {
                matches!(get_remaining_points(&mut instance.store, &instance.instance), MeteringPoints::Exhausted)
            });
            failure_of(&error, spent)
        })?;
        results.iter().map(from_wasmer).collect()
    }

    fn usage(&mut self, instance: &mut WasmerInstance) -> Usage {
        let fuel_used = instance.fuel.map(|fuel| match get_remaining_points(&mut instance.store, &instance.instance) {
            MeteringPoints::Remaining(left) => fuel.saturating_sub(left),
            MeteringPoints::Exhausted => fuel,
        });
        Usage {
            fuel_used,
            peak_memory_bytes: instance.budget.peak_memory_bytes(),
            memory_refusals: instance.budget.refusals(),
        }
    }
}

/// Names what nobody offers, and not only the first of it.
fn check_links(module: &Module, imports: &wasmer::Imports, store: &Store) -> Result<(), Failure> {
    let missing: Vec<String> = module
        .imports()
        .filter(|import| match imports.get_export(import.module(), import.name()) {
            None => true,
            Some(found) => match (import.ty(), found.ty(store)) {
                (ExternType::Function(wanted), ExternType::Function(offered)) => *wanted != offered,
                _ => true,
            },
        })
        .map(|import| bounded(&format!("{}.{}", import.module(), import.name())))
        .take(MAX_NAMED_IMPORTS)
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::new("LINK_FAILED").with("imports", missing)) }
}

fn start_failure(error: &InstantiationError, budget: &Budget) -> Failure {
    match error {
        InstantiationError::Start(trap) => failure_of(trap, None),
        other => {
            let text = other.to_string();
            if text.contains(MEMORY_REFUSED) {
                return Failure::new("MEMORY_LIMIT").with("limitBytes", budget.max_memory_bytes);
            }
            Failure::new("START_FAILED").with("reason", bounded(&text))
        }
    }
}

fn to_wasmer(value: &Value) -> wasmer::Value {
    match value.ty {
        ValueType::I32 => wasmer::Value::I32((value.bits as u32).cast_signed()),
        ValueType::I64 => wasmer::Value::I64(value.bits.cast_signed()),
        ValueType::F32 => wasmer::Value::F32(f32::from_bits(value.bits as u32)),
        ValueType::F64 => wasmer::Value::F64(f64::from_bits(value.bits)),
    }
}

fn from_wasmer(value: &wasmer::Value) -> Result<Value, Failure> {
    let (ty, bits) = match value {
        wasmer::Value::I32(number) => (ValueType::I32, u64::from(number.cast_unsigned())),
        wasmer::Value::I64(number) => (ValueType::I64, number.cast_unsigned()),
        wasmer::Value::F32(number) => (ValueType::F32, u64::from(number.to_bits())),
        wasmer::Value::F64(number) => (ValueType::F64, number.to_bits()),
        _ => return Err(Failure::new("UNSUPPORTED").with("feature", "results that are no numbers")),
    };
    Ok(Value { ty, bits })
}
