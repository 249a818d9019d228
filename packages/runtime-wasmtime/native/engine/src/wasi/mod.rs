//! WASI as the policy grants it. A context is built for each store; nothing is inherited from this process.

pub(crate) mod preview3;
pub(crate) mod process_stdio;
pub(crate) mod sockets;
pub(crate) mod stdio;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, ResourceTable, WasiCtxBuilder, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::calls::control::watch_output;
use crate::egress::{Egress, EgressHooks};
use crate::error::{EngineError, ErrorCode, Result};
use crate::guest_module::Metrics;
use crate::policy::{ModulePolicy, RunOptions, Stdio, WasiPolicy};
use crate::store::{ComponentContext, Host, Streams};
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
    sockets: SocketRules,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log_rate: Option<Arc<LogRate>>,
    pub(crate) egress: Option<Arc<Egress>>,
}

impl Grants {
    pub(crate) fn open(policy: &ModulePolicy) -> Result<Self> {
        Ok(Self {
            folders: OpenFolders::open(&policy.wasi)?,
            metrics: Arc::default(),
            log_rate: Some(Arc::new(LogRate::new(policy.limits.max_log_bytes_per_second))),
            sockets: SocketRules::parse(&policy.network.sockets)?,
            egress: Egress::new(&policy.network, policy.limits.timeout_ms)?,
        })
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
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(streams.stdout.clone()).stderr(streams.stderr.clone()).arg(&policy.wasi.program_name);
    let own_args = run.as_ref().and_then(|(options, _)| options.args.as_ref());
    builder.args(own_args.unwrap_or(&policy.wasi.args));
    builder.max_random_size(MAX_RANDOM_BYTES);
    let mut env = policy.wasi.env.clone();
    if let Some((options, stdin)) = run {
        env.extend(options.env.clone());
        match options.stdio {
            Stdio::Capture => builder.stdin(MemoryInputPipe::new(stdin)),
            Stdio::Inherit => {
                builder.stdin(ProcessStdin::new()).stdout(ProcessOutput::Stdout).stderr(ProcessOutput::Stderr)
            }
        };
    }
    for (name, value) in &env {
        builder.env(name, value);
    }
    for folder in &grants.folders.0 {
        builder.preopened_dir(&folder.path, &folder.guest_path, folder.permissions).map_err(|error| {
            EngineError::new(ErrorCode::IoFailed, "A preopened folder could not be opened")
                .with("guestPath", folder.guest_path.as_str())
                .with("reason", format!("{error:#}"))
        })?;
    }
    grants.sockets.apply(&mut builder);
    let max_resources = policy.limits.max_host_resources as usize;
    Ok(if level == WasiLevel::Preview1 {
        let mut context = Box::new(builder.build_p1());
        context.ctx().table.set_max_capacity(max_resources);
        Host::Preview1 { context, streams }
    } else {
        let mut table = ResourceTable::new();
        table.set_max_capacity(max_resources);
        let context = ComponentContext {
            wasi: builder.build(),
            table,
            http: WasiHttpCtx::new(),
            egress: EgressHooks::new(grants.egress.clone()),
        };
        Host::Component { context: Box::new(context), streams }
    })
}
