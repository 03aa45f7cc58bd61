/** The files of a zip archive as they were before they were packed. */
import { FormatError } from '../../base/errors.ts';
import { crc32 } from '../bytes/crc32.ts';
import type { Places } from './file-set.ts';
import { inflateRaw } from './inflate.ts';

/**
 * A member's bytes as they are, from those in the archive.
 * @throws FormatError when they are damaged
 */
export function unpackMember(bytes: Uint8Array, index: number, places: Places, name: string): Uint8Array {
  const { packed, checksum, size } = places;
  try {
    const out = packed === undefined || packed[index] === -1 ? bytes : inflateRaw(bytes, size[index]!);
    if (checksum !== undefined && crc32(out) !== checksum[index])
      throw new FormatError('its checksum is wrong; the archive is damaged, fetch it again');
    return out;
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`zip: member ${JSON.stringify(name)}: ${cause.message}`, { cause });
  }
}
