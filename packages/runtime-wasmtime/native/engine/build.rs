//! Tells the crate which Wasmtime it is built with: the crate itself does not say.

use std::path::PathBuf;

fn main() {
    // Asked for when this runs: clones share a target folder, so this program may have been compiled for one that is gone.
    let manifest = std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the crate's folder");
    let lock = PathBuf::from(manifest).join("../../../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock).expect("the workspace has a lock file");
    let version = text.split("name = \"wasmtime\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    let version = version.expect("the lock file names wasmtime");
    println!("cargo::rustc-env=HOTSWAP_WASMTIME_VERSION={version}");
}
