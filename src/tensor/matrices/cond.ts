/** The condition number of matrices. */
import { either, NUMBER, oneOf, orNull } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { matrixNorm } from '../linalg.ts';
import type { Tensor } from '../tensor.ts';
import { svdvals } from './factors.ts';
import { requireMatrices } from './host.ts';
import { inv } from './solving.ts';
import '../families/matrices.ts';

const CONDITION = either(NUMBER, oneOf('fro', 'nuc'));
const COND = signature<{ p?: number | 'fro' | 'nuc' | null }>('linalg.cond', { p: orNull(CONDITION) });
/** The condition number: the norm of a matrix times that of its inverse, of singular values without `p` (https://pytorch.org/docs/stable/generated/torch.linalg.cond.html). */
export function cond(x: Tensor, p?: number | 'fro' | 'nuc' | null | { readonly p?: number | 'fro' | 'nuc' | null }): Tensor;
export function cond(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { p = null } = readCall(COND, args);
  requireMatrices('linalg.cond', x);
  if (p === null || Math.abs(p as number) === 2) {
    const s = svdvals(x);
    const [most, least] = [s.amax(-1), s.amin(-1)];
    return p === -2 ? least.div(most) : most.div(least);
  }
  if (x.layout.shape.at(-1) !== x.layout.shape.at(-2))
    throw new ShapeError(`linalg.cond: expected square matrices for p ${String(p)}, but got shape ${showShape(x.layout.shape)}`);
  return matrixNorm(x, p).mul(matrixNorm(inv(x), p));
}
