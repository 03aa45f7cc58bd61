/**
 * Running products, extremes and logarithms of sums along a dimension (https://pytorch.org/docs/stable/generated/torch.cumprod.html). The CPU follows
 * lines; a GPU, and what has no kernel, takes as many steps as the size has binary digits: in step k, each element is joined with the one 2ᵏ
 * before it (W. D. Hillis and G. L. Steele, "Data parallel algorithms", 1986).
 */
import { WHOLE } from '../base/arguments.ts';
import type { DType } from '../base/dtype.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim } from '../base/shape.ts';
import { scanParams } from '../geometry/reduce.ts';
import { DTYPE, requireFloatTensor, requireTensor } from './arguments.ts';
import type { Call } from './calls.ts';
import { arange } from './ranges.ts';
import { apply, apply1 } from './dispatch.ts';
import { running } from './families/running.ts';
import { cat, where } from './functions.ts';
import { logaddexp } from './pointwise.ts';
import { valuesAndIndices, type ValuesAndIndices } from './values-and-indices.ts';
import type { Tensor } from './tensor.ts';
import './families/picking.ts';

/** Joins a list of tensors with those `step` places before them, again and again. `join` gets the earlier part first. */
function scan(
  parts: readonly Tensor[],
  dim: number,
  join: (before: readonly Tensor[], here: readonly Tensor[]) => readonly Tensor[],
): readonly Tensor[] {
  const size = parts[0]!.layout.shape[dim]!;
  let all = parts;
  for (let step = 1; step < size; step *= 2) {
    const cut = (start: number, length: number): Tensor[] => all.map((part) => part.narrow(dim, start, length));
    const [head, joined] = [cut(0, step), join(cut(0, size - step), cut(step, size - step))];
    all = head.map((part, i) => cat([part, joined[i]!], dim));
  }
  return all;
}

const onGpu = (x: Tensor): boolean => x.storage.device.name === 'gpu';

interface CumprodCall {
  dim: number;
  dtype?: DType;
}
export type CumprodArguments = Call<[dim: number], CumprodCall>;
const CUMPROD = signature<CumprodCall>('cumprod', { dim: WHOLE, dtype: DTYPE }, { required: 1, positional: 1 });

/** Running products along a dimension. Whole numbers and bools multiply as int64; `dtype` converts first. */
export function cumprod(x: Tensor, ...args: CumprodArguments): Tensor;
export function cumprod(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('cumprod', 'the input', x);
  const { dim, dtype } = readCall<CumprodCall>(CUMPROD, args);
  const from = dtype !== undefined ? x.to(dtype) : x.isFloatingPoint() ? x : x.to('int64');
  const axis = existingDim('cumprod', dim, Math.max(x.ndim, 1));
  if (x.ndim === 0) return from.clone();
  if (!onGpu(x)) return apply1(running.cumprod, [from], scanParams(axis));
  const [product] = scan([from], axis, ([before], [here]) => [before!.mul(here!)]);
  return product === x ? x.clone() : product!;
}

type DimCall = { dim: number };
export type DimArguments = Call<[dim: number], DimCall>;
const along = (op: string) => signature<DimCall>(op, { dim: WHOLE }, { required: 1 });
const [CUMMAX, CUMMIN, LOGCUMSUMEXP] = [along('cummax'), along('cummin'), along('logcumsumexp')];

function extremes(op: 'cummax' | 'cummin', x: Tensor, args: readonly unknown[]): ValuesAndIndices {
  requireTensor(op, 'the input', x);
  const { dim } = readCall<DimCall>(op === 'cummax' ? CUMMAX : CUMMIN, args);
  const axis = existingDim(op, dim, Math.max(x.ndim, 1));
  if (x.ndim > 0 && !onGpu(x)) {
    const [values, indices] = apply(running[op], [x], scanParams(axis)) as [Tensor, Tensor];
    return valuesAndIndices(op, values, indices);
  }
  const places = arange(0, x.layout.shape[axis] ?? 1, 1, { device: x.device });
  if (x.ndim === 0) return valuesAndIndices(op, x.clone(), places.reshape([]));
  const shape = x.layout.shape;
  const index = places
    .reshape(shape.map((n, i) => (i === axis ? n : 1)))
    .expand(shape)
    .contiguous();
  const [, indices] = scan([x.detach(), index], axis, ([before, i], [here, j]) => {
    // the later of equal ones, and NaN in any case
    const later = (op === 'cummax' ? here!.ge(before!) : here!.le(before!)).logicalOr(here!.isnan());
    return [where(later, here!, before!), where(later, j!, i!)];
  });
  return valuesAndIndices(op, x.gather(axis, indices!), indices!);
}

/** The largest element so far along a dimension, and where it is, the last of equals; a NaN stays. */
export function cummax(x: Tensor, ...args: DimArguments): ValuesAndIndices;
export function cummax(x: Tensor, ...args: readonly unknown[]): ValuesAndIndices {
  return extremes('cummax', x, args);
}

/** The smallest element so far along a dimension, and where it is, the last of equals; a NaN stays. */
export function cummin(x: Tensor, ...args: DimArguments): ValuesAndIndices;
export function cummin(x: Tensor, ...args: readonly unknown[]): ValuesAndIndices {
  return extremes('cummin', x, args);
}

/** The logarithm of the running sum of exponentials along a dimension. */
export function logcumsumexp(x: Tensor, ...args: DimArguments): Tensor;
export function logcumsumexp(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('logcumsumexp', 'the input', x);
  const { dim } = readCall<DimCall>(LOGCUMSUMEXP, args);
  requireFloatTensor('logcumsumexp', x);
  const axis = existingDim('logcumsumexp', dim, Math.max(x.ndim, 1));
  if (x.ndim === 0) return x.clone();
  const [sum] = scan([x], axis, ([before], [here]) => [logaddexp(before!, here!)]);
  return sum === x ? x.clone() : sum!;
}
