/**
 * A decoder of the first image of TIFF files (TIFF 6.0, 1992, and BigTIFF): black and white, grey, palettes, RGB and CMYK, of 1 to 16 bits (grey
 * also of 32, and real numbers), in strips or tiles, with colours together or apart, as PIL's `convert('RGB')` gives it: alpha is dropped, of
 * 16-bit colour the high byte counts, larger numbers of grey are clipped at 255, and the image is turned as the file says.
 */
import { FormatError } from '../../base/errors.ts';
import { Image } from './image.ts';
import { checkMemory, checkSize } from './limits.ts';
import { turned } from './orientation.ts';
import { isLittle, readTags, TAG, type Tags } from './tiff-tags.ts';
import { requireKnownPacking, unpack } from './tiff-unpack.ts';

/** What samples mean. */
const [WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, CMYK] = [0, 1, 2, 3, 5] as const;
const OTHERS: Readonly<Record<number, string>> = { 4: 'a mask', 6: 'YCbCr', 8: 'CIE Lab', 9: 'ICC Lab', 32844: 'LogL', 32845: 'LogLuv' };
/** Kinds of numbers. */
const [UNSIGNED, SIGNED, REAL] = [1, 2, 3] as const;
const MOST_SAMPLES = 6;
const PREMULTIPLIED = 1;

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly little: boolean;
  readonly meaning: number;
  readonly bits: number;
  readonly kind: number;
  /** Samples of a pixel, and how many of them are wanted: colours, and alpha if they have been multiplied with it. */
  readonly samples: number;
  readonly wanted: number;
  readonly colours: number;
  readonly apart: boolean;
  readonly packing: number;
  readonly predictor: number;
  readonly reversed: boolean;
  readonly tiled: boolean;
  /** Sizes of a strip or tile. */
  readonly partWidth: number;
  readonly partHeight: number;
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
}

/** @throws {@link FormatError} when the file is truncated or damaged, of a kind that is not decoded, or has more than `maxPixels` pixels */
export function decodeTiff(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  const tags = readTags(bytes);
  const layout = readLayout(bytes, tags, maxPixels);
  const { width, height, wanted, meaning, colours } = layout;
  const part = rowBytes(layout) * layout.partHeight;
  checkMemory(width * height * (wanted + 3) + 2 * part, maxBytes);
  const samples = new Uint8Array(width * height * wanted);
  readParts(bytes, layout, samples);
  if (wanted > colours) divideByAlpha(samples, wanted);
  return turned(imageOf(samples, layout, meaning === PALETTE ? paletteOf(tags, layout.bits) : undefined), one(tags, TAG.orientation, 1));
}

const one = (tags: Tags, tag: number, missing: number): number => tags.get(tag)?.[0] ?? missing;

function readLayout(bytes: Uint8Array, tags: Tags, maxPixels: number): Layout {
  const [width, height] = [one(tags, TAG.width, 0), one(tags, TAG.height, 0)];
  checkSize(width, height, maxPixels);
  const meaning = one(tags, TAG.meaning, WHITE_IS_0);
  const packing = one(tags, TAG.compression, 1);
  requireKnownPacking(packing);
  if (![WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, CMYK].includes(meaning as 0))
    throw new FormatError(`its colours are ${OTHERS[meaning] ?? `of kind ${meaning}`}; save it as RGB`);
  const samples = one(tags, TAG.samples, 1);
  const colours = meaning === RGB ? 3 : meaning === CMYK ? 4 : 1;
  if (samples < colours || samples > MOST_SAMPLES)
    throw new FormatError(`it has ${samples} samples a pixel, expected ${colours} to ${MOST_SAMPLES}`);
  const allBits = tags.get(TAG.bits) ?? [1];
  const [bits, kind] = [allBits[0] ?? 1, one(tags, TAG.numberKind, UNSIGNED)];
  if (allBits.some((other) => other !== bits)) throw new FormatError('its samples have different numbers of bits; save it with 8');
  requireKnownNumbers(meaning, samples, bits, kind);
  const alpha = samples > colours && one(tags, TAG.extra, 0) === PREMULTIPLIED && meaning !== PALETTE;
  const tiled = tags.has(TAG.tileOffsets);
  const partHeight = tiled ? one(tags, TAG.tileHeight, 0) : Math.min(height, one(tags, TAG.rowsPerStrip, height));
  const partWidth = tiled ? one(tags, TAG.tileWidth, 0) : width;
  checkSize(partWidth, partHeight, Math.max(maxPixels, 2 ** 20));
  const predictor = one(tags, TAG.predictor, 1);
  if (predictor > 2 || predictor < 1 || (predictor === 2 && bits < 8))
    throw new FormatError(`its samples are predicted in way ${predictor}; save it without`);
  return {
    ...{ width, height, little: isLittle(bytes), meaning, bits, kind, samples, colours, packing, tiled },
    ...{ partWidth, partHeight, wanted: colours + (alpha ? 1 : 0) },
    apart: one(tags, TAG.planes, 1) === 2 && samples > 1,
    predictor: packing === 1 || packing === 32773 ? 1 : predictor, // only LZW and deflate have one
    reversed: one(tags, TAG.bitOrder, 1) === 2,
    offsets: tags.get(tiled ? TAG.tileOffsets : TAG.offsets) ?? [],
    sizes: tags.get(tiled ? TAG.tileSizes : TAG.sizes) ?? [],
  };
}

