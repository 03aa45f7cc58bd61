/** Slopes of what is sampled, by differences (https://pytorch.org/docs/stable/generated/torch.gradient.html). */
import { arrayOf, either, kind, NUMBER, orNull } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, showShape } from '../base/shape.ts';
import { DIM_OR_DIMS, requireTensor, TENSORS } from './arguments.ts';
import type { DimsArg } from '../geometry/reduce.ts';
import { cat } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import type { Tensor } from './tensor.ts';
import './families/joining.ts';

/** How far samples are apart: one distance for all dimensions, one for each, or the places of samples along each. */
export type Spacing = number | readonly number[] | readonly Tensor[];
export interface SlopeOptions {
  /** Default 1. */
  readonly spacing?: Spacing;
  /** Along which dimensions. Default: all. */
  readonly dim?: DimsArg | null;
  /** 1 or 2: how many samples beside it the slope at an end is made of. Default 1. */
  readonly edgeOrder?: 1 | 2;
}
const ONE_OR_TWO = kind('1 or 2', (value) => value === 1 || value === 2);
const GRADIENT = signature<SlopeOptions>(
  'gradient',
  { spacing: either(NUMBER, arrayOf(NUMBER, 'numbers'), TENSORS), dim: orNull(DIM_OR_DIMS), edgeOrder: ONE_OR_TWO },
  { positional: 0, example: 'gradient(y, { spacing: 0.5 })' },
);

/** Neighbours along a dimension: `count` samples from `start` on. */
type Part = (start: number, count: number) => Tensor;

/** Slopes at the first sample and at the last. */
function ends(part: Part, n: number, step: (i: number) => Tensor | number, order: 1 | 2): [Tensor, Tensor] {
  const at = (i: number): Tensor => part(i, 1);
  const over = (x: Tensor, by: Tensor | number): Tensor => (isTensor(by) ? x.div(by) : x.div(by));
  if (order === 1) return [over(at(1).sub(at(0)), step(0)), over(at(n - 1).sub(at(n - 2)), step(n - 2))];
  // Through three samples a parabola.
  const [first, last] = [over(at(1).sub(at(0)), step(0)), over(at(n - 1).sub(at(n - 2)), step(n - 2))];
  const [second, before] = [over(at(2).sub(at(1)), step(1)), over(at(n - 2).sub(at(n - 3)), step(n - 3))];
  const share = (a: Tensor | number, b: Tensor | number): Tensor | number => (isTensor(a) && isTensor(b) ? a.div(a.add(b)) : 0.5);
  const bent = (near: Tensor, next: Tensor, by: Tensor | number): Tensor =>
    near.add(isTensor(by) ? near.sub(next).mul(by) : near.sub(next).mul(by));
  return [bent(first, second, share(step(0), step(1))), bent(last, before, share(step(n - 2), step(n - 3)))];
}

/** Slopes along one dimension. */
function along(x: Tensor, dim: number, spacing: number | Tensor, order: 1 | 2): Tensor {
  const n = x.layout.shape[dim]!;
  if (n < order + 1)
    throw new ShapeError(
      `gradient: expected at least ${order + 1} samples along dimension ${dim} for edgeOrder ${order}, but got an input of shape ${showShape(x.layout.shape)}`,
    );
  const part: Part = (start, count) => x.narrow(dim, start, count);
  const inner = Math.max(n - 2, 0);
  if (!isTensor(spacing)) {
    const [first, last] = ends(part, n, () => spacing, order);
    return cat(
      [
        first,
        part(2, inner)
          .sub(part(0, inner))
          .div(2 * spacing),
        last,
      ],
      dim,
    );
  }
  if (spacing.ndim !== 1 || spacing.numel() !== n)
    throw new ShapeError(
      `gradient: expected ${n} places along dimension ${dim}, but got a tensor of shape ${showShape(spacing.layout.shape)}`,
    );
  const column = spacing.reshape([n, ...Array<number>(x.ndim - dim - 1).fill(1)]);
  const steps = column.narrow(0, 1, n - 1).sub(column.narrow(0, 0, n - 1));
  const [first, last] = ends(part, n, (i) => steps.narrow(0, i, 1), order);
  const [left, right] = [steps.narrow(0, 0, inner), steps.narrow(0, 1, inner)];
  const both = left.add(right);
  const before = right.neg().div(left.mul(both)).mul(part(0, inner));
  const middle = right.sub(left).div(left.mul(right)).mul(part(1, inner));
  return cat([first, before.add(middle).add(left.div(right.mul(both)).mul(part(2, inner))), last], dim);
}

/**
 * Slopes of sampled values along each dimension, a tensor of the input's shape for each: differences of the samples on both sides, at the ends of one side.
 * @throws ShapeError where there are too few samples, or not as many places as samples
 * @example
 * import { gradient, tensor } from 'flambeau';
 * const slopes = gradient(tensor([1, 2, 4, 7]));
 * console.log(slopes[0]!.tolist()); // [ 1, 1.5, 2.5, 3 ]
 */
export function gradient(x: Tensor, options?: SlopeOptions): Tensor[];
export function gradient(x: Tensor, ...args: readonly unknown[]): Tensor[] {
  requireTensor('gradient', 'the input', x);
  const { spacing = 1, dim, edgeOrder = 1 } = readCall<SlopeOptions>(GRADIENT, args);
  const given = dim ?? x.layout.shape.map((_, i) => i);
  const dims = (typeof given === 'number' ? [given] : given).map((one) => existingDim('gradient', one, x.ndim));
  if (new Set(dims).size < dims.length) throw new ArgumentError(`gradient: dim names a dimension twice: [${dims.join(', ')}]`);
  if (typeof spacing !== 'number' && spacing.length !== dims.length)
    throw new ArgumentError(`gradient: expected a spacing for each of ${dims.length} dimensions, but got ${spacing.length}`);
  return dims.map((axis, i) => along(x, axis, typeof spacing === 'number' ? spacing : spacing[i]!, edgeOrder));
}
