/** Tables of learned vectors, and bilinear maps. */
import { BOOL, COUNT, NUMBER, orNull, POSITIVE, SIZE, WHOLE } from '../../base/arguments.ts';
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import { readCall } from '../../base/signature.ts';
import { requireTensor } from '../../tensor/arguments.ts';
import { empty } from '../../tensor/create.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { BAG_MODE, bilinear, EMBEDDING_KINDS, embeddingBagWith, embeddingWith, paddingRow, refuseSparse, type BagMode, type EmbeddingOptions } from '../functional-embedding.ts'; // prettier-ignore
import { normal_, uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { layerOf } from '../signatures.ts';

interface TableSizes {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
}
const TABLE = { numEmbeddings: SIZE, embeddingDim: SIZE };
const EMBEDDING = layerOf<TableSizes & EmbeddingOptions>('Embedding', { ...TABLE, ...EMBEDDING_KINDS }, { required: 2 });

/** A table from N(0, 1), with zeros for the padding. */
function newTable(rows: number, size: number, padding: number | null): Parameter {
  const weight = new Parameter(empty(rows, size));
  normal_(weight);
  if (padding !== null) withGradMode(false, () => weight.select(0, padding).zero_());
  return weight;
}

/** What embeddings say of themselves after their sizes. */
function tableRepr(o: EmbeddingOptions & { readonly padding: number | null }): string {
  const { padding, maxNorm = null, normType = 2, scaleGradByFreq = false } = o;
  return [
    padding !== null && `, padding_idx=${padding}`,
    maxNorm !== null && `, max_norm=${pythonFloat(maxNorm)}`,
    normType !== 2 && `, norm_type=${pythonFloat(normType)}`,
    scaleGradByFreq && `, scale_grad_by_freq=${pythonBool(true)}`,
  ]
    .filter((part) => part !== false)
    .join('');
}

/**
 * Looks indices up in a table of vectors (https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html): [...] → [..., embeddingDim].
 * @example
 * import { nn, tensor } from 'flambeau';
 * const words = new nn.Embedding(10, 3, 0);
 * const y = words(tensor([[1, 2, 0]], { dtype: 'int64' }));
 * if (y.shape.join() !== '1,3,3' || y.at(0, 2).sum().item() !== 0) throw new Error('padding is zeros');
 */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  weight: Parameter;

  /** @throws ArgumentError for a paddingIdx that is no row */
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    paddingIdx?: number | null | EmbeddingOptions,
    maxNorm?: number | null | Omit<EmbeddingOptions, 'paddingIdx'>,
    normType?: number | Pick<EmbeddingOptions, 'normType' | 'scaleGradByFreq' | 'sparse'>,
    scaleGradByFreq?: boolean | Pick<EmbeddingOptions, 'scaleGradByFreq' | 'sparse'>,
    sparse?: boolean | Pick<EmbeddingOptions, 'sparse'>,
  );
  constructor(options: TableSizes & EmbeddingOptions);
  constructor(...args: readonly unknown[]) {
    super();
    const given = readCall(EMBEDDING, args);
    refuseSparse('Embedding', given.sparse);
    this.numEmbeddings = given.numEmbeddings;
    this.embeddingDim = given.embeddingDim;
    this.paddingIdx = paddingRow('Embedding', given.paddingIdx, given.numEmbeddings);
    this.maxNorm = given.maxNorm ?? null;
    this.normType = given.normType ?? 2;
    this.scaleGradByFreq = given.scaleGradByFreq ?? false;
    this.weight = newTable(this.numEmbeddings, this.embeddingDim, this.paddingIdx);
    this.registerParameter('weight', this.weight);
  }

  /** An embedding with a given table, frozen unless `freeze` is false. */
  static fromPretrained(
    embeddings: Tensor,
    freeze: boolean | (EmbeddingOptions & { readonly freeze?: boolean }) = true,
    options: EmbeddingOptions = {},
  ): Embedding {
    requireTensor('fromPretrained', 'the embeddings', embeddings);
    const { freeze: frozen = true, ...rest } = typeof freeze === 'boolean' ? { freeze, ...options } : freeze;
    const [rows, size] = embeddings.layout.shape as [number, number];
    const layer = new this(0, size, { ...rest, paddingIdx: null }); // by its own name it would print as another
    const made = layer as { -readonly [K in 'numEmbeddings' | 'paddingIdx' | 'weight']: Embedding[K] };
    made.numEmbeddings = rows;
    made.paddingIdx = paddingRow('Embedding', rest.paddingIdx, rows);
    made.weight = new Parameter(embeddings, !frozen);
    return layer;
  }

  override forward(input: Tensor): Tensor {
    requireTensor('Embedding', 'the input', input);
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this;
    return embeddingWith('Embedding', input, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq });
  }

  override extraRepr(): string {
    return `${this.numEmbeddings}, ${this.embeddingDim}${tableRepr({ ...pick(this), padding: this.paddingIdx })}`;
  }
}

