/** How numbers, sizes and amounts are written in explanations. */
import type { Dims } from '../../base/shape.ts';

/** 1,568 */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** 32×7×7 */
export const times = (sizes: Dims): string => (sizes.length === 0 ? '1' : sizes.join('×'));

/** Bytes as a person reads them; powers of ten, as file managers and the summary show them. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${rounded(count / 1e3)} kB`;
  return count < 1e9 ? `${rounded(count / 1e6)} MB` : `${rounded(count / 1e9)} GB`;
}

const rounded = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));

/** Large counts in words: 1.8 billion. */
export function inWords(count: number): string {
  if (count < 1e6) return grouped(count);
  return count < 1e9 ? `${rounded(count / 1e6)} million` : `${rounded(count / 1e9)} billion`;
}

/** `1 filter`, `16 filters` */
export const counted = (count: number, word: string): string => `${grouped(count)} ${word}${count === 1 ? '' : 's'}`;
