//! Bytes to a loaded module: size, cache or validation and compilation, linking against the policy, one probe.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use wasmparser::WasmFeatures;
use wasmtime::Engine;

use crate::cache::{Code, CodeCache, Lookup, load_own};
use crate::calls::invoke::probe;
use crate::error::{EngineError, ErrorCode, Result, bounded};
use crate::host_functions::{Answering, HostFunctions};
use crate::inspect::{check_size, describe, enabled_features, needs_concurrency, validate};
use crate::link::link;
use crate::module::LoadedModule;
use crate::module_bytes::{check_digest, read_module, sha256};
use crate::policy::{Experiment, LoadOptions};
use crate::runtime::Runtime;
use crate::shared::lanes::Moving;
use crate::wasi::{Grants, WasiLevel, preview3};

/// Smaller binaries are hashed sooner than another thread wakes up.
const HASHED_ASIDE_BYTES: usize = 256 * 1024;

/// Where loading spent its time.
#[derive(Debug, Default)]
struct Timings {
    validate: Duration,
    compile: Duration,
    map: Duration,
}

/// Code in memory and how it got there.
struct Obtained {
    code: Code,
    description: String,
    cache: &'static str,
    profile: &'static str,
}

/// What one load works on while it goes through its stages.
struct Loading {
    options: LoadOptions,
    bytes: Option<Bytes>,
    digest: String,
    /// Needs the engine for WASI 0.3; known once the binary has been looked at.
    concurrent: Option<bool>,
    cache: Option<CodeCache>,
    timings: Timings,
    started: Instant,
}

/// A module in the making: with its code linked, what loading did, and what it was asked to do.
type LinkedModule = (LoadedModule, serde_json::Value, LoadOptions);

/// What a look into the cache led to.
enum Found {
    Linked(Probing),
    /// To be compiled; with the state of the cache.
    Nothing(Box<Loading>, &'static str, Option<Arc<dyn HostFunctions>>),
}

/// Loads a module on the runtime's own threads.
///
/// # Errors
/// See `Dispatcher.load` in `binding.d.ts`.
pub async fn load(bytes: Option<Bytes>, options: LoadOptions) -> Result<Arc<LoadedModule>> {
    load_with(bytes, options, None).await
}

/// As [`load`], for a module whose imports the embedder satisfies.
///
/// # Errors
/// As [`load`]; `LINK_FAILED` names each import that `host` lacks, with its signature.
pub async fn load_with(
    bytes: Option<Bytes>,
    options: LoadOptions,
    host: Option<Arc<dyn HostFunctions>>,
) -> Result<Arc<LoadedModule>> {
    let runtime = Runtime::get()?;
    runtime.check_signals()?;
    options.policy.limits.check()?;
    options.policy.network.check()?;
    options.policy.runtime.check()?;
    let started = Instant::now();
    let found = on_pool(&runtime.load_pool, move || {
        let mut loading = Loading::open(bytes, options, started)?;
        // One way to another thread and back is as long as linking takes.
        Ok(match loading.verified_look_up(runtime)? {
            (_, Some(obtained)) => {
                Found::Linked(Probing::begin(runtime, loading.link(runtime, obtained, host.as_ref())?, started))
            }
            (cache, None) => Found::Nothing(Box::new(loading), cache, host),
        })
    })
    .await?;
    let probing = match found {
        Found::Linked(probing) => probing,
        Found::Nothing(mut loading, cache, host) => {
            let (loading, obtained) = on_pool(&runtime.compile_pool, move || {
                let obtained = loading.compile(runtime, cache)?;
                Ok((loading, obtained))
            })
            .await?;
            on_pool(&runtime.load_pool, move || {
                Ok(Probing::begin(runtime, loading.link(runtime, obtained, host.as_ref())?, started))
            })
            .await?
        }
    };
    let module = Arc::new(probing.end().await?);
    runtime.register(&module);
    Ok(module)
}

/// The instantiation that proves a module. It begins where the module was linked, not on the threads of calls: most end there, and one that
/// computes on moves to the long lane.
enum Probing {
    Ended(Box<Result<LoadedModule>>),
    Goes(Moving<dyn Future<Output = Result<LoadedModule>> + Send>),
}

impl Probing {
    fn begin(runtime: &'static Runtime, linked: LinkedModule, started: Instant) -> Self {
        let (mut module, report, options) = linked;
        let work = Box::pin(async move {
            let probing = Instant::now();
            if options.probe {
                probe(&module).await?;
            }
            finish(&mut module, report, probing.elapsed(), started);
            Ok(module)
        });
        let mut probing: Moving<dyn Future<Output = Result<LoadedModule>> + Send> =
            Moving::new(work, &runtime.long_lane, None);
        let _entered = runtime.tokio.enter();
        // Whoever waits for it looks again.
        match Pin::new(&mut probing).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => Self::Ended(Box::new(ended)),
            Poll::Pending => Self::Goes(probing.among_long()),
        }
    }

