/**
 * What plans keep from run to run: packed weights and the like, made of memory that they only read. All of it together is bounded: a
 * function that is compiled for many sizes would else hold a copy for each. Whoever has not run for longest lets go first, and makes its own again
 * when it next runs.
 */
import type { Program } from '../devices/device.ts';
import type { PlanStep } from './plan.ts';

/** A kept buffer, and how it is made. */
export interface Kept {
  /** Among the plan's buffers. */
  readonly buffer: number;
  readonly bytes: number;
  /** The external buffers that it is made of. */
  readonly sources: readonly number[];
  readonly steps: readonly PlanStep[];
  readonly program: Program;
  /** Of each source, its address, whose memory it was and its version when this was last made. */
  readonly madeOf: number[];
}

/** A plan that holds such buffers. */
export interface Keeper {
  readonly kept: readonly Kept[];
  /** Gives their memory back. */
  letGo(): void;
}

/** What all plans together keep, in bytes, unless one alone keeps more. Tests make it small. */
export const KEPT = { most: 256 * 1024 * 1024 };

/** Whoever ran last stands last. */
const keepers: Keeper[] = [];
const bytesOf = ({ kept }: Keeper): number => kept.reduce((sum, { bytes }) => sum + bytes, 0);

/** Says that a keeper is about to run, holding its buffers; others may have to let go. */
export function holds(keeper: Keeper): void {
  if (keepers.at(-1) === keeper) return;
  forget(keeper);
  keepers.push(keeper);
  while (keptBytes() > KEPT.most && keepers.length > 1) keepers.shift()!.letGo();
}

/** What is kept now, in bytes. */
export const keptBytes = (): number => keepers.reduce((sum, keeper) => sum + bytesOf(keeper), 0);

/** Says that a keeper holds nothing any more. */
export function forget(keeper: Keeper): void {
  const place = keepers.indexOf(keeper);
  if (place !== -1) keepers.splice(place, 1);
}
