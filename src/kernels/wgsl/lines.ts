/**
 * Kernels along one dimension of contiguous tensors, seen as [outer, size, inner]: a line is the elements of one outer and one inner place.
 *
 * `group` kernels give a line to the threads of a workgroup, `thread` kernels to one thread: short lines, and lines side by side, of which
 * threads then read neighbours together.
 */
import { wgslKernel, wgslType, type GpuDType, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { withMath } from './math.ts';
import { WALK_GROUP, WALK_THREADS, walkGroups, walkText } from './walk.ts';

export interface Lines {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

const THREADS = WALK_THREADS;
const byThread = ({ size, inner, outer }: Lines): boolean => size <= 32 || (inner > 1 && outer * inner >= 256 && size <= 512);

const SIZES: readonly WgslParam[] = ['n', 'size', 'inner'].map((name) => ({ name, type: 'u32' }));

/** What a line kernel's text may use: `base`, the line's first element; `p.inner`, the step; `reduce_max(v)`, `reduce_sum(v)` over the threads of the line; `first`, `skip` to walk it. */
function lineKernel(
  name: string,
  operands: readonly WgslOperand[],
  lines: Lines,
  body: string,
  more: { readonly params?: readonly WgslParam[]; readonly args?: readonly number[] } = {},
): WgslLaunch {
  const single = byThread(lines);
  const n = lines.outer * lines.inner;
  const kernel = wgslKernel(`lines:${name}|${single ? 't' : 'g'}|${operands.map(({ dtype }) => dtype).join()}`, () => ({
    operands,
    params: [...SIZES, ...(more.params ?? [])],
    workgroup: WALK_GROUP,
    body: withMath(single ? threadText(body) : groupText(body)),
  }));
  const args = [n, lines.size, lines.inner, ...(more.args ?? [])];
  return { kernel, args, groups: lines.size === 0 ? 0 : single ? walkGroups([], n) : n };
}

const threadText = (body: string): string => `
fn reduce_max(v: f32) -> f32 { return v; }
fn reduce_sum(v: f32) -> f32 { return v; }
fn element(i: u32) { let first = 0u; let skip = 1u; let base = (i / p.inner) * p.size * p.inner + i % p.inner; ${body} }
${walkText([])}`;

const tree = (name: string, combine: string): string => `fn ${name}(v: f32) -> f32 {
  shared_[me] = v; workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half = half >> 1u) {
    if (me < half) { let a = shared_[me]; let b = shared_[me + half]; shared_[me] = ${combine}; }
    workgroupBarrier();
  }
  let r = workgroupUniformLoad(&shared_[0]); return r;
}`;

const groupText = (body: string): string => `
var<workgroup> shared_: array<f32, ${THREADS}>; var<private> me: u32;
${tree('reduce_max', 'max_(a, b)')}
${tree('reduce_sum', 'a + b')}
fn run(i: u32, local: vec3u, thread: u32) {
  me = thread; let first = thread; let skip = ${THREADS}u; let base = (i / p.inner) * p.size * p.inner + i % p.inner; ${body}
}`;

const EACH = 'for (var j = first; j < p.size; j += skip)';

/** x → y = softmax(x), or its logarithm; operands x, y. */
export function softmaxLaunch(lines: Lines, log: boolean): WgslLaunch {
  const last = log
    ? `let s = m + log_(total); ${EACH} { let at = base + j * p.inner; y_put(at, x_at(at) - s); }`
    : `let s = 1f / total; ${EACH} { let at = base + j * p.inner; y_put(at, exp_(x_at(at) - m) * s); }`;
  return lineKernel(log ? 'logSoftmax' : 'softmax', FLOATS('x', 'y'), lines, `${STATISTICS} ${last}`);
}

const FLOATS = (...names: string[]): WgslOperand[] => names.map((name) => ({ name, dtype: 'float32' }));

const STATISTICS = `
  var top = -inf_(); ${EACH} { top = max_(top, x_at(base + j * p.inner)); }
  let m = reduce_max(top);
  var part = 0f; ${EACH} { part += exp_(x_at(base + j * p.inner) - m); }
  let total = reduce_sum(part);`;

/** softmax with the logarithm of the sum, for losses: operands x, y, m + ln Σ exp(x − m) of every line. */
export const softmaxStatisticsLaunch = (lines: Lines): WgslLaunch =>
  lineKernel(
    'softmaxStatistics',
    FLOATS('x', 'y', 'logs'),
    lines,
    `${STATISTICS}
  let s = 1f / total; ${EACH} { let at = base + j * p.inner; y_put(at, exp_(x_at(at) - m) * s); }
  if (first == 0u) { logs_put(i, m + log_(total)); }`,
  );

/** ln Σ exp x of every line: operands x, y. */
export const logSumExpLaunch = (lines: Lines): WgslLaunch =>
  lineKernel(
    'logSumExp',
    FLOATS('x', 'y'),
    lines,
    `
  var top = -inf_(); ${EACH} { top = max_(top, x_at(base + j * p.inner)); }
  let most = reduce_max(top); let m = select(most, 0f, is_inf(most));
  var part = 0f; ${EACH} { part += exp_(x_at(base + j * p.inner) - m); }
  let total = reduce_sum(part); if (first == 0u) { y_put(i, m + log_(total)); }`,
  );

/** Gradients, of ∂y and y: y·(∂y − Σ ∂y·y), or ∂y − exp(y)·Σ ∂y; operands g, y, dx. */
export function softmaxGradLaunch(lines: Lines, log: boolean): WgslLaunch {
  const share = log ? 'g_at(at)' : 'g_at(at) * y_at(at)';
  const value = log ? 'g_at(at) - exp_(y_at(at)) * total' : 'y_at(at) * (g_at(at) - total)';
  return lineKernel(
    log ? 'logSoftmaxGrad' : 'softmaxGrad',
    FLOATS('g', 'y', 'dx'),
    lines,
    `
  var part = 0f; ${EACH} { let at = base + j * p.inner; part += ${share}; }
  let total = reduce_sum(part); ${EACH} { let at = base + j * p.inner; dx_put(at, ${value}); }`,
  );
}

/**
 * The place of the largest or smallest of each line, the first of equals, NaN before all; operands x, [value,] index. Long lines have a workgroup each, whose
 * threads compare what they found.
 */
export function argExtremeLaunch(dtype: GpuDType, lines: Lines, largest: boolean, withValue: boolean): WgslLaunch {
  const n = lines.outer * lines.inner;
  const single = lines.size <= 256 || n >= 4096;
  const isBytes = dtype === 'uint8' || dtype === 'bool';
  const value: WgslOperand = isBytes ? { name: 'value', dtype, bytes: single ? 'quad' : 'atomic' } : { name: 'value', dtype };
  const operands: WgslOperand[] = [{ name: 'x', dtype }, ...(withValue ? [value] : []), { name: 'index', dtype: 'int64' }];
  const key = `argExtreme:${dtype}${largest ? 'max' : 'min'}${withValue ? 'v' : ''}${single ? 't' : 'g'}`;
  const kernel = wgslKernel(key, () => ({
    operands,
    params: [...SIZES],
    workgroup: WALK_GROUP,
    body: withMath(argExtremeText(dtype, operands, largest, withValue, single)),
  }));
  return { kernel, args: [n, lines.size, lines.inner], groups: single ? walkGroups(operands, n) : n };
}

function argExtremeText(dtype: GpuDType, operands: readonly WgslOperand[], largest: boolean, withValue: boolean, single: boolean): string {
  const type = wgslType(dtype);
  const sign = largest ? '>' : '<';
  const nan = dtype === 'float32';
  const better = `fn better(v: ${type}, best: ${type}) -> bool { return v ${sign} best${nan ? ' || (is_nan(v) && !is_nan(best))' : ''}; }`;
  const put = `${withValue ? 'value_put(i, best);' : ''} index_put(i, i32(at));`;
  const base = 'let base = (i / p.inner) * p.size * p.inner + i % p.inner;';
  if (single) {
    return `${better}
fn element(i: u32) { ${base} var best = x_at(base); var at = 0u;
  for (var j = 1u; j < p.size; j++) { let v = x_at(base + j * p.inner); if (better(v, best)) { best = v; at = j; } }
  ${put} }
${walkText(operands)}`;
  }
  return `${better}
var<workgroup> bests: array<${type}, ${THREADS}>; var<workgroup> places: array<u32, ${THREADS}>;
fn run(i: u32, local: vec3u, thread: u32) { ${base} var best = x_at(base + thread * p.inner); var at = thread;
  for (var j = thread + ${THREADS}u; j < p.size; j += ${THREADS}u) { let v = x_at(base + j * p.inner); if (better(v, best)) { best = v; at = j; } }
  bests[thread] = best; places[thread] = at; workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half = half >> 1u) {
    if (thread < half) { let v = bests[thread + half]; let w = bests[thread];
      if (better(v, w) || (!better(w, v) && places[thread + half] < places[thread])) { bests[thread] = v; places[thread] = places[thread + half]; } }
    workgroupBarrier();
  }
  if (thread == 0u) { best = bests[0]; at = places[0]; ${put} }
}`;
}

/** Running sums; operands x, y. */
export function cumsumLaunch(x: GpuDType, y: GpuDType, lines: Lines, reverse: boolean): WgslLaunch {
  const n = lines.outer * lines.inner;
  const operands: WgslOperand[] = [
    { name: 'x', dtype: x },
    { name: 'y', dtype: y },
  ];
  const type = wgslType(y);
  const kernel = wgslKernel(`cumsum:${x}>${y}${reverse ? 'r' : ''}`, () => ({
    operands,
    params: [...SIZES],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let base = (i / p.inner) * p.size * p.inner + i % p.inner; var sum = ${type}(0);
  for (var k = 0u; k < p.size; k++) { let at = base + ${reverse ? '(p.size - 1u - k)' : 'k'} * p.inner; sum += ${type}(x_at(at)); y_put(at, sum); }
}
${walkText([])}`,
  }));
  return { kernel, args: [n, lines.size, lines.inner], groups: lines.size === 0 ? 0 : walkGroups([], n) };
}

/** Elements at an index along a dimension, zeros elsewhere: the gradient of an extreme along it; operands g, index, dx. */
export function extremeGradLaunch(dtype: GpuDType, lines: Lines): WgslLaunch {
  const n = lines.outer * lines.size * lines.inner;
  const operands: WgslOperand[] = [
    { name: 'g', dtype },
    { name: 'index', dtype: 'int64' },
    { name: 'dx', dtype },
  ];
  const kernel = wgslKernel(`extremeGrad:${dtype}`, () => ({
    operands,
    params: [...SIZES],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let line = (i / (p.size * p.inner)) * p.inner + i % p.inner; let j = (i / p.inner) % p.size;
  var v = ${wgslType(dtype)}(0); if (u32(index_at(line)) == j) { v = g_at(line); } dx_put(i, v);
}
${walkText([])}`,
  }));
  return { kernel, args: [n, lines.size, lines.inner], groups: walkGroups([], n) };
}

/** g · product of the other elements of the line; operands g, x, dx. */
export function prodGradLaunch(lines: Lines): WgslLaunch {
  const n = lines.outer * lines.size * lines.inner;
  const kernel = wgslKernel('prodGrad', () => ({
    operands: FLOATS('g', 'x', 'dx'),
    params: [...SIZES],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let line = (i / (p.size * p.inner)) * p.inner + i % p.inner; let own = (i / p.inner) % p.size;
  let base = (i / (p.size * p.inner)) * p.size * p.inner + i % p.inner; var product = g_at(line);
  for (var j = 0u; j < p.size; j++) { if (j != own) { product *= x_at(base + j * p.inner); } }
  dx_put(i, product);
}
${walkText([])}`,
  }));
  return { kernel, args: [n, lines.size, lines.inner], groups: walkGroups([], n) };
}