    async fn end(self) -> Result<LoadedModule> {
        match self {
            Self::Ended(ended) => *ended,
            Self::Goes(probing) => probing.await,
        }
    }
}

fn finish(module: &mut LoadedModule, mut report: serde_json::Value, probe: Duration, started: Instant) {
    report["probeMs"] = json!(millis(probe));
    report["totalMs"] = json!(millis(started.elapsed()));
    module.set_report(&report);
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Runs one stage on a pool; a panic there becomes an error here.
async fn on_pool<T: Send + 'static>(
    pool: &rayon::ThreadPool,
    stage: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    pool.spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(stage))
            .unwrap_or_else(|panic| Err(crate::error::panic_error(&*panic)));
        // A receiver that is gone was cancelled; its result goes with it.
        drop(sender.send(outcome));
    });
    receiver.await.unwrap_or_else(|_| Err(EngineError::internal("the loading thread ended")))
}

impl Loading {
    fn open(bytes: Option<Bytes>, options: LoadOptions, started: Instant) -> Result<Self> {
        if let Some(bytes) = &bytes {
            check_size(bytes.len(), options.max_module_bytes)?;
        }
        let cache = options.cache.as_ref().filter(|_| options.policy.runtime.aot_cache);
        let cache = cache.map(CodeCache::open).transpose()?;
        let (digest, timings) = (String::new(), Timings::default());
        let mut loading = Self { options, bytes, digest, concurrent: None, cache, timings, started };
        loading.digest = match &loading.options.digest {
            Some(digest) => digest.clone(),
            None if loading.options.verify => sha256(&loading.bytes()?),
            None => format!("blake3:{}", blake3::hash(&loading.bytes()?).to_hex()),
        };
        Ok(loading)
    }

    fn bytes(&mut self) -> Result<Bytes> {
        if let Some(bytes) = &self.bytes {
            return Ok(bytes.clone());
        }
        let Some(path) = &self.options.path else {
            return Err(EngineError::argument("bytes", "the module's bytes, or a path: the cache does not have them"));
        };
        let bytes = read_module(path, self.options.max_module_bytes)?;
        self.bytes = Some(bytes.clone());
        Ok(bytes)
    }

    /// Hashes the bytes while another thread looks for their code: both take as long, and nothing of that code runs before both have ended.
    fn verified_look_up(&mut self, runtime: &Runtime) -> Result<(&'static str, Option<Obtained>)> {
        let Some(expected) = self.options.digest.clone().filter(|_| self.options.verify) else {
            return self.look_up(runtime);
        };
        let bytes = self.bytes()?;
        let verify = || check_digest(&expected, &sha256(&bytes));
        if bytes.len() < HASHED_ASIDE_BYTES {
            verify()?;
            return self.look_up(runtime);
        }
        let (verified, found) = rayon::join(verify, || self.look_up(runtime));
        verified.and(found)
    }

    /// Looks in the cache under each profile: which one a module needs is only known once it is compiled.
    fn look_up(&mut self, runtime: &Runtime) -> Result<(&'static str, Option<Obtained>)> {
        if self.cache.is_none() {
            return Ok(("off", None));
        }
        let mut state = "miss";
        let plain: &[Profile] =
            if self.metered() { &[Profile::Metered] } else { &[Profile::Pooled, Profile::OnDemand] };
        for profile in plain {
            if let Some(found) = self.find(runtime, *profile, &mut state)? {
                return Ok(("hit", Some(found)));
            }
        }
        // Last, because it takes a look at the binary and makes an engine: modules that need neither are found without.
        if self.options.experimental.contains(&Experiment::Preview3)
            && self.concurrent()?
            && let Some(found) = self.find(runtime, Profile::concurrent(self.metered()), &mut state)?
        {
            return Ok(("hit", Some(found)));
        }
        runtime.counters.cache_misses.fetch_add(1, Ordering::Relaxed);
        Ok((state, None))
    }

