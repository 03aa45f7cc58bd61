/** How often numbers lie where. */
import { rangeOf } from './look.ts';

export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** The standard deviation of all of them. */
  readonly spread: number;
  /** Of equal bins from the least to the greatest. */
  readonly counts: readonly number[];
}

export function histogram(values: ArrayLike<number>, bins = 24): Histogram {
  const { min, max } = rangeOf(values);
  const counts = new Array<number>(bins).fill(0);
  const scale = max > min ? bins / (max - min) : 0;
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    counts[Math.min(bins - 1, Math.floor((value - min) * scale))]! += 1;
    sum += value;
    squares += value * value;
  }
  const count = Math.max(1, values.length);
  const mean = sum / count;
  return { min, max, mean, spread: Math.sqrt(Math.max(0, squares / count - mean * mean)), counts };
}
