//! One environment's dispatcher: calls go out, completions come back in batches through one weak thread-safe function.

use std::cell::Cell;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use hotswap_engine::{
    CallSettings, Client, DEFAULT_MAX_MODULE_BYTES, LoadOptions, LoadedModule, RunOptions, Value, parse_options,
};
use napi::bindgen_prelude::{FnArgs, Function, ToNapiValue, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;

use crate::completion_batch::batch_of;
use crate::failure::throw;
use crate::from_js::{read_args, read_bytes, read_module_bytes, read_resource};
use crate::handles::{InstanceHandle, ModuleHandle, milliseconds};
use crate::host_functions::HostFunctions;
use crate::js::{Js, Raw};
use crate::messages::read_message;
use crate::process::raw;
use crate::slot_table::SlotTable;

/// Completions handed over in one turn of the event loop.
const BATCH: usize = 256;

type Waker = ThreadsafeFunction<(), (), FnArgs<(Batch,)>, Status, false, true>;

/// A finished array of completions, on its way to the callback.
pub struct Batch(Raw);

impl ToNapiValue for Batch {
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.0.0)
    }
}

/// See `binding.d.ts`.
#[napi]
pub struct Dispatcher {
    client: Arc<Client>,
    waker: Arc<Waker>,
    held: Arc<Held>,
}

/// Whether the event loop is kept alive for calls in flight. Read and written on the environment's thread only.
#[derive(Default)]
struct Held(Cell<bool>);

// SAFETY: the cell is touched by native methods and the batch callback, which both run on the environment's own thread; other threads
// only move the `Arc` around.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Held {
    fn set(&self, js: Js, waker: &Waker, alive: bool) {
        if self.0.replace(alive) != alive {
            js.hold(waker.raw(), alive);
        }
    }
}

