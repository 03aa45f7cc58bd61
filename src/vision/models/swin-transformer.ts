/**
 * Swin Transformer: Z. Liu et al., "Swin Transformer: Hierarchical vision transformer using shifted windows", 2021, and "Swin Transformer V2:
 * Scaling up capacity and resolution", 2022, as torchvision has them.
 */
import { arrayOf, COUNT, kind, oneOf, OPTIONS as OBJECT, POSITIVE, PROBABILITY, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { pad } from '../../nn/functional.ts';
import { ArgumentError } from '../../base/errors.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { MLP, Permute } from '../ops/misc.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { conv2d } from './channels.ts';
import { ShiftedWindowAttention, ShiftedWindowAttentionV2, type WindowOptions } from './window-attention.ts';

export interface SwinTransformerOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Probability of a feature being left out in training. Default 0. */
  readonly dropout?: number;
  /** The same for weights of attention. Default 0. */
  readonly attentionDropout?: number;
  /** Probability of the last block being left out in training; earlier ones have less, in proportion. Default 0.1 of the class, more of its sizes. */
  readonly stochasticDepthProb?: number;
}

/** What sizes of Swin transformers differ in. */
export interface SwinTransformerSize {
  /** 'v2' normalises after attention and compares directions; positions are functions of distances. Default 'v1'. */
  readonly version?: 'v1' | 'v2';
  /** Height and width of a patch. */
  readonly patchSize: number;
  /** Features of the first stage; each has twice as many as the one before. */
  readonly embedDim: number;
  /** The number of blocks of each stage. */
  readonly depths: readonly number[];
  /** The number of heads of each stage. */
  readonly numHeads: readonly number[];
  /** Height and width of a window, in patches. */
  readonly windowSize: number;
  /** Features of the hidden layer of a block, as a multiple. Default 4. */
  readonly mlpRatio?: number;
}

const layerNorm = (size: number): nn.LayerNorm => new nn.LayerNorm(size, 1e-5);

/** Each 2×2 pixels side by side: [N, H, W, C] → [N, ⌈H/2⌉, ⌈W/2⌉, 4·C]. */
function merged(x: Tensor): Tensor {
  const [samples, height, width, channels] = x.layout.shape as [number, number, number, number];
  const even = height % 2 === 0 && width % 2 === 0 ? x : pad(x, [0, 0, 0, width % 2, 0, height % 2]);
  const [h, w] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  // [N, h, 2 rows, w, 2 columns, C] → columns, then rows, then channels side by side
  return even
    .reshape([samples, h, 2, w, 2, channels])
    .permute(0, 1, 3, 4, 2, 5)
    .reshape([samples, h, w, 4 * channels]);
}

/** Half the height and width, twice the features. */
class PatchMerging extends nn.Module {
  reduction: nn.Linear;
  norm: nn.LayerNorm;

  constructor(size: number) {
    super();
    this.reduction = new nn.Linear(4 * size, 2 * size, false);
    this.norm = layerNorm(4 * size);
  }

  override forward(x: Tensor): Tensor {
    return this.reduction(this.norm(merged(x)));
  }
}

/** As {@link PatchMerging}, normalised at last. */
class PatchMergingV2 extends nn.Module {
  reduction: nn.Linear;
  norm: nn.LayerNorm;

  constructor(size: number) {
    super();
    this.reduction = new nn.Linear(4 * size, 2 * size, false);
    this.norm = layerNorm(2 * size);
  }

  override forward(x: Tensor): Tensor {
    return this.norm(this.reduction(merged(x)));
  }
}

interface BlockOptions extends WindowOptions {
  readonly mlpRatio: number;
  readonly depthProb: number;
}

/** Attention within windows, then two layers for each place, each beside a shortcut. */
class SwinTransformerBlock extends nn.Module {
  norm1: nn.LayerNorm;
  attn: ShiftedWindowAttention;
  stochastic_depth: StochasticDepth;
  norm2: nn.LayerNorm;
  mlp: MLP;

  constructor(size: number, options: BlockOptions) {
    super();
    this.norm1 = layerNorm(size);
    this.attn = this.makeAttention(size, options);
    this.stochastic_depth = new StochasticDepth(options.depthProb, 'row');
    this.norm2 = layerNorm(size);
    const hidden = Math.trunc(size * options.mlpRatio);
    this.mlp = new MLP(size, [hidden, size], { activationLayer: () => new nn.GELU(), dropout: options.dropout });
    for (const m of this.mlp.modules()) {
      if (!(m instanceof nn.Linear)) continue;
      nn.init.xavierUniform_(m.weight);
      if (m.bias !== null) nn.init.normal_(m.bias, 0, 1e-6);
    }
  }

  protected makeAttention(size: number, options: BlockOptions): ShiftedWindowAttention {
    return new ShiftedWindowAttention(size, options);
  }

  override forward(x: Tensor): Tensor {
    const y = x.add(this.stochastic_depth(this.attn(this.norm1(x))));
    return y.add(this.stochastic_depth(this.mlp(this.norm2(y))));
  }
}

/** As {@link SwinTransformerBlock}, normalised after attention and after the layers. */
class SwinTransformerBlockV2 extends SwinTransformerBlock {
  protected override makeAttention(size: number, options: BlockOptions): ShiftedWindowAttention {
    return new ShiftedWindowAttentionV2(size, options);
  }

  override forward(x: Tensor): Tensor {
    const y = x.add(this.stochastic_depth(this.norm1(this.attn(x))));
    return y.add(this.stochastic_depth(this.norm2(this.mlp(y))));
  }
}

