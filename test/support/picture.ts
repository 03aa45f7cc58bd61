/** The pictures that test/fixtures/vision.py draws, and short names for their contents. */
import { createHash } from 'node:crypto';
import { Image, type Channels } from '../../src/io/image/image.ts';

/** Slopes, edges and noise, from whole numbers only. */
export function picture(width: number, height: number, channels: Channels): Image {
  const data = new Uint8Array(width * height * channels);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++, i++) {
        const noise = Math.imul(x * 73 + y * 151 + c * 29, 2654435761) >>> 27;
        data[i] = x * 7 + y * 3 * (c + 1) + ((Math.floor(x / 5) + Math.floor(y / 4)) % 2) * 60 + noise;
      }
    }
  }
  return new Image(width, height, channels, data);
}

/** The start of the SHA-256 of an array's bytes. */
export function sha(array: NodeJS.ArrayBufferView): string {
  return createHash('sha256').update(array).digest('hex').slice(0, 16);
}
