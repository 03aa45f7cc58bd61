/**
 * What plans keep from run to run: packed weights and the like, made of memory that they only read. All of it together is bounded: a
 * function that is compiled for many sizes would else hold a copy for each. Whoever has not run for longest lets go first, and makes its own again
 * when it next runs.
 */
import type { Program } from '../devices/device.ts';
import type { LoweredStep } from './lowering.ts';

/** A kept buffer, and how it is made. */
export interface Kept {
  /** Among the plan's buffers. */
  readonly buffer: number;
  readonly bytes: number;
  /** The external buffers that it is made of. */
  readonly sources: readonly number[];
  readonly steps: readonly LoweredStep[];
  readonly program: Program;
  /** Of each source, where it began, whose memory it was and its version when this was last made. */
  readonly madeOf: number[];
}

/** A plan that holds such buffers. */
export interface Keeper {
  readonly kept: readonly Kept[];
  /** Gives their memory back. */
  letGo(): unknown;
}

/** What all plans together keep, in bytes, unless one alone keeps more. Tests make it small. */
export const KEPT = { most: 256 * 1024 * 1024 };

/** Whoever ran last stands last. Weakly referred to: a plan that is gone keeps nothing. */
let keepers: WeakRef<Keeper>[] = [];
/** The last one, so that whoever runs again and again costs nothing. */
let last: WeakRef<Keeper> | undefined;

/** Says that a keeper is about to run, holding its buffers; others may have to let go. */
export function holds(keeper: Keeper): void {
  if (last?.deref() === keeper) return;
  forget(keeper);
  keepers.push((last = new WeakRef(keeper)));
  for (let bytes = keptBytes(); bytes > KEPT.most && keepers.length > 1;) {
    const first = keepers.shift()!.deref();
    if (first === undefined) continue;
    bytes -= bytesOf(first);
    first.letGo();
  }
}

const bytesOf = ({ kept }: Keeper): number => kept.reduce((sum, { bytes }) => sum + bytes, 0);

/** What is kept now, in bytes. */
export function keptBytes(): number {
  let bytes = 0;
  for (const ref of keepers) {
    const keeper = ref.deref();
    if (keeper !== undefined) bytes += bytesOf(keeper);
  }
  return bytes;
}

/** Says that a keeper holds nothing any more. Forgets those that are gone as well. */
export function forget(keeper: Keeper): void {
  keepers = keepers.filter((ref) => {
    const other = ref.deref();
    return other !== undefined && other !== keeper;
  });
  if (last?.deref() === keeper) last = undefined;
}
