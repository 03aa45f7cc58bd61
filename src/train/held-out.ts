/**
 * Which images a network was trained on: drawn so that every class keeps its share, and remembered by what is in the files, so that a later evaluation
 * can leave them out wherever the images lie by then and whatever they are called.
 */
import { ArgumentError } from '../base/errors.ts';
import { crc32 } from '../io/bytes/crc32.ts';
import { randperm } from '../tensor/create.ts';

export interface SplitIndices {
  readonly train: readonly number[];
  readonly valid: readonly number[];
}

/**
 * Indices for training and for validation, drawn at random: the part `validSize` of every class, as nearly as whole images allow, is for
 * validation.
 * @param targets - the class of each image
 * @throws ArgumentError when one of the two would be empty
 */
export function stratifiedSplit(targets: readonly number[], validSize: number): SplitIndices {
  const { length } = targets;
  const total = Math.floor(length * validSize);
  if (total < 1 || total >= length)
    throw new ArgumentError(`a validation part of ${validSize} of ${length} images is ${total}; both parts need at least one image`);
  const left = quotas(targets, total);
  const [train, valid]: [number[], number[]] = [[], []];
  for (const index of Array.from(randperm(length, { dtype: 'int32' }).toTypedArray(), Number)) {
    const quota = left.get(targets[index]!)!;
    if (quota === 0) train.push(index);
    else {
      valid.push(index);
      left.set(targets[index]!, quota - 1);
    }
  }
  return { train, valid };
}

/** How many of each class: its share rounded down, and one more for those with the largest rests. */
function quotas(targets: readonly number[], total: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const target of targets) counts.set(target, (counts.get(target) ?? 0) + 1);
  const shares = [...counts].map(([target, count]) => ({ target, count, exact: (count * total) / targets.length }));
  const result = new Map(shares.map(({ target, exact }) => [target, Math.floor(exact)]));
  let rest = total - [...result.values()].reduce((sum, n) => sum + n, 0);
  const rests = shares.sort((a, b) => (b.exact % 1) - (a.exact % 1) || a.target - b.target);
  for (const { target, count } of rests) {
    if (rest === 0) break;
    const now = result.get(target)!;
    if (now + 1 >= count) continue; // the last one of a class is worth more in training
    result.set(target, now + 1);
    rest--;
  }
  for (const { target, count } of rests) {
    const more = Math.min(rest, count - result.get(target)!);
    result.set(target, result.get(target)! + more);
    rest -= more;
  }
  return result;
}

/** A number for what is in an image's file, or for its pixels where there is none. */
export const fingerprintOf = (bytes: Uint8Array): number => crc32(bytes) | 0;

/** What of a set is not among the fingerprints of images that were trained on. */
export function notAmong(fingerprints: Int32Array, trained: Int32Array): number[] {
  const known = new Set(trained);
  return [...fingerprints.keys()].filter((index) => !known.has(fingerprints[index]!));
}
