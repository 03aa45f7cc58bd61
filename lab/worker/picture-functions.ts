/** Reading picture files, in a worker, so that the page goes on. */
import { LARGEST_SIDE } from '../core/collection.ts';

export interface DecodedPicture {
  readonly size: number;
  /** Red, green and blue of each pixel. */
  readonly rgb: Uint8Array;
}

/** A file beyond this is no picture of a camera. */
const LARGEST_FILE = 100 * 2 ** 20;

/** What is wrong with a file. */
export interface UnreadPicture {
  readonly problem: string;
}

/** At once. */
const TOGETHER = 4;

/** Reads several files, in their order. */
export async function decodePictures(files: readonly Blob[]): Promise<readonly (DecodedPicture | UnreadPicture)[]> {
  const found = new Array<DecodedPicture | UnreadPicture>(files.length);
  let next = 0;
  const reader = async (): Promise<void> => {
    while (next < files.length) {
      const i = next++;
      found[i] = await decodePicture(files[i]!);
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, reader));
  return found;
}

/** The middle square of a picture in a file, of {@link LARGEST_SIDE} pixels at most; what is transparent becomes white. */
async function decodePicture(file: Blob): Promise<DecodedPicture | UnreadPicture> {
  if (file.size === 0) return { problem: 'the file is empty' };
  if (file.size > LARGEST_FILE) return { problem: 'the file is larger than 100 MB' };
  const bitmap = await bitmapOf(file);
  if (bitmap === undefined)
    return {
      problem: file.type.startsWith('image/')
        ? 'the picture is damaged, or of a kind that this browser cannot read'
        : 'it is not a picture',
    };
  try {
    return squareOf(bitmap);
  } finally {
    bitmap.close();
  }
}

async function bitmapOf(file: Blob): Promise<ImageBitmap | undefined> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    return undefined;
  }
}

/** Halved until it is near its size, so that every pixel counts, whichever way the browser makes pictures smaller. */
function squareOf(bitmap: ImageBitmap): DecodedPicture {
  const side = Math.min(bitmap.width, bitmap.height);
  const size = Math.min(side, LARGEST_SIDE);
  let now = side >= 4 * size ? 2 * size : size;
  let canvas = drawn(bitmap, now, [(bitmap.width - side) / 2, (bitmap.height - side) / 2, side]);
  while (now > size) {
    now = Math.max(size, Math.floor(now / 2));
    canvas = drawn(canvas, now, [0, 0, canvas.width]);
  }
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, size, size);
  const rgb = new Uint8Array(size * size * 3);
  for (let i = 0, at = 0; i < rgb.length; i += 3, at += 4) {
    rgb[i] = data[at]!;
    rgb[i + 1] = data[at + 1]!;
    rgb[i + 2] = data[at + 2]!;
  }
  return { size, rgb };
}

function drawn(source: CanvasImageSource, size: number, [x, y, side]: readonly [number, number, number]): OffscreenCanvas {
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, size, size);
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, x, y, side, side, 0, 0, size, size);
  return canvas;
}
