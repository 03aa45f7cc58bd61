/**
 * What plans keep from run to run: packed weights and the like, made of memory that they only read. Plans that make the same of the same
 * memory have it in common, as those of one function for several sizes do. All of it together is bounded as well: whoever has not run for
 * longest lets go first, and makes its own again when it next runs.
 */
import type { Hold, Holding, Program } from '../devices/device.ts';
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
  /** What its launches do, as text: where it is the same, so is what they make of the same memory. Undefined where that is not known. */
  readonly recipe: string | undefined;
  /** Of each source, where it began, whose memory it was and its version when this was last made. */
  readonly madeOf: number[];
  /** Where it lies, while it is held. */
  block: Block | undefined;
}

/** Memory in which something was made that plans keep. */
export interface Block {
  readonly holding: Holding;
  /** Of what it was made and how, if others may find it here. */
  key: string | undefined;
  /** How many plans have it. */
  users: number;
}

/** A plan that holds such buffers. */
export interface Keeper {
  readonly kept: readonly Kept[];
  /** Gives their memory back. */
  letGo(): unknown;
}

/** What all plans together keep, in bytes, unless one alone keeps more. Tests make it small. */
export const KEPT = { most: 256 * 1024 * 1024 };

// ---- what plans have in common

/** By what it is made of. Weakly referred to: plans that are gone hold nothing. */
const blocks = new Map<string, WeakRef<Block>>();
/** At this many, those that are gone are looked for. */
let crowded = 64;

/**
 * Finds memory for what is made in this way, and says whether it is there already, because another plan has made it. Else it must be made,
 * and said to be there with `isMade`.
 */
export function takeBlock(kept: Kept, key: string | undefined, hold: Hold): 'made' | 'kept' | 'new' {
  const known = key === undefined ? undefined : blocks.get(key)?.deref();
  if (known !== undefined && known !== kept.block) {
    leaveBlock(kept);
    known.users++;
    kept.block = known;
    return 'made';
  }
  if (kept.block?.users === 1) {
    unlist(kept.block);
    return 'kept';
  }
  leaveBlock(kept);
  kept.block = { holding: hold(kept.bytes), key: undefined, users: 1 };
  return 'new';
}

/** Says that it has been made. */
export function isMade(block: Block, key: string | undefined): void {
  if (key === undefined) return;
  if (blocks.size >= crowded) {
    for (const [name, ref] of blocks) if (ref.deref() === undefined) blocks.delete(name);
    crowded = Math.max(64, 2 * blocks.size);
  }
  block.key = key;
  blocks.set(key, new WeakRef(block));
}

/** Gives up a plan's share of where a buffer lies. */
export function leaveBlock(kept: Kept): void {
  const { block } = kept;
  kept.block = undefined;
  kept.madeOf.length = 0;
  if (block === undefined || --block.users > 0) return;
  unlist(block);
  block.holding.free();
}

function unlist(block: Block): void {
  if (block.key !== undefined) blocks.delete(block.key);
  block.key = undefined;
}

// ---- the bound

/** Whoever ran last stands last. Weakly referred to: a plan that is gone keeps nothing. */
let keepers: WeakRef<Keeper>[] = [];
/** The last one, so that whoever runs again and again costs nothing. */
let last: WeakRef<Keeper> | undefined;

/** Says that a keeper is about to run. */
export function noteRun(keeper: Keeper): void {
  if (last?.deref() === keeper) return;
  forget(keeper);
  keepers.push((last = new WeakRef(keeper)));
}

/** Makes others let go where all together have come to hold too much. */
export function keepWithinBound(): void {
  while (keepers.length > 1 && keptBytes() > KEPT.most) keepers.shift()!.deref()?.letGo();
}

/** What is kept now, in bytes. */
export function keptBytes(): number {
  const found = new Set<Block>();
  for (const ref of keepers) for (const { block } of ref.deref()?.kept ?? []) if (block !== undefined) found.add(block);
  let bytes = 0;
  for (const { holding } of found) bytes += holding.bytes;
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
