/**
 * ResNet: K. He et al., "Deep residual learning for image recognition", 2015; ResNeXt: S. Xie et al., "Aggregated residual
 * transformations for deep neural networks", 2016; wide ResNet: S. Zagoruyko, N. Komodakis, "Wide residual networks", 2016. As torchvision
 * has them: the stride is in the 3×3 convolution of a bottleneck.
 */
import { BOOL, COUNT, instanceOf, kind, orNull, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface ResNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Whether each residual block begins as the identity: the scale of its last normalisation is 0. Default false. */
  readonly zeroInitResidual?: boolean;
  /** Groups of the 3×3 convolutions in bottlenecks. Default 1. */
  readonly groups?: number;
  /** Channels of a group, where a block of the first stage has 64 filters. Default 64. */
  readonly widthPerGroup?: number;
  /** For the stages 2 to 4, whether dilation stands in for the stride, so that feature maps stay larger. Default none. */
  readonly replaceStrideWithDilation?: readonly [boolean, boolean, boolean];
}

interface BlockOptions {
  readonly stride?: number;
  readonly downsample?: nn.Sequential | null;
  readonly groups?: number;
  readonly baseWidth?: number;
  readonly dilation?: number;
}

type BlockClass = (new (inplanes: number, planes: number, options: BlockOptions) => BasicBlock | Bottleneck) & {
  readonly expansion: number;
};

const BLOCK = kind(
  'BasicBlock, Bottleneck or another class with an expansion',
  (value) => typeof value === 'function' && COUNT.accepts((value as unknown as BlockClass).expansion),
);
const LAYERS = kind('four whole numbers', (value) => Array.isArray(value) && value.length === 4 && value.every(COUNT.accepts));
const OPTIONS: OptionKinds<ResNetOptions> = {
  numClasses: COUNT,
  zeroInitResidual: BOOL,
  groups: COUNT,
  widthPerGroup: COUNT,
  replaceStrideWithDilation: kind('three booleans', (value) => Array.isArray(value) && value.length === 3 && value.every(BOOL.accepts)),
};
const BLOCK_OPTIONS: OptionKinds<BlockOptions> = {
  stride: COUNT,
  downsample: orNull(instanceOf('a Sequential', nn.Sequential)),
  groups: COUNT,
  baseWidth: COUNT,
  dilation: COUNT,
};

/** A block's options, with torchvision's defaults. */
function blockOptions(block: string, options: BlockOptions) {
  const defaults = { stride: 1, downsample: null, groups: 1, baseWidth: 64, dilation: 1 };
  return { ...defaults, ...requireOptions<BlockOptions>(block, options, BLOCK_OPTIONS) };
}

const conv3x3 = (input: number, output: number, stride = 1, groups = 1, dilation = 1): nn.Conv2d =>
  new nn.Conv2d<number, number, 3, number, number, number, number>(input, output, 3, {
    stride,
    padding: dilation,
    groups,
    bias: false,
    dilation,
  });

const conv1x1 = (input: number, output: number, stride = 1): nn.Conv2d =>
  new nn.Conv2d<number, number, 1, number>(input, output, 1, { stride, bias: false });

/** Two 3×3 convolutions beside a shortcut. */
export class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu: nn.ReLU;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  /** @throws ArgumentError for groups, another width or dilation: only bottlenecks have them */
  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    super();
    const { stride, downsample, groups, baseWidth, dilation } = blockOptions('BasicBlock', options);
    if (groups !== 1 || baseWidth !== 64)
      throw new ArgumentError(
        `BasicBlock: expected groups 1 and widthPerGroup 64, but got ${groups} and ${baseWidth}; use a ResNet with bottlenecks`,
      );
    if (dilation > 1) throw new ArgumentError(`BasicBlock: expected dilation 1, but got ${dilation}; use a ResNet with bottlenecks`);
    this.conv1 = conv3x3(inplanes, planes, stride);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.relu = new nn.ReLU(true);
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.downsample = downsample;
  }

  override forward(x: Tensor): Tensor {
    const y = this.bn2(this.conv2(this.relu(this.bn1(this.conv1(x)))));
    const shortcut = this.downsample === null ? x : this.downsample(x);
    return this.relu(y.add(shortcut));
  }
}

/** A 1×1, a 3×3 and a 1×1 convolution beside a shortcut. */
export class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  conv3: nn.Conv2d;
  bn3: nn.BatchNorm2d;
  relu: nn.ReLU;
  downsample: nn.Sequential | null;

  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    super();
    const { stride, downsample, groups, baseWidth, dilation } = blockOptions('Bottleneck', options);
    requireKind('Bottleneck', 'planes', planes, COUNT);
    const width = Math.trunc(planes * (baseWidth / 64)) * groups;
    this.conv1 = conv1x1(inplanes, width);
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = conv3x3(width, width, stride, groups, dilation);
    this.bn2 = new nn.BatchNorm2d(width);
    this.conv3 = conv1x1(width, planes * Bottleneck.expansion);
    this.bn3 = new nn.BatchNorm2d(planes * Bottleneck.expansion);
    this.relu = new nn.ReLU(true);
    this.downsample = downsample;
  }

  override forward(x: Tensor): Tensor {
    let y = this.relu(this.bn1(this.conv1(x)));
    y = this.relu(this.bn2(this.conv2(y)));
    y = this.bn3(this.conv3(y));
    const shortcut = this.downsample === null ? x : this.downsample(x);
    return this.relu(y.add(shortcut));
  }
}

