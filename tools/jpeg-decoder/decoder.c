/*
 * What src/io/image/jpeg.ts calls: libjpeg-turbo's decoder without a C library, a file system or an operating system around it.
 *
 * The file comes in pieces and the pixels go in strips of rows, so that neither is here whole. There is one image at a time; all memory is
 * taken from one end of the heap and given back at once when the next image starts. An error therefore needs no cleaning up, nor `setjmp`:
 * the host throws out of `host_message`.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jversion.h"
#include "jerror.h"
#include "jmemsys.h"

/* vectors.c */
extern void use_vectors(j_decompress_ptr cinfo);

#define HOST(name) __attribute__((import_module("host"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

/* Puts up to `size` bytes of the file at `to`; how many, 0 at its end. */
HOST("read") extern size_t host_read(uint8_t *to, size_t size);
/* A warning, or an error: a message of libjpeg and its parameters, for printf. The host does not return from errors, nor from all warnings. */
HOST("message") extern void host_message(int is_error, const char *text, const int *parameters);

#define JMESSAGE(code, string) string,
static const char *const messages[] = {
#include "jerror.h"
  NULL
};

/* ---- memory ---- */

#define ALIGN 16
#define PAGE 65536

extern uint8_t __heap_base;
static size_t top, end_of_memory, most;

