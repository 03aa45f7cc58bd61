/** Norms of vectors along a dimension, with gradients that are 0, not NaN, where a norm is 0, as PyTorch's are. */
import { isHalf } from '../base/dtype.ts';
import { normParams } from '../geometry/reduce.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { reductions } from '../tensor/families/reductions.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';

const keepdim = { keepdim: true };

/** (Σ |x|ᵖ)^(1/p) along a dimension, which stays with size 1. p may be 0 (how many are not 0) and ±∞ (the largest, the smallest). */
export function vectorNorm(x: Tensor, p: number, dim: number): Tensor {
  if (p === 1 || p === 2) return apply1(reductions.norm, [x], normParams(p, dim, true));
  if (p === 0) return x.ne(0).to(x.dtype).sum(dim, keepdim);
  const size = x.abs();
  if (p === Infinity) return size.amax(dim, keepdim);
  if (p === -Infinity) return size.amin(dim, keepdim);
  if (isHalf(x.dtype)) return vectorNorm(x.to('float32'), p, dim).to(x.dtype); // powers overflow 16 bits
  return rootOf(size.pow(p).sum(dim, keepdim), p);
}

/** The p-th root; nothing flows through that of 0. */
function rootOf(sum: Tensor, p: number): Tensor {
  const none = sum.eq(0);
  const safe = sum.maskedFill(none, 1);
  return safe.pow(1 / p).maskedFill(none, p > 0 ? 0 : Infinity);
}

/** x, but at least `least`; gradients flow as if nothing had been changed. */
export function atLeast(x: Tensor, least: number): Tensor {
  const y = x.clone();
  withGradMode(false, () => y.copy_(y.clamp({ min: least })));
  return y;
}
