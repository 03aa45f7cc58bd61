/** Pictures as a network sees them. */
import { tensor, zeros, type Tensor } from 'flambeau';
import { fromPixels, functional as V } from 'flambeau/vision';
import type { NetworkSpec, Part, Picture } from './spec.ts';

/** Bytes and labels of one part, at the network's size: what a worker gets, and what the shown programs load. */
export interface PictureSet {
  /** uint8 [N, channels, size, size]. */
  readonly images: Tensor;
  /** int64 [N]. */
  readonly labels: Tensor;
  /** The picture's id for each row. */
  readonly ids: readonly string[];
}

/** What is needed of a picture to train on it. */
export type Trainable = Pick<Picture, 'id' | 'label' | 'part' | 'size' | 'rgb'>;

/** Red, green, blue as canvases have them: with a fourth byte for each pixel, which says that one sees nothing through it. */
export function withAlpha(rgb: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from]!;
    rgba[to + 1] = rgb[from + 1]!;
    rgba[to + 2] = rgb[from + 2]!;
    rgba[to + 3] = 255;
  }
  return rgba;
}

/** uint8 [channels, size, size]: resized as torchvision does, with antialiasing. */
export function pictureTensor(picture: Pick<Picture, 'size' | 'rgb'>, network: Pick<NetworkSpec, 'channels' | 'size'>): Tensor {
  const { size, rgb } = picture;
  let pixels: Tensor = fromPixels({ width: size, height: size, data: withAlpha(rgb) });
  if (network.channels === 1) pixels = V.rgbToGrayscale(pixels);
  if (size !== network.size) pixels = V.resize(pixels, [network.size, network.size]);
  return pixels;
}

export function pictureSet(pictures: readonly Trainable[], part: Part, network: NetworkSpec): PictureSet {
  const chosen = pictures.filter((picture) => picture.part === part);
  const { channels, size } = network;
  const images = zeros([chosen.length, channels, size, size], { dtype: 'uint8' }) as Tensor;
  chosen.forEach((picture, i) => images.select(0, i).copy_(pictureTensor(picture, network)));
  const labels = tensor(
    chosen.map(({ label }) => label),
    { dtype: 'int64' },
  );
  return { images, labels, ids: chosen.map(({ id }) => id) };
}

/** Both parts. */
export const pictureSets = (
  pictures: readonly Trainable[],
  network: NetworkSpec,
): { readonly train: PictureSet; readonly valid: PictureSet } => ({
  train: pictureSet(pictures, 'train', network),
  valid: pictureSet(pictures, 'valid', network),
});

/** Bytes to numbers between -1 and 1, which networks like: (x / 255 - 0.5) / 0.5. */
export const normalised = (images: Tensor): Tensor => images.float().div(255).sub(0.5).div(0.5) as Tensor;

/** How many of each class are in a part. */
export function countsOf(pictures: readonly Picture[], classes: number, part?: Part): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const picture of pictures) {
    if ((part === undefined || picture.part === part) && picture.label < classes) counts[picture.label]! += 1;
  }
  return counts;
}
