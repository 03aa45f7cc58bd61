/**
 * Transformers (Vaswani et al. 2017; https://pytorch.org/docs/stable/nn.html#transformer-layers): encoder and decoder layers, stacks of them, and
 * both together.
 */
import '../families/state-dicts.ts';

import { BOOL, COUNT, either, FUNCTION, instanceOf, kind, NOT_NEGATIVE, oneOf, orNull, PROBABILITY } from '../../base/arguments.ts';
import { readCall, signature, type Signature } from '../../base/signature.ts';
import { TENSOR, TENSOR_OR_NULL } from '../../tensor/arguments.ts';
import { zeros } from '../../tensor/create.ts';
import { getRngState, setRngState } from '../../tensor/random/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { causalMask } from '../functional-attention.ts';
import { gelu } from '../functional-activation.ts';
import { xavierUniform_ } from '../init.ts';
import { ModuleBase } from '../module-base.ts';
import { Module } from '../module.ts';
import { layerOf } from '../signatures.ts';
import { MultiheadAttention } from './attention.ts';
import { ModuleList } from './container.ts';
import { Dropout } from './dropout.ts';
import { Linear } from './linear.ts';
import { LayerNorm } from './norm-rows.ts';

/** What a layer applies between its two products: a name, or a function of its own. */
export type TransformerActivation = 'relu' | 'gelu' | ((x: Tensor) => Tensor);

export interface TransformerLayerOptions {
  /** The size between the two products. Default 2048. */
  readonly dimFeedforward?: number;
  /** Default 0.1. */
  readonly dropout?: number;
  /** Default 'relu'. */
  readonly activation?: TransformerActivation;
  /** Default 1e-5. */
  readonly layerNormEps?: number;
  /** Whether inputs are [N, L, E], not [L, N, E]. Default false. */
  readonly batchFirst?: boolean;
  /** Whether normalisations come before attention and products, not after. Default false. */
  readonly normFirst?: boolean;
  /** Whether products and normalisations have biases. Default true. */
  readonly bias?: boolean;
}
interface TransformerLayerArguments extends TransformerLayerOptions {
  readonly dModel: number;
  readonly nhead: number;
}
const LAYER_OPTIONS = {
  dimFeedforward: COUNT,
  dropout: PROBABILITY,
  activation: either(oneOf('relu', 'gelu'), FUNCTION),
  layerNormEps: NOT_NEGATIVE,
  batchFirst: BOOL,
  normFirst: BOOL,
  bias: BOOL,
};
const layerSignature = (name: string): Signature<TransformerLayerArguments> =>
  layerOf<TransformerLayerArguments>(name, { dModel: COUNT, nhead: COUNT, ...LAYER_OPTIONS }, { required: 2 });
const ENCODER_LAYER = layerSignature('TransformerEncoderLayer');
const DECODER_LAYER = layerSignature('TransformerDecoderLayer');

const activate = (activation: TransformerActivation, x: Tensor): Tensor =>
  activation === 'relu' ? x.relu() : activation === 'gelu' ? gelu(x) : activation(x);

/** Options that come later, in any of which the rest may be by name. */
type Rest = TransformerLayerOptions;
type LayerCall = [
  dModel: number,
  nhead: number,
  dimFeedforward?: number | Rest,
  dropout?: number | Rest,
  activation?: TransformerActivation | Rest,
  layerNormEps?: number | Rest,
  batchFirst?: boolean | Rest,
  normFirst?: boolean | Rest,
  bias?: boolean | Pick<Rest, 'bias'>,
];

/** What either layer is made with. */
function settingsOf(of: Signature<TransformerLayerArguments>, args: readonly unknown[]): Required<TransformerLayerArguments> {
  const { dModel, nhead, dimFeedforward = 2048, dropout = 0.1, activation = 'relu', ...more } = readCall(of, args);
  const { layerNormEps = 1e-5, batchFirst = false, normFirst = false, bias = true } = more;
  return { dModel, nhead, dimFeedforward, dropout, activation, layerNormEps, batchFirst, normFirst, bias };
}

