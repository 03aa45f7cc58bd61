/**
 * node bench/ops.mjs [--device native|wasm] [--only TEXT,…] [--rounds 5] [--ms 12] [--worst N] [--json] [--follow]
 *
 * Every operation on 2^20 float32 elements against PyTorch, one thread each: `ratio` is our time over PyTorch's, worst first. Both run in
 * turns of some milliseconds, what counts is processor time (other programs disturb it little), and the ratio is the median of those of
 * the turns. A row is one expression, which PyTorch gets in its own spelling; with `@x` the gradient of x is computed as well.
 * PyTorch is that of .venv (tools/python-env.sh), else of the machine. The whole takes two to three minutes once native kernels are cached.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

// ---- the operations

/** What expressions may name: shape, and how it is drawn; `whole` are whole numbers below a bound, `fixed` are that; or a layer of `nn`. */
const INPUTS = {
  x: { shape: [1024, 1024], draw: 'normal' },
  y: { shape: [1024, 1024], draw: 'normal' },
  z: { shape: [1024, 1024], draw: 'normal' },
  p: { shape: [1024, 1024], draw: 'unit' }, // within (0, 1)
  a: { shape: [1048576], draw: 'normal' },
  m: { shape: [1024, 1024], draw: 'mask' },
  n: { shape: [1024, 1024], draw: 'whole', below: 16 },
  i: { shape: [1024, 1024], draw: 'whole', below: 1024 },
  l: { shape: [1024], draw: 'whole', below: 1024 },
  r: { shape: [1024], draw: 'normal' },
  c: { shape: [1048576], draw: 'whole', below: 1000 },
  s: { shape: [1024], draw: 'rising' },
  h: { shape: [1024, 1024], draw: 'normal', dtype: 'float16' },
  f: { shape: [1024, 1024], draw: 'normal', dtype: 'bfloat16' },
  d: { shape: [1024, 1024], draw: 'normal', dtype: 'float64' },
  u: { shape: [1024, 1024], draw: 'whole', below: 200, dtype: 'uint8' },
  b: { shape: [16, 256, 256], draw: 'normal' },
  b2: { shape: [16, 256, 256], draw: 'normal' },
  seq: { shape: [16, 64, 1024], draw: 'normal' },
  img: { shape: [16, 64, 32, 32], draw: 'normal' },
  small: { shape: [16, 64, 16, 16], draw: 'normal' },
  vol: { shape: [4, 16, 16, 32, 32], draw: 'normal' },
  w1: { shape: [64, 64, 3], draw: 'normal' },
  w2: { shape: [64, 64, 3, 3], draw: 'normal' },
  dw: { shape: [64, 1, 3, 3], draw: 'normal' },
  w3: { shape: [16, 16, 3, 3, 3], draw: 'normal' },
  ch: { shape: [64], draw: 'normal' },
  chp: { shape: [64], draw: 'unit' },
  means: { shape: [64], draw: 'normal' },
  spreads: { shape: [64], draw: 'unit' },
  cols: { shape: [16, 576, 1024], draw: 'normal' },
  cls: { shape: [16, 32, 32], draw: 'whole', below: 64 },
  grid: { shape: [16, 32, 32, 2], draw: 'signed' },
  theta: { shape: [64, 2, 3], draw: 'normal' },
  signs: { shape: [1024, 1024], draw: 'sign' },
  rowSigns: { shape: [1024], draw: 'sign' },
  heads: { shape: [8, 8, 256, 64], draw: 'normal' },
  tokens: { shape: [64, 64, 256], draw: 'normal' },
  marks: { shape: [128, 32, 256], draw: 'log' },
  text: { shape: [32, 20], draw: 'whole', below: 255 },
  spoken: { shape: [32], draw: 'fixed', below: 128 },
  written: { shape: [32], draw: 'fixed', below: 20 },
  rnn: { layer: 'RNN(256, 256)' },
  lstm: { layer: 'LSTM(256, 256)' },
  gru: { layer: 'GRU(256, 256)' },
  attention: { layer: 'MultiheadAttention(256, 8)' },
  encoder: { layer: 'TransformerEncoderLayer(256, 8, 512)' },
};

const names = (text) => text.trim().split(/\s+/);
const UNARY = names(`abs acos acosh asin asinh atan atanh ceil cos cosh erf erfc exp expm1 floor frac isfinite isinf isnan isneginf
  isposinf log log10 log1p log2 logicalNot nanToNum neg reciprocal relu round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt
  square tan tanh trunc`);
