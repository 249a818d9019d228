//! Where the library is, and whether it is one that this program knows.

use hotswap_runtime_child::Failure;

use crate::api::Api;

/// Name of the library where the system's own search finds it.
const NAME: &str = if cfg!(target_os = "macos") { "libwasmedge.0.dylib" } else { "libwasmedge.so.0" };

/// Folders of the usual installers, below `$HOME` when they begin with `~`.
const FOLDERS: [&str; 5] =
    ["~/.wasmedge/lib", "~/.wasmedge/lib64", "/usr/local/lib", "/opt/homebrew/lib", "/usr/lib/wasmedge"];

/// A version as three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// The versions whose interface this program was written against: between them it was changed and changed back.
    fn is_supported(self) -> bool {
        self == Self(0, 14, 1) || self >= Self(0, 17, 1)
    }
}

/// Opens the library.
///
/// # Errors
/// `WASMEDGE_NOT_FOUND` with what was tried and what was found there.
pub(crate) fn open() -> Result<(Api, Version), Failure> {
    let named = std::env::var("WASMEDGE_LIB").ok().filter(|path| !path.is_empty());
    let tried = named.map_or_else(usual_places, |path| vec![path]);
    let mut found = Vec::new();
    for place in &tried {
        // SAFETY: running the initialisers of the library that the operator installed or named is what is asked for.
        match unsafe { libloading::Library::new(place) } {
            Err(error) => found.push(format!("{place}: {}", reason(&error))),
            Ok(library) => match Api::load(library) {
                Err(symbol) => found.push(format!("{place}: no WasmEdge that this program knows, it lacks {symbol}")),
                Ok(api) => {
                    let version = api.version();
                    if version.is_supported() {
                        return Ok((api, version));
                    }
                    found.push(format!("{place}: version {version}"));
                }
            },
        }
    }
    Err(Failure::new("WASMEDGE_NOT_FOUND").with("tried", tried).with("found", found))
}

fn usual_places() -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let folders = FOLDERS.iter().map(|folder| format!("{}/{NAME}", folder.replacen('~', &home, 1)));
    std::iter::once(NAME.to_owned()).chain(folders).collect()
}

fn reason(error: &libloading::Error) -> String {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    if text.contains("No such file") { "not there".to_owned() } else { text.chars().take(200).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_interfaces_are_supported() {
        for (version, supported) in [
            (Version(0, 13, 5), false),
            (Version(0, 14, 0), false),
            (Version(0, 14, 1), true),
            (Version(0, 15, 0), false),
            (Version(0, 17, 0), false),
            (Version(0, 17, 1), true),
            (Version(0, 18, 0), true),
            (Version(1, 0, 0), true),
        ] {
            assert_eq!(version.is_supported(), supported, "{version}");
        }
    }
}
