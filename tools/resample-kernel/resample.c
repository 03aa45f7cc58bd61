/*
 * What src/vision/functional/resample-kernel.ts calls: bytes resampled through weights in fixed point, as Pillow (22 bits behind the point) and PyTorch (as many
 * as fit 16 bits) do it, with vectors of 16 bytes. The host says where everything lies; nothing is kept here.
 *
 * A weight w is two numbers of 16 bits, w = 256 · high + low with 0 ≤ low < 256, since products of bytes with those are summed in pairs by one instruction. The
 * sums are kept apart and joined at the end, which is exact: the same 32 bits as a sum of whole products. Weights that are not there are 0, and what
 * they are multiplied with may be anything, so that groups can be of one size; reading and writing goes up to 16 bytes past the end of what is asked for.
 */
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(name)))
typedef v128_t vec;

/* For a new pixel or row: the first old one, and where its groups of weights begin and how many there are. */
struct place { uint32_t first, at, groups; };

static inline vec joined(vec high, vec low, unsigned bits)
{
  return wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_shl(high, 8), low), bits);
}

/* Four numbers of 32 bits as bytes, clamped. */
static inline vec bytes(vec a, vec b, vec c, vec d)
{
  return wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(a, b), wasm_i16x8_narrow_i32x4(c, d));
}

/* Rows of pixels of three bytes; a group is four pixels: their high weights, then their low ones. */
static void colours(const uint8_t *from, uint8_t *to, size_t width, const struct place *places, const int16_t *weights, unsigned bits)
{
  const vec half = wasm_i32x4_splat(1 << (bits - 1)), none = wasm_i32x4_splat(0);
  for (size_t x = 0; x < width; x++, to += 3) {
    const uint8_t *pixel = from + places[x].first * 3;
    const int16_t *w = weights + places[x].at;
    vec high = none, low = half;
    for (uint32_t g = 0; g < places[x].groups; g++, pixel += 12, w += 8) {
      vec p = wasm_v128_load(pixel);
      vec a = wasm_i8x16_shuffle(p, none, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
      vec b = wasm_i8x16_shuffle(p, none, 6, 16, 9, 16, 7, 16, 10, 16, 8, 16, 11, 16, 16, 16, 16, 16);
      high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(a, wasm_v128_load32_splat(w)));
      high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(b, wasm_v128_load32_splat(w + 2)));
      low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(a, wasm_v128_load32_splat(w + 4)));
      low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(b, wasm_v128_load32_splat(w + 6)));
    }
    vec sum = joined(high, low, bits);
    wasm_v128_store32_lane(to, bytes(sum, sum, sum, sum), 0);
  }
}

static inline int32_t across_all(vec v)
{
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 2, 3));
  v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 1, 1, 1, 1));
  return wasm_i32x4_extract_lane(v, 0);
}

/* Rows of single bytes; a group is eight pixels. */
static void greys(const uint8_t *from, uint8_t *to, size_t width, const struct place *places, const int16_t *weights, unsigned bits)
{
  const int32_t half = 1 << (bits - 1);
  for (size_t x = 0; x < width; x++) {
    const uint8_t *pixel = from + places[x].first;
    const int16_t *w = weights + places[x].at;
    vec high = wasm_i32x4_splat(0), low = high;
    for (uint32_t g = 0; g < places[x].groups; g++, pixel += 8, w += 16) {
      vec p = wasm_u16x8_load8x8(pixel);
      high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(p, wasm_v128_load(w)));
      low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(p, wasm_v128_load(w + 8)));
    }
    int32_t sum = across_all(wasm_i32x4_add(wasm_i32x4_shl(high, 8), low));
    sum = (int32_t)((uint32_t)sum + (uint32_t)half) >> bits;
    to[x] = sum < 0 ? 0 : sum > 255 ? 255 : (uint8_t)sum;
  }
}

/* New columns: `rows` rows, `pitch` bytes apart, become rows of `width` pixels that lie one after the other. */
EXPORT("across") void across(const uint8_t *from, uint8_t *to, size_t rows, size_t pitch, size_t inner, size_t width, const struct place *places,
                             const int16_t *weights, unsigned bits)
{
  for (size_t y = 0; y < rows; y++, from += pitch, to += width * inner) {
    if (inner == 3) colours(from, to, width, places, weights, bits);
    else greys(from, to, width, places, weights, bits);
  }
}

/* New rows of `pitch` bytes; a group is two rows: their high weights, then their low ones. */
EXPORT("down") void down(const uint8_t *from, uint8_t *to, size_t height, size_t pitch, const struct place *places, const int16_t *weights, unsigned bits)
{
  const vec half = wasm_i32x4_splat(1 << (bits - 1)), none = wasm_i32x4_splat(0);
  for (size_t y = 0; y < height; y++, to += pitch) {
    const uint8_t *rows = from + places[y].first * pitch;
    for (size_t x = 0; x < pitch; x += 16) {
      const uint8_t *at = rows + x;
      const int16_t *w = weights + places[y].at;
      vec h0 = none, h1 = none, h2 = none, h3 = none, l0 = half, l1 = half, l2 = half, l3 = half;
      for (uint32_t g = 0; g < places[y].groups; g++, at += 2 * pitch, w += 4) {
        vec a = wasm_v128_load(at), b = wasm_v128_load(at + pitch);
        vec high = wasm_v128_load32_splat(w), low = wasm_v128_load32_splat(w + 2);
        vec ab = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        vec p0 = wasm_u16x8_extend_low_u8x16(ab), p1 = wasm_u16x8_extend_high_u8x16(ab);
        h0 = wasm_i32x4_add(h0, wasm_i32x4_dot_i16x8(p0, high)), l0 = wasm_i32x4_add(l0, wasm_i32x4_dot_i16x8(p0, low));
        h1 = wasm_i32x4_add(h1, wasm_i32x4_dot_i16x8(p1, high)), l1 = wasm_i32x4_add(l1, wasm_i32x4_dot_i16x8(p1, low));
        ab = wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        p0 = wasm_u16x8_extend_low_u8x16(ab), p1 = wasm_u16x8_extend_high_u8x16(ab);
        h2 = wasm_i32x4_add(h2, wasm_i32x4_dot_i16x8(p0, high)), l2 = wasm_i32x4_add(l2, wasm_i32x4_dot_i16x8(p0, low));
        h3 = wasm_i32x4_add(h3, wasm_i32x4_dot_i16x8(p1, high)), l3 = wasm_i32x4_add(l3, wasm_i32x4_dot_i16x8(p1, low));
      }
      wasm_v128_store(to + x, bytes(joined(h0, l0, bits), joined(h1, l1, bits), joined(h2, l2, bits), joined(h3, l3, bits)));
    }
  }
}

/* Pixels channel by channel, their values replaced through a table of 256 floats for each channel. */
EXPORT("planes") void planes(const uint8_t *from, float *to, size_t pixels, size_t channels, const float *table)
{
  if (channels == 1) {
    for (size_t i = 0; i < pixels; i++) to[i] = table[from[i]];
    return;
  }
  float *green = to + pixels, *blue = green + pixels;
  for (size_t i = 0; i < pixels; i++, from += 3) {
    to[i] = table[from[0]];
    green[i] = table[256 + from[1]];
    blue[i] = table[512 + from[2]];
  }
}
