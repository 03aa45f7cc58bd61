/** PyTorch's `torch.nn.functional` as ours. */
import { F, type Tensor } from 'flambeau';
import { inexpressible, numbers, op, options, type Adapter } from './call.ts';

type Pair = number | readonly [number, number];
/** A size for both directions or a pair; lists of one number are a number. */
function pair(value: unknown): Pair | undefined {
  if (!Array.isArray(value)) return value as Pair | undefined;
  const list = numbers(value);
  return list.length === 1 ? list[0] : (Array.from(list) as unknown as Pair);
}
type Reduction = 'mean' | 'sum' | 'none';

type InPlace = 'relu' | 'hardsigmoid' | 'hardswish' | 'silu' | 'relu6' | 'selu' | 'mish';
const plain = (name: InPlace): Adapter => op(`F.${name}`, 'input inplace', (x: Tensor, inplace?: boolean) => F[name](x, inplace));
const simple = (name: 'softsign' | 'tanhshrink' | 'logsigmoid'): Adapter => op(`F.${name}`, 'input', F[name]);
const dropped = (name: 'dropout' | 'dropout1d' | 'dropout2d' | 'dropout3d' | 'alphaDropout' | 'featureAlphaDropout'): Adapter =>
  op(
    `F.${name}`,
    'input p training inplace',
    (x: Tensor, p?: number, training?: boolean, inplace?: boolean) => F[name](x, p, training, inplace),
    { random: true },
  );
const pairLoss = (name: 'mseLoss' | 'l1Loss'): Adapter =>
  op(
    `F.${name}`,
    'input target size_average=null reduce=null reduction weight',
    (x: Tensor, y: Tensor, reduction?: Reduction, weight?: Tensor) => F[name](x, y, options({ reduction, weight })),
  );
const classLoss = 'input target weight size_average=null ignore_index reduce=null reduction';

/** Both results where indices are asked for. */
const withIndices = ({ values, indices }: { values: Tensor; indices: Tensor }): Tensor[] => [values, indices];

const resized = (mode: 'nearest' | 'bilinear', alignCorners?: boolean): Adapter =>
  op('F.interpolate', 'input size scale_factor', (x: Tensor, size: unknown, scale: unknown) =>
    F.interpolate(x, { mode, ...options({ size: pair(size), scaleFactor: pair(scale), alignCorners }) } as never),
  );

export const ACTIVATIONS: Readonly<Record<string, Adapter>> = {
  'nn.functional.relu': plain('relu'),
  'nn.functional.relu6': plain('relu6'),
  'nn.functional.hardsigmoid': plain('hardsigmoid'),
  'nn.functional.hardswish': plain('hardswish'),
  'nn.functional.silu': plain('silu'),
  'nn.functional.leaky_relu': op('F.leakyRelu', 'input negative_slope inplace', F.leakyRelu),
  'nn.functional.hardtanh': op('F.hardtanh', 'input min_val max_val inplace', F.hardtanh),
  'nn.functional.elu': op('F.elu', 'input alpha inplace', F.elu),
  'nn.functional.softplus': op('F.softplus', 'input beta threshold', F.softplus),
  'nn.functional.gelu': op('F.gelu', 'input approximate', (x: Tensor, approximate?: 'none') => F.gelu(x, options({ approximate }))),
  'nn.functional.selu': plain('selu'),
  'nn.functional.mish': plain('mish'),
  'nn.functional.celu': op('F.celu', 'input alpha inplace', F.celu),
  'nn.functional.hardshrink': op('F.hardshrink', 'input lambd', F.hardshrink),
  'nn.functional.softshrink': op('F.softshrink', 'input lambd', F.softshrink),
  'nn.functional.tanhshrink': simple('tanhshrink'),
  'nn.functional.softsign': simple('softsign'),
  'nn.functional.logsigmoid': simple('logsigmoid'),
  'nn.functional.threshold': op('F.threshold', 'input threshold value inplace', F.threshold),
  'nn.functional.prelu': op('F.prelu', 'input weight', F.prelu),
  'nn.functional.rrelu': op('F.rrelu', 'input lower upper training inplace', F.rrelu, { random: true }),
  'nn.functional.glu': op('F.glu', 'input dim', F.glu),
  'nn.functional.softmin': op('F.softmin', 'input dim _stacklevel=3 dtype=null', (x: Tensor, dim?: number) => F.softmin(x, dim)),
  'nn.functional.dropout': dropped('dropout'),
  'nn.functional.dropout2d': dropped('dropout2d'),
  'nn.functional.dropout3d': dropped('dropout3d'),
  'nn.functional.alpha_dropout': dropped('alphaDropout'),
  'nn.functional.feature_alpha_dropout': dropped('featureAlphaDropout'),
};

