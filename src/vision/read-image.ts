/** Reads one image from wherever it is. */
import { ArgumentError } from '../base/errors.ts';
import { reason } from '../io/file-set.ts';
import { decodeImage, type DecodeOptions } from '../io/image/decode.ts';
import type { Image } from '../io/image/image.ts';
import type { FileSource } from '../io/open-files.ts';
import { nodeModule } from '../io/platform.ts';

/**
 * Reads and decodes an image file, as colour unless `mode` says otherwise.
 *
 * @param source - a path (in Node), a `File` or `Blob`, or the file's bytes
 * @throws {@link ArgumentError} when there is no such file
 * @throws FormatError when it is no image, of a kind that is not known, damaged or truncated; it names the file
 */
export async function readImage(source: FileSource, options: DecodeOptions = {}): Promise<Image> {
  if (typeof source === 'string') return decodeImage(readFile(source), { name: source, ...options });
  if (source instanceof Uint8Array) return decodeImage(source, options);
  const name = 'name' in source ? String(source.name) : 'image';
  return decodeImage(new Uint8Array(await source.arrayBuffer()), { name, ...options });
}

function readFile(path: string): Uint8Array {
  const fs = nodeModule('fs', 'readImage(path)', 'pass a File, a Blob or bytes instead');
  try {
    return fs.readFileSync(path);
  } catch (cause) {
    throw new ArgumentError(`readImage: cannot read ${JSON.stringify(path)}: ${reason(cause)}`, { cause });
  }
}
