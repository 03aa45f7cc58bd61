/**
 * AVIF and HEIC images, by packages that the user installs: `sharp` for AVIF, `libheif-js` for HEIC, whose patents and licence (LGPL) keep it from
 * being part of this package. Both answer later than they are asked, so they run in a thread for which the caller waits. Images come turned as the
 * file says (its own boxes, not Exif). In browsers, which read AVIF themselves, `readImage(await createImageBitmap(file))` does it.
 */
import { FormatError } from '../../base/errors.ts';
import { isNode, nodeModule } from '../bytes/platform.ts';
import { Image } from './image.ts';
import { checkMemory, checkSize } from './limits.ts';

export type HeifFormat = 'avif' | 'heic';

const PACKAGES = { avif: 'sharp', heic: 'libheif-js' } as const;
const WHAT = { avif: 'an AVIF image', heic: 'an HEIC image' } as const;
/** How long an image may take. */
const PATIENCE_MS = 60_000;

/** What the thread answers. */
interface Answer {
  readonly width: number;
  readonly height: number;
  readonly data?: Uint8Array<ArrayBuffer>;
  readonly error?: string;
}

/** Where the user's packages are looked for. */
function places(): string[] {
  const { argv, cwd } = (globalThis as { process?: NodeJS.Process }).process!;
  const { join } = nodeModule('path', 'decodeImage', '');
  return [join(cwd(), 'package.json'), ...(argv[1] === undefined ? [] : [argv[1]])];
}

/** Whether files of a format can be decoded here: whether their package is installed. */
export function hasHeif(format: HeifFormat): boolean {
  if (!isNode) return false;
  const { createRequire } = nodeModule('module', 'decodeImage', '');
  return places().some((place) => {
    try {
      return createRequire(place).resolve(PACKAGES[format]) !== '';
    } catch {
      return false;
    }
  });
}

/**
 * Decodes an AVIF or HEIC file to colour.
 *
 * @throws {@link FormatError} when its package is not installed, when it is damaged, or has more than `maxPixels` pixels
 */
export function decodeHeif(bytes: Uint8Array, format: HeifFormat, maxPixels: number, maxBytes: number): Image {
  const [most, all] = sizes(bytes);
  checkSize(most.width, most.height, maxPixels);
  checkMemory(12 * all, maxBytes);
  if (!hasHeif(format)) {
    const inPages = format === 'avif' ? ' (in a page: readImage(await createImageBitmap(file)))' : '';
    throw new FormatError(
      `it is ${WHAT[format]}, which needs the package ${PACKAGES[format]}: npm install ${PACKAGES[format]}${inPages}, or save it as JPEG`,
    );
  }
  const { width, height, data, error } = ask(bytes, format, maxPixels);
  if (data === undefined)
    throw new FormatError(`it cannot be decoded by ${PACKAGES[format]}: ${error ?? 'it gave nothing'}; the file is damaged`);
  if (width * height > maxPixels || data.length !== width * height * 3)
    throw new FormatError('its size is another than it says; the file is damaged');
  return new Image(width, height, 3, data);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The largest of the sizes that the file says (ISO/IEC 23008-12, the box `ispe`), and the pixels of all. */
function sizes(bytes: Uint8Array): [Size, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [largest, all]: [Size, number] = [{ width: 0, height: 0 }, 0];
  for (let at = bytes.indexOf(0x69); at !== -1 && at + 16 <= bytes.length; at = bytes.indexOf(0x69, at + 1)) {
    if (view.getUint32(at) !== 0x69737065) continue;
    const size = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    all += size.width * size.height;
    if (size.width * size.height > largest.width * largest.height) largest = size;
  }
  if (all === 0) throw new FormatError('it says no size; the file is damaged');
  return [largest, all];
}

/** A thread that decodes, and what is between it and us. */
interface Helper {
  readonly worker: import('node:worker_threads').Worker;
  readonly port: import('node:worker_threads').MessagePort;
  /** Becomes 1 when there is an answer. */
  readonly done: Int32Array<SharedArrayBuffer>;
}
let helper: Helper | undefined;

function startHelper(): Helper {
  const { Worker, MessageChannel } = nodeModule('workers', 'decodeImage', '');
  const { port1, port2 } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(SOURCE, {
    eval: true,
    stdout: true, // what the packages print is not ours
    stderr: true,
    workerData: { port: port2, done, places: places() },
    transferList: [port2],
  });
  worker.unref();
  port1.unref();
  return { worker, port: port1, done };
}

function ask(bytes: Uint8Array, format: HeifFormat, maxPixels: number): Answer {
  helper ??= startHelper();
  const { worker, port, done } = helper;
  Atomics.store(done, 0, 0);
  port.postMessage({ file: bytes.slice(), format, maxPixels });
  if (Atomics.wait(done, 0, 0, PATIENCE_MS) === 'timed-out') {
    helper = undefined;
    void worker.terminate();
    return { width: 0, height: 0, error: 'it took too long' };
  }
  const got: { message: Answer } | undefined = nodeModule('workers', 'decodeImage', '').receiveMessageOnPort(port);
  return got?.message ?? { width: 0, height: 0 };
}

/** The thread's program: plain CommonJS, since it is started from text. */
const SOURCE = `
const { workerData } = require('node:worker_threads');
const { createRequire } = require('node:module');
const { port, done, places } = workerData;
function find(name) {
  for (const place of places) {
    try { createRequire(place).resolve(name); } catch { continue; }
    return createRequire(place)(name);
  }
}
async function avif({ file, maxPixels }) {
  const image = find('sharp')(file, { limitInputPixels: maxPixels }).toColourspace('srgb').removeAlpha().raw();
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}
async function heic({ file }) {
  const { HeifDecoder } = find('libheif-js/wasm-bundle');
  const [image] = new HeifDecoder().decode(file);
  if (image === undefined) throw new Error('there is no image in it');
  const [width, height] = [image.get_width(), image.get_height()];
  const rgba = new Uint8ClampedArray(width * height * 4);
  await new Promise((resolve, reject) => image.display({ data: rgba, width, height }, (shown) => shown ? resolve() : reject(new Error('its pixels cannot be decoded'))));
  image.free?.();
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, o = 0; o < data.length; i += 4, o += 3) data.set(rgba.subarray(i, i + 3), o);
  return { width, height, data };
}
port.on('message', async (asked) => {
  let answer;
  try {
    answer = await (asked.format === 'avif' ? avif(asked) : heic(asked));
  } catch (error) {
    answer = { width: 0, height: 0, error: String(error?.message ?? error).split('\\n')[0] };
  }
  port.postMessage(answer);
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
});
`;
