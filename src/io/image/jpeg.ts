/**
 * Decodes JPEG files with mozjpeg, a relative of libjpeg, as WebAssembly (package `@jsquash/jpeg`): what a hostile file can do is bounded
 * by its sandbox. Pixels are PIL's, bit for bit, save for the rare 4:4:0 sampling, where the two interpolate colour differently.
 *
 * The decoder is loaded when the first image is (`loadJpegDecoder`), so that importing the library stays fast. Emscripten's wrapper
 * around it needs some care: a fatal error "exits" and leaves memory behind, so the instance is thrown away then, and warnings, which
 * mean invented pixels, are printed, so they are caught and become errors.
 */
import { DeviceError, FormatError, InternalError } from '../../base/errors.ts';
import { isNode } from '../bytes/platform.ts';
import { copyColours, Image } from './image.ts';
import { readJpegHeader } from './jpeg-header.ts';
import { checkMemory } from './limits.ts';

interface Decoded {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** The part of Emscripten's module object that is used. */
interface Instance {
  /** Pixels as RGBA. */
  decode(bytes: Uint8Array, applyOrientation: boolean): Decoded;
}

interface Options {
  readonly noInitialRun: true;
  readonly print: (line: string) => void;
  readonly printErr: (line: string) => void;
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ) => WebAssembly.Exports;
}

type Factory = (options: Options) => Promise<Instance>;

/** Pixels from which on an image leaves so much memory behind that the instance is not kept. */
const LARGE = 8e6;

let factory: Factory | undefined;
/** Makes new instances; in Node at once. */
let compiled: WebAssembly.Module | undefined;
let current: Instance | undefined;
/** Whether the current instance has decoded something. */
let isWarm = false;
/** What the current instance has printed about the current file. */
const printed: string[] = [];

/**
 * Loads the decoder, once; {@link decodeJpeg} can be called when the promise has resolved.
 * @throws {@link DeviceError} where its code cannot be fetched, or where the page forbids WebAssembly
 */
export async function loadJpegDecoder(): Promise<void> {
  if (current !== undefined) return;
  if (factory === undefined || compiled === undefined) {
    const codec = await import('./jpeg-codec.ts').catch((cause: unknown) => {
      throw new DeviceError('decodeImage: the code of the JPEG decoder could not be loaded; it lies beside the library: deploy all files that the bundler wrote', { cause }); // prettier-ignore
    });
    factory = codec.makeInstance as Factory;
    compiled = await compile(codec.wasmBytes());
  }
  current = isNode ? instantiate(factory, compiled) : await instantiateLater(factory, compiled);
}

async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    // A browser's main thread may not compile this much at once; Node's may, and then no task comes in between.
    return isNode ? new WebAssembly.Module(bytes) : await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new DeviceError("decodeImage: this page's Content-Security-Policy does not let WebAssembly be compiled, which the JPEG decoder is; add 'wasm-unsafe-eval' to its script-src", { cause }); // prettier-ignore
  }
}

function options(): Options {
  const note = (line: string): void => void printed.push(line);
  return { noInitialRun: true, print: note, printErr: note };
}

/** In browsers an instance takes a while. */
function instantiateLater(make: Factory, module: WebAssembly.Module): Promise<Instance> {
  return new Promise((resolve, reject) => {
    const instantiateWasm: Options['instantiateWasm'] = (imports, done) => {
      WebAssembly.instantiate(module, imports).then(done, reject);
      return {}; // Emscripten's sign for "later"
    };
    withImageData(() => make({ ...options(), instantiateWasm })).then(resolve, reject);
  });
}

/** Emscripten fills in the object that it is given before it returns, if the code is at hand. */
function instantiate(make: Factory, module: WebAssembly.Module): Instance {
  const instance: Options & Partial<Instance> = {
    ...options(),
    instantiateWasm: (imports, done) => {
      const wasm = new WebAssembly.Instance(module, imports);
      done(wasm);
      return wasm.exports;
    },
  };
  void withImageData(() => make(instance));
  if (instance.decode === undefined) throw new InternalError('the JPEG decoder did not start');
  return instance as Instance;
}

/**
 * Decodes a JPEG file to grey or colour, whichever it is.
 *
 * @throws {@link FormatError} when it is truncated or damaged, of a kind that is not decoded (CMYK, 12 bits, arithmetic coding), or has
 * more than `maxPixels` pixels, or would take more than `maxBytes` bytes
 */
export function decodeJpeg(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  const header = readJpegHeader(bytes, maxPixels);
  const pixels = header.width * header.height;
  // In the decoder and copied from there, and our own where that is another array.
  checkMemory(pixels * (pixels > LARGE ? 8 : 8 + header.components) + header.coefficients, maxBytes);
  if (current === undefined && isNode && factory !== undefined && compiled !== undefined)
    current = instantiate(factory, compiled);
  const instance = current;
  if (instance === undefined) throw new InternalError('decodeJpeg was called before loadJpegDecoder');
  printed.length = 0;
  let decoded: Decoded;
  try {
    decoded = isWarm ? instance.decode(bytes, false) : withImageData(() => instance.decode(bytes, false));
    isWarm = true;
  } catch (cause) {
    discard();
    throw new FormatError(`it cannot be decoded: ${printed.join('; ') || 'the decoder failed'}; the file is damaged`, {
      cause,
    });
  }
  if (pixels > LARGE) discard();
  const inventing = printed.find((line) => /^Premature|^Corrupt JPEG data: (?!\d+ extraneous)/.test(line));
  if (inventing !== undefined) throw new FormatError(`it cannot be decoded: ${inventing}; the file is damaged`);
  return fromRgba(decoded, header.components === 1 ? 1 : 3);
}

/** Lets go of the instance and its memory; the next file gets another. In browsers, where that takes time, it stays. */
function discard(): void {
  if (!isNode) return;
  current = undefined;
  isWarm = false;
}

/**
 * The wrapper returns its result as an `ImageData`, which Node lacks, and looks for it when it starts and at its first decoding: it
 * gets a stand-in that does not stay.
 */
function withImageData<T>(action: () => T): T {
  const world = globalThis as { ImageData?: unknown };
  if (world.ImageData !== undefined) return action();
  world.ImageData = PlainImageData;
  try {
    return action();
  } finally {
    delete world.ImageData;
  }
}

class PlainImageData implements Decoded {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

function fromRgba({ data, width, height }: Decoded, channels: 1 | 3): Image {
  const pixels = width * height;
  // What is large is packed where it is, forwards, so that it is not there twice.
  const out = pixels > LARGE ? new Uint8Array(data.buffer, data.byteOffset, pixels * channels) : new Uint8Array(pixels * channels); // prettier-ignore
  if (channels === 1) {
    for (let i = 0; i < pixels; i++) out[i] = data[4 * i]!;
  } else {
    copyColours(data, out);
  }
  return new Image(width, height, channels, out);
}
