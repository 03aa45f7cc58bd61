/**
 * Kernels that make each element of a result by itself: threads count elements of a flat result, in order.
 *
 * Results of one byte share words, so where there is one, a thread makes the (up to) four elements of a word: see `quad` in `kernel.ts`.
 */
import { isByte, type WgslOperand } from './kernel.ts';

/** Threads of a workgroup. */
export const WALK_THREADS = 64;
export const WALK_GROUP = [WALK_THREADS, 1, 1] as const;

/** The body's `run`, where `element(i)` makes element i < p.n; the kernel has a parameter `n`. */
export function walkText(operands: readonly WgslOperand[]): string {
  const bytes = operands.filter(({ bytes }) => bytes === 'quad');
  const id = `group * ${WALK_THREADS}u + thread`;
  if (bytes.length === 0) {
    return `fn run(group: u32, local: vec3u, thread: u32) { let i = ${id}; if (i < p.n) { element(i); } }`;
  }
  const first = bytes[0]!.name;
  return `fn run(group: u32, local: vec3u, thread: u32) {
  let miss = p.${first}_ & 3u; let base = (${id}) * 4u;
  for (var k = 0u; k < 4u; k++) { let i = base + k - miss; if (base + k >= miss && i < p.n) { element(i); } }
  ${bytes.map(({ name }) => `${name}_flush(base + 3u - miss);`).join(' ')}
}`;
}

/** Workgroups for `n` elements. */
export function walkGroups(operands: readonly WgslOperand[], n: number): number {
  if (n === 0) return 0;
  const units = operands.some(({ bytes }) => bytes === 'quad') ? Math.ceil((n + 3) / 4) : n;
  return Math.ceil(units / WALK_THREADS);
}

/** The operand that a walk writes its results to. */
export const result = (name: string, dtype: WgslOperand['dtype']): WgslOperand =>
  isByte(dtype) ? { name, dtype, bytes: 'quad' } : { name, dtype };
