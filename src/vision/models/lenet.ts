/** LeNet-5: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, as it is taught today. */
import { COUNT, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { pad } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface LeNetOptions {
  /** Default 10. */
  readonly numClasses?: number;
  /** Channels of the images. Default 1. */
  readonly inChannels?: number;
}

const OPTIONS: OptionKinds<LeNetOptions> = { numClasses: COUNT, inChannels: COUNT };

/**
 * Two convolutions with pooling and three fully connected layers: [N, inChannels, 32, 32] or [N, inChannels, 28, 28] → [N, numClasses]. Images
 * of 28×28 are padded by two pixels to the 32×32 of the paper. Activations are ReLU and pooling takes maxima, where the
 * paper has tanh and means with weights; torchvision has no LeNet, so names and keys are ours.
 *
 * The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface LeNet {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class LeNet extends nn.Module {
  features: nn.Sequential;

  constructor(options: LeNetOptions = {}) {
    super();
    const { numClasses = 10, inChannels = 1 } = requireOptions<LeNetOptions>('LeNet', options, OPTIONS, '{ numClasses: 10 }');
    this.features = new nn.Sequential(
      new nn.Conv2d(inChannels, 6, 5),
      new nn.ReLU(true),
      new nn.MaxPool2d(2, 2),
      new nn.Conv2d(6, 16, 5),
      new nn.ReLU(true),
      new nn.MaxPool2d(2, 2),
    );
    this.classifier = new nn.Sequential(
      new nn.Linear(16 * 5 * 5, 120),
      new nn.ReLU(true),
      new nn.Linear(120, 84),
      new nn.ReLU(true),
      new nn.Linear(84, numClasses),
    );
  }

  override forward(x: Tensor): Tensor {
    const [height, width] = x.layout.shape.slice(-2);
    const image = height === 28 && width === 28 ? pad(x, [2, 2, 2, 2]) : x;
    return this.classifier(this.features(image).flatten(1));
  }
}

/** LeNet-5, 62 thousand parameters; for images of 28×28 or 32×32. */
export const lenet = (options?: LeNetOptions): LeNet => new LeNet(options);
