/** Vision Transformer: A. Dosovitskiy et al., "An image is worth 16×16 words", 2020, as torchvision has it. */
import '../../nn/families/state-dicts.ts';
import {
  BOOL,
  COUNT,
  oneOf,
  OPTIONS as OBJECT,
  orNull,
  PROBABILITY,
  requireKind,
  requireOptions,
  type OptionKinds,
} from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { interpolate } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import { empty, zeros } from '../../tensor/create.ts';
import { cat } from '../../tensor/functions.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { FloatDropout, MLP } from '../ops/misc.ts';
import { conv2d } from './channels.ts';

export interface VisionTransformerOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Height and width of images, a multiple of the patches'. Default 224. */
  readonly imageSize?: number;
  /** Probability of a feature being left out in training. Default 0. */
  readonly dropout?: number;
  /** The same for weights of attention. Default 0. */
  readonly attentionDropout?: number;
  /** Features of a hidden layer of the classifier. Default null: there is none. */
  readonly representationSize?: number | null;
}

/** What sizes of vision transformers differ in. */
export interface VisionTransformerSize {
  readonly patchSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly hiddenDim: number;
  readonly mlpDim: number;
}

const layerNorm = (size: number): nn.LayerNorm => new nn.LayerNorm(size, 1e-6);

/** Two fully connected layers with GELU between them. */
class MLPBlock extends MLP {
  constructor(size: number, hidden: number, dropout: number) {
    super(size, [hidden, size], { activationLayer: () => new nn.GELU(), dropout });
    for (const m of this.modules()) {
      if (!(m instanceof nn.Linear)) continue;
      nn.init.xavierUniform_(m.weight);
      if (m.bias !== null) nn.init.normal_(m.bias, 0, 1e-6);
    }
    this.registerLoadStateDictPreHook((_module, state, prefix) => renameLayers(state, prefix));
  }
}

/** Files from before torchvision 0.13, the published weights among them, name the two layers `linear_1` and `linear_2`. */
function renameLayers(state: Map<string, Tensor>, prefix: string): void {
  for (const [old, place] of [
    ['linear_1', 0],
    ['linear_2', 3],
  ] as const) {
    for (const kind of ['weight', 'bias']) {
      const tensor = state.get(`${prefix}${old}.${kind}`);
      if (tensor === undefined) continue;
      state.delete(`${prefix}${old}.${kind}`);
      state.set(`${prefix}${place}.${kind}`, tensor);
    }
  }
}

interface BlockSizes extends VisionTransformerSize {
  readonly dropout: number;
  readonly attentionDropout: number;
}

/** Attention, then two layers for each place, each beside a shortcut. */
class EncoderBlock extends nn.Module {
  ln_1: nn.LayerNorm;
  self_attention: nn.MultiheadAttention;
  dropout: nn.Dropout;
  ln_2: nn.LayerNorm;
  mlp: MLPBlock;

  constructor({ numHeads, hiddenDim, mlpDim, dropout, attentionDropout }: BlockSizes) {
    super();
    this.ln_1 = layerNorm(hiddenDim);
    this.self_attention = new nn.MultiheadAttention(hiddenDim, numHeads, { dropout: attentionDropout, batchFirst: true });
    this.dropout = new FloatDropout(dropout);
    this.ln_2 = layerNorm(hiddenDim);
    this.mlp = new MLPBlock(hiddenDim, mlpDim, dropout);
  }

  override forward(x: Tensor): Tensor {
    const normed = this.ln_1(x);
    const [attended] = this.self_attention(normed, normed, normed, { needWeights: false });
    const y = this._dropped(attended).add(x);
    return y.add(this.mlp(this.ln_2(y)));
  }

  /** PyTorch's attention leaves its result in memory place by place, of all samples each, and in that order dropout draws. */
  private _dropped(x: Tensor): Tensor {
    if (!this.training || this.dropout.p === 0) return x;
    return this.dropout(x.transpose(0, 1).contiguous()).transpose(0, 1);
  }
}

/** Learned positions added, then the blocks. */
class Encoder extends nn.Module {
  pos_embedding: nn.Parameter;
  dropout: nn.Dropout;
  layers: nn.Sequential;
  ln: nn.LayerNorm;

