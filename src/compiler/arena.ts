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

/** The most bytes of a part of an arena on a device whose largest buffer is of `bytes`. */
export const partBytes = (bytes: number): number => Math.max(ALIGN, Math.floor(bytes / ALIGN) * ALIGN);

/** Where blocks lie. */
export interface Arrangement {
  readonly offsets: readonly number[];
  readonly bytes: number;
  /** No block reaches over a multiple of this. */
  readonly part: number;
}

/**
 * Offsets of the blocks, 64-byte aligned, and the size of the arena. No block reaches over a multiple of `most`, so that an arena larger than
 * a device's largest buffer may lie in several; unless a block is larger itself, which has no place at all there.
 */
export function arrange(spans: readonly Span[], most = Infinity): Arrangement {
  const part = spans.some(({ bytes }) => aligned(bytes) > most) ? Infinity : most;
  const order = spans.map((_, i) => i).sort((a, b) => spans[b]!.bytes - spans[a]!.bytes || a - b);
  const offsets = new Array<number>(spans.length).fill(0);
  const placed: number[] = [];
  const placeFrom = (at: number, size: number): number => ((at % part) + size > part ? Math.ceil(at / part) * part : at);
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
      at = placeFrom(Math.max(at, offsets[j]! + aligned(spans[j]!.bytes)), size);
    }
    offsets[i] = at;
    placed.push(i);
    total = Math.max(total, at + size);
  }
  return { offsets, bytes: total, part };
}
