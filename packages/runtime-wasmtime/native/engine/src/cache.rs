//! Compiled code on disk: content-addressed, authenticated with the node's key, mapped through the descriptor that was verified.
//!
//! One of the two modules with `unsafe` code. Running foreign machine code is what deserialising means, so nothing reaches it here but
//! bytes this process has just produced, or bytes in a folder that only this user can write, whose keyed MAC has been checked on the very
//! descriptor that is then mapped. Whoever can change the file after that is this user or root, and has won already.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::engines::is_concurrent;
use crate::error::{EngineError, ErrorCode, Result};
use crate::policy::CacheOptions;
use crate::runtime::Runtime;

/// Raise when the layout of an entry changes.
const FORMAT: &str = "hotswap-aot-1";
/// Descriptions larger than this are not believed.
const MAX_SIDECAR_BYTES: u64 = 8 * 1024 * 1024;

/// Compiled code of either kind.
#[derive(Clone)]
pub(crate) enum Code {
    /// A core module.
    Core(Module),
    /// A component.
    Component(Component),
}

impl Code {
    /// On the engine for WASI 0.3.
    pub(crate) fn concurrent(&self) -> bool {
        let engine = match self {
            Self::Core(module) => module.engine(),
            Self::Component(component) => component.engine(),
        };
        is_concurrent(engine)
    }

    /// Size of the mapped image.
    pub(crate) fn image_bytes(&self) -> usize {
        let range = match self {
            Self::Core(module) => module.image_range(),
            Self::Component(component) => component.image_range(),
        };
        (range.end as usize).saturating_sub(range.start as usize)
    }
}

/// What a look into the cache found.
pub(crate) enum Lookup {
    /// Verified and mapped, with the description stored beside it.
    Hit(Box<(Code, String)>),
    /// No entry.
    Miss,
    /// An entry that the key does not authenticate, or that this build cannot run. It has been deleted.
    Rejected,
}

/// One private cache folder with its key.
pub(crate) struct CodeCache {
    directory: PathBuf,
    key: [u8; 32],
}

impl CodeCache {
    /// Opens the folder, making it with mode 0700 when it is absent.
    pub(crate) fn open(options: &CacheOptions) -> Result<Self> {
        let key =
            parse_key(&options.key_hex).ok_or_else(|| EngineError::argument("cache.keyHex", "32 bytes in hex"))?;
        make_private(&options.directory)?;
        Ok(Self { directory: options.directory.clone(), key })
    }

    /// Name of the entry: what the code is made of, and everything that decides whether this build can run it.
    pub(crate) fn entry(digest: &str, engine: &Engine, profile: &str) -> String {
        let mut hasher = StdBlake(blake3::Hasher::new());
        hasher.0.update(FORMAT.as_bytes());
        hasher.0.update(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.0.update(digest.as_bytes());
        hasher.0.update(profile.as_bytes());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.0.finalize().to_hex().to_string()
    }

    fn path(&self, entry: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{entry}.{extension}"))
    }

    /// Looks an entry up, verifies it and maps it.
    pub(crate) fn find(&self, entry: &str, engine: &Engine) -> Result<Lookup> {
        let Some(mut code_file) = open_existing(&self.path(entry, "cwasm"))? else {
            return Ok(Lookup::Miss);
        };
        let Some(sidecar) = open_existing(&self.path(entry, "mac"))?.and_then(read_sidecar) else {
            return self.reject(entry);
        };
        let verified = is_private_file(&code_file) && {
            let mac = self.mac(entry, &mut code_file, &sidecar.description);
            // `blake3::Hash` compares in constant time.
            mac.is_ok_and(|mac| mac == sidecar.mac)
        };
        if !verified {
            return self.reject(entry);
        }
        match map_verified(engine, code_file, sidecar.is_component) {
            Ok(code) => Ok(Lookup::Hit(Box::new((code, sidecar.description)))),
            Err(_) => self.reject(entry),
        }
    }

    /// Stores an entry: the code first, the MAC that makes it valid last, each by atomic rename.
    pub(crate) fn store(&self, entry: &str, code: &[u8], is_component: bool, description: &str) -> std::io::Result<()> {
        let mac = keyed(&self.key, entry, code.len() as u64, description, |hasher| {
            hasher.update(code);
            Ok(())
        })?;
        let kind = if is_component { "component" } else { "core" };
        let sidecar = format!("{FORMAT}\n{kind}\n{}\n{description}", mac.to_hex());
        self.write_atomically(entry, "cwasm", code)?;
        self.write_atomically(entry, "mac", sidecar.as_bytes())
    }

    fn mac(&self, entry: &str, file: &mut File, description: &str) -> std::io::Result<blake3::Hash> {
        let size = file.metadata()?.len();
        keyed(&self.key, entry, size, description, |hasher| {
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    return Ok(());
                }
                hasher.update(&buffer[..read]);
            }
        })
    }

    fn reject(&self, entry: &str) -> Result<Lookup> {
        // Unlink, never truncate: someone may still have the old file mapped.
        for extension in ["mac", "cwasm"] {
            let path = self.path(entry, extension);
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(unusable(&self.directory, &error));
            }
        }
        Ok(Lookup::Rejected)
    }

    fn write_atomically(&self, entry: &str, extension: &str, bytes: &[u8]) -> std::io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!(".{entry}.{extension}.{}.{unique}", std::process::id()));
        let written = (|| {
            let mut file = create_private(&temporary)?;
            // Not flushed: what a power failure leaves of an entry fails authentication and is compiled anew.
            file.write_all(bytes)?;
            fs::rename(&temporary, self.path(entry, extension))
        })();
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }
}

