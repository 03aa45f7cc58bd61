/**
 * Lazy layers: those that find out the number of their input channels or features from their first input
 * (https://pytorch.org/docs/stable/generated/torch.nn.modules.lazy.LazyModuleMixin.html). One mechanism for all: the constructor of the plain
 * class runs for the smallest input there is, drawing nothing; what it made is replaced by uninitialised parameters and buffers; the first call
 * gives them their shapes, draws what the plain class draws, and makes the layer one of the plain class.
 */
import { BOOL, COUNT, NOT_NEGATIVE, NUMBER, orNull } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { sameDims, showShape, type Dims } from '../../base/shape.ts';
import { readCall, type Signature } from '../../base/signature.ts';
import type { TransposePadding } from '../../tensor/shapes/resize.ts';
import type { ConvKernel, Padding } from '../../tensor/shapes/window.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { forbidWhileRecording } from '../../tensor/recorder.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { isUninitialized } from '../../tensor/uninitialized.ts';
import type { ConvTransposeNd } from '../functional-conv.ts';
import type { Pair } from '../functional.ts';
import { defaultInit } from '../init.ts';
import type { ModuleBase } from '../module-base.ts';
import { Parameter } from '../parameter.ts';
import { layerOf } from '../signatures.ts';
import { requireRank } from '../spatial.ts';
import { UninitializedBuffer, UninitializedParameter } from '../uninitialized.ts';
import { Conv1d, Conv3d, convSignature, ConvTranspose1d, ConvTranspose3d, transposeSignature, type Channels, type ConvArguments, type ConvLayerOptions, type ConvTransposeArguments, type ConvTransposeLayerOptions } from './conv-nd.ts'; // prettier-ignore
import { ConvTranspose2dLayer } from './conv-transpose.ts';
import { Conv2dLayer } from './conv.ts';
import { Linear } from './linear.ts';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from './norm.ts';
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type InstanceNormLayerOptions } from './norm-rows.ts';

type Fields = Record<string, unknown>;

/** Puts uninitialised parameters and buffers in place of what the constructor made, and `sizes` in place of the sizes. */
function wait(layer: ModuleBase, sizes: Readonly<Record<string, number>>, bias = false): void {
  const fields = Object.assign(layer, sizes) as unknown as Fields;
  for (const name of ['weight', 'bias']) {
    if (fields[name] instanceof Parameter || (name === 'bias' && bias)) fields[name] = new UninitializedParameter();
  }
  for (const name of ['running_mean', 'running_var']) {
    if (fields[name] instanceof Tensor) fields[name] = new UninitializedBuffer();
  }
}

interface Plan {
  /** The class that the layer becomes. */
  readonly plain: { readonly prototype: object };
  readonly sizes: Readonly<Record<string, number>>;
  readonly shapes: Readonly<Record<string, Dims>>;
  /** First values of what had none. */
  fill(): void;
}

/**
 * The first call: gives what waits its shape and first values.
 * @throws ShapeError where loaded parameters do not fit the input
 */
function awaken(layer: ModuleBase, { plain, sizes, shapes, fill }: Plan): void {
  const name = layer.typeName();
  forbidWhileRecording(`${name}: it gets its parameters at the first call`, 'call the model once before it is compiled');
  const fields = layer as unknown as Readonly<Record<string, Tensor | null | undefined>>;
  const own = Object.entries(shapes).flatMap(([key, shape]) =>
    fields[key] instanceof Tensor ? [{ key, shape, tensor: fields[key] }] : [],
  );
  const loaded = own.filter(({ tensor }) => !isUninitialized(tensor));
  if (loaded.length > 0 && loaded.length < own.length)
    throw new ArgumentError(
      `${name}: only ${loaded.map(({ key }) => key).join(', ')} came with a state dict; load all of ${own.map(({ key }) => key).join(', ')}, or none`,
    );
  for (const { key, shape, tensor } of loaded) {
    if (!sameDims(tensor.layout.shape, shape))
      throw new ShapeError(
        `${name}: the loaded ${key} has shape ${showShape(tensor.layout.shape)}, but this input needs ${showShape(shape)}`,
      );
  }
  for (const { shape, tensor } of own) if (isUninitialized(tensor)) tensor.materialize(shape);
  Object.assign(layer, sizes);
  Object.setPrototypeOf(layer, plain.prototype);
  if (loaded.length === 0) withGradMode(false, fill);
}

// ---- linear

interface LazyLinearArguments {
  readonly outFeatures: number;
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
}
const LINEAR = layerOf<LazyLinearArguments>('LazyLinear', { outFeatures: COUNT, bias: BOOL }, { required: 1 });

