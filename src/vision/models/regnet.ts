/** RegNet: I. Radosavovic et al., "Designing network design spaces", 2020, as torchvision has it. */
import { COUNT, kind, isRecord, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Conv2dNormActivation, SqueezeExcitation, type Conv2dNormActivationOptions } from '../ops/misc.ts';
import { divisible, roundHalfEven } from './channels.ts';

export interface RegNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Filters of the first convolution. Default 32. */
  readonly stemWidth?: number;
}

/** The parameters of the rule by which widths and depths of all stages are made. */
export interface RegNetParams {
  /** Number of blocks. */
  readonly depth: number;
  /** Width of the first block, a multiple of 8. */
  readonly w0: number;
  /** How much wider each block is than the one before, before widths are rounded to steps. */
  readonly wa: number;
  /** The factor between steps. */
  readonly wm: number;
  /** Channels of a group of the 3×3 convolutions. */
  readonly groupWidth: number;
  /** Channels that squeeze and excitation makes of a block's input, as a share; without it there is none (RegNetX). */
  readonly seRatio?: number;
}

interface Stage {
  readonly depth: number;
  readonly width: number;
  readonly groupWidth: number;
}

/** Stages of blocks of one width: widths grow linearly, rounded to powers of `wm`, then to multiples of 8 and of the groups. */
function stagesOf({ depth, w0, wa, wm, groupWidth }: RegNetParams): Stage[] {
  const widths = Array.from({ length: depth }, (_, i) => {
    const steps = roundHalfEven(Math.log((i * wa + w0) / w0) / Math.log(wm));
    return roundHalfEven((w0 * wm ** steps) / 8) * 8;
  });
  return [...new Set(widths)].map((width) => {
    const group = Math.min(groupWidth, width);
    return {
      depth: widths.filter((other) => other === width).length,
      width: divisible(width, group),
      groupWidth: group,
    };
  });
}

const relu = (inplace = false): nn.ModuleBase => new nn.ReLU(inplace);

/** 1×1, grouped 3×3 and 1×1 convolutions, perhaps with weighed channels before the last. */
class BottleneckTransform extends nn.Sequential {
  constructor(input: number, width: number, stride: number, groupWidth: number, seRatio: number | undefined) {
    super();
    const groups = Math.floor(width / groupWidth);
    this.addModule('a', new Conv2dNormActivation(input, width, { kernelSize: 1 }));
    this.addModule('b', new Conv2dNormActivation(width, width, { stride, groups }));
    if (seRatio !== undefined) this.addModule('se', new SqueezeExcitation(width, roundHalfEven(seRatio * input), { activation: relu }));
    this.addModule('c', new Conv2dNormActivation(width, width, { kernelSize: 1, activationLayer: null }));
  }
}

class ResBottleneckBlock extends nn.Module {
  proj: Conv2dNormActivation | null;
  f: BottleneckTransform;
  activation: nn.ReLU;

  constructor(input: number, width: number, stride: number, groupWidth: number, seRatio: number | undefined) {
    super();
    const shortcut: Conv2dNormActivationOptions = { kernelSize: 1, stride, activationLayer: null };
    this.proj = input !== width || stride !== 1 ? new Conv2dNormActivation(input, width, shortcut) : null;
    this.f = new BottleneckTransform(input, width, stride, groupWidth, seRatio);
    this.activation = new nn.ReLU(true);
  }

  override forward(x: Tensor): Tensor {
    const shortcut = this.proj === null ? x : this.proj(x);
    return this.activation(shortcut.add(this.f(x)));
  }
}

class AnyStage extends nn.Sequential {
  constructor(input: number, stage: Stage, seRatio: number | undefined, place: number) {
    super();
    for (let i = 0; i < stage.depth; i++) {
      const first = i === 0;
      const block = new ResBottleneckBlock(first ? input : stage.width, stage.width, first ? 2 : 1, stage.groupWidth, seRatio);
      this.addModule(`block${place}-${i}`, block);
    }
  }
}

/** The first convolution. */
class SimpleStemIN extends Conv2dNormActivation {}

const OPTIONS: OptionKinds<RegNetOptions> = { numClasses: COUNT, stemWidth: COUNT };
const PARAMS = kind(
  'depth, w0 (a multiple of 8), wa ≥ 0, wm > 1 and groupWidth',
  (value) =>
    isRecord(value) &&
    [value['depth'], value['w0'], value['groupWidth']].every((n) => COUNT.accepts(n)) &&
    (value['w0'] as number) % 8 === 0 &&
    (value['wa'] as number) >= 0 &&
    (value['wm'] as number) > 1,
);