/// Nanoseconds that mapping an entry's code takes without verifying it, once per iteration; it is verified before the first one. The
/// yardstick of `bench/` for what verification costs.
///
/// # Errors
/// `CACHE_UNUSABLE`, `INVALID_ARGUMENT` when the folder has no such entry.
pub fn bench_map(options: &CacheOptions, digest: &str, iterations: u32) -> Result<Vec<f64>> {
    let runtime = Runtime::get()?;
    let cache = CodeCache::open(options)?;
    let engine = runtime.pooled().map_or_else(|| runtime.on_demand(), Ok)?;
    let entry = CodeCache::entry(digest, engine, if runtime.pooled().is_some() { "pooled" } else { "on-demand" });
    let Lookup::Hit(hit) = cache.find(&entry, engine)? else {
        return Err(EngineError::argument("digest", "one that the cache has"));
    };
    let (path, is_component) = (cache.path(&entry, "cwasm"), matches!(hit.0, Code::Component(_)));
    (0..iterations)
        .map(|_| {
            let begun = Instant::now();
            // SAFETY: the entry was verified above, in a folder that only this user can write.
            let code = unsafe {
                if is_component {
                    Component::deserialize_file(engine, &path).map(Code::Component)
                } else {
                    Module::deserialize_file(engine, &path).map(Code::Core)
                }
            };
            let took = begun.elapsed().as_nanos() as f64;
            code.map(|_| took).map_err(EngineError::internal)
        })
        .collect()
}

struct Sidecar {
    is_component: bool,
    mac: blake3::Hash,
    description: String,
}

fn read_sidecar(file: File) -> Option<Sidecar> {
    let mut text = String::new();
    file.take(MAX_SIDECAR_BYTES).read_to_string(&mut text).ok()?;
    let mut lines = text.splitn(4, '\n');
    if lines.next()? != FORMAT {
        return None;
    }
    let is_component = match lines.next()? {
        "component" => true,
        "core" => false,
        _ => return None,
    };
    let hex = lines.next()?;
    // One spelling only: an entry is as it was written, or it is not believed.
    let mac = blake3::Hash::from_hex(hex).ok().filter(|mac| mac.to_hex().as_str() == hex)?;
    Some(Sidecar { is_component, mac, description: lines.next()?.to_owned() })
}

/// The kind of code is not in the MAC by itself, but it is in the description that is.
fn keyed(
    key: &[u8; 32],
    entry: &str,
    code_bytes: u64,
    description: &str,
    feed: impl FnOnce(&mut blake3::Hasher) -> std::io::Result<()>,
) -> std::io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(FORMAT.as_bytes());
    hasher.update(entry.as_bytes());
    hasher.update(&code_bytes.to_le_bytes());
    feed(&mut hasher)?;
    hasher.update(&(description.len() as u64).to_le_bytes());
    hasher.update(description.as_bytes());
    Ok(hasher.finalize())
}

/// Maps the file behind an open descriptor, so that no rename can put another one in its place.
fn map_verified(engine: &Engine, file: File, is_component: bool) -> wasmtime::Result<Code> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        if is_component {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            // SAFETY: the bytes behind this descriptor carry our MAC, in a folder and file only this user can write.
            let component = unsafe { Component::deserialize_file(engine, path) };
            return component.map(Code::Component);
        }
    }
    if is_component {
        use std::io::Seek;
        let mut file = file;
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        return load_own(engine, &bytes, true);
    }
    // SAFETY: as above.
    let module = unsafe { Module::deserialize_open_file(engine, file) };
    module.map(Code::Core)
}

/// Loads what this process has just compiled.
pub(crate) fn load_own(engine: &Engine, code: &[u8], is_component: bool) -> wasmtime::Result<Code> {
    // SAFETY: the callers pass the output of this process's own compiler, which never left its memory, or verified bytes from above.
    unsafe {
        if is_component {
            Component::deserialize(engine, code).map(Code::Component)
        } else {
            Module::deserialize(engine, code).map(Code::Core)
        }
    }
}

/// `std::hash::Hasher` over BLAKE3, because the engine describes itself as something hashable.
struct StdBlake(blake3::Hasher);

impl Hasher for StdBlake {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn parse_key(hex: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(hex).ok().map(|hash| *hash.as_bytes())
}

fn unusable(directory: &Path, reason: &dyn std::fmt::Display) -> EngineError {
    EngineError::new(ErrorCode::CacheUnusable, format!("The cache folder cannot be used: {reason}"))
        .with("directory", directory.display().to_string())
        .with("reason", reason.to_string())
}

#[cfg(unix)]
fn make_private(directory: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    if let Err(error) = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory) {
        return Err(unusable(directory, &error));
    }
    let metadata = fs::symlink_metadata(directory).map_err(|error| unusable(directory, &error))?;
    if !metadata.is_dir() {
        return Err(unusable(directory, &"it is not a folder itself (links are not followed)"));
    }
    if metadata.uid() != own_uid() {
        return Err(unusable(directory, &"it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(unusable(directory, &"others can write in it; set its mode to 0700"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|error| unusable(directory, &error))
}

#[cfg(unix)]
fn own_uid() -> u32 {
    // SAFETY: `geteuid` takes nothing, cannot fail and only returns a number.
    unsafe { libc::geteuid() }
}

#[cfg(unix)]
fn is_private_file(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.uid() == own_uid() && metadata.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_private_file(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

fn open_existing(path: &Path) -> Result<Option<File>> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_CLOEXEC);
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path.parent().unwrap_or(path), &error)),
    }
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o400);
    options.open(path)
}
