/** Distances and similarities, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#distance-functions). */
import { BOOL, NUMBER, WHOLE } from '../base/arguments.ts';
import { isHalf, requireFloating } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import { normalizeDim } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { asFloats, TENSOR } from '../tensor/arguments.ts';
import { broadcastTensors } from '../tensor/functions.ts';
import { promoteLayouts } from '../tensor/ops/elementwise.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { atLeast, vectorNorm } from './vector-norm.ts';

interface Two {
  readonly x1: Tensor;
  readonly x2: Tensor;
}
const TWO = { x1: TENSOR, x2: TENSOR };

export interface CosineSimilarityOptions {
  /** Default 1. */
  readonly dim?: number;
  /** Norms below it count as this. Default 1e-8. */
  readonly eps?: number;
}
const COSINE = signature<Two & CosineSimilarityOptions>('F.cosineSimilarity', { ...TWO, dim: WHOLE, eps: NUMBER }, { required: 2 });

/** Both of one floating dtype and one shape. */
function together(op: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const dtype = promoteLayouts(a.layout, b.layout);
  requireFloating(op, 'input', dtype);
  return broadcastTensors(a.to(dtype), b.to(dtype)) as [Tensor, Tensor];
}

/** The cosine of the angle between vectors along a dimension; shapes broadcast. */
export function cosineSimilarity(
  x1: Tensor,
  x2: Tensor,
  dim?: number | CosineSimilarityOptions,
  eps?: number | Pick<CosineSimilarityOptions, 'eps'>,
): Tensor;
export function cosineSimilarity(...args: readonly unknown[]): Tensor {
  const { x1, x2, dim = 1, eps = 1e-8 } = readCall(COSINE, args);
  const [a, b] = together('cosineSimilarity', x1, x2);
  if (isHalf(a.dtype)) return cosineSimilarity(a.to('float32'), b.to('float32'), dim, eps).to(a.dtype); // rounded once
  const axis = normalizeDim('cosineSimilarity', dim, a.ndim);
  const unit = (x: Tensor): Tensor => x.div(atLeast(vectorNorm(x, 2, axis), eps));
  return unit(a).mul(unit(b)).sum(axis);
}

export interface PairwiseDistanceOptions {
  /** Which norm. Default 2. */
  readonly p?: number;
  /** Added to every difference. Default 1e-6. */
  readonly eps?: number;
  /** Default false. */
  readonly keepdim?: boolean;
}
const PAIRWISE = signature<Two & PairwiseDistanceOptions>(
  'F.pairwiseDistance',
  { ...TWO, p: NUMBER, eps: NUMBER, keepdim: BOOL },
  { required: 2 },
);

/** ‖x1 − x2 + eps‖ₚ along the last dimension; shapes broadcast. */
export function pairwiseDistance(
  x1: Tensor,
  x2: Tensor,
  p?: number | PairwiseDistanceOptions,
  eps?: number | Omit<PairwiseDistanceOptions, 'p'>,
  keepdim?: boolean | Pick<PairwiseDistanceOptions, 'keepdim'>,
): Tensor;
export function pairwiseDistance(...args: readonly unknown[]): Tensor {
  const { x1, x2, p = 2, eps = 1e-6, keepdim = false } = readCall(PAIRWISE, args);
  const numbers = asFloats(x1.sub(x2));
  if (numbers.ndim === 0) throw new ShapeError('pairwiseDistance: expected vectors, but got scalars');
  const distance = vectorNorm(numbers.add(eps), p, -1);
  return keepdim ? distance : distance.squeeze(-1);
}
