//! WasmEdge as an engine of the protocol. Interpreted: the library compiles only ahead of time, into files that nothing
//! authenticates.

use std::ffi::{CString, c_char};
use std::io;
use std::ptr;
use std::rc::Rc;

use hotswap_runtime_child::{
    Description, Engine, Failure, Folder, Hello, PROTOCOL_VERSION, Policy, Stdio, Usage, Value, ValueType, Wasi,
};
use serde_json::json;

use crate::api::{Api, Bytes, Handle, Outcome, Text, TypeTag, WasmValue};
use crate::find_library::Version;
use crate::handles::Owned;
use crate::log::RefusalLog;
use crate::streams::{Descriptors, Streams};
use crate::traps::{failure_of, is_exit, is_out_of_fuel};

const PAGE_BYTES: u64 = 65_536;

/// A parsed and validated module.
pub(crate) struct EdgeModule {
    ast: Owned,
    configure: Owned,
    uses_wasi: bool,
    fuel: Option<u64>,
}

/// A running module. Fields are dropped in this order: the instance before what it refers to.
pub(crate) struct EdgeInstance {
    instance: Owned,
    wasi: Option<Owned>,
    executor: Owned,
    _store: Owned,
    statistics: Owned,
    streams: Option<Streams>,
    fuel: Option<u64>,
    peak_memory_bytes: u64,
    refusals: u64,
}

/// The engine.
pub(crate) struct WasmEdge {
    api: Rc<Api>,
    version: Version,
    log: RefusalLog,
    descriptors: Descriptors,
}

impl WasmEdge {
    pub(crate) fn new(api: Api, version: Version) -> io::Result<Self> {
        let descriptors = Descriptors::new()?;
        let log = RefusalLog::new(&api)?;
        descriptors.rest(log.sink());
        Ok(Self { api: Rc::new(api), version, log, descriptors })
    }

    fn own(&self, handle: Handle, delete: unsafe extern "C" fn(Handle)) -> Result<Owned, Failure> {
        Owned::new(&self.api, handle, delete).ok_or_else(|| internal("the library could not make a context"))
    }

    /// Runs something of a guest with its streams in place.
    fn with_streams<T>(&self, streams: Option<&Streams>, run: impl FnOnce() -> T) -> Result<T, Failure> {
        let Some(streams) = streams else { return Ok(run()) };
        self.log.hush(&self.api, true);
        let outcome = self.descriptors.lend(streams).map(|()| run());
        self.descriptors.rest(self.log.sink());
        self.log.hush(&self.api, false);
        outcome.map_err(|error| internal(&error.to_string()))
    }

    fn configure(&self, policy: &Policy) -> Result<Owned, Failure> {
        // SAFETY: a context of the library is used with the functions for it.
        unsafe {
            let configure = self.own((self.api.configure_create)(), self.api.configure_delete)?;
            (self.api.configure_set_max_memory_page)(configure.handle(), policy.max_memory_bytes / PAGE_BYTES);
            (self.api.configure_count_instructions)(configure.handle(), policy.fuel.is_some());
            (self.api.configure_measure_cost)(configure.handle(), policy.fuel.is_some());
            Ok(configure)
        }
    }

    fn wasi_module(&self, wasi: &Wasi) -> Result<Owned, Failure> {
        let args = c_strings(wasi.args.iter().cloned())?;
        let env = c_strings(wasi.env.iter().map(|(name, value)| format!("{name}={value}")))?;
        let dirs = c_strings(wasi.dirs.iter().map(preopen).collect::<Result<Vec<_>, _>>()?.into_iter())?;
        let lists: Vec<Vec<*const c_char>> =
            [&args, &env, &dirs].into_iter().map(|list| list.iter().map(|text| text.as_ptr()).collect()).collect();
        // SAFETY: the lists and their strings outlive the call, which copies them.
        unsafe {
            let handle = (self.api.wasi_create)(
                lists[0].as_ptr(),
                lists[0].len() as u32,
                lists[1].as_ptr(),
                lists[1].len() as u32,
                lists[2].as_ptr(),
                lists[2].len() as u32,
            );
            self.own(handle, self.api.instance_delete)
        }
    }

    fn end_of(&self, outcome: Outcome, wasi: Option<&Owned>) -> Failure {
        match wasi {
            Some(wasi) if is_exit(outcome) => {
                // SAFETY: the context is that of WASI.
                let code = unsafe { (self.api.wasi_exit_code)(wasi.handle()) };
                Failure::exit(code.cast_signed())
            }
            _ => failure_of(&self.api, outcome),
        }
    }

