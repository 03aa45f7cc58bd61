/** Pixels in the modes of Pillow, as an image in grey or colour: what `Image.convert` makes of them. */
import { oneOf, show } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { Image, type Channels } from '../io/image/image.ts';

/** Channels of each mode that is read. */
const CHANNELS = { L: 1, LA: 2, RGB: 3, YCbCr: 3, HSV: 3, RGBA: 4, RGBX: 4, CMYK: 4 } as const;
/** What a tensor's channels mean, by Pillow's names. */
export type PixelMode = keyof typeof CHANNELS;

/** What to do about the modes that have no pixels of 8 bits. */
const REFUSED: Readonly<Record<string, string>> = {
  '1': "write x.to('uint8').mul(255), which is grey",
  P: 'pick the colours of the palette first: palette.at(indices)',
  I: 'bring the values to 0 … 1 and leave the mode out, or save them as an array with flambeau/files',
  'I;16': "write x.to('float32').div(65535) and leave the mode out, or save the values as an array with flambeau/files",
  'I;16B': "write x.to('float32').div(65535) and leave the mode out, or save the values as an array with flambeau/files",
  F: 'bring the values to 0 … 1 and leave the mode out, or save them as an array with flambeau/files',
  LAB: 'convert to red, green and blue first',
};

/** Of options. */
const PIXEL_MODE = oneOf(...Object.keys(CHANNELS));

/** @throws ArgumentError for a mode that is not read, saying what to write instead */
export function requireMode(op: string, mode: unknown): asserts mode is PixelMode | undefined {
  if (mode === undefined || PIXEL_MODE.accepts(mode)) return;
  const remedy = typeof mode === 'string' ? REFUSED[mode] : undefined;
  throw new ArgumentError(
    `${op}: expected the mode to be ${PIXEL_MODE.expected}, but got ${show(mode)}${remedy === undefined ? '' : `: images have 8 bits a channel; ${remedy}`}`,
  );
}

/**
 * The mode of a number of channels.
 * @throws ShapeError for a number of channels that the mode does not have, or that says nothing without a mode
 */
export function modeOf(op: string, shape: readonly number[], channels: number, mode: PixelMode | undefined): PixelMode {
  if (mode !== undefined && CHANNELS[mode] !== channels)
    throw new ShapeError(`${op}: mode '${mode}' has ${CHANNELS[mode]} channels, but got ${showShape(shape)}`);
  if (mode !== undefined) return mode;
  if (channels === 1) return 'L';
  if (channels === 3) return 'RGB';
  const remedy =
    {
      2: "; for grey and transparency say { mode: 'LA' }, which drops the latter",
      4: "; say what four channels are: { mode: 'RGBA' }, 'RGBX' or 'CMYK'",
    }[channels] ?? '';
  throw new ShapeError(`${op}: expected [1, H, W], [3, H, W] or [H, W], but got ${showShape(shape)}${remedy}`);
}

/** @param data - channels innermost */
export function imageOfPixels(width: number, height: number, mode: PixelMode, data: Uint8Array): Image {
  if (mode === 'L' || mode === 'RGB') return new Image(width, height, CHANNELS[mode], data);
  const channels: Channels = mode === 'LA' ? 1 : 3;
  const step = CHANNELS[mode];
  const convert = PIXELS[mode];
  const out = new Uint8Array(width * height * channels);
  for (let i = 0, o = 0; i < data.length; i += step, o += channels) convert(data, i, out, o);
  return new Image(width, height, channels, out);
}

type Convert = (from: Uint8Array, i: number, to: Uint8Array, o: number) => void;
const clip = (value: number): number => Math.min(Math.max(value, 0), 255);
const drop: Convert = (from, i, to, o) => {
  to.set(from.subarray(i, i + 3), o);
};

const PIXELS: Readonly<Record<Exclude<PixelMode, 'L' | 'RGB'>, Convert>> = {
  LA: (from, i, to, o) => {
    to[o] = from[i]!;
  },
  RGBA: drop,
  RGBX: drop,
  // A product of two bytes as a byte, rounded.
  CMYK: (from, i, to, o) => {
    const light = 255 - from[i + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = from[i + c]! * light + 128;
      to[o + c] = clip(light - (((product >> 8) + product) >> 8));
    }
  },
  // In 64ths, as libImaging/ConvertYCbCr.c.
  YCbCr: (from, i, to, o) => {
    const [y, cb, cr] = [from[i]!, from[i + 1]! - 128, from[i + 2]! - 128];
    to[o] = clip(y + (part(1.402, cr) >> 6));
    to[o + 1] = clip(y + ((part(-0.34414, cb) + part(-0.71414, cr)) >> 6));
    to[o + 2] = clip(y + (part(1.772, cb) >> 6));
  },
  HSV: (from, i, to, o) => {
    to.set(hueToColour(from[i]!, from[i + 1]!, from[i + 2]!), o);
  },
};

const part = (factor: number, value: number): number => Math.trunc(factor * value * 64 + 0.5);

function hueToColour(h: number, s: number, v: number): readonly number[] {
  if (s === 0) return [v, v, v];
  const sector = Math.floor((h * 6) / 255);
  const f = Math.fround((h * 6) / 255 - sector);
  const share = Math.fround(s / 255);
  const bytes = [1 - share, 1 - Math.fround(share * f), 1 - share * (1 - f)].map((factor) => clip(Math.floor(v * factor + 0.5)));
  const [p, q, t] = bytes as [number, number, number];
  return [
    [v, t, p],
    [q, v, p],
    [p, v, t],
    [p, q, v],
    [t, p, v],
    [v, p, q],
  ][sector % 6]!;
}
