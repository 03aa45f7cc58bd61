/** Activations and dropout as layers. */
import { NUMBER, PROBABILITY, refuseMore, requireKind, WHOLE } from '../../base/arguments.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { dropout, dropout2d, leakyRelu, logSoftmax, softmax } from '../functional.ts';
import type { InPlace } from '../functional-activation.ts';
import { inPlaceOf } from '../options.ts';
import type { IdentityFn } from '../shape-types.ts';
import { Layer } from './layer.ts';

/** max(x, 0). With `inplace`, the input itself is changed. */
export class ReLU extends Layer<IdentityFn> {
  readonly inplace: boolean;

  /** @param inplace true, or `{ inplace: true }` */
  constructor(inplace: boolean | InPlace = false) {
    super();
    this.inplace = inPlaceOf('ReLU', inplace);
  }

  protected override run(x: Tensor): Tensor {
    return this.inplace ? x.relu_() : x.relu();
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** x where positive, negativeSlope·x elsewhere. */
export class LeakyReLU extends Layer<IdentityFn> {
  readonly negativeSlope: number;

  constructor(negativeSlope?: number);
  constructor(negativeSlope = 0.01, ...more: readonly unknown[]) {
    super();
    refuseMore('LeakyReLU', more, 'a slope');
    requireKind('LeakyReLU', 'negativeSlope', negativeSlope, NUMBER);
    this.negativeSlope = negativeSlope;
  }

  protected override run(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }

  override extraRepr(): string {
    return `negative_slope=${pythonFloat(this.negativeSlope)}`;
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

/** Probabilities along a dimension. */
export class Softmax extends Layer<IdentityFn> {
  /** null: as `F.softmax` chooses without one. */
  readonly dim: number | null;

  constructor(dim: number | null = null) {
    super();
    if (dim !== null) requireKind(this.typeName(), 'dim', dim, WHOLE);
    this.dim = dim;
  }

  protected override run(x: Tensor): Tensor {
    return softmax(x, this.dim ?? undefined);
  }

  override extraRepr(): string {
    return `dim=${this.dim ?? 'None'}`;
  }
}

/** Logarithms of probabilities along a dimension. */
export class LogSoftmax extends Layer<IdentityFn> {
  /** null: as `F.logSoftmax` chooses without one. */
  readonly dim: number | null;

  constructor(dim: number | null = null) {
    super();
    if (dim !== null) requireKind(this.typeName(), 'dim', dim, WHOLE);
    this.dim = dim;
  }

  protected override run(x: Tensor): Tensor {
    return logSoftmax(x, this.dim ?? undefined);
  }

  override extraRepr(): string {
    return `dim=${this.dim ?? 'None'}`;
  }
}

abstract class DropoutLayer extends Layer<IdentityFn> {
  readonly p: number;
  readonly inplace: boolean;

  /** @throws ArgumentError unless 0 ≤ p ≤ 1 */
  constructor(p = 0.5, inplace: boolean | InPlace = false) {
    super();
    requireKind(this.typeName(), 'p', p, PROBABILITY);
    this.p = p;
    this.inplace = inPlaceOf(this.typeName(), inplace);
  }

  protected finish(x: Tensor, y: Tensor): Tensor {
    return this.inplace && y !== x ? x.copy_(y) : y;
  }

  override extraRepr(): string {
    return `p=${Number.isInteger(this.p) ? this.p : pythonFloat(this.p)}, inplace=${pythonBool(this.inplace)}`;
  }
}

/** In training, zeroes elements with probability p and scales the rest by 1/(1 − p). */
export class Dropout extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return this.finish(x, dropout(x, { p: this.p, training: this.training }));
  }
}

/** As Dropout, for whole channels of [N, C, H, W]. */
export class Dropout2d extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return this.finish(x, dropout2d(x, { p: this.p, training: this.training }));
  }
}
