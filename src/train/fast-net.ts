/**
 * The network of the CIFAR-10 speed records (Jordan, arXiv:2404.00498), for small pictures of any size: a whitening layer, three groups of
 * two 3×3 convolutions that begin as identities, batch normalisation with shifts only, and a linear layer whose answers are scaled down.
 * It learns more in few passes than usual networks of its cost.
 */
import { COUNT, kind, requireKind } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import * as F from '../nn/functional.ts';
import * as nn from '../nn/index.ts';
import { zeros } from '../tensor/create.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { whiteningFilters } from './whitening.ts';

/** x·σ(1.702·x), close to GELU (Hendrycks & Gimpel, arXiv:1606.08415, section 2). */
const gelu = (x: Tensor): Tensor => x.mul(x.mul(1.702).sigmoid());

/** Batch statistics in training; no scale is learnt, and the running averages follow fast, since training is short. */
function shiftNorm(channels: number): nn.BatchNorm2d {
  const norm = new nn.BatchNorm2d(channels, { momentum: 0.4, eps: 1e-12 });
  norm.weight!.requiresGrad = false;
  return norm;
}

/** A 3×3 convolution whose first filters pass their channels on unchanged. */
function identityConv(from: number, to: number): nn.Conv2d {
  const conv = new nn.Conv2d(from, to, 3, { padding: 1, bias: false });
  withGradMode(false, () => {
    const count = Math.min(from, to);
    conv.weight.narrow(0, 0, count).copy_(zeros(count, from, 3, 3));
    for (let i = 0; i < count; i++) conv.weight.at(i, i, 1, 1).fill_(1);
  });
  return conv;
}

class FastGroup extends nn.Module {
  conv1: nn.Conv2d;
  norm1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  norm2: nn.BatchNorm2d;

  constructor(from: number, to: number) {
    super();
    this.conv1 = identityConv(from, to);
    this.norm1 = shiftNorm(to);
    this.conv2 = identityConv(to, to);
    this.norm2 = shiftNorm(to);
  }

  override forward(x: Tensor): Tensor {
    const y = gelu(this.norm1(F.maxPool2d(this.conv1(x), 2)));
    return gelu(this.norm2(this.conv2(y)));
  }
}

const SIZES = kind('{ channels, height, width, classes }', (value) => {
  const { channels, height, width, classes } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return [channels, height, width, classes].every(COUNT.accepts);
});
const WIDTHS = kind('three whole numbers ≥ 1', (value) => Array.isArray(value) && value.length === 3 && value.every(COUNT.accepts));

function requireSizes<T>(spec: T): T {
  requireKind('FastNet', 'the sizes', spec, SIZES, 'write { channels: 3, height: 32, width: 32, classes: 10 }');
  return spec;
}

/** The smallest side that three halvings of what the first layer leaves let through. */
const LEAST_SIDE = 9;

/** What the shifts of the normalisations learn faster by than the other weights. */
export const SHIFTS_FASTER = 64;

/**
 * The network of the CIFAR-10 speed records: images [N, channels, height, width] to logits [N, classes]. Its first layer does not learn; `whitenFor`
 * sets it from images.
 * @see https://arxiv.org/abs/2404.00498
 * @example
 * import { randn } from 'flambeau';
 * import { FastNet } from 'flambeau/node';
 *
 * const net = new FastNet({ channels: 3, height: 16, width: 16, classes: 10 });
 * net.whitenFor(randn(50, 3, 16, 16));
 * console.log(net(randn(2, 3, 16, 16)).shape); // [ 2, 10 ]
 */
export class FastNet extends nn.Module {
  whiten: nn.Conv2d;
  groups: nn.Sequential;
  head: nn.Linear;

  /**
   * @param widths - channels of the three groups
   * @throws ArgumentError for images smaller than 9×9
   */
  constructor(
    spec: { readonly channels: number; readonly height: number; readonly width: number; readonly classes: number },
    widths: readonly [number, number, number] = [64, 128, 256],
  ) {
    super();
    const { channels, height, width, classes } = requireSizes(spec);
    requireKind('FastNet', 'the widths', widths, WIDTHS, 'write [64, 128, 256]');
    const least = Math.min(height, width);
    if (least < LEAST_SIDE)
      throw new ArgumentError(
        `fast: expected images of at least ${LEAST_SIDE}×${LEAST_SIDE} pixels, but one side has ${least}; choose a larger size`,
      );
    const filters = 8 * channels;
    const [a, b, c] = widths;
    this.whiten = new nn.Conv2d(channels, filters, 2);
    this.whiten.weight.requiresGrad = false;
    withGradMode(false, () => this.whiten.bias!.fill_(0));
    this.whiten.bias!.requiresGrad = false; // nothing needs to flow back to the largest maps
    this.groups = new nn.Sequential(new FastGroup(filters, a), new FastGroup(a, b), new FastGroup(b, c));
    this.head = new nn.Linear(c, classes, { bias: false });
  }

  /**
   * Sets the first layer from images of the training set.
   * @param images - [N, channels, height, width], as they will come in
   * @throws ShapeError for what is no batch of such images
   */
  whitenFor(images: Tensor): void {
    requireTensor('FastNet.whitenFor', 'the images', images);
    const channels = this.whiten.weight.size(1);
    const { shape } = images.layout;
    const [count = 0, given, height = 0, width = 0] = shape;
    if (shape.length !== 4 || given !== channels || count < 1 || height < 2 || width < 2)
      throw new ShapeError(`FastNet.whitenFor: expected images [N, ${channels}, height, width], but got shape [${shape.join(', ')}]`);
    withGradMode(false, () => this.whiten.weight.copy_(whiteningFilters(images, 2)));
  }

  override forward(x: Tensor): Tensor {
    const y: Tensor = this.groups(gelu(this.whiten(x)));
    return this.head(F.adaptiveMaxPool2d(y, 1).flatten(1)).div(9);
  }
}
