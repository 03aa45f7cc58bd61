/** Which elements of a tensor are pruned: PyTorch's rules, number for number. */
import { ArgumentError, IndexError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { rand, zeros } from '../../tensor/create.ts';
import { matrixNorm, vectorNorm } from '../../tensor/linalg.ts';
import { topk } from '../../tensor/order.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import '../../tensor/families/scatter.ts';

/** Which elements a method looks at where some are pruned already: the others, whole channels of others, or all. */
export type PruningType = 'unstructured' | 'structured' | 'global';

/** How many of `size`: a whole number is a count, anything between 0 and 1 a part, rounded as Python rounds. */
function countOf(op: string, amount: number, size: number): number {
  const count = Number.isInteger(amount) ? amount : roundHalfEven(amount * size);
  if (count > size) throw new ArgumentError(`${op}: expected an amount of at most ${size}, which there are, but got ${amount}`);
  return count;
}

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

/** A mask with zeros where the flat indices say. */
function without(mask: Tensor, indices: Tensor): Tensor {
  const flat = mask.clone().reshape(-1);
  return flat.scatter(0, indices, 0).reshape(...mask.shape);
}

/** Without the elements with the smallest values. */
export function l1Mask(op: string, amount: number, t: Tensor, mask: Tensor): Tensor {
  const k = countOf(op, amount, t.layout.numel);
  return k === 0 ? mask : without(mask, topk(t.abs().reshape(-1) as Tensor, k, -1, false).indices);
}

/** Without some elements at random. */
export function randomMask(op: string, amount: number, t: Tensor, mask: Tensor): Tensor {
  const k = countOf(op, amount, t.layout.numel);
  if (k === 0) return mask;
  const chances = rand([t.layout.numel], { dtype: t.dtype as 'float32' }).to(t.device) as Tensor;
  return without(mask, topk(chances, k).indices);
}

/** What both a mask and the one that was given leave. */
export function customMask(op: string, given: Tensor, mask: Tensor): Tensor {
  if (given.layout.shape.join() !== mask.layout.shape.join())
    throw new ShapeError(`${op}: expected a mask of shape ${showShape(mask.shape)}, but got ${showShape(given.shape)}`);
  return mask.mul(given.to(mask.device).to(mask.dtype));
}

function channels(op: string, t: Tensor, dim: number): [dim: number, size: number] {
  if (t.ndim < 2)
    throw new ShapeError(`${op}: channels can be pruned of tensors of two dimensions and more, but got ${showShape(t.layout.shape)}`);
  const at = dim < 0 ? dim + t.ndim : dim;
  if (at < 0 || at >= t.ndim) throw new IndexError(`${op}: expected a dimension of a tensor of ${t.ndim}, but got ${dim}`);
  return [at, t.layout.shape[at]!];
}

/** Ones in some channels, of the mask that there is. */
function keeping(mask: Tensor, dim: number, kept: Tensor): Tensor {
  const sizes = mask.layout.shape.map((size, i) => (i === dim ? size : 1));
  return mask.mul(kept.to(mask.dtype).reshape(...sizes));
}

/** Without some channels at random. */
export function randomChannelsMask(op: string, amount: number, dim: number, t: Tensor, mask: Tensor): Tensor {
  const [at, size] = channels(op, t, dim);
  const k = countOf(op, amount, size);
  if (k === 0) return mask;
  const chances: Tensor = rand([size]);
  const threshold = topk(chances, k, -1, false).values.max() as Tensor;
  return keeping(mask, at, chances.gt(threshold).to(mask.device));
}

/** Orders of norms. */
export type NormOrder = number | 'fro' | 'nuc';

/** Without the channels with the smallest norms. */
export function normMask(op: string, amount: number, n: NormOrder, dim: number, t: Tensor, mask: Tensor): Tensor {
  const [at, size] = channels(op, t, dim);
  const k = countOf(op, amount, size);
  if (k === 0) return mask;
  const others = t.layout.shape.map((_, i) => i).filter((i) => i !== at);
  if (n === 'nuc') throw new ArgumentError(`${op}: the nuclear norm is not there; use another n, such as 2 or 'fro'`);
  const norm =
    n === 'fro' && others.length === 2 ? matrixNorm(t, 'fro', others as [number, number]) : vectorNorm(t, n === 'fro' ? 2 : n, others);
  const kept = topk(norm, size - k).indices;
  const ones = zeros([size], { dtype: 'float32' }).to(t.device) as Tensor;
  return keeping(mask, at, ones.scatter(0, kept, 1));
}
