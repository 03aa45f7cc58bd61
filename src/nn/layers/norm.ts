/** Batch normalisation layers. */
import { BOOL, COUNT, NOT_NEGATIVE, NUMBER, orNull } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { channelsRemedy, say, WRONG_CHANNELS, WRONG_RANK } from '../../base/sentences.ts';
import { showSizes } from '../../base/shape.ts';
import { readCall } from '../../base/signature.ts';
import { ones, zeros } from '../../tensor/create.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { activeRecorder, unrecorded, type Recorder, type Scalars } from '../../tensor/recorder.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Parameter } from '../parameter.ts';
import { batchNormWith } from '../prepared.ts';
import type { BatchNorm1dFn, BatchNormFn, IdentityFn, ShapeFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { Layer } from './layer.ts';

export interface BatchNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Weight of a new batch in the running statistics; null for the plain average of all batches. Default 0.1. */
  readonly momentum?: number | null;
  /** Whether to learn a scale and a shift for each channel. Default true. */
  readonly affine?: boolean;
  /** Whether to keep running statistics for evaluation. Default true. */
  readonly trackRunningStats?: boolean;
  /** Whether an affine layer learns a shift. Default true. By name only. */
  readonly bias?: boolean;
}

interface BatchNormArguments<C extends number = number> extends BatchNormLayerOptions {
  readonly numFeatures: C;
}
type AfterEps = Omit<BatchNormLayerOptions, 'eps'>;
type AfterMomentum = Omit<AfterEps, 'momentum'>;
type AfterAffine = Omit<AfterMomentum, 'affine'>;

const KINDS = {
  numFeatures: COUNT,
  eps: NOT_NEGATIVE,
  momentum: orNull(NUMBER),
  affine: BOOL,
  trackRunningStats: BOOL,
  bias: BOOL,
};

export abstract class BatchNorm<C extends number, F extends ShapeFn> extends Layer<F> {
  readonly numFeatures: C;
  eps: number;
  momentum: number | null;
  readonly affine: boolean;
  trackRunningStats: boolean;
  weight: Parameter | null;
  bias: Parameter | null;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;

  /** @throws ArgumentError for a number of features that is not whole and positive */
  constructor(
    numFeatures: C | BatchNormArguments<C>,
    eps?: number | BatchNormLayerOptions,
    momentum?: number | null | AfterEps,
    affine?: boolean | AfterMomentum,
    trackRunningStats?: boolean | AfterAffine,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { numFeatures, ...given } = readCall(layerOf<BatchNormArguments>(this.typeName(), KINDS, { required: 1, positional: 5 }), args);
    this.numFeatures = numFeatures as C;
    this.eps = given.eps ?? 1e-5;
    this.momentum = given.momentum === undefined ? 0.1 : given.momentum;
    this.affine = given.affine ?? true;
    this.trackRunningStats = given.trackRunningStats ?? true;
    this.weight = this.affine ? new Parameter(ones(numFeatures)) : null;
    this.bias = this.affine && given.bias !== false ? new Parameter(zeros(numFeatures)) : null;
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
    const tracked = this.trackRunningStats;
    this.registerBuffer('running_mean', tracked ? zeros(numFeatures) : null);
    this.registerBuffer('running_var', tracked ? ones(numFeatures) : null);
    this.registerBuffer('num_batches_tracked', tracked ? zeros([], { dtype: 'int64' }) : null);
  }

  /** Numbers of dimensions that the layer takes. */
  protected abstract ranks(): readonly number[];

  protected override run(x: Tensor): Tensor {
    const name = this.typeName();
    if (!this.ranks().includes(x.ndim)) {
      throw new ShapeError(
        say(
          WRONG_RANK,
          name,
          this.ranks()
            .map((rank) => `${rank}-d`)
            .join(' or '),
          showSizes(x.layout.shape),
        ),
      );
    }
    const channels = x.layout.shape[1]!;
    if (channels !== this.numFeatures) {
      throw new ShapeError(
        `${say(WRONG_CHANNELS, name, this.numFeatures, channels, showSizes(x.layout.shape.slice(1)))}; ${channelsRemedy(x.layout.shape, this.numFeatures, 'numFeatures')}`,
      );
    }
    return this.normalized(x);
  }

  /** Of an input that fits. */
  protected normalized(x: Tensor): Tensor {
    const track = this.training && this.running_mean !== null;
    if (track) withGradMode(false, () => this.num_batches_tracked!.add_(1));
    const training = this.training || this.running_mean === null;
    const running = track || !training;
    return batchNormWith(
      x,
      running ? this.running_mean : null,
      running ? this.running_var : null,
      { weight: this.weight, bias: this.bias, training, eps: this.eps },
      this.momentum !== null ? [this.momentum] : track ? shareOf(this.num_batches_tracked!) : [0],
    );
  }

  override extraRepr(): string {
    const momentum = this.momentum === null ? 'None' : pythonFloat(this.momentum);
    return `${this.numFeatures}, eps=${pythonFloat(this.eps)}, momentum=${momentum}, affine=${pythonBool(this.affine)}, bias=${pythonBool(this.bias !== null)}, track_running_stats=${pythonBool(this.trackRunningStats)}`;
  }
}

/** How often each count has gone up in a recording. */
const counted = new WeakMap<Recorder, Map<Tensor, number>>();

/** The weight of the newest batch in a plain average. A compiled function counts within its plan, and asks for it before. */
function shareOf(batches: Tensor): Scalars {
  const recorder = activeRecorder();
  if (recorder === undefined) return [1 / batches.item()];
  const counts = counted.get(recorder) ?? new Map<Tensor, number>();
  counted.set(recorder, counts);
  const more = (counts.get(batches) ?? 0) + 1;
  counts.set(batches, more);
  return () => [1 / (unrecorded(() => batches.item()) + more)];
}

/** Normalises each channel of [N, C, H, W] (https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html). */
export class BatchNorm2d<out C extends number = number> extends BatchNorm<C, BatchNormFn<C>> {
  protected override ranks(): readonly number[] {
    return [4];
  }
}

/** Normalises each feature of [N, C] or [N, C, L]. */
export class BatchNorm1d<out C extends number = number> extends BatchNorm<C, BatchNorm1dFn<C>> {
  protected override ranks(): readonly number[] {
    return [2, 3];
  }
}

/** Normalises each channel of [N, C, D, H, W]. */
export class BatchNorm3d<out C extends number = number> extends BatchNorm<C, IdentityFn> {
  protected override ranks(): readonly number[] {
    return [5];
  }
}