  constructor(length: number, sizes: BlockSizes) {
    super();
    this.pos_embedding = new nn.Parameter(nn.init.normal_(empty(1, length, sizes.hiddenDim), 0, 0.02));
    this.dropout = new FloatDropout(sizes.dropout);
    const blocks = Array.from({ length: sizes.numLayers }, (_, i) => [`encoder_layer_${i}`, new EncoderBlock(sizes)] as const);
    this.layers = new nn.Sequential(new Map<string, nn.ModuleBase>(blocks));
    this.ln = layerNorm(sizes.hiddenDim);
  }

  override forward(x: Tensor): Tensor {
    return this.ln(this.layers(this.dropout(x.add(this.pos_embedding))));
  }
}

const OPTIONS: OptionKinds<VisionTransformerOptions> = {
  numClasses: COUNT,
  imageSize: COUNT,
  dropout: PROBABILITY,
  attentionDropout: PROBABILITY,
  representationSize: orNull(COUNT),
};

/** The last part reads as what it is made as, and any other layer may take its place: `model.heads = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface VisionTransformer {
  get heads(): nn.Sequential;
  set heads(layer: nn.AnyLayer);
}

export class VisionTransformer extends nn.Module {
  class_token: nn.Parameter;
  conv_proj: nn.Conv2d;
  encoder: Encoder;
  readonly imageSize: number;
  readonly patchSize: number;

  /** @throws ArgumentError unless the size of images is a multiple of the patches' */
  constructor(size: VisionTransformerSize, options: VisionTransformerOptions = {}) {
    super();
    requireKind(
      'VisionTransformer',
      'the size',
      size,
      OBJECT,
      'write { patchSize: 16, numLayers: 12, numHeads: 12, hiddenDim: 768, mlpDim: 3072 }',
    );
    for (const name of ['patchSize', 'numLayers', 'numHeads', 'hiddenDim', 'mlpDim'] as const)
      requireKind('VisionTransformer', name, size[name], COUNT);
    const given = requireOptions<VisionTransformerOptions>('VisionTransformer', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, imageSize = 224, dropout = 0, attentionDropout = 0, representationSize = null } = given;
    const { patchSize, hiddenDim } = size;
    if (imageSize % patchSize !== 0)
      throw new ArgumentError(
        `VisionTransformer: expected imageSize to be a multiple of the patch size ${patchSize}, but got ${imageSize}`,
      );
    this.imageSize = imageSize;
    this.patchSize = patchSize;
    this.conv_proj = conv2d(3, hiddenDim, patchSize, { stride: patchSize });
    this.class_token = new nn.Parameter(zeros(1, 1, hiddenDim));
    this.encoder = new Encoder((imageSize / patchSize) ** 2 + 1, { ...size, dropout, attentionDropout });
    const heads = new Map<string, nn.ModuleBase>();
    if (representationSize !== null) {
      heads.set('pre_logits', new nn.Linear(hiddenDim, representationSize));
      heads.set('act', new nn.Tanh());
    }
    heads.set('head', new nn.Linear(representationSize ?? hiddenDim, numClasses));
    this.heads = new nn.Sequential(heads);
    this._initialise(heads);
  }

  private _initialise(heads: ReadonlyMap<string, nn.ModuleBase>): void {
    nn.init.truncNormal_(this.conv_proj.weight, 0, Math.sqrt(1 / (3 * this.patchSize ** 2)));
    nn.init.zeros_(this.conv_proj.bias!);
    const hidden = heads.get('pre_logits') as nn.Linear | undefined;
    if (hidden !== undefined) {
      nn.init.truncNormal_(hidden.weight, 0, Math.sqrt(1 / hidden.inFeatures));
      nn.init.zeros_(hidden.bias!);
    }
    const head = heads.get('head') as nn.Linear;
    nn.init.zeros_(head.weight);
    nn.init.zeros_(head.bias!);
  }

  /** [N, 3, imageSize, imageSize] → [N, numClasses] */
  override forward(x: Tensor): Tensor {
    const { shape } = x.layout;
    const side = this.imageSize;
    if (shape.length !== 4 || shape[2] !== side || shape[3] !== side)
      throw new ShapeError(
        `VisionTransformer: expected images [N, 3, ${side}, ${side}], but got ${showShape(shape)}; resize them, or make the model with imageSize`,
      );
    const patches = this.conv_proj(x).flatten(2).permute(0, 2, 1);
    const token = this.class_token.expand([shape[0]!, 1, patches.layout.shape[2]!]);
    const y = this.encoder(cat([token, patches], 1));
    return this.heads(y.narrow(1, 0, 1).squeeze(1));
  }
}

const POSITIONS = 'encoder.pos_embedding';

