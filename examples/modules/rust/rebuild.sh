#!/bin/sh
# Rebuilds the committed components from their sources:  examples/modules/rust/rebuild.sh
#
# Needs a Rust toolchain with its own standard library's sources, because the library is built for wasm32 here; no
# installed wasm32 target is needed. Debian and Ubuntu have one:
#   apt-get install --no-install-recommends rustc-web cargo-web rust-web-src
# Another is taken from the environment: GUEST_CARGO, GUEST_RUSTC, GUEST_RUST_LLD. Build output goes to the cache folder.
set -eu
cd "$(dirname "$0")"

cargo=${GUEST_CARGO:-/usr/bin/cargo}
rustc=${GUEST_RUSTC:-/usr/bin/rustc}
sysroot=$("${RUSTUP_RUSTC:-rustc}" --print sysroot)
linker=${GUEST_RUST_LLD:-$(find "$sysroot/lib/rustlib" -name rust-lld -print -quit)}
target=${HOTSWAP_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hotswap}/guest-cargo-target

for tool in "$cargo" "$rustc" "$linker"; do
  [ -x "$tool" ] || { echo "rebuild.sh: no executable at '$tool'; see the head of this script" >&2; exit 1; }
done

# Paths of this machine must not end up in the binaries.
build() {
  RUSTC_BOOTSTRAP=1 RUSTC="$rustc" CARGO_TARGET_DIR="$target" \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$linker" \
    RUSTFLAGS="--remap-path-prefix=$HOME=~ --remap-path-prefix=$PWD=." \
    "$cargo" build --quiet --locked --release --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort "$@"
}

# componentize GUEST NAME-VERSION
componentize() {
  node componentize.mjs "$target/wasm32-unknown-unknown/release/guest_$1.wasm" "$2.wasm"
}

# Apart from the others, because a build has one set of features: theirs would carry the code for waiting too.
build --package guest-async-lab --package guest-http-async
componentize async_lab async-lab-1.0.0
componentize http_async http-async-1.0.0
build --workspace --exclude guest-async-lab --exclude guest-http-async
componentize typed typed-rust-1.0.0
componentize wordcount wordcount-rust-1.0.0
componentize plugin plugin-rust-1.0.0
componentize http_lab http-lab-1.0.0
componentize http_hello http-hello-1.0.0
for release in 1.1.0 2.0.0; do
  build --package guest-http-hello --features "release-$(echo "$release" | tr . -)"
  componentize http_hello "http-hello-$release"
done

node source-hash.mjs > built-from.sha256