const conv = (x: Tensor, w: Tensor, b: Tensor | undefined, stride: unknown, padding: unknown, dilation: unknown, groups?: number): Tensor =>
  F.conv2d(x, w, b ?? null, options({ stride: pair(stride), padding: pair(padding), dilation: pair(dilation), groups }) as never);
const transposed = (x: Tensor, w: Tensor, b: Tensor | undefined, stride: unknown, padding: unknown, outputPadding: unknown, groups: number | undefined, dilation: unknown): Tensor => F.convTranspose2d(x, w, b ?? null, options({ stride: pair(stride), padding: pair(padding), outputPadding: pair(outputPadding), groups, dilation: pair(dilation) }) as never); // prettier-ignore

const attend = (
  q: Tensor,
  k: Tensor,
  v: Tensor,
  attnMask?: Tensor,
  dropoutP?: number,
  isCausal?: boolean,
  scale?: number,
  enableGqa?: boolean,
): Tensor => F.scaledDotProductAttention(q, k, v, attnMask, dropoutP, isCausal, options({ scale, enableGqa }));
const attentionOf = op('F.scaledDotProductAttention', 'query key value attn_mask dropout_p is_causal scale enable_gqa', attend);
/** What is dropped is drawn by PyTorch in another order: only shapes are compared there. */
const attention: Adapter = {
  ...attentionOf,
  call: (args, kwargs) => {
    if (typeof kwargs['dropout_p'] === 'number' && kwargs['dropout_p'] > 0) inexpressible('results are random');
    return attentionOf.call(args, kwargs);
  },
};

export const LAYERS: Readonly<Record<string, Adapter>> = {
  'nn.functional.conv2d': op('F.conv2d', 'input weight bias stride padding dilation groups', conv),
  'nn.functional.conv_transpose2d': op('F.convTranspose2d', 'input weight bias stride padding output_padding groups dilation', transposed),
  'nn.functional.linear': op('F.linear', 'input weight bias', (x: Tensor, w: Tensor, b?: Tensor) => F.linear(x, w, b ?? null)),
  'nn.functional.max_pool2d': op('F.maxPool2d', 'input kernel_size stride padding dilation ceil_mode return_indices', (x: Tensor, kernel: unknown, stride: unknown, padding: unknown, dilation: unknown, ceilMode?: boolean, indices?: boolean) => {
    const given = options({ stride: pair(stride), padding: pair(padding), dilation: pair(dilation), ceilMode }) as never;
    return indices === true ? withIndices(F.maxPool2dWithIndices(x, pair(kernel)!, given)) : F.maxPool2d(x, pair(kernel)!, given);
  }), // prettier-ignore
  'nn.functional.avg_pool2d': op('F.avgPool2d', 'input kernel_size stride padding ceil_mode count_include_pad divisor_override', (x: Tensor, kernel: unknown, stride: unknown, padding: unknown, ceilMode?: boolean, countIncludePad?: boolean, divisorOverride?: number) =>
    F.avgPool2d(x, pair(kernel)!, options({ stride: Array.isArray(stride) && stride.length === 0 ? undefined : pair(stride), padding: pair(padding), ceilMode, countIncludePad, divisorOverride }) as never)), // prettier-ignore
  'nn.functional.adaptive_avg_pool2d': op('F.adaptiveAvgPool2d', 'input output_size', (x: Tensor, size: unknown) =>
    F.adaptiveAvgPool2d(x, pair(size)!),
  ),
  'nn.functional.adaptive_max_pool2d': op(
    'F.adaptiveMaxPool2d',
    'input output_size return_indices',
    (x: Tensor, size: unknown, indices?: boolean) =>
      indices === true ? withIndices(F.adaptiveMaxPool2d(x, pair(size)!, true)) : F.adaptiveMaxPool2d(x, pair(size)!),
  ),
  'nn.functional.batch_norm': op(
    'F.batchNorm',
    'input running_mean running_var weight bias training momentum eps',
    (x: Tensor, mean?: Tensor, variance?: Tensor, weight?: Tensor, bias?: Tensor, training?: boolean, momentum?: number, eps?: number) =>
      F.batchNorm(x, mean ?? null, variance ?? null, options({ weight, bias, training, momentum, eps })),
  ),
  'nn.functional.instance_norm': op(
    'F.instanceNorm',
    'input running_mean running_var weight bias use_input_stats momentum eps',
    F.instanceNorm,
  ),
  'nn.functional.group_norm': op('F.groupNorm', 'input num_groups weight bias eps', F.groupNorm),
  'nn.functional.layer_norm': op(
    'F.layerNorm',
    'input normalized_shape weight bias eps',
    (x: Tensor, shape: unknown, weight?: Tensor, bias?: Tensor, eps?: number) => F.layerNorm(x, numbers(shape), weight, bias, eps),
  ),
  'nn.functional.rms_norm': op(
    'F.rmsNorm',
    'input normalized_shape weight eps',
    (x: Tensor, shape: unknown, weight?: Tensor, eps?: number) => F.rmsNorm(x, numbers(shape), weight, eps),
  ),
  'nn.functional.normalize': op('F.normalize', 'input p dim eps out=null', F.normalize),
  'nn.functional.cosine_similarity': op('F.cosineSimilarity', 'x1 x2 dim eps', F.cosineSimilarity),
  'nn.functional.pairwise_distance': op('F.pairwiseDistance', 'x1 x2 p eps keepdim', F.pairwiseDistance),
  'nn.functional.bilinear': op('F.bilinear', 'input1 input2 weight bias', F.bilinear),
  // The database calls the two with their first arguments the other way round.
  'nn.functional.embedding': op(
    'F.embedding',
    'weight input padding_idx max_norm norm_type scale_grad_by_freq sparse',
    (weight: Tensor, x: Tensor, paddingIdx?: number, maxNorm?: number, normType?: number, scaleGradByFreq?: boolean, sparse?: boolean) =>
      F.embedding(x, weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse),
  ),
  'nn.functional.embedding_bag': op(
    'F.embeddingBag',
    'weight input offsets max_norm norm_type scale_grad_by_freq mode sparse per_sample_weights include_last_offset padding_idx',
    (
      weight: Tensor,
      x: Tensor,
      offsets?: Tensor,
      maxNorm?: number,
      normType?: number,
      scaleGradByFreq?: boolean,
      mode?: 'sum',
      sparse?: boolean,
      perSampleWeights?: Tensor,
      includeLastOffset?: boolean,
      paddingIdx?: number,
    ) =>
      F.embeddingBag(
        x,
        weight,
        options({ offsets, maxNorm, normType, scaleGradByFreq, mode, sparse, perSampleWeights, includeLastOffset, paddingIdx }),
      ),
  ),
  'nn.functional.scaled_dot_product_attention': attention,
  'nn.functional.upsample_nearest': resized('nearest'),
  'nn.functional.upsample_bilinear': resized('bilinear', true),
  'nn.functional.pixel_shuffle': op('F.pixelShuffle', 'input upscale_factor', (x: Tensor, r: number) => F.pixelShuffle(x, r)),
  'nn.functional.pixel_unshuffle': op('F.pixelUnshuffle', 'input downscale_factor', (x: Tensor, r: number) => F.pixelUnshuffle(x, r)),
};