/**
 * A {@link Linear} whose input features are those of its first input (https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html).
 * Make the optimizer after that: it refuses parameters without a shape.
 * @example
 * import { nn, randn } from 'flambeau';
 * const net = new nn.Sequential(new nn.Flatten(), new nn.LazyLinear(10));
 * net(randn(2, 3, 4, 4));
 * console.log(String(net.at(1))); // Linear(in_features=48, out_features=10, bias=True)
 */
export class LazyLinear<out Out extends number = number> extends Linear<number, Out> {
  static override readonly name: string = 'LazyLinear';
  constructor(outFeatures: Out | LazyLinearArguments, bias?: boolean | { readonly bias?: boolean });
  constructor(...args: readonly unknown[]) {
    const { outFeatures, bias = true } = readCall(LINEAR, args);
    super(0, outFeatures as Out, false);
    wait(this, {}, bias);
  }
  protected override run(x: Tensor): Tensor {
    const inFeatures = x.layout.shape.at(-1);
    if (inFeatures === undefined) throw new ShapeError('LazyLinear: expected an input of at least 1 dimension, but got a single number');
    awaken(this, {
      plain: Linear,
      sizes: { inFeatures },
      shapes: { weight: [this.outFeatures, inFeatures], bias: [this.outFeatures] },
      fill: () => defaultInit(this.weight, this.bias),
    });
    return this.run(x);
  }
}

// ---- convolutions

/** The arguments without the input channels. */
type WithoutFirst<A> = A extends [number, ...infer Rest] ? Rest : never;
export type LazyConvArguments = WithoutFirst<ConvArguments>;
export type LazyConvTransposeArguments = WithoutFirst<ConvTransposeArguments>;

/** A table of arguments without the input channels. */
function lazily<O extends Channels>(name: string, of: Signature<O>): Signature<Omit<O, 'inChannels'>> {
  const { inChannels: _, ...kinds } = of.kinds;
  return { ...of, op: name, kinds: kinds, names: Object.keys(kinds), required: 2, positional: of.positional - 1, example: `new nn.${name}(6, 5, { stride: 2 })` }; // prettier-ignore
}
const conv = (n: number): Signature<Omit<Channels & ConvLayerOptions, 'inChannels'>> =>
  lazily(`LazyConv${n}d`, convSignature(`Conv${n}d`, n));
const transposed = (n: number): Signature<Omit<Channels & ConvTransposeLayerOptions, 'inChannels'>> =>
  lazily(`LazyConvTranspose${n}d`, transposeSignature(`ConvTranspose${n}d`, n));
const CONV1D = conv(1);
const CONV2D = conv(2);
const CONV3D = conv(3);
const TRANSPOSE1D = transposed(1);
const TRANSPOSE2D = transposed(2);
const TRANSPOSE3D = transposed(3);

/** All arguments of the plain class, for as few input channels as the groups allow; the bias is added later. */
function forPlain<O extends { readonly groups?: number; readonly bias?: boolean }>(
  of: Signature<O>,
  args: readonly unknown[],
): [O & { inChannels: number }, boolean] {
  const given = readCall(of, args);
  return [{ ...given, bias: false, inChannels: given.groups ?? 1 }, given.bias !== false];
}

interface Filters extends ModuleBase {
  readonly kernelSize: readonly number[];
  readonly outChannels: number;
  readonly groups: number;
  weight: Parameter;
  bias: Parameter | null;
  resetParameters(): void;
}

/** What a convolution needs for inputs like x. */
function channelsOf(layer: Filters, plain: Plan['plain'], x: Tensor, isTransposed = false): Plan {
  const { kernelSize, outChannels, groups } = layer;
  requireRank(layer.typeName(), x, kernelSize.length);
  const inChannels = x.layout.shape.at(-kernelSize.length - 1)!;
  if (inChannels % groups !== 0)
    throw new ShapeError(`${layer.typeName()}: the ${inChannels} channels of the input cannot be divided into ${groups} groups`);
  const weight = isTransposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
  return {
    plain,
    sizes: { inChannels },
    shapes: { weight: [...weight, ...kernelSize], bias: [outChannels] },
    fill: () => layer.resetParameters(),
  };
}

/** A {@link Conv1d} whose input channels are those of its first input (https://pytorch.org/docs/stable/generated/torch.nn.LazyConv1d.html). */
export class LazyConv1d extends Conv1d {
  static override readonly name: string = 'LazyConv1d';
  constructor(...args: LazyConvArguments) {
    const [all, bias] = forPlain(CONV1D, args);
    super(all);
    wait(this, { inChannels: 0 }, bias);
  }
  override resetParameters(): void {} // nothing to draw yet
  protected override run(x: Tensor): Tensor {
    awaken(this, channelsOf(this, Conv1d, x));
    return this.run(x);
  }
}

