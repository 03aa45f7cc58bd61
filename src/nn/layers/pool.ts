/** Pooling layers. Every size is a number or a pair [vertical, horizontal]. */
import { pythonBool, pythonTuple } from '../../base/python-format.ts';
import {
  adaptivePoolParams,
  avgPoolParams,
  maxPoolParams,
  type AdaptivePoolParams,
  type AvgPoolOptions,
  type AvgPoolParams,
  type MaxPoolOptions,
  type MaxPoolParams,
  type Pair,
} from '../../tensor/ops/pool-geometry.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { adaptiveAvgPool2dWith, adaptiveMaxPool2d, avgPool2dWith, maxPool2dWith } from '../functional.ts';
import { Module } from '../module.ts';

/** A size as it was given: `2` or `(3, 5)`. */
const show = (size: Pair): string => (typeof size === 'number' ? String(size) : pythonTuple(size));

/** The largest element of each window (https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html). */
export class MaxPool2d extends Module {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;
  readonly #params: MaxPoolParams;

  /**
   * @param stride default: the kernel size
   * @throws ArgumentError for sizes that are not whole and positive, or padding above half the kernel
   */
  constructor(kernelSize: Pair, stride?: Pair | null, options: Omit<MaxPoolOptions, 'stride' | 'returnIndices'> = {}) {
    super();
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
    this.#params = maxPoolParams(kernelSize, { ...options, stride: this.stride });
  }

  override forward(x: Tensor): Tensor {
    return maxPool2dWith(x, this.#params);
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}, dilation=${show(this.dilation)}, ceil_mode=${pythonBool(this.ceilMode)}`;
  }
}

/** The mean of each window (https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html). */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly #params: AvgPoolParams;

  /** @param stride default: the kernel size */
  constructor(kernelSize: Pair, stride?: Pair | null, options: Omit<AvgPoolOptions, 'stride'> = {}) {
    super();
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.#params = avgPoolParams(kernelSize, { ...options, stride: this.stride });
  }

  override forward(x: Tensor): Tensor {
    return avgPool2dWith(x, this.#params);
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}`;
  }
}

type OutputSize = number | null | readonly [number | null, number | null];

const showOutput = (size: OutputSize): string =>
  size === null || typeof size === 'number' ? String(size ?? 'None') : `(${size.map((n) => n ?? 'None').join(', ')})`;

/** Means over windows that give the wished output size; null keeps the input's. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: OutputSize;
  readonly #params: AdaptivePoolParams;

  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
    this.#params = adaptivePoolParams(outputSize);
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2dWith(x, this.#params);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/** Maxima over windows that give the wished output size; null keeps the input's. */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}
