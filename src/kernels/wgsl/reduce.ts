/**
 * Reductions of tensors seen as kept and reduced dimensions, each with sizes and steps: a result per place of the kept ones.
 *
 * Where a result has many elements, the threads of a workgroup share them and add up their parts in a tree (`group`); else each thread makes a
 * result by itself (`thread`), which reads neighbours together where the innermost dimension is kept. Few results of very many elements go through
 * parts: a first launch makes `parts` results of each, a second one reduces those. Sums of floats are float32, but a tree of at least 64 leaves over
 * parts, so that their error grows with the logarithm of the count only. Every order is fixed, so the bits are the same each time.
 */
import { wgslKernel, wgslType, type GpuDType, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { withMath } from './math.ts';
import { result, WALK_GROUP, walkGroups, walkText } from './walk.ts';

const REDUCE_THREADS = 64;
/** A thread of its own for results of at most so many elements. */
const SHORT = 32;
/** Elements of a part, and how few results make parts worth while. */
const PART = 8192;
const FEW = 128;

type Acc = 'f32' | 'i32';

/** What a reduction is, in WGSL. */
export interface ReduceSpec {
  /** Names everything below. */
  readonly name: string;
  /** dtypes of what is read: the tensor, then others of the same sizes with steps of their own. */
  readonly inputs: readonly GpuDType[];
  readonly output: GpuDType;
  /** The type that is added up in. */
  readonly acc: Acc;
  readonly identity: string;
  /** An element's share, of `x0`, `x1`, … in the types that they have in WGSL, and whatever `params` there are. */
  readonly map: string;
  /** Of accumulators `a` and `b`. */
  readonly combine: string;
  /** The result, of the accumulator `a`. */
  readonly finish: string;
  readonly params?: readonly WgslParam[];
  readonly args?: readonly number[];
  /** Functions that the texts call, other than those of `math.ts`. */
  readonly functions?: string;
}

export interface ReduceDim {
  readonly size: number;
  /** For each input, in elements. */
  readonly steps: readonly number[];
}

export interface ReduceWalk {
  /** Outermost first: their order is that of the results. */
  readonly kept: readonly ReduceDim[];
  readonly reduced: readonly ReduceDim[];
}

const count = (dims: readonly ReduceDim[]): number => dims.reduce((n, { size }) => n * size, 1);

/** Neighbours that all inputs pass through in one go are one dimension. */
function merged(dims: readonly ReduceDim[]): ReduceDim[] {
  const list: ReduceDim[] = [];
  for (const dim of dims) {
    if (dim.size === 1) continue;
    const last = list.at(-1);
    if (last?.steps.every((step, k) => step === dim.steps[k]! * dim.size))
      list[list.length - 1] = { size: last.size * dim.size, steps: dim.steps };
    else list.push(dim);
  }
  return list;
}

/** Text that adds to `at_0`, `at_1`, … where index `index` of these dimensions lies. */
function placeText(prefix: string, dims: readonly ReduceDim[], index: string, inputs: number): string {
  let text = `var rest_${prefix} = ${index};`;
  for (let d = dims.length - 1; d >= 0; d--) {
    const i = `i_${prefix}${d}`;
    text += d > 0 ? ` let ${i} = rest_${prefix} % p.${prefix}${d}; rest_${prefix} /= p.${prefix}${d};` : ` let ${i} = rest_${prefix};`;
    for (let k = 0; k < inputs; k++) text += ` at_${k} += ${i} * p.${prefix}${d}_${k};`;
  }
  return text;
}

/** Launches of a reduction: one, or two with `parts` results between them, contiguous [results, parts] in the accumulator's type. */
export interface Reduction {
  readonly first: WgslLaunch;
  /** Elements of the parts between them, 0 where there is one launch. */
  readonly between: number;
  readonly second?: WgslLaunch;
}

/** Operands of `first` are the inputs and the output or what is between; of `second` that and the output. */
export function reduction(spec: ReduceSpec, walk: ReduceWalk): Reduction {
  const kept = merged(walk.kept);
  const reduced = merged(walk.reduced);
  const [results, elements] = [count(walk.kept), count(walk.reduced)];
  const parts = results > 0 && results < FEW && elements >= 2 * PART ? Math.min(Math.ceil(elements / PART), 256) : 1;
  if (parts === 1) return { first: launch(spec, kept, reduced, 1), between: 0 };
  const type: GpuDType = spec.acc === 'f32' ? 'float32' : 'int32';
  const partial: ReduceSpec = { ...spec, name: `${spec.name}:parts`, output: type, finish: 'a' };
  const combining: ReduceSpec = { ...spec, name: `${spec.name}:whole`, inputs: [type], map: 'x0' };
  const between: ReduceWalk = { kept: [{ size: results, steps: [parts] }], reduced: [{ size: parts, steps: [1] }] };
  return {
    first: launch(partial, kept, reduced, parts),
    between: results * parts,
    second: launch(combining, between.kept, between.reduced, 1),
  };
}

function launch(spec: ReduceSpec, kept: readonly ReduceDim[], reduced: readonly ReduceDim[], parts: number): WgslLaunch {
  const inputs = spec.inputs.length;
  const [results, elements] = [count(kept), count(reduced)];
  const perPart = Math.ceil(elements / parts);
  const innerKept = kept.length > 0 && Math.abs(kept.at(-1)!.steps[0]!) === 1 && results >= 256;
  const byThread = perPart <= SHORT || (innerKept && perPart <= 512);
  const params: WgslParam[] = [
    { name: 'n', type: 'u32' },
    { name: 'elements', type: 'u32' },
    { name: 'parts', type: 'u32' },
    { name: 'per', type: 'u32' },
  ];
  const args = [results * parts, elements, parts, perPart];
  for (const [prefix, dims] of [
    ['k', kept],
    ['r', reduced],
  ] as const) {
    dims.forEach(({ size, steps }, d) => {
      if (d > 0) {
        params.push({ name: `${prefix}${d}`, type: 'u32' });
        args.push(size);
      }
      for (let k = 0; k < inputs; k++) {
        params.push({ name: `${prefix}${d}_${k}`, type: 'u32' });
        args.push(steps[k]!);
      }
    });
  }
  const operands: WgslOperand[] = [
    ...spec.inputs.map((dtype, k) => ({ name: `x${k}_`, dtype })),
    byThread ? result('y', spec.output) : written('y', spec.output),
  ];
  const key = `reduce:${spec.name}|${spec.inputs.join()}>${spec.output}|${kept.length}/${reduced.length}|${byThread ? 't' : 'g'}`;
  const kernel = wgslKernel(key, () => ({
    operands,
    params: [...params, ...(spec.params ?? [])],
    workgroup: WALK_GROUP,
    body: withMath(bodyText(spec, kept, reduced, operands, byThread)),
  }));
  const groups = byThread ? walkGroups(operands, results * parts) : results * parts;
  return { kernel, args: [...args, ...(spec.args ?? [])], groups };
}

/** A result of one byte that one thread of a group writes by itself. */
const written = (name: string, dtype: GpuDType): WgslOperand =>
  dtype === 'uint8' || dtype === 'bool' ? { name, dtype, bytes: 'atomic' } : { name, dtype };

function bodyText(
  spec: ReduceSpec,
  kept: readonly ReduceDim[],
  reduced: readonly ReduceDim[],
  operands: readonly WgslOperand[],
  byThread: boolean,
): string {
  const inputs = spec.inputs.length;
  const each = <T>(make: (k: number) => T): T[] => Array.from({ length: inputs }, (_, k) => make(k));
  const type = spec.acc;
  const base = each((k) => `base_${k}: u32`).join(', ');
  const given = each((k) => `base_${k}`).join(', ');
  const share = `${spec.functions ?? ''}
fn share(r: u32, ${base}) -> ${type} {
  ${each((k) => `var at_${k} = base_${k};`).join(' ')} ${placeText('r', reduced, 'r', inputs)}
  ${each((k) => `let x${k} = x${k}__at(at_${k});`).join(' ')} return ${spec.map};
}
fn combine(a: ${type}, b: ${type}) -> ${type} { return ${spec.combine}; }
fn finish(a: ${type}) -> ${wgslType(spec.output)} { return ${spec.finish}; }`;
  const begin = `${each((k) => `var at_${k} = 0u;`).join(' ')} ${placeText('k', kept, 'i / p.parts', inputs)}
  ${each((k) => `let base_${k} = at_${k};`).join(' ')}
  let start = (i % p.parts) * p.per; let end = min(start + p.per, p.elements); var sum: ${type} = ${spec.identity};`;
  if (byThread) {
    return `${share}
fn element(i: u32) { ${begin}
  for (var r = start; r < end; r++) { sum = combine(sum, share(r, ${given})); }
  y_put(i, finish(sum));
}
${walkText(operands)}`;
  }
  return `${share}
var<workgroup> sums: array<${type}, ${REDUCE_THREADS}>;
fn run(i: u32, local: vec3u, thread: u32) { ${begin}
  for (var r = start + thread; r < end; r += ${REDUCE_THREADS}u) { sum = combine(sum, share(r, ${given})); }
  sums[thread] = sum; workgroupBarrier();
  for (var half = ${REDUCE_THREADS / 2}u; half > 0u; half = half >> 1u) {
    if (thread < half) { sums[thread] = combine(sums[thread], sums[thread + half]); }
    workgroupBarrier();
  }
  if (thread == 0u) { y_put(i, finish(sums[0])); }
}`;
}

// ——— The reductions there are

export type ReduceName = 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all' | 'nansum' | 'norm1' | 'norm2' | 'squares';

const asFloat = (dtype: GpuDType, x = 'x0'): string => (dtype === 'float32' ? x : `f32(${x})`);
const asInt = (dtype: GpuDType, x = 'x0'): string => (dtype === 'uint8' || dtype === 'bool' ? `i32(${x})` : x);
const truth = (dtype: GpuDType): string =>
  dtype === 'float32' ? 'truth(x0)' : dtype === 'uint8' || dtype === 'bool' ? 'x0 != 0u' : 'x0 != 0';

/** The accumulator as the output's functions take it. */
const out = (output: GpuDType, a = 'a'): string => (output === 'uint8' || output === 'bool' ? `u32(${a})` : a);

/** @param n elements of a result */
export function reduceSpec(name: ReduceName, input: GpuDType, output: GpuDType, n: number): ReduceSpec {
  const isFloat = output === 'float32';
  const own = { inputs: [input], output } as const;
  const sum = {
    ...own,
    acc: isFloat ? 'f32' : 'i32',
    identity: isFloat ? '0f' : '0',
    map: isFloat ? asFloat(input) : asInt(input),
    combine: 'a + b',
  } as const;
  switch (name) {
    case 'sum':
      return { ...sum, name, finish: out(output) };
    case 'nansum':
      return { ...sum, name, map: input === 'float32' ? 'select(x0, 0f, is_nan(x0))' : sum.map, finish: out(output) };
    case 'norm1':
      return { ...sum, name, map: 'abs(x0)', finish: 'a' };
    case 'squares':
      return { ...sum, name, map: 'x0 * x0', finish: 'a' };
    case 'norm2':
      return { ...sum, name, map: 'x0 * x0', finish: 'sqrt(a)' };
    case 'mean':
      return { ...sum, name, finish: 'a / p.count', params: [{ name: 'count', type: 'f32' }], args: [n] };
    case 'prod':
      return { ...sum, name, identity: isFloat ? '1f' : '1', combine: 'a * b', finish: out(output) };
    case 'amax':
    case 'amin': {
      const most = name === 'amax' ? 'max' : 'min';
      if (input === 'float32') {
        return { ...own, name, acc: 'f32', identity: name === 'amax' ? '-inf_()' : 'inf_()', map: 'x0', combine: `${most}_(a, b)`, finish: 'a' }; // prettier-ignore
      }
      const identity = name === 'amax' ? 'bitcast<i32>(0x80000000u)' : '0x7fffffff';
      return { ...own, name, acc: 'i32', identity, map: asInt(input), combine: `${most}(a, b)`, finish: out(output) };
    }
    case 'any':
      return { ...own, name, acc: 'i32', identity: '0', map: `select(0, 1, ${truth(input)})`, combine: 'a | b', finish: out(output) };
    case 'all':
      return { ...own, name, acc: 'i32', identity: '1', map: `select(0, 1, ${truth(input)})`, combine: 'a & b', finish: out(output) };
  }
}

/** Σ (x - mean)², divided by `count`, and the root of that; the second input is the means. */
export const varianceSpec = (countLess: number, root: boolean): ReduceSpec => ({
  name: root ? 'std' : 'var',
  inputs: ['float32', 'float32'],
  output: 'float32',
  acc: 'f32',
  identity: '0f',
  map: '(x0 - x1) * (x0 - x1)',
  combine: 'a + b',
  finish: root ? 'sqrt(a / max(p.count, 0f))' : 'a / max(p.count, 0f)',
  params: [{ name: 'count', type: 'f32' }],
  args: [countLess],
});
