/** The everyday activations as layers. With `inplace`, the input itself is changed. Arguments in PyTorch's order or by name. */
import { activation as activationOps } from '../../tensor/families/activation.ts';
import { BOOL, NUMBER, oneOf, orNull, WHOLE } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import { readCall } from '../../base/signature.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { activate, gelu, hardsigmoid, logSoftmax, softmax, softplus, type EluOptions, type GeluOptions, type HardtanhOptions, type InPlace, type LeakyReluOptions, type SoftplusOptions } from '../functional-activation.ts'; // prettier-ignore
import type { IdentityFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { Layer } from './layer.ts';

export type { HardtanhOptions };

const INPLACE = { inplace: BOOL };

/** A layer that takes nothing but whether to work in place. */
export abstract class InPlaceLayer extends Layer<IdentityFn> {
  inplace: boolean;

  /** @param inplace true, or `{ inplace: true }` */
  constructor(inplace?: boolean | InPlace);
  constructor(...args: readonly unknown[]) {
    super();
    const name = this.typeName();
    this.inplace = readCall(layerOf<InPlace>(name, INPLACE), args).inplace ?? false;
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** What comes after a layer's own arguments in its text. */
export const andInPlace = (inplace: boolean): string => (inplace ? ', inplace=True' : '');

/** max(x, 0). With `inplace`, the input itself is changed. */
export class ReLU extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return this.inplace ? x.relu_() : x.relu();
  }
}

const LEAKY_RELU = layerOf<LeakyReluOptions>('LeakyReLU', { negativeSlope: NUMBER, ...INPLACE });

/** x where positive, negativeSlope·x elsewhere. */
export class LeakyReLU extends Layer<IdentityFn> {
  negativeSlope: number;
  inplace: boolean;

  constructor(negativeSlope?: number | LeakyReluOptions, inplace?: boolean | InPlace);
  constructor(...args: readonly unknown[]) {
    super();
    const { negativeSlope = 0.01, inplace = false } = readCall(LEAKY_RELU, args);
    this.negativeSlope = negativeSlope;
    this.inplace = inplace;
  }

  protected override run(x: Tensor): Tensor {
    return activate(activationOps.leakyRelu, x, [this.negativeSlope], this.inplace);
  }

  override extraRepr(): string {
    return `negative_slope=${pythonFloat(this.negativeSlope)}${andInPlace(this.inplace)}`;
  }
}

export class Sigmoid extends Layer<IdentityFn> {
  protected override run(x: Tensor): Tensor {
    return x.sigmoid();
  }
}

export class Tanh extends Layer<IdentityFn> {
  protected override run(x: Tensor): Tensor {
    return x.tanh();
  }
}

interface DimOption {
  readonly dim?: number | null;
}

abstract class DimLayer extends Layer<IdentityFn> {
  /** null: as `F.softmax` chooses without one. */
  readonly dim: number | null;

  constructor(dim?: number | null | DimOption);
  constructor(...args: readonly unknown[]) {
    super();
    this.dim = readCall(layerOf<DimOption>(this.typeName(), { dim: orNull(WHOLE) }), args).dim ?? null;
  }

  override extraRepr(): string {
    return `dim=${this.dim ?? 'None'}`;
  }
}

/** Probabilities along a dimension. */
export class Softmax extends DimLayer {
  protected override run(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}

/** Logarithms of probabilities along a dimension. */
export class LogSoftmax extends DimLayer {
  protected override run(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}

/** Softmax of −x. */
export class Softmin extends DimLayer {
  protected override run(x: Tensor): Tensor {
    return softmax(x.neg(), this.dim);
  }
}

const HARDTANH = layerOf<HardtanhOptions>('Hardtanh', { minVal: NUMBER, maxVal: NUMBER, ...INPLACE });

/** x, but at least `minVal` and at most `maxVal`; nothing flows back through elements at a bound. */
export class Hardtanh extends Layer<IdentityFn> {
  minVal: number;
  maxVal: number;
  inplace: boolean;

  /** @throws ArgumentError unless minVal is below maxVal */
  constructor(minVal?: number | HardtanhOptions, maxVal?: number | Omit<HardtanhOptions, 'minVal'>, inplace?: boolean | InPlace);
  constructor(...args: readonly unknown[]) {
    super();
    const { minVal = -1, maxVal = 1, inplace = false } = readCall(HARDTANH, args);
    if (!(minVal < maxVal))
      throw new ArgumentError(`Hardtanh: expected the lower bound to be below the upper, but got ${minVal} and ${maxVal}`);
    this.minVal = minVal;
    this.maxVal = maxVal;
    this.inplace = inplace;
  }

  protected override run(x: Tensor): Tensor {
    return activate(activationOps.hardtanh, x, [this.minVal, this.maxVal], this.inplace);
  }

  override extraRepr(): string {
    return `min_val=${pythonFloat(this.minVal)}, max_val=${pythonFloat(this.maxVal)}${andInPlace(this.inplace)}`;
  }
}

/** min(max(x, 0), 6) */
export class ReLU6 extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return activate(activationOps.hardtanh, x, [0, 6], this.inplace);
  }
}

/** min(max(x + 3, 0), 6) / 6 */
export class Hardsigmoid extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return hardsigmoid(x, this.inplace);
  }

  override extraRepr(): string {
    return '';
  }
}

