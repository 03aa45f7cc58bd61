/**
 * Indexing. What reads by indices goes through the results; what writes by indices goes through the elements that may be written, each of which looks for
 * itself among the indices: so several indices of one element are taken in their order, and the bits are the same each time.
 *
 * An index out of range is reported (`fault`, two int64: whether, and which) and read as 0.
 */
import { isByte, wgslKernel, wgslType, type GpuDType, type WgslArg, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { walkPlaces, type Walk } from './elementwise.ts';
import { withMath } from './math.ts';
import type { Lines } from './lines.ts';
import { result, WALK_GROUP, walkGroups, walkText } from './walk.ts';

const u32 = (...names: readonly string[]): WgslParam[] => names.map((name) => ({ name, type: 'u32' }));
const FAULT: WgslOperand = { name: 'fault', dtype: 'int64' };
const INDEX: WgslOperand = { name: 'index', dtype: 'int64' };

/** `checked(v)`: an index, from the front; with `wraps`, negative ones count from the end. */
const checkedText = (wraps: boolean): string => `fn checked(v: i32) -> u32 {
  ${wraps ? 'let at = select(v, v + i32(p.size), v < 0);' : 'let at = v;'}
  if (at < 0 || at >= i32(p.size)) { fault_put(1u, v); fault_put(0u, 1); return 0u; }
  return u32(at);
}`;

/** Reports indices out of [0, size) other than `ignore`: [index, fault]; dense. */
export function indexCheckLaunch(n: number, size: number, ignore: number): WgslLaunch {
  const kernel = wgslKernel('index:check', () => ({
    operands: [INDEX, FAULT],
    params: [...u32('n', 'size'), { name: 'ignore_', type: 'i32' }],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) { let v = index_at(i); if (v != p.ignore_ && (v < 0 || v >= i32(p.size))) { fault_put(1u, v); fault_put(0u, 1); } } ${walkText([])}`,
  }));
  return {
    kernel,
    args: [n, Math.min(size, 2 ** 31 - 1), ignore === (ignore | 0) ? ignore : -1],
    groups: walkGroups([], n),
  };
}

/** out = checked index · step, or adds that: [index, out, fault]; dense. */
export function ravelLaunch(n: number, size: number, step: number, first: boolean, wraps: boolean): WgslLaunch {
  const kernel = wgslKernel(`index:ravel${first ? '' : '+'}${wraps ? 'w' : ''}`, () => ({
    operands: [INDEX, { name: 'y', dtype: 'int64' }, FAULT],
    params: u32('n', 'size', 'step'),
    workgroup: WALK_GROUP,
    body: `${checkedText(wraps)}
fn element(i: u32) { y_put(i, ${first ? '' : 'y_at(i) + '}i32(checked(index_at(i)) * p.step)); } ${walkText([])}`,
  }));
  return { kernel, args: [n, size, step], groups: walkGroups([], n) };
}

/** y[o, j, i] = x[o, index[j], i]: [x, index, y, fault]; x is [outer, size, inner], dense. */
export function indexSelectLaunch(dtype: GpuDType, { outer, size, inner }: Lines, count: number, wraps: boolean): WgslLaunch {
  const operands = [{ name: 'x', dtype }, INDEX, result('y', dtype), FAULT];
  const n = outer * count * inner;
  const kernel = wgslKernel(`index:select:${dtype}${wraps ? 'w' : ''}`, () => ({
    operands,
    params: u32('n', 'size', 'inner', 'count'),
    workgroup: WALK_GROUP,
    body: `${checkedText(wraps)}
fn element(i: u32) {
  let at = checked(index_at((i / p.inner) % p.count));
  y_put(i, x_at(((i / (p.inner * p.count)) * p.size + at) * p.inner + i % p.inner));
}
${walkText(operands)}`,
  }));
  return { kernel, args: [n, size, inner, count], groups: walkGroups(operands, n) };
}

/** What becomes of an element that is indexed: the last source, the sum with all of them, or with zero in place of the element. */
export type Put = 'copy' | 'add' | 'gradient' | 'prod' | 'amax' | 'amin';

/** The statement that puts a value to `v`; NaN wins. */
function putText(what: Put, value: string, isFloat: boolean): string {
  if (what === 'copy') return `v = ${value};`;
  if (what === 'prod') return `v *= ${value};`;
  if (what === 'add' || what === 'gradient') return `v += ${value};`;
  return `let s_ = ${value}; if (s_ ${what === 'amax' ? '>' : '<'} v${isFloat ? ' || is_nan(s_)' : ''}) { v = s_; }`;
}

/** y = x with slices put: [x (not for gradients), index, source, y, fault]; y is [outer, size, inner], dense. */
export function indexPutLaunch(dtype: GpuDType, { outer, size, inner }: Lines, count: number, what: Put, wraps: boolean): WgslLaunch {
  const operands = [...(what === 'gradient' ? [] : [{ name: 'x', dtype }]), INDEX, { name: 'source', dtype }, result('y', dtype), FAULT];
  const n = outer * size * inner;
  const kernel = wgslKernel(`index:put:${what}:${dtype}${wraps ? 'w' : ''}`, () => ({
    operands,
    params: u32('n', 'size', 'inner', 'count'),
    workgroup: WALK_GROUP,
    body: withMath(`${checkedText(wraps)}
fn element(i: u32) {
  let own = (i / p.inner) % p.size; let base = (i / (p.inner * p.size)) * p.count;
  var v = ${what === 'gradient' ? `${wgslType(dtype)}(0)` : 'x_at(i)'};
  for (var j = 0u; j < p.count; j++) {
    if (checked(index_at(j)) == own) { ${putText(what, 'source_at((base + j) * p.inner + i % p.inner)', wgslType(dtype) === 'f32')} }
  }
  y_put(i, v);
}
${walkText(operands)}`),
  }));
  return { kernel, args: [n, size, inner, count], groups: walkGroups(operands, n) };
}

/**
 * The same where there are fewer indices than elements that they may be of; y is x, or zeros, already: [index, source, y, fault]. Of several indices of one
 * element, the first does all the work.
 */
export function indexPutFewLaunch(dtype: GpuDType, { outer, size, inner }: Lines, count: number, what: Put, wraps: boolean): WgslLaunch {
  const y: WgslOperand = isByte(dtype) ? { name: 'y', dtype, bytes: 'atomic' } : { name: 'y', dtype };
  const n = outer * count * inner;
  const kernel = wgslKernel(`index:few:${what}:${dtype}${wraps ? 'w' : ''}`, () => ({
    operands: [INDEX, { name: 'source', dtype }, y, FAULT],
    params: u32('n', 'size', 'inner', 'count'),
    workgroup: WALK_GROUP,
    body: withMath(`${checkedText(wraps)}
fn element(i: u32) {
  let own = (i / p.inner) % p.count; let o = i / (p.inner * p.count); let at = checked(index_at(own));
  for (var j = 0u; j < own; j++) { if (checked(index_at(j)) == at) { return; } }
  let to = (o * p.size + at) * p.inner + i % p.inner; var v = y_at(to);
  for (var j = own; j < p.count; j++) {
    if (checked(index_at(j)) == at) { ${putText(what, 'source_at((o * p.count + j) * p.inner + i % p.inner)', wgslType(dtype) === 'f32')} }
  }
  y_put(to, v);
}
${walkText([])}`),
  }));
  return { kernel, args: [n, size, inner, count], groups: walkGroups([], n) };
}

/**
 * y = x at index along a dimension: [x, index, y, fault]. The walk is over the indices, of the three operands, x's step along the dimension
 * being 0 there and `step` here; `size` is x's size along it.
 */
export function gatherLaunch(dtype: GpuDType, walk: Walk, size: number, step: number, wraps: boolean): WgslLaunch {
  const text = walkPlaces(walk);
  const y: WgslOperand = isByte(dtype)
    ? { name: 'y', dtype, bytes: text.accesses[2] === 'dense' ? 'quad' : 'atomic' }
    : { name: 'y', dtype };
  const operands = [{ name: 'x', dtype }, INDEX, y, FAULT];
  const n = walk.sizes.reduce((product, one) => product * one, 1);
  const kernel = wgslKernel(`index:gather:${dtype}${wraps ? 'w' : ''}|${text.key}`, () => ({
    operands,
    params: [...u32('n', 'size', 'step_x'), ...text.params],
    workgroup: WALK_GROUP,
    body: `${checkedText(wraps)}
fn element(i: u32) { ${text.before} let at = checked(index_at(${text.places[1]!})); y_put(${text.places[2]!}, x_at(${text.places[0]!} + at * p.step_x)); }
${walkText(operands)}`,
  }));
  return { kernel, args: [n, size, step, ...text.args], groups: walkGroups(operands, n) };
}

/** A tensor y of `shape`, dense, and an index tensor of as many dimensions, no larger but along `axis`, with a source of the same shape. */
export interface ScatterWalk {
  readonly shape: readonly number[];
  readonly indexShape: readonly number[];
  readonly indexSteps: readonly number[];
  readonly sourceSteps: readonly number[];
  readonly axis: number;
}

/** y = x with elements put at index along the axis: [x (not for gradients), index, source (not with a number), y, fault]. */
export function scatterLaunch(dtype: GpuDType, walk: ScatterWalk, what: Put, wraps: boolean, number?: WgslArg): WgslLaunch {
  const { shape, indexShape, indexSteps, sourceSteps, axis } = walk;
  const rank = shape.length;
  const hasNumber = number !== undefined;
  const operands = [
    ...(what === 'gradient' ? [] : [{ name: 'x', dtype }]),
    INDEX,
    ...(hasNumber ? [] : [{ name: 'source', dtype }]),
    result('y', dtype),
    FAULT,
  ];
  const dims = [...Array(rank).keys()];
  const others = dims.filter((d) => d !== axis);
  const n = shape.reduce((product, size) => product * size, 1);
  const type = wgslType(dtype);
  const value = hasNumber ? (type === 'u32' ? 'u32(p.number)' : 'p.number') : 'source_at(s + j * p.source_step)';
  const kernel = wgslKernel(`index:scatter:${what}:${dtype}${hasNumber ? 'n' : ''}${wraps ? 'w' : ''}|${rank}:${axis}`, () => ({
    operands,
    params: [
      ...u32(
        'n',
        'size',
        'count',
        'index_step',
        'source_step',
        ...dims.map((d) => `d${d}`),
        ...others.flatMap((d) => [`m${d}`, `i${d}`, `s${d}`]),
      ),
      ...(hasNumber ? [{ name: 'number', type: type === 'f32' ? ('f32' as const) : ('i32' as const) }] : []),
    ],
    workgroup: WALK_GROUP,
    body: withMath(`${checkedText(wraps)}
fn element(i: u32) {
  var rest = i; ${[...dims]
    .reverse()
    .map((d) => `let c${d} = rest % p.d${d}; rest /= p.d${d};`)
    .join(' ')}
  var v = ${what === 'gradient' ? `${type}(0)` : 'x_at(i)'};
  if (${others.map((d) => `c${d} < p.m${d}`).join(' && ') || 'true'}) {
    let at = ${others.map((d) => `c${d} * p.i${d}`).join(' + ') || '0u'}; let s = ${others.map((d) => `c${d} * p.s${d}`).join(' + ') || '0u'};
    for (var j = 0u; j < p.count; j++) { if (checked(index_at(at + j * p.index_step)) == c${axis}) { ${putText(what, value, type === 'f32')} } }
  }
  y_put(i, v);
}
${walkText(operands)}`),
  }));
  const args: WgslArg[] = [n, shape[axis]!, indexShape[axis]!, indexSteps[axis]!, sourceSteps[axis]!, ...shape, ...others.flatMap((d) => [indexShape[d]!, indexSteps[d]!, sourceSteps[d]!])]; // prettier-ignore
  return { kernel, args: hasNumber ? [...args, number] : args, groups: walkGroups(operands, n) };
}

/** What lies on one side of a diagonal, zeros on the other: [x, y], dense, planes of rows × columns. */
export function triangleLaunch(dtype: GpuDType, n: number, rows: number, columns: number, diagonal: number, upper: boolean): WgslLaunch {
  const operands = [{ name: 'x', dtype }, result('y', dtype)];
  const kernel = wgslKernel(`index:tri${upper ? 'u' : 'l'}:${dtype}`, () => ({
    operands,
    params: [...u32('n', 'rows', 'columns'), { name: 'diagonal', type: 'i32' }],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) {
  let d = i32(i % p.columns) - i32((i / p.columns) % p.rows); var v = ${wgslType(dtype)}(0);
  if (d ${upper ? '>=' : '<='} p.diagonal) { v = x_at(i); } y_put(i, v);
}
${walkText(operands)}`,
  }));
  return { kernel, args: [n, rows, columns, diagonal], groups: walkGroups(operands, n) };
}