const POSITIVE = new Set(names('acosh log log10 log2 log1p rsqrt sqrt'));
const BINARY = names(`add sub mul div pow remainder fmod floorDivide rsub atan2 eq ne lt le gt ge maximum minimum fmax fmin copysign
  hypot logaddexp logaddexp2 heaviside xlogy logicalAnd logicalOr logicalXor isclose`);
const ACTIVATIONS = names(`celu elu gelu hardshrink hardsigmoid hardswish hardtanh leakyRelu logsigmoid mish relu relu6 selu silu
  softplus softshrink softsign tanhshrink`);
const REDUCTIONS = names('sum mean prod amax amin std var norm nansum nanmean countNonzero all any argmax argmin logsumexp');
const WITH_DIM = new Set(['logsumexp']);
const IN_PLACE = names('abs_ ceil_ cos_ exp_ floor_ neg_ relu_ round_ sigmoid_ sqrt_ tanh_ zero_ trunc_ erf_');

/**
 * Expressions in our spelling, apart by lines and bars; `@x` after one for the gradient of x too; after `##` PyTorch's spelling where it is
 * not ours with underscores.
 */
const listed = (text) =>
  text
    .split(/[|\n]/)
    .map((row) => row.trim())
    .filter(Boolean);

const ROWS = [
  ...UNARY.map((name) => `${POSITIVE.has(name) ? 'p' : 'x'}.${name}()`),
  ...names('erf erfc exp log1p sigmoid sin tanh relu sinc').map((name) => `p.${name}() @p`),
  ...BINARY.map((name) => (name === 'rsub' ? 'T.rsub(x, y)' : `${['pow', 'xlogy'].includes(name) ? 'p' : 'x'}.${name}(y)`)),
  ...names('add mul div pow atan2 hypot maximum logaddexp').map((name) => `p.${name}(y) @p`),
  ...IN_PLACE.map((name) => `x.${name}()`),
  ...listed(`
    x.add(1) | x.mul(2) | x.pow(2) | p.pow(2.5) | x.remainder(2) | x.floorDivide(2) | x.add(r) | x.mul(x.t())
    x.addcmul(y, z) | x.addcdiv(y, p)
  `),
  ...listed(`
    x.lerp(y, 0.3) | x.lerp(y, p) | x.clamp(-1, 1) | x.clampMin(0) | x.clamp(-1, 1) @x | x.maskedFill(m, 0)
    T.where(m, x, y) | T.where(m, x, y) @x | p.logit(0.1) | x.ldexp(y)
  `),
  ...listed(`
    n.bitwiseAnd(i) | n.bitwiseOr(i) | n.bitwiseXor(i) | n.bitwiseNot() | n.bitwiseLeftShift(n) | n.bitwiseRightShift(n)
    i.add(n) | i.mul(n) | i.floorDivide(7) | i.remainder(7) | i.sum() | i.sum(0) | i.amax(1)
  `),
  ...listed(`
    x.double() | x.long() | x.bool() | i.float() | u.float() | d.float() | h.float() | f.float()
    x.to('float16') ## x.to(torch.float16) | x.to('bfloat16') ## x.to(torch.bfloat16) | h.add(h) | f.mul(f) | h.exp()
    h.sum() | h.sum(1) | d.add(d) | d.exp() | d.sum(0) | u.add(u)
  `),
  ...REDUCTIONS.filter((name) => !WITH_DIM.has(name)).map((name) => `x.${name}()`),
  ...REDUCTIONS.filter((name) => name !== 'norm').flatMap((name) => [`x.${name}(0)`, `x.${name}(1)`]),
  ...listed(`
    x.norm(2, 1) | x.norm(1, 0) | x.norm(3) | x.max() | x.max(0) | x.max(1) | x.min(1) | x.aminmax()
    x.aminmax({ dim: 1 }) ## x.aminmax(dim=1) | T.stdMean(x, 1) | T.varMean(x, 0) | img.mean([2, 3]) | img.sum([0, 2, 3])
    img.var([0, 2, 3]) | x.equal(x) | x.allclose(x) | x.trace() | a.dot(a)
  `),
  ...names('sum mean prod std var norm amax').map((name) => `x.${name}() @x`),
  ...listed(`
    x.logsumexp(1) @x | x.max(1) @x | x.sum(0) @x | x.prod(1) @x | x.std(1) @x | x.norm(2, 1) @x
  `),
  ...listed(`
    x.cumsum(1) | x.cumsum(0) | a.cumsum(0) | x.cumprod(1) | x.cumprod(0) | x.cummax(1) | x.cummax(0) | x.cummin(1)
    x.logcumsumexp(1) | x.logcumsumexp(0) | x.cumsum(1) @x | x.cumprod(1) @x | x.cummax(1) @x | x.logcumsumexp(1) @x
    x.diff() | x.diff(1, 0)
  `),
  ...listed(`
    x.sort(1) | x.sort(0) | a.sort(0) | x.argsort(1) | x.msort() | i.sort(1) | x.topk(5, 1) | x.topk(100, 1)
    a.topk(10) | x.kthvalue(100, 1) | x.median(1) | x.median() | x.median(0) | x.nanmedian(1) | n.mode(1)
    x.quantile(0.3, 1) | x.quantile(0.3) | x.nanquantile(0.3, 1) | x.sort(1) @x | x.topk(5, 1) @x | x.median(1) @x
  `),
  ...listed(`
    c.unique() ## torch.unique(c) | a.unique() ## torch.unique(a) | c.uniqueConsecutive() ## torch.unique_consecutive(c)
    c.bincount() | a.histc(100) | T.searchsorted(s, x) | T.bucketize(x, s) | i.isin(l) ## torch.isin(i, l) | m.nonzero()
    m.argwhere()
  `),
  ...listed(`
    x.gather(1, i) | x.gather(0, i) | x.gather(1, i) @x | x.gather(0, i) @x | x.scatter(1, i, y) | x.scatter(0, i, y)
    x.scatterAdd(1, i, y) | x.scatterAdd(0, i, y) | x.scatterReduce(1, i, y, 'sum') | x.scatterReduce(1, i, y, 'amax')
    x.scatterReduce(0, i, y, 'mean') | x.scatterReduce(1, i, y, 'prod') | x.indexSelect(0, l) | x.indexSelect(1, l)
    x.indexSelect(0, l) @x | x.indexSelect(1, l) @x | x.indexAdd(0, l, y) | x.indexAdd(1, l, y) | x.indexCopy(0, l, y)
    x.indexFill(1, l, 2) | x.indexReduce(0, l, y, 'amax') | x.indexPut([l], y) ## x.index_put([l], y)
    x.indexPut([i, i], y) ## x.index_put([i, i], y) | x.take(i) | x.takeAlongDim(i, 1) | x.put(c.view(1024, 1024), y)
    x.maskedSelect(m) | x.maskedScatter(m, y) | x.take(i) @x | x.maskedSelect(m) @x
  `),
  ...listed(`
    T.cat([x, y], 0) | T.cat([x, y], 1) | T.stack([x, y], 0) | T.stack([x, y], 2) | T.hstack([x, y]) | T.vstack([x, y])
    T.dstack([x, y]) | T.columnStack([x, y]) | x.clone() | x.t().contiguous() | img.permute(0, 2, 3, 1).contiguous()
    x.flip(0) | x.flip(1) | x.flip([0, 1]) | x.fliplr() | x.flipud() | x.roll(3, 0) | x.roll(3, 1) | x.rot90()
    x.repeat(1, 2) | x.repeat(2, 1) | x.tile([2, 2]) | x.repeatInterleave(2, 0) | x.repeatInterleave(2, 1) | x.tril()
    x.triu() | x.triu() @x | r.diagEmbed() ## torch.diag_embed(r) | r.diag() | x.diagonal().contiguous()
    x.unfold(1, 8, 8).contiguous() | x.expand(2, 1024, 1024).contiguous() | x.flip(1) @x | x.roll(3, 1) @x
    x.repeat(2, 1) @x | T.cat([x, y], 1) @x | x.unfold(1, 8, 4).contiguous() @x
    x.asStrided([512, 512], [2, 3]).contiguous() | x.view(-1).narrow(0, 5, 1000000).clone()
  `),
  ...listed(`
    x.mm(y) | b.bmm(b2) | x.mv(r) | x.addmm(y, z) | r.addmv(y, r) | b.baddbmm(b, b2) | x.addr(r, r) | T.outer(r, r)
    x.matmul(y) @x | T.einsum('ij,kj->ik', x, y) | T.einsum('bij,bkj->bik', b, b2)
    x.view(-1, 4).narrow(1, 0, 3).cross(y.view(-1, 4).narrow(1, 0, 3), 1) | x.renorm(2, 0, 1)
    T.cdist(x.narrow(1, 0, 64), y.narrow(1, 0, 64)) | x.cov() | x.corrcoef()
  `),
  ...listed(`
    x.bernoulli(0.5) | x.clone().uniform_() | x.clone().normal_() | x.clone().exponential_() | T.rand(1024, 1024)
    T.randn(1024, 1024) | T.randint(0, 10, [1024, 1024]) | T.randperm(1048576) | p.multinomial(4, true)
    T.zeros(1024, 1024) | T.ones(1024, 1024) | T.full([1024, 1024], 3) | T.arange(1048576) | T.linspace(0, 1, 1048576)
    T.logspace(0, 1, 1048576) | T.eye(1024)
  `),
  ...listed(`
    x.softmax(1) | x.softmax(0) | x.logSoftmax(1) | x.logSoftmax(0) | img.softmax(1) | x.softmax(1) @x | x.softmax(0) @x
    x.logSoftmax(1) @x | F.softmin(x, 1)
  `),
  ...ACTIVATIONS.flatMap((name) => [`F.${name}(x)`, `F.${name}(x) @x`]),
  ...listed(`
    F.gelu(x, 'tanh') ## F.gelu(x, approximate='tanh') | F.glu(x) | F.glu(x) @x | F.prelu(img, ch)
    F.prelu(img, ch) @img | F.threshold(x, 0, 1) | F.rrelu(x, 0.1, 0.3, true) ## F.rrelu(x, 0.1, 0.3, True)
    F.dropout(x) | F.dropout(x) @x | F.dropout2d(img) | F.alphaDropout(x, 0.5, true)
    F.featureAlphaDropout(img, 0.5, true)
  `),
  ...listed(`
    F.l1Loss(x, y) | F.mseLoss(x, y) | F.smoothL1Loss(x, y) | F.mseLoss(x, y) @x | F.l1Loss(x, y) @x
    F.smoothL1Loss(x, y) @x | F.crossEntropy(x, l) | F.crossEntropy(x, l) @x | F.crossEntropy(img, cls)
    F.crossEntropy(img, cls) @img | F.nllLoss(x, l) | F.nllLoss(x, l) @x | F.nllLoss(img, cls) @img
    F.huberLoss(x, y) | F.klDiv(x, p) | F.binaryCrossEntropy(p, p) | F.binaryCrossEntropyWithLogits(x, p)
    F.poissonNllLoss(x, p) | F.gaussianNllLoss(x, y, p) | F.softMarginLoss(x, signs) | F.hingeEmbeddingLoss(x, signs)
    F.marginRankingLoss(x, y, signs) | F.multiMarginLoss(x, l) | F.multilabelSoftMarginLoss(x, p)
    F.tripletMarginLoss(x, y, z) | F.cosineEmbeddingLoss(x, y, rowSigns)
    F.ctcLoss(marks, text, spoken, written)
  `),
  ...listed(`
    F.huberLoss(x, y) @x | F.klDiv(x, p) @x | F.binaryCrossEntropy(p, p) @p | F.binaryCrossEntropyWithLogits(x, p) @x
    F.poissonNllLoss(x, p) @x | F.gaussianNllLoss(x, y, p) @x | F.softMarginLoss(x, signs) @x
    F.hingeEmbeddingLoss(x, signs) @x | F.marginRankingLoss(x, y, signs) @x | F.multiMarginLoss(x, l) @x
    F.multilabelSoftMarginLoss(x, p) @x | F.tripletMarginLoss(x, y, z) @x | F.cosineEmbeddingLoss(x, y, rowSigns) @x
    F.ctcLoss(marks, text, spoken, written) @marks
  `),
  ...listed(`
    F.scaledDotProductAttention(heads, heads, heads) | F.scaledDotProductAttention(heads, heads, heads) @heads
    attention(tokens, tokens, tokens) | attention(tokens, tokens, tokens) @tokens | encoder(tokens) | encoder(tokens) @tokens
    rnn(tokens) | rnn(tokens) @tokens | lstm(tokens) | lstm(tokens) @tokens | gru(tokens) | gru(tokens) @tokens
    h.std(1) | h.var() | h.var(0) | h.mean() | h.mean(0) | h.amax(1) | f.sum() | f.std(1) | h.softmax(1) | h.norm()
  `),
  ...listed(`
    F.linear(x, y, r) | F.linear(x, y, r) @x | F.conv1d(seq, w1) | F.conv1d(seq, w1) @seq | F.conv2d(img, w2)
    F.conv2d(img, w2) @img | F.conv2d(img, w2) @w2 | F.conv2d(img, dw, ch, 1, 1, 1, 64)
    F.conv2d(img, dw, ch, 1, 1, 1, 64) @img | F.conv3d(vol, w3) | F.conv3d(vol, w3) @vol | F.conv3d(vol, w3) @w3
    F.convTranspose1d(seq, w1) | F.convTranspose2d(img, w2) | F.convTranspose2d(img, w2, ch, 2, 1)
    F.convTranspose2d(img, w2) @img | F.convTranspose3d(vol, w3)
  `),
  ...listed(`
    F.batchNorm(img, means, spreads, ch, ch, true) ## F.batch_norm(img, None, None, ch, ch, True)
    F.batchNorm(img, ch, chp, ch, ch)
    F.batchNorm(img, means, spreads, ch, ch, true) @img ## F.batch_norm(img, None, None, ch, ch, True)
    F.layerNorm(x, [1024], r, r) | F.layerNorm(x, [1024], r, r) @x | F.rmsNorm(x, [1024], r)
    F.rmsNorm(x, [1024], r) @x | F.groupNorm(img, 8, ch, ch) | F.groupNorm(img, 8, ch, ch) @img | F.instanceNorm(img)
    F.instanceNorm(img) @img | F.localResponseNorm(img, 5) | F.localResponseNorm(img, 5) @img | F.normalize(x)
    F.normalize(x) @x | F.cosineSimilarity(x, y)
  `),
  ...[
    ['1d', 'seq'],
    ['2d', 'img'],
    ['3d', 'vol'],
  ].flatMap(([d, t]) =>
    ['maxPool', 'avgPool', 'adaptiveAvgPool', 'adaptiveMaxPool'].flatMap((name) => [
      `F.${name}${d}(${t}, ${name.startsWith('a') && name !== 'avgPool' ? 5 : 2})`,
      `F.${name}${d}(${t}, ${name.startsWith('a') && name !== 'avgPool' ? 5 : 2}) @${t}`,
    ]),
  ),
  ...listed(`
    F.maxPool2d(img, 3, 1, 1) | F.maxPool2d(img, 3, 2, 1) | F.avgPool2d(img, 3, 1, 1) | F.maxPool2d(img, 3, 1, 1) @img
    F.avgPool2d(img, 3, 1, 1) @img | F.adaptiveAvgPool2d(img, 1) | F.adaptiveAvgPool2d(img, 1) @img
    F.lpPool1d(seq, 2, 2) | F.lpPool2d(img, 2, 2) | F.lpPool2d(img, 2, 2) @img | F.lpPool3d(vol, 2, 2)
    F.fractionalMaxPool2d(img, 2, [16, 16]) | F.fractionalMaxPool3d(vol, 2, [8, 16, 16])
    F.maxPool2dWithIndices(img, 2)
  `),
  ...['constant', 'reflect', 'replicate', 'circular'].flatMap((mode) => [
    `F.pad(img, [2, 2, 2, 2], '${mode}')`,
    `F.pad(img, [2, 2, 2, 2], '${mode}') @img`,
  ]),
  ...listed(`
    F.pad(vol, [1, 1, 1, 1, 1, 1], 'replicate') | F.pad(x, [3, 5])
  `),
  ...["'nearest'", "'bilinear'", "'bicubic'", "'area'", "'nearest-exact'"].flatMap((mode) => [
    `F.interpolate(small, { scaleFactor: 2, mode: ${mode} }) ## F.interpolate(small, scale_factor=2, mode=${mode})`,
    `F.interpolate(small, { scaleFactor: 2, mode: ${mode} }) @small ## F.interpolate(small, scale_factor=2, mode=${mode})`,
  ]),
  ...listed(`
    F.interpolate(img, { scaleFactor: 0.5, mode: 'bilinear' }) ## F.interpolate(img, scale_factor=0.5, mode='bilinear')
    F.interpolate(seq, { scaleFactor: 2, mode: 'linear' }) ## F.interpolate(seq, scale_factor=2, mode='linear')
    F.interpolate(vol, { scaleFactor: 0.5, mode: 'trilinear' }) ## F.interpolate(vol, scale_factor=0.5, mode='trilinear')
  `),
  ...listed(`
    F.gridSample(img, grid, 'bilinear', 'zeros', false) | F.gridSample(img, grid, 'bilinear', 'zeros', false) @img
    F.gridSample(img, grid, 'nearest', 'border', false) | F.gridSample(img, grid, 'bicubic', 'reflection', false)
    F.affineGrid(theta, [64, 1, 128, 128], false)
  `),
  ...listed(`
    F.fold(cols, [32, 32], 3, 1, 1) | F.unfold(img, 3, 1, 1) | F.unfold(img, 3, 1, 1) @img
    F.fold(cols, [32, 32], 3, 1, 1) @cols | F.pixelShuffle(img, 4) | F.pixelUnshuffle(img, 4)
    F.pixelShuffle(img, 4) @img | F.channelShuffle(img, 8) ## torch.channel_shuffle(img, 8) | F.oneHot(l, 1024)
    F.embedding(l, x) | F.embedding(l, x) @x
  `),
];

