/** Images that cannot be read: which they are, and how many are too many. */
import { FormatError } from '../base/errors.ts';
import { isDecodable } from '../io/image/decode.ts';
import { kindOf } from '../io/image/kind.ts';
import type { Image } from '../io/image/image.ts';
import type { ImageDataset } from '../vision/datasets/index.ts';

/** An image that cannot be read, and why. */
export interface Unreadable {
  readonly name: string;
  readonly why: string;
}

/** The part of a set's images that may be unreadable, by default. */
export const MOST_UNREADABLE = 0.1;

/** An image, or why there is none. */
export function tryImage(images: ImageDataset, index: number): Image | Unreadable {
  try {
    return images.image(index);
  } catch (error) {
    return whyUnreadable(error, images.imageName(index));
  }
}

/** What an error says of an image. @throws the error, if it is another one */
export function whyUnreadable(error: unknown, name: string): Unreadable {
  if (!(error instanceof FormatError)) throw error;
  // The name stands in the message already.
  return { name, why: error.message.replace(/^decodeImage: /, '').replace(`${JSON.stringify(name)}: `, '') };
}

export const isUnreadable = (value: object): value is Unreadable => 'why' in value;

/** Whether a file is none that can be read, as far as its first bytes tell. */
export function wrongKind(images: ImageDataset, index: number): Unreadable | undefined {
  let head: Uint8Array | undefined;
  try {
    head = images.imageHead(index);
  } catch (error) {
    return whyUnreadable(error, images.imageName(index));
  }
  if (head === undefined || isDecodable(head)) return undefined;
  const what = head.length === 0 ? 'an empty file' : (kindOf(head)?.what ?? 'not an image');
  return { name: images.imageName(index), why: `it is ${what}` };
}

/**
 * Checks that there are not too many.
 *
 * @param most - the part of all that may be unreadable
 * @param left - the class of each image that is left
 * @throws FormatError when there are more, or a class has none left; it names the first of them
 */
export function requireFew(
  found: readonly Unreadable[],
  total: number,
  most: number,
  left: readonly number[],
  classes: readonly string[],
): void {
  if (found.length === 0) return;
  const share = found.length / total;
  if (share > most)
    throw new FormatError(
      `${found.length} of ${total} images cannot be read, more than ${percent(most)}: ${someOf(found)}; flambeau check lists all of them, and --max-unreadable takes more`,
    );
  const there = new Set(left);
  const gone = classes.findIndex((_, index) => !there.has(index));
  if (gone !== -1) throw new FormatError(`no image of the class ${JSON.stringify(classes[gone]!)} can be read: ${someOf(found)}`);
}

const percent = (part: number): string => `${Number((100 * part).toFixed(1))} %`;

/** The first few, for a message. */
export function someOf(found: readonly Unreadable[], most = 3): string {
  const some = found.slice(0, most).map(({ name, why }) => `${JSON.stringify(name)}: ${why}`);
  return `${some.join('; ')}${found.length > most ? `; and ${found.length - most} more` : ''}`;
}
