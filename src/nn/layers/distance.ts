/** Distances and similarities as modules, which take two tensors. */
import { BOOL, NUMBER, WHOLE } from '../../base/arguments.ts';
import { readCall } from '../../base/signature.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { cosineSimilarity, pairwiseDistance, type CosineSimilarityOptions, type PairwiseDistanceOptions } from '../functional-distance.ts';
import { Module } from '../module.ts';
import { layerOf } from '../signatures.ts';

const PAIRWISE = layerOf<PairwiseDistanceOptions>('PairwiseDistance', { p: NUMBER, eps: NUMBER, keepdim: BOOL });

/** ‖x1 − x2 + eps‖ₚ along the last dimension. */
export class PairwiseDistance extends Module {
  readonly norm: number;
  eps: number;
  readonly keepdim: boolean;

  constructor(
    p?: number | PairwiseDistanceOptions,
    eps?: number | Omit<PairwiseDistanceOptions, 'p'>,
    keepdim?: boolean | Pick<PairwiseDistanceOptions, 'keepdim'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { p = 2, eps = 1e-6, keepdim = false } = readCall(PAIRWISE, args);
    this.norm = p;
    this.eps = eps;
    this.keepdim = keepdim;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    requireTensor('PairwiseDistance', 'the first input', x1);
    return pairwiseDistance(x1, x2, this.norm, this.eps, this.keepdim);
  }
}

const COSINE = layerOf<CosineSimilarityOptions>('CosineSimilarity', { dim: WHOLE, eps: NUMBER });

/** The cosine of the angle between vectors along a dimension. */
export class CosineSimilarity extends Module {
  readonly dim: number;
  eps: number;

  constructor(dim?: number | CosineSimilarityOptions, eps?: number | Pick<CosineSimilarityOptions, 'eps'>);
  constructor(...args: readonly unknown[]) {
    super();
    const { dim = 1, eps = 1e-8 } = readCall(COSINE, args);
    this.dim = dim;
    this.eps = eps;
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    requireTensor('CosineSimilarity', 'the first input', x1);
    return cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}
