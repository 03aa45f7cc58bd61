/** The random draws of torchvision's transforms, from the default generator, one number a call as there. */
import { fillRandint, fillUniform, multinomial, randperm } from '../../tensor/random/index.ts';

const one = new Float32Array(1);
const whole = new Int32Array(1);

/** `torch.rand(1)` */
export function draw(): number {
  fillUniform(one);
  return one[0]!;
}

/** `torch.rand(1) < p`, which compares in float32. */
export const happens = (p: number): boolean => draw() < Math.fround(p);

/** `torch.rand(()) <= p` */
export const happensUpTo = (p: number): boolean => draw() <= Math.fround(p);

/** `torch.empty(1).uniform_(from, to)` */
export function uniform(from: number, to: number): number {
  fillUniform(one, from, to);
  return one[0]!;
}

/** `from + torch.rand(1) * (to - from)`, which rounds twice. */
export const between = (from: number, to: number): number => Math.fround(Math.fround(draw() * Math.fround(to - from)) + Math.fround(from));

/** `torch.randint(from, end, (1,))` */
export function within(from: number, end: number): number {
  fillRandint(whole, from, end);
  return whole[0]!;
}

/** `torch.randint(0, end, (1,))` */
export const below = (end: number): number => within(0, end);

/** `torch.randperm(n)` */
export const permutation = (n: number): number[] => [...randperm(n)];

/** `torch.multinomial(weights, 1)` */
export const pick = (weights: readonly number[]): number => multinomial(Float32Array.from(weights), 1)[0]!;
