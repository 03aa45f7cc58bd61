/** An epoch's batches in groups of those that are added up for one update. */
import { pair, type BatchSource } from './progress.ts';
import type { Pair } from './steps.ts';

/** The batches of one update, and how many have come in this epoch with them. */
export interface Group {
  readonly batches: readonly Pair[];
  readonly seen: number;
}

export interface GroupOptions {
  /** Batches that one update is of. */
  readonly size: number;
  /** Batches to pass over at first; they are read all the same, so that the rest is what it would have been. */
  readonly skip?: number;
  /** Called when the last of those has come. */
  readonly onSkipped?: () => void;
  readonly mix: ((inputs: Pair[0], targets: Pair[1]) => Pair) | undefined;
}

export async function* groupsOf(source: BatchSource, { size, skip = 0, onSkipped, mix }: GroupOptions): AsyncGenerator<Group, void> {
  let group: Pair[] = [];
  let seen = 0;
  for await (const batch of source) {
    if (++seen <= skip) {
      if (seen === skip) onSkipped?.();
      continue;
    }
    const [inputs, targets] = pair(batch);
    group.push(mix?.(inputs, targets) ?? [inputs, targets]);
    if (group.length < size && seen < source.length) continue;
    yield { batches: group, seen };
    group = [];
  }
  if (group.length > 0) yield { batches: group, seen }; // the source gave fewer than it said
}