/** A {@link Conv2d} whose input channels are those of its first input (https://pytorch.org/docs/stable/generated/torch.nn.LazyConv2d.html). */
export class LazyConv2d extends Conv2dLayer<number, number, ConvKernel, Pair, Padding> {
  static override readonly name: string = 'LazyConv2d';
  constructor(...args: LazyConvArguments) {
    const [all, bias] = forPlain(CONV2D, args);
    super(all);
    wait(this, { inChannels: 0 }, bias);
  }
  override resetParameters(): void {} // nothing to draw yet
  protected override run(x: Tensor): Tensor {
    awaken(this, channelsOf(this, Conv2dLayer, x));
    return this.run(x);
  }
}

/** A {@link Conv3d} whose input channels are those of its first input (https://pytorch.org/docs/stable/generated/torch.nn.LazyConv3d.html). */
export class LazyConv3d extends Conv3d {
  static override readonly name: string = 'LazyConv3d';
  constructor(...args: LazyConvArguments) {
    const [all, bias] = forPlain(CONV3D, args);
    super(all);
    wait(this, { inChannels: 0 }, bias);
  }
  override resetParameters(): void {} // nothing to draw yet
  protected override run(x: Tensor): Tensor {
    awaken(this, channelsOf(this, Conv3d, x));
    return this.run(x);
  }
}

/** A {@link ConvTranspose1d} whose input channels are those of its first input. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  static override readonly name: string = 'LazyConvTranspose1d';
  constructor(...args: LazyConvTransposeArguments) {
    const [all, bias] = forPlain(TRANSPOSE1D, args);
    super(all);
    wait(this, { inChannels: 0 }, bias);
  }
  override resetParameters(): void {} // nothing to draw yet
  protected override spread(x: Tensor, params: ConvTransposeNd): Tensor {
    awaken(this, channelsOf(this, ConvTranspose1d, x, true));
    return this.spread(x, params);
  }
}

/** A {@link ConvTranspose2d} whose input channels are those of its first input. */
export class LazyConvTranspose2d extends ConvTranspose2dLayer<number, number, ConvKernel, Pair, TransposePadding> {
  static override readonly name: string = 'LazyConvTranspose2d';
  constructor(...args: LazyConvTransposeArguments) {
    const [all, bias] = forPlain(TRANSPOSE2D, args);
    super(all);
    wait(this, { inChannels: 0 }, bias);
  }
  override resetParameters(): void {} // nothing to draw yet
  protected override spread(x: Tensor, params: ConvTransposeNd): Tensor {
    awaken(this, channelsOf(this, ConvTranspose2dLayer, x, true));
    return this.spread(x, params);
  }
}

/** A {@link ConvTranspose3d} whose input channels are those of its first input. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  static override readonly name: string = 'LazyConvTranspose3d';
  constructor(...args: LazyConvTransposeArguments) {
    const [all, bias] = forPlain(TRANSPOSE3D, args);
    super(all);
    wait(this, { inChannels: 0 }, bias);
  }
  override resetParameters(): void {} // nothing to draw yet
  protected override spread(x: Tensor, params: ConvTransposeNd): Tensor {
    awaken(this, channelsOf(this, ConvTranspose3d, x, true));
    return this.spread(x, params);
  }
}

// ---- normalisation

const NORM = { eps: NOT_NEGATIVE, momentum: orNull(NUMBER), affine: BOOL, trackRunningStats: BOOL, bias: BOOL };
const INSTANCE = { ...NORM, momentum: NUMBER };
const batchNorm = (n: number): Signature<BatchNormLayerOptions> =>
  layerOf<BatchNormLayerOptions>(`LazyBatchNorm${n}d`, NORM, { positional: 4 });
const instanceNorm = (n: number): Signature<InstanceNormLayerOptions> =>
  layerOf<InstanceNormLayerOptions>(`LazyInstanceNorm${n}d`, INSTANCE, { positional: 4 });
const BATCH1D = batchNorm(1);
const BATCH2D = batchNorm(2);
const BATCH3D = batchNorm(3);
const INSTANCE1D = instanceNorm(1);
const INSTANCE2D = instanceNorm(2);
const INSTANCE3D = instanceNorm(3);

/** What lazy instance normalisation does by default, other than the plain classes: so it is in PyTorch. */
const EVERYTHING = { affine: true, trackRunningStats: true };

/** Arguments of a lazy normalisation, in order or by name. */
export type LazyNormArguments<O extends { readonly momentum?: unknown }> = [
  eps?: number | O,
  momentum?: O['momentum'] | Omit<O, 'eps'>,
  affine?: boolean | Omit<O, 'eps' | 'momentum'>,
  trackRunningStats?: boolean | Omit<O, 'eps' | 'momentum' | 'affine'>,
];

