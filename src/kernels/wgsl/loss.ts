/**
 * Losses. Of classes: a tensor is [outer, classes, inner], a position one of outer · inner; a target that equals `ignore` costs and weighs nothing, any
 * other that is no class is reported. Of pairs of tensors: reductions with a map, or walks.
 */
import { wgslKernel, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { withMath } from './math.ts';
import type { ReduceSpec } from './reduce.ts';
import { WALK_GROUP, WALK_THREADS, walkGroups, walkText } from './walk.ts';

export interface ClassSizes {
  readonly outer: number;
  readonly classes: number;
  readonly inner: number;
}

export interface ClassLossSpec {
  /** Of log-probabilities, or of logits with the logarithm of their sum of exponentials. */
  readonly kind: 'nll' | 'crossEntropy';
  readonly weight: boolean;
  readonly ignore: number;
  readonly smoothing: number;
}

const floats = (...names: readonly string[]): WgslOperand[] => names.map((name) => ({ name, dtype: 'float32' }));
const target: WgslOperand = { name: 'target', dtype: 'int64' };
const CLASS_PARAMS: readonly WgslParam[] = [
  ...['n', 'classes', 'inner'].map((name) => ({ name, type: 'u32' as const })),
  { name: 'ignore_', type: 'i32' },
  { name: 'smoothing', type: 'f32' },
];

/** An ignored class that 32 bits cannot hold is met by no target. */
const ignored = (ignore: number): number => (ignore === (ignore | 0) ? ignore : -100);

const FAULT: WgslOperand = { name: 'fault', dtype: 'int64' };
const weightOf = ({ weight }: ClassLossSpec, c: string): string => (weight ? `w_at(${c})` : '1f');

/** Of position `i`, whose first element is `base`: `loss` and `weight`; of logits, `logs` is the logarithm of their sum of exponentials. */
function positionText(s: ClassLossSpec): string {
  const logits = s.kind === 'crossEntropy';
  const smoothed = `var all = 0f; for (var c = 0u; c < p.classes; c++) { all += ${weightOf(s, 'c')} * (${logits ? 'logs ' : ''}- x_at(base + c * p.inner)); }
      loss = (1f - p.smoothing) * loss + p.smoothing / f32(p.classes) * all;`;
  return `let t = target_at(i); var loss = 0f; var weight = 0f;
  if (t != p.ignore_) {
    if (t < 0 || u32(t) >= p.classes) { fault_put(1u, t); fault_put(0u, 1); }
    else {
      weight = ${weightOf(s, 'u32(t)')};
      loss = weight * (${logits ? 'logs ' : ''}- x_at(base + u32(t) * p.inner));
      ${s.smoothing > 0 ? smoothed : ''}
    }
  }`;
}

/** `slope`, of class `c` of a position with target `t` and of logits the probability `y`; see {@link classGradLaunch}. */
function slopeText(s: ClassLossSpec, summed: boolean): string {
  const own = weightOf(s, 'u32(t)');
  const slope = s.kind === 'crossEntropy' ? `${own} * (y - hit)` : `-${own} * hit`;
  const smoothed = `(1f - p.smoothing) * (${slope}) + p.smoothing / f32(p.classes) * (y * ${summed ? 'ws_at(0u)' : 'f32(p.classes)'} - ${weightOf(s, 'c')})`;
  return `let hit = select(0f, 1f, u32(t) == c); let slope = ${s.smoothing > 0 ? smoothed : slope};`;
}

/**
 * Each position's loss and weight: [x, logs (cross-entropy only), target, weight?, losses, weights, fault]. What they come to is for
 * `classFinishLaunch`.
 */
export function classLossLaunch({ outer, classes, inner }: ClassSizes, s: ClassLossSpec): WgslLaunch {
  const logits = s.kind === 'crossEntropy';
  const smooth = s.smoothing > 0;
  const operands = [...floats('x', ...(logits ? ['logs'] : [])), target, ...floats(...(s.weight ? ['w'] : []), 'losses', 'weights'), FAULT];
  const kernel = wgslKernel(`loss:${s.kind}${s.weight ? '+w' : ''}${smooth ? '+s' : ''}`, () => ({
    operands,
    params: CLASS_PARAMS,
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let base = (i / p.inner) * p.classes * p.inner + i % p.inner; ${logits ? 'let logs = logs_at(i);' : ''} ${positionText(s)}
  losses_put(i, loss); weights_put(i, weight);
}
${walkText([])}`,
  }));
  const n = outer * inner;
  return { kernel, args: [n, classes, inner, ignored(s.ignore), s.smoothing], groups: walkGroups([], n) };
}

/** [losses, weights, loss, totalWeight]: sums in a tree, and with `mean` their quotient. */
export function classFinishLaunch(n: number, mean: boolean): WgslLaunch {
  const threads = WALK_THREADS;
  const kernel = wgslKernel(`loss:finish${mean ? '+mean' : ''}`, () => ({
    operands: floats('losses', 'weights', 'loss', 'total'),
    params: [{ name: 'n', type: 'u32' }],
    workgroup: WALK_GROUP,
    body: `var<workgroup> sums: array<vec2f, ${threads}>;
fn run(i: u32, local: vec3u, thread: u32) {
  var sum = vec2f(0f); for (var j = thread; j < p.n; j += ${threads}u) { sum += vec2f(losses_at(j), weights_at(j)); }
  sums[thread] = sum; workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half = half >> 1u) { if (thread < half) { sums[thread] += sums[thread + half]; } workgroupBarrier(); }
  if (thread == 0u) { loss_put(0u, sums[0].x${mean ? ' / sums[0].y' : ''}); total_put(0u, sums[0].y); }
}`,
  }));
  return { kernel, args: [n], groups: 1 };
}

/** How ∂loss comes: a number for each position, or one for all, which `mean` divides by the total weight. */
export type ClassReduction = 'none' | 'mean' | 'sum';

/**
 * ∂x of every element: [g, probabilities (cross-entropy only), target, total, weight?, weightSum (with weight and smoothing), dx]. `weightSum` is the sum of
 * all class weights. Of Σ_c w_c·(ln Σ exp x − x_c), the derivative along x_c is p_c·Σw − w_c.
 */
export function classGradLaunch({ outer, classes, inner }: ClassSizes, s: ClassLossSpec, reduction: ClassReduction): WgslLaunch {
  const logits = s.kind === 'crossEntropy';
  const smooth = s.smoothing > 0;
  const summed = s.weight && smooth;
  const operands = [
    ...floats('g', ...(logits ? ['y'] : [])), target, ...floats('total', ...(s.weight ? ['w'] : []), ...(summed ? ['ws'] : []), 'dx'),
  ]; // prettier-ignore
  const g = reduction === 'none' ? 'g_at(position)' : reduction === 'mean' ? 'g_at(0u) / total_at(0u)' : 'g_at(0u)';
  const kernel = wgslKernel(`loss:${s.kind}Grad|${reduction}${s.weight ? '+w' : ''}${smooth ? '+s' : ''}`, () => ({
    operands,
    params: CLASS_PARAMS,
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let c = (i / p.inner) % p.classes; let position = (i / (p.inner * p.classes)) * p.inner + i % p.inner; let t = target_at(position);
  var d = 0f;
  if (t != p.ignore_ && t >= 0 && u32(t) < p.classes) { ${logits ? 'let y = y_at(i);' : ''} ${slopeText(s, summed)} d = slope * (${g}); }
  dx_put(i, d);
}
${walkText([])}`,
  }));
  const n = outer * classes * inner;
  return { kernel, args: [n, classes, inner, ignored(s.ignore), s.smoothing], groups: walkGroups([], n) };
}