/** A row's two expressions, and whose gradient it wants. */
function parsed(row) {
  const [left, own] = row.split(' ## ');
  const [expression, leaf] = left.split(' @');
  const python = own ?? snake(expression);
  const used = Object.keys(INPUTS).filter((name) => new RegExp(`(?<![.\\w'])${name}\\b(?!:)`).test(`${expression} ${python}`));
  return { name: leaf ? `${expression} @${leaf}` : expression, expression, leaf: leaf ?? null, python, used };
}

const SPELLED = { ' T.': ' torch.', true: 'True', false: 'False' };
/** PyTorch's spelling of one of our expressions. */
function snake(expression) {
  return ` ${expression}`
    .replace(/(?<=\.)[A-Za-z]\w*/g, (word) => word.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    .replaceAll(/ T\.|\btrue\b|\bfalse\b/g, (word) => SPELLED[word])
    .trim();
}

// ---- the command

const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'native' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '12' },
    worst: { type: 'string' },
    json: { type: 'boolean', default: false },
    follow: { type: 'boolean', default: false },
  },
});
if (!['wasm', 'native'].includes(options.device)) fail(`--device takes wasm or native, not ${options.device}`);
process.env.FLAMBEAU_NATIVE = options.device === 'native' ? 'wait' : '0';
const lib = await import('flambeau');
lib.setNumThreads(1);
const turn = Number(options.ms) * 1000;
const peer = await startTorch();
const drawn = new Map();
const started = performance.now();
const wanted = options.only?.split(',');
const rows = ROWS.map(parsed).filter(({ name }) => wanted === undefined || wanted.some((text) => name.includes(text)));
const results = [];
for (const row of rows) {
  const result = await measured(row);
  results.push(result);
  if (options.follow) console.error(`${result.ratio?.toFixed(2) ?? '-'} ${result.name} ${result.missing ?? ''}`);
}
peer.stop();
report(results);