    fn find(&mut self, runtime: &Runtime, profile: Profile, state: &mut &'static str) -> Result<Option<Obtained>> {
        let (Some(cache), Some(engine)) = (&self.cache, profile.engine(runtime)?) else { return Ok(None) };
        let profile = profile.name();
        let begun = Instant::now();
        match cache.find(&self.entry(engine, profile), engine)? {
            Lookup::Hit(hit) => {
                self.timings.map = begun.elapsed();
                runtime.counters.cache_hits.fetch_add(1, Ordering::Relaxed);
                let (code, description) = *hit;
                return Ok(Some(Obtained { code, description, cache: "hit", profile }));
            }
            Lookup::Rejected => {
                runtime.counters.cache_rejected.fetch_add(1, Ordering::Relaxed);
                *state = "rejected";
            }
            Lookup::Miss => {}
        }
        Ok(None)
    }

    /// Validates the binary, and says whether it needs the engine for WASI 0.3.
    fn concurrent(&mut self) -> Result<bool> {
        if let Some(known) = self.concurrent {
            return Ok(known);
        }
        let bytes = self.bytes()?;
        let begun = Instant::now();
        let concurrent = needs_concurrency(&bytes, enabled_features()?)?;
        self.timings.validate += begun.elapsed();
        self.concurrent = Some(concurrent);
        Ok(concurrent)
    }

    fn compile(&mut self, runtime: &'static Runtime, cache: &'static str) -> Result<Obtained> {
        let bytes = self.bytes()?;
        let concurrent = self.concurrent()?;
        if concurrent {
            preview3::check(&self.options.experimental)?;
        }
        let begun = Instant::now();
        let (preferred, first) = match runtime.pooled() {
            _ if concurrent && self.metered() => (runtime.concurrent_metered()?, Profile::ConcurrentMetered),
            _ if concurrent => (runtime.concurrent()?, Profile::Concurrent),
            _ if self.metered() => (runtime.metered()?, Profile::Metered),
            Some(engine) => (engine, Profile::Pooled),
            None => (runtime.on_demand()?, Profile::OnDemand),
        };
        if !self.options.policy.runtime.simd {
            refuse_simd(&bytes, preferred.get_wasm_features())?;
        }
        let description = describe(&bytes)?;
        if description.memories.iter().any(|memory| memory.shared) {
            return Err(EngineError::new(ErrorCode::Unsupported, "Shared memories are switched off")
                .with("feature", "shared memory"));
        }
        let is_component = description.kind == "component";
        let description = serde_json::to_string(&description).map_err(EngineError::internal)?;
        self.timings.validate += begun.elapsed();

        let begun = Instant::now();
        let compiler = self.options.compiler.clone();
        let refused = |error: wasmtime::Error| {
            let reason = bounded(&format!("{error:#}"), 1_000);
            EngineError::new(ErrorCode::CompileFailed, format!("The module cannot be compiled: {reason}"))
                .with("reason", reason)
        };
        let compile = |engine: &Engine, profile: Profile| match &compiler {
            Some(compiler) => runtime.compilers.compile(runtime, compiler, profile.name(), is_component, &bytes),
            None if is_component => engine.precompile_component(&bytes).map_err(refused),
            None => engine.precompile_module(&bytes).map_err(refused),
        };
        let artifact = compile(preferred, first)?;
        self.timings.compile = begun.elapsed();

        let begun = Instant::now();
        let (engine, profile, code) = match (load_own(preferred, &artifact, is_component), first) {
            (Ok(code), first) => (preferred, first.name(), code),
            // The shape does not fit the pool (many memories, a huge table): allocate its instances one by one.
            (Err(error), Profile::Pooled) => {
                let engine = runtime.on_demand()?;
                let artifact = compile(engine, Profile::OnDemand)?;
                let code = load_own(engine, &artifact, is_component).map_err(|_| refused(error))?;
                return Ok(self.keep(engine, "on-demand", code, &artifact, is_component, description, cache));
            }
            (Err(error), _) => return Err(refused(error)),
        };
        self.timings.map = begun.elapsed();
        Ok(self.keep(engine, profile, code, &artifact, is_component, description, cache))
    }

