/** Activations beyond the everyday ones as layers. With `inplace`, the input itself is changed. */
import { BOOL, NUMBER, requireKind, requireOptions } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { elu, gelu, hardsigmoid, hardswish, hardtanh, silu, softplus, type GeluOptions, type InPlace } from '../functional-activation.ts'; // prettier-ignore
import { GELU_OPTIONS, inPlaceOf } from '../options.ts';
import type { IdentityFn } from '../shape-types.ts';
import { Layer } from './layer.ts';

abstract class InPlaceLayer extends Layer<IdentityFn> {
  readonly inplace: boolean;

  /** @param inplace true, or `{ inplace: true }` */
  constructor(inplace: boolean | InPlace = false) {
    super();
    this.inplace = inPlaceOf(this.typeName(), inplace);
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** Arguments of {@link Hardtanh}. */
export interface HardtanhOptions {
  /** Default false. */
  readonly inplace?: boolean;
}

/** x, but at least `min` and at most `max`; nothing flows back through elements at a bound. */
export class Hardtanh extends InPlaceLayer {
  readonly minVal: number;
  readonly maxVal: number;

  /** @throws ArgumentError unless minVal is below maxVal */
  constructor(minVal = -1, maxVal = 1, options: HardtanhOptions = {}) {
    super(requireOptions<HardtanhOptions>('Hardtanh', options, { inplace: BOOL }, '{ inplace: true }').inplace);
    for (const bound of [minVal, maxVal]) requireKind('Hardtanh', 'the bounds', bound, NUMBER);
    if (!(minVal < maxVal)) throw new ArgumentError(`Hardtanh: expected the lower bound to be below the upper, but got ${minVal} and ${maxVal}`); // prettier-ignore
    this.minVal = minVal;
    this.maxVal = maxVal;
  }

  protected override run(x: Tensor): Tensor {
    return hardtanh(x, this.minVal, this.maxVal, { inplace: this.inplace });
  }

  override extraRepr(): string {
    const bounds = `min_val=${pythonFloat(this.minVal)}, max_val=${pythonFloat(this.maxVal)}`;
    return this.inplace ? `${bounds}, inplace=True` : bounds;
  }
}

/** min(max(x, 0), 6) */
export class ReLU6 extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return hardtanh(x, 0, 6, { inplace: this.inplace });
  }
}

/** min(max(x + 3, 0), 6) / 6 */
export class Hardsigmoid extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return hardsigmoid(x, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return '';
  }
}

/** x·hardsigmoid(x) */
export class Hardswish extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return hardswish(x, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return '';
  }
}

/** x·sigmoid(x) */
export class SiLU extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return silu(x, { inplace: this.inplace });
  }
}

/** x where positive, alpha·(eˣ − 1) elsewhere. */
export class ELU extends InPlaceLayer {
  readonly alpha: number;

  constructor(alpha = 1, inplace: boolean | InPlace = false) {
    super(inplace);
    requireKind('ELU', 'alpha', alpha, NUMBER);
    this.alpha = alpha;
  }

  protected override run(x: Tensor): Tensor {
    return elu(x, this.alpha, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/** x·Φ(x), Φ the normal distribution, or its approximation by a hyperbolic tangent. */
export class GELU extends Layer<IdentityFn> {
  readonly approximate: 'none' | 'tanh';

  constructor(options: GeluOptions = {}) {
    super();
    this.approximate =
      requireOptions<GeluOptions>('GELU', options, GELU_OPTIONS, "{ approximate: 'tanh' }").approximate ?? 'none';
  }

  protected override run(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** ln(1 + e^(βx)) / β, and x itself where βx is above the threshold. */
export class Softplus extends Layer<IdentityFn> {
  readonly beta: number;
  readonly threshold: number;

  readonly #shown: string;

  constructor(beta?: number, threshold?: number) {
    super();
    this.beta = beta ?? 1;
    this.threshold = threshold ?? 20;
    for (const value of [this.beta, this.threshold]) requireKind('Softplus', 'beta and threshold', value, NUMBER);
    // As PyTorch, which shows its own defaults as floats and what is given as it was written.
    this.#shown = `beta=${beta ?? '1.0'}, threshold=${threshold ?? '20.0'}`;
  }

  protected override run(x: Tensor): Tensor {
    return softplus(x, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return this.#shown;
  }
}
