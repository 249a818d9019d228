//! WASI as the policy grants it. A context is built for each store; nothing is inherited from this process.

pub(crate) mod logging;
pub(crate) mod names;
pub(crate) mod output;
pub(crate) mod preview3;
pub(crate) mod process_stdio;
pub(crate) mod sockets;
pub(crate) mod stdio;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, ResourceTable, WasiCtx, WasiCtxBuilder, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::calls::control::watch_output;
use crate::egress::{Egress, EgressHooks};
use crate::error::{EngineError, ErrorCode, Result};
use crate::guest_module::Metrics;
use crate::policy::{ModulePolicy, RunOptions, Stdio, WasiPolicy};
use crate::shared::lookups::Lookups;
use crate::store::{ComponentContext, Host};
use crate::wasi::output::Streams;
use crate::wasi::process_stdio::{ProcessOutput, ProcessStdin};
use crate::wasi::sockets::SocketRules;
use crate::wasi::stdio::{CapturedOutput, LogRate};

/// Random bytes per request; more traps. They are drawn one by one, which nothing interrupts: 32 MiB take a second, this some milliseconds.
const MAX_RANDOM_BYTES: u64 = 256 * 1024;

/// Level of WASI a module imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasiLevel {
    /// None.
    None,
    /// `wasi_snapshot_preview1`.
    Preview1,
    /// `wasi:*@0.2`.
    Preview2,
    /// `wasi:*@0.3`.
    Preview3,
}

impl WasiLevel {
    /// Stable spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Preview1 => "preview1",
            Self::Preview2 => "preview2",
            Self::Preview3 => "preview3",
        }
    }
}

/// What a policy grants, opened and parsed once when the module is loaded.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    folders: OpenFolders,
    plain: Arc<Plain>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log_rate: Option<Arc<LogRate>>,
    pub(crate) egress: Option<Arc<Egress>>,
}

impl Grants {
    pub(crate) fn open(policy: &ModulePolicy) -> Result<Self> {
        let lookups = Lookups::of_system();
        let names = policy.network.sockets.name_lookup.then(|| lookups.clone());
        let sockets = SocketRules::parse(&policy.network.sockets)?;
        Ok(Self {
            folders: OpenFolders::open(&policy.wasi)?,
            metrics: Arc::default(),
            log_rate: Some(Arc::new(LogRate::new(policy.limits.max_log_bytes_per_second))),
            plain: Arc::new(Plain { wasi: policy.wasi.clone(), sockets, names }),
            egress: Egress::new(&policy.network, policy.limits.timeout_ms, lookups)?,
        })
    }
}

/// The part of the grants that opens nothing: a context of it alone cannot fail.
#[derive(Debug, Default)]
struct Plain {
    wasi: WasiPolicy,
    sockets: SocketRules,
    /// Where names may be looked up.
    names: Option<Arc<Lookups>>,
}

impl Plain {
    fn builder(&self, streams: &Streams, run: Option<&RunOptions>) -> WasiCtxBuilder {
        let mut builder = WasiCtxBuilder::new();
        builder.stdout(streams.stdout.clone()).stderr(streams.stderr.clone()).arg(&self.wasi.program_name);
        builder.args(run.and_then(|run| run.args.as_ref()).unwrap_or(&self.wasi.args));
        builder.max_random_size(MAX_RANDOM_BYTES);
        let mut env: BTreeMap<_, _> = self.wasi.env.iter().collect();
        env.extend(run.iter().flat_map(|run| &run.env));
        for (name, value) in env {
            builder.env(name, value);
        }
        self.sockets.apply(&mut builder);
        builder
    }
}

/// The context of a component, made when its guest first asks for something that it holds. Many that answer HTTP never do, and seeding its
/// random numbers alone costs a twentieth of an instance.
pub(crate) struct WasiContext {
    made: Option<WasiCtx>,
    plain: Arc<Plain>,
}

impl WasiContext {
    pub(crate) fn get(&mut self, streams: &Streams) -> &mut WasiCtx {
        self.made.get_or_insert_with(|| self.plain.builder(streams, None).build())
    }