export interface InterpolateEmbeddingsOptions {
  /** Default 'bicubic'. */
  readonly mode?: 'bicubic' | 'bilinear';
  /** Whether to leave the classifier's weights out, for other classes. Default false. */
  readonly resetHeads?: boolean;
}
const INTERPOLATE: OptionKinds<InterpolateEmbeddingsOptions> = { mode: oneOf('bicubic', 'bilinear'), resetHeads: BOOL };

/**
 * A state dict of a vision transformer for images of another size: learned positions are resized like an image
 * (https://pytorch.org/vision/stable/models/vision_transformer.html, `interpolate_embeddings`).
 * @param imageSize of the model that shall load it
 * @throws ArgumentError for a state dict without positions, ShapeError for positions that are not of a square image
 * @example
 * import { models } from 'flambeau/vision';
 * const small = { patchSize: 8, numLayers: 1, numHeads: 2, hiddenDim: 8, mlpDim: 8 };
 * const trained = new models.VisionTransformer(small, { imageSize: 32 });
 * const larger = new models.VisionTransformer(small, { imageSize: 64 });
 * larger.loadStateDict(models.interpolateEmbeddings(64, 8, trained.stateDict()));
 */
export function interpolateEmbeddings(
  imageSize: number,
  patchSize: number,
  state: ReadonlyMap<string, Tensor>,
  options: InterpolateEmbeddingsOptions = {},
): Map<string, Tensor> {
  requireKind('interpolateEmbeddings', 'imageSize', imageSize, COUNT);
  requireKind('interpolateEmbeddings', 'patchSize', patchSize, COUNT);
  const { mode = 'bicubic', resetHeads = false } = requireOptions<InterpolateEmbeddingsOptions>(
    'interpolateEmbeddings',
    options,
    INTERPOLATE,
  );
  const positions = state instanceof Map ? (state as ReadonlyMap<string, unknown>).get(POSITIONS) : undefined;
  if (!isTensor(positions))
    throw new ArgumentError(`interpolateEmbeddings: expected a state dict of a vision transformer, with '${POSITIONS}'`);
  const { shape } = positions.layout;
  const side = Math.sqrt((shape[1] ?? 0) - 1);
  if (shape.length !== 3 || shape[0] !== 1 || !Number.isInteger(side) || side < 1)
    throw new ShapeError(`interpolateEmbeddings: expected positions [1, 1 + side², size], but got ${showShape(shape)}`);
  const result = new Map([...state].filter(([key]) => !resetHeads || !key.startsWith('heads')));
  const size = Math.floor(imageSize / patchSize);
  if (size === side) return result;
  const all = positions.detach();
  const image = all
    .narrow(1, 1, side * side)
    .permute(0, 2, 1)
    .reshape([1, shape[2]!, side, side]);
  const resized = interpolate(image, { size: [size, size], mode, alignCorners: true });
  const places = resized.reshape([1, shape[2]!, size * size]).permute(0, 2, 1);
  result.set(POSITIONS, cat([all.narrow(1, 0, 1), places], 1));
  return result;
}

const B = { numLayers: 12, numHeads: 12, hiddenDim: 768, mlpDim: 3072 } as const;
const L = { numLayers: 24, numHeads: 16, hiddenDim: 1024, mlpDim: 4096 } as const;

/** Vision transformer base with patches of 16×16, 86.6 million parameters. */
export const vit_b_16 = (options?: VisionTransformerOptions): VisionTransformer => new VisionTransformer({ patchSize: 16, ...B }, options);
/** Vision transformer base with patches of 32×32, 88.2 million parameters. */
export const vit_b_32 = (options?: VisionTransformerOptions): VisionTransformer => new VisionTransformer({ patchSize: 32, ...B }, options);
/** Vision transformer large with patches of 16×16, 304.3 million parameters. */
export const vit_l_16 = (options?: VisionTransformerOptions): VisionTransformer => new VisionTransformer({ patchSize: 16, ...L }, options);
/** Vision transformer large with patches of 32×32, 306.5 million parameters. */
export const vit_l_32 = (options?: VisionTransformerOptions): VisionTransformer => new VisionTransformer({ patchSize: 32, ...L }, options);
/** Vision transformer huge with patches of 14×14, 632.0 million parameters. */
export const vit_h_14 = (options?: VisionTransformerOptions): VisionTransformer =>
  new VisionTransformer({ patchSize: 14, numLayers: 32, numHeads: 16, hiddenDim: 1280, mlpDim: 5120 }, options);
