/** Fully connected layers, and what leads up to them. */
import { BOOL, requireKind, SIZE, WHOLE } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { pythonBool } from '../../base/python-format.ts';
import { say, WRONG_INPUT } from '../../base/sentences.ts';
import { sameDims, showSizes, type Dims } from '../../base/shape.ts';
import { readCall } from '../../base/signature.ts';
import { empty } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { linearWith } from '../functional-linear.ts';
import { defaultInit } from '../init.ts';
import { Parameter } from '../parameter.ts';
import type { FlattenFn, IdentityFn, InputFn, LinearFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { Layer } from './layer.ts';

export interface LinearOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
}

/** All arguments of {@link Linear}, by name. */
export interface LinearArguments<In extends number = number, Out extends number = number> extends LinearOptions {
  readonly inFeatures: In;
  readonly outFeatures: Out;
}

const LINEAR = layerOf<LinearArguments>('Linear', { inFeatures: SIZE, outFeatures: SIZE, bias: BOOL }, { required: 2 });

/** `x · weightᵀ + bias` (https://pytorch.org/docs/stable/generated/torch.nn.Linear.html): [..., in] → [..., out]. */
export class Linear<out In extends number = number, out Out extends number = number> extends Layer<LinearFn<In, Out>> {
  readonly inFeatures: In;
  readonly outFeatures: Out;
  weight: Parameter;
  bias: Parameter | null;

  /**
   * No features are allowed on either side, as in PyTorch: without inputs, the output is the bias, which starts with zeros.
   * @throws ArgumentError for sizes that are not whole, or negative
   */
  constructor(inFeatures: In, outFeatures: Out, bias?: boolean | LinearOptions);
  constructor(inFeatures: In, options: Omit<LinearArguments<In, Out>, 'inFeatures'>);
  constructor(options: LinearArguments<In, Out>);
  constructor(...args: readonly unknown[]) {
    super();
    const { inFeatures, outFeatures, bias = true } = readCall(LINEAR, args);
    this.inFeatures = inFeatures as In;
    this.outFeatures = outFeatures as Out;
    this.weight = new Parameter(empty(outFeatures, inFeatures));
    this.bias = bias ? new Parameter(empty(outFeatures)) : null;
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
    defaultInit(this.weight, this.bias);
  }

  protected override run(x: Tensor): Tensor {
    return linearWith(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pythonBool(this.bias !== null)}`;
  }
}

interface FlattenOptions<Start, End> {
  /** Default 1. */
  readonly startDim?: Start;
  /** Default -1. */
  readonly endDim?: End;
}
const FLATTEN = layerOf<FlattenOptions<number, number>>('Flatten', { startDim: WHOLE, endDim: WHOLE });

/** Dimensions made one: by default all but the batch, [N, C, H, W] → [N, C·H·W]. */
export class Flatten<out Start extends number = 1, out End extends number = -1> extends Layer<FlattenFn<Start, End>> {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim?: Start | FlattenOptions<Start, End>, endDim?: End | Pick<FlattenOptions<Start, End>, 'endDim'>);
  constructor(...args: readonly unknown[]) {
    super();
    const { startDim = 1, endDim = -1 } = readCall(FLATTEN, args);
    this.startDim = startDim;
    this.endDim = endDim;
  }

  protected override run(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Gives back what it gets. */
export class Identity extends Layer<IdentityFn> {
  protected override run(x: Tensor): Tensor {
    return x;
  }
}

/**
 * Says what one sample looks like at the start of a Sequential, so that its layers are checked where it is made; gives back
 * what it gets. It has no parameters, but it counts as a layer: those after it are numbered from 1.
 * @throws ShapeError when called with something that is neither a batch of such samples nor one of them
 * @example
 * import { nn, randn } from 'flambeau';
 * const model = new nn.Sequential(new nn.Input(3, 8, 8), new nn.Flatten(), new nn.Linear(192, 10));
 * if (model(randn(2, 3, 8, 8)).shape.join() !== '2,10') throw new Error('two rows of ten logits');
 */
export class Input<const out Sample extends readonly number[] = readonly number[]> extends Layer<InputFn<Sample>> {
  readonly sample: Sample;

  constructor(...sample: Sample) {
    super();
    for (const size of sample) requireKind('Input', 'every size', size, SIZE);
    this.sample = sample;
  }

  protected override run(x: Tensor): Tensor {
    const shape = x.layout.shape;
    if (sameDims(shape, this.sample) || sameDims(shape.slice(1), this.sample)) return x;
    const sample = shape.length === this.sample.length + 1 ? shape.slice(1) : shape;
    throw new ShapeError(
      `${say(WRONG_INPUT, showSizes(this.sample), showSizes(sample))}; use ${fitting(this.sample, sample) || 'another shape'} or change Input`,
    );
  }

  override extraRepr(): string {
    return this.sample.join(', ');
  }
}

/** The transforms that make an image of sizes `from` one of sizes `to`: channels, height, width. */
function fitting([channels, ...to]: Dims, [received, ...from]: Dims): string {
  if (to.length !== 2 || from.length !== 2) return '';
  const size = `([${to.join(', ')}])`;
  const crop = from.every((n, i) => n >= to[i]!) ? ` or CenterCrop${size}` : '';
  return [...(received === channels ? [] : [`Grayscale(${channels})`]), ...(sameDims(from, to) ? [] : [`Resize${size}${crop}`])].join(
    ' and ',
  );
}