/** One row: the ratio of processor times, or why there is none. */
async function measured(row) {
  try {
    const inputs = Object.fromEntries(row.used.map((name) => [name, INPUTS[name]]));
    const ready = await peer.ask({ make: { ...row, inputs }, turn });
    if (ready.error) return { name: row.name, missing: `PyTorch: ${ready.error}` };
    const run = ours(row);
    const count = await warmedUp(run);
    const ratios = [];
    const times = [];
    const most = Number(options.rounds);
    for (let round = 0; round < (times[0] > 50_000 ? Math.min(3, most) : most); round++) {
      const start = processor();
      for (let k = 0; k < count; k++) run();
      const time = (processor() - start) / count;
      const { us } = await peer.ask({ time: true });
      times.push(time);
      ratios.push(time / us);
      await new Promise(setImmediate); // what nobody holds any more is given back between turns
    }
    return { name: row.name, ms: median(times) / 1000, ratio: median(ratios) };
  } catch (error) {
    return { name: row.name, missing: String(error.message ?? error).split('\n')[0] };
  }
}

/** Runs until a native kernel can be there and the engine knows the code; how many runs make a turn. */
async function warmedUp(run) {
  run();
  run();
  await new Promise(setImmediate);
  const start = processor();
  let times = 0;
  while (times < 1 || (times < 5000 && processor() - start < 3 * turn)) (run(), times++);
  return Math.max(1, Math.round((times * turn) / (processor() - start)));
}

