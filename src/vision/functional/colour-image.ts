/**
 * Colours of images, to the pixel as Pillow changes them (`ImageEnhance`, `ImageOps`, conversions to HSV and back): float32 arithmetic cut off to
 * whole values, or a table for every value.
 */
import { Image } from '../../io/image/image.ts';

const f32 = Math.fround;

/** The image with every value replaced: 256 values for all channels, or 256 for each. */
function looked(image: Image, table: Uint8Array): Image {
  const { width, height, channels, data } = image;
  const out = new Uint8Array(data.length);
  if (table.length === 256) for (let i = 0; i < data.length; i++) out[i] = table[data[i]!]!;
  else for (let i = 0; i < data.length; i++) out[i] = table[((i % channels) << 8) + data[i]!]!;
  return new Image(width, height, channels, out);
}

const tableOf = (value: (level: number) => number): Uint8Array => Uint8Array.from({ length: 256 }, (_, i) => value(i));
const clip = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value));

/** `Image.blend` of two values: `from` with a factor of 0, `to` with 1, beyond them with others. */
const blend = (from: number, to: number, factor: number): number => clip(f32(from + f32(f32(factor) * (to - from))));

/** Darker with a factor below 1, brighter above. */
export const brightness = (image: Image, factor: number): Image =>
  looked(
    image,
    tableOf((value) => blend(0, value, factor)),
  );

/** Nearer to the mean grey with a factor below 1, further away above. */
export function contrast(image: Image, factor: number): Image {
  const grey = image.convert('L').data;
  let sum = 0;
  for (let i = 0; i < grey.length; i++) sum += grey[i]!;
  const mean = Math.trunc(sum / grey.length + 0.5);
  return looked(
    image,
    tableOf((value) => blend(mean, value, factor)),
  );
}

/** Nearer to grey with a factor below 1, more colourful above. */
export function saturation(image: Image, factor: number): Image {
  if (image.channels === 1)
    return factor === 0 || factor === 1
      ? image
      : looked(
          image,
          tableOf((value) => blend(value, value, factor)),
        );
  const { width, height, data } = image;
  const out = new Uint8Array(data.length);
  const shares = Float32Array.from({ length: 511 }, (_, i) => f32(factor) * (i - 255));
  for (let i = 0; i < data.length; i += 3) {
    const r = data[i]!;
    const g = data[i + 1]!;
    const b = data[i + 2]!;
    const grey = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
    const base = 255 - grey;
    // Stores cut off what is behind the point; float32 sums round first.
    const red = f32(grey + shares[r + base]!);
    const green = f32(grey + shares[g + base]!);
    const blue = f32(grey + shares[b + base]!);
    out[i] = red <= 0 ? 0 : red >= 255 ? 255 : red;
    out[i + 1] = green <= 0 ? 0 : green >= 255 ? 255 : green;
    out[i + 2] = blue <= 0 ? 0 : blue >= 255 ? 255 : blue;
  }
  return new Image(width, height, 3, out);
}

/** Hues of HSV with 8 bits: the sector of the colour wheel, and how far in it. */
const SECTOR = tableOf((hue) => Math.floor((hue * 6) / 255) % 6);
const WITHIN = Float32Array.from({ length: 256 }, (_, hue) => (hue * 6) / 255 - Math.floor((hue * 6) / 255));
/** Shares as they are multiplied: saturations as float32. */
const SHARE = Float32Array.from({ length: 256 }, (_, saturated) => saturated / 255);

/** The colour wheel turned: by a whole turn with 1; hue and saturation have 8 bits on the way. */
export function hue(image: Image, factor: number): Image {
  if (image.channels === 1) return image;
  const { width, height, data } = image;
  const shift = Math.trunc(factor * 255) & 255;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) turnHue(data, out, i, shift);
  return new Image(width, height, 3, out);
}

