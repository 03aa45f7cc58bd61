/*
 * The accurate inverse cosine transform of 8×8 coefficients with WebAssembly's vectors of 16 bytes, in place of jidctint.c's. It computes as
 * libjpeg-turbo's code for x86-64 does (simd/x86_64/jidctint-avx2.asm), so damaged files, whose numbers overflow, come out as there, too:
 * products of coefficients and steps wrap to 16 bits, results of either pass are clamped to them.
 *
 * It is a translation of that file, so not the original, whose notice is:
 *
 * Copyright 2009 Pierre Ossman <ossman@cendio.se> for Cendio AB
 * Copyright (C) 2009, 2016, 2018, 2020, 2024-2025, D. R. Commander.
 * Copyright (C) 2018, Matthias Räncker.
 * Based on the x86 SIMD extension for IJG JPEG library
 * Copyright (C) 1999-2006, MIYASAKA Masaru.
 *
 * This software is provided 'as-is', without any express or implied
 * warranty.  In no event will the authors be held liable for any damages
 * arising from the use of this software.
 *
 * Permission is granted to anyone to use this software for any purpose,
 * including commercial applications, and to alter it and redistribute it
 * freely, subject to the following restrictions:
 *
 * 1. The origin of this software must not be misrepresented; you must not
 *    claim that you wrote the original software. If you use this software
 *    in a product, an acknowledgment in the product documentation would be
 *    appreciated but is not required.
 * 2. Altered source versions must be plainly marked as such, and must not be
 *    misrepresented as being the original software.
 * 3. This notice may not be removed or altered from any source distribution.
 */
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jdct.h"
#include <wasm_simd128.h>

#define CONST_BITS 13
#define PASS1_BITS 2
/* The constants of jidctint.c, times 2¹³. */
#define F_0_298 2446
#define F_0_390 3196
#define F_0_541 4433
#define F_0_765 6270
#define F_0_899 7373
#define F_1_175 9633
#define F_1_501 12299
#define F_1_847 15137
#define F_1_961 16069
#define F_2_053 16819
#define F_2_562 20995
#define F_3_072 25172

typedef v128_t vec;
/* Eight numbers of 32 bits. */
typedef struct { vec low, high; } wide;

#define LOW(a, b) wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW2(a, b) wasm_i32x4_shuffle(a, b, 0, 4, 1, 5)
#define HIGH2(a, b) wasm_i32x4_shuffle(a, b, 2, 6, 3, 7)
#define LOW4(a, b) wasm_i64x2_shuffle(a, b, 0, 2)
#define HIGH4(a, b) wasm_i64x2_shuffle(a, b, 1, 3)

/* a · x + b · y */
static inline wide both(vec a, vec b, int x, int y)
{
  vec factors = wasm_i16x8_make(x, y, x, y, x, y, x, y);
  return (wide){ wasm_i32x4_dot_i16x8(LOW(a, b), factors), wasm_i32x4_dot_i16x8(HIGH(a, b), factors) };
}

static inline wide plus(wide a, wide b) { return (wide){ wasm_i32x4_add(a.low, b.low), wasm_i32x4_add(a.high, b.high) }; }
static inline wide minus(wide a, wide b) { return (wide){ wasm_i32x4_sub(a.low, b.low), wasm_i32x4_sub(a.high, b.high) }; }

static inline wide scaled(vec a)
{
  return (wide){ wasm_i32x4_shl(wasm_i32x4_extend_low_i16x8(a), CONST_BITS), wasm_i32x4_shl(wasm_i32x4_extend_high_i16x8(a), CONST_BITS) };
}

static inline vec descaled(wide a, int bits)
{
  vec half = wasm_i32x4_splat(1 << (bits - 1));
  return wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(wasm_i32x4_add(a.low, half), bits), wasm_i32x4_shr(wasm_i32x4_add(a.high, half), bits));
}