    /// Stores the code, and uses the mapping of the stored file: its pages can be reclaimed, those of a copy cannot.
    #[expect(clippy::too_many_arguments, reason = "the parts of one cache entry")]
    fn keep(
        &self,
        engine: &Engine,
        profile: &'static str,
        code: Code,
        artifact: &[u8],
        is_component: bool,
        description: String,
        state: &'static str,
    ) -> Obtained {
        let fallback = |code, description, state| Obtained { code, description, cache: state, profile };
        let Some(cache) = &self.cache else {
            return fallback(code, description, state);
        };
        let entry = self.entry(engine, profile);
        if cache.store(&entry, artifact, is_component, &description).is_err() {
            // A full disk costs the next start a compile, nothing else.
            return fallback(code, description, "off");
        }
        match cache.find(&entry, engine) {
            Ok(Lookup::Hit(hit)) => fallback(hit.0, hit.1, state),
            _ => fallback(code, description, state),
        }
    }

    fn metered(&self) -> bool {
        self.options.policy.runtime.fuel.is_some()
    }

    /// Code that was let in with vector instructions is another entry than code that was checked to have none.
    fn entry(&self, engine: &Engine, profile: &str) -> String {
        if self.options.policy.runtime.simd {
            CodeCache::entry(&self.digest, engine, profile)
        } else {
            CodeCache::entry(&self.digest, engine, &format!("{profile}, no simd"))
        }
    }

    fn link(
        self,
        runtime: &Runtime,
        obtained: Obtained,
        host: Option<&Arc<dyn HostFunctions>>,
    ) -> Result<LinkedModule> {
        let begun = Instant::now();
        let Obtained { code, description, cache, profile } = obtained;
        let grants = Grants::open(&self.options.policy)?;
        let (linked, wasi) = link(&code, &grants, host.map(|host| (host, Answering::Later)))?;
        // Synchronous calls are for modules without WASI.
        let here = host.filter(|_| wasi == WasiLevel::None && !code.concurrent()).map(|host| (host, Answering::Here));
        let linked_here = here.map(|here| link(&code, &grants, Some(here))).transpose()?;
        match &code {
            Code::Core(module) => module.initialize_copy_on_write_image(),
            Code::Component(component) => component.initialize_copy_on_write_image(),
        }
        .map_err(EngineError::internal)?;
        let report = json!({
            "cache": cache,
            "validateMs": millis(self.timings.validate),
            "compileMs": millis(self.timings.compile),
            "mapMs": millis(self.timings.map),
            "linkMs": millis(begun.elapsed()),
            "probeMs": 0,
            "totalMs": millis(self.started.elapsed()),
            "profile": profile,
            "codeBytes": code.image_bytes(),
        });
        let policy = self.options.policy.clone();
        let names = (self.digest, description);
        let mut module = LoadedModule::new(runtime, &code, linked, policy, grants, wasi, names)?;
        module.linked_here = linked_here.map(|(linked, _)| linked);
        module.calls_host = host.is_some();
        Ok((module, report, self.options))
    }
}

/// Which engine a module's code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Pooled,
    OnDemand,
    Metered,
    Concurrent,
    ConcurrentMetered,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::OnDemand => "on-demand",
            Self::Metered => "metered",
            Self::Concurrent => "concurrent",
            Self::ConcurrentMetered => "concurrent-metered",
        }
    }

    fn concurrent(metered: bool) -> Self {
        if metered { Self::ConcurrentMetered } else { Self::Concurrent }
    }

    /// `None`: this process has no pool.
    fn engine(self, runtime: &Runtime) -> Result<Option<&Engine>> {
        match self {
            Self::Pooled => Ok(runtime.pooled()),
            Self::OnDemand => runtime.on_demand().map(Some),
            Self::Metered => runtime.metered().map(Some),
            Self::Concurrent => runtime.concurrent().map(Some),
            Self::ConcurrentMetered => runtime.concurrent_metered().map(Some),
        }
    }
}

/// Refuses a valid module that is not valid any more without vector instructions.
fn refuse_simd(bytes: &[u8], features: WasmFeatures) -> Result<()> {
    let without = features.difference(WasmFeatures::SIMD | WasmFeatures::RELAXED_SIMD);
    validate(bytes, without).map_err(|error| {
        EngineError::new(ErrorCode::Unsupported, "The module uses vector instructions, which its policy switches off")
            .with("feature", "simd")
            .with("reason", error.message())
    })
}
