/** Rarer distributions, drawn number for number as PyTorch draws them on the CPU. */
import { kind, NUMBER, POSITIVE } from '../base/arguments.ts';
import type { TypedArray } from '../base/dtype.ts';
import { readCall, signature } from '../base/signature.ts';
import { GENERATOR, requireFloatTensor, requireTensor } from './arguments.ts';
import { filled, type DrawOptions } from './draws.ts';
import { defaultGenerator, requireStd, standardNormal, type Generator } from './random/index.ts';
import type { Tensor } from './tensor.ts';

/** A double of [0, 1). */
export const uniform = (generator: Generator): number => generator.random53() * 2 ** -53;

function each(data: TypedArray, draw: () => number): void {
  if (data instanceof BigInt64Array) for (let i = 0; i < data.length; i++) data[i] = BigInt(draw());
  else for (let i = 0; i < data.length; i++) data[i] = draw();
}

interface GeometricCall extends DrawOptions {
  readonly p: number;
}
const CHANCE = kind('a number between 0 and 1, neither of them', (value) => typeof value === 'number' && value > 0 && value < 1);
const GEOMETRIC = signature<GeometricCall>('geometric_', { p: CHANCE, generator: GENERATOR }, { required: 1, positional: 1 });

/** How many trials with the chance `p` it takes until one succeeds: whole numbers from 1 on. */
export function geometric_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireTensor('geometric_', 'the input', x);
  const { p, generator = defaultGenerator } = readCall<GeometricCall>(GEOMETRIC, args);
  const scale = Math.log1p(-p);
  return filled(x, (data) => each(data, () => Math.ceil(Math.log(uniform(generator)) / scale)));
}

interface CauchyCall extends DrawOptions {
  readonly median?: number;
  readonly sigma?: number;
}
const CAUCHY = signature<CauchyCall>('cauchy_', { median: NUMBER, sigma: POSITIVE, generator: GENERATOR }, { positional: 2 });

/** Numbers from Cauchy's distribution, around `median` (0) and as wide as `sigma` (1). */
export function cauchy_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireTensor('cauchy_', 'the input', x);
  requireFloatTensor('cauchy_', x);
  const { median = 0, sigma = 1, generator = defaultGenerator } = readCall<CauchyCall>(CAUCHY, args);
  return filled(x, (data) => each(data, () => median + sigma * Math.tan(Math.PI * (uniform(generator) - 0.5))));
}

interface LogNormalCall extends DrawOptions {
  readonly mean?: number;
  readonly std?: number;
}
const LOG_NORMAL = signature<LogNormalCall>('logNormal_', { mean: NUMBER, std: POSITIVE, generator: GENERATOR }, { positional: 2 });

/** Numbers whose logarithms are from N(mean, std²); 1 and 2 by default. */
export function logNormal_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireTensor('logNormal_', 'the input', x);
  requireFloatTensor('logNormal_', x);
  const { mean = 1, std = 2, generator = defaultGenerator } = readCall<LogNormalCall>(LOG_NORMAL, args);
  requireStd(std);
  return filled(x, (data) => each(data, () => Math.exp(standardNormal(generator) * std + mean)));
}
