/** ShuffleNetV2: N. Ma et al., "ShuffleNet V2: Practical guidelines for efficient CNN architecture design", 2018, as torchvision has it. */
import { COUNT, kind, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { channelShuffle } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import { cat } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { conv2d } from './channels.ts';

export interface ShuffleNetV2Options {
  /** Default 1000. */
  readonly numClasses?: number;
}

const pointwise = (input: number, output: number): nn.Conv2d => conv2d(input, output, 1, { bias: false });
const depthwise = (channels: number, stride: number): nn.Conv2d =>
  conv2d(channels, channels, 3, { stride, padding: 1, groups: channels, bias: false });
const sequence = (...layers: nn.ModuleBase[]): nn.Sequential => new nn.Sequential(...layers);

/** Half the channels go through; with a stride, both halves are made of all channels. Then the halves are mixed. */
class ShuffleResidual extends nn.Module {
  static override readonly name: string = 'InvertedResidual';
  branch1: nn.Sequential;
  branch2: nn.Sequential;
  private readonly _stride: number;

  constructor(input: number, output: number, stride: number) {
    super();
    const half = Math.floor(output / 2);
    this._stride = stride;
    this.branch1 =
      stride === 1
        ? sequence()
        : sequence(
            depthwise(input, stride),
            new nn.BatchNorm2d(input),
            pointwise(input, half),
            new nn.BatchNorm2d(half),
            new nn.ReLU(true),
          );
    this.branch2 = sequence(
      pointwise(stride === 1 ? half : input, half),
      new nn.BatchNorm2d(half),
      new nn.ReLU(true),
      depthwise(half, stride),
      new nn.BatchNorm2d(half),
      pointwise(half, half),
      new nn.BatchNorm2d(half),
      new nn.ReLU(true),
    );
  }

  override forward(x: Tensor): Tensor {
    if (this._stride > 1) return channelShuffle(cat([this.branch1(x), this.branch2(x)], 1), 2);
    const [kept, changed] = x.chunk(2, 1) as [Tensor, Tensor];
    return channelShuffle(cat([kept, this.branch2(changed)], 1), 2);
  }
}

const OPTIONS: OptionKinds<ShuffleNetV2Options> = { numClasses: COUNT };
const counts = (length: number): ReturnType<typeof kind> =>
  kind(`${length} whole numbers`, (value) => Array.isArray(value) && value.length === length && value.every(COUNT.accepts));

/** The last part reads as what it is made as, and any other layer may take its place: `model.fc = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface ShuffleNetV2 {
  get fc(): nn.Linear;
  set fc(layer: nn.AnyLayer);
}

export class ShuffleNetV2 extends nn.Module {
  conv1: nn.Sequential;
  maxpool: nn.MaxPool2d;
  stage2: nn.Sequential;
  stage3: nn.Sequential;
  stage4: nn.Sequential;
  conv5: nn.Sequential;

  /**
   * @param repeats the number of blocks of each of the three stages
   * @param channels those of the first convolution, of the stages, and of the last convolution
   */
  constructor(repeats: readonly number[], channels: readonly number[], options: ShuffleNetV2Options = {}) {
    super();
    requireKind('ShuffleNetV2', 'the repeats', repeats, counts(3));
    requireKind('ShuffleNetV2', 'the channels', channels, counts(5));
    const { numClasses = 1000 } = requireOptions<ShuffleNetV2Options>('ShuffleNetV2', options, OPTIONS, '{ numClasses: 10 }');
    const [first, , , fourth, last] = channels as [number, number, number, number, number];
    this.conv1 = sequence(conv2d(3, first, 3, { stride: 2, padding: 1, bias: false }), new nn.BatchNorm2d(first), new nn.ReLU(true));
    this.maxpool = new nn.MaxPool2d(3, 2, 1);
    const stage = (i: number): nn.Sequential => {
      const [input, output] = [channels[i]!, channels[i + 1]!];
      return sequence(
        ...Array.from(
          { length: repeats[i]! },
          (_, block) => new ShuffleResidual(block === 0 ? input : output, output, block === 0 ? 2 : 1),
        ),
      );
    };
    this.stage2 = stage(0);
    this.stage3 = stage(1);
    this.stage4 = stage(2);
    this.conv5 = sequence(pointwise(fourth, last), new nn.BatchNorm2d(last), new nn.ReLU(true));
    this.fc = new nn.Linear(last, numClasses);
  }

  override forward(x: Tensor): Tensor {
    const y = this.stage4(this.stage3(this.stage2(this.maxpool(this.conv1(x)))));
    return this.fc(this.conv5(y).mean([2, 3]));
  }
}

const build = (channels: readonly number[], options?: ShuffleNetV2Options): ShuffleNetV2 => new ShuffleNetV2([4, 8, 4], channels, options);

/** ShuffleNetV2 of half width, 1.4 million parameters; made for 224×224. */
export const shufflenet_v2_x0_5 = (options?: ShuffleNetV2Options): ShuffleNetV2 => build([24, 48, 96, 192, 1024], options);
/** ShuffleNetV2, 2.3 million parameters. */
export const shufflenet_v2_x1_0 = (options?: ShuffleNetV2Options): ShuffleNetV2 => build([24, 116, 232, 464, 1024], options);
/** ShuffleNetV2 half as wide again, 3.5 million parameters. */
export const shufflenet_v2_x1_5 = (options?: ShuffleNetV2Options): ShuffleNetV2 => build([24, 176, 352, 704, 1024], options);
/** ShuffleNetV2 of double width, 7.4 million parameters. */
export const shufflenet_v2_x2_0 = (options?: ShuffleNetV2Options): ShuffleNetV2 => build([24, 244, 488, 976, 2048], options);
