/** Reads one image from wherever it is. */
import { kind, requireKind } from '../base/arguments.ts';
import type { HostUrl } from '../base/host-types.ts';
import { bytesOf } from '../base/bytes.ts';
import { ArgumentError } from '../base/errors.ts';
import { reason } from '../io/archive/file-set.ts';
import { decodeImage, type DecodeOptions } from '../io/image/decode.ts';
import type { Image } from '../io/image/image.ts';
import { MAX_PIXELS } from '../io/image/limits.ts';
import type { FileSource } from '../io/archive/open-files.ts';
import { isNode, nodeModule } from '../io/bytes/platform.ts';
import { readingPath } from '../io/bytes/read-path.ts';
import { imageOfDrawable, isDrawable, type Drawable } from './drawn-image.ts';

/** Where an image may be: what files come from, a URL, or what a page shows. */
export type ImageSource = FileSource | HostUrl | Drawable;

const OPTIONS = kind('an object', (value) => typeof value === 'object' && value !== null);

/**
 * Reads and decodes an image file, as colour unless `mode` says otherwise.
 *
 * @param source - a path (in Node), a `URL`, a `File` or `Blob`, the file's bytes, or a picture that the browser has decoded already: an
 * `ImageData`, canvas, `ImageBitmap`, `<img>` or `<video>`, whose pixels are the browser's
 * @throws {@link ArgumentError} when there is no such file, or for anything else
 * @throws FormatError when it is no image, of a kind that is not known, damaged or truncated; it names the file
 */
export async function readImage(source: ImageSource, options: DecodeOptions = {}): Promise<Image> {
  requireKind('readImage', 'options', options, OPTIONS, "write { mode: 'L' }");
  if (typeof source === 'string') return decodeImage(readFile(source), { name: source, ...options });
  if (source instanceof URL) return decodeImage(await fetched(source), { name: source.href.slice(0, 200), ...options });
  if (source instanceof Blob) {
    const name = 'name' in source ? String(source.name) : 'image';
    return decodeImage(new Uint8Array(await source.arrayBuffer()), { name, ...options });
  }
  if (isDrawable(source)) return imageOfDrawable(source, options.maxPixels ?? MAX_PIXELS).convert(options.mode ?? 'RGB');
  return decodeImage(bytesOf('readImage', source), options);
}

async function fetched(url: URL): Promise<Uint8Array> {
  if (url.protocol === 'file:' && isNode) return readFile(nodeModule('url', 'readImage', '').fileURLToPath(url));
  try {
    const response = await fetch(url);
    if (!response.ok) throw new ArgumentError(`readImage: ${url.href} was answered with status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    if (cause instanceof ArgumentError) throw cause;
    throw new ArgumentError(`readImage: ${url.href.slice(0, 200)} could not be fetched: ${reason(cause)}`, { cause });
  }
}

function readFile(path: string): Uint8Array {
  const fs = nodeModule('fs', 'readImage(path)', 'pass a URL, a File, a Blob or bytes instead');
  return readingPath('readImage', path, () => fs.readFileSync(path));
}
