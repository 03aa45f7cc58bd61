/**
 * Draws from the gamma and Dirichlet distributions, number for number as PyTorch draws them on the CPU, by the method of G. Marsaglia and W. W. Tsang (A simple method
 * for generating gamma variables, 2000, https://doi.org/10.1145/358407.358414).
 */
import { isHalf, type DType } from '../base/dtype.ts';
import { drawnTensor, hostArray, hostTensor } from '../tensor/create.ts';
import { uniform } from '../tensor/draws-more.ts';
import { CustomFunction, type FunctionCtx } from '../tensor/custom-function.ts';
import { finfo } from '../tensor/queries.ts';
import { defaultGenerator, prepareDraws, standardNormal, type Generator } from '../tensor/random/index.ts';
import { digamma } from '../tensor/special.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { dirichletSlope, gammaSlope } from './gamma-slopes.ts';

type Floats = Float32Array | Float64Array;

/** Single constants of PyTorch's code. */
const [THIRD, SQUEEZE] = [Math.fround(1 / 3), Math.fround(0.0331)];

/** One draw of shape `alpha`, whose arithmetic with it `round` rounds. */
function gammaOf(shape: number, round: (x: number) => number, generator: Generator): number {
  if (shape === 0) return 0;
  let scale = 1;
  let alpha = shape;
  if (alpha < 1) {
    scale = (1 - uniform(generator)) ** round(1 / alpha);
    alpha = round(alpha + 1);
  }
  const d = round(alpha - THIRD);
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    let x: number;
    let y: number;
    do {
      x = standardNormal(generator);
      y = 1 + c * x;
    } while (y <= 0);
    const v = y * y * y;
    const u = 1 - uniform(generator);
    const xx = x * x;
    if (u < 1 - SQUEEZE * xx * xx || Math.log(u) < 0.5 * xx + d * (1 - v + Math.log(v))) return scale * d * v;
  }
}

const numbers = (x: Tensor): Floats => x.detach().contiguous().toTypedArray() as Floats;
const rounding = (dtype: DType): ((x: number) => number) => (dtype === 'float64' ? (x) => x : Math.fround);
const tiniest = (dtype: DType): number => finfo(isHalf(dtype) ? 'float32' : dtype).tiny;

/** A tensor of what `draw` puts into an array, anew at every run of a compiled function. */
function drawn(like: Tensor, draw: (data: Floats) => void): Tensor {
  const data = hostArray(like.dtype, like.layout.numel) as Floats;
  prepareDraws();
  return drawnTensor(like.layout.shape, like.dtype, data, () => draw(data), like.storage.device);
}

/** A function of tensors' elements, which are read. */
function onHost(tensors: readonly Tensor[], fn: (...values: number[]) => number): Tensor {
  const [first] = tensors as readonly [Tensor];
  const lists = tensors.map(numbers);
  const data = hostArray(first.dtype, first.layout.numel) as Floats;
  for (let i = 0; i < data.length; i++) data[i] = fn(...lists.map((list) => list[i]!));
  return hostTensor(data, [...first.layout.shape], first.dtype, first.storage.device);
}
const psi = (x: Tensor): Tensor => digamma(x.detach().to('float64'));

class StandardGamma extends CustomFunction {
  static forward(ctx: FunctionCtx, shape: Tensor): Tensor {
    const shapes = numbers(shape);
    const [round, least] = [rounding(shape.dtype), tiniest(shape.dtype)];
    const result = drawn(shape, (data) =>
      shapes.forEach((alpha: number, i: number) => (data[i] = Math.max(least, gammaOf(alpha, round, defaultGenerator)))),
    );
    ctx.saveForBackward(shape, result);
    return result;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): readonly (Tensor | null)[] {
    const [shape, x] = ctx.savedTensors as [Tensor, Tensor];
    return [grad.mul(onHost([shape, x, psi(shape)], gammaSlope))];
  }
}

class StandardDirichlet extends CustomFunction {
  static forward(ctx: FunctionCtx, concentration: Tensor): Tensor {
    const shapes = numbers(concentration);
    const size = concentration.layout.shape.at(-1)!;
    const round = rounding(concentration.dtype);
    const [least, most] = [tiniest(concentration.dtype), 1 - 2 ** -24];
    const draw = (data: Floats): void => {
      const gammas = Float64Array.from(shapes, (alpha) =>
        Math.max(
          2 ** -1022,
          gammaOf(alpha, (x) => x, defaultGenerator),
        ),
      );
      for (let row = 0; row < data.length; row += size) {
        const sum = gammas.subarray(row, row + size).reduce((a, b) => a + b, 0);
        for (let i = row; i < row + size; i++) data[i] = Math.min(most, Math.max(least, round(gammas[i]! / sum)));
      }
    };
    const result = drawn(concentration, draw);
    ctx.saveForBackward(concentration, result);
    return result;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): readonly (Tensor | null)[] {
    const [concentration, x] = ctx.savedTensors as [Tensor, Tensor];
    const total = concentration.sum(-1, true).expandAs(concentration);
    const slopes = onHost([x, concentration, total, psi(concentration), psi(total)], dirichletSlope);
    return [slopes.mul(grad.sub(x.mul(grad).sum(-1, true)))];
  }
}

/** Draws of rate 1. Gradients are those of the value below which a draw is with the same probability. */
export const standardGamma = (concentration: Tensor): Tensor => StandardGamma.apply(concentration);

/** Draws whose last dimension sums up to 1. */
export const standardDirichlet = (concentration: Tensor): Tensor => StandardDirichlet.apply(concentration);