/** Microseconds of the processor so far. */
function processor() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function ours({ expression, leaf, used }) {
  const tensors = used.map(tensorNamed);
  const fn = new Function('T', 'F', ...used, `return ${expression}`);
  const call = () => fn(lib, lib.F, ...tensors);
  if (!leaf) return () => lib.noGrad(call);
  const of = tensors[used.indexOf(leaf)];
  const at = used.indexOf(leaf);
  tensors[at] = of.detach().clone().requiresGrad_();
  const g = lib.onesLike(first(lib.noGrad(call)));
  return () => {
    tensors[at].grad = null;
    first(call()).backward(g);
  };
}

/** The result that has a gradient, of several. */
function first(result) {
  if (result instanceof lib.Tensor) return result;
  return Array.isArray(result) ? result[0] : result.values;
}

function tensorNamed(name) {
  if (!drawn.has(name)) drawn.set(name, draw(INPUTS[name]));
  return drawn.get(name);
}

function draw({ shape, draw: how, below, dtype, layer }) {
  if (layer !== undefined) return new Function('nn', `return new nn.${layer}`)(lib.nn);
  const t = {
    normal: () => lib.randn(shape),
    unit: () => lib.rand(shape).mul(0.9).add(0.05),
    signed: () => lib.rand(shape).mul(2).sub(1),
    mask: () => lib.rand(shape).gt(0.5),
    sign: () => lib.rand(shape).sub(0.5).sign(),
    log: () => lib.randn(shape).logSoftmax(-1),
    fixed: () => lib.full(shape, below, { dtype: 'int64' }),
    whole: () => lib.randint(0, below, shape),
    rising: () => lib.linspace(-3, 3, shape[0]),
  }[how]();
  return dtype === undefined ? t : t.to(dtype);
}

