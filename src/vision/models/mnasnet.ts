/** MNASNet: M. Tan et al., "MnasNet: Platform-aware neural architecture search for mobile", 2018, as torchvision has it. */
import { POSITIVE, requireKind, requireOptions } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { CLASSIFIER_OPTIONS, conv2d, divisible, type ClassifierOptions } from './channels.ts';

export interface MNASNetOptions extends ClassifierOptions {
  /** Probability of a feature being left out in training. Default 0.2. */
  readonly dropout?: number;
}

/** The paper's 0.9997 for what stays of old statistics. */
const MOMENTUM = 1 - 0.9997;
const norm = (channels: number): nn.BatchNorm2d => new nn.BatchNorm2d(channels, { momentum: MOMENTUM });

/** Channels expanded, filtered one by one, and reduced again, beside a shortcut where sizes allow it. */
class MNASNetResidual extends nn.Module {
  static override readonly name: string = '_InvertedResidual';
  layers: nn.Sequential;
  private readonly _shortcut: boolean;

  constructor(input: number, output: number, kernel: number, stride: number, expansion: number) {
    super();
    const hidden = input * expansion;
    this._shortcut = input === output && stride === 1;
    this.layers = new nn.Sequential(
      conv2d(input, hidden, 1, { bias: false }),
      norm(hidden),
      new nn.ReLU(true),
      conv2d(hidden, hidden, kernel, { padding: Math.floor(kernel / 2), stride, groups: hidden, bias: false }),
      norm(hidden),
      new nn.ReLU(true),
      conv2d(hidden, output, 1, { bias: false }),
      norm(output),
    );
  }

  override forward(x: Tensor): Tensor {
    const y = this.layers(x);
    return this._shortcut ? y.add(x) : y;
  }
}

/** Kernel, stride of the first block, expansion, number of blocks. */
const STACKS = [
  [3, 2, 3, 3],
  [5, 2, 3, 3],
  [5, 2, 6, 3],
  [3, 1, 6, 2],
  [5, 2, 6, 4],
  [3, 1, 6, 1],
] as const;

function stack(input: number, output: number, [kernel, stride, expansion, repeats]: (typeof STACKS)[number]): nn.ModuleBase {
  const blocks = Array.from(
    { length: repeats },
    (_, i) => new MNASNetResidual(i === 0 ? input : output, output, kernel, i === 0 ? stride : 1, expansion),
  );
  return new nn.Sequential(...(blocks as nn.ModuleBase[]));
}

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface MNASNet {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class MNASNet extends nn.Module {
  layers: nn.Sequential;

  /** @param alpha what numbers of channels are multiplied with */
  constructor(alpha: number, options: MNASNetOptions = {}) {
    super();
    requireKind('MNASNet', 'alpha', alpha, POSITIVE);
    const { numClasses = 1000, dropout = 0.2 } = requireOptions<MNASNetOptions>(
      'MNASNet',
      options,
      CLASSIFIER_OPTIONS,
      '{ numClasses: 10 }',
    );
    const depths = [32, 16, 24, 40, 80, 96, 192, 320].map((depth) => divisible(depth * alpha, 8));
    const [first, second] = depths as [number, number];
    const layers: nn.ModuleBase[] = [
      conv2d(3, first, 3, { padding: 1, stride: 2, bias: false }),
      norm(first),
      new nn.ReLU(true),
      conv2d(first, first, 3, { padding: 1, groups: first, bias: false }),
      norm(first),
      new nn.ReLU(true),
      conv2d(first, second, 1, { bias: false }),
      norm(second),
      ...STACKS.map((row, i) => stack(depths[i + 1]!, depths[i + 2]!, row)),
      conv2d(depths[7]!, 1280, 1, { bias: false }),
      norm(1280),
      new nn.ReLU(true),
    ];
    this.layers = new nn.Sequential(...layers);
    this.classifier = new nn.Sequential(new nn.Dropout(dropout, true), new nn.Linear(1280, numClasses));
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut', nonlinearity: 'relu' });
      else if (m instanceof nn.Linear) {
        nn.init.kaimingUniform_(m.weight, { mode: 'fanOut', nonlinearity: 'sigmoid' });
        if (m.bias !== null) nn.init.zeros_(m.bias);
      }
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(this.layers(x).mean([2, 3]));
  }
}

/** MNASNet of half width, 2.2 million parameters; made for 224×224. */
export const mnasnet0_5 = (options?: MNASNetOptions): MNASNet => new MNASNet(0.5, options);
/** MNASNet of three quarters of the width, 3.2 million parameters. */
export const mnasnet0_75 = (options?: MNASNetOptions): MNASNet => new MNASNet(0.75, options);
/** MNASNet, 4.4 million parameters. */
export const mnasnet1_0 = (options?: MNASNetOptions): MNASNet => new MNASNet(1, options);
/** MNASNet 1.3 times as wide, 6.3 million parameters. */
export const mnasnet1_3 = (options?: MNASNetOptions): MNASNet => new MNASNet(1.3, options);