static void *take(size_t size)
{
  size_t start = (top + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  size_t base = ((size_t)&__heap_base + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  if (size > most || start - base > most - size) return NULL;
  size_t past = start + size;
  if (past > end_of_memory) {
    size_t pages = (past - end_of_memory + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NULL;
    end_of_memory += pages * PAGE;
  }
  top = past;
  return (void *)start;
}

GLOBAL(void *) jpeg_get_small(j_common_ptr cinfo, size_t size) { return take(size); }
GLOBAL(void *) jpeg_get_large(j_common_ptr cinfo, size_t size) { return take(size); }
GLOBAL(void) jpeg_free_small(j_common_ptr cinfo, void *object, size_t size) {}
GLOBAL(void) jpeg_free_large(j_common_ptr cinfo, void *object, size_t size) {}

GLOBAL(size_t) jpeg_mem_available(j_common_ptr cinfo, size_t least, size_t wanted, size_t allocated) { return wanted; }

GLOBAL(void) jpeg_open_backing_store(j_common_ptr cinfo, backing_store_ptr info, long size)
{
  ERREXIT(cinfo, JERR_NO_BACKING_STORE);
}

GLOBAL(long) jpeg_mem_init(j_common_ptr cinfo) { return 0; }
GLOBAL(void) jpeg_mem_term(j_common_ptr cinfo) {}

/* ---- messages ---- */

static const char *text_of(struct jpeg_error_mgr *err)
{
  int known = err->msg_code > 0 && err->msg_code <= err->last_jpeg_message;
  if (!known) err->msg_parm.i[0] = err->msg_code;
  return messages[known ? err->msg_code : 0];
}

static void error_exit(j_common_ptr cinfo)
{
  host_message(1, text_of(cinfo->err), cinfo->err->msg_parm.i);
  __builtin_trap();
}

/* Traces, of level 0 and more, say nothing that is not in the file. */
static void emit_message(j_common_ptr cinfo, int level)
{
  if (level >= 0) return;
  cinfo->err->num_warnings++;
  host_message(0, text_of(cinfo->err), cinfo->err->msg_parm.i);
}

static void output_message(j_common_ptr cinfo) {}
static void format_message(j_common_ptr cinfo, char *buffer) { buffer[0] = 0; }

static void reset_error_mgr(j_common_ptr cinfo)
{
  cinfo->err->num_warnings = 0;
  cinfo->err->msg_code = 0;
}

/* ---- the file ---- */

#define PIECE 65536
static uint8_t piece[PIECE];

static void init_source(j_decompress_ptr cinfo) {}
static void term_source(j_decompress_ptr cinfo) {}

static boolean fill_input_buffer(j_decompress_ptr cinfo)
{
  size_t size = host_read(piece, PIECE);
  if (size == 0) {
    WARNMS(cinfo, JWRN_JPEG_EOF);
    piece[0] = 0xFF;
    piece[1] = JPEG_EOI;
    size = 2;
  }
  cinfo->src->next_input_byte = piece;
  cinfo->src->bytes_in_buffer = size;
  return TRUE;
}

static void skip_input_data(j_decompress_ptr cinfo, long count)
{
  if (count <= 0) return;
  while ((size_t)count > cinfo->src->bytes_in_buffer) {
    count -= (long)cinfo->src->bytes_in_buffer;
    fill_input_buffer(cinfo);
  }
  cinfo->src->next_input_byte += count;
  cinfo->src->bytes_in_buffer -= (size_t)count;
}

/* ---- decoding ---- */

static struct jpeg_decompress_struct cinfo;
static struct jpeg_error_mgr err;
static struct jpeg_source_mgr src;

/* What `start` found, for the host. */
static struct { uint32_t width, height, channels; uint8_t *strip; uint32_t left; } image;

#define STRIP 65536
static uint8_t *strip;
static size_t row_size, strip_rows, strip_size;

static void choose_colours(void)
{
  switch (cinfo.num_components) {
  case 1: cinfo.out_color_space = JCS_GRAYSCALE; break;
  case 3: cinfo.out_color_space = JCS_RGB; break;
  case 4: cinfo.out_color_space = JCS_CMYK; break;
  default: ERREXIT2(&cinfo, JERR_COMPONENT_COUNT, cinfo.num_components, 4);
  }
}

/* Begins an image at 1, 1/2, 1/4 or 1/8 of its size, with at most `limit` bytes of memory for coefficients and the like. */
EXPORT("start") void *start(size_t limit, unsigned denominator)
{
  if (end_of_memory == 0) end_of_memory = (size_t)__builtin_wasm_memory_size(0) * PAGE;
  top = (size_t)&__heap_base;
  most = limit;
  memset(&err, 0, sizeof err);
  err.error_exit = error_exit;
  err.emit_message = emit_message;
  err.output_message = output_message;
  err.format_message = format_message;
  err.reset_error_mgr = reset_error_mgr;
  err.jpeg_message_table = messages;
  err.last_jpeg_message = (int)JMSG_LASTMSGCODE - 1;
  cinfo.err = &err;
  jpeg_create_decompress(&cinfo);
  src.init_source = init_source;
  src.fill_input_buffer = fill_input_buffer;
  src.skip_input_data = skip_input_data;
  src.resync_to_restart = jpeg_resync_to_restart;
  src.term_source = term_source;
  src.bytes_in_buffer = 0;
  cinfo.src = &src;
  jpeg_read_header(&cinfo, TRUE);
  choose_colours();
  cinfo.scale_num = 1;
  cinfo.scale_denom = denominator;
  jpeg_start_decompress(&cinfo);
  use_vectors(&cinfo);
  row_size = (size_t)cinfo.output_width * cinfo.out_color_components;
  strip_rows = STRIP / row_size + 1;
  if (strip_rows > cinfo.output_height) strip_rows = cinfo.output_height;
  strip_size = strip_rows * row_size;
  strip = take(strip_size);
  if (strip == NULL) ERREXIT1(&cinfo, JERR_OUT_OF_MEMORY, 0);
  image.width = cinfo.output_width;
  image.height = cinfo.output_height;
  image.channels = cinfo.num_components == 1 ? 1 : 3;
  image.strip = strip;
  image.left = 0;
  return &image;
}

/*
 * After `start`: only so many columns from `left` on are wanted, and no rows before `top`. It may begin further to the left; where it does, and how wide rows are now,
 * is in what `start` gave. Next to a border that is made by this, colours that are sampled more coarsely come out otherwise: ask for two columns and rows more.
 */
EXPORT("crop") void crop(unsigned left, unsigned width, unsigned top)
{
  JDIMENSION from = left, wide = width;
  jpeg_crop_scanline(&cinfo, &from, &wide);
  use_vectors(&cinfo); /* it may have chosen again */
  row_size = (size_t)cinfo.output_width * cinfo.out_color_components;
  strip_rows = strip_size / row_size;
  image.width = cinfo.output_width;
  image.left = from;
  jpeg_skip_scanlines(&cinfo, top);
}

/* No more rows are wanted. What is left of the file is not decoded. */
EXPORT("end") void end(void)
{
  if (cinfo.output_scanline < cinfo.output_height) jpeg_skip_scanlines(&cinfo, cinfo.output_height - cinfo.output_scanline);
  jpeg_finish_decompress(&cinfo);
}

/* `a * b / 255`, rounded. */
static inline unsigned share(unsigned a, unsigned b)
{
  unsigned product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/* Four colours to three, in place: Pillow takes every such file to be inverted, as Adobe's are, and its formula is this. */
static void to_rgb(uint8_t *row, size_t pixels)
{
  const uint8_t *from = row;
  for (size_t i = 0; i < pixels; i++, from += 4, row += 3) {
    unsigned c = 255 - from[0], m = 255 - from[1], y = 255 - from[2], k = from[3];
    row[0] = (uint8_t)(k - share(c, k));
    row[1] = (uint8_t)(k - share(m, k));
    row[2] = (uint8_t)(k - share(y, k));
  }
}

/* Fills the strip with the next rows; how many, 0 when the image is complete and its end was read. */
EXPORT("rows") size_t rows(void)
{
  size_t count = 0;
  while (count < strip_rows && cinfo.output_scanline < cinfo.output_height) {
    JSAMPROW at = strip + count * row_size;
    count += jpeg_read_scanlines(&cinfo, &at, 1);
  }
  if (count == 0) jpeg_finish_decompress(&cinfo);
  else if (cinfo.out_color_components == 4) to_rgb(strip, count * cinfo.output_width);
  return count;
}

/* ---- what the library links to and what `start` never lets it reach: samples of more than 8 bits ---- */

#define NEVER(name) GLOBAL(void) name(j_decompress_ptr info) { ERREXIT1(info, JERR_BAD_PRECISION, info->data_precision); }
#define NEVER_BUFFERED(name) \
  GLOBAL(void) name(j_decompress_ptr info, boolean full) { ERREXIT1(info, JERR_BAD_PRECISION, info->data_precision); }
/* Of the transforms to other sizes, those to 1, 2, 4 and 8 are enough. */
#define NO_SIZE(n) \
  GLOBAL(void) jpeg_idct_##n##x##n(j_decompress_ptr info, jpeg_component_info *component, JCOEFPTR coefficients, JSAMPARRAY out, JDIMENSION column) \
  { ERREXIT(info, JERR_NOT_COMPILED); }
NO_SIZE(3)
NO_SIZE(5)
NO_SIZE(6)
NO_SIZE(7)
NO_SIZE(9)
NO_SIZE(10)
NO_SIZE(11)
NO_SIZE(12)
NO_SIZE(13)
NO_SIZE(14)
NO_SIZE(15)
NO_SIZE(16)

NEVER(j12init_upsampler)
NEVER(j16init_upsampler)
NEVER(j12init_color_deconverter)
NEVER(j16init_color_deconverter)
NEVER(j12init_inverse_dct)
NEVER(j12init_lossless_decompressor)
NEVER(j16init_lossless_decompressor)
NEVER_BUFFERED(j12init_d_post_controller)
NEVER_BUFFERED(j16init_d_post_controller)
NEVER_BUFFERED(j12init_d_diff_controller)
NEVER_BUFFERED(j16init_d_diff_controller)
NEVER_BUFFERED(j12init_d_coef_controller)
NEVER_BUFFERED(j12init_d_main_controller)
NEVER_BUFFERED(j16init_d_main_controller)