interface Norm extends ModuleBase {
  weight: Parameter | null;
  bias: Parameter | null;
  running_mean: Tensor | null;
  running_var: Tensor | null;
}

/** What a normalisation of so many features needs; its ranks are checked by the plain class, so that no rank makes it anything here. */
function featuresOf(layer: Norm, plain: Plan['plain'], x: Tensor, ranks: readonly number[], single: boolean): Plan {
  const dims = x.layout.shape;
  const numFeatures = ranks.includes(dims.length) ? dims[1]! : single && ranks.includes(dims.length + 1) ? dims[0]! : undefined;
  if (numFeatures === undefined)
    throw new ShapeError(
      `${layer.typeName()}: expected a ${ranks.map((r) => `${r}-d`).join(' or ')} input, but got shape ${showShape(dims)}`,
    );
  const shape = [numFeatures];
  return {
    plain,
    sizes: { numFeatures },
    shapes: { weight: shape, bias: shape, running_mean: shape, running_var: shape },
    fill: () => {
      layer.weight?.fill_(1);
      layer.bias?.fill_(0);
      layer.running_mean?.fill_(0);
      layer.running_var?.fill_(1);
    },
  };
}

/** A {@link BatchNorm1d} whose features are those of its first input (https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm1d.html). */
export class LazyBatchNorm1d extends BatchNorm1d {
  static override readonly name: string = 'LazyBatchNorm1d';
  constructor(...args: LazyNormArguments<BatchNormLayerOptions>) {
    super({ ...readCall(BATCH1D, args), numFeatures: 1 });
    wait(this, { numFeatures: 0 });
  }
  protected override run(x: Tensor): Tensor {
    awaken(this, featuresOf(this, BatchNorm1d, x, [2, 3], false));
    return this.run(x);
  }
}

/** A {@link BatchNorm2d} whose channels are those of its first input (https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm2d.html). */
export class LazyBatchNorm2d extends BatchNorm2d {
  static override readonly name: string = 'LazyBatchNorm2d';
  constructor(...args: LazyNormArguments<BatchNormLayerOptions>) {
    super({ ...readCall(BATCH2D, args), numFeatures: 1 });
    wait(this, { numFeatures: 0 });
  }
  protected override run(x: Tensor): Tensor {
    awaken(this, featuresOf(this, BatchNorm2d, x, [4], false));
    return this.run(x);
  }
}

/** A {@link BatchNorm3d} whose channels are those of its first input. */
export class LazyBatchNorm3d extends BatchNorm3d {
  static override readonly name: string = 'LazyBatchNorm3d';
  constructor(...args: LazyNormArguments<BatchNormLayerOptions>) {
    super({ ...readCall(BATCH3D, args), numFeatures: 1 });
    wait(this, { numFeatures: 0 });
  }
  protected override run(x: Tensor): Tensor {
    awaken(this, featuresOf(this, BatchNorm3d, x, [5], false));
    return this.run(x);
  }
}

/** An {@link InstanceNorm1d} whose channels are those of its first input; affine and with running statistics unless told otherwise, as in PyTorch. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  static override readonly name: string = 'LazyInstanceNorm1d';
  constructor(...args: LazyNormArguments<InstanceNormLayerOptions>) {
    super({ ...EVERYTHING, ...readCall(INSTANCE1D, args), numFeatures: 1 });
    wait(this, { numFeatures: 0 });
  }
  protected override run(x: Tensor): Tensor {
    awaken(this, featuresOf(this, InstanceNorm1d, x, [3], true));
    return this.run(x);
  }
}

/** An {@link InstanceNorm2d} whose channels are those of its first input. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  static override readonly name: string = 'LazyInstanceNorm2d';
  constructor(...args: LazyNormArguments<InstanceNormLayerOptions>) {
    super({ ...EVERYTHING, ...readCall(INSTANCE2D, args), numFeatures: 1 });
    wait(this, { numFeatures: 0 });
  }
  protected override run(x: Tensor): Tensor {
    awaken(this, featuresOf(this, InstanceNorm2d, x, [4], true));
    return this.run(x);
  }
}

/** An {@link InstanceNorm3d} whose channels are those of its first input. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  static override readonly name: string = 'LazyInstanceNorm3d';
  constructor(...args: LazyNormArguments<InstanceNormLayerOptions>) {
    super({ ...EVERYTHING, ...readCall(INSTANCE3D, args), numFeatures: 1 });
    wait(this, { numFeatures: 0 });
  }
  protected override run(x: Tensor): Tensor {
    awaken(this, featuresOf(this, InstanceNorm3d, x, [5], true));
    return this.run(x);
  }
}