/** Parts read as what they are made as, and any other layer may take their place: `model.fc = new nn.Identity()`, `model.maxpool = …`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface ResNet {
  get conv1(): nn.Conv2d;
  set conv1(layer: nn.AnyLayer);
  get bn1(): nn.BatchNorm2d;
  set bn1(layer: nn.AnyLayer);
  get relu(): nn.ReLU;
  set relu(layer: nn.AnyLayer);
  get maxpool(): nn.MaxPool2d;
  set maxpool(layer: nn.AnyLayer);
  get avgpool(): nn.AdaptiveAvgPool2d;
  set avgpool(layer: nn.AnyLayer);
  get fc(): nn.Linear;
  set fc(layer: nn.AnyLayer);
}

export class ResNet extends nn.Module {
  declare layer1: nn.Sequential;
  declare layer2: nn.Sequential;
  declare layer3: nn.Sequential;
  declare layer4: nn.Sequential;

  /** @param layers the number of blocks of each stage */
  constructor(block: BlockClass, layers: readonly [number, number, number, number], options: ResNetOptions = {}) {
    super();
    requireKind('ResNet', 'the block', block, BLOCK);
    requireKind('ResNet', 'the layers', layers, LAYERS);
    const given = requireOptions<ResNetOptions>('ResNet', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, zeroInitResidual = false, replaceStrideWithDilation = [false, false, false] } = given;
    this.conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new nn.BatchNorm2d(64);
    this.relu = new nn.ReLU(true);
    this.maxpool = new nn.MaxPool2d(3, 2, { padding: 1 });
    const stages = new Stages(block, given);
    this.layer1 = stages.next(64, layers[0], 1, false);
    this.layer2 = stages.next(128, layers[1], 2, replaceStrideWithDilation[0]);
    this.layer3 = stages.next(256, layers[2], 2, replaceStrideWithDilation[1]);
    this.layer4 = stages.next(512, layers[3], 2, replaceStrideWithDilation[2]);
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.fc = new nn.Linear(512 * block.expansion, numClasses);
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut', nonlinearity: 'relu' });
    }
    if (!zeroInitResidual) return;
    for (const m of this.modules()) {
      const last = m instanceof Bottleneck ? m.bn3 : m instanceof BasicBlock ? m.bn2 : undefined;
      if (last?.weight != null) nn.init.zeros_(last.weight);
    }
  }

  override forward(x: Tensor): Tensor {
    let y = this.maxpool(this.relu(this.bn1(this.conv1(x))));
    y = this.layer4(this.layer3(this.layer2(this.layer1(y))));
    return this.fc(this.avgpool(y).flatten(1));
  }
}

/** Makes the stages one after the other, and remembers channels and dilation between them. */
class Stages {
  private readonly _block: BlockClass;
  private readonly _groups: number;
  private readonly _baseWidth: number;
  private _channels = 64;
  private _dilation = 1;

  constructor(block: BlockClass, { groups = 1, widthPerGroup = 64 }: ResNetOptions) {
    this._block = block;
    this._groups = groups;
    this._baseWidth = widthPerGroup;
  }

  next(planes: number, blocks: number, stride: number, dilate: boolean): nn.Sequential {
    const previous = this._dilation;
    if (dilate) this._dilation *= stride;
    const step = dilate ? 1 : stride;
    const output = planes * this._block.expansion;
    const downsample =
      step === 1 && this._channels === output ? null : sequence(conv1x1(this._channels, output, step), new nn.BatchNorm2d(output));
    const shared = { groups: this._groups, baseWidth: this._baseWidth };
    const layers = [new this._block(this._channels, planes, { ...shared, stride: step, downsample, dilation: previous })];
    this._channels = output;
    while (layers.length < blocks) layers.push(new this._block(output, planes, { ...shared, dilation: this._dilation }));
    return sequence(...layers);
  }
}

/** Options before others are put under them. */
const checked = (op: string, options: unknown): ResNetOptions => requireOptions<ResNetOptions>(op, options, OPTIONS, '{ numClasses: 10 }');

const sequence = (...layers: nn.ModuleBase[]): nn.Sequential => new nn.Sequential(...layers);

/** ResNet with 18 layers of weights, 11.7 million parameters. Made for 224×224, like all of them. */
export const resnet18 = (options?: ResNetOptions): ResNet => new ResNet(BasicBlock, [2, 2, 2, 2], options);
/** ResNet with 34 layers of weights, 21.8 million parameters. */
export const resnet34 = (options?: ResNetOptions): ResNet => new ResNet(BasicBlock, [3, 4, 6, 3], options);
/** ResNet with 50 layers of weights, 25.6 million parameters. */
export const resnet50 = (options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 4, 6, 3], options);
/** ResNet with 101 layers of weights, 44.5 million parameters. */
export const resnet101 = (options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 4, 23, 3], options);
/** ResNet with 152 layers of weights, 60.2 million parameters. */
export const resnet152 = (options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 8, 36, 3], options);
/** ResNeXt with 50 layers of weights, 32 groups of 4 channels, 25.0 million parameters. */
export const resnext50_32x4d = (options?: ResNetOptions): ResNet =>
  resnet50({ groups: 32, widthPerGroup: 4, ...checked('resnext50_32x4d', options) });
/** ResNeXt with 101 layers of weights, 32 groups of 8 channels, 88.8 million parameters. */
export const resnext101_32x8d = (options?: ResNetOptions): ResNet =>
  resnet101({ groups: 32, widthPerGroup: 8, ...checked('resnext101_32x8d', options) });
/** ResNet-50 with bottlenecks twice as wide, 68.9 million parameters. */
export const wide_resnet50_2 = (options?: ResNetOptions): ResNet =>
  resnet50({ widthPerGroup: 128, ...checked('wide_resnet50_2', options) });
/** ResNet-101 with bottlenecks twice as wide, 126.9 million parameters. */
export const wide_resnet101_2 = (options?: ResNetOptions): ResNet =>
  resnet101({ widthPerGroup: 128, ...checked('wide_resnet101_2', options) });
