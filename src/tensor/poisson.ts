/** Draws from Poisson's distribution, number for number as PyTorch draws them on the CPU. */
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { GENERATOR, requireFloatTensor, requireTensor } from './arguments.ts';
import { drawnTensor, hostArray } from './create.ts';
import { CustomFunction, type FunctionCtx } from './custom-function.ts';
import { uniform } from './draws-more.ts';
import type { DrawOptions } from './draws.ts';
import { defaultGenerator, prepareDraws, type Generator } from './random/index.ts';
import type { Tensor } from './tensor.ts';

/** ln(k!), of the gamma function's series by Stirling; below 16 by multiplication. */
function logFactorial(k: number): number {
  if (k < 16) {
    let product = 1;
    for (let i = 2; i <= k; i++) product *= i;
    return Math.log(product);
  }
  const x = k + 1;
  const inverse = 1 / (x * x);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

/**
 * One whole number from Poisson's distribution: below 10 by multiplying uniform numbers, from 10 on by rejection of a transformed one
 * (W. Hörmann, The transformed rejection method for generating Poisson random variables, 1993).
 */
function poissonOf(rate: number, generator: Generator): number {
  if (rate === 0) return 0;
  if (rate < 10) {
    const limit = Math.exp(-rate);
    let count = 0;
    for (let product = uniform(generator); product > limit; product *= uniform(generator)) count++;
    return count;
  }
  const b = 0.931 + 2.53 * Math.sqrt(rate);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const accepted = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = uniform(generator) - 0.5;
    const v = uniform(generator);
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= accepted) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const left = Math.log(v) + Math.log(inverseAlpha) - Math.log(a / (us * us) + b);
    if (left <= -rate + k * Math.log(rate) - logFactorial(k)) return k;
  }
}

class PoissonFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, generator: Generator): Tensor {
    ctx['zeros'] = (): Tensor => x.newZeros(x.layout.shape);
    const rates = x.detach().contiguous().toTypedArray() as Float32Array | Float64Array;
    const bad = rates.find((rate: number) => !(rate >= 0 && rate < Infinity));
    if (bad !== undefined) throw new ArgumentError(`poisson: expected rates of at least 0, but got ${bad}`);
    const data = hostArray(x.dtype, x.layout.numel) as Float32Array | Float64Array;
    prepareDraws();
    const draw = (): void => rates.forEach((rate: number, i: number) => (data[i] = poissonOf(rate, generator)));
    return drawnTensor(x.layout.shape, x.dtype, data, draw, x.storage.device);
  }
  static backward(ctx: FunctionCtx): readonly (Tensor | null)[] {
    return [(ctx['zeros'] as () => Tensor)(), null];
  }
}

/**
 * Whole numbers from Poisson's distribution, each with the rate at its place; no gradient flows into the rates (it is zero, as PyTorch's).
 * @throws ArgumentError for rates below 0
 * @see https://docs.pytorch.org/docs/stable/generated/torch.poisson.html
 * @example
 * import { manualSeed, poisson, tensor } from 'flambeau';
 * manualSeed(7);
 * console.log(poisson(tensor([0, 0.5, 3, 9.9, 10, 50])).tolist()); // [ 0, 0, 5, 6, 6, 62 ]
 */
export function poisson(x: Tensor, options?: DrawOptions): Tensor;
export function poisson(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('poisson', 'the input', x);
  requireFloatTensor('poisson', x);
  const { generator = defaultGenerator } = readCall<DrawOptions>(POISSON, args);
  return PoissonFunction.apply(x, generator);
}
const POISSON = signature<DrawOptions>('poisson', { generator: GENERATOR }, { positional: 0 });
