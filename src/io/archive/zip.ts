/** Zip archives whose members may be deflated: the archive itself is read by `stored-zip.ts`. */
import { Inflate } from 'fflate';
import { FormatError } from '../../base/errors.ts';
import { reason } from '../bytes/reason.ts';
import { memberError, StoredZipReader, type ZipEntry } from './stored-zip.ts';

export type { ZipEntry, ZipOptions } from './stored-zip.ts';

/** Compressed bytes inflated at a time: deflate grows at most MAX_RATIO-fold, so a bomb is noticed within 17 MB. */
const INFLATE_STEP = 16384;

/** An opened archive. */
export class ZipReader extends StoredZipReader {
  protected override inflated(packed: Uint8Array, entry: ZipEntry): Uint8Array {
    return inflate(packed, entry);
  }
}

function inflate(packed: Uint8Array, entry: ZipEntry): Uint8Array {
  const out = new Uint8Array(entry.size);
  let filled = 0;
  const fail = (why: string): FormatError => memberError(entry.name, entry.dataOffset, `${why}; the file is damaged, fetch it again`);
  const stream = new Inflate((chunk) => {
    if (filled + chunk.length > out.length) throw fail(`deflate data holds more than the ${entry.size} bytes promised`);
    out.set(chunk, filled);
    filled += chunk.length;
  });
  try {
    for (let at = 0; at < packed.length; at += INFLATE_STEP) {
      const end = Math.min(at + INFLATE_STEP, packed.length);
      stream.push(packed.subarray(at, end), end === packed.length);
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw fail(`deflate data cannot be read (${reason(error)})`);
  }
  if (filled !== entry.size) throw fail(`deflate data holds ${filled} bytes instead of the ${entry.size} promised`);
  return out;
}