function requireKnownNumbers(meaning: number, samples: number, bits: number, kind: number): void {
  const small = [1, 2, 4, 8].includes(bits) && kind === UNSIGNED && (samples === 1 || bits === 8);
  const grey = (meaning === BLACK_IS_0 || meaning === WHITE_IS_0) && samples === 1;
  const wide = bits === 16 && ((kind === UNSIGNED && meaning !== PALETTE && (samples > 1 || grey)) || (kind === SIGNED && grey));
  const large = bits === 32 && [UNSIGNED, SIGNED, REAL].includes(kind as 1) && grey;
  if (small || wide || large) return;
  const what = { [UNSIGNED]: 'whole', [SIGNED]: 'signed', [REAL]: 'real' }[kind] ?? 'unknown';
  throw new FormatError(`it has ${samples} samples a pixel of ${bits} bits (${what} numbers); save it with 8 bits`);
}

/** Bytes of a row of a strip or tile. */
const rowBytes = ({ partWidth, samples, apart, bits }: Layout): number => Math.ceil((partWidth * (apart ? 1 : samples) * bits) / 8);

/** Reads the wanted samples of all parts, as 8 bits each. */
function readParts(bytes: Uint8Array, layout: Layout, out: Uint8Array): void {
  const { width, height, partWidth, partHeight, apart, wanted, offsets, sizes, packing, tiled } = layout;
  const [across, down] = [Math.ceil(width / partWidth), Math.ceil(height / partHeight)];
  const planes = apart ? wanted : 1;
  if (offsets.length < across * down * planes)
    throw new FormatError(
      `it says where ${offsets.length} parts of its pixels are, expected ${across * down * planes}; the file is damaged`,
    );
  const row = rowBytes(layout);
  const take = takerOf(layout);
  for (let part = 0; part < across * down * planes; part++) {
    const place = part % (across * down);
    const [left, top] = [(place % across) * partWidth, Math.floor(place / across) * partHeight];
    const rows = Math.min(partHeight, height - top);
    const size = row * (tiled ? partHeight : rows);
    const [from, length] = [offsets[part]!, sizes[part] ?? (packing === 1 ? size : bytes.length)];
    if (from > bytes.length) throw new FormatError('a part of its pixels lies behind its end; the file is truncated');
    let packed = bytes.subarray(from, from + length);
    if (layout.reversed) packed = packed.map(reversed);
    const unpacked = unpack(packed, packing, size);
    const plane = apart ? Math.floor(part / (across * down)) : -1;
    for (let y = 0; y < rows; y++) {
      const line = unpacked.subarray(y * row, (y + 1) * row);
      if (layout.predictor === 2) addBefore(line, layout);
      take(line, out, ((top + y) * width + left) * wanted, Math.min(partWidth, width - left), plane);
    }
  }
}

/** A byte whose bits stand the other way round. */
function reversed(byte: number): number {
  let out = 0;
  for (let i = 0; i < 8; i++) out |= ((byte >> i) & 1) << (7 - i);
  return out;
}

/** Undoes the prediction of a sample by the one of the pixel before. */
function addBefore(line: Uint8Array, { samples, apart, bits, little }: Layout): void {
  const step = apart ? 1 : samples;
  if (bits === 8) {
    for (let i = step; i < line.length; i++) line[i] = line[i]! + line[i - step]!;
    return;
  }
  const view = new DataView(line.buffer, line.byteOffset, line.byteLength);
  const size = bits >> 3;
  for (let at = step * size; at + size <= line.length; at += size) {
    if (size === 2) view.setUint16(at, view.getUint16(at, little) + view.getUint16(at - 2 * step, little), little);
    else view.setUint32(at, view.getUint32(at, little) + view.getUint32(at - 4 * step, little), little);
  }
}

