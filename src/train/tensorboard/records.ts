/**
 * TFRecord files (https://www.tensorflow.org/tutorials/load_data/tfrecord): a record is its length (8 bytes), the masked checksum of these, its bytes, and their masked checksum. The
 * checksum is CRC-32C (Castagnoli, polynomial 0x82F63B78 reflected), masked since the checksum of data with checksums in it is a weak one.
 */
import type { Bytes } from '../../base/host-types.ts';

const TABLE = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c;
});

/** CRC-32C of bytes, an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array): number {
  let c = -1;
  for (const byte of bytes) c = (c >>> 8) ^ TABLE[(c ^ byte) & 255]!;
  return ~c >>> 0;
}

/** Turned by 15 bits, plus a constant. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A record with all that stands around it. */
export function framed(record: Uint8Array): Bytes {
  const bytes = new Uint8Array(record.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(record.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(record, 12);
  view.setUint32(12 + record.length, maskedCrc32c(record), true);
  return bytes;
}
