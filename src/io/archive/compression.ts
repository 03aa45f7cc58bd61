/** What an archive is packed with, by its first bytes, and the streams that unpack it. */
import { DeviceError, FormatError } from '../../base/errors.ts';
import { nodeModule } from '../bytes/platform.ts';

/** How an archive is packed. */
export type Packing = 'none' | 'gzip' | 'zstd' | 'brotli' | 'zip';

/** Bytes that {@link packingOf} looks at. */
export const HEAD_BYTES = 8;

/** What nothing here unpacks, with the program that does. */
const FOREIGN: readonly (readonly [what: string, first: readonly number[], remedy: string])[] = [
  ['an xz file', [0xfd, 0x37, 0x7a, 0x58, 0x5a], 'pack it again: xz -dc FILE | gzip > data.tar.gz'],
  ['a bzip2 file', [0x42, 0x5a, 0x68], 'pack it again: bzip2 -dc FILE | gzip > data.tar.gz'],
  ['an lzip file', [0x4c, 0x5a, 0x49, 0x50], 'pack it again: lzip -dc FILE | gzip > data.tar.gz'],
  ['a 7-Zip archive', [0x37, 0x7a, 0xbc, 0xaf], 'unpack it to a folder: 7z x FILE'],
  ['a RAR archive', [0x52, 0x61, 0x72, 0x21], 'unpack it to a folder: unrar x FILE'],
  ['a file of compress', [0x1f, 0x9d], 'pack it again: uncompress -c FILE | gzip > data.tar.gz'],
];

const begins = (head: Uint8Array, first: readonly number[]): boolean => first.every((byte, i) => head[i] === byte);

/**
 * How an archive is packed. Brotli has no mark of its own: there the name has to end in `.br`.
 *
 * @param head - its first bytes, at least {@link HEAD_BYTES} if there are so many
 * @throws FormatError for what cannot be unpacked; it says what to do
 */
export function packingOf(head: Uint8Array, name: string): Packing {
  const foreign = FOREIGN.find(([, first]) => begins(head, first));
  if (foreign !== undefined)
    throw new FormatError(`openArchive: ${JSON.stringify(name)} is ${foreign[0]}, which is not read; ${foreign[2]}`);
  if (begins(head, [0x50, 0x4b, 0x03, 0x04]) || begins(head, [0x50, 0x4b, 0x05, 0x06])) return 'zip';
  if (begins(head, [0x1f, 0x8b])) return 'gzip';
  if (begins(head, [0x28, 0xb5, 0x2f, 0xfd])) return 'zstd';
  return /\.(br|tbr)$/i.test(name) ? 'brotli' : 'none';
}

type Packed = Exclude<Packing, 'none' | 'zip'>;
/** What Node 22.15 and later have. */
type ZstdMaker = (options: { readonly chunkSize: number }) => import('node:zlib').Gunzip;

/**
 * A stream of Node's that unpacks.
 * @throws DeviceError where this Node has none for the format
 */
export function unpackerInNode(packing: Packed, name: string, chunkSize: number): import('node:zlib').Gunzip {
  const zlib = nodeModule('zlib', 'openArchive', '');
  if (packing === 'gzip') return zlib.createGunzip({ chunkSize });
  if (packing === 'brotli') return zlib.createBrotliDecompress({ chunkSize });
  const make = (zlib as { readonly createZstdDecompress?: ZstdMaker }).createZstdDecompress;
  if (make !== undefined) return make({ chunkSize });
  throw noUnpacker(name, 'zstd', 'use Node 22.15 or later, or pack it again: zstd -dc FILE | gzip > data.tar.gz');
}

/**
 * A stream of the web's that unpacks, in browsers and in Node.
 * @throws DeviceError where the platform has none for the format
 */
export function unpackerAnywhere(packing: Packed, name: string): DecompressionStream {
  try {
    return new DecompressionStream(packing as CompressionFormat);
  } catch (cause) {
    throw noUnpacker(name, packing, 'pack it as .tar.gz', cause);
  }
}

const noUnpacker = (name: string, format: string, remedy: string, cause?: unknown): DeviceError =>
  new DeviceError(`openArchive: ${JSON.stringify(name)} is packed with ${format}, which this platform does not unpack; ${remedy}`, {
    cause,
  });
