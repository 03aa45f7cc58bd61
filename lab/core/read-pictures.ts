/** Pictures that come from outside (a project file, the browser's storage): checked, and made anew of known fields. */
import { DEFAULT_SPLITTING, MOST_PICTURES, type Splitting } from './collection.ts';
import { isFields, own, SetupError } from './read-setup.ts';
import type { Origin, Part, Picture } from './spec.ts';

export type PictureFacts = Omit<Picture, 'rgb' | 'size'>;

/** A picture without its pixels. */
export const pictureFacts = ({ id, name, label, part, origin }: PictureFacts): PictureFacts => ({ id, name, label, part, origin });

const PARTS: readonly Part[] = ['train', 'valid'];
const ORIGINS: readonly Origin[] = ['sample', 'drawn', 'camera', 'file'];
const LONGEST = 300;
/** Pixels on a side of what is read. */
export const MOST_SIDE = 256;

/** @throws SetupError with what is wrong and where */
export function readPictureFacts(value: unknown, classes: number): readonly PictureFacts[] {
  if (!Array.isArray(value)) throw new SetupError('pictures: expected a list');
  if (value.length > MOST_PICTURES) throw new SetupError(`${value.length} pictures are too many: at most ${MOST_PICTURES} fit`);
  const seen = new Set<string>();
  return value.map((item: unknown, i) => {
    const place = `picture ${i + 1}`;
    if (!isFields(item)) throw new SetupError(`${place}: expected an object`);
    const text = (name: string): string => {
      const found = own(item, name);
      if (typeof found !== 'string' || found.length > LONGEST)
        throw new SetupError(`${name} of ${place}: expected a text of at most ${LONGEST} letters`);
      return found;
    };
    const [id, label, part, origin] = [text('id'), own(item, 'label'), own(item, 'part'), own(item, 'origin')];
    if (id === '' || seen.has(id)) throw new SetupError(`${place}: its id is empty, or another picture's`);
    seen.add(id);
    if (typeof label !== 'number' || !Number.isInteger(label) || label < 0 || label >= classes)
      throw new SetupError(`label of ${place}: expected a whole number below ${classes}, the number of classes`);
    return {
      id,
      name: text('name'),
      label,
      part: PARTS.find((known) => known === part) ?? 'train',
      origin: ORIGINS.find((known) => known === origin) ?? 'file',
    };
  });
}

/** @throws SetupError where they are not those of a square picture */
export function readPixels(value: unknown, name: string): Pick<Picture, 'rgb' | 'size'> {
  const size = isFields(value) ? own(value, 'size') : undefined;
  const rgb = isFields(value) ? own(value, 'rgb') : undefined;
  const fits =
    typeof size === 'number' &&
    Number.isInteger(size) &&
    size > 0 &&
    size <= MOST_SIDE &&
    rgb instanceof Uint8Array &&
    rgb.length === 3 * size * size;
  if (!fits) throw new SetupError(`the pixels of “${name}” are missing or damaged`);
  return { size, rgb };
}

export function readSplitting(value: unknown): Splitting {
  if (!isFields(value)) return DEFAULT_SPLITTING;
  const [share, seed] = [own(value, 'share'), own(value, 'seed')];
  const fits = typeof share === 'number' && share >= 0 && share <= 0.5 && typeof seed === 'number' && Number.isSafeInteger(seed);
  return fits ? { share, seed } : DEFAULT_SPLITTING;
}
