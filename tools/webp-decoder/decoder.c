/*
 * What src/io/image/webp.ts calls: libwebp's decoder without a C library, a file system or an operating system around it.
 *
 * There is one image at a time; all memory is taken from one end of the heap and given back at once when the next image begins, so that an image
 * that is damaged leaves nothing behind. Blocks that are given back in the order opposite to that of taking are used again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "src/webp/decode.h"

#define EXPORT(name) __attribute__((export_name(name)))

/* ---- memory ---- */

#define ALIGN 16
#define PAGE 65536

extern uint8_t __heap_base;
static size_t top, end_of_memory, most;

/* Stands before each block. */
typedef struct { size_t before, size, pad[2]; } head;
static size_t last;

void *malloc(size_t size)
{
  size_t base = ((size_t)&__heap_base + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  size_t start = (top + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  if (size > most || start - base + sizeof(head) > most - size) return NULL;
  size_t past = start + sizeof(head) + size;
  if (past > end_of_memory) {
    size_t pages = (past - end_of_memory + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NULL;
    end_of_memory += pages * PAGE;
  }
  head *block = (head *)start;
  block->before = last;
  block->size = size;
  last = start;
  top = past;
  return block + 1;
}

void *calloc(size_t count, size_t size)
{
  if (size != 0 && count > (size_t)-1 / size) return NULL;
  void *block = malloc(count * size);
  if (block != NULL) memset(block, 0, count * size);
  return block;
}

/* A block that is not the last is marked, and given back when it is. */
void free(void *pointer)
{
  if (pointer == NULL) return;
  ((head *)pointer - 1)->size = (size_t)-1;
  while (last != 0 && ((head *)last)->size == (size_t)-1) {
    top = last;
    last = ((head *)last)->before;
  }
}

int memcmp(const void *a, const void *b, size_t size)
{
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < size; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

/* ---- decoding ---- */

static uint8_t *file;
static struct { uint32_t width, height; uint8_t *pixels; } image;

/* Begins an image, with at most `limit` bytes of memory; where its file of `size` bytes is to be put, NULL if there is no room. */
EXPORT("start") void *start(size_t limit, size_t size)
{
  if (end_of_memory == 0) end_of_memory = (size_t)__builtin_wasm_memory_size(0) * PAGE;
  top = (size_t)&__heap_base;
  last = 0;
  most = limit;
  file = malloc(size);
  return file;
}

/* Decodes it to red, green and blue; libwebp's number of the error, 0 if there is none. */
EXPORT("decode") int decode(size_t size, uint32_t width, uint32_t height)
{
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return VP8_STATUS_INVALID_PARAM;
  VP8StatusCode status = WebPGetFeatures(file, size, &config.input);
  if (status != VP8_STATUS_OK) return status;
  image.width = (uint32_t)config.input.width;
  image.height = (uint32_t)config.input.height;
  if (config.input.has_animation) return VP8_STATUS_UNSUPPORTED_FEATURE;
  if (image.width != width || image.height != height) return VP8_STATUS_BITSTREAM_ERROR;
  size_t row = (size_t)width * 3;
  image.pixels = malloc(row * height);
  if (image.pixels == NULL) return VP8_STATUS_OUT_OF_MEMORY;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.pixels;
  config.output.u.RGBA.stride = (int)row;
  config.output.u.RGBA.size = row * height;
  return WebPDecode(file, size, &config);
}

/* Where width, height and the address of the pixels stand. */
EXPORT("result") void *result(void) { return &image; }