/** The last part reads as what it is made as, and any other layer may take its place: `model.fc = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface RegNet {
  get fc(): nn.Linear;
  set fc(layer: nn.AnyLayer);
}

export class RegNet extends nn.Module {
  stem: Conv2dNormActivation;
  trunk_output: nn.Sequential;
  avgpool: nn.AdaptiveAvgPool2d;

  constructor(params: RegNetParams, options: RegNetOptions = {}) {
    super();
    requireKind('RegNet', 'the parameters', params, PARAMS);
    const { numClasses = 1000, stemWidth = 32 } = requireOptions<RegNetOptions>('RegNet', options, OPTIONS, '{ numClasses: 10 }');
    this.stem = new SimpleStemIN(3, stemWidth, { stride: 2 });
    const trunk = new nn.Sequential();
    let width = stemWidth;
    stagesOf(params).forEach((stage, i) => {
      trunk.addModule(`block${i + 1}`, new AnyStage(width, stage, params.seRatio, i + 1));
      width = stage.width;
    });
    this.trunk_output = trunk;
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.fc = new nn.Linear(width, numClasses);
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) {
        const [height, across] = m.weight.layout.shape.slice(2) as [number, number];
        nn.init.normal_(m.weight, 0, Math.sqrt(2 / (height * across * m.outChannels)));
      } else if (m instanceof nn.Linear) {
        nn.init.normal_(m.weight, 0, 0.01);
        if (m.bias !== null) nn.init.zeros_(m.bias);
      }
    }
  }

  override forward(x: Tensor): Tensor {
    return this.fc(this.avgpool(this.trunk_output(this.stem(x))).flatten(1));
  }
}

/** depth, w0, wa, wm, groupWidth */
type Row = readonly [number, number, number, number, number];
const x = ([depth, w0, wa, wm, groupWidth]: Row, options?: RegNetOptions): RegNet => new RegNet({ depth, w0, wa, wm, groupWidth }, options);
const y = ([depth, w0, wa, wm, groupWidth]: Row, options?: RegNetOptions): RegNet =>
  new RegNet({ depth, w0, wa, wm, groupWidth, seRatio: 0.25 }, options);

/** RegNetX of 400 million multiplications at 224×224, 5.5 million parameters. */
export const regnet_x_400mf = (options?: RegNetOptions): RegNet => x([22, 24, 24.48, 2.54, 16], options);
/** RegNetX of 800 million multiplications, 7.3 million parameters. */
export const regnet_x_800mf = (options?: RegNetOptions): RegNet => x([16, 56, 35.73, 2.28, 16], options);
/** RegNetX of 1.6 thousand million multiplications, 9.2 million parameters. */
export const regnet_x_1_6gf = (options?: RegNetOptions): RegNet => x([18, 80, 34.01, 2.25, 24], options);
/** RegNetX of 3.2 thousand million multiplications, 15.3 million parameters. */
export const regnet_x_3_2gf = (options?: RegNetOptions): RegNet => x([25, 88, 26.31, 2.25, 48], options);
/** RegNetX of 8 thousand million multiplications, 39.6 million parameters. */
export const regnet_x_8gf = (options?: RegNetOptions): RegNet => x([23, 80, 49.56, 2.88, 120], options);
/** RegNetX of 16 thousand million multiplications, 54.3 million parameters. */
export const regnet_x_16gf = (options?: RegNetOptions): RegNet => x([22, 216, 55.59, 2.1, 128], options);
/** RegNetX of 32 thousand million multiplications, 107.8 million parameters. */
export const regnet_x_32gf = (options?: RegNetOptions): RegNet => x([23, 320, 69.86, 2, 168], options);
/** RegNetY (with squeeze and excitation) of 400 million multiplications, 4.3 million parameters. */
export const regnet_y_400mf = (options?: RegNetOptions): RegNet => y([16, 48, 27.89, 2.09, 8], options);
/** RegNetY of 800 million multiplications, 6.4 million parameters. */
export const regnet_y_800mf = (options?: RegNetOptions): RegNet => y([14, 56, 38.84, 2.4, 16], options);
/** RegNetY of 1.6 thousand million multiplications, 11.2 million parameters. */
export const regnet_y_1_6gf = (options?: RegNetOptions): RegNet => y([27, 48, 20.71, 2.65, 24], options);
/** RegNetY of 3.2 thousand million multiplications, 19.4 million parameters. */
export const regnet_y_3_2gf = (options?: RegNetOptions): RegNet => y([21, 80, 42.63, 2.66, 24], options);
/** RegNetY of 8 thousand million multiplications, 39.4 million parameters. */
export const regnet_y_8gf = (options?: RegNetOptions): RegNet => y([17, 192, 76.82, 2.19, 56], options);
/** RegNetY of 16 thousand million multiplications, 83.6 million parameters. */
export const regnet_y_16gf = (options?: RegNetOptions): RegNet => y([18, 200, 106.23, 2.48, 112], options);
/** RegNetY of 32 thousand million multiplications, 145.0 million parameters. */
export const regnet_y_32gf = (options?: RegNetOptions): RegNet => y([20, 232, 115.89, 2.53, 232], options);
/** RegNetY of 128 thousand million multiplications, 644.8 million parameters. */
export const regnet_y_128gf = (options?: RegNetOptions): RegNet => y([27, 456, 160.83, 2.52, 264], options);