export interface EncoderLayerCall {
  /** Where places may not look: true, or numbers to add. [L, L] or [N·heads, L, L]. */
  readonly srcMask?: Tensor | null;
  /** Places that count as not there, [N, L]. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** A hint that srcMask is the causal one. Default false. */
  readonly isCausal?: boolean;
}
const ENCODE = signature<EncoderLayerCall & { src: Tensor }>(
  'TransformerEncoderLayer',
  { src: TENSOR, srcMask: TENSOR_OR_NULL, srcKeyPaddingMask: TENSOR_OR_NULL, isCausal: BOOL },
  { required: 1, example: 'layer(src, { srcMask: … })' },
);

/** Attention of a sequence to itself, then two products, each with a normalisation and a way past it. */
export class TransformerEncoderLayer extends Module {
  self_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  readonly activation: TransformerActivation;

  constructor(...args: LayerCall);
  constructor(options: TransformerLayerArguments);
  constructor(...args: readonly unknown[]) {
    super();
    const {
      dModel,
      nhead,
      dimFeedforward,
      dropout,
      activation,
      layerNormEps: eps,
      batchFirst,
      normFirst,
      bias,
    } = settingsOf(ENCODER_LAYER, args);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward, bias);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, bias);
    this.normFirst = normFirst;
    this.norm1 = new LayerNorm(dModel, eps, { bias });
    this.norm2 = new LayerNorm(dModel, eps, { bias });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.activation = activation;
  }

  override forward(
    src: Tensor,
    srcMask?: Tensor | null | EncoderLayerCall,
    srcKeyPaddingMask?: Tensor | null | Omit<EncoderLayerCall, 'srcMask'>,
    isCausal?: boolean | Pick<EncoderLayerCall, 'isCausal'>,
  ): Tensor;
  override forward(...args: readonly unknown[]): Tensor {
    const { src, srcMask = null, srcKeyPaddingMask = null, isCausal = false } = readCall(ENCODE, args);
    const attend = (x: Tensor): Tensor =>
      this.dropout1(this.self_attn(x, x, x, { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, needWeights: false, isCausal })[0]);
    const feed = (x: Tensor): Tensor => this.dropout2(this.linear2(this.dropout(activate(this.activation, this.linear1(x)))));
    if (this.normFirst) {
      const x = src.add(attend(this.norm1(src)));
      return x.add(feed(this.norm2(x)));
    }
    const x = this.norm1(src.add(attend(src)));
    return this.norm2(x.add(feed(x)));
  }
}

export interface DecoderLayerCall {
  readonly tgtMask?: Tensor | null;
  readonly memoryMask?: Tensor | null;
  readonly tgtKeyPaddingMask?: Tensor | null;
  readonly memoryKeyPaddingMask?: Tensor | null;
  readonly tgtIsCausal?: boolean;
  readonly memoryIsCausal?: boolean;
}
const DECODER_CALL = {
  tgt: TENSOR,
  memory: TENSOR,
  tgtMask: TENSOR_OR_NULL,
  memoryMask: TENSOR_OR_NULL,
  tgtKeyPaddingMask: TENSOR_OR_NULL,
  memoryKeyPaddingMask: TENSOR_OR_NULL,
  tgtIsCausal: BOOL,
  memoryIsCausal: BOOL,
};
const DECODE = signature<DecoderLayerCall & { tgt: Tensor; memory: Tensor }>('TransformerDecoderLayer', DECODER_CALL, {
  required: 2,
  example: 'layer(tgt, memory, { tgtMask: … })',
});

/** As the encoder's layer, with attention to an encoder's result in between. */
export class TransformerDecoderLayer extends Module {
  self_attn: MultiheadAttention;
  multihead_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  readonly activation: TransformerActivation;