    fn note_usage(&mut self, instance: &mut EdgeInstance) {
        instance.refusals += self.log.take();
        // SAFETY: the instance is alive; a memory that is not exported under this name is null.
        let pages = unsafe {
            let memory = (self.api.instance_find_memory)(instance.instance.handle(), Text::of("memory"));
            if memory.is_null() { 0 } else { (self.api.memory_page_size)(memory) & u64::from(u32::MAX) }
        };
        instance.peak_memory_bytes = instance.peak_memory_bytes.max(pages * PAGE_BYTES);
    }

    fn type_tag(&self, ty: ValueType) -> TypeTag {
        // SAFETY: no arguments.
        unsafe {
            match ty {
                ValueType::I32 => (self.api.type_i32)(),
                ValueType::I64 => (self.api.type_i64)(),
                ValueType::F32 => (self.api.type_f32)(),
                ValueType::F64 => (self.api.type_f64)(),
            }
        }
    }

    fn invoke(&self, instance: &EdgeInstance, function: Handle, args: &[WasmValue], out: &mut [WasmValue]) -> Outcome {
        // SAFETY: the function belongs to the instance, and both lists have the lengths that its type says.
        unsafe {
            (self.api.executor_invoke)(
                instance.executor.handle(),
                function,
                args.as_ptr(),
                args.len() as u32,
                out.as_mut_ptr(),
                out.len() as u32,
            )
        }
    }
}