type Taker = (line: Uint8Array, out: Uint8Array, at: number, pixels: number, plane: number) => void;

/** Takes the wanted samples of a row's pixels; `plane` is which sample stands alone in this row, or -1. */
function takerOf(layout: Layout): Taker {
  const { samples, wanted, apart, bits } = layout;
  const read = readerOf(layout);
  const fast = bits === 8;
  return (line, out, at, pixels, plane) => {
    const step = apart ? 1 : samples;
    const first = apart ? plane : 0;
    const last = apart ? plane + 1 : wanted;
    for (let c = first; c < last; c++) {
      const from = apart ? 0 : c;
      for (let x = 0, o = at + c; x < pixels; x++, o += wanted) out[o] = fast ? line[x * step + from]! : read(line, x * step + from);
    }
  };
}

/** Reads a sample of a row as 8 bits; numbers of a palette stay as they are. */
function readerOf({ bits, kind, little, meaning, samples }: Layout): (line: Uint8Array, index: number) => number {
  if (bits < 8) {
    const scale = meaning === PALETTE ? 1 : 255 / ((1 << bits) - 1);
    return (line, index) => ((line[(index * bits) >> 3]! >> (8 - bits - ((index * bits) & 7))) & ((1 << bits) - 1)) * scale;
  }
  if (bits === 16 && samples > 1) return (line, index) => line[2 * index + (little ? 1 : 0)]!;
  const size = bits >> 3;
  return (line, index) => {
    const view = new DataView(line.buffer, line.byteOffset + index * size, size);
    let value: number;
    if (kind === REAL) value = view.getFloat32(0, little);
    else if (bits === 16) value = kind === SIGNED ? view.getInt16(0, little) : view.getUint16(0, little);
    else value = view.getInt32(0, little); // PIL's whole numbers are signed ones
    return Math.min(255, Math.max(0, Math.trunc(value) || 0));
  };
}

/** Undoes the multiplication with alpha, as Pillow does; grey under an alpha of 0 stays. */
function divideByAlpha(samples: Uint8Array, wanted: number): void {
  const colours = wanted - 1;
  for (let i = 0; i < samples.length; i += wanted) {
    const alpha = samples[i + colours]!;
    if (alpha === 255 || (alpha === 0 && colours === 1)) continue;
    for (let c = 0; c < colours; c++) samples[i + c] = alpha === 0 ? 0 : Math.min(255, Math.floor((255 * samples[i + c]!) / alpha));
  }
}

/** Three bytes for each number; colours that the file lacks are black. */
function paletteOf(tags: Tags, bits: number): Uint8Array {
  const numbers = tags.get(TAG.palette);
  if (numbers === undefined) throw new FormatError('it has no palette; the file is damaged');
  const count = Math.floor(numbers.length / 3);
  const palette = new Uint8Array(3 * (1 << bits));
  for (let i = 0; i < Math.min(count, 1 << bits); i++) for (let c = 0; c < 3; c++) palette[3 * i + c] = numbers[c * count + i]! >> 8;
  return palette;
}

function imageOf(samples: Uint8Array, { width, height, wanted, meaning, bits }: Layout, palette: Uint8Array | undefined): Image {
  const pixels = width * height;
  if (palette === undefined && meaning !== RGB && meaning !== CMYK) {
    if (meaning === WHITE_IS_0 && bits <= 8) for (let i = 0; i < samples.length; i += wanted) samples[i] = 255 - samples[i]!;
    if (wanted === 1) return new Image(width, height, 1, samples);
    return new Image(
      width,
      height,
      1,
      Uint8Array.from({ length: pixels }, (_, i) => samples[i * wanted]!),
    );
  }
  if (meaning === RGB && wanted === 3) return new Image(width, height, 3, samples);
  const out = new Uint8Array(pixels * 3);
  for (let i = 0, o = 0; i < samples.length; i += wanted, o += 3) {
    const rest = 255 - samples[i + 3]!;
    for (let c = 0; c < 3; c++) {
      if (palette !== undefined) out[o + c] = palette[3 * samples[i]! + c]!;
      else out[o + c] = meaning === CMYK ? rest - share(samples[i + c]!, rest) : samples[i + c]!;
    }
  }
  return new Image(width, height, 3, out);
}

/** `a * b / 255`, rounded. */
function share(a: number, b: number): number {
  const product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}
