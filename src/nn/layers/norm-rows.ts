/** Layers that normalise within a sample: layer, group, instance and RMS normalisation. */
import { BOOL, COUNT, NOT_NEGATIVE, NUMBER, orNull } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { pythonBool, pythonFloat, pythonTuple } from '../../base/python-format.ts';
import { channelsRemedy, say, WRONG_CHANNELS, WRONG_RANK } from '../../base/sentences.ts';
import { showSizes } from '../../base/shape.ts';
import { readCall } from '../../base/signature.ts';
import { ones, zeros } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { groupNormWith, instanceNormWith, layerNormWith, normalizedDims, NORMALIZED_SHAPE, rmsNormWith, type NormalizedShape } from '../functional-norm.ts'; // prettier-ignore
import { Parameter } from '../parameter.ts';
import type { IdentityFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { Layer } from './layer.ts';

export interface LayerNormLayerOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Whether to learn a scale and a shift for each element. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether to learn a shift. Default true. */
  readonly bias?: boolean;
}
interface LayerNormArguments extends LayerNormLayerOptions {
  readonly normalizedShape: NormalizedShape;
}
const LAYER_NORM = layerOf<LayerNormArguments>(
  'LayerNorm',
  { normalizedShape: NORMALIZED_SHAPE, eps: NOT_NEGATIVE, elementwiseAffine: BOOL, bias: BOOL },
  { required: 1 },
);

/** Normalises over the last dimensions (https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html). */
export class LayerNorm extends Layer<IdentityFn> {
  readonly normalizedShape: readonly number[];
  eps: number;
  readonly elementwiseAffine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  /** @param normalizedShape the last sizes of inputs: one, or several as an array */
  constructor(
    normalizedShape: NormalizedShape | LayerNormArguments,
    eps?: number | LayerNormLayerOptions,
    elementwiseAffine?: boolean | Omit<LayerNormLayerOptions, 'eps'>,
    bias?: boolean | Pick<LayerNormLayerOptions, 'bias'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { normalizedShape, eps = 1e-5, elementwiseAffine = true, bias = true } = readCall(LAYER_NORM, args);
    this.normalizedShape = [...normalizedDims(normalizedShape)];
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape)) : null;
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
  }

  protected override run(x: Tensor): Tensor {
    return layerNormWith(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${pythonTuple(this.normalizedShape)}, eps=${pythonFloat(this.eps)}, elementwise_affine=${pythonBool(this.elementwiseAffine)}, bias=${pythonBool(this.bias !== null)}`;
  }
}

export interface RMSNormLayerOptions {
  /** null for the smallest step of the dtype at 1. Default null. */
  readonly eps?: number | null;
  /** Whether to learn a scale for each element. Default true. */
  readonly elementwiseAffine?: boolean;
}
interface RMSNormArguments extends RMSNormLayerOptions {
  readonly normalizedShape: NormalizedShape;
}
const RMS_NORM = layerOf<RMSNormArguments>(
  'RMSNorm',
  { normalizedShape: NORMALIZED_SHAPE, eps: orNull(NOT_NEGATIVE), elementwiseAffine: BOOL },
  { required: 1 },
);

/** Divides by the root of the mean of squares over the last dimensions. */
export class RMSNorm extends Layer<IdentityFn> {
  readonly normalizedShape: readonly number[];
  eps: number | null;
  readonly elementwiseAffine: boolean;
  weight: Parameter | null;

  constructor(
    normalizedShape: NormalizedShape | RMSNormArguments,
    eps?: number | null | RMSNormLayerOptions,
    elementwiseAffine?: boolean | Omit<RMSNormLayerOptions, 'eps'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { normalizedShape, eps = null, elementwiseAffine = true } = readCall(RMS_NORM, args);
    this.normalizedShape = [...normalizedDims(normalizedShape)];
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null;
    this.registerParameter('weight', this.weight);
  }

  protected override run(x: Tensor): Tensor {
    return rmsNormWith(x, this.normalizedShape, this.weight, this.eps);
  }

  override extraRepr(): string {
    const eps = this.eps === null ? 'None' : pythonFloat(this.eps);
    return `${pythonTuple(this.normalizedShape)}, eps=${eps}, elementwise_affine=${pythonBool(this.elementwiseAffine)}`;
  }
}

export interface GroupNormLayerOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Whether to learn a scale and a shift for each channel. Default true. */
  readonly affine?: boolean;
  /** Whether to learn a shift. Default true. By name only. */
  readonly bias?: boolean;
}
interface GroupNormArguments extends GroupNormLayerOptions {
  readonly numGroups: number;
  readonly numChannels: number;
}
const GROUP_NORM = layerOf<GroupNormArguments>(
  'GroupNorm',
  { numGroups: COUNT, numChannels: COUNT, eps: NOT_NEGATIVE, affine: BOOL, bias: BOOL },
  { required: 2, positional: 4 },
);

/** Normalises groups of channels of each sample (https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html). */
export class GroupNorm extends Layer<IdentityFn> {
  readonly numGroups: number;
  readonly numChannels: number;
  eps: number;
  readonly affine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  /** @throws ArgumentError when the groups do not divide the channels */
  constructor(
    numGroups: number,
    numChannels: number | Omit<GroupNormArguments, 'numGroups'>,
    eps?: number | GroupNormLayerOptions,
    affine?: boolean | Omit<GroupNormLayerOptions, 'eps'>,
    options?: Pick<GroupNormLayerOptions, 'bias'>,
  );
  constructor(options: GroupNormArguments);
  constructor(...args: readonly unknown[]) {
    super();
    const { numGroups, numChannels, eps = 1e-5, affine = true, bias = true } = readCall(GROUP_NORM, args);
    if (numChannels % numGroups !== 0)
      throw new ArgumentError(
        `GroupNorm: expected numGroups to divide numChannels, but got ${numGroups} groups and ${numChannels} channels`,
      );
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? new Parameter(ones(numChannels)) : null;
    this.bias = affine && bias ? new Parameter(zeros(numChannels)) : null;
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
  }

  protected override run(x: Tensor): Tensor {
    return groupNormWith(x, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${pythonFloat(this.eps)}, affine=${pythonBool(this.affine)}, bias=${pythonBool(this.bias !== null)}`;
  }
}

