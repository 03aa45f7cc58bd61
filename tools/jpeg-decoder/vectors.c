/*
 * With vectors of 16 bytes, and the same results: YCbCr to RGB in place of jdcolext.c's loop, and the two usual ways in which jdsample.c enlarges the colour channels
 * ("fancy upsampling", 4:2:0 and 4:2:2). `use_vectors` puts them where the library has put its own.
 */
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jpegapicomp.h"
#include "jsamplecomp.h"
#include "jdsample.h"
#include <wasm_simd128.h>

typedef v128_t vec;

/* The high halves of eight numbers of 32 bits. */
#define HIGH_HALVES(a, b) wasm_i16x8_shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define HALF wasm_i32x4_splat(32768)

/*
 * jdcolor.c's tables hold (91881 x + 2¹⁵) >> 16 and the like; with the whole parts of the factors taken out, what is left fits 16 bits:
 * 91881 = 65536 + 26345, 116130 = 2 · 65536 - 14942, -46802 = -65536 + 18734.
 */
static inline vec share(vec x, int factor)
{
  vec f = wasm_i16x8_splat(factor);
  return HIGH_HALVES(wasm_i32x4_add(wasm_i32x4_extmul_low_i16x8(x, f), HALF), wasm_i32x4_add(wasm_i32x4_extmul_high_i16x8(x, f), HALF));
}

static inline vec green_share(vec cb, vec cr)
{
  vec f = wasm_i16x8_make(-22554, 18734, -22554, 18734, -22554, 18734, -22554, 18734);
  vec low = wasm_i16x8_shuffle(cb, cr, 0, 8, 1, 9, 2, 10, 3, 11), high = wasm_i16x8_shuffle(cb, cr, 4, 12, 5, 13, 6, 14, 7, 15);
  return wasm_i16x8_sub(HIGH_HALVES(wasm_i32x4_add(wasm_i32x4_dot_i16x8(low, f), HALF), wasm_i32x4_add(wasm_i32x4_dot_i16x8(high, f), HALF)), cr);
}

static inline JSAMPLE clamped(int value) { return value < 0 ? 0 : value > 255 ? 255 : (JSAMPLE)value; }

