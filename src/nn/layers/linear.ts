/** Fully connected layers, and what leads up to them. */
import { ShapeError } from '../../base/errors.ts';
import { pythonBool } from '../../base/python-format.ts';
import { showShape } from '../../base/shape.ts';
import { empty } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { linear } from '../functional.ts';
import { defaultInit, requireCount } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

export interface LinearOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
}

/** `x · weightᵀ + bias` (https://pytorch.org/docs/stable/generated/torch.nn.Linear.html): [..., in] → [..., out]. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  /** @throws ArgumentError for sizes that are not whole and positive */
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    requireCount('Linear', 'inFeatures', inFeatures);
    requireCount('Linear', 'outFeatures', outFeatures);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty(outFeatures, inFeatures));
    this.bias = options.bias === false ? null : new Parameter(empty(outFeatures));
    defaultInit(this.weight, this.bias);
  }

  override forward(x: Tensor): Tensor {
    const features = x.layout.shape.at(-1);
    if (features !== this.inFeatures) throw this.#mismatch(x, features);
    return linear(x, this.weight, this.bias);
  }

  /** The sentence that a wrong size deserves: what came, how it came about, what to write instead. */
  #mismatch(x: Tensor, features: number | undefined): ShapeError {
    if (features === undefined) return new ShapeError(`Linear expects ${this.inFeatures} features but receives a tensor without dimensions; reshape it to [1, ${this.inFeatures}]`); // prettier-ignore
    const from = x.flattenedFrom;
    const product = from === undefined ? '' : ` = ${from.slice(1).join('×')}`;
    const unflattened = x.ndim === 4 ? '; flatten the feature maps first (x.flatten(1))' : '';
    return new ShapeError(
      `Linear expects ${this.inFeatures} features but receives ${features}${product} (input ${showShape(x.layout.shape)})` +
        (unflattened === ''
          ? `; set inFeatures to ${features}, or put a pool or AdaptiveAvgPool2d before it`
          : unflattened),
    );
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pythonBool(this.bias !== null)}`;
  }
}

/** Dimensions made one: by default all but the batch, [N, C, H, W] → [N, C·H·W]. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Gives back what it gets. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
