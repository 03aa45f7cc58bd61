#!/bin/sh
# Makes src/io/image/jpeg-decoder.wasm from libjpeg-turbo's source, which is not changed, decoder.c, idct.c and vectors.c.
#
#   git clone --branch 3.2.0 https://github.com/libjpeg-turbo/libjpeg-turbo
#   tools/jpeg-decoder/build.sh libjpeg-turbo
#
# The committed file is what Debian 12's packages clang-19, lld-19, libclang-rt-19-dev-wasm32 and wasi-libc make (clang 19.1.7); they give
# the same bytes again. Of wasi-libc only the headers are used. Other versions of clang should give another file with the same behaviour:
# test/io/image.test.ts decides. CLANG names the compiler.
set -eu
source=$(cd "${1:?usage: build.sh FOLDER-OF-LIBJPEG-TURBO}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../src/io/image/jpeg-decoder.wasm
clang=${CLANG:-clang-19}
version=3.2.0

grep -q "set(VERSION $version)" "$source/CMakeLists.txt" || { echo "build.sh: $source is not libjpeg-turbo $version" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$source/src/." "$work"

# What its CMakeLists.txt would fill in.
sed -e 's/@JPEG_LIB_VERSION@/62/' -e "s/@VERSION@/$version/" -e 's/@LIBJPEG_TURBO_VERSION_NUMBER@/3002000/' \
  -e 's/#cmakedefine D_ARITH_CODING_SUPPORTED 1/#define D_ARITH_CODING_SUPPORTED 1/' -e '/#cmakedefine/d' "$work/jconfig.h.in" >"$work/jconfig.h"
sed -e 's/@BUILD@/flambeau/' -e 's/@HIDDEN@//' -e 's/@INLINE@/inline __attribute__((always_inline))/' -e 's/@THREAD_LOCAL@//' \
  -e 's/@CMAKE_PROJECT_NAME@/libjpeg-turbo/' -e "s/@VERSION@/$version/" -e 's/@SIZE_T@/4/' -e 's/@SIMD_ARCHITECTURE@/NONE/' \
  -e 's/#cmakedefine HAVE_BUILTIN_CTZL/#define HAVE_BUILTIN_CTZL/' \
  -e 's/#cmakedefine D_ARITH_CODING_SUPPORTED 1/#define D_ARITH_CODING_SUPPORTED 1/' -e '/#cmakedefine/d' "$work/jconfigint.h.in" >"$work/jconfigint.h"
sed -e 's/@COPYRIGHT_YEAR@/1991-2026/' "$work/jversion.h.in" >"$work/jversion.h"

# jmorecfg.h says which of its options may be left out: those of the encoder, and what Pillow does not use when it decodes.
for option in DCT_IFAST_SUPPORTED DCT_FLOAT_SUPPORTED C_MULTISCAN_FILES_SUPPORTED C_PROGRESSIVE_SUPPORTED C_LOSSLESS_SUPPORTED \
  ENTROPY_OPT_SUPPORTED INPUT_SMOOTHING_SUPPORTED SAVE_MARKERS_SUPPORTED UPSAMPLE_MERGING_SUPPORTED \
  QUANT_1PASS_SUPPORTED QUANT_2PASS_SUPPORTED; do
  sed -i -e "s/^#define $option\b/#undef $option/" "$work/jmorecfg.h"
done

cd "$work"
cp "$here/decoder.c" "$here/idct.c" "$here/vectors.c" .
"$clang" --target=wasm32-wasi --sysroot=/usr -std=gnu11 -O3 -msimd128 -mbulk-memory -nostdlib -DNO_GETENV -DMULTIPLIER=short -D__x86_64__ -D__ILP32__ -I. -ffunction-sections -fdata-sections \
  -Wno-everything -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-all -Wl,--export=__stack_pointer -Wl,--stack-first -Wl,-z,stack-size=65536 -o decoder.wasm \
  decoder.c idct.c vectors.c jaricom.c jcomapi.c jdapimin.c jdarith.c jdhuff.c jdinput.c jdlhuff.c jdmarker.c jdmaster.c jdphuff.c jmemmgr.c \
  wrapper/jdapistd-8.c wrapper/jdcoefct-8.c wrapper/jdcolor-8.c wrapper/jddctmgr-8.c wrapper/jddiffct-8.c wrapper/jdlossls-8.c wrapper/jidctred-8.c \
  wrapper/jdmainct-8.c wrapper/jdpostct-8.c wrapper/jdsample-8.c wrapper/jutils-8.c
cat decoder.wasm >"$out"
wc -c "$out"
sha256sum "$out"