function turnHue(data: Uint8Array, out: Uint8Array, i: number, shift: number): void {
  const r = data[i]!;
  const g = data[i + 1]!;
  const b = data[i + 2]!;
  const most = r > g ? (r > b ? r : b) : g > b ? g : b;
  const least = r < g ? (r < b ? r : b) : g < b ? g : b;
  const range = most - least;
  const saturated = range === 0 ? 0 : Math.trunc(f32(range / most) * 255);
  if (saturated === 0) {
    out[i] = most;
    out[i + 1] = most;
    out[i + 2] = most;
    return;
  }
  const rc = f32((most - r) / range);
  const gc = f32((most - g) / range);
  const bc = f32((most - b) / range);
  const place = r === most ? f32(bc - gc) : g === most ? f32(2 + rc - bc) : f32(4 + gc - rc);
  const turned = place / 6 + 1;
  const angle = (Math.trunc(f32(turned >= 1 ? turned - 1 : turned) * 255) + shift) & 255;
  const f = WITHIN[angle]!;
  const s = SHARE[saturated]!;
  const p = Math.trunc(most * (1 - s) + 0.5);
  const q = Math.trunc(most * (1 - f32(s * f)) + 0.5);
  const t = Math.trunc(most * (1 - s * (1 - f)) + 0.5);
  const sector = SECTOR[angle]!;
  out[i] = sector === 0 || sector === 5 ? most : sector === 1 ? q : sector === 4 ? t : p;
  out[i + 1] = sector === 1 || sector === 2 ? most : sector === 3 ? q : sector === 0 ? t : p;
  out[i + 2] = sector === 3 || sector === 4 ? most : sector === 5 ? q : sector === 2 ? t : p;
}

/** Nearer to a smoothed picture with a factor below 1, further away from it above. The outermost pixels stay. */
export function sharpness(image: Image, factor: number): Image {
  const { width, height, channels, data } = image;
  const out = Uint8Array.from(data);
  const pitch = width * channels;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * pitch + channels; i < (y + 1) * pitch - channels; i++) {
      const around = data[i - pitch - channels]! + data[i - pitch]! + data[i - pitch + channels]! + data[i - channels]! + data[i + channels]! + data[i + pitch - channels]! + data[i + pitch]! + data[i + pitch + channels]!; // prettier-ignore
      const smooth = Math.floor((around + 5 * data[i]!) / 13 + 0.5);
      out[i] = blend(smooth, data[i]!, factor);
    }
  }
  return new Image(width, height, channels, out);
}

/** Powers of the values, as shares of the largest. */
export const gamma = (image: Image, power: number, gain: number): Image =>
  looked(
    image,
    tableOf((value) => clip(255.999 * gain * (value / 255) ** power)),
  );

/** Only the upper bits. */
export const posterized = (image: Image, bits: number): Image =>
  looked(
    image,
    tableOf((value) => value & ~(2 ** (8 - bits) - 1)),
  );

/** Values from a threshold on turned around. */
export const solarized = (image: Image, threshold: number): Image =>
  looked(
    image,
    tableOf((value) => (value < threshold ? value : 255 - value)),
  );

/** Every value turned around. */
export const inverted = (image: Image): Image =>
  looked(
    image,
    tableOf((value) => 255 - value),
  );

/** How many pixels have each value, channel by channel. */
function histograms({ channels, data }: Image): Uint32Array[] {
  const counts = Array.from({ length: channels }, () => new Uint32Array(256));
  for (let i = 0; i < data.length; i++) counts[i % channels]![data[i]!]!++;
  return counts;
}

/** A table for each channel, one after the other. */
function joined(tables: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(256 * tables.length);
  tables.forEach((table, i) => out.set(table, 256 * i));
  return out;
}

/** From the darkest value of each channel, which becomes 0, to the brightest, which becomes 255. */
export function autocontrasted(image: Image): Image {
  const tables = histograms(image).map((counts) => {
    const low = counts.findIndex((count) => count > 0);
    const high = counts.findLastIndex((count) => count > 0);
    if (high <= low) return tableOf((value) => value);
    const scale = 255 / (high - low);
    const offset = -low * scale;
    return tableOf((value) => clip(value * scale + offset));
  });
  return looked(image, joined(tables));
}

/** Every value of each channel about as often as any other. */
export function equalized(image: Image): Image {
  const tables = histograms(image).map((counts) => {
    const used = counts.filter((count) => count > 0);
    const rest = counts.reduce((sum, count) => sum + count, 0) - used.at(-1)!;
    const step = used.length <= 1 ? 0 : Math.floor(rest / 255);
    if (step === 0) return tableOf((value) => value);
    let n = Math.floor(step / 2);
    return tableOf((value) => {
      const level = Math.min(Math.floor(n / step), 255);
      n += counts[value]!;
      return level;
    });
  });
  return looked(image, joined(tables));
}
