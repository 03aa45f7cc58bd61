/** What is noted of one image: whether it can be read, what it is, and what is odd about it. */
import { crc32 } from '../io/bytes/crc32.ts';
import { kindOf } from '../io/image/kind.ts';
import { isJpeg } from '../io/image/jpeg-header.ts';
import { isPng } from '../io/image/png.ts';
import type { Image } from '../io/image/image.ts';
import type { ImageDataset } from '../vision/datasets/index.ts';
import type { SplitName } from './layout.ts';
import { isUnreadable, tryImage, whyUnreadable } from './unreadable.ts';

/** One image of the data. */
export interface CheckedImage {
  readonly part: SplitName;
  readonly name: string;
  /** The name of its class. */
  readonly label: string;
  /** Why it cannot be read; undefined if it can. */
  readonly why?: string;
  /** What the file is, if its ending says something else. */
  readonly isReally?: string;
  readonly width: number;
  readonly height: number;
  /** `grey`, `colour`, `transparent`, `CMYK`: as the file has it. */
  readonly mode: string;
  readonly isBlank: boolean;
  /** The same for images with the same pixels. */
  readonly pixels: string;
}

/** Reads one image. */
export function checkImage(images: ImageDataset, index: number, part: SplitName): CheckedImage {
  const name = images.imageName(index);
  const bytes = fileOf(images, index);
  const base = { part, name, label: images.classes[images.targets[index]!] ?? String(images.targets[index]!) };
  const isReally = bytes === undefined ? undefined : wrongEnding(name, bytes);
  const image = tryImage(images, index);
  if (isUnreadable(image)) return { ...base, why: image.why, ...(isReally === undefined ? {} : { isReally }), width: 0, height: 0, mode: '', isBlank: false, pixels: '' }; // prettier-ignore
  return {
    ...base,
    ...(isReally === undefined ? {} : { isReally }),
    width: image.width,
    height: image.height,
    mode: bytes === undefined ? (image.channels === 1 ? 'grey' : 'colour') : modeOf(bytes, image),
    isBlank: isBlank(image),
    pixels: `${image.width}x${image.height} ${hashed(image.data)}`,
  };
}

/** What is in an image's file; undefined where there is none, or where it cannot be read at all, which {@link tryImage} says. */
function fileOf(images: ImageDataset, index: number): Uint8Array | undefined {
  try {
    return images.imageFile(index);
  } catch (error) {
    whyUnreadable(error, images.imageName(index));
    return undefined;
  }
}

/** Two checksums of different stretches, and the length: enough to find equals among some million. */
const hashed = (bytes: Uint8Array): string => `${bytes.length} ${crc32(bytes)} ${crc32(bytes.subarray(bytes.length >> 2))}`;

function wrongEnding(name: string, bytes: Uint8Array): string | undefined {
  const kind = kindOf(bytes);
  const ending = /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase();
  if (kind?.endings === undefined || ending === undefined) return undefined;
  return kind.endings.includes(ending) ? undefined : kind.what;
}

const PNG_MODES: Readonly<Record<number, string>> = {
  0: 'grey',
  2: 'colour',
  3: 'palette',
  4: 'transparent',
  6: 'transparent',
};
const PNG_TYPE_AT = 25;

function modeOf(bytes: Uint8Array, image: Image): string {
  if (isPng(bytes)) return PNG_MODES[bytes[PNG_TYPE_AT] ?? 2] ?? 'colour';
  if (isJpeg(bytes)) return ({ 1: 'grey', 4: 'CMYK' } as Readonly<Record<number, string>>)[componentsOf(bytes)] ?? 'colour';
  return isGrey(image) ? 'grey' : 'colour';
}

/** The number of components in a JPEG file's frame; the file has been decoded, so it has one. */
function componentsOf(bytes: Uint8Array): number {
  for (let at = 2; at + 9 < bytes.length;) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0xff || marker === 0) at++;
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return bytes[at + 9]!;
    else at += 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return 3;
}

const isGrey = ({ channels, data }: Image): boolean => channels === 1 || data.every((value, i) => value === data[i - (i % channels)]);

/** Standard deviation of a channel's values below which an image shows nothing. */
const FLAT = 2.5;
/** So many pixels are looked at. */
const LOOKS = 20_000;

/** Whether all pixels have about the same colour. */
function isBlank({ data, channels }: Image): boolean {
  const step = channels * Math.max(1, Math.floor(data.length / channels / LOOKS));
  for (let c = 0; c < channels; c++) {
    let [count, sum, squares] = [0, 0, 0];
    for (let i = c; i < data.length; i += step) {
      count++;
      sum += data[i]!;
      squares += data[i]! ** 2;
    }
    if (squares / count - (sum / count) ** 2 > FLAT ** 2) return false;
  }
  return true;
}
