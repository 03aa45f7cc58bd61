/** Which of a run's checkpoints are stored, where not all fit. */
import type { Checkpoint } from './checkpoints.ts';

/** All runs together: so many bytes at most beyond the newest of each. */
const MOST_STORED = 96 * 2 ** 20;
/** Of one run. */
const MOST_OF_ONE = 8 * 2 ** 20;

/** The bytes that each of so many runs may have. */
export const shareOf = (runs: number): number => Math.min(MOST_OF_ONE, MOST_STORED / Math.max(1, runs));

/** The newest whatever it takes, then the beginning, then those before the newest, as many as fit. Oldest first. */
export function checkpointsToKeep(all: readonly Checkpoint[], bytes: number): readonly Checkpoint[] {
  const last = all.at(-1);
  if (last === undefined) return [];
  const kept = new Set([last]);
  let left = bytes - last.bytes;
  for (const checkpoint of [all[0]!, ...all.slice(1, -1).reverse()]) {
    if (kept.has(checkpoint)) continue;
    left -= checkpoint.bytes;
    if (left < 0) break;
    kept.add(checkpoint);
  }
  return all.filter((checkpoint) => kept.has(checkpoint));
}
