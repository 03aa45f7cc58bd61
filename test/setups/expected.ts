/** What the program of every setup gives, and how near that is to PyTorch's numbers. */
import { readFileSync } from 'node:fs';

export interface Answer {
  readonly losses: readonly number[];
  readonly outputs: readonly (readonly number[])[];
}

const read = (name: string): Buffer => readFileSync(new URL(`../fixtures/setups/${name}`, import.meta.url));

export const checkpoint = read('net.pt');
/** PyTorch's own numbers (test/fixtures/setups.py). */
export const pytorch = JSON.parse(String(read('expected.json'))) as Answer;

/** The greatest difference of two answers. */
export function distance(a: Answer, b: Answer): number {
  const [left, right] = [a, b].map(({ losses, outputs }) => [...losses, ...outputs.flat()]) as [number[], number[]];
  return left.length === right.length ? Math.max(...left.map((value, i) => Math.abs(value - right[i]!))) : NaN;
}

/** Said of an answer in the table: hosts on JavaScriptCore round multiply-adds twice, all others must give the same bits. */
export function nearness(answer: Answer, bits: Answer): string {
  const off = distance(answer, bits);
  return off === 0 ? 'same bits' : `within ${off.toPrecision(1)}`;
}
