/**
 * Kernels of operations that work element by element, from their formulas. Each operand is walked in one of three ways: `dense`, in the order of
 * the elements; `one`, a single element for all; `strided`, by sizes and steps given with the launch.
 */
import { formulasOf, type ElementwiseOperand, type ElementwiseSpec } from '../formula/elementwise.ts';
import { isByte, wgslKernel, wgslType, type GpuDType, type WgslLaunch, type WgslArg, type WgslOperand, type WgslParam } from './kernel.ts';
import { converted, formulaText, typeOf } from './formula.ts';
import { withMath } from './math.ts';
import { WALK_GROUP, walkGroups, walkText } from './walk.ts';

/** Sizes of dimensions, and for each operand, inputs before outputs, its step in every one of them, in elements. */
export interface Walk {
  readonly sizes: readonly number[];
  readonly steps: readonly (readonly number[])[];
}

/** A walk with as few dimensions as possible: those of size 1 go, neighbours that all operands pass through in one go are merged. */
export function merged({ sizes, steps }: Walk): Walk {
  const dims: { size: number; steps: number[] }[] = [];
  sizes.forEach((size, i) => {
    if (size === 1) return;
    const own = steps.map((operand) => operand[i]!);
    const last = dims.at(-1);
    if (last !== undefined && last.steps.every((step, k) => step === own[k]! * size)) {
      last.size *= size;
      last.steps = own;
    } else dims.push({ size, steps: own });
  });
  return { sizes: dims.map(({ size }) => size), steps: steps.map((_, k) => dims.map((dim) => dim.steps[k]!)) };
}

export type Access = 'dense' | 'one' | 'strided';

function accessOf(sizes: readonly number[], steps: readonly number[]): Access {
  if (steps.every((step) => step === 0)) return 'one';
  let expected = 1;
  for (let i = sizes.length - 1; i >= 0; i--) {
    if (steps[i] !== expected) return 'strided';
    expected *= sizes[i]!;
  }
  return 'dense';
}

/** How operands are read and written in a walk: what kernels of walks share. */
export interface WalkText {
  /** Part of the kernel's key. */
  readonly key: string;
  /** Where each operand's element `i` lies; they need `before`. */
  readonly places: readonly string[];
  readonly before: string;
  readonly params: readonly WgslParam[];
  readonly args: readonly number[];
  readonly accesses: readonly Access[];
}

export function walkPlaces(walk: Walk): WalkText {
  const { sizes, steps } = merged(walk);
  const accesses = steps.map((own) => accessOf(sizes, own));
  const isStrided = accesses.includes('strided');
  const params: WgslParam[] = [];
  const args: number[] = [];
  const add = (name: string, value: number): void => {
    params.push({ name, type: 'u32' });
    args.push(value);
  };
  let before = '';
  if (isStrided) {
    for (let d = 1; d < sizes.length; d++) add(`d${d}`, sizes[d]!);
    before = 'var rest = i;';
    for (let d = sizes.length - 1; d > 0; d--) before += ` let c${d} = rest % p.d${d}; rest /= p.d${d};`;
    before += ' let c0 = rest;';
  }
  const places = accesses.map((access, k) => {
    if (access !== 'strided') return access === 'dense' ? 'i' : '0u';
    const terms = steps[k]!.flatMap((step, d) => {
      if (step === 0) return [];
      add(`s${k}_${d}`, step);
      return [`c${d} * p.s${k}_${d}`];
    });
    return terms.join(' + ');
  });
  const shown = accesses.map((access, k) => (access === 'strided' ? steps[k]!.map((s) => (s === 0 ? '0' : 's')).join('') : access[0]));
  return { key: shown.join(','), places, before, params, args, accesses };
}

/** An operand's element as a formula of type `as` sees it. */
export function loaded(name: string, { dtype, as }: ElementwiseOperand, place: string): string {
  const at = `${name}_at(${place})`;
  const type = wgslType(dtype as GpuDType);
  if (type === 'u32') return as === 'bool' ? `(${at} != 0u)` : typeOf(as) === 'f32' ? `f32(${at})` : `i32(${at})`;
  return converted(at, type, as);
}

/** A value of type `as` as the operand's functions take it. */
export function stored({ dtype, as }: ElementwiseOperand, value: string): string {
  const type = wgslType(dtype as GpuDType);
  if (type !== 'u32') return converted(value, as, type);
  if (dtype === 'bool') return `select(0u, 1u, ${converted(value, as, 'bool')})`;
  return as === 'bool' ? `select(0u, 1u, ${value})` : `bitcast<u32>(${converted(value, as, 'i32')})`;
}

/** Of several results in bytes, only one can have its words made by a thread each: others may lie otherwise in theirs. */
const outputOperand = (name: string, dtype: GpuDType, quad: boolean): WgslOperand =>
  isByte(dtype) ? { name, dtype, bytes: quad ? 'quad' : 'atomic' } : { name, dtype };

/** The launch of an elementwise operation; operands are its inputs, then its outputs. `scalars` are its numbers. */
export function elementwiseLaunch(spec: ElementwiseSpec, walk: Walk, scalars: readonly WgslArg[]): WgslLaunch {
  const text = walkPlaces(walk);
  const n = walk.sizes.reduce((product, size) => product * size, 1);
  const { inputs, outputs } = spec;
  const shown = (list: readonly ElementwiseOperand[]): string => list.map(({ dtype, as }) => `${dtype}:${as}`).join();
  const quad = outputs.findIndex(({ dtype }, k) => isByte(dtype) && text.accesses[inputs.length + k] === 'dense');
  const operands: WgslOperand[] = [
    ...inputs.map(({ dtype }, k): WgslOperand => ({ name: `x${k}`, dtype: dtype as GpuDType })),
    ...outputs.map(({ dtype }, k) => outputOperand(`y${k}`, dtype as GpuDType, k === quad)),
  ];
  const key = `elementwise:${spec.name}|${shown(inputs)}>${shown(outputs)}|${text.key}`;
  const kernel = wgslKernel(key, () => {
    const numbers = spec.scalars.map((type, k): WgslParam => ({ name: `n${k}`, type: typeOf(type) === 'f32' ? 'f32' : 'i32' }));
    const { statements, values } = formulaText(formulasOf(spec), {
      input: (k) => `v${k}`,
      scalar: (k, type) => (typeOf(type) === 'bool' ? `(p.n${k} != 0)` : `p.n${k}`),
    });
    const loads = inputs.map((operand, k) => `let v${k} = ${loaded(`x${k}`, operand, text.places[k]!)};`);
    const stores = outputs.map((operand, k) => `y${k}_put(${text.places[inputs.length + k]!}, ${stored(operand, values[k]!)});`);
    const element = `fn element(i: u32) { ${text.before} ${loads.join(' ')} ${statements} ${stores.join(' ')} }`;
    return {
      operands,
      params: [{ name: 'n', type: 'u32' }, ...text.params, ...numbers],
      workgroup: WALK_GROUP,
      body: withMath(`${element}\n${walkText(operands)}`),
    };
  });
  return { kernel, args: [n, ...text.args, ...scalars], groups: walkGroups(operands, n) };
}
