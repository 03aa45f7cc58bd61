#!/bin/sh
# Makes src/vision/functional/resample-kernel.wasm from resample.c.
#
#   tools/resample-kernel/build.sh
#
# The committed file is what Debian 12's packages clang-19 and lld-19 make (clang 19.1.7); they give the same bytes again. Other versions of clang should give
# another file with the same behaviour: test/vision/resample-kernel.test.ts decides. CLANG names the compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../src/vision/functional/resample-kernel.wasm
"${CLANG:-clang-19}" --target=wasm32 -std=gnu11 -O3 -fno-unroll-loops -msimd128 -mbulk-memory -ffreestanding -nostdlib -Wall -Wextra -Wl,--no-entry -Wl,--gc-sections \
  -Wl,--strip-all -Wl,--export=__heap_base -Wl,-z,stack-size=4096 -o "$out" "$here/resample.c"
chmod 644 "$out"
wc -c "$out"
sha256sum "$out"