const OPTIONS: OptionKinds<SwinTransformerOptions> = {
  numClasses: COUNT,
  dropout: PROBABILITY,
  attentionDropout: PROBABILITY,
  stochasticDepthProb: PROBABILITY,
};
const COUNTS = kind(
  'one whole number or more',
  (value) => arrayOf(COUNT, 'whole numbers').accepts(value) && (value as number[]).length > 0,
);
const VERSION = oneOf('v1', 'v2');

/** The last part reads as what it is made as, and any other layer may take its place: `model.head = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface SwinTransformer {
  get head(): nn.Linear;
  set head(layer: nn.AnyLayer);
}

export class SwinTransformer extends nn.Module {
  features: nn.Sequential;
  norm: nn.LayerNorm;
  permute: Permute;
  avgpool: nn.AdaptiveAvgPool2d;
  flatten: nn.Flatten;

  constructor(size: SwinTransformerSize, options: SwinTransformerOptions = {}) {
    super();
    requireKind(
      'SwinTransformer',
      'the size',
      size,
      OBJECT,
      'write { patchSize: 4, embedDim: 96, depths: [2, 2, 6, 2], numHeads: [3, 6, 12, 24], windowSize: 7 }',
    );
    const { version = 'v1', patchSize, embedDim, depths, numHeads, windowSize, mlpRatio = 4 } = size;
    requireKind('SwinTransformer', 'version', version, VERSION);
    for (const name of ['patchSize', 'embedDim', 'windowSize'] as const) requireKind('SwinTransformer', name, size[name], COUNT);
    for (const name of ['depths', 'numHeads'] as const) requireKind('SwinTransformer', name, size[name], COUNTS);
    requireKind('SwinTransformer', 'mlpRatio', mlpRatio, POSITIVE);
    if (depths.length !== numHeads.length)
      throw new ArgumentError(
        `SwinTransformer: expected depths and numHeads of as many stages, but got ${depths.length} and ${numHeads.length}`,
      );
    const given = requireOptions<SwinTransformerOptions>('SwinTransformer', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, dropout = 0, attentionDropout = 0, stochasticDepthProb = 0.1 } = given;
    const [Block, Merging] = version === 'v1' ? [SwinTransformerBlock, PatchMerging] : [SwinTransformerBlockV2, PatchMergingV2];
    const patches = conv2d(3, embedDim, patchSize, { stride: patchSize });
    const layers: nn.ModuleBase[] = [new nn.Sequential(...([patches, new Permute([0, 2, 3, 1]), layerNorm(embedDim)] as nn.ModuleBase[]))];
    const total = depths.reduce((n, depth) => n + depth, 0);
    let block = 0;
    depths.forEach((depth, i) => {
      const features = embedDim * 2 ** i;
      const blocks: nn.ModuleBase[] = [];
      for (let j = 0; j < depth; j++, block++) {
        const shiftSize = j % 2 === 0 ? 0 : Math.floor(windowSize / 2);
        const depthProb = (stochasticDepthProb * block) / (total - 1);
        blocks.push(new Block(features, { windowSize, shiftSize, numHeads: numHeads[i]!, attentionDropout, dropout, mlpRatio, depthProb }));
      }
      layers.push(new nn.Sequential(...blocks));
      if (i < depths.length - 1) layers.push(new Merging(features));
    });
    const features = embedDim * 2 ** (depths.length - 1);
    this.features = new nn.Sequential(...layers);
    this.norm = layerNorm(features);
    this.permute = new Permute([0, 3, 1, 2]);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.flatten = new nn.Flatten(1);
    this.head = new nn.Linear(features, numClasses);
    for (const m of this.modules()) {
      if (!(m instanceof nn.Linear)) continue;
      nn.init.truncNormal_(m.weight, 0, 0.02);
      if (m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    const y = this.permute(this.norm(this.features(x)));
    return this.head(this.flatten(this.avgpool(y)));
  }
}

const T = { patchSize: 4, embedDim: 96, depths: [2, 2, 6, 2], numHeads: [3, 6, 12, 24], windowSize: 7 } as const;
const S = { ...T, depths: [2, 2, 18, 2] } as const;
const B = { ...S, embedDim: 128, numHeads: [4, 8, 16, 32] } as const;
const V2 = { version: 'v2', windowSize: 8 } as const;

/** @param depthProb of the last block, where the options have none */
function build(op: string, size: SwinTransformerSize, depthProb: number, options: unknown): SwinTransformer {
  const given = requireOptions<SwinTransformerOptions>(op, options, OPTIONS, '{ numClasses: 10 }');
  return new SwinTransformer(size, { stochasticDepthProb: depthProb, ...given });
}

/** Swin transformer tiny, 28.3 million parameters; made for 224×224. */
export const swin_t = (options?: SwinTransformerOptions): SwinTransformer => build('swin_t', T, 0.2, options);
/** Swin transformer small, 49.6 million parameters. */
export const swin_s = (options?: SwinTransformerOptions): SwinTransformer => build('swin_s', S, 0.3, options);
/** Swin transformer base, 87.8 million parameters. */
export const swin_b = (options?: SwinTransformerOptions): SwinTransformer => build('swin_b', B, 0.5, options);
/** Swin transformer V2 tiny, 28.4 million parameters; made for 256×256. */
export const swin_v2_t = (options?: SwinTransformerOptions): SwinTransformer => build('swin_v2_t', { ...T, ...V2 }, 0.2, options);
/** Swin transformer V2 small, 49.7 million parameters. */
export const swin_v2_s = (options?: SwinTransformerOptions): SwinTransformer => build('swin_v2_s', { ...S, ...V2 }, 0.3, options);
/** Swin transformer V2 base, 87.9 million parameters. */
export const swin_v2_b = (options?: SwinTransformerOptions): SwinTransformer => build('swin_v2_b', { ...B, ...V2 }, 0.5, options);