impl Engine for WasmEdge {
    type Module = EdgeModule;
    type Instance = EdgeInstance;

    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            engine: "wasmedge".to_owned(),
            version: self.version.to_string(),
            capabilities: json!({ "fuel": true, "backtraces": false, "wasi": ["preview1"] }),
        }
    }

    fn compile(&mut self, bytes: &[u8], description: &Description, policy: &Policy) -> Result<EdgeModule, Failure> {
        let refused = |outcome: Outcome| Failure::new("COMPILE_FAILED").with("reason", self.api.message(outcome));
        let configure = self.configure(policy)?;
        let mut parsed: Handle = ptr::null_mut();
        // SAFETY: contexts are used with the functions for them; the bytes outlive the call, which copies what it keeps.
        unsafe {
            let loader = self.own((self.api.loader_create)(configure.handle()), self.api.loader_delete)?;
            let validator = self.own((self.api.validator_create)(configure.handle()), self.api.validator_delete)?;
            let binary = Bytes { length: bytes.len() as u32, start: bytes.as_ptr() };
            let outcome = (self.api.loader_parse)(loader.handle(), &raw mut parsed, binary);
            self.api.check(outcome).map_err(refused)?;
            let ast = self.own(parsed, self.api.ast_delete)?;
            self.api.check((self.api.validator_validate)(validator.handle(), ast.handle())).map_err(refused)?;
            Ok(EdgeModule { ast, configure, uses_wasi: description.uses_wasi(), fuel: policy.fuel })
        }
    }

    fn instantiate(&mut self, module: &EdgeModule, wasi: &Wasi, stdio: &Stdio) -> Result<EdgeInstance, Failure> {
        let api = Rc::clone(&self.api);
        let streams = match module.uses_wasi {
            true => Some(Streams::new(stdio).map_err(|error| internal(&error.to_string()))?),
            false => None,
        };
        let wasi = if module.uses_wasi { Some(self.wasi_module(wasi)?) } else { None };
        // SAFETY: contexts are used with the functions for them, and the instance keeps all that it refers to.
        unsafe {
            let statistics = self.own((api.statistics_create)(), api.statistics_delete)?;
            let executor = (api.executor_create)(module.configure.handle(), statistics.handle());
            let executor = self.own(executor, api.executor_delete)?;
            let store = self.own((api.store_create)(), api.store_delete)?;
            let unlinked = |outcome| Failure::new("LINK_FAILED").with("imports", api.message(outcome));
            if let Some(wasi) = &wasi {
                let outcome = (api.executor_register_import)(executor.handle(), store.handle(), wasi.handle());
                api.check(outcome).map_err(unlinked)?;
            }
            let mut made: Handle = ptr::null_mut();
            let outcome = self.with_streams(streams.as_ref(), || {
                (api.executor_instantiate)(executor.handle(), &raw mut made, store.handle(), module.ast.handle())
            })?;
            // `proc_exit` ends a start function with success, and without an instance.
            if is_exit(outcome) {
                return Err(self.end_of(outcome, wasi.as_ref()));
            }
            if let Err(outcome) = api.check(outcome) {
                return Err(match outcome.code & 0x00FF_FF00 {
                    // Linking and instantiation; everything above is the start function.
                    0x0300 => unlinked(outcome),
                    _ => self.end_of(outcome, wasi.as_ref()),
                });
            }
            let instance = self.own(made, api.instance_delete)?;
            let fuel = module.fuel;
            let (peak_memory_bytes, refusals) = (0, 0);
            let _store = store;
            Ok(EdgeInstance {
                instance,
                wasi,
                executor,
                _store,
                statistics,
                streams,
                fuel,
                peak_memory_bytes,
                refusals,
            })
        }
    }

    fn refuel(&mut self, instance: &mut EdgeInstance) {
        instance.refusals = 0;
        if let Some(fuel) = instance.fuel {
            // SAFETY: the context is that of statistics.
            unsafe {
                (self.api.statistics_clear)(instance.statistics.handle());
                (self.api.statistics_set_cost_limit)(instance.statistics.handle(), fuel);
            }
        }
    }

    fn call(
        &mut self,
        instance: &mut EdgeInstance,
        export: &str,
        args: &[Value],
        results: &[ValueType],
    ) -> Result<Vec<Value>, Failure> {
        // SAFETY: the instance is alive and the name outlives the call.
        let function = unsafe { (self.api.instance_find_function)(instance.instance.handle(), Text::of(export)) };
        if function.is_null() {
            return Err(Failure::new("UNKNOWN_EXPORT").with("export", export));
        }
        let args: Vec<WasmValue> =
            args.iter().map(|value| WasmValue { bits: value.bits.into(), ty: self.type_tag(value.ty) }).collect();
        let mut out: Vec<WasmValue> = results.iter().map(|ty| WasmValue { bits: 0, ty: self.type_tag(*ty) }).collect();
        let outcome =
            self.with_streams(instance.streams.as_ref(), || self.invoke(instance, function, &args, &mut out))?;
        self.note_usage(instance);
        // `proc_exit` ends a guest with success as well.
        if is_exit(outcome) {
            return Err(self.end_of(outcome, instance.wasi.as_ref()));
        }
        if let (true, Some(fuel)) = (is_out_of_fuel(outcome), instance.fuel) {
            return Err(Failure::new("FUEL_EXHAUSTED").with("limitFuel", fuel));
        }
        self.api.check(outcome).map_err(|outcome| self.end_of(outcome, instance.wasi.as_ref()))?;
        Ok(results.iter().zip(out).map(|(ty, value)| to_value(*ty, value.bits)).collect())
    }

    fn usage(&mut self, instance: &mut EdgeInstance) -> Usage {
        // SAFETY: the context is that of statistics.
        let cost = unsafe { (self.api.statistics_total_cost)(instance.statistics.handle()) };
        Usage {
            fuel_used: instance.fuel.map(|fuel| cost.min(fuel)),
            peak_memory_bytes: instance.peak_memory_bytes,
            memory_refusals: instance.refusals,
        }
    }
}

fn to_value(ty: ValueType, bits: u128) -> Value {
    let bits = match ty {
        ValueType::I32 | ValueType::F32 => u64::from(bits as u32),
        ValueType::I64 | ValueType::F64 => bits as u64,
    };
    Value { ty, bits }
}

/// `guest:host[:readonly]`: paths with a colon would say something else.
fn preopen(folder: &Folder) -> Result<String, Failure> {
    let Folder { host_path, guest_path, read_only } = folder;
    let refuse = |why: &str| {
        Err(Failure::new("START_FAILED")
            .with("reason", format!("the folder {guest_path} cannot be given to it: {why}")))
    };
    if host_path.contains(':') || guest_path.contains(':') {
        return refuse("a path holds a colon, which WasmEdge cannot take");
    }
    if !std::fs::metadata(host_path).is_ok_and(|metadata| metadata.is_dir()) {
        return refuse("it is no folder of this node");
    }
    Ok(format!("{guest_path}:{host_path}{}", if *read_only { ":readonly" } else { "" }))
}

fn c_strings(texts: impl Iterator<Item = String>) -> Result<Vec<CString>, Failure> {
    texts
        .map(|text| {
            CString::new(text).map_err(|_| {
                Failure::new("START_FAILED").with("reason", "an argument or variable holds a zero byte".to_owned())
            })
        })
        .collect()
}

fn internal(reason: &str) -> Failure {
    Failure::new("INTERNAL").with("reason", reason)
}
