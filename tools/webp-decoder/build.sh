#!/bin/sh
# Makes src/io/image/webp-decoder.wasm from libwebp's source, which is not changed, and decoder.c.
#
#   git clone --branch v1.6.0 https://github.com/webmproject/libwebp
#   tools/webp-decoder/build.sh libwebp
#
# The committed file is what Debian 12's packages clang-19, lld-19, libclang-rt-19-dev-wasm32 and wasi-libc make (clang 19.1.7); they give
# the same bytes again. Of wasi-libc only the headers are used. Other versions of clang should give another file with the same behaviour:
# test/io/image-formats.test.ts decides. CLANG names the compiler.
set -eu
source=$(cd "${1:?usage: build.sh FOLDER-OF-LIBWEBP}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../src/io/image/webp-decoder.wasm
clang=${CLANG:-clang-19}
version=1.6.0

grep -q "\[$version\]" "$source/configure.ac" || { echo "build.sh: $source is not libwebp $version" >&2; exit 1; }
cd "$source"
"$clang" --target=wasm32-wasi --sysroot=/usr -std=gnu11 -O2 -msimd128 -mbulk-memory -nostdlib -fno-builtin-malloc -fno-builtin-calloc -DNDEBUG \
  -DWEBP_REDUCE_SIZE -I. -ffunction-sections -fdata-sections -Wno-everything -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-all \
  -Wl,--export=__stack_pointer -Wl,--stack-first -Wl,-z,stack-size=65536 -o "$out" "$here/decoder.c" \
  src/dec/alpha_dec.c src/dec/buffer_dec.c src/dec/frame_dec.c src/dec/idec_dec.c src/dec/io_dec.c src/dec/quant_dec.c src/dec/tree_dec.c \
  src/dec/vp8_dec.c src/dec/vp8l_dec.c src/dec/webp_dec.c src/dsp/alpha_processing.c src/dsp/cpu.c src/dsp/dec.c src/dsp/dec_clip_tables.c \
  src/dsp/filters.c src/dsp/lossless.c src/dsp/rescaler.c src/dsp/upsampling.c src/dsp/yuv.c src/utils/bit_reader_utils.c \
  src/utils/color_cache_utils.c src/utils/filters_utils.c src/utils/huffman_utils.c src/utils/palette.c src/utils/quant_levels_dec_utils.c \
  src/utils/random_utils.c src/utils/rescaler_utils.c src/utils/thread_utils.c src/utils/utils.c
chmod 644 "$out"
wc -c "$out"
sha256sum "$out"