METHODDEF(void) ycc_to_rgb(j_decompress_ptr cinfo, JSAMPIMAGE in, JDIMENSION row, JSAMPARRAY out, int rows)
{
  const vec centre = wasm_i16x8_splat(128);
  for (; --rows >= 0; row++) {
    const JSAMPLE *y = in[0][row], *cb = in[1][row], *cr = in[2][row];
    JSAMPROW to = *out++;
    JDIMENSION x = 0, width = cinfo->output_width;
    for (; x + 16 <= width; x += 16, to += 48) {
      vec r[2], g[2], b[2];
      for (int half = 0; half < 2; half++) {
        vec luma = wasm_u16x8_load8x8(y + x + 8 * half);
        vec blue = wasm_i16x8_sub(wasm_u16x8_load8x8(cb + x + 8 * half), centre);
        vec red = wasm_i16x8_sub(wasm_u16x8_load8x8(cr + x + 8 * half), centre);
        r[half] = wasm_i16x8_add(wasm_i16x8_add(luma, red), share(red, 26345));
        g[half] = wasm_i16x8_add(luma, green_share(blue, red));
        b[half] = wasm_i16x8_add(wasm_i16x8_add(luma, wasm_i16x8_add(blue, blue)), share(blue, -14942));
      }
      vec R = wasm_u8x16_narrow_i16x8(r[0], r[1]), G = wasm_u8x16_narrow_i16x8(g[0], g[1]), B = wasm_u8x16_narrow_i16x8(b[0], b[1]);
      vec rg = wasm_i8x16_shuffle(R, G, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      wasm_v128_store(to, wasm_i8x16_shuffle(rg, B, 0, 1, 16, 2, 3, 17, 4, 5, 18, 6, 7, 19, 8, 9, 20, 10));
      vec middle = wasm_i8x16_shuffle(R, G, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13);
      wasm_v128_store(to + 16, wasm_i8x16_shuffle(middle, B, 0, 21, 1, 2, 22, 3, 4, 23, 5, 6, 24, 7, 8, 25, 9, 10));
      rg = wasm_i8x16_shuffle(R, G, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31, 10, 10, 10, 10);
      wasm_v128_store(to + 32, wasm_i8x16_shuffle(rg, B, 26, 2, 3, 27, 4, 5, 28, 6, 7, 29, 8, 9, 30, 10, 11, 31));
    }
    for (; x < width; x++, to += 3) {
      int blue = cb[x] - 128, red = cr[x] - 128;
      to[0] = clamped(y[x] + ((91881 * red + 32768) >> 16));
      to[1] = clamped(y[x] + ((-22554 * blue - 46802 * red + 32768) >> 16));
      to[2] = clamped(y[x] + ((116130 * blue + 32768) >> 16));
    }
  }
}

/* Eight sums of three nearer samples and one further. */
static inline vec sum_of(const JSAMPLE *near, const JSAMPLE *far)
{
  vec a = wasm_u16x8_load8x8(near);
  return wasm_i16x8_add(wasm_i16x8_add(wasm_i16x8_shl(a, 1), a), wasm_u16x8_load8x8(far));
}

static inline void put_pairs(JSAMPLE *to, vec even, vec odd) { wasm_v128_store(to, wasm_v128_or(even, wasm_i16x8_shl(odd, 8))); }

static inline vec thrice(vec a) { return wasm_i16x8_add(wasm_i16x8_shl(a, 1), a); }

METHODDEF(void) both_twice(j_decompress_ptr cinfo, jpeg_component_info *component, JSAMPARRAY in, JSAMPARRAY *out)
{
  const vec seven = wasm_i16x8_splat(7), eight = wasm_i16x8_splat(8);
  JDIMENSION last = component->downsampled_width - 1;
  for (int row = 0; row < cinfo->max_v_samp_factor; row++) {
    const JSAMPLE *near = in[row / 2], *far = in[row / 2 + (row % 2 == 0 ? -1 : 1)];
    JSAMPROW to = (*out)[row];
#define SUM(x) (near[x] * 3 + far[x])
    to[0] = (JSAMPLE)((SUM(0) * 4 + 8) >> 4);
    to[1] = (JSAMPLE)((SUM(0) * 3 + SUM(1) + 7) >> 4);
    JDIMENSION x = 1;
    for (; x + 8 <= last; x += 8) {
      vec this = thrice(sum_of(near + x, far + x));
      vec even = wasm_i16x8_add(wasm_i16x8_add(this, sum_of(near + x - 1, far + x - 1)), eight);
      vec odd = wasm_i16x8_add(wasm_i16x8_add(this, sum_of(near + x + 1, far + x + 1)), seven);
      put_pairs(to + 2 * x, wasm_u16x8_shr(even, 4), wasm_u16x8_shr(odd, 4));
    }
    for (; x < last; x++) {
      to[2 * x] = (JSAMPLE)((SUM(x) * 3 + SUM(x - 1) + 8) >> 4);
      to[2 * x + 1] = (JSAMPLE)((SUM(x) * 3 + SUM(x + 1) + 7) >> 4);
    }
    to[2 * last] = (JSAMPLE)((SUM(last) * 3 + SUM(last - 1) + 8) >> 4);
    to[2 * last + 1] = (JSAMPLE)((SUM(last) * 4 + 7) >> 4);
#undef SUM
  }
}

METHODDEF(void) width_twice(j_decompress_ptr cinfo, jpeg_component_info *component, JSAMPARRAY in, JSAMPARRAY *out)
{
  const vec one = wasm_i16x8_splat(1), two = wasm_i16x8_splat(2);
  JDIMENSION last = component->downsampled_width - 1;
  for (int row = 0; row < cinfo->max_v_samp_factor; row++) {
    const JSAMPLE *from = in[row];
    JSAMPROW to = (*out)[row];
    to[0] = from[0];
    to[1] = (JSAMPLE)((from[0] * 3 + from[1] + 2) >> 2);
    JDIMENSION x = 1;
    for (; x + 8 <= last; x += 8) {
      vec this = thrice(wasm_u16x8_load8x8(from + x));
      vec even = wasm_i16x8_add(wasm_i16x8_add(this, wasm_u16x8_load8x8(from + x - 1)), one);
      vec odd = wasm_i16x8_add(wasm_i16x8_add(this, wasm_u16x8_load8x8(from + x + 1)), two);
      put_pairs(to + 2 * x, wasm_u16x8_shr(even, 2), wasm_u16x8_shr(odd, 2));
    }
    for (; x < last; x++) {
      to[2 * x] = (JSAMPLE)((from[x] * 3 + from[x - 1] + 1) >> 2);
      to[2 * x + 1] = (JSAMPLE)((from[x] * 3 + from[x + 1] + 2) >> 2);
    }
    to[2 * last] = (JSAMPLE)((from[last] * 3 + from[last - 1] + 1) >> 2);
    to[2 * last + 1] = from[last];
  }
}

/* After jpeg_start_decompress: where the library has chosen what is done here. */
GLOBAL(void) use_vectors(j_decompress_ptr cinfo)
{
  if (cinfo->master->lossless) return;
  if (cinfo->jpeg_color_space == JCS_YCbCr && cinfo->out_color_space == JCS_RGB) cinfo->cconvert->color_convert = ycc_to_rgb;
  if (!cinfo->do_fancy_upsampling || cinfo->_min_DCT_scaled_size <= 1) return;
  my_upsample_ptr upsample = (my_upsample_ptr)cinfo->upsample;
  jpeg_component_info *component = cinfo->comp_info;
  for (int i = 0; i < cinfo->num_components; i++, component++) {
    int h = component->h_samp_factor * component->_DCT_scaled_size / cinfo->_min_DCT_scaled_size;
    int v = component->v_samp_factor * component->_DCT_scaled_size / cinfo->_min_DCT_scaled_size;
    if (!component->component_needed || h * 2 != cinfo->max_h_samp_factor || component->downsampled_width <= 2) continue;
    if (v == cinfo->max_v_samp_factor) upsample->methods[i] = width_twice;
    if (v * 2 == cinfo->max_v_samp_factor) upsample->methods[i] = both_twice;
  }
}