/** [x, y]: 1 at the class, else 0; dense. Classes out of range are for `indexCheckLaunch`. */
export function oneHotLaunch(n: number, classes: number): WgslLaunch {
  const kernel = wgslKernel('index:oneHot', () => ({
    operands: [
      { name: 'x', dtype: 'int64' },
      { name: 'y', dtype: 'int64' },
    ],
    params: u32('n', 'classes'),
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) { y_put(i, select(0, 1, x_at(i / p.classes) == i32(i % p.classes))); } ${walkText([])}`,
  }));
  return { kernel, args: [n * classes, classes], groups: walkGroups([], n * classes) };
}

const lessText = (dtype: GpuDType): string => {
  const type = wgslType(dtype);
  return `fn less(a: ${type}, b: ${type}) -> bool { return a < b${dtype === 'float32' ? ' || (is_nan(b) && !is_nan(a))' : ''}; }`;
};

/** Elements that are sorted by counting. */
export const SORT_BLOCK = 512;

/**
 * Stable sorting of blocks of {@link SORT_BLOCK} along a dimension: [x, values, indices], dense; `kept` elements of each line are written, which may only be
 * fewer than all where a line is one block. Every element counts how many of its block stand before it; NaN counts as the largest.
 */
export function sortBlocksLaunch(dtype: GpuDType, { outer, size, inner }: Lines, kept: number, descending: boolean): WgslLaunch {
  const values: WgslOperand = isByte(dtype) ? { name: 'values', dtype, bytes: 'atomic' } : { name: 'values', dtype };
  const n = outer * size * inner;
  const before = descending ? 'less(v, w)' : 'less(w, v)';
  const kernel = wgslKernel(`index:sort:${dtype}${descending ? 'd' : 'a'}`, () => ({
    operands: [{ name: 'x', dtype }, values, { name: 'indices', dtype: 'int64' }],
    params: u32('n', 'size', 'inner', 'kept'),
    workgroup: WALK_GROUP,
    body: withMath(`${lessText(dtype)}
fn element(i: u32) {
  let own = (i / p.inner) % p.size; let line = i / (p.inner * p.size); let base = line * p.size * p.inner + i % p.inner; let v = x_at(i);
  let start = own - own % ${SORT_BLOCK}u; var place = start;
  for (var j = start; j < min(start + ${SORT_BLOCK}u, p.size); j++) { let w = x_at(base + j * p.inner);
    if (${before} || (j < own && !less(v, w) && !less(w, v))) { place++; } }
  if (place < p.kept) { let at = (line * p.kept + place) * p.inner + i % p.inner; values_put(at, v); indices_put(at, i32(own)); }
}
${walkText([])}`),
  }));
  return { kernel, args: [n, size, inner, kept], groups: walkGroups([], n) };
}

/**
 * Merges sorted runs of `run` elements, two by two: [values, indices, merged values, merged indices]; the last merge writes the first `kept` of each line.
 * An element goes as many places beyond its own as elements of the other run stand before it, which halving finds.
 */
export function sortMergeLaunch(
  dtype: GpuDType,
  { outer, size, inner }: Lines,
  run: number,
  kept: number,
  descending: boolean,
): WgslLaunch {
  const merged: WgslOperand = isByte(dtype) ? { name: 'y', dtype, bytes: 'atomic' } : { name: 'y', dtype };
  const n = outer * size * inner;
  // Of the other run, those stand before that are less, and if it is the first of the two, those that are equal, too.
  const before = descending ? 'less(v, w)' : 'less(w, v)';
  const notAfter = descending ? '!less(w, v)' : '!less(v, w)';
  const kernel = wgslKernel(`index:merge:${dtype}${descending ? 'd' : 'a'}`, () => ({
    operands: [{ name: 'x', dtype }, { name: 'from_', dtype: 'int64' }, merged, { name: 'to_', dtype: 'int64' }],
    params: u32('n', 'size', 'inner', 'kept', 'length'),
    workgroup: WALK_GROUP,
    body: withMath(`${lessText(dtype)}
fn element(i: u32) {
  let own = (i / p.inner) % p.size; let line = i / (p.inner * p.size); let base = line * p.size * p.inner + i % p.inner; let v = x_at(i);
  let pair = own - own % (2u * p.length); let second = own - pair >= p.length;
  let start = select(min(pair + p.length, p.size), pair, second); let end = select(min(pair + 2u * p.length, p.size), pair + p.length, second);
  var low = start; var high = end;
  while (low < high) { let middle = (low + high) / 2u; let w = x_at(base + middle * p.inner);
    var is_before = ${before}; if (second) { is_before = ${notAfter}; }
    if (is_before) { low = middle + 1u; } else { high = middle; } }
  let place = select(own, own - p.length, second) + (low - start);
  if (place < p.kept) { let at = (line * p.kept + place) * p.inner + i % p.inner; y_put(at, v); to__put(at, from__at(i)); }
}
${walkText([])}`),
  }));
  return { kernel, args: [n, size, inner, kept, run], groups: walkGroups([], n) };
}