  constructor(...args: LayerCall);
  constructor(options: TransformerLayerArguments);
  constructor(...args: readonly unknown[]) {
    super();
    const {
      dModel,
      nhead,
      dimFeedforward,
      dropout,
      activation,
      layerNormEps: eps,
      batchFirst,
      normFirst,
      bias,
    } = settingsOf(DECODER_LAYER, args);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
    this.multihead_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward, bias);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, bias);
    this.normFirst = normFirst;
    this.norm1 = new LayerNorm(dModel, eps, { bias });
    this.norm2 = new LayerNorm(dModel, eps, { bias });
    this.norm3 = new LayerNorm(dModel, eps, { bias });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
    this.activation = activation;
  }

  override forward(
    tgt: Tensor,
    memory: Tensor,
    tgtMask?: Tensor | null | DecoderLayerCall,
    memoryMask?: Tensor | null | Omit<DecoderLayerCall, 'tgtMask'>,
    tgtKeyPaddingMask?: Tensor | null | Omit<DecoderLayerCall, 'tgtMask' | 'memoryMask'>,
    memoryKeyPaddingMask?: Tensor | null | Pick<DecoderLayerCall, 'memoryKeyPaddingMask' | 'tgtIsCausal' | 'memoryIsCausal'>,
    tgtIsCausal?: boolean | Pick<DecoderLayerCall, 'tgtIsCausal' | 'memoryIsCausal'>,
    memoryIsCausal?: boolean | Pick<DecoderLayerCall, 'memoryIsCausal'>,
  ): Tensor;
  override forward(...args: readonly unknown[]): Tensor {
    const { tgt, memory, tgtMask = null, memoryMask = null, tgtKeyPaddingMask = null, memoryKeyPaddingMask = null, tgtIsCausal = false, memoryIsCausal = false } = readCall(DECODE, args); // prettier-ignore
    const own = (x: Tensor): Tensor =>
      this.dropout1(
        this.self_attn(x, x, x, { attnMask: tgtMask, keyPaddingMask: tgtKeyPaddingMask, needWeights: false, isCausal: tgtIsCausal })[0],
      );
    const other = (x: Tensor): Tensor =>
      this.dropout2(
        this.multihead_attn(x, memory, memory, {
          attnMask: memoryMask,
          keyPaddingMask: memoryKeyPaddingMask,
          needWeights: false,
          isCausal: memoryIsCausal,
        })[0],
      );
    const feed = (x: Tensor): Tensor => this.dropout3(this.linear2(this.dropout(activate(this.activation, this.linear1(x)))));
    if (this.normFirst) {
      const x = tgt.add(own(this.norm1(tgt)));
      const y = x.add(other(this.norm2(x)));
      return y.add(feed(this.norm3(y)));
    }
    const x = this.norm1(tgt.add(own(tgt)));
    const y = this.norm2(x.add(other(x)));
    return this.norm3(y.add(feed(y)));
  }
}

const MODULE_OR_NULL = orNull(instanceOf('a module', ModuleBase));
const isEncoderLayer = kind('a TransformerEncoderLayer', (value) => value instanceof TransformerEncoderLayer);
const isDecoderLayer = kind('a TransformerDecoderLayer', (value) => value instanceof TransformerDecoderLayer);

type Normalisation = ModuleBase & ((x: Tensor) => Tensor);

/** Layers like one, with copies of its parameters. Nothing is drawn for them. */
function copies<L extends TransformerEncoderLayer | TransformerDecoderLayer>(of: L, count: number): ModuleList {
  const Layer = of.constructor as new (options: TransformerLayerArguments) => L;
  const { embedDim: dModel, numHeads: nhead, batchFirst } = of.self_attn;
  const state = of.stateDict();
  const kept = getRngState();
  const list = new ModuleList();
  for (let i = 0; i < count; i++) {
    const layer = new Layer({ dModel, nhead, dimFeedforward: of.linear1.outFeatures, dropout: of.dropout.p, activation: of.activation, layerNormEps: of.norm1.eps, batchFirst, normFirst: of.normFirst, bias: of.linear1.bias !== null }); // prettier-ignore
    if (of.linear1.weight.dtype === 'float64') layer.double();
    layer.loadStateDict(state);
    layer.train(of.training);
    list.append(layer);
  }
  setRngState(kept);
  return list;
}

export interface EncoderCall {
  readonly mask?: Tensor | null;
  readonly srcKeyPaddingMask?: Tensor | null;
  readonly isCausal?: boolean | null;
}
const ENCODER = layerOf<{ encoderLayer: TransformerEncoderLayer; numLayers: number; norm?: Normalisation | null }>(
  'TransformerEncoder',
  { encoderLayer: isEncoderLayer, numLayers: COUNT, norm: MODULE_OR_NULL },
  { required: 2 },
);
const ENCODER_CALL = signature<EncoderCall & { src: Tensor }>(
  'TransformerEncoder',
  { src: TENSOR, mask: TENSOR_OR_NULL, srcKeyPaddingMask: TENSOR_OR_NULL, isCausal: orNull(BOOL) },
  { required: 1, example: 'encoder(src, { mask: … })' },
);

