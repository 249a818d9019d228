//! Tells the crate which Wasmtime it is built with: the crate itself does not say.

use std::path::Path;

fn main() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(lock).unwrap_or_default();
    let version =
        text.split("name = \"wasmtime\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("48");
    println!("cargo::rustc-env=HOTSWAP_WASMTIME_VERSION={version}");
}