#[napi]
impl Dispatcher {
    /// See `binding.d.ts`.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, on_batch: Function<'_, FnArgs<(Batch,)>, ()>) -> napi::Result<Self> {
        let shared: Arc<OnceLock<(Weak<Client>, Weak<Waker>)>> = Arc::default();
        let held = Arc::new(Held::default());
        let (parts, keep) = (shared.clone(), held.clone());
        let waker: Waker =
            on_batch.build_threadsafe_function::<()>().weak::<true>().build_callback(move |context| {
                let js = Js::new(context.env.raw());
                let alive = parts.get().and_then(|(client, waker)| Some((client.upgrade()?, waker.upgrade()?)));
                let batch = match alive {
                    None => js.new_array(0),
                    Some((client, waker)) => {
                        let completions = client.drain(BATCH);
                        if client.pending() == 0 {
                            keep.set(js, &waker, false);
                        }
                        batch_of(js, &completions)
                    }
                };
                batch.map(|batch| FnArgs::from((Batch(batch),))).map_err(|_| crate::failure::refused(&context.env))
            })?;
        let waker = Arc::new(waker);
        let wake = waker.clone();
        let client = Client::new(move || {
            // Fails only when the environment has ended; its completions have no reader then.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        let client = Arc::new(client.map_err(|error| throw(env, &error, None))?);
        // The lock is new: setting it cannot fail.
        let _ = shared.set((Arc::downgrade(&client), Arc::downgrade(&waker)));
        env.add_env_cleanup_hook(Arc::downgrade(&client), |client| {
            if let Some(client) = client.upgrade() {
                client.close();
            }
        })?;
        Ok(Self { client, waker, held })
    }

    /// After a call was admitted: throws what was wrong with it, or keeps the event loop alive for its answer.
    fn admitted(&self, env: &Env, outcome: hotswap_engine::Result<()>) -> napi::Result<()> {
        outcome.map_err(|error| throw(env, &error, None))?;
        self.held.set(Js::new(env.raw()), &self.waker, true);
        Ok(())
    }

    /// See `binding.d.ts`.
    #[napi(getter, catch_unwind)]
    pub fn pending(&self) -> u32 {
        self.client.pending() as u32
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn inspect(&self, env: &Env, call_id: u32, bytes: Unknown<'_>, max_module_bytes: f64) -> napi::Result<()> {
        let outcome = (|| {
            let limit = milliseconds(max_module_bytes, "maxModuleBytes")?;
            let limit = if limit == 0 { DEFAULT_MAX_MODULE_BYTES } else { limit };
            let bytes = read_module_bytes(Js::new(env.raw()), raw(&bytes), limit)?
                .ok_or_else(|| hotswap_engine::EngineError::argument("bytes", "a Uint8Array"))?;
            self.client.inspect(call_id, bytes, limit)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn load(&self, env: &Env, call_id: u32, bytes: Unknown<'_>, options_json: String) -> napi::Result<()> {
        let outcome = (|| {
            let options = parse_options::<LoadOptions>("options", &options_json)?;
            let bytes = read_module_bytes(Js::new(env.raw()), raw(&bytes), options.max_module_bytes)?;
            self.client.load(call_id, bytes, options)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn load_with(
        &self,
        env: &Env,
        call_id: u32,
        bytes: Unknown<'_>,
        options_json: String,
        host: &HostFunctions,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let options = parse_options::<LoadOptions>("options", &options_json)?;
            let bytes = read_module_bytes(Js::new(env.raw()), raw(&bytes), options.max_module_bytes)?;
            self.client.load_with(call_id, bytes, options, Some(host.offered()))
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn call(
        &self,
        env: &Env,
        call_id: u32,
        module: &ModuleHandle,
        export_index: u32,
        args: Unknown<'_>,
        timeout_ms: f64,
        flags: u32,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let module = module.module()?;
            self.start(env, call_id, &module, export_index as usize, &args, settings(timeout_ms, flags, false)?)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn call_message(
        &self,
        env: &Env,
        call_id: u32,
        module: &ModuleHandle,
        export_index: u32,
        buffer: Unknown<'_>,
        length: f64,
        timeout_ms: f64,
        flags: u32,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let module = module.module()?;
            let limit = module.limits().max_input_bytes;
            let message = read_message(Js::new(env.raw()), raw(&buffer), length, limit)?;
            let settings = settings(timeout_ms, flags, false)?;
            self.client.call(call_id, &module, export_index as usize, vec![Value::Message(message)], settings)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn call_slot(
        &self,
        env: &Env,
        call_id: u32,
        slots: &SlotTable,
        slot: String,
        export_name: String,
        args: Unknown<'_>,
        timeout_ms: f64,
        flags: u32,
        sticky_key: Option<String>,
        version_id: u32,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let module = slots.table.choose(&slot, sticky_key.as_deref(), (version_id != 0).then_some(version_id))?;
            let index = module.function_named(&export_name)?;
            self.start(env, call_id, &module, index, &args, settings(timeout_ms, flags, true)?)
        })();
        self.admitted(env, outcome)
    }

    fn start(
        &self,
        env: &Env,
        call_id: u32,
        module: &Arc<LoadedModule>,
        index: usize,
        args: &Unknown<'_>,
        settings: CallSettings,
    ) -> hotswap_engine::Result<()> {
        let function = module.function(index)?;
        let args = read_args(Js::new(env.raw()), raw(args), function, module.limits().max_input_bytes)?;
        self.client.call(call_id, module, index, args, settings)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn run(
        &self,
        env: &Env,
        call_id: u32,
        module: &ModuleHandle,
        stdin: Unknown<'_>,
        options_json: String,
        flags: u32,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let module = module.module()?;
            self.start_command(env, call_id, &module, &stdin, &options_json, settings(0.0, flags, false)?)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn run_slot(
        &self,
        env: &Env,
        call_id: u32,
        slots: &SlotTable,
        slot: String,
        stdin: Unknown<'_>,
        options_json: String,
        flags: u32,
        sticky_key: Option<String>,
        version_id: u32,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let module = slots.table.choose(&slot, sticky_key.as_deref(), (version_id != 0).then_some(version_id))?;
            self.start_command(env, call_id, &module, &stdin, &options_json, settings(0.0, flags, true)?)
        })();
        self.admitted(env, outcome)
    }

    fn start_command(
        &self,
        env: &Env,
        call_id: u32,
        module: &Arc<LoadedModule>,
        stdin: &Unknown<'_>,
        options_json: &str,
        settings: CallSettings,
    ) -> hotswap_engine::Result<()> {
        let stdin = read_bytes(Js::new(env.raw()), raw(stdin), "stdin")?.unwrap_or_default();
        let options = parse_options::<RunOptions>("options", options_json)?;
        self.client.run(call_id, module, stdin, options, settings)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn open(&self, env: &Env, call_id: u32, module: &ModuleHandle) -> napi::Result<()> {
        let outcome = module.module().and_then(|module| self.client.open(call_id, &module));
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn call_instance(
        &self,
        env: &Env,
        call_id: u32,
        instance: &InstanceHandle,
        export_index: u32,
        args: Unknown<'_>,
        timeout_ms: f64,
        flags: u32,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let instance = instance.instance()?;
            let module = instance.module();
            let function = module.function(export_index as usize)?;
            let args = read_args(Js::new(env.raw()), raw(&args), function, module.limits().max_input_bytes)?;
            let settings = settings(timeout_ms, flags, false)?;
            self.client.call_instance(call_id, &instance, export_index as usize, args, settings)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn call_instance_message(
        &self,
        env: &Env,
        call_id: u32,
        instance: &InstanceHandle,
        export_index: u32,
        buffer: Unknown<'_>,
        length: f64,
        timeout_ms: f64,
        flags: u32,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let instance = instance.instance()?;
            let limit = instance.module().limits().max_input_bytes;
            let message = read_message(Js::new(env.raw()), raw(&buffer), length, limit)?;
            let settings = settings(timeout_ms, flags, false)?;
            let args = vec![Value::Message(message)];
            self.client.call_instance(call_id, &instance, export_index as usize, args, settings)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn drop_resource(
        &self,
        env: &Env,
        call_id: u32,
        instance: &InstanceHandle,
        resource: Unknown<'_>,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let instance = instance.instance()?;
            let key = read_resource(Js::new(env.raw()), raw(&resource))?;
            self.client.drop_resource(call_id, &instance, key)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn drain(&self, env: &Env, call_id: u32, module: &ModuleHandle, deadline_ms: f64) -> napi::Result<()> {
        let outcome = (|| {
            let deadline = Duration::from_millis(milliseconds(deadline_ms, "deadlineMs")?.min(86_400_000));
            self.client.drain_module(call_id, &module.module()?, deadline)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn hand_over(
        &self,
        env: &Env,
        call_id: u32,
        from: &ModuleHandle,
        to: &ModuleHandle,
        patience_ms: f64,
    ) -> napi::Result<()> {
        let outcome = (|| {
            let patience = Duration::from_millis(milliseconds(patience_ms, "patienceMs")?.min(86_400_000));
            self.client.hand_over(call_id, &from.module()?, &to.module()?, patience)
        })();
        self.admitted(env, outcome)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn cancel(&self, call_id: u32) -> bool {
        self.client.cancel(call_id)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.client.close();
    }
}

fn settings(timeout_ms: f64, flags: u32, through_slot: bool) -> hotswap_engine::Result<CallSettings> {
    Ok(CallSettings {
        timeout_ms: milliseconds(timeout_ms, "timeoutMs")?,
        wants_info: flags & 1 != 0,
        wants_output: flags & 2 != 0,
        through_slot,
    })
}
