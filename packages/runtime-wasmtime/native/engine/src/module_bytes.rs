//! A module's binary: read within its limit, and hashed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::error::{EngineError, ErrorCode, Result};
use crate::inspect::check_size;

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_module(path: &Path, limit: u64) -> Result<Bytes> {
    let failed = |error: io::Error| {
        EngineError::new(ErrorCode::IoFailed, format!("The module file cannot be read: {error}"))
            .with("reason", error.to_string())
    };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    check_size(size as usize, limit)?;
    let mut bytes = Vec::with_capacity(size as usize);
    // A file may grow, and some do not tell their size.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    check_size(bytes.len(), limit)?;
    Ok(bytes.into())
}

/// `sha256:<hex>`.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::from("sha256:");
    for byte in digest(&SHA256, bytes).as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Refuses bytes that are not those of the expected digest.
pub(crate) fn check_digest(expected: &str, actual: &str) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    Err(EngineError::new(ErrorCode::DigestMismatch, format!("The bytes have the digest {actual}, not {expected}"))
        .with("expected", hex(expected))
        .with("actual", hex(actual)))
}
