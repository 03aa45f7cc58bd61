/** U-Net: O. Ronneberger et al., "U-Net: Convolutional networks for biomedical image segmentation", 2015, with padding and normalisation. */
import { arrayOf, COUNT, kind, requireOptions, type OptionKinds } from '../../../base/arguments.ts';
import { ShapeError } from '../../../base/errors.ts';
import { showShape } from '../../../base/shape.ts';
import { pad } from '../../../nn/functional.ts';
import * as nn from '../../../nn/index.ts';
import { cat } from '../../../tensor/functions.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { conv2d } from '../channels.ts';

export interface UNetOptions {
  /** Default 2. */
  readonly numClasses?: number;
  /** Channels of the images. Default 3. */
  readonly inChannels?: number;
  /** Channels at each size, the input's first; each further size is half as high and wide. Default [64, 128, 256, 512, 1024]. */
  readonly widths?: readonly number[];
}

/** Two 3×3 convolutions, each normalised, then ReLU. */
class DoubleConv extends nn.Sequential {
  constructor(input: number, output: number) {
    super();
    for (const channels of [input, output]) {
      this.append(conv2d(channels, output, 3, { padding: 1, bias: false }));
      this.append(new nn.BatchNorm2d(output));
      this.append(new nn.ReLU(true));
    }
  }
}

/** Maps of twice the height and width beside those of the way down, then {@link DoubleConv}. */
class Up extends nn.Module<(x: Tensor, skipped: Tensor) => Tensor> {
  up: nn.ConvTranspose2d;
  conv: DoubleConv;

  constructor(input: number, output: number) {
    super();
    this.up = new nn.ConvTranspose2d<number, number, 2, 2>(input, output, 2, {
      stride: 2,
    });
    this.conv = new DoubleConv(2 * output, output);
  }

  override forward(x: Tensor, skipped: Tensor): Tensor {
    let y = this.up(x as never);
    const [height, width] = skipped.layout.shape.slice(2) as [number, number];
    const [h, w] = y.layout.shape.slice(2) as [number, number];
    // Odd sizes lose a row or a column on the way down.
    if (h < height || w < width) y = pad(y, [0, width - w, 0, height - h]);
    return this.conv(cat([skipped, y], 1));
  }
}

const WIDTHS = kind(
  'two whole numbers or more',
  (value) => arrayOf(COUNT, 'whole numbers').accepts(value) && (value as number[]).length >= 2,
);
const OPTIONS: OptionKinds<UNetOptions> = { numClasses: COUNT, inChannels: COUNT, widths: WIDTHS };

/** Scores of each class for each pixel: [N, inChannels, H, W] → [N, numClasses, H, W]. torchvision has no U-Net: names and keys are ours. */
export class UNet extends nn.Module {
  pool: nn.MaxPool2d;
  down: nn.ModuleList;
  up: nn.ModuleList;
  head: nn.Conv2d;

  constructor(options: UNetOptions = {}) {
    super();
    const given = requireOptions<UNetOptions>('UNet', options, OPTIONS, '{ numClasses: 2 }');
    const { numClasses = 2, inChannels = 3, widths = [64, 128, 256, 512, 1024] } = given;
    this.pool = new nn.MaxPool2d(2);
    this.down = new nn.ModuleList(widths.map((width, i) => new DoubleConv(i === 0 ? inChannels : widths[i - 1]!, width)));
    this.up = new nn.ModuleList(
      widths
        .slice(1)
        .map((width, i) => new Up(width, widths[i]!))
        .reverse(),
    );
    this.head = conv2d(widths[0]!, numClasses, 1);
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut', nonlinearity: 'relu' });
    }
  }

  /** @throws ShapeError for images that would be empty after all halvings */
  override forward(x: Tensor): Tensor {
    const { shape } = x.layout;
    const least = 2 ** (this.down.size - 1);
    if (shape.length !== 4 || Math.min(shape[2]!, shape[3]!) < least)
      throw new ShapeError(`UNet: expected images [N, C, H, W] of at least ${least}×${least}, but got ${showShape(shape)}`);
    const maps: Tensor[] = [];
    for (const block of this.down) maps.push((block as nn.AnyLayer)(maps.length === 0 ? x : this.pool(maps.at(-1)!)));
    let y = maps.pop()!;
    for (const block of this.up) y = (block as Up)(y, maps.pop()!);
    return this.head(y);
  }
}

/** U-Net, 31.0 million parameters; `widths: [16, 32, 64, 128]` has half a million. */
export const unet = (options?: UNetOptions): UNet => new UNet(options);