    /// `None`: the policy lets nobody look names up.
    pub(crate) fn lookups(&self) -> Option<Arc<Lookups>> {
        self.plain.names.clone()
    }
}

/// Folders of a policy, opened once when the module is loaded: a later rename cannot move them elsewhere.
#[derive(Debug, Default)]
struct OpenFolders(Vec<OpenFolder>);

#[derive(Debug)]
struct OpenFolder {
    path: PathBuf,
    guest_path: String,
    permissions: FsPerms,
    _handle: Option<File>,
}

impl OpenFolders {
    fn open(policy: &WasiPolicy) -> Result<Self> {
        let open = |(index, preopen): (usize, &crate::policy::Preopen)| {
            let at = format!("policy.wasi.preopens[{index}].hostPath");
            let path = preopen
                .host_path
                .canonicalize()
                .ok()
                .filter(|path| path.is_dir())
                .ok_or_else(|| EngineError::argument(at.clone(), "a folder that exists and can be read"))?;
            let permissions = if preopen.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
            let (path, handle) = hold(path).map_err(|_| EngineError::argument(at, "a folder that can be opened"))?;
            Ok(OpenFolder { path, guest_path: preopen.guest_path.clone(), permissions, _handle: handle })
        };
        policy.preopens.iter().enumerate().map(open).collect::<Result<_>>().map(Self)
    }
}

#[cfg(target_os = "linux")]
fn hold(path: PathBuf) -> std::io::Result<(PathBuf, Option<File>)> {
    use std::os::fd::AsRawFd;
    let handle = File::open(path)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())), Some(handle)))
}

#[cfg(not(target_os = "linux"))]
fn hold(path: PathBuf) -> std::io::Result<(PathBuf, Option<File>)> {
    Ok((path, None))
}

/// Builds the host part of a store for one instance.
pub(crate) fn new_host(
    level: WasiLevel,
    policy: &ModulePolicy,
    grants: &Grants,
    run: Option<(&RunOptions, Bytes)>,
) -> Result<Host> {
    if level == WasiLevel::None {
        return Ok(Host::None);
    }
    let over = run.as_ref().and_then(|(options, _)| options.max_stdio_bytes);
    let stdio_bytes = over.unwrap_or(policy.limits.max_stdio_bytes) as usize;
    let rate = || if run.is_none() { grants.log_rate.clone() } else { None };
    let streams =
        Streams { stdout: CapturedOutput::new(stdio_bytes, rate()), stderr: CapturedOutput::new(stdio_bytes, rate()) };
    watch_output(&streams);
    let max_resources = policy.limits.max_host_resources as usize;
    let component = |wasi| {
        let mut table = ResourceTable::new();
        table.set_max_capacity(max_resources);
        let (http, egress) = (WasiHttpCtx::new(), EgressHooks::new(grants.egress.clone()));
        Box::new(ComponentContext { egress, wasi, table, http })
    };
    let plain = grants.plain.clone();
    if level != WasiLevel::Preview1 && run.is_none() && grants.folders.0.is_empty() {
        return Ok(Host::Component { context: component(WasiContext { made: None, plain }), streams });
    }
    let mut builder = plain.builder(&streams, run.as_ref().map(|(options, _)| *options));
    if let Some((options, stdin)) = run {
        match options.stdio {
            Stdio::Capture => builder.stdin(MemoryInputPipe::new(stdin)),
            Stdio::Inherit => {
                builder.stdin(ProcessStdin::new()).stdout(ProcessOutput::Stdout).stderr(ProcessOutput::Stderr)
            }
        };
    }
    for folder in &grants.folders.0 {
        builder.preopened_dir(&folder.path, &folder.guest_path, folder.permissions).map_err(|error| {
            EngineError::new(ErrorCode::IoFailed, "A preopened folder could not be opened")
                .with("guestPath", folder.guest_path.as_str())
                .with("reason", format!("{error:#}"))
        })?;
    }
    Ok(if level == WasiLevel::Preview1 {
        let mut context = Box::new(builder.build_p1());
        context.ctx().table.set_max_capacity(max_resources);
        Host::Preview1 { context, streams }
    } else {
        let made = Some(builder.build());
        Host::Component { context: component(WasiContext { made, plain }), streams }
    })
}