const pick = ({ maxNorm, normType, scaleGradByFreq }: Required<Pick<EmbeddingOptions, 'maxNorm' | 'normType' | 'scaleGradByFreq'>>): EmbeddingOptions => ({ maxNorm, normType, scaleGradByFreq }); // prettier-ignore

export interface EmbeddingBagLayerOptions extends EmbeddingOptions {
  /** Default 'mean'. */
  readonly mode?: BagMode;
  /** Whether the last offset is the end of the last bag. Default false. */
  readonly includeLastOffset?: boolean;
}
const EMBEDDING_BAG = layerOf<TableSizes & EmbeddingBagLayerOptions>(
  'EmbeddingBag',
  {
    ...TABLE,
    maxNorm: orNull(POSITIVE),
    normType: NUMBER,
    scaleGradByFreq: BOOL,
    mode: BAG_MODE,
    sparse: BOOL,
    includeLastOffset: BOOL,
    paddingIdx: orNull(WHOLE),
  },
  { required: 2, positional: 7 },
);

/** Sums, means or maxima of bags of vectors (https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html). */
export class EmbeddingBag extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly mode: BagMode;
  readonly includeLastOffset: boolean;
  readonly paddingIdx: number | null;
  weight: Parameter;

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    maxNorm?: number | null | EmbeddingBagLayerOptions,
    normType?: number | Omit<EmbeddingBagLayerOptions, 'maxNorm'>,
    scaleGradByFreq?: boolean | Omit<EmbeddingBagLayerOptions, 'maxNorm' | 'normType'>,
    mode?: BagMode | Omit<EmbeddingBagLayerOptions, 'maxNorm' | 'normType' | 'scaleGradByFreq'>,
    sparse?: boolean | Pick<EmbeddingBagLayerOptions, 'sparse' | 'includeLastOffset' | 'paddingIdx'>,
    options?: Pick<EmbeddingBagLayerOptions, 'includeLastOffset' | 'paddingIdx'>,
  );
  constructor(options: TableSizes & EmbeddingBagLayerOptions);
  constructor(...args: readonly unknown[]) {
    super();
    const given = readCall(EMBEDDING_BAG, args);
    refuseSparse('EmbeddingBag', given.sparse);
    this.numEmbeddings = given.numEmbeddings;
    this.embeddingDim = given.embeddingDim;
    this.maxNorm = given.maxNorm ?? null;
    this.normType = given.normType ?? 2;
    this.scaleGradByFreq = given.scaleGradByFreq ?? false;
    this.mode = given.mode ?? 'mean';
    this.includeLastOffset = given.includeLastOffset ?? false;
    this.paddingIdx = paddingRow('EmbeddingBag', given.paddingIdx, given.numEmbeddings);
    this.weight = newTable(this.numEmbeddings, this.embeddingDim, this.paddingIdx);
    this.registerParameter('weight', this.weight);
  }

  /** @param input [B, N], or [M] with offsets [B] */
  override forward(input: Tensor, offsets?: Tensor | null, perSampleWeights?: Tensor | null): Tensor {
    requireTensor('EmbeddingBag', 'the input', input);
    const { paddingIdx, mode, includeLastOffset } = this;
    return embeddingBagWith('EmbeddingBag', input, this.weight, {
      ...pick(this),
      paddingIdx,
      mode,
      includeLastOffset,
      offsets: offsets ?? null,
      perSampleWeights: perSampleWeights ?? null,
    });
  }

  override extraRepr(): string {
    const options = tableRepr({ ...pick(this), padding: null });
    const padding = this.paddingIdx === null ? '' : `, padding_idx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${options}, mode='${this.mode}'${padding}`;
  }
}

interface BilinearOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
}
interface BilinearArguments extends BilinearOptions {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
}
const BILINEAR = layerOf<BilinearArguments>(
  'Bilinear',
  { in1Features: COUNT, in2Features: SIZE, outFeatures: SIZE, bias: BOOL },
  { required: 3 },
);

/** x1ᵀ·A·x2 + bias (https://pytorch.org/docs/stable/generated/torch.nn.Bilinear.html). */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, bias?: boolean | BilinearOptions);
  constructor(options: BilinearArguments);
  constructor(...args: readonly unknown[]) {
    super();
    const { in1Features, in2Features, outFeatures, bias = true } = readCall(BILINEAR, args);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty(outFeatures, in1Features, in2Features));
    this.bias = bias ? new Parameter(empty(outFeatures)) : null;
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
    const bound = 1 / Math.sqrt(in1Features);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  override forward(input1: Tensor, input2: Tensor): Tensor {
    requireTensor('Bilinear', 'the first input', input1);
    return bilinear(input1, input2, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in1_features=${this.in1Features}, in2_features=${this.in2Features}, out_features=${this.outFeatures}, bias=${pythonBool(this.bias !== null)}`;
  }
}