/** x·hardsigmoid(x) */
export class Hardswish extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return activate(activationOps.hardswish, x, [], this.inplace);
  }

  override extraRepr(): string {
    return '';
  }
}

/** x·sigmoid(x) */
export class SiLU extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return activate(activationOps.silu, x, [], this.inplace);
  }
}

const ELU_KINDS = { alpha: NUMBER, ...INPLACE };

/** x where positive, alpha·(eˣ − 1) elsewhere. */
export class ELU extends Layer<IdentityFn> {
  alpha: number;
  inplace: boolean;

  constructor(alpha?: number | EluOptions, inplace?: boolean | InPlace);
  constructor(...args: readonly unknown[]) {
    super();
    const { alpha = 1, inplace = false } = readCall(layerOf<EluOptions>(this.typeName(), ELU_KINDS), args);
    this.alpha = alpha;
    this.inplace = inplace;
  }

  protected override run(x: Tensor): Tensor {
    return activate(activationOps.elu, x, [this.alpha, 1, 1], this.inplace);
  }

  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}${andInPlace(this.inplace)}`;
  }
}

const GELU_LAYER = layerOf<GeluOptions>('GELU', { approximate: oneOf('none', 'tanh') });

/** x·Φ(x), Φ the normal distribution, or its approximation by a hyperbolic tangent. */
export class GELU extends Layer<IdentityFn> {
  approximate: 'none' | 'tanh';

  constructor(approximate?: 'none' | 'tanh' | GeluOptions);
  constructor(...args: readonly unknown[]) {
    super();
    this.approximate = readCall(GELU_LAYER, args).approximate ?? 'none';
  }

  protected override run(x: Tensor): Tensor {
    return gelu(x, this.approximate);
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

const SOFTPLUS = layerOf<SoftplusOptions>('Softplus', { beta: NUMBER, threshold: NUMBER });

/** ln(1 + e^(βx)) / β, and x itself where βx is above the threshold. */
export class Softplus extends Layer<IdentityFn> {
  beta: number;
  threshold: number;

  private readonly _shown: string;

  constructor(beta?: number | SoftplusOptions, threshold?: number | Pick<SoftplusOptions, 'threshold'>);
  constructor(...args: readonly unknown[]) {
    super();
    const { beta, threshold } = readCall(SOFTPLUS, args);
    this.beta = beta ?? 1;
    this.threshold = threshold ?? 20;
    // As PyTorch, which shows its own defaults as floats and what is given as it was written.
    this._shown = `beta=${beta ?? '1.0'}, threshold=${threshold ?? '20.0'}`;
  }

  protected override run(x: Tensor): Tensor {
    return softplus(x, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return this._shown;
  }
}