/** A stack of encoder layers, each a copy of one, and a normalisation at the end. */
export class TransformerEncoder extends Module {
  layers: ModuleList;
  readonly numLayers: number;
  norm: Normalisation | null;

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, norm?: Normalisation | null);
  constructor(...args: readonly unknown[]) {
    super();
    const { encoderLayer, numLayers, norm = null } = readCall(ENCODER, args);
    this.layers = copies(encoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  override forward(
    src: Tensor,
    mask?: Tensor | null | EncoderCall,
    srcKeyPaddingMask?: Tensor | null | Omit<EncoderCall, 'mask'>,
    isCausal?: boolean | null | Pick<EncoderCall, 'isCausal'>,
  ): Tensor;
  override forward(...args: readonly unknown[]): Tensor {
    const { src, mask = null, srcKeyPaddingMask = null, isCausal } = readCall(ENCODER_CALL, args);
    let x = src;
    for (const layer of this.layers.children())
      x = (layer as TransformerEncoderLayer)(x, { srcMask: mask, srcKeyPaddingMask, isCausal: isCausal ?? false });
    return this.norm === null ? x : this.norm(x);
  }
}

const DECODER = layerOf<{ decoderLayer: TransformerDecoderLayer; numLayers: number; norm?: Normalisation | null }>(
  'TransformerDecoder',
  { decoderLayer: isDecoderLayer, numLayers: COUNT, norm: MODULE_OR_NULL },
  { required: 2 },
);
const DECODE_ALL = signature<DecoderLayerCall & { tgt: Tensor; memory: Tensor }>('TransformerDecoder', DECODER_CALL, {
  required: 2,
  example: 'decoder(tgt, memory, { tgtMask: … })',
});

/** A stack of decoder layers, each a copy of one, and a normalisation at the end. */
export class TransformerDecoder extends Module {
  layers: ModuleList;
  readonly numLayers: number;
  norm: Normalisation | null;

  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, norm?: Normalisation | null);
  constructor(...args: readonly unknown[]) {
    super();
    const { decoderLayer, numLayers, norm = null } = readCall(DECODER, args);
    this.layers = copies(decoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  override forward(
    tgt: Tensor,
    memory: Tensor,
    tgtMask?: Tensor | null | DecoderLayerCall,
    memoryMask?: Tensor | null | Omit<DecoderLayerCall, 'tgtMask'>,
    tgtKeyPaddingMask?: Tensor | null | Omit<DecoderLayerCall, 'tgtMask' | 'memoryMask'>,
    memoryKeyPaddingMask?: Tensor | null | Pick<DecoderLayerCall, 'memoryKeyPaddingMask' | 'tgtIsCausal' | 'memoryIsCausal'>,
    tgtIsCausal?: boolean | Pick<DecoderLayerCall, 'tgtIsCausal' | 'memoryIsCausal'>,
    memoryIsCausal?: boolean | Pick<DecoderLayerCall, 'memoryIsCausal'>,
  ): Tensor;
  override forward(...args: readonly unknown[]): Tensor {
    const { tgt, memory, ...options } = readCall(DECODE_ALL, args);
    let x = tgt;
    for (const layer of this.layers.children()) x = (layer as TransformerDecoderLayer)(x, memory, options);
    return this.norm === null ? x : this.norm(x);
  }
}

export interface TransformerOptions extends Omit<TransformerLayerOptions, 'dimFeedforward'> {
  /** Default 512. */
  readonly dModel?: number;
  /** Default 8. */
  readonly nhead?: number;
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
  /** Default 2048. */
  readonly dimFeedforward?: number;
  /** In place of the encoder. Default null. */
  readonly customEncoder?: ModuleBase | null;
  /** In place of the decoder. Default null. */
  readonly customDecoder?: ModuleBase | null;
}
const TRANSFORMER = layerOf<TransformerOptions>('Transformer', {
  dModel: COUNT,
  nhead: COUNT,
  numEncoderLayers: COUNT,
  numDecoderLayers: COUNT,
  dimFeedforward: COUNT,
  dropout: PROBABILITY,
  activation: LAYER_OPTIONS.activation,
  customEncoder: MODULE_OR_NULL,
  customDecoder: MODULE_OR_NULL,
  layerNormEps: NOT_NEGATIVE,
  batchFirst: BOOL,
  normFirst: BOOL,
  bias: BOOL,
});

export interface TransformerCall extends DecoderLayerCall {
  readonly srcMask?: Tensor | null;
  readonly srcKeyPaddingMask?: Tensor | null;
  readonly srcIsCausal?: boolean | null;
}
const TRANSFORM = signature<TransformerCall & { src: Tensor; tgt: Tensor }>(
  'Transformer',
  {
    src: TENSOR,
    tgt: TENSOR,
    srcMask: TENSOR_OR_NULL,
    tgtMask: TENSOR_OR_NULL,
    memoryMask: TENSOR_OR_NULL,
    srcKeyPaddingMask: TENSOR_OR_NULL,
    tgtKeyPaddingMask: TENSOR_OR_NULL,
    memoryKeyPaddingMask: TENSOR_OR_NULL,
    srcIsCausal: orNull(BOOL),
    tgtIsCausal: BOOL,
    memoryIsCausal: BOOL,
  },
  { required: 2, example: 'transformer(src, tgt, { tgtMask: … })' },
);

/**
 * Encoder and decoder (https://pytorch.org/docs/stable/generated/torch.nn.Transformer.html): src [S, N, E], tgt [T, N, E] → [T, N, E].
 * @example
 * import { nn, randn } from 'flambeau';
 * const model = new nn.Transformer(8, 2, 1, 1, 16, { batchFirst: true });
 * const mask = nn.Transformer.generateSquareSubsequentMask(4);
 * const y = model(randn(2, 5, 8), randn(2, 4, 8), { tgtMask: mask });
 * if (y.shape.join() !== '2,4,8') throw new Error('as many as the target');
 */
export class Transformer extends Module {
  encoder: ModuleBase;
  decoder: ModuleBase;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(
    dModel?: number | TransformerOptions,
    nhead?: number | TransformerOptions,
    numEncoderLayers?: number | TransformerOptions,
    numDecoderLayers?: number | TransformerOptions,
    dimFeedforward?: number | TransformerOptions,
    ...rest: readonly (number | boolean | TransformerActivation | ModuleBase | TransformerOptions | null | undefined)[]
  );
  constructor(...args: readonly unknown[]) {
    super();
    const given = readCall(TRANSFORMER, args);
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, customEncoder = null, customDecoder = null, ...rest } = given; // prettier-ignore
    const layer = { dModel, nhead, ...rest };
    const norm = (): LayerNorm => new LayerNorm(dModel, given.layerNormEps ?? 1e-5, { bias: given.bias ?? true });
    this.encoder = customEncoder ?? new TransformerEncoder(new TransformerEncoderLayer(layer), numEncoderLayers, norm());
    this.decoder = customDecoder ?? new TransformerDecoder(new TransformerDecoderLayer(layer), numDecoderLayers, norm());
    for (const parameter of this.parameters()) if (parameter.ndim > 1) xavierUniform_(parameter);
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = given.batchFirst ?? false;
  }

  override forward(
    src: Tensor,
    tgt: Tensor,
    srcMask?: Tensor | null | TransformerCall,
    tgtMask?: Tensor | null | TransformerCall,
    memoryMask?: Tensor | null | TransformerCall,
    ...rest: readonly (Tensor | boolean | null | undefined | TransformerCall)[]
  ): Tensor;
  override forward(...args: readonly unknown[]): Tensor {
    const { src, tgt, srcMask = null, srcKeyPaddingMask = null, srcIsCausal = null, ...options } = readCall(TRANSFORM, args);
    const encode = this.encoder as TransformerEncoder;
    const decode = this.decoder as TransformerDecoder;
    const memory = encode(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return decode(tgt, memory, options);
  }

  /** −∞ above the diagonal, 0 elsewhere: everyone looks at those before and at oneself. */
  static generateSquareSubsequentMask(size: number): Tensor {
    return zeros([size, size]).maskedFill(causalMask(size, size).logicalNot(), -Infinity);
  }
}
