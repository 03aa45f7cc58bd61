/** AlexNet: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as torchvision has it. */
import { COUNT, PROBABILITY, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface AlexNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Probability of a feature being left out in training. Default 0.5. */
  readonly dropout?: number;
}

const OPTIONS: OptionKinds<AlexNetOptions> = { numClasses: COUNT, dropout: PROBABILITY };

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface AlexNet {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class AlexNet extends nn.Module {
  features: nn.Sequential;
  avgpool: nn.AdaptiveAvgPool2d;

  constructor(options: AlexNetOptions = {}) {
    super();
    const { numClasses = 1000, dropout = 0.5 } = requireOptions<AlexNetOptions>('AlexNet', options, OPTIONS, '{ numClasses: 10 }');
    this.features = new nn.Sequential(
      new nn.Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
      new nn.ReLU(true),
      new nn.MaxPool2d(3, 2),
      new nn.Conv2d(64, 192, 5, { padding: 2 }),
      new nn.ReLU(true),
      new nn.MaxPool2d(3, 2),
      new nn.Conv2d(192, 384, 3, { padding: 1 }),
      new nn.ReLU(true),
      new nn.Conv2d(384, 256, 3, { padding: 1 }),
      new nn.ReLU(true),
      new nn.Conv2d(256, 256, 3, { padding: 1 }),
      new nn.ReLU(true),
      new nn.MaxPool2d(3, 2),
    );
    this.avgpool = new nn.AdaptiveAvgPool2d([6, 6]);
    this.classifier = new nn.Sequential(
      new nn.Dropout(dropout),
      new nn.Linear(256 * 6 * 6, 4096),
      new nn.ReLU(true),
      new nn.Dropout(dropout),
      new nn.Linear(4096, 4096),
      new nn.ReLU(true),
      new nn.Linear(4096, numClasses),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(this.avgpool(this.features(x)).flatten(1));
  }
}

/** AlexNet, 61.1 million parameters, for images from 63×63 on; made for 224×224. */
export const alexnet = (options?: AlexNetOptions): AlexNet => new AlexNet(options);
