#!/bin/sh
# Rebuilds programs.wasm from programs.c:  packages/cli/test/wasi/rebuild.sh
#
# Needs a C compiler for wasm32-wasi with its C library. Zig is both, and a Python package: pip install ziglang
# Another compiler is taken from the environment, e.g. WASI_CC="/opt/wasi-sdk/bin/clang --target=wasm32-wasip1".
set -eu
cd "$(dirname "$0")"
${WASI_CC:-python3 -m ziglang cc --target=wasm32-wasi} -std=c17 -O1 -UNDEBUG -s -Wl,-z,stack-size=65536 -Wall -Wextra -D_GNU_SOURCE \
  -D_WASI_EMULATED_PROCESS_CLOCKS -fno-sanitize=all -o programs.wasm programs.c