type Lengths = Tensor | readonly number[];
const lengths = (value: Lengths): Lengths => (Array.isArray(value) ? numbers(value) : value);
const ofPair = (name: 'marginRankingLoss' | 'cosineEmbeddingLoss'): Adapter =>
  op(
    `F.${name}`,
    'input1 input2 target margin size_average=null reduce=null reduction',
    (a: Tensor, b: Tensor, y: Tensor, margin?: number, reduction?: Reduction) => F[name](a, b, y, margin, options({ reduction })),
  );

export const LOSSES: Readonly<Record<string, Adapter>> = {
  'nn.functional.cross_entropy': op(
    'F.crossEntropy',
    `${classLoss} label_smoothing`,
    (x: Tensor, y: Tensor, weight?: Tensor, ignoreIndex?: number, reduction?: Reduction, labelSmoothing?: number) =>
      F.crossEntropy(x, y, options({ weight, ignoreIndex, reduction, labelSmoothing })),
  ),
  'nn.functional.nll_loss': op(
    'F.nllLoss',
    classLoss,
    (x: Tensor, y: Tensor, weight?: Tensor, ignoreIndex?: number, reduction?: Reduction) =>
      F.nllLoss(x, y, options({ weight, ignoreIndex, reduction })),
  ),
  'nn.functional.mse_loss': pairLoss('mseLoss'),
  'nn.functional.l1_loss': pairLoss('l1Loss'),
  'nn.functional.smooth_l1_loss': op(
    'F.smoothL1Loss',
    'input target size_average=null reduce=null reduction beta',
    (x: Tensor, y: Tensor, reduction?: Reduction, beta?: number) => F.smoothL1Loss(x, y, options({ reduction, beta })),
  ),
  'nn.functional.huber_loss': op('F.huberLoss', 'input target reduction delta weight', F.huberLoss as never),
  'nn.functional.poisson_nll_loss': op(
    'F.poissonNllLoss',
    'input target log_input full size_average=null eps reduce=null reduction',
    (x: Tensor, y: Tensor, log?: boolean, full?: boolean, eps?: number, reduction?: Reduction) =>
      F.poissonNllLoss(x, y, log, full, options({ eps, reduction })),
  ),
  'nn.functional.gaussian_nll_loss': op('F.gaussianNllLoss', 'input target var full eps reduction', F.gaussianNllLoss),
  'nn.functional.kl_div': op(
    'F.klDiv',
    'input target size_average=null reduce=null reduction log_target',
    (x: Tensor, y: Tensor, reduction?: 'batchmean', logTarget?: boolean) => F.klDiv(x, y, options({ reduction, logTarget })),
  ),
  'nn.functional.binary_cross_entropy': op(
    'F.binaryCrossEntropy',
    'input target weight size_average=null reduce=null reduction',
    (x: Tensor, y: Tensor, weight?: Tensor, reduction?: Reduction) => F.binaryCrossEntropy(x, y, weight, options({ reduction })),
  ),
  'nn.functional.binary_cross_entropy_with_logits': op(
    'F.binaryCrossEntropyWithLogits',
    'input target weight size_average=null reduce=null reduction pos_weight',
    (x: Tensor, y: Tensor, weight?: Tensor, reduction?: Reduction, posWeight?: Tensor) =>
      F.binaryCrossEntropyWithLogits(x, y, weight, options({ reduction, posWeight })),
  ),
  'nn.functional.soft_margin_loss': op(
    'F.softMarginLoss',
    'input target size_average=null reduce=null reduction',
    (x: Tensor, y: Tensor, reduction?: Reduction) => F.softMarginLoss(x, y, options({ reduction })),
  ),
  'nn.functional.multilabel_soft_margin_loss': op(
    'F.multilabelSoftMarginLoss',
    'input target weight size_average=null reduce=null reduction',
    (x: Tensor, y: Tensor, weight?: Tensor, reduction?: Reduction) => F.multilabelSoftMarginLoss(x, y, weight, options({ reduction })),
  ),
  'nn.functional.multilabel_margin_loss': op(
    'F.multilabelMarginLoss',
    'input target size_average=null reduce=null reduction',
    (x: Tensor, y: Tensor, reduction?: Reduction) => F.multilabelMarginLoss(x, y, options({ reduction })),
  ),
  'nn.functional.multi_margin_loss': op(
    'F.multiMarginLoss',
    'input target p margin weight size_average=null reduce=null reduction',
    (x: Tensor, y: Tensor, p?: number, margin?: number, weight?: Tensor, reduction?: Reduction) =>
      F.multiMarginLoss(x, y, p, margin, weight, options({ reduction })),
  ),
  'nn.functional.hinge_embedding_loss': op(
    'F.hingeEmbeddingLoss',
    'input target margin size_average=null reduce=null reduction',
    (x: Tensor, y: Tensor, margin?: number, reduction?: Reduction) => F.hingeEmbeddingLoss(x, y, margin, options({ reduction })),
  ),
  'nn.functional.margin_ranking_loss': ofPair('marginRankingLoss'),
  'nn.functional.cosine_embedding_loss': ofPair('cosineEmbeddingLoss'),
  'nn.functional.triplet_margin_loss': op(
    'F.tripletMarginLoss',
    'anchor positive negative margin p eps swap size_average=null reduce=null reduction',
    (a: Tensor, b: Tensor, c: Tensor, margin?: number, p?: number, eps?: number, swap?: boolean, reduction?: Reduction) =>
      F.tripletMarginLoss(a, b, c, margin, p, eps, swap, options({ reduction })),
  ),
  'nn.functional.triplet_margin_with_distance_loss': op(
    'F.tripletMarginWithDistanceLoss',
    'anchor positive negative distance_function=null margin swap reduction',
    (a: Tensor, b: Tensor, c: Tensor, margin?: number, swap?: boolean, reduction?: Reduction) =>
      F.tripletMarginWithDistanceLoss(a, b, c, options({ margin, swap, reduction })),
  ),
  'nn.functional.ctc_loss': op(
    'F.ctcLoss',
    'log_probs targets input_lengths target_lengths blank reduction zero_infinity',
    (x: Tensor, y: Tensor, input: Lengths, target: Lengths, blank?: number, reduction?: Reduction, zeroInfinity?: boolean) =>
      F.ctcLoss(x, y, lengths(input), lengths(target), blank, reduction, zeroInfinity),
  ),
  'nn.functional.one_hot': op('F.oneHot', 'tensor num_classes', (x: Tensor, classes: number) => F.oneHot(x, classes)),
};