async function startTorch() {
  const own = fileURLToPath(new URL('../.venv/bin/python', import.meta.url));
  const env = {
    ...process.env,
    MALLOC_MMAP_THRESHOLD_: '4000000000',
    MALLOC_TRIM_THRESHOLD_: '8000000000',
    MALLOC_TOP_PAD_: '268435456',
    OMP_NUM_THREADS: '1',
  };
  const script = fileURLToPath(new URL('./peers/ops.py', import.meta.url));
  const child = spawn(existsSync(own) ? own : 'python3', [script], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { done, value } = await lines.next();
    if (done) fail('PyTorch ended');
    return JSON.parse(value);
  };
  const { version } = await answer();
  const ask = (request) => (child.stdin.write(`${JSON.stringify(request)}\n`), answer());
  return { version, ask, stop: () => child.kill() };
}

function report(all) {
  const measuredRows = all.filter(({ ratio }) => ratio !== undefined).sort((a, b) => b.ratio - a.ratio);
  const missing = all.filter((row) => row.missing !== undefined);
  const shown = options.worst === undefined ? measuredRows : measuredRows.slice(0, Number(options.worst));
  if (options.json) {
    const short = (value) => Number(value.toPrecision(3));
    for (const { name, ms, ratio } of shown)
      console.log(JSON.stringify({ name, device: options.device, ms: short(ms), ratio: short(ratio) }));
    for (const { name, missing: why } of missing) console.log(JSON.stringify({ name, device: options.device, missing: why }));
    return;
  }
  for (const { name, ms, ratio } of shown) console.log(`${ratio.toFixed(2).padStart(7)} ${ms.toFixed(3).padStart(9)} ms  ${name}`);
  const goal = options.device === 'native' ? 2 : 3;
  const over = measuredRows.filter(({ ratio }) => ratio > goal).length;
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    `${options.device}, PyTorch ${peer.version}, 1 thread: ${measuredRows.length} rows, ${over} above ${goal}, median ${median(measuredRows.map(({ ratio }) => ratio)).toFixed(2)}, ${seconds} s`,
  );
  for (const { name, missing: why } of missing) console.log(`not measured: ${name}: ${why}`);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(2);
}
