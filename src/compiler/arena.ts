/**
 * Lays blocks out in one arena so that blocks whose lives overlap do not: the largest first, each at the lowest place where
 * it fits (the "greedy by size" of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
 */

/** A block and the steps of its life, both included. */
export interface Span {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

const ALIGN = 64;
/** What a block takes. */
export const aligned = (bytes: number): number => Math.ceil(Math.max(bytes, 1) / ALIGN) * ALIGN;

/** Offsets of the blocks, 64-byte aligned, and the size of the arena. */
export function arrange(spans: readonly Span[]): { readonly offsets: readonly number[]; readonly bytes: number } {
  const order = spans.map((_, i) => i).sort((a, b) => spans[b]!.bytes - spans[a]!.bytes || a - b);
  const offsets = new Array<number>(spans.length).fill(0);
  const placed: number[] = [];
  let total = 0;
  for (const i of order) {
    const span = spans[i]!;
    const size = aligned(span.bytes);
    // Neighbours in time, by place: the first gap between them that is large enough.
    const others = placed
      .filter((j) => spans[j]!.first <= span.last && span.first <= spans[j]!.last)
      .sort((a, b) => offsets[a]! - offsets[b]!);
    let at = 0;
    for (const j of others) {
      if (offsets[j]! - at >= size) break;
      at = Math.max(at, offsets[j]! + aligned(spans[j]!.bytes));
    }
    offsets[i] = at;
    placed.push(i);
    total = Math.max(total, at + size);
  }
  return { offsets, bytes: total };
}
