//! WASI preview 1 on Wasmer: the functions are those of `wasi-common`, whose folders are file descriptors that symbolic
//! links and `..` cannot leave. Wasmer's own layer joins paths by their text and lets the system follow links.

use std::fs::File;

use hotswap_runtime_child::{Failure, Stdio, Wasi};
use wasi_common::pipe::{ReadPipe, WritePipe};
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as p1;
use wasi_common::sync::dir::Dir as SyncDir;
use wasi_common::sync::{Dir, WasiCtxBuilder};
use wasi_common::{I32Exit, WasiCtx, WasiDir};
use wasmer::{Function, FunctionEnv, FunctionEnvMut, Imports, Memory, RuntimeError, Store};
use wiggle::GuestMemory;

use crate::read_only::ReadOnlyDir;
use crate::traps::HostEnd;

/// The name under which guests import it.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

const ERRNO_PERM: i32 = 63;

/// What the functions work on.
pub(crate) struct Guest {
    context: WasiCtx,
    /// The export `memory`, once there is an instance.
    pub(crate) memory: Option<Memory>,
    /// A file opened for reading can still be given other times; where a folder is read-only, none can.
    has_read_only: bool,
}

impl Guest {
    /// # Errors
    /// `START_FAILED` for a folder that cannot be opened: which, without its path on this machine.
    pub(crate) fn new(wasi: &Wasi, stdio: &Stdio) -> Result<Self, Failure> {
        let mut builder = WasiCtxBuilder::new();
        let refuse = |what: &str, why: &dyn std::fmt::Display| {
            Failure::new("START_FAILED").with("reason", format!("{what} cannot be given to it: {why}"))
        };
        builder.args(&wasi.args).map_err(|error| refuse("an argument", &error))?;
        builder.envs(&wasi.env).map_err(|error| refuse("a variable of the environment", &error))?;
        builder
            .stdin(Box::new(ReadPipe::from(stdio.stdin.clone())))
            .stdout(Box::new(WritePipe::new(stdio.stdout.clone())))
            .stderr(Box::new(WritePipe::new(stdio.stderr.clone())));
        let context = builder.build();
        for folder in &wasi.dirs {
            let named = format!("the folder {}", folder.guest_path);
            let file = File::open(&folder.host_path).map_err(|error| refuse(&named, &error.kind()))?;
            if !file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                return Err(refuse(&named, &"it is no folder"));
            }
            let dir: Box<dyn WasiDir> = Box::new(SyncDir::from_cap_std(Dir::from_std_file(file)));
            let dir = if folder.read_only { Box::new(ReadOnlyDir(dir)) } else { dir };
            context.push_preopened_dir(dir, &folder.guest_path).map_err(|error| refuse(&named, &error))?;
        }
        Ok(Self { context, memory: None, has_read_only: wasi.dirs.iter().any(|folder| folder.read_only) })
    }
}

/// Runs one function of `wasi-common` on the guest's memory.
macro_rules! on_memory {
    ($env:ident, $name:ident ( $($arg:ident),* )) => {{
        let (guest, store) = $env.data_and_store_mut();
        let memory = guest.memory.clone().ok_or_else(|| refused("the module exports no memory named `memory`"))?;
        let view = memory.view(&store);
        // SAFETY: the guest waits for this call and has no other thread, and nothing here grows or drops its memory.
        let bytes = unsafe { std::slice::from_raw_parts_mut(view.data_ptr(), view.data_size() as usize) };
        let mut bytes = GuestMemory::Unshared(bytes);
        let work = p1::$name(&mut guest.context, &mut bytes, $($arg),*);
        wiggle::run_in_dummy_executor(work).and_then(|outcome| outcome).map_err(|error| end_of(&error))
    }};
}

