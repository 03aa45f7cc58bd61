/** Dropout in all its forms as layers (https://pytorch.org/docs/stable/nn.html#dropout-layers). */
import { BOOL, PROBABILITY } from '../../base/arguments.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { readCall } from '../../base/signature.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { InPlace } from '../functional-activation.ts';
import { alphaDropout, dropout, dropout1d, dropout2d, dropout3d, featureAlphaDropout } from '../functional-dropout.ts';
import type { IdentityFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { Layer } from './layer.ts';

interface DropoutLayerOptions extends InPlace {
  /** The probability of becoming 0. Default 0.5. */
  readonly p?: number;
}

abstract class DropoutLayer extends Layer<IdentityFn> {
  p: number;
  inplace: boolean;

  /** @throws ArgumentError unless 0 ≤ p ≤ 1 */
  constructor(p?: number | DropoutLayerOptions, inplace?: boolean | InPlace);
  constructor(...args: readonly unknown[]) {
    super();
    const of = layerOf<DropoutLayerOptions>(this.typeName(), { p: PROBABILITY, inplace: BOOL });
    const { p = 0.5, inplace = false } = readCall(of, args);
    this.p = p;
    this.inplace = inplace;
  }

  override extraRepr(): string {
    return `p=${Number.isInteger(this.p) ? this.p : pythonFloat(this.p)}, inplace=${pythonBool(this.inplace)}`;
  }
}

/** In training, zeroes elements with probability p and scales the rest by 1/(1 − p). */
export class Dropout extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return dropout(x, this.p, this.training, this.inplace);
  }
}

/** As Dropout, for whole channels of [N, C, L] or [C, L]. */
export class Dropout1d extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return dropout1d(x, this.p, this.training, this.inplace);
  }
}

/** As Dropout, for whole channels of [N, C, H, W]. */
export class Dropout2d extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return dropout2d(x, this.p, this.training, this.inplace);
  }
}

/** As Dropout, for whole channels of [N, C, D, H, W] or [C, D, H, W]. */
export class Dropout3d extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return dropout3d(x, this.p, this.training, this.inplace);
  }
}

/** Dropout that keeps mean and variance of normally distributed inputs, for networks with SELU. */
export class AlphaDropout extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return alphaDropout(x, this.p, this.training, this.inplace);
  }
}

/** As AlphaDropout, for whole channels of [N, C, …]. */
export class FeatureAlphaDropout extends DropoutLayer {
  protected override run(x: Tensor): Tensor {
    return featureAlphaDropout(x, this.p, this.training, this.inplace);
  }
}
