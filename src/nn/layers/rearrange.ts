/** Layers that rearrange channels and windows, and local response normalisation. */
import { arrayOf, COUNT, NUMBER, STEP, WHOLE } from '../../base/arguments.ts';
import { pythonFloat, pythonTuple } from '../../base/python-format.ts';
import { readCall, signature } from '../../base/signature.ts';
import { unflatten } from '../../tensor/rearrange.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { channelShuffle, fold, localResponseNorm, unfold, UNFOLD_KINDS, type UnfoldOptions } from '../functional-fold.ts';
import type { IdentityFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { sizesOf, type Sizes } from '../spatial.ts';
import type { DynamicFn } from './conv-nd.ts';
import { Layer } from './layer.ts';

const show = (size: Sizes): string => (typeof size === 'number' ? String(size) : pythonTuple(size));

interface UnfoldArguments extends UnfoldOptions {
  readonly kernelSize: Sizes;
}
interface FoldArguments extends UnfoldArguments {
  readonly outputSize: Sizes;
}
const UNFOLD = signature<UnfoldArguments>('Unfold', UNFOLD_KINDS, { required: 1, example: 'new nn.Unfold(3, 1, 1)' });
const FOLD = signature<FoldArguments>(
  'Fold',
  { outputSize: sizesOf(2, STEP), ...UNFOLD_KINDS },
  { required: 2, example: 'new nn.Fold([8, 8], 3)' },
);
const parts = (o: Required<UnfoldArguments>): string =>
  `kernel_size=${show(o.kernelSize)}, dilation=${show(o.dilation)}, padding=${show(o.padding)}, stride=${show(o.stride)}`;
const whole = <O extends UnfoldArguments>(given: O): O & Required<UnfoldArguments> => ({ dilation: 1, padding: 0, stride: 1, ...given });

/** The windows of images as columns: [N, C, H, W] → [N, C·kH·kW, L]. */
export class Unfold extends Layer<DynamicFn> {
  private readonly _given: Required<UnfoldArguments>;
  constructor(
    kernelSize: Sizes | UnfoldArguments,
    dilation?: Sizes | UnfoldOptions,
    padding?: Sizes | Omit<UnfoldOptions, 'dilation'>,
    stride?: Sizes | Pick<UnfoldOptions, 'stride'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    this._given = whole(readCall(UNFOLD, args));
  }
  protected override run(x: Tensor): Tensor {
    return unfold({ input: x, ...this._given });
  }
  override extraRepr(): string {
    return parts(this._given);
  }
}

/** Columns of windows added up to images, the transpose of {@link Unfold}: [N, C·kH·kW, L] → [N, C, H, W]. */
export class Fold extends Layer<DynamicFn> {
  private readonly _given: FoldArguments & Required<UnfoldArguments>;
  constructor(
    outputSize: Sizes | FoldArguments,
    kernelSize?: Sizes | UnfoldArguments,
    dilation?: Sizes | UnfoldOptions,
    padding?: Sizes | Omit<UnfoldOptions, 'dilation'>,
    stride?: Sizes | Pick<UnfoldOptions, 'stride'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    this._given = whole(readCall(FOLD, args));
  }
  protected override run(x: Tensor): Tensor {
    return fold({ input: x, ...this._given });
  }
  override extraRepr(): string {
    return `output_size=${show(this._given.outputSize)}, ${parts(this._given)}`;
  }
}

const SHUFFLE = signature<{ groups: number }>('ChannelShuffle', { groups: COUNT }, { required: 1, example: 'new nn.ChannelShuffle(2)' });
/** The channels of `groups` groups one by one in turn. */
export class ChannelShuffle extends Layer<IdentityFn> {
  readonly groups: number;
  constructor(groups: number | { readonly groups: number });
  constructor(...args: readonly unknown[]) {
    super();
    this.groups = readCall(SHUFFLE, args).groups;
  }
  protected override run(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }
  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

/** Of LocalResponseNorm and CrossMapLRN2d. */
export interface LocalResponseArguments {
  readonly size: number;
  readonly alpha?: number;
  readonly beta?: number;
  readonly k?: number;
}
const LOCAL = signature<LocalResponseArguments>(
  'LocalResponseNorm',
  { size: COUNT, alpha: NUMBER, beta: NUMBER, k: NUMBER },
  { required: 1, example: 'new nn.LocalResponseNorm(5, 1e-4, 0.75, 1)' },
);
/** Divides by the squares of `size` neighbouring channels: x / (k + alpha·mean)^beta. */
export class LocalResponseNorm extends Layer<IdentityFn> {
  readonly size: number;
  alpha: number;
  beta: number;
  k: number;
  constructor(
    size: number | LocalResponseArguments,
    alpha?: number | Omit<LocalResponseArguments, 'size'>,
    beta?: number | Pick<LocalResponseArguments, 'beta' | 'k'>,
    k?: number | Pick<LocalResponseArguments, 'k'>,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { size, alpha = 1e-4, beta = 0.75, k = 1 } = readCall(LOCAL, args);
    this.size = size;
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  protected override run(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.alpha, this.beta, this.k);
  }
  override extraRepr(): string {
    return `${this.size}, alpha=${pythonFloat(this.alpha)}, beta=${pythonFloat(this.beta)}, k=${pythonFloat(this.k)}`;
  }
}

interface UnflattenOptions {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];
}
const UNFLATTEN = layerOf<UnflattenOptions>('Unflatten', { dim: WHOLE, unflattenedSize: arrayOf(WHOLE, 'sizes') }, { required: 2 });

/**
 * One dimension as several, the opposite of `nn.Flatten` (https://pytorch.org/docs/stable/generated/torch.nn.Unflatten.html).
 * @example
 * import { nn, randn } from 'flambeau';
 * if (new nn.Unflatten(1, [2, 3])(randn(4, 6)).shape.join() !== '4,2,3') throw new Error('two rows of three');
 */
export class Unflatten extends Layer<DynamicFn> {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  /** @param unflattenedSize its sizes, of which one may be -1 */
  constructor(dim: number | UnflattenOptions, unflattenedSize?: readonly number[] | Pick<UnflattenOptions, 'unflattenedSize'>);
  constructor(...args: readonly unknown[]) {
    super();
    const { dim, unflattenedSize } = readCall(UNFLATTEN, args);
    this.dim = dim;
    this.unflattenedSize = [...unflattenedSize];
  }

  protected override run(x: Tensor): Tensor {
    return unflatten(x, this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${pythonTuple(this.unflattenedSize)}`;
  }
}