/* One pass: eight transforms side by side. */
static inline __attribute__((always_inline)) void transform(vec in[8], int bits)
{
  wide tmp3 = both(in[2], in[6], F_0_541 + F_0_765, F_0_541);
  wide tmp2 = both(in[2], in[6], F_0_541, F_0_541 - F_1_847);
  wide tmp0 = scaled(wasm_i16x8_add(in[0], in[4]));
  wide tmp1 = scaled(wasm_i16x8_sub(in[0], in[4]));
  wide tmp10 = plus(tmp0, tmp3), tmp13 = minus(tmp0, tmp3);
  wide tmp11 = plus(tmp1, tmp2), tmp12 = minus(tmp1, tmp2);

  vec sum3 = wasm_i16x8_add(in[7], in[3]), sum4 = wasm_i16x8_add(in[5], in[1]);
  wide z3 = both(sum3, sum4, F_1_175 - F_1_961, F_1_175);
  wide z4 = both(sum3, sum4, F_1_175, F_1_175 - F_0_390);
  tmp0 = plus(both(in[7], in[1], F_0_298 - F_0_899, -F_0_899), z3);
  tmp1 = plus(both(in[5], in[3], F_2_053 - F_2_562, -F_2_562), z4);
  tmp2 = plus(both(in[5], in[3], -F_2_562, F_3_072 - F_2_562), z3);
  tmp3 = plus(both(in[7], in[1], -F_0_899, F_1_501 - F_0_899), z4);

  in[0] = descaled(plus(tmp10, tmp3), bits);
  in[7] = descaled(minus(tmp10, tmp3), bits);
  in[1] = descaled(plus(tmp11, tmp2), bits);
  in[6] = descaled(minus(tmp11, tmp2), bits);
  in[2] = descaled(plus(tmp12, tmp1), bits);
  in[5] = descaled(minus(tmp12, tmp1), bits);
  in[3] = descaled(plus(tmp13, tmp0), bits);
  in[4] = descaled(minus(tmp13, tmp0), bits);
}

static inline __attribute__((always_inline)) void transpose(vec m[8])
{
  vec a0 = LOW(m[0], m[1]), a1 = HIGH(m[0], m[1]), a2 = LOW(m[2], m[3]), a3 = HIGH(m[2], m[3]);
  vec a4 = LOW(m[4], m[5]), a5 = HIGH(m[4], m[5]), a6 = LOW(m[6], m[7]), a7 = HIGH(m[6], m[7]);
  vec b0 = LOW2(a0, a2), b1 = HIGH2(a0, a2), b2 = LOW2(a1, a3), b3 = HIGH2(a1, a3);
  vec b4 = LOW2(a4, a6), b5 = HIGH2(a4, a6), b6 = LOW2(a5, a7), b7 = HIGH2(a5, a7);
  m[0] = LOW4(b0, b4), m[1] = HIGH4(b0, b4), m[2] = LOW4(b1, b5), m[3] = HIGH4(b1, b5);
  m[4] = LOW4(b2, b6), m[5] = HIGH4(b2, b6), m[6] = LOW4(b3, b7), m[7] = HIGH4(b3, b7);
}

GLOBAL(void) jpeg_idct_islow(j_decompress_ptr cinfo, jpeg_component_info *component, JCOEFPTR coefficients, JSAMPARRAY out, JDIMENSION column)
{
  const ISLOW_MULT_TYPE *steps = component->dct_table;
  vec block[8], rest = wasm_i16x8_splat(0);
  _Static_assert(sizeof *steps == 2 && sizeof *coefficients == 2, "vectors of 16 bits");
  for (int i = 0; i < 8; i++) {
    block[i] = wasm_v128_load(coefficients + 8 * i);
    if (i > 0) rest = wasm_v128_or(rest, block[i]);
    block[i] = wasm_i16x8_mul(block[i], wasm_v128_load(steps + 8 * i));
  }
  if (wasm_v128_any_true(rest)) {
    transform(block, CONST_BITS - PASS1_BITS);
  } else {
    vec same = wasm_i16x8_shl(block[0], PASS1_BITS);
    for (int i = 0; i < 8; i++) block[i] = same;
  }
  transpose(block);
  transform(block, CONST_BITS + PASS1_BITS + 3);
  transpose(block);
  vec centre = wasm_i8x16_splat((int8_t)CENTERJSAMPLE);
  for (int i = 0; i < 8; i += 2) {
    vec rows = wasm_i8x16_add(wasm_i8x16_narrow_i16x8(block[i], block[i + 1]), centre);
    wasm_v128_store64_lane(out[i] + column, rows, 0);
    wasm_v128_store64_lane(out[i + 1] + column, rows, 1);
  }
}
