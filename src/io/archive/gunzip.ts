/** Unpacks gzip files (RFC 1952) in memory, up to a limit, with the platform's own decompressor. */
import { FormatError } from '../../base/errors.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import { reason } from './file-set.ts';

/** Most bytes that a file unpacks to by default: 512 MiB. */
const LIMIT = 512 * 2 ** 20;

/**
 * The unpacked bytes.
 *
 * @throws {@link FormatError} when the file is damaged or unpacks to more than `limit` bytes; it names the file
 */
export async function gunzip(bytes: Uint8Array, name: string, limit = LIMIT): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const source = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
  const reader = source.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > limit) throw new FormatError(`gunzip: ${JSON.stringify(name)} unpacks to more than ${limit} bytes`);
      chunks.push(value);
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(`gunzip: ${JSON.stringify(name)} cannot be unpacked: ${reason(cause)}; fetch it again`, {
      cause,
    });
  } finally {
    await reader.cancel().catch(() => undefined); // a stream that failed cannot be cancelled, and its error is on its way
  }
  return concatBytes(chunks);
}
