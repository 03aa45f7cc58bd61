/**
 * Pictures that a browser already has, as images: an `ImageData`, or whatever can be drawn on a canvas. Told apart by what they offer and
 * not by their classes, which hosts without pages lack. Transparency is dropped, as PIL's `convert('RGB')` does.
 */
import { ArgumentError, DeviceError } from '../base/errors.ts';
import { copyColours, Image } from '../io/image/image.ts';

/** An `ImageData`, a canvas, an `ImageBitmap`, an `<img>` or a `<video>`: everything in a browser that has pixels. */
export interface Drawable {
  readonly width: number;
  readonly height: number;
}

/** What `fromPixels` takes: a {@link Drawable}, an `ImageData` or what looks like one, or a `VideoFrame`. */
export type PixelSource = Drawable | Rgba | { readonly displayWidth: number; readonly displayHeight: number };

/** The part of a page's elements and of `ImageData` that is looked at. */
interface Picture extends Drawable {
  readonly data?: unknown;
  readonly naturalWidth?: number;
  readonly naturalHeight?: number;
  readonly videoWidth?: number;
  readonly videoHeight?: number;
  readonly displayWidth?: number;
  readonly displayHeight?: number;
  readonly getContext?: unknown;
}

interface Context {
  clearRect(x: number, y: number, width: number, height: number): void;
  drawImage(source: unknown, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

interface Host {
  readonly OffscreenCanvas?: new (width: number, height: number) => { getContext(kind: '2d', options: typeof READ): Context | null };
  readonly document?: {
    createElement(name: 'canvas'): {
      width: number;
      height: number;
      getContext(kind: '2d', options: typeof READ): Context | null;
    };
  };
}

/** Kinds that are drawn, by the name that `Object.prototype.toString` gives them. */
const DRAWN = /^(HTML(Image|Canvas|Video)Element|SVGImageElement|OffscreenCanvas|ImageBitmap|VideoFrame)$/;
const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** Whether {@link imageOfDrawable} takes it. */
export function isDrawable(value: unknown): value is Drawable {
  return DRAWN.test(tagOf(value)) || pixelsOf(value) !== undefined;
}

/** The bytes of an `ImageData`, or of a plain object that looks like one. */
function pixelsOf(value: unknown): Uint8ClampedArray | Uint8Array | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { data, width, height } = value as Partial<Picture>;
  const isBytes = data instanceof Uint8ClampedArray || data instanceof Uint8Array;
  return isBytes && typeof width === 'number' && typeof height === 'number' && data.length === 4 * width * height ? data : undefined;
}

/** Red, green, blue and alpha of each pixel, row by row, as an `ImageData` has them. */
export interface Rgba {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * The pixels of a picture as a colour image, in its own size.
 * @throws ArgumentError when it is not loaded yet, empty, of more than `maxPixels`, or from another origin that did not allow it
 * @throws DeviceError where there is no canvas
 */
export function imageOfDrawable(source: Drawable, maxPixels: number): Image {
  const { data, width, height } = pixelsOfDrawable('readImage', source, maxPixels);
  return withoutAlpha(data, width, height);
}

/** The pixels of a picture in its own size; see {@link imageOfDrawable} for errors. */
export function pixelsOfDrawable(op: string, source: PixelSource, maxPixels: number): Rgba {
  const own = pixelsOf(source);
  const [width, height] = sizeOf(source);
  if (!(width > 0 && height > 0)) {
    throw new ArgumentError(
      `${op}: the ${tagOf(source)} has no pixels yet; wait until it is loaded, for an <img> with await image.decode()`,
    );
  }
  if (width * height > maxPixels) throw new ArgumentError(`${op}: ${width}x${height} pixels are more than maxPixels, ${maxPixels}`);
  return { data: own ?? drawn(op, source, width, height), width, height };
}

function sizeOf(source: Partial<Picture>): readonly [width: number, height: number] {
  const width = source.naturalWidth ?? source.videoWidth ?? source.displayWidth ?? source.width ?? 0;
  const height = source.naturalHeight ?? source.videoHeight ?? source.displayHeight ?? source.height ?? 0;
  return [width, height];
}

function drawn(op: string, source: PixelSource, width: number, height: number): Uint8ClampedArray {
  const context = contextOf(op, width, height);
  try {
    context.drawImage(source, 0, 0);
    return context.getImageData(0, 0, width, height).data;
  } catch (cause) {
    last = undefined; // it gives no pixels any more
    throw new ArgumentError(
      `${op}: the browser does not give the pixels of this ${tagOf(source)}; a picture of another origin needs crossOrigin="anonymous" and a server that allows it`,
      { cause },
    );
  }
}

/** Canvases whose pixels are read stay in memory that the processor reaches. */
const READ = { willReadFrequently: true };
/** The last canvas, for the next frame of a camera; larger ones are let go of. */
let last: { readonly context: Context; readonly width: number; readonly height: number } | undefined;
const MOST_KEPT = 2 ** 22;

function contextOf(op: string, width: number, height: number): Context {
  if (last?.width === width && last.height === height) {
    last.context.clearRect(0, 0, width, height);
    return last.context;
  }
  const host = globalThis as unknown as Host;
  let context: Context | null = null;
  if (host.OffscreenCanvas !== undefined) context = new host.OffscreenCanvas(width, height).getContext('2d', READ);
  else if (host.document !== undefined)
    context = Object.assign(host.document.createElement('canvas'), { width, height }).getContext('2d', READ);
  if (context === null) throw new DeviceError(`${op}: this host has no canvas to read the picture from; pass the bytes of its file`);
  last = width * height <= MOST_KEPT ? { context, width, height } : undefined;
  return context;
}

function withoutAlpha(rgba: Uint8ClampedArray | Uint8Array, width: number, height: number): Image {
  const out = new Uint8Array(width * height * 3);
  copyColours(rgba, out);
  return new Image(width, height, 3, out);
}
