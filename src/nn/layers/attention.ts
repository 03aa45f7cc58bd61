/** Attention in several heads (https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html). */
import { BOOL, COUNT, orNull, PROBABILITY } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { readCall, signature } from '../../base/signature.ts';
import { TENSOR, TENSOR_OR_NULL } from '../../tensor/arguments.ts';
import { empty } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { attendHeads, type InProjection } from '../functional-multi-head.ts';
import { xavierNormal_, xavierUniform_, zeros_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { layerOf } from '../signatures.ts';
import { Linear } from './linear.ts';

export interface MultiheadAttentionOptions {
  /** The probability of dropping a weight, in training. Default 0. */
  readonly dropout?: number;
  /** Whether projections have biases. Default true. */
  readonly bias?: boolean;
  /** Whether keys and values get a learned one at the end. Default false. */
  readonly addBiasKv?: boolean;
  /** Whether keys and values get one of zeros at the end. Default false. */
  readonly addZeroAttn?: boolean;
  /** The size of keys. Default null, that of queries. */
  readonly kdim?: number | null;
  /** The size of values. Default null, that of queries. */
  readonly vdim?: number | null;
  /** Whether inputs are [N, L, E], not [L, N, E]. Default false. */
  readonly batchFirst?: boolean;
}
interface MultiheadAttentionArguments extends MultiheadAttentionOptions {
  readonly embedDim: number;
  readonly numHeads: number;
}
const LAYER = layerOf<MultiheadAttentionArguments>(
  'MultiheadAttention',
  {
    embedDim: COUNT,
    numHeads: COUNT,
    dropout: PROBABILITY,
    bias: BOOL,
    addBiasKv: BOOL,
    addZeroAttn: BOOL,
    kdim: orNull(COUNT),
    vdim: orNull(COUNT),
    batchFirst: BOOL,
  },
  { required: 2 },
);

export interface AttendOptions {
  /** Keys that count as not there: true, or numbers to add. [N, S] or [S]. */
  readonly keyPaddingMask?: Tensor | null;
  /** Whether to give the weights as well. Default true. */
  readonly needWeights?: boolean;
  /** Where queries may not look: true, or numbers to add. [L, S] or [N·heads, L, S]. */
  readonly attnMask?: Tensor | null;
  /** Whether weights are averaged over the heads. Default true. */
  readonly averageAttnWeights?: boolean;
  /** A hint that attnMask is the causal one, which must be given. Default false. */
  readonly isCausal?: boolean;
}
interface AttendArguments extends AttendOptions {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}
const FORWARD = signature<AttendArguments>(
  'MultiheadAttention',
  {
    query: TENSOR,
    key: TENSOR,
    value: TENSOR,
    keyPaddingMask: TENSOR_OR_NULL,
    needWeights: BOOL,
    attnMask: TENSOR_OR_NULL,
    averageAttnWeights: BOOL,
    isCausal: BOOL,
  },
  { required: 3, example: 'attention(query, key, value, { needWeights: false })' },
);

/** PyTorch's name for the last projection, which its quantisation leaves alone. */
export class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention in several heads: queries [L, N, E], keys and values [S, N, E] → [L, N, E] and weights [N, L, S]. Without N, one sample.
 * @example
 * import { nn, randn } from 'flambeau';
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
 * const x = randn(3, 5, 8);
 * const [y, weights] = attention(x, x, x);
 * if (y.shape.join() !== '3,5,8' || weights!.shape.join() !== '3,5,5') throw new Error('five places look at five');
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  readonly kdim: number;
  readonly vdim: number;
  in_proj_weight: Parameter | null;
  q_proj_weight: Parameter | null;
  k_proj_weight: Parameter | null;
  v_proj_weight: Parameter | null;
  in_proj_bias: Parameter | null;
  out_proj: NonDynamicallyQuantizableLinear;
  bias_k: Parameter | null;
  bias_v: Parameter | null;

  /** @throws ArgumentError when the heads do not divide embedDim */
  constructor(
    embedDim: number,
    numHeads: number,
    dropout?: number | MultiheadAttentionOptions,
    bias?: boolean | Omit<MultiheadAttentionOptions, 'dropout'>,
    addBiasKv?: boolean | Omit<MultiheadAttentionOptions, 'dropout' | 'bias'>,
    addZeroAttn?: boolean | Pick<MultiheadAttentionOptions, 'addZeroAttn' | 'kdim' | 'vdim' | 'batchFirst'>,
    kdim?: number | null | Pick<MultiheadAttentionOptions, 'kdim' | 'vdim' | 'batchFirst'>,
    vdim?: number | null | Pick<MultiheadAttentionOptions, 'vdim' | 'batchFirst'>,
    batchFirst?: boolean | Pick<MultiheadAttentionOptions, 'batchFirst'>,
  );
  constructor(options: MultiheadAttentionArguments);
  constructor(...args: readonly unknown[]) {
    super();
    const given = readCall(LAYER, args);
    const { embedDim: size, numHeads } = given;
    if (size % numHeads !== 0)
      throw new ArgumentError(`MultiheadAttention: expected numHeads to divide embedDim, but got ${numHeads} and ${size}`);
    this.embedDim = size;
    this.numHeads = numHeads;
    this.headDim = size / numHeads;
    this.dropout = given.dropout ?? 0;
    this.batchFirst = given.batchFirst ?? false;
    this.addZeroAttn = given.addZeroAttn ?? false;
    this.kdim = given.kdim ?? size;
    this.vdim = given.vdim ?? size;
    const same = this.kdim === size && this.vdim === size;
    const bias = given.bias ?? true;
    const addBias = given.addBiasKv ?? false;
    const parameter = (wanted: boolean, ...sizes: number[]): Parameter | null => (wanted ? new Parameter(empty(sizes)) : null);
    this.in_proj_weight = parameter(same, 3 * size, size);
    this.q_proj_weight = parameter(!same, size, size);
    this.k_proj_weight = parameter(!same, size, this.kdim);
    this.v_proj_weight = parameter(!same, size, this.vdim);
    this.in_proj_bias = parameter(bias, 3 * size);
    this.out_proj = new NonDynamicallyQuantizableLinear(size, size, bias);
    this.bias_k = parameter(addBias, 1, 1, size);
    this.bias_v = parameter(addBias, 1, 1, size);
    for (const name of ['q_proj_weight', 'k_proj_weight', 'v_proj_weight', 'in_proj_weight', 'in_proj_bias', 'bias_k', 'bias_v'] as const)
      this.registerParameter(name, this[name]);
    this._initialize();
  }

  private _initialize(): void {
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight])
      if (weight !== null) xavierUniform_(weight);
    if (this.in_proj_bias !== null) {
      zeros_(this.in_proj_bias);
      zeros_(this.out_proj.bias!);
    }
    for (const bias of [this.bias_k, this.bias_v]) if (bias !== null) xavierNormal_(bias);
  }

  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    keyPaddingMask?: Tensor | null | AttendOptions,
    needWeights?: boolean | Omit<AttendOptions, 'keyPaddingMask'>,
    attnMask?: Tensor | null | Omit<AttendOptions, 'keyPaddingMask' | 'needWeights'>,
    averageAttnWeights?: boolean | Pick<AttendOptions, 'averageAttnWeights' | 'isCausal'>,
    isCausal?: boolean | Pick<AttendOptions, 'isCausal'>,
  ): [output: Tensor, weights: Tensor | null];
  override forward(...args: readonly unknown[]): [Tensor, Tensor | null] {
    const { query, key, value, keyPaddingMask = null, needWeights = true, attnMask = null, averageAttnWeights = true, isCausal = false } = readCall(FORWARD, args); // prettier-ignore
    if (isCausal && attnMask === null)
      throw new ArgumentError('MultiheadAttention: isCausal is a hint at what attnMask is; pass the mask as well');
    const single = query.ndim === 2;
    const [q, k, v] = ([query, key, value] as const).map((t) => this._batched(t, single)) as [Tensor, Tensor, Tensor];
    const padding = single && keyPaddingMask !== null ? keyPaddingMask.unsqueeze(0) : keyPaddingMask;
    // One product projects all three where they are the same.
    const inputs = query === key && key === value ? ([q, q, q] as const) : ([q, k, v] as const);
    const { joined, weights } = attendHeads(inputs, this._projection(), {
      op: 'MultiheadAttention',
      numHeads: this.numHeads,
      addZeroAttn: this.addZeroAttn,
      keyPaddingMask: padding,
      attnMask,
      dropoutP: this.training ? this.dropout : 0,
      needWeights,
      averageAttnWeights,
    });
    const y: Tensor = this.out_proj(joined);
    if (single) return [y.squeeze(0), weights && weights.squeeze(0)];
    return [this.batchFirst ? y : y.transpose(0, 1), weights];
  }

  /** [N, length, size] */
  private _batched(x: Tensor, single: boolean): Tensor {
    if (x.ndim !== (single ? 2 : 3))
      throw new ShapeError(
        `MultiheadAttention: expected a query, a key and a value [L, N, E], or [L, E] all three, but got ${showShape(x.layout.shape)}`,
      );
    return single ? x.unsqueeze(0) : this.batchFirst ? x : x.transpose(0, 1);
  }

  private _projection(): InProjection {
    const weight = this.in_proj_weight ?? ([this.q_proj_weight!, this.k_proj_weight!, this.v_proj_weight!] as const);
    return { weight, bias: this.in_proj_bias, last: [this.bias_k, this.bias_v] };
  }
}