export interface InstanceNormLayerOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Weight of a new batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** Whether to learn a scale and a shift for each channel. Default false. */
  readonly affine?: boolean;
  /** Whether to keep running statistics for evaluation. Default false. */
  readonly trackRunningStats?: boolean;
  /** Whether an affine layer learns a shift. Default true. By name only. */
  readonly bias?: boolean;
}
interface InstanceNormArguments extends InstanceNormLayerOptions {
  readonly numFeatures: number;
}
type AfterEps = Omit<InstanceNormLayerOptions, 'eps'>;
type AfterMomentum = Omit<AfterEps, 'momentum'>;
const INSTANCE_KINDS = { numFeatures: COUNT, eps: NOT_NEGATIVE, momentum: NUMBER, affine: BOOL, trackRunningStats: BOOL, bias: BOOL };

abstract class InstanceNorm extends Layer<IdentityFn> {
  readonly numFeatures: number;
  eps: number;
  momentum: number;
  readonly affine: boolean;
  trackRunningStats: boolean;
  weight: Parameter | null;
  bias: Parameter | null;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;

  constructor(
    numFeatures: number | InstanceNormArguments,
    eps?: number | InstanceNormLayerOptions,
    momentum?: number | AfterEps,
    affine?: boolean | AfterMomentum,
    trackRunningStats?: boolean | Omit<AfterMomentum, 'affine'>,
    options?: Pick<InstanceNormLayerOptions, 'bias'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const of = layerOf<InstanceNormArguments>(this.typeName(), INSTANCE_KINDS, { required: 1, positional: 5 });
    const { numFeatures, eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false, bias = true } = readCall(of, args);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? new Parameter(ones(numFeatures)) : null;
    this.bias = affine && bias ? new Parameter(zeros(numFeatures)) : null;
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
    this.registerBuffer('running_mean', trackRunningStats ? zeros(numFeatures) : null);
    this.registerBuffer('running_var', trackRunningStats ? ones(numFeatures) : null);
    this.registerBuffer('num_batches_tracked', trackRunningStats ? zeros([], { dtype: 'int64' }) : null);
  }

  /** The number of dimensions of a batch; a single sample has one less. */
  protected abstract rank(): number;

  protected override run(x: Tensor): Tensor {
    const [name, rank] = [this.typeName(), this.rank()];
    if (x.ndim !== rank && x.ndim !== rank - 1)
      throw new ShapeError(say(WRONG_RANK, name, `${rank - 1}-d or ${rank}-d`, showSizes(x.layout.shape)));
    const batch = x.ndim === rank ? x : x.unsqueeze(0);
    const channels = batch.layout.shape[1]!;
    if (channels !== this.numFeatures) {
      const sizes = showSizes(batch.layout.shape.slice(1));
      throw new ShapeError(
        `${say(WRONG_CHANNELS, name, this.numFeatures, channels, sizes)}; ${channelsRemedy(batch.layout.shape, this.numFeatures, 'numFeatures')}`,
      );
    }
    const y = instanceNormWith(batch, {
      runningMean: this.running_mean,
      runningVar: this.running_var,
      weight: this.weight,
      bias: this.bias,
      useInputStats: this.training || !this.trackRunningStats,
      momentum: this.momentum,
      eps: this.eps,
    });
    return x.ndim === rank ? y : y.squeeze(0);
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${pythonFloat(this.eps)}, momentum=${pythonFloat(this.momentum)}, affine=${pythonBool(this.affine)}, bias=${pythonBool(this.bias !== null)}, track_running_stats=${pythonBool(this.trackRunningStats)}`;
  }
}

/** Normalises each channel of each sample of [N, C, L] or [C, L]. */
export class InstanceNorm1d extends InstanceNorm {
  protected override rank(): number {
    return 3;
  }
}

/** Normalises each channel of each sample of [N, C, H, W] or [C, H, W]. */
export class InstanceNorm2d extends InstanceNorm {
  protected override rank(): number {
    return 4;
  }
}

/** Normalises each channel of each sample of [N, C, D, H, W] or [C, D, H, W]. */
export class InstanceNorm3d extends InstanceNorm {
  protected override rank(): number {
    return 5;
  }
}