/** Logits that one workgroup can take without taking longer than four launches do. */
const TRAINING_ELEMENTS = 16384;

/** Whether {@link crossEntropyTrainingLaunch} is for losses like this. */
export const trainsAtOnce = ({ outer, classes, inner }: ClassSizes, s: ClassLossSpec, reduction: ClassReduction): boolean =>
  inner === 1 &&
  reduction !== 'none' &&
  outer * classes > 0 &&
  outer * classes <= TRAINING_ELEMENTS &&
  classes <= 128 &&
  !(s.weight && s.smoothing > 0);

/**
 * The cross-entropy of few logits [outer, classes] with its gradient: [x, target, weight?, g, loss, y, total, dx, fault], where `y` are the probabilities.
 * One workgroup, since the gradient needs the weight of all positions. The arithmetic is that of the launches which it stands for.
 */
export function crossEntropyTrainingLaunch({ outer, classes }: ClassSizes, s: ClassLossSpec, reduction: ClassReduction): WgslLaunch {
  const threads = WALK_THREADS;
  const mean = reduction === 'mean';
  const operands = [...floats('x'), target, ...floats(...(s.weight ? ['w'] : []), 'g', 'loss', 'y', 'total', 'dx'), FAULT];
  const kernel = wgslKernel(`loss:crossEntropyTraining|${reduction}${s.weight ? '+w' : ''}${s.smoothing > 0 ? '+s' : ''}`, () => ({
    operands,
    params: CLASS_PARAMS,
    workgroup: WALK_GROUP,
    body: withMath(`var<workgroup> sums: array<vec2f, ${threads}>;
fn position(i: u32) -> vec2f {
  let base = i * p.classes; var m = -inf_(); var total = 0f;
  for (var c = 0u; c < p.classes; c++) { m = max_(m, x_at(base + c)); }
  for (var c = 0u; c < p.classes; c++) { total += exp_(x_at(base + c) - m); }
  let scale = 1f / total; for (var c = 0u; c < p.classes; c++) { y_put(base + c, exp_(x_at(base + c) - m) * scale); }
  let logs = m + log_(total); ${positionText(s)} return vec2f(loss, weight);
}
fn gradient(i: u32, factor: f32) {
  let t = target_at(i); let here = t != p.ignore_ && t >= 0 && u32(t) < p.classes;
  for (var c = 0u; c < p.classes; c++) { let at = i * p.classes + c; var d = 0f;
    if (here) { let y = y_at(at); ${slopeText(s, false)} d = slope * factor; }
    dx_put(at, d); }
}
fn run(group: u32, local: vec3u, thread: u32) {
  var sum = vec2f(0f); for (var i = thread; i < p.n; i += ${threads}u) { sum += position(i); }
  sums[thread] = sum; workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half = half >> 1u) { if (thread < half) { sums[thread] += sums[thread + half]; } workgroupBarrier(); }
  let all = sums[0]; let incoming = g_at(0u);
  if (thread == 0u) { loss_put(0u, all.x${mean ? ' / all.y' : ''}); total_put(0u, all.y); }
  for (var i = thread; i < p.n; i += ${threads}u) { gradient(i, incoming${mean ? ' / all.y' : ''}); }
}`),
  }));
  return { kernel, args: [outer, classes, 1, ignored(s.ignore), s.smoothing], groups: 1 };
}

