/**
 * The network of the CIFAR-10 speed records (Jordan, arXiv:2404.00498): a whitening layer, three groups of two 3×3 convolutions that begin as
 * identities, batch normalisation with shifts only, and a linear layer whose answers are scaled down.
 */
import { F, nn, noGrad, zeros, type Tensor } from 'flambeau';
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
  noGrad(() => {
    const count = Math.min(from, to);
    conv.weight.narrow(0, 0, count).copy_(zeros(count, from, 3, 3));
    for (let i = 0; i < count; i++) conv.weight.at(i, i, 1, 1).fill_(1);
  });
  return conv;
}

class Group extends nn.Module {
  conv1;
  norm1;
  conv2;
  norm2;

  constructor(from: number, to: number) {
    super();
    this.conv1 = identityConv(from, to);
    this.norm1 = shiftNorm(to);
    this.conv2 = identityConv(to, to);
    this.norm2 = shiftNorm(to);
  }

  forward(x: Tensor): Tensor {
    x = gelu(this.norm1(F.maxPool2d(this.conv1(x), 2)));
    return gelu(this.norm2(this.conv2(x)));
  }
}

/** [N, 3, 32, 32] → [N, 10]. */
export class RecordNet extends nn.Module {
  whiten = new nn.Conv2d(3, 24, 2);
  groups;
  head;

  /** @param widths channels of the three groups */
  constructor(widths: readonly [number, number, number]) {
    super();
    this.whiten.weight.requiresGrad = false;
    noGrad(() => this.whiten.bias!.fill_(0));
    const [a, b, c] = widths;
    this.groups = new nn.Sequential(new Group(24, a), new Group(a, b), new Group(b, c));
    this.head = new nn.Linear(c, 10, { bias: false });
  }

  /** Sets the first layer from images of the training set. */
  whitenFor(images: Tensor): void {
    noGrad(() => this.whiten.weight.copy_(whiteningFilters(images, 2)));
  }

  forward(x: Tensor): Tensor {
    x = this.groups(gelu(this.whiten(x)));
    return this.head(F.maxPool2d(x, 3).flatten(1)).div(9);
  }
}