/// Adds functions to the imports of a module.
macro_rules! offer {
    ($imports:ident, $store:ident, $env:ident, $( $name:ident ( $($arg:ident: $ty:ty),* ) )*) => {$(
        $imports.define(MODULE, stringify!($name), Function::new_typed_with_env(
            $store, $env,
            |mut env: FunctionEnvMut<'_, Guest> $(, $arg: $ty)*| -> Result<i32, RuntimeError> {
                on_memory!(env, $name($($arg),*))
            },
        ));
    )*};
}

fn refused(why: &str) -> RuntimeError {
    HostEnd::Refused(why.to_owned()).into()
}

fn end_of(error: &wiggle::anyhow::Error) -> RuntimeError {
    match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(code)) => HostEnd::Exit(*code).into(),
        None => HostEnd::Refused(crate::traps::bounded(&format!("{error:#}"))).into(),
    }
}

/// All of preview 1.
#[rustfmt::skip]
pub(crate) fn imports(store: &mut Store, env: &FunctionEnv<Guest>) -> Imports {
    let mut imports = Imports::new();
    offer!(imports, store, env,
        args_get(a: i32, b: i32)
        args_sizes_get(a: i32, b: i32)
        environ_get(a: i32, b: i32)
        environ_sizes_get(a: i32, b: i32)
        clock_res_get(a: i32, b: i32)
        clock_time_get(a: i32, b: i64, c: i32)
        fd_advise(a: i32, b: i64, c: i64, d: i32)
        fd_allocate(a: i32, b: i64, c: i64)
        fd_close(a: i32)
        fd_datasync(a: i32)
        fd_fdstat_get(a: i32, b: i32)
        fd_fdstat_set_flags(a: i32, b: i32)
        fd_fdstat_set_rights(a: i32, b: i64, c: i64)
        fd_filestat_get(a: i32, b: i32)
        fd_filestat_set_size(a: i32, b: i64)
        fd_pread(a: i32, b: i32, c: i32, d: i64, e: i32)
        fd_prestat_get(a: i32, b: i32)
        fd_prestat_dir_name(a: i32, b: i32, c: i32)
        fd_pwrite(a: i32, b: i32, c: i32, d: i64, e: i32)
        fd_read(a: i32, b: i32, c: i32, d: i32)
        fd_readdir(a: i32, b: i32, c: i32, d: i64, e: i32)
        fd_renumber(a: i32, b: i32)
        fd_seek(a: i32, b: i64, c: i32, d: i32)
        fd_sync(a: i32)
        fd_tell(a: i32, b: i32)
        fd_write(a: i32, b: i32, c: i32, d: i32)
        path_create_directory(a: i32, b: i32, c: i32)
        path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32)
        path_filestat_set_times(a: i32, b: i32, c: i32, d: i32, e: i64, f: i64, g: i32)
        path_link(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32)
        path_open(a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32)
        path_readlink(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32)
        path_remove_directory(a: i32, b: i32, c: i32)
        path_rename(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32)
        path_symlink(a: i32, b: i32, c: i32, d: i32, e: i32)
        path_unlink_file(a: i32, b: i32, c: i32)
        poll_oneoff(a: i32, b: i32, c: i32, d: i32)
        proc_raise(a: i32)
        random_get(a: i32, b: i32)
        sched_yield()
        sock_accept(a: i32, b: i32, c: i32)
        sock_recv(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32)
        sock_send(a: i32, b: i32, c: i32, d: i32, e: i32)
        sock_shutdown(a: i32, b: i32)
    );
    imports.define(MODULE, "fd_filestat_set_times", Function::new_typed_with_env(store, env,
        |mut env: FunctionEnvMut<'_, Guest>, a: i32, b: i64, c: i64, d: i32| -> Result<i32, RuntimeError> {
            if env.data().has_read_only { return Ok(ERRNO_PERM); }
            on_memory!(env, fd_filestat_set_times(a, b, c, d))
        }));
    // `wasi-common` refuses codes above 125; a program's own exit code is its own.
    imports.define(MODULE, "proc_exit", Function::new_typed(store,
        |code: i32| -> Result<(), RuntimeError> { Err(HostEnd::Exit(code).into()) }));
    imports
}