export type PairKind = 'mse' | 'l1' | 'smoothL1' | 'huber' | 'bce' | 'bceWithLogits';

const BETA: readonly WgslParam[] = [{ name: 'beta', type: 'f32' }];

/** `pair_loss(a, b)`, and `pair_slope(a, b)`: ∂/∂a, of the square without its factor 2. */
function pairText(kind: PairKind): string {
  const inner = { mse: 'd', l1: '0f', smoothL1: 'd / p.beta', huber: 'd', bce: '', bceWithLogits: '' }[kind];
  const outer = kind === 'huber' ? 'p.beta' : '1f';
  const loss = {
    mse: 'd * d',
    l1: 's',
    smoothL1: 'select(s - 0.5f * p.beta, s * s * 0.5f / p.beta, s < p.beta)',
    huber: 'select((s - 0.5f * p.beta) * p.beta, s * s * 0.5f, s < p.beta)',
    bce: '(b - 1f) * max_(log1p_(-a), -100f) - b * max_(log_(a), -100f)',
    bceWithLogits: 'max_(a, 0f) - a * b + log1p_(exp_(-abs(a)))',
  }[kind];
  const edges = `if (d ${kind === 'l1' ? '> 0f' : '>= p.beta'}) { return ${outer}; } if (d ${kind === 'l1' ? '< 0f' : '<= -p.beta'}) { return -${outer}; } return ${inner};`;
  const slopes: Partial<Record<PairKind, string>> = {
    mse: 'return d;',
    bce: 'return d / max_((1f - a) * a, 1e-12f);',
    bceWithLogits: 'return sigmoid_(a) - b;',
  };
  const slope = slopes[kind] ?? edges;
  return `fn pair_loss(a: f32, b: f32) -> f32 { let d = a - b; let s = abs(d); return ${loss}; }
fn pair_slope(a: f32, b: f32) -> f32 { let d = a - b; ${slope} }`;
}

/** Each pair's loss: [a, b, y]. */
export function pairLossLaunch(kind: PairKind, n: number, beta: number): WgslLaunch {
  const kernel = wgslKernel(`loss:${kind}`, () => ({
    operands: floats('a', 'b', 'y'),
    params: [{ name: 'n', type: 'u32' }, ...BETA],
    workgroup: WALK_GROUP,
    body: withMath(`${pairText(kind)} fn element(i: u32) { y_put(i, pair_loss(a_at(i), b_at(i))); } ${walkText([])}`),
  }));
  return { kernel, args: [n, beta], groups: walkGroups([], n) };
}

/** The sum of all losses, over `divisor`: a reduction of [a, b]. */
export const pairLossSpec = (kind: PairKind, beta: number, divisor: number): ReduceSpec => ({
  name: `loss:${kind}`,
  inputs: ['float32', 'float32'],
  output: 'float32',
  acc: 'f32',
  identity: '0f',
  map: 'pair_loss(x0, x1)',
  combine: 'a + b',
  finish: 'a / p.divisor',
  params: [...BETA, { name: 'divisor', type: 'f32' }],
  args: [beta, divisor],
  functions: pairText(kind),
});

/** ∂a of every pair: [g, a, b, da]; `each` says that ∂loss comes for each pair. */
export function pairGradLaunch(kind: PairKind, n: number, beta: number, scale: number, each: boolean): WgslLaunch {
  const kernel = wgslKernel(`loss:${kind}Grad${each ? '+each' : ''}`, () => ({
    operands: floats('g', 'a', 'b', 'da'),
    params: [{ name: 'n', type: 'u32' }, ...BETA, { name: 'scale', type: 'f32' }],
    workgroup: WALK_GROUP,
    body: withMath(`${pairText(kind)}
fn element(i: u32) { da_put(i, pair_slope(a_at(i), b_at(i)) * (g_at(${each ? 'i' : '0u'}) * p.scale)); }
${walkText([])}`),
  }));
  return { kernel, args: [n, beta, scale], groups: walkGroups([], n) };
}
